"""Thinking that a host leaves in the text, `<think>...</think>` at its start, told apart from the answer.

NVIDIA's and Bedrock's endpoints, and engines without a reasoning parser, answer so. Moonshot's platform never does, and
nothing of this runs there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kimi_api.reply import ReplyBuilder, ReplyDelta
from kimi_api.request import ChatRequest

_OPEN, _CLOSE = "<think>", "</think>"
_Feed = Callable[[Mapping[str, Any]], ReplyDelta | None]


def feed_for(builder: ReplyBuilder, request: ChatRequest) -> _Feed:
    """What takes the events of one answer: `builder.feed`; for hosts that may write tags, a function around it."""
    if not request.think_tags or request.prefix is not None:
        return builder.feed
    return _Events(builder).feed


def without_tags(body: Mapping[str, Any], request: ChatRequest) -> Mapping[str, Any]:
    """A plain answer with the thinking out of its text, as if the host had done it. Other bodies as they are."""
    if not request.think_tags or request.prefix is not None:
        return body
    choices = body.get("choices") if isinstance(body, Mapping) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], Mapping):
        return body
    message = choices[0].get("message")
    if not isinstance(message, Mapping) or not isinstance(message.get("content"), str) or _thinking_of(message):
        return body
    tags = _Tags()
    thinking, text = tags.take(message["content"])
    more_thinking, more_text = tags.finish()
    if not tags.seen:
        return body
    apart = {**message, "reasoning_content": thinking + more_thinking, "content": text + more_text}
    return {**body, "choices": [{**choices[0], "message": apart}, *choices[1:]]}


class _Events:
    """Events of one stream, changed on the way into a builder."""

    def __init__(self, builder: ReplyBuilder) -> None:
        self._feed = builder.feed
        self._tags: _Tags | None = _Tags()

    def feed(self, event: Mapping[str, Any]) -> ReplyDelta | None:
        """Take one event, like `ReplyBuilder.feed`."""
        tags = self._tags
        choices = event.get("choices")
        if tags is None or not isinstance(choices, list) or not choices or not isinstance(choices[0], Mapping):
            return self._feed(event)
        choice = choices[0]
        delta = choice.get("delta") or {}
        content = (delta.get("content") if isinstance(delta, Mapping) else None) or ""
        if not isinstance(content, str) or not isinstance(delta, Mapping) or "message" in choice:
            return self._feed(event)
        thinking, text = tags.take(content)
        if choice.get("finish_reason") or delta.get("tool_calls") or _thinking_of(delta):
            more_thinking, more_text = tags.finish()
            thinking, text = thinking + more_thinking, text + more_text
        if tags.done:
            self._tags = None
        changed = {**delta, "content": text}
        if thinking:
            changed["reasoning_content"] = (_thinking_of(delta) or "") + thinking
        return self._feed({**event, "choices": [{**choice, "delta": changed}]})


class _Tags:
    """Finds the tags in a text that comes in pieces, cut anywhere.

    Attributes:
        seen: whether a tag stood at the start.
        done: whether the rest of the text is the answer's.
    """

    def __init__(self) -> None:
        self.seen = False
        self.done = False
        self._inside = False
        self._held = ""

    def take(self, piece: str) -> tuple[str, str]:
        """`(thinking, text)` that a piece makes certain; what may be the beginning of a tag is held."""
        if self.done or not piece:
            return "", piece
        self._held += piece
        if not self.seen:
            start = self._held.lstrip()
            if start.startswith(_OPEN):
                self.seen = self._inside = True
                self._held = start[len(_OPEN) :]
            elif start.startswith(_CLOSE):  # a template that opens the tag itself, and nothing was thought
                self.seen = True
                self._held = start[len(_CLOSE) :]
            elif _OPEN.startswith(start) or _CLOSE.startswith(start):
                return "", ""
            else:
                self.done = True
                return "", self._release()
        thinking = self._take_thinking() if self._inside else ""
        if self._inside:
            return thinking, ""
        self._held = self._held.lstrip()  # white space between the tag and the answer belongs to neither
        self.done = bool(self._held)
        return thinking, self._release()

    def finish(self) -> tuple[str, str]:
        """What is held, at the end of the text; without a closing tag all of it was thinking."""
        self.done = True
        return (self._release(), "") if self._inside else ("", self._release())

    def _take_thinking(self) -> str:
        before, tag, after = self._held.partition(_CLOSE)
        if tag:
            self._inside, self._held = False, after
            return before
        cut = next((n for n in range(len(_CLOSE) - 1, 0, -1) if before.endswith(_CLOSE[:n])), 0)
        self._held = before[len(before) - cut :]
        return before[: len(before) - cut]

    def _release(self) -> str:
        held, self._held = self._held, ""
        return held


def _thinking_of(holder: Mapping[str, Any]) -> str:
    value = holder.get("reasoning_content") or holder.get("reasoning")
    return value if isinstance(value, str) else ""
