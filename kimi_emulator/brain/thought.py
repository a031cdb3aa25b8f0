"""Thinking text: what the emulator says it considered. Made from the request, so that every turn's differs."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from kimi_emulator.brain.filling.chinese import is_chinese
from kimi_emulator.brain.language import phrase
from kimi_emulator.content import text_of
from kimi_emulator.script import Reply
from kimi_emulator.words import shorten


def add(reply: Reply, request: Mapping[str, Any]) -> Reply:
    """The reply with a made-up thought: the more, the greater the effort (low, high, max; without one, max)."""
    messages, thinking = request["messages"], request.get("thinking")
    own = thinking.get("effort") if isinstance(thinking, dict) else None
    effort = own or request.get("reasoning_effort") or "max"
    question = next((text_of(m.get("content")) for m in reversed(messages) if m.get("role") == "user"), "")
    thoughts: list[str] = []

    def think(kind: str, **values: object) -> str:
        return phrase(f"thought_{kind}", is_chinese(question), **values)

    if effort != "low":
        kind, length = ("question", 60) if effort == "high" else ("question_at", 120)
        thoughts.append(think(kind, question=shorten(question, length), number=len(messages)))
    if effort not in ("low", "high") and messages[-1].get("role") == "tool":
        thoughts.append(think("result", result=shorten(text_of(messages[-1].get("content")), 120)))
    if reply.tool_calls:
        due = [think("call", tool=each.name, arguments=shorten(each.arguments_text, 120)) for each in reply.tool_calls]
        thoughts.append(think("calls", calls=", ".join(due)))
    elif reply.content:
        thoughts.append(think("answer", answer=shorten(reply.content, 60)))
    return replace(reply, reasoning=" ".join(thoughts) or think("none", number=len(messages)))
