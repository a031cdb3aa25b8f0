"""Thinking text: what the emulator says it considered. Made from the request, so that every turn's differs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from kimi_emulator.content import text_of
from kimi_emulator.script import Reply


def _short(text: str, length: int = 120) -> str:
    text = " ".join(text.split())
    return text if len(text) <= length else text[:length].rsplit(" ", 1)[0] + " ..."


def add(reply: Reply, request: Mapping[str, Any]) -> Reply:
    """The reply with a made-up thought."""
    messages = request["messages"]
    asked = next((text_of(m.get("content")) for m in reversed(messages) if m.get("role") == "user"), "")
    results = [m for m in messages if m.get("role") == "tool"]
    parts = [f'The user says: "{_short(asked)}" (message {len(messages)} of this conversation).']
    if results and messages[-1].get("role") == "tool":
        parts.append(f'The last tool result is "{_short(text_of(results[-1].get("content")))}".')
    if reply.tool_calls:
        calls = ", ".join(f"{call.name} with {_short(call.arguments_text)}" for call in reply.tool_calls)
        parts.append(f"I will call {calls}.")
    elif reply.content:
        parts.append(f'I can answer with "{_short(reply.content, 60)}".')
    return replace(reply, reasoning=" ".join(parts))
