"""Token counts: exact with a vocabulary, estimated without, and the same wherever they stand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import small_vocabulary

from kimi_emulator import Emulator, Reply

pytest.importorskip("tiktoken", reason='needs pip install "kimi-integrations[tokenizer]"')

from kimi_api.tokens.tokenizer import KimiTokenizer
from kimi_emulator.platform.vocabulary import Vocabulary

TEXTS = ("hello world", "月亮说hello", "return functions(user);", "", "  \n\n x", "12345 it's", "naïve \ud83d half")


@pytest.fixture
def vocabulary(tmp_path: Path) -> Path:
    return small_vocabulary.write(tmp_path / "tiktoken.model")


@pytest.fixture
def exact(vocabulary: Path) -> Iterator[Emulator]:
    with Emulator(vocabulary=vocabulary) as kimi:
        yield kimi


def post(kimi: Emulator, path: str, body: dict[str, Any]) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {kimi.api_key}"}
    answer = httpx.post(f"{kimi.base_url}{path}", json=body, headers=headers, trust_env=False, timeout=10)
    assert answer.status_code == 200, answer.text
    return answer.json()


def chat(kimi: Emulator, text: str, **more: Any) -> dict[str, Any]:
    return post(
        kimi, "/chat/completions", {"model": "kimi-k2.6", "messages": [{"role": "user", "content": text}], **more}
    )


@pytest.mark.parametrize("text", TEXTS[:-1])
def test_a_text_has_the_tokens_of_the_vocabulary(vocabulary: Path, text: str) -> None:
    assert Vocabulary(vocabulary).encode(text) == KimiTokenizer.from_file(vocabulary).encode(text)


@pytest.mark.skipif(not small_vocabulary.REAL.exists(), reason="the real vocabulary is not at hand")
def test_the_real_vocabulary_gives_the_same_ids_in_client_and_emulator() -> None:
    one, other = Vocabulary(small_vocabulary.REAL), KimiTokenizer.from_file(small_vocabulary.REAL)
    long = "word 12 " * 8_000 + "x" * 60_000
    for text in (*TEXTS[:-1], "The quick brown fox; 机器学习很有趣。", long):
        assert one.encode(text) == other.encode(text)


@pytest.mark.parametrize("text", TEXTS)
def test_a_cut_text_is_a_beginning_of_so_many_tokens(vocabulary: Path, text: str) -> None:
    words = Vocabulary(vocabulary)
    for tokens in range(words.count(text) + 2):
        piece = words.cut(text, tokens)
        assert text.startswith(piece)
        assert words.count(piece) <= tokens


def test_usage_counts_the_answer_exactly(exact: Emulator, vocabulary: Path) -> None:
    exact.script(Reply(reasoning="hello hello", content="hello world 月亮"))
    usage = chat(exact, "hello")["usage"]
    words = Vocabulary(vocabulary)
    assert usage["completion_tokens_details"]["reasoning_tokens"] == words.count("hello hello")
    closing = usage["completion_tokens"] - words.count("hello hello") - words.count("hello world 月亮")
    assert 0 <= closing <= 3


def test_one_more_word_is_one_more_token_in_usage_and_in_the_estimate(exact: Emulator) -> None:
    def count_both(text: str) -> tuple[int, int]:
        body = {"model": "kimi-k2.6", "messages": [{"role": "user", "content": text}]}
        estimated = post(exact, "/tokenizers/estimate-token-count", body)["data"]["total_tokens"]
        return chat(exact, text)["usage"]["prompt_tokens"], estimated

    before, after = count_both("hello"), count_both("hello world")
    assert before[0] == before[1]
    assert after == (before[0] + 1, before[1] + 1)


def test_the_prefix_cache_counts_in_the_same_tokens(exact: Emulator) -> None:
    long = "hello world " * 400
    first = chat(exact, long)["usage"]
    again = chat(exact, long)["usage"]
    assert again["cached_tokens"] == first["prompt_tokens"]
    longer = chat(exact, long + "and so on")["usage"]
    assert longer["cached_tokens"] % 256 == 0
    assert 256 <= longer["cached_tokens"] <= first["prompt_tokens"]


def test_a_limit_on_the_output_is_kept_exactly(exact: Emulator, vocabulary: Path) -> None:
    exact.script(Reply(reasoning="", content="hello world " * 50))
    answer = chat(exact, "hello", max_completion_tokens=20, thinking={"type": "disabled"})
    assert answer["choices"][0]["finish_reason"] == "length"
    assert Vocabulary(vocabulary).count(answer["choices"][0]["message"]["content"]) == 20


def test_two_emulators_count_each_in_its_own_way(exact: Emulator) -> None:
    text = "functions return " * 40
    with Emulator() as estimating:
        exact_count = chat(exact, text)["usage"]["prompt_tokens"]
        assert chat(estimating, text)["usage"]["prompt_tokens"] != exact_count
    assert chat(exact, text)["usage"]["prompt_tokens"] == exact_count


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "cannot be read"), ("version https://git-lfs\n", "line 1"), ("AA== 0\n", "256 single bytes")],
)
def test_a_file_that_is_no_vocabulary_is_refused_with_a_way_out(
    tmp_path: Path, content: str | None, message: str
) -> None:
    path = tmp_path / "tiktoken.model"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ValueError, match=message) as caught:
        Emulator(vocabulary=path)
    assert "tiktoken.model" in str(caught.value)
