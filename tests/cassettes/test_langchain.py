"""ChatKimi and its loader against recorded answers."""

from __future__ import annotations

import asyncio

import cassette_kit
import pytest
from langchain_core.messages import AIMessageChunk, HumanMessage, ToolMessage

from langchain_kimi import ChatKimi


def get_weather(city: str) -> str:
    """Tell the current weather in a city."""
    return f"{city}: 2 degrees, snow"


@pytest.mark.cassette("langchain_chat")
def test_plain_chat(cassette: cassette_kit.Session) -> None:
    answer = ChatKimi(**cassette.settings).invoke("Say hello in one word.")
    (exchange,) = cassette.exchanges
    assert exchange.sent["model"] == "kimi-k3"
    assert answer.text == exchange.message["content"] != ""
    assert answer.usage_metadata is not None
    assert answer.usage_metadata["total_tokens"] == exchange.usage["total_tokens"]


@pytest.mark.cassette("langchain_thinking")
def test_thinking_is_kept_on_the_message_and_goes_back(cassette: cassette_kit.Session) -> None:
    model = ChatKimi(model="kimi-k2.6", thinking="enabled", thinking_keep="all", **cassette.settings)
    question = HumanMessage("Which is larger, 9.11 or 9.9?")
    answer = model.invoke([question])
    model.invoke([question, answer, HumanMessage("Are you sure?")])
    first, second = cassette.exchanges
    thought = first.message["reasoning_content"]
    assert answer.additional_kwargs["reasoning_content"] == thought != ""
    assert first.sent["thinking"] == {"type": "enabled", "keep": "all"}
    assert second.sent["messages"][1]["reasoning_content"] == thought


@pytest.mark.cassette("langchain_stream")
def test_stream(cassette: cassette_kit.Session) -> None:
    chunks = list(ChatKimi(**cassette.settings).stream("Say hello in one word."))
    (exchange,) = cassette.exchanges
    *events, _ = exchange.answer
    deltas = [choice["delta"] for event in events for choice in event["choices"]]
    whole = sum(chunks[1:], chunks[0])
    assert isinstance(whole, AIMessageChunk)
    assert whole.text == "".join(delta.get("content") or "" for delta in deltas)
    assert whole.additional_kwargs["reasoning_content"] == "".join(d.get("reasoning_content") or "" for d in deltas)
    assert whole.usage_metadata is not None
    assert whole.usage_metadata["total_tokens"] == events[-1]["usage"]["total_tokens"]


@pytest.mark.cassette("langchain_tool_call")
def test_both_turns_of_a_tool_call(cassette: cassette_kit.Session) -> None:
    model = ChatKimi(**cassette.settings).bind_tools([get_weather])
    question = HumanMessage("What is the weather in Turku?")
    call = model.invoke([question])
    results = [ToolMessage(get_weather(**c["args"]), tool_call_id=c["id"]) for c in call.tool_calls]
    answer = model.invoke([question, call, *results])
    first, second = cassette.exchanges
    turn = first.message
    sent_back = second.sent["messages"][1]
    assert sent_back["reasoning_content"] == turn["reasoning_content"]
    assert [c["function"] for c in sent_back["tool_calls"]] == [c["function"] for c in turn["tool_calls"]]
    assert second.sent["messages"][2]["tool_call_id"] == sent_back["tool_calls"][0]["id"]
    assert answer.text == second.message["content"]


@pytest.mark.cassette("langchain_partial")
def test_partial_through_a_plain_dict(cassette: cassette_kit.Session) -> None:
    model = ChatKimi(join_prefix=True, **cassette.settings)
    answer = asyncio.run(
        model.ainvoke(
            [
                {"role": "user", "content": "Repeat: the tide turns at noon."},
                {"role": "assistant", "content": "The tide", "partial": True},
            ]
        )
    )
    (exchange,) = cassette.exchanges
    assert exchange.sent["messages"][-1] == {"role": "assistant", "content": "The tide", "partial": True}
    assert answer.text == "The tide" + exchange.message["content"]
