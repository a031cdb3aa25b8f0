"""Counting tokens: the endpoint and its cache, a vocabulary, the estimate, and whole prompts."""

from __future__ import annotations

import base64
import copy
import json
import pickle
import random
import struct
import subprocess
import sys
import threading
import time
import zlib
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import small_vocabulary
from token_samples import FORMAL, PROSE

from kimi_api import KimiClient, KimiInputError, KimiReplyError, KimiTokenizer
from kimi_api.catalog import get_model_spec
from kimi_api.tokens import (
    EstimatedTokens,
    _count,
    aestimate,
    as_tokenizer,
    count_messages,
    count_text,
    estimate,
    estimate_text,
    forget_estimates,
)
from kimi_api.tokens._images import UNKNOWN_IMAGE, UNKNOWN_VIDEO, image_size, image_tokens
from kimi_api.tokens._tool_text import as_json, as_typescript
from kimi_emulator import Emulator

USER = {"role": "user", "content": "hello world"}
CALL = {"id": "get_tides_0", "type": "function", "function": {"name": "get_tides", "arguments": '{"days":1}'}}
TOOL = {
    "type": "function",
    "function": {
        "name": "get_tides",
        "description": "High waters.",
        "parameters": {"type": "object", "properties": {"days": {"type": "integer"}}, "required": ["days"]},
    },
}
SEARCH = {"type": "builtin_function", "function": {"name": "$web_search"}}

needs_real = pytest.mark.skipif(not small_vocabulary.REAL.exists(), reason="the real vocabulary is not on this machine")


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    forget_estimates()
    _count._counts.clear()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> KimiTokenizer:
    return KimiTokenizer.from_file(small_vocabulary.write(tmp_path_factory.mktemp("vocabulary") / "tiktoken.model"))


# ------------------------------------------------------------------------------------------------- the endpoint


def estimates(kimi: Emulator) -> list[Any]:
    return [request for request in kimi.requests if request.path.endswith("/estimate-token-count")]


def test_the_platform_counts(ways: Any, client: KimiClient, kimi: Emulator) -> None:
    count = ways.call(estimate, aestimate, client, "kimi-k3", [USER])
    assert estimates(kimi)[0].json == {"model": "kimi-k3", "messages": [USER]}
    assert count > 80  # K3's hidden instructions are in it
    assert ways.call(estimate, aestimate, client, "kimi-k2.6", [USER]) < count


def test_the_same_question_is_asked_once(ways: Any, client: KimiClient, kimi: Emulator) -> None:
    first = ways.call(estimate, aestimate, client, "kimi-k3", [USER])
    assert ways.call(estimate, aestimate, client, "kimi-k3", [dict(USER)]) == first
    assert len(estimates(kimi)) == 1
    ways.call(estimate, aestimate, client, "kimi-k3", [{**USER, "content": "hello world!"}])
    ways.call(estimate, aestimate, client, "kimi-k2.6", [USER])
    assert len(estimates(kimi)) == 3


def test_the_cache_is_bounded(client: KimiClient, kimi: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    from kimi_api import tokens

    monkeypatch.setattr(tokens, "_KEPT", 2)
    for text in "abc":
        estimate(client, "kimi-k3", [{"role": "user", "content": text}])
    assert len(tokens._answers) == 2
    estimate(client, "kimi-k3", [{"role": "user", "content": "c"}])
    assert len(estimates(kimi)) == 3
    estimate(client, "kimi-k3", [{"role": "user", "content": "a"}])  # the oldest was given up
    assert len(estimates(kimi)) == 4


def test_another_host_is_another_question(client: KimiClient, raw: Any, raw_client: KimiClient, kimi: Emulator) -> None:
    raw.say(raw.http(200, {"data": {"total_tokens": 7}}))
    assert estimate(client, "kimi-k3", [USER]) != 7
    assert estimate(raw_client, "kimi-k3", [USER]) == 7


@pytest.mark.parametrize("body", [{}, {"data": None}, {"data": {"total_tokens": "9"}}, [], {"data": {}}])
def test_an_answer_without_a_count_is_an_error_and_not_kept(
    ways: Any, raw: Any, raw_client: KimiClient, body: Any
) -> None:
    raw.say(raw.http(200, body, headers={"Msh-Request-Id": "r-1"}), raw.http(200, {"data": {"total_tokens": 5}}))
    with pytest.raises(KimiReplyError, match="without a count of tokens") as caught:
        ways.call(estimate, aestimate, raw_client, "kimi-k3", [USER])
    assert caught.value.request_id == "r-1"
    assert ways.call(estimate, aestimate, raw_client, "kimi-k3", [USER]) == 5


def test_no_messages_are_refused_before_sending(ways: Any, client: KimiClient, kimi: Emulator) -> None:
    with pytest.raises(KimiInputError, match="at least one message"):
        ways.call(estimate, aestimate, client, "kimi-k3", [])
    assert not estimates(kimi)


def test_the_servers_refusal_comes_through(ways: Any, client: KimiClient) -> None:
    from kimi_api import KimiNotFoundError

    with pytest.raises(KimiNotFoundError):
        ways.call(estimate, aestimate, client, "kimi-nonesuch", [USER])


# ------------------------------------------------------------------------------------------------- a vocabulary


def test_text_becomes_ids_and_text_again(small: KimiTokenizer) -> None:
    ranks = small_vocabulary.ranks()
    assert small.encode("hello world") == [ranks[b"hello"], ranks[b" world"]] == small("hello world")
    assert small.encode("月亮") == [ranks["月亮".encode()]]
    assert small.count("") == 0
    for text in [*PROSE.values(), *FORMAL.values(), "\x00\ufffd\U0010ffff", " \n\t  "]:
        assert small.decode(small.encode(text)) == text


def test_ids_follow_the_readme(small: KimiTokenizer) -> None:
    base = len(small_vocabulary.ranks())
    assert small.size == base + 256
    names = small.special_tokens
    assert names["[BOS]"] == base
    assert names["<|im_end|>"] == base + 2
    assert names["<|im_middle|>"] == base + 17
    assert names["<|media_begin|>"] == base + 18
    assert small.decode([names["<|im_user|>"]]) == "<|im_user|>"


def test_marks_in_a_text_are_text(small: KimiTokenizer) -> None:
    assert len(small.encode("<|im_end|>")) == len("<|im_end|>")


def test_a_token_never_spans_what_the_pattern_splits(tmp_path: Path) -> None:
    spanning = ("1234", "说a", "ab!", "a b", "it's", "\n\nx")
    vocabulary = KimiTokenizer.from_file(small_vocabulary.write(tmp_path / "v", small_vocabulary.ranks(spanning)))
    assert vocabulary.count("it's") == 1  # a contraction stays with its word
    assert vocabulary.count("123") == 1
    assert {text: vocabulary.count(text) for text in spanning if text != "it's"} == {
        "1234": 2,
        "说a": 2,
        "ab!": 2,
        "a b": 3,
        "\n\nx": 2,
    }


def test_long_runs_are_cut_where_the_open_tokenizer_cuts(small: KimiTokenizer) -> None:
    from kimi_api.tokens.tokenizer import _pieces

    text = "a" * 60_000 + " " + "b" * 25_000 + " " * 30_000 + "c"
    pieces = list(_pieces(text))
    assert "".join(pieces) == text
    assert [len(piece) for piece in pieces] == [25_000, 25_000, 10_000 + 1 + 25_000 + 25_000, 5_000 + 1]
    assert list(_pieces("ab " * 200_000)) == ["ab " * 133_333 + "a", "b " + "ab " * 66_666]
    assert small.decode(small.encode(text)) == text


def test_a_run_without_blanks_takes_no_more_than_its_share(small: KimiTokenizer) -> None:
    text = "x" * 200_000
    begun = time.process_time()
    assert small.count(text) == 200_000
    assert time.process_time() - begun < 5


def test_copies_and_pickles(small: KimiTokenizer, tmp_path: Path) -> None:
    assert copy.deepcopy(small) is small
    assert copy.copy(small) is small
    assert pickle.loads(pickle.dumps(small)) is small  # the same file, read once a process
    assert len(pickle.dumps(small)) < 1_000
    other = KimiTokenizer.from_file(small_vocabulary.write(tmp_path / "v", small_vocabulary.ranks(["hi"])))
    assert other != small
    assert {small, other} == {other, KimiTokenizer.from_file(small.path)}
    assert small.path in repr(small)


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = small_vocabulary.write(tmp_path / "v")
    assert KimiTokenizer.from_file(path).count("hello") == 1
    small_vocabulary.write(path, small_vocabulary.ranks(["nothing"]))
    assert KimiTokenizer.from_file(path).count("hello") == 5


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "line 1 is not a token"),
        (b"aGVsbG8= 0\nnot base64! 1\n", "line 2 is not a token"),
        (b"aGVsbG8= 0\nd29ybGQ= 5\n", "do not run from 0"),
        (b"aGVsbG8= 0\n", "256 of the 256 single bytes"),
        (b"", "256 of the 256 single bytes"),
    ],
)
def test_a_file_that_is_no_vocabulary_says_why(tmp_path: Path, content: bytes, rule: str) -> None:
    path = tmp_path / "v"
    path.write_bytes(content)
    with pytest.raises(KimiInputError, match=rule) as caught:
        KimiTokenizer.from_file(path)
    assert str(path) in str(caught.value)
    assert "hub" in caught.value.remedy


def test_a_file_that_is_not_there_says_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(KimiInputError, match="No such file") as caught:
        KimiTokenizer.from_file(tmp_path / "none")
    assert "from_hub" in caught.value.remedy


@pytest.mark.parametrize("tokens", [[10**6], [-1], ["a"]])
def test_ids_that_do_not_exist(small: KimiTokenizer, tokens: list[Any]) -> None:
    with pytest.raises(KimiInputError, match="ids go from 0 to"):
        small.decode(tokens)


def test_the_hub_is_asked_only_by_from_hub(small: KimiTokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[dict[str, Any]] = []
    hub = ModuleType("huggingface_hub")

    def hf_hub_download(**arguments: Any) -> str:
        calls.append(arguments)
        return small.path

    hub.hf_hub_download = hf_hub_download  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    count_text("hello", small)
    assert not calls
    assert KimiTokenizer.from_hub() == small
    KimiTokenizer.from_hub("moonshotai/Kimi-K2.6", revision="abc", token="t")
    assert calls == [
        {"repo_id": "moonshotai/Kimi-K2-Instruct", "filename": "tiktoken.model", "revision": None, "token": None},
        {"repo_id": "moonshotai/Kimi-K2.6", "filename": "tiktoken.model", "revision": "abc", "token": "t"},
    ]


@pytest.mark.parametrize("package", ["huggingface_hub", "tiktoken"])
def test_a_missing_package_names_the_extra(package: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    file = small_vocabulary.write(tmp_path / "v")
    load = KimiTokenizer.from_hub if package == "huggingface_hub" else lambda: KimiTokenizer.from_file(file)
    with pytest.raises(KimiInputError, match=package) as caught:
        load()
    assert 'pip install "kimi-integrations[tokenizer]"' in caught.value.remedy


def test_counting_loads_neither_tiktoken_nor_the_sdk() -> None:
    code = (
        "import sys\nfrom kimi_api.tokens import count_messages\n"
        "count_messages([{'role': 'user', 'content': 'hello'}])\n"
        "print([n for n in ('tiktoken', 'openai', 'huggingface_hub', 'httpx') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_what_may_be_a_tokenizer(small: KimiTokenizer) -> None:
    class Encoding:
        def encode(self, text: str) -> list[int]:
            return [1, 2]

    class Transformers(Encoding):
        def __call__(self, text: str) -> dict[str, list[int]]:
            return {"input_ids": [1, 2]}

    assert as_tokenizer(None) is None
    assert as_tokenizer(small) is small
    assert as_tokenizer(small.path) == small == as_tokenizer(Path(small.path))
    assert as_tokenizer(str.split) is str.split
    assert as_tokenizer(EstimatedTokens()) == EstimatedTokens()
    for candidate in (Encoding(), Transformers()):
        tokenize = as_tokenizer(candidate)
        assert tokenize is not None
        assert tokenize("x") == [1, 2]
    with pytest.raises(KimiInputError, match="it is a KimiTokenizer"):
        as_tokenizer(3)


# ------------------------------------------------------------------------------------------------- the estimate


def test_nothing_is_nothing_and_anything_is_something() -> None:
    assert estimate_text("") == 0
    for text in (" ", "a", "\n", "月", "🎉", "\ud800"):
        assert estimate_text(text) >= 1


def test_blanks_and_line_breaks_count() -> None:
    assert 1_000 < estimate_text(" " * 300_000) < 3_000  # 1,188 with the vocabulary
    assert estimate_text("\n " * 10_000) > 2_500
    assert estimate_text("a\n\nb") <= estimate_text("a\nb") + 1


# Counted with the vocabulary of github.com/MoonshotAI/Kimi-Vendor-Verifier on 2026-11-22.
EXACT = {
    "english": 101, "german": 107, "french": 102, "spanish": 107, "polish": 144, "russian": 137, "greek": 130,
    "arabic": 115, "hebrew": 116, "hindi": 168, "thai": 144, "chinese": 71, "traditional": 101, "japanese": 104,
    "korean": 123, "python": 149, "javascript": 97, "json": 130, "schema": 87, "markdown": 113, "numbers": 128,
    "log": 123, "base64": 53, "emoji": 39,
}  # fmt: skip


@pytest.mark.parametrize("kind", EXACT)
def test_the_estimate_is_near_in_every_script(kind: str) -> None:
    error = estimate_text({**PROSE, **FORMAL}[kind]) / EXACT[kind] - 1
    assert abs(error) < (0.35 if kind == "traditional" else 0.20)


def test_the_estimate_grows_with_the_text() -> None:
    text = "".join([*PROSE.values(), *FORMAL.values()])
    sizes = [estimate_text(text[:end]) for end in range(0, len(text), 97)]
    assert all(after >= before - 2 for before, after in pairwise(sizes))


@pytest.mark.parametrize(
    "text",
    [
        "a" * 300_000,
        " " * 300_000,
        "\n " * 150_000,
        "!" * 300_000,
        "aB" * 150_000,
        "月" * 300_000,
        "\r" * 300_000,
        "\u3000" * 300_000,
    ],
)
def test_no_text_is_slow(text: str) -> None:
    begun = time.process_time()
    estimate_text(text)
    assert time.process_time() - begun < 2


def test_a_stand_in_for_a_tokenizer_has_the_right_length() -> None:
    stand_in = EstimatedTokens()
    assert len(stand_in("hello world")) == len(stand_in.encode("hello world")) == estimate_text("hello world")
    assert stand_in.count("hello world") == estimate_text("hello world")
    assert stand_in == pickle.loads(pickle.dumps(stand_in))
    assert hash(stand_in) == hash(EstimatedTokens())


# ------------------------------------------------------------------------------------------------- counts are kept


def test_a_text_is_measured_once() -> None:
    seen: list[str] = []

    def tokenizer(text: str) -> list[str]:
        seen.append(text)
        return text.split()

    long = "word " * 1_000
    for _ in range(3):
        assert count_text("two words", tokenizer) == 2
        assert count_text(long, tokenizer) == 1_000
    assert seen == ["two words", long]
    assert count_text("two words", str.splitlines) == 1  # another tokenizer, another count
    assert all(len(key) <= 512 for _, key in _count._counts)  # long texts themselves are not kept


def test_what_is_kept_is_bounded_and_safe_in_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_count, "_KEPT", 50)
    wrong: list[str] = []

    def work(seed: int) -> None:
        chosen = random.Random(seed)
        for _ in range(2_000):
            text = "x " * chosen.randrange(200)
            if count_text(text, str.split) != len(text.split()):
                wrong.append(text)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(_count._counts) <= 50


def test_a_tokenizer_that_cannot_be_hashed_works() -> None:
    class Unhashable:
        __hash__ = None  # type: ignore[assignment]

        def __call__(self, text: str) -> list[str]:
            return text.split()

    assert count_text("one two three", Unhashable()) == 3


# ------------------------------------------------------------------------------------------------- whole prompts


def words(text: str) -> list[str]:
    """One token per word; the frames of messages then stand out."""
    return text.split()


def test_a_frame_stands_around_each_message() -> None:
    # <|im_user|> user <|im_middle|> hello world <|im_end|>, <|im_assistant|> assistant <|im_middle|> <think>
    assert count_messages([USER], model="kimi-k2.6", tokenizer=words) == 3 + 1 + 2 + 3 + 1
    assert count_messages([USER], model="kimi-k2.6", tokenizer=words, thinking=False) == 3 + 1 + 2 + 3 + 2
    assert count_messages([USER], model="kimi-k2.6", tokenizer=words, overhead=False) == 3 + 1 + 2
    assert count_messages([], model="kimi-k3") == 0


def test_the_first_k2_models_put_a_system_message_in_front() -> None:
    plain = count_messages([USER], model="kimi-k2-0905-preview", tokenizer=words)
    assert plain == (3 + 1 + 2) + (3 + 1 + 10) + 3
    own = [{"role": "system", "content": "Be brief."}, USER]
    assert count_messages(own, model="kimi-k2-0905-preview", tokenizer=words) == (3 + 1 + 2) + (3 + 1 + 2) + 3


def test_k31_counts_as_k3() -> None:
    assert count_messages([USER], model="kimi-k3.1-pro", tokenizer=words) == count_messages([USER], tokenizer=words)


@pytest.mark.parametrize("model", ["kimi-k3", "kimi-k2.6", "kimi-k2.7-code"])
def test_thinking_counts(model: str) -> None:
    bare = {"role": "assistant", "content": "hello"}
    thought = {**bare, "reasoning_content": "many words of thought"}
    turns = [USER, bare, USER]
    with_thought = count_messages([USER, thought, USER], model=model, tokenizer=words)
    assert with_thought == count_messages(turns, model=model, tokenizer=words) + 4
    # vLLM's name for it
    other = [USER, {**bare, "reasoning": "many words of thought"}, USER]
    assert count_messages(other, model=model, tokenizer=words) == with_thought


def test_thinking_of_earlier_turns_can_be_left_out_as_k26_does() -> None:
    thought = {"role": "assistant", "content": "hello", "reasoning_content": "many words of thought"}
    calling = {**thought, "content": "", "tool_calls": [CALL]}
    result = {"role": "tool", "tool_call_id": "get_tides_0", "content": "none"}

    def tokens_dropped(messages: list[dict[str, Any]]) -> int:
        return count_messages(messages, model="kimi-k2.6", tokenizer=words) - count_messages(
            messages, model="kimi-k2.6", tokenizer=words, keep_thinking=False
        )

    assert tokens_dropped([USER, thought, USER]) == 4
    assert tokens_dropped([USER, calling, result]) == 0  # a tool loop needs its own
    assert tokens_dropped([USER, thought, USER, calling, result]) == 4


def test_models_that_do_not_think_do_not_count_thinking() -> None:
    thought = {"role": "assistant", "content": "hello", "reasoning_content": "many words of thought"}
    assert count_messages([USER, thought], model="moonshot-v1-8k", tokenizer=words) == (3 + 1 + 2) + (3 + 1 + 1) + 3


def test_calls_and_results_count_under_the_platforms_ids() -> None:
    calling = {"role": "assistant", "content": "", "tool_calls": [{**CALL, "id": "a very long id of ours"}]}
    result = {"role": "tool", "tool_call_id": "a very long id of ours", "content": "06:42 1.53"}
    alone = count_messages([USER, calling], model="kimi-k2.6", tokenizer=words, overhead=False)
    assert alone == (3 + 1 + 2) + (3 + 1 + 2) + 2 + (3 + 1 + 1)
    both = count_messages([USER, calling, result], model="kimi-k2.6", tokenizer=words, overhead=False)
    assert both == alone + 3 + 1 + 4 + 2  # ## Return of functions.get_tides:0
    assert count_messages([result], tokenizer=words, overhead=False) > 3  # also without the call


def test_the_built_in_search_counts_what_it_found() -> None:
    arguments = '{"search_result":{"search_id":"x"},"usage":{"total_tokens":7946}}'
    call = {"id": "t", "type": "builtin_function", "function": {"name": "$web_search", "arguments": arguments}}
    messages = [
        USER,
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "t", "content": arguments},
    ]
    assert 7_946 < count_messages(messages, tokenizer=words, overhead=False) < 8_060
    broken = [*messages[:2], {**messages[2], "content": "not json"}]
    assert count_messages(broken, tokenizer=words, overhead=False) < 120


def test_tools_count() -> None:
    plain = count_messages([USER], model="kimi-k2.6")
    assert count_messages([USER], [TOOL], model="kimi-k2.6") == (
        plain + 3 + count_text("tool_declare") + count_text(as_typescript([TOOL]))
    )
    assert count_messages([USER], [SEARCH], model="kimi-k2.6") == plain  # as in a recorded prompt
    assert count_messages((), [TOOL], model="kimi-k2.6") > 0


def test_efforts_formats_and_demands_are_not_in_the_prompt_of_k2() -> None:
    plain = count_messages([USER], model="kimi-k2.6", tokenizer=words)
    more: dict[str, Any] = {"response_format": {"type": "json_object"}, "reasoning_effort": "low"}
    assert count_messages([USER], model="kimi-k2.6", tokenizer=words, tool_choice="required", **more) == plain


def test_a_partial_message_is_the_opening_of_the_answer() -> None:
    partial = {"role": "assistant", "content": "hello", "partial": True}
    whole = [USER, partial]
    assert count_messages(whole, model="moonshot-v1-8k", tokenizer=words) == (3 + 1 + 2) + (3 + 1 + 1) - 1


def test_content_in_parts_counts_as_its_text() -> None:
    parts = [{"type": "text", "text": "hel"}, {"type": "text", "text": "lo world"}]
    in_parts = {"role": "user", "content": parts}
    k2, k3 = ({"model": model, "tokenizer": words, "overhead": False} for model in ("kimi-k2.6", "kimi-k3"))
    assert count_messages([in_parts], **k2) == count_messages([USER], **k2)
    assert count_messages([in_parts], **k3) == count_messages([USER], **k3) + 1  # no token spans two parts
    for content in (None, "", []):
        assert count_messages([{"role": "user", "content": content}], **k2) == 4
        assert count_messages([{"role": "user", "content": content}], **k3) == 11


def test_counting_changes_nothing_and_needs_no_order() -> None:
    calling = {"role": "assistant", "content": None, "reasoning_content": "x", "tool_calls": [CALL]}
    messages = [USER, calling, {"role": "tool", "tool_call_id": "get_tides_0", "name": "get_tides", "content": "1"}]
    before = json.dumps(messages)
    forwards = count_messages(messages, [TOOL])
    assert count_messages(messages[::-1], [TOOL]) == forwards
    assert json.dumps(messages) == before
    parts = sum(count_messages([message], overhead=False) for message in messages)
    assert count_messages(messages, overhead=False) == parts


def test_a_history_of_200_messages_counts_in_a_millisecond() -> None:
    messages = [
        {"role": "user" if n % 2 else "assistant", "content": f"message {n} " + "word " * 100} for n in range(200)
    ]
    count_messages(messages)
    begun = time.process_time()
    for _ in range(100):
        count_messages(messages)
    assert (time.process_time() - begun) / 100 < 0.005


# ------------------------------------------------------------------------------------------------- pictures


def png(width: int, height: int) -> bytes:
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))


def jpeg(width: int, height: int) -> bytes:
    preview = b"\xff\xe1" + struct.pack(">H", 2 + 6_000) + bytes(6_000)
    return b"\xff\xd8" + preview + b"\xff\xc2" + struct.pack(">HBHHB", 17, 8, height, width, 3) + bytes(20)


def heic(width: int, height: int) -> bytes:
    def box(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", 8 + len(content)) + kind + content

    extent = box(b"ispe", bytes(4) + struct.pack(">II", width, height))
    association = box(b"ipma", bytes(4) + struct.pack(">IHBB", 1, 1, 1, 1))
    properties = box(b"iprp", box(b"ipco", extent) + association)
    primary = box(b"pitm", bytes(4) + struct.pack(">H", 1))
    return box(b"ftyp", b"heic" + bytes(4) + b"mif1heic") + box(b"meta", bytes(4) + primary + properties)


PICTURES = {
    "png": png(640, 480),
    "jpeg": jpeg(640, 480),
    "gif": b"GIF89a" + struct.pack("<HH", 640, 480) + bytes(8),
    "bmp": b"BM" + bytes(16) + struct.pack("<ii", 640, -480),
    "webp vp8x": b"RIFF\0\0\0\0WEBPVP8X" + bytes(8) + (639).to_bytes(3, "little") + (479).to_bytes(3, "little"),
    "webp vp8": b"RIFF\0\0\0\0WEBPVP8 " + bytes(10) + struct.pack("<HH", 640, 480) + bytes(8),
    "heic": heic(640, 480),
    "webp vp8l": b"RIFF\0\0\0\0WEBPVP8L" + bytes(4) + b"\x2f" + (639 | 479 << 14).to_bytes(4, "little") + bytes(8),
}


def data_url(raw: bytes) -> str:
    return "data:image/x;base64," + base64.b64encode(raw).decode()


@pytest.mark.parametrize("kind", PICTURES)
def test_the_size_of_a_picture_is_read_from_its_head(kind: str) -> None:
    assert image_size(data_url(PICTURES[kind])) == (640, 480)


@pytest.mark.parametrize(
    "url",
    [
        "ms://file-1",
        "https://example.org/x.png",
        "data:image/png;base64,",
        "data:image/png;base64,!!!!",
        data_url(b"x" * 40),
    ]
    + [data_url(raw[: len(raw) // 4]) for raw in (png(9, 9), jpeg(9, 9))]
    + [data_url(b'\n<svg width="9" height="9"/>'), data_url(png(0, 9)), "data:image/png,plain", ""],
)
def test_a_picture_of_unknown_size(url: str) -> None:
    assert image_size(url) is None
    message = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}
    assert count_messages([message], tokenizer=words, overhead=False) == 11 + 5 + UNKNOWN_IMAGE


def test_a_picture_costs_a_token_for_28_by_28_pixels_up_to_a_limit() -> None:
    k2, k3 = get_model_spec("kimi-k2.6").template, get_model_spec("kimi-k3").template
    assert image_tokens(1, 1, k2) == 1
    assert image_tokens(28, 28, k2) == 1
    assert image_tokens(29, 28, k2) == 2
    assert image_tokens(640, 480, k2) == 23 * 18
    assert 4_000 < image_tokens(20_000, 20_000, k2) <= 4_356
    assert 16_000 < image_tokens(20_000, 20_000, k3) <= 16_900
    assert image_tokens(10**6, 1, k2) == 256
    picture = {"role": "user", "content": [{"type": "image_url", "image_url": data_url(PICTURES["png"])}]}
    assert count_messages([picture], model="kimi-k2.6", tokenizer=words, overhead=False) == 3 + 1 + 5 + 23 * 18
    # K3 is also told the size, in words
    assert count_messages([picture], model="kimi-k3", tokenizer=words, overhead=False) == 11 + 5 + 23 * 18 + 1


def test_a_video_is_a_guess() -> None:
    message = {
        "role": "user",
        "content": [{"type": "video_url", "video_url": {"url": "ms://v"}}, {"type": "text", "text": "a b"}],
    }
    assert count_messages([message], tokenizer=words, overhead=False) == 11 + UNKNOWN_VIDEO + 2


# ------------------------------------------------------------------------------------------------- declared tools


def test_typescript_declarations() -> None:
    schema = {
        "type": "object",
        "properties": {
            "unit": {"type": "string", "enum": ["m", "ft"], "default": "m"},
            "station": {"type": "string", "description": "Name\nor id", "maxLength": 40, "minLength": 1},
            "days": {"type": "integer", "minimum": 1, "maximum": 14},
            "tags": {"type": "array", "items": {"type": "string", "description": "one"}},
            "near": {"$ref": "#/$defs/Point"},
            "flag": {"type": ["boolean", "null"]},
            "either": {"anyOf": [{"type": "number"}, {"type": "null"}]},
            "free": {},
            "list": {"type": "array"},
        },
        "required": ["station"],
        "additionalProperties": False,
        "$defs": {"Point": {"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"]}},
    }
    tool = {"type": "function", "function": {"name": "get_tides", "description": "High waters.", "parameters": schema}}
    assert as_typescript([SEARCH, tool]) == (
        "# Tools\n\n## functions\nnamespace functions {\n"
        "interface Point {\n  x: number\n}\n"
        "// High waters.\n"
        "type get_tides = (_: {\n"
        "  // Name\n  // or id\n  // maxLength: 40, minLength: 1\n  station: string,\n"
        "  // maximum: 14, minimum: 1\n  days?: number,\n"
        "  either?: number | null,\n"
        "  flag?: boolean | null,\n"
        "  free?: any,\n"
        "  list?: Array<any>,\n"
        "  near?: Point,\n"
        "  tags?: Array<\n    // one\n    string\n  >,\n"
        '  // Default: "m"\n  unit?: "m" | "ft",\n'
        "  [k: string]: never\n"
        "}) => any;\n}\n"
    )


def test_a_schema_that_contains_itself_and_odd_ones() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#"}, "no": False}}
    text = as_typescript([{"function": {"name": "walk", "parameters": node}}])
    assert "interface parameters {\n  next?: parameters,\n  no?: null\n}\ntype walk = (_: parameters) => any;" in text
    assert as_typescript([]) == as_typescript([SEARCH]) == as_json([SEARCH]) == ""
    for odd in (None, "text", [], {"type": "object", "properties": None}):
        assert "type f = (_: {}) => any;" in as_typescript([{"function": {"name": "f", "parameters": odd}}])
    assert json.loads(as_json([TOOL, SEARCH])) == [TOOL]


# ------------------------------------------------------------------------------------------------- the real vocabulary


@pytest.fixture(scope="module")
def real() -> KimiTokenizer:
    return KimiTokenizer.from_file(small_vocabulary.REAL)


@needs_real
def test_the_real_vocabulary(real: KimiTokenizer) -> None:
    assert real.size == 163_584 + 256
    assert real.special_tokens["<|im_middle|>"] == 163_601
    counted = {kind: real.count(text) for kind, text in {**PROSE, **FORMAL}.items()}
    assert counted == EXACT


@needs_real
def test_a_recorded_prompt_of_k25(real: KimiTokenizer) -> None:
    recorded = small_vocabulary.REAL.parent.parent / "wire" / "k25_web_search_round1.json"
    exchange = json.loads(recorded.read_text("utf-8"))
    request, usage = exchange["request"], exchange["response_body"]["usage"]
    counted = count_messages(
        request["messages"], request["tools"], model=request["model"], tokenizer=real, thinking=False
    )
    assert counted == usage["prompt_tokens"] == 178
