"""JSON as the platform writes it, and the text in the content of a message."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["compact", "content_parts", "text_of"]

compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""JSON without spaces; keys keep their order. (``json.dumps`` with options makes an encoder for each call.)"""


def content_parts(content: Any) -> list[dict[str, Any]]:
    """The parts of a message's content; a string is one text part, None is none."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []


def text_of(content: Any) -> str:
    """The text of a message's content, parts joined by newlines."""
    if isinstance(content, str):
        return content
    return "\n".join(str(p.get("text", "")) for p in content_parts(content) if p.get("type") == "text")
