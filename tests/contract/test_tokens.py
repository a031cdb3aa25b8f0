"""Counting tokens: on this machine, with thinking and tools; by a vocabulary; and by the platform, when asked."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import small_vocabulary
from contract_kit import Adapter, Call, Chat, assistant, result, user

from kimi_api import KimiInputError, KimiTokenizer
from kimi_api.tokens import count_messages, estimate_text, forget_estimates
from kimi_emulator import Emulator

Make = Callable[..., Chat]
THOUGHT = "the Moon pulls at the sea " * 10


def get_tides(day: str) -> str:
    """When high water is on a day."""
    return "06:42"


@pytest.fixture
def vocabulary(tmp_path: Path) -> KimiTokenizer:
    return KimiTokenizer.from_file(small_vocabulary.write(tmp_path / "tiktoken.model"))


def turns(count: int, thought: str | None = None) -> list[Any]:
    history: list[Any] = []
    for number in range(count):
        call = Call("get_tides", {"day": "Friday"}, f"call-{number}")
        history += [user(f"Question {number}?"), assistant("", call, reasoning=thought), result(call, "06:42")]
        history.append(assistant(f"Answer {number}.", reasoning=thought))
    return history


@pytest.mark.parametrize("model", ["kimi-k3", "kimi-k2.6"])
def test_thinking_calls_and_tools_count_and_nobody_is_asked(kimi: Emulator, adapter: Adapter, model: str) -> None:
    chat = adapter.make(model=model)
    plain, thinking = chat.count(turns(3, "")), chat.count(turns(3, THOUGHT))
    assert thinking - plain == 6 * estimate_text(THOUGHT)
    assert chat.count([message for message in turns(3, "") if not message.calls and message.role != "tool"]) < plain
    assert chat.count(turns(3, ""), [get_tides]) > plain + 20
    assert kimi.requests == []


def test_both_adapters_count_alike(adapter: Adapter) -> None:
    wire = [{"role": "user", "content": "When is high water?"}]
    assert adapter.make().count("When is high water?") == count_messages(wire)


def test_thinking_switched_off_opens_another_way(adapter: Adapter) -> None:
    on = adapter.make(model="kimi-k2.6").count("hi")
    for off in ("disabled", False, {"type": "disabled"}):
        assert adapter.make(model="kimi-k2.6", thinking=off).count("hi") == on + 1


def test_the_models_own_effort_and_format_are_in_the_prompt(adapter: Adapter) -> None:
    plain = adapter.make().count("hi")
    assert adapter.make(reasoning_effort="low").count("hi") == plain + 1
    assert adapter.make(response_format={"type": "json_object"}).count("hi") == plain + 47
    assert adapter.make(model="kimi-k2.6", response_format={"type": "json_object"}).count("hi") == (
        adapter.make(model="kimi-k2.6").count("hi")
    )


def test_a_vocabulary_makes_counts_exact(adapter: Adapter, vocabulary: KimiTokenizer) -> None:
    wire = [{"role": "user", "content": "hello world"}]
    for tokenizer in (vocabulary, vocabulary.path, Path(vocabulary.path)):
        counted = adapter.make(tokenizer=tokenizer).count("hello world")
        assert counted == count_messages(wire, tokenizer=vocabulary)


@pytest.mark.parametrize("tokenizer", [3, "no/such/file"])
def test_what_is_no_tokenizer_is_refused_at_once(adapter: Adapter, tokenizer: object) -> None:
    with pytest.raises(KimiInputError) as caught:
        adapter.make(tokenizer=tokenizer)
    assert caught.value.value == tokenizer


def test_a_tokenizer_travels_with_the_model_and_stands_in_no_dump(adapter: Adapter, vocabulary: KimiTokenizer) -> None:
    native = adapter.make(tokenizer=vocabulary).native
    exact = adapter.chat(native).count("hello world")
    for twin in (copy.deepcopy(native), pickle.loads(pickle.dumps(native)), native.model_copy()):
        assert adapter.chat(twin).count("hello world") == exact
    assert [text for text in adapter.dumps(native) if vocabulary.path in text or "tokenizer" in text.lower()] == []


@pytest.mark.ways("plain", "aplain")
def test_the_platform_is_asked_only_by_name_and_once(kimi: Emulator, make: Make) -> None:
    forget_estimates()
    chat = make()
    count = chat.estimate(turns(1))
    assert count > 80
    assert [request.path for request in kimi.requests] == ["/v1/tokenizers/estimate-token-count"]
    assert kimi.requests[0].json["model"] == "kimi-k3"
    assert len(kimi.requests[0].json["messages"]) == 4
    assert chat.estimate(turns(1)) == count  # remembered
    assert len(kimi.requests) == 1
    forget_estimates()
    assert chat.estimate(turns(1)) == count
    assert len(kimi.requests) == 2
