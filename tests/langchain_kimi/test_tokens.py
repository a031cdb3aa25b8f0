"""Counting tokens as LangChain asks for it: `get_num_tokens*`, `trim_messages`, a vocabulary, the platform's count."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import small_vocabulary
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage, trim_messages
from langchain_core.tools import tool

from kimi_api import KimiInputError, KimiTokenizer
from kimi_api.tokens import count_messages, estimate_text
from kimi_emulator import Emulator
from langchain_kimi import ChatKimi

Make = Callable[..., ChatKimi]


@tool
def get_tides(days: int) -> str:
    """High waters of the next days."""
    return str(days)


def history(turns: int, thought: str = "") -> list[BaseMessage]:
    messages: list[BaseMessage] = [SystemMessage("Be brief.")]
    for turn in range(turns):
        call = {"name": "get_tides", "args": {"days": turn}, "id": f"call-{turn}", "type": "tool_call"}
        messages += [
            HumanMessage(f"Question {turn}?"),
            AIMessage("", tool_calls=[call], additional_kwargs={"reasoning_content": thought}),
            ToolMessage("06:42 1.53 m", tool_call_id=f"call-{turn}"),
            AIMessage(f"Answer {turn}.", additional_kwargs={"reasoning_content": thought}),
        ]
    return [*messages, HumanMessage("And now?")]


@pytest.fixture
def vocabulary(tmp_path: Path) -> KimiTokenizer:
    return KimiTokenizer.from_file(small_vocabulary.write(tmp_path / "tiktoken.model"))


def test_texts_are_counted_offline(llm: ChatKimi, kimi: Emulator) -> None:
    assert llm.get_num_tokens("hello world") == estimate_text("hello world")
    assert llm.get_num_tokens("") == 0
    assert not kimi.requests


def test_ids_need_a_vocabulary(llm: ChatKimi) -> None:
    with pytest.raises(KimiInputError, match="token ids need Kimi's vocabulary") as caught:
        llm.get_token_ids("hello")
    assert "from_hub" in caught.value.remedy


def test_a_vocabulary_gives_ids_and_exact_counts(make: Make, vocabulary: KimiTokenizer) -> None:
    for tokenizer in (vocabulary, vocabulary.path, Path(vocabulary.path)):
        llm = make(tokenizer=tokenizer)
        assert llm.get_token_ids("hello world") == vocabulary.encode("hello world")
        assert llm.get_num_tokens("hello world") == 2
        counted = llm.get_num_tokens_from_messages([HumanMessage("hello world")])
        assert counted == count_messages([{"role": "user", "content": "hello world"}], tokenizer=vocabulary)


def test_cores_own_field_for_ids_is_used(make: Make) -> None:
    llm = make(custom_get_token_ids=lambda text: [7] * len(text.split()))
    assert llm.get_token_ids("a b c") == [7, 7, 7]
    assert llm.get_num_tokens("a b c") == 3


def test_reasoning_blocks_count_like_the_other_form(llm: ChatKimi) -> None:
    blocks = AIMessage([{"type": "reasoning", "reasoning": "one two three"}, {"type": "text", "text": "four"}])
    kwargs = AIMessage("four", additional_kwargs={"reasoning_content": "one two three"})
    assert llm.get_num_tokens_from_messages([blocks]) == llm.get_num_tokens_from_messages([kwargs])


def test_other_forms_of_messages_and_pictures(llm: ChatKimi) -> None:
    assert llm.get_num_tokens_from_messages([("human", "hi")]) == llm.get_num_tokens_from_messages([HumanMessage("hi")])
    picture = HumanMessage([{"type": "image_url", "image_url": {"url": "https://example.org/x.png"}}])
    assert llm.get_num_tokens_from_messages([picture]) > 1_000
    assert llm.get_num_tokens_from_messages([]) == 0


@pytest.mark.parametrize("strategy", ["last", "first"])
def test_trim_messages_counts_thinking_and_asks_nobody(llm: ChatKimi, kimi: Emulator, strategy: Any) -> None:
    thought = "the Moon pulls at the sea " * 40

    def trim(messages: list[BaseMessage], budget: int) -> list[BaseMessage]:
        last: dict[str, Any] = {"include_system": True, "start_on": "human"} if strategy == "last" else {}
        return trim_messages(messages, max_tokens=budget, token_counter=llm, strategy=strategy, **last)

    budget = 1_500
    plain, thinking = trim(history(20), budget), trim(history(20, thought), budget)
    assert 0 < len(thinking) < len(plain)
    assert llm.get_num_tokens_from_messages(thinking) <= budget
    assert llm.get_num_tokens_from_messages(plain) <= budget
    assert trim(history(20, thought), 10**6) == history(20, thought)
    if strategy == "last":
        assert thinking[0] == SystemMessage("Be brief.")
        assert thinking[1].type == "human"
        assert llm.invoke(thinking).content  # and the history is still one that the platform takes
    assert len([r for r in kimi.requests if "estimate" in r.path]) == 0


def test_trimming_a_long_history_is_quick(llm: ChatKimi) -> None:
    messages = history(250, "the Moon pulls at the sea " * 40)
    trim_messages(messages, max_tokens=20_000, token_counter=llm, strategy="last", include_system=True)
    begun = time.process_time()
    trim_messages(messages, max_tokens=20_000, token_counter=llm, strategy="last", include_system=True)
    assert time.process_time() - begun < 1.0
