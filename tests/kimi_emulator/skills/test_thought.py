"""Thinking: the more, the greater the effort."""

from __future__ import annotations

from typing import Any

import pytest
from brain_asking import S, function

from kimi_emulator import Reply, ToolCall
from kimi_emulator.brain import thought

WEATHER = function("get_weather", "Get the weather", city=S)
CALLED = {"role": "assistant", "content": "", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{}"}}]}
REQUESTS: dict[str, tuple[Reply, dict[str, Any]]] = {
    "plain": (Reply(content="It is."), {"messages": [{"role": "user", "content": "Is it?"}]}),
    "Chinese": (Reply(content="是的。"), {"messages": [{"role": "user", "content": "是吗？"}]}),
    "call": (
        Reply(tool_calls=[ToolCall("get_weather", {"city": "Oslo"})]),
        {"messages": [{"role": "user", "content": "Weather in Oslo?"}], "tools": [WEATHER]},
    ),
    "result": (
        Reply(content="Rain."),
        {
            "messages": [
                {"role": "user", "content": "?"},
                CALLED,
                {"role": "tool", "tool_call_id": "a", "content": "rain"},
            ]
        },
    ),
    "JSON": (
        Reply(content="{}"),
        {"messages": [{"role": "user", "content": "JSON!"}], "response_format": {"type": "json_object"}},
    ),
}


def length(reply: Reply, request: dict[str, Any], **fields: Any) -> int:
    return len(thought.add(reply, {**request, **fields}).reasoning or "")


@pytest.mark.parametrize("name", REQUESTS)
def test_a_greater_effort_thinks_more(name: str):
    low, high, most = (length(*REQUESTS[name], reasoning_effort=effort) for effort in ("low", "high", "max"))
    assert 0 < low < high < most
    assert most == length(*REQUESTS[name])  # the platform's default is the greatest


def test_the_effort_within_thinking_counts_first():
    fields = {"thinking": {"type": "enabled", "effort": "low"}, "reasoning_effort": "max"}
    assert length(*REQUESTS["plain"], **fields) == length(*REQUESTS["plain"], reasoning_effort="low")


def test_each_turn_thinks_otherwise():
    reply, request = REQUESTS["plain"]
    longer = {"messages": [*request["messages"], {"role": "assistant", "content": "It is."}, *request["messages"]]}
    texts = [thought.add(reply, each).reasoning for each in (request, longer)]
    assert texts[0] != texts[1]
