"""Token counts: of texts by a Kimi vocabulary if the emulator was given one, else by an estimate.

The estimate: four ASCII characters are one token and every other character is one token. The fixed additions come from
recordings: "say hi" costs 87 prompt tokens on K3, JSON mode about 47 more, a low effort 1 more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from typing import Any

from kimi_emulator.content import compact, content_parts
from kimi_emulator.platform.models import Model
from kimi_emulator.platform.vocabulary import Vocabulary

__all__ = ["CLOSE_TOKENS", "VOCABULARY", "count", "cut", "message_tokens", "prompt_tokens", "rendered"]

VOCABULARY: ContextVar[Vocabulary | None] = ContextVar("kimi_emulator.vocabulary", default=None)
"""What counts while a request is answered; None estimates."""

MESSAGE_TOKENS = 4
JSON_MODE_TOKENS = 47
IMAGE_TOKENS = 9
VIDEO_TOKENS = 64
CLOSE_TOKENS = 3
"""Marks around the thinking: an answer cut at 16 tokens was recorded with 13 of reasoning."""


def count(text: str) -> int:
    """Tokens of a text."""
    vocabulary = VOCABULARY.get()
    if vocabulary is not None:
        return vocabulary.count(text)
    ascii_length = len(text.encode("ascii", "ignore"))
    return -(-ascii_length // 4) + len(text) - ascii_length


def cut(text: str, tokens: int) -> str:
    """The longest beginning of ``text`` that counts at most ``tokens``."""
    if tokens <= 0:
        return ""
    vocabulary = VOCABULARY.get()
    if vocabulary is not None:
        return vocabulary.cut(text, tokens)
    if count(text) <= tokens:
        return text
    low, high = 0, min(len(text), tokens * 4)
    while low < high:
        middle = (low + high + 1) // 2
        if count(text[:middle]) <= tokens:
            low = middle
        else:
            high = middle - 1
    return text[:low]


def rendered(message: Mapping[str, Any]) -> str:
    """One message as a stretch of the prompt, for counting and for comparing prefixes."""
    pieces = [str(message.get("role", "")), str(message.get("name") or "")]
    if message.get("reasoning_content"):
        pieces.append(str(message["reasoning_content"]))
    for part in content_parts(message.get("content")):
        pieces.append(str(part.get("text", "")) if part.get("type") == "text" else compact(part))
    for call in message.get("tool_calls") or ():
        function = call.get("function", {}) if isinstance(call, dict) else {}
        pieces.append(f"{function.get('name')}{function.get('arguments')}")
    if message.get("tools"):
        pieces.append(compact(message["tools"]))
    return "\n".join(pieces)


def message_tokens(message: Mapping[str, Any]) -> int:
    """Prompt tokens of one message."""
    total = MESSAGE_TOKENS + count(str(message.get("name") or "")) + count(str(message.get("reasoning_content") or ""))
    for part in content_parts(message.get("content")):
        kind = part.get("type")
        if kind == "text":
            total += count(str(part.get("text", "")))
        else:
            total += VIDEO_TOKENS if kind == "video_url" else IMAGE_TOKENS
    for call in message.get("tool_calls") or ():
        function = call.get("function", {}) if isinstance(call, dict) else {}
        total += 6 + count(f"{function.get('name')}{function.get('arguments')}")
    if message.get("tools"):
        total += count(compact(message["tools"]))
    return total


def prompt_tokens(model: Model, body: Mapping[str, Any], messages: Iterable[Mapping[str, Any]]) -> int:
    """Prompt tokens of a chat request: hidden instructions, tools, messages and the output format."""
    total = model.hidden_tokens + sum(message_tokens(message) for message in messages)
    if body.get("tools"):
        total += model.tool_tokens + count(compact(body["tools"]))
    response_format = body.get("response_format")
    if isinstance(response_format, dict) and response_format.get("type") in ("json_object", "json_schema"):
        total += JSON_MODE_TOKENS
        if response_format.get("json_schema"):
            total += count(compact(response_format["json_schema"]))
    if body.get("reasoning_effort") == "low":
        total += 1
    return total
