"""Thinking: the more, the greater the effort."""

from __future__ import annotations

import re
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


@pytest.mark.parametrize("effort", ["low", "high", "max"])
@pytest.mark.parametrize(
    ("reply", "messages"),
    [
        (Reply(content="是的。"), [{"role": "user", "content": "是吗？"}]),
        (Reply(tool_calls=[ToolCall("查天气", {"城市": "上海"})]), [{"role": "user", "content": "上海天气如何？"}]),
        (
            Reply(content="下雨。"),
            [{"role": "user", "content": "天气？"}, CALLED, {"role": "tool", "tool_call_id": "a", "content": "雨"}],
        ),
        (Reply(content=""), [{"role": "user", "content": "你好"}]),
    ],
)
def test_a_chinese_prompt_is_thought_about_in_chinese(reply: Reply, messages: list[dict[str, Any]], effort: str):
    thinking = thought.add(reply, {"messages": messages, "reasoning_effort": effort}).reasoning or ""
    assert not re.search("[A-Za-z]", thinking)
    assert re.search("[一-鿿]", thinking)


def test_an_english_prompt_is_thought_about_in_english():
    messages = [{"role": "user", "content": "Is it?"}, CALLED, {"role": "tool", "tool_call_id": "a", "content": "yes"}]
    assert thought.add(Reply(content="It is."), {"messages": messages}).reasoning == (
        'The user says: "Is it?" (message 3 of this conversation). The last tool result is "yes". '
        'I can answer with "It is.".'
    )
    calls = [ToolCall("f", {"a": 1}), ToolCall("g", {})]
    assert thought.add(Reply(tool_calls=calls), {"messages": messages, "reasoning_effort": "high"}).reasoning == (
        'The user says: "Is it?". I will call f with {"a":1}, g with {}.'
    )


def test_the_effort_within_thinking_counts_first():
    fields = {"thinking": {"type": "enabled", "effort": "low"}, "reasoning_effort": "max"}
    assert length(*REQUESTS["plain"], **fields) == length(*REQUESTS["plain"], reasoning_effort="low")


def test_each_turn_thinks_otherwise():
    reply, request = REQUESTS["plain"]
    longer = {"messages": [*request["messages"], {"role": "assistant", "content": "It is."}, *request["messages"]]}
    texts = [thought.add(reply, each).reasoning for each in (request, longer)]
    assert texts[0] != texts[1]
