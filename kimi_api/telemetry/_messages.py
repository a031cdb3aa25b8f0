"""Messages in the form that the conventions have for them; recorded only where the user wants content in spans."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from kimi_api._arguments.text import value_of
from kimi_api.reply import Reply


def input_messages(messages: Sequence[Mapping[str, Any]]) -> str:
    """The wire messages of a request, as JSON."""
    return _dump([{"role": message.get("role"), "parts": _parts(message)} for message in messages])


def output_messages(reply: Reply) -> str:
    """An answer, as JSON."""
    message = {
        "reasoning_content": reply.reasoning,
        "content": reply.content,
        "tool_calls": [call.as_dict() for call in reply.tool_calls],
    }
    return _dump([{"role": "assistant", "parts": _parts(message), "finish_reason": reply.finish_reason or ""}])


def _parts(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    if message.get("reasoning_content"):
        parts.append({"type": "reasoning", "content": message["reasoning_content"]})
    content = message.get("content")
    if isinstance(content, Sequence) and not isinstance(content, str):
        content = [_part(part) for part in content if isinstance(part, Mapping)]
    if message.get("role") == "tool":
        parts.append({"type": "tool_call_response", "id": message.get("tool_call_id"), "response": content})
    elif isinstance(content, str):
        parts += [{"type": "text", "content": content}] if content else []
    elif content:
        parts += content
    for call in message.get("tool_calls") or ():
        function = call.get("function") or {}
        arguments = function.get("arguments")
        parts.append(
            {"type": "tool_call", "id": call.get("id"), "name": function.get("name"), "arguments": _read(arguments)}
        )
    return parts


def _part(part: Mapping[str, Any]) -> dict[str, Any]:
    kind = str(part.get("type"))
    if kind == "text":
        return {"type": "text", "content": part.get("text", "")}
    return {"type": kind}  # an image's bytes, or the address of one that is not public


def _read(arguments: object) -> object:
    value = value_of(arguments) if isinstance(arguments, str) else None
    return arguments if value is None else value


def _dump(messages: list[dict[str, Any]]) -> str:
    return json.dumps(messages, ensure_ascii=False, default=str)
