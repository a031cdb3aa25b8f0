"""An answer as server-sent events, in the order that was recorded.

The role with empty content; thinking; one empty thinking piece as a separator; content; tool calls; an empty delta
with the finish reason and the usage inside the choice; with ``include_usage`` a chunk without choices that repeats
the usage; ``[DONE]``.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from typing import Any

from kimi_emulator.content import compact
from kimi_emulator.script import Answer

__all__ = ["DONE", "Frame", "chunks", "cut", "deltas", "event", "events"]

DONE = b"data: [DONE]\n\n"
_HERE = "\0delta\0"  # stands for the delta; NUL can be in no id or model name
_WORD = re.compile(r"\s*\S+|\s+\Z")


def cut(text: str, size: int | None) -> list[str]:
    """Pieces of ``size`` characters, or words with the white space before them."""
    if size is None:
        return _WORD.findall(text)
    return [text[start : start + size] for start in range(0, len(text), size)]


def deltas(answer: Answer, size: int | None) -> Iterator[Mapping[str, Any]]:
    """The deltas between the role and the finish."""
    if answer.pieces is not None:
        yield from answer.pieces
        return
    message = answer.message
    reasoning, calls = message.get("reasoning_content"), message.get("tool_calls", ())
    if reasoning is not None:
        for piece in cut(reasoning, size):
            yield {"reasoning_content": piece}
        if message["content"] or calls or not reasoning:
            yield {"reasoning_content": ""}
    for piece in cut(message["content"], size):
        yield {"content": piece}
    for call in calls:
        function = call["function"]
        yield {"tool_calls": [{**call, "function": {"name": function["name"], "arguments": ""}}]}
        # The recording has all the arguments of a small call in one piece.
        for piece in [function["arguments"]] if size is None else cut(function["arguments"], size):
            yield {"tool_calls": [{"index": call["index"], "function": {"arguments": piece}}]}


class Frame:
    """What all chunks of one stream have in common."""

    def __init__(self, answer: Answer, fingerprint: str | None = None) -> None:
        self._answer = answer
        self.fingerprint: str = fingerprint or f"fpv0_{secrets.token_hex(4)}"
        self.head: dict[str, Any] = {
            "id": answer.id,
            "object": "chat.completion.chunk",
            "created": answer.created,
            "model": answer.model,
        }

    def chunk(self, delta: Any, finish: str | None = None) -> dict[str, Any]:
        """The chunk of a delta; the last one has the finish reason, and the usage."""
        choice: dict[str, Any] = {"index": 0, "delta": delta, "finish_reason": finish}
        if finish is not None:
            choice["usage"] = self._answer.usage
        return {**self.head, "choices": [choice], "system_fingerprint": self.fingerprint}

    def ending(self, *, include_usage: bool) -> Iterator[dict[str, Any]]:
        """What comes behind the deltas."""
        yield self.chunk({}, self._answer.finish_reason)
        if include_usage:
            yield {**self.head, "choices": [], "usage": self._answer.usage}


def chunks(answer: Answer, size: int | None, *, include_usage: bool) -> Iterator[dict[str, Any]]:
    """The chunk objects of a stream."""
    frame = Frame(answer)
    yield frame.chunk({"role": "assistant", "content": ""})
    for delta in deltas(answer, size):
        yield frame.chunk(delta)
    yield from frame.ending(include_usage=include_usage)


def events(answer: Answer, size: int | None, *, include_usage: bool) -> Iterator[bytes]:
    """The stream as bytes, one event each: the same as the ``chunks``, whose common part is written once."""
    frame = Frame(answer)
    before, _, after = compact(frame.chunk(_HERE)).partition(compact(_HERE))
    yield event(frame.chunk({"role": "assistant", "content": ""}))
    for delta in deltas(answer, size):
        yield f"data: {before}{compact(delta)}{after}\n\n".encode("utf-8", "surrogatepass")
    for chunk in frame.ending(include_usage=include_usage):
        yield event(chunk)
    yield DONE


def event(chunk: Any) -> bytes:
    """A chunk as an event of the stream."""
    return f"data: {compact(chunk)}\n\n".encode("utf-8", "surrogatepass")
