"""Asking the emulator's brain without a server."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from kimi_emulator import BrainContext, Reply
from kimi_emulator.brain import DefaultBrain

__all__ = ["S", "ask", "ask_in_schema", "calls", "function", "obj", "text", "under"]

S: dict[str, Any] = {"type": "string"}


def function(name: str, description: str = "", /, **members: Any) -> dict[str, Any]:
    """A tool whose parameters are all required."""
    return {"type": "function", "function": {"name": name, "description": description, "parameters": obj(**members)}}


def obj(**members: Any) -> dict[str, Any]:
    """An object schema whose members are all required."""
    return {"type": "object", "properties": members, "required": list(members)}


def under(system: str, user: str) -> list[dict[str, Any]]:
    """A system message and a user message."""
    return [{"role": "system", "content": system}, {"role": "user", "content": user}]


def ask(prompt: str | list[dict[str, Any]], tools: Sequence[dict[str, Any]] = (), **fields: Any) -> Reply:
    """The reply to one prompt, or to messages."""
    messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    request = {"model": "kimi-k3", "messages": messages, "tools": list(tools), **fields}
    return DefaultBrain().answer(request, BrainContext("kimi-k3", True, list(tools)))


def text(prompt: str | list[dict[str, Any]]) -> str:
    """The answer in words."""
    return ask(prompt).content or ""


def calls(prompt: str | list[dict[str, Any]], *tools: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Names and arguments of the calls."""
    return [(call.name, json.loads(call.arguments_text)) for call in ask(prompt, tools).tool_calls]


def ask_in_schema(prompt: str | list[dict[str, Any]], schema: dict[str, Any]) -> Any:
    """The answer after a schema."""
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    return json.loads(ask(prompt, response_format=form).content or "")
