"""A parsed answer stays as it is: keeping one call or joining a prefix makes another object."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from contract_kit import Chat, partial, user, wire_tool

from kimi_api import reply as replies
from kimi_api.reply import ReplyBuilder
from kimi_emulator import Emulator, Reply, ToolCall

Make = Callable[..., Chat]
TOOLS = [wire_tool("get_weather"), wire_tool("get_time")]
CALLS = Reply(
    reasoning="Two calls.",
    content="One moment.",
    tool_calls=[ToolCall("get_weather", '{"city": "Turku"}'), ToolCall("get_time", '{"zone": "EET"}')],
)
CASES: dict[str, tuple[dict[str, Any], list[Reply], Any, dict[str, Any]]] = {
    "text": ({}, [Reply(reasoning="Hm.", content="Cold.")], "?", {}),
    "calls": ({}, [CALLS], "?", {"tools": TOOLS}),
    "one call kept": ({}, [CALLS], "?", {"tools": TOOLS, "parallel_tool_calls": False}),
    "plain on the wire": ({"wire": "plain"}, [CALLS], "?", {"tools": TOOLS}),
    "joined": ({"join_prefix": True}, [Reply(content=" is cold.")], [user("?"), partial("It")], {}),
    "asked again": (
        {"model": "kimi-k2.7-code"},
        [Reply(content="No."), CALLS],
        "?",
        {"tools": TOOLS, "tool_choice": "get_weather"},
    ),
}


@pytest.mark.filterwarnings("ignore::kimi_api.KimiWarning")
@pytest.mark.parametrize("case", CASES)
def test_a_parsed_answer_is_not_changed(kimi: Emulator, make: Make, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    parsed: list[tuple[replies.Reply, replies.Reply]] = []
    finish = ReplyBuilder.finish

    def remember(builder: ReplyBuilder) -> replies.Reply:
        reply = finish(builder)
        parsed.append((reply, copy.deepcopy(reply)))
        return reply

    monkeypatch.setattr(ReplyBuilder, "finish", remember)
    settings, answers, question, call = CASES[case]
    kimi.script(*answers)
    make(**settings).ask(question, **call)
    assert parsed
    assert [reply for reply, _ in parsed] == [before for _, before in parsed]
