"""Thinking text: what the emulator says it considered. Made from the request, so that every turn's differs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from kimi_emulator.content import text_of
from kimi_emulator.script import Reply
from kimi_emulator.words import shorten


def add(reply: Reply, request: Mapping[str, Any]) -> Reply:
    """The reply with a made-up thought: the more, the greater the effort (low, high, max; without one, max)."""
    messages, thinking = request["messages"], request.get("thinking")
    own = thinking.get("effort") if isinstance(thinking, dict) else None
    effort = own or request.get("reasoning_effort") or "max"
    question = next((text_of(m.get("content")) for m in reversed(messages) if m.get("role") == "user"), "")
    parts: list[str] = []
    if effort == "high":
        parts.append(f'The user says: "{shorten(question, 60)}".')
    elif effort != "low":
        parts.append(f'The user says: "{shorten(question, 120)}" (message {len(messages)} of this conversation).')
        if messages[-1].get("role") == "tool":
            parts.append(f'The last tool result is "{shorten(text_of(messages[-1].get("content")), 120)}".')
    if reply.tool_calls:
        calls = ", ".join(f"{call.name} with {shorten(call.arguments_text, 120)}" for call in reply.tool_calls)
        parts.append(f"I will call {calls}.")
    elif reply.content:
        parts.append(f'I can answer with "{shorten(reply.content, 60)}".')
    return replace(reply, reasoning=" ".join(parts) or f"Message {len(messages)} needs no thought.")
