"""JSON as the platform writes it, the text in the content of a message, and which call a tool message answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["ToolResult", "compact", "content_parts", "text_of", "tool_results"]

compact: Callable[[Any], str] = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""JSON without spaces; keys keep their order. (``json.dumps`` with options makes an encoder for each call.)"""


def content_parts(content: Any) -> list[dict[str, Any]]:
    """The parts of a message's content; a string is one text part; None gives no part."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []


def text_of(content: Any) -> str:
    """The text of a message's content, parts joined by newlines."""
    if isinstance(content, str):
        return content
    return "\n".join(str(p.get("text", "")) for p in content_parts(content) if p.get("type") == "text")


@dataclass(frozen=True)
class ToolResult:
    """A tool message and the call that it answers; ``arguments`` is the text in the assistant message."""

    position: int
    name: str
    arguments: str
    content: str


def tool_results(messages: Sequence[Mapping[str, Any]]) -> Iterator[ToolResult]:
    """Every tool message that answers a call, with that call. Ids count within one turn only."""
    calls: dict[str, tuple[str, str]] = {}
    for position, message in enumerate(messages):
        if message.get("role") == "assistant":
            own = message.get("tool_calls")
            calls = {
                call["id"]: (str(call["function"].get("name")), str(call["function"].get("arguments")))
                for call in (own if isinstance(own, list) else ())
                if isinstance(call, dict) and isinstance(call.get("function"), dict) and isinstance(call.get("id"), str)
            }
        elif message.get("role") == "tool":
            name, arguments = calls.get(str(message.get("tool_call_id")), ("", ""))
            yield ToolResult(position, name, arguments, text_of(message.get("content")))
