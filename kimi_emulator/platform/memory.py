"""Which thinking the emulator gave with which turn, to see whether a client sends it back unchanged.

Call ids are left out of the comparison: frameworks may give every call an id of its own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kimi_emulator.content import compact, text_of

__all__ = ["ReasoningMemory"]


def _arguments(text: Any) -> str:
    """The same text for the same arguments, whatever their spacing or key order."""
    try:
        return json.dumps(json.loads(text), sort_keys=True) if isinstance(text, str) else compact(text)
    except (ValueError, RecursionError):
        return str(text)


def _turn(message: Mapping[str, Any]) -> str:
    calls = [
        (call["function"].get("name"), _arguments(call["function"].get("arguments")))
        for call in message.get("tool_calls") or ()
        if isinstance(call, dict) and isinstance(call.get("function"), dict)
    ]
    return compact([message.get("role"), text_of(message.get("content")), calls])


def _walk(messages: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, Mapping[str, Any], str]]:
    """Each message with its position and a digest of all that stands before it."""
    digest = hashlib.blake2b(digest_size=16)
    for position, message in enumerate(messages):
        yield position, message, digest.hexdigest()
        digest.update(_turn(message).encode("utf-8", "surrogatepass"))


class ReasoningMemory:
    """Thinking by turn: first by the whole conversation before it, then by what the turn itself says."""

    def __init__(self) -> None:
        self._by_place: dict[tuple[str, str], set[str]] = {}
        self._by_turn: dict[str, set[str]] = {}

    def clear(self) -> None:
        """Forget everything."""
        self._by_place.clear()
        self._by_turn.clear()

    def remember(self, messages: Sequence[Mapping[str, Any]], answer: Mapping[str, Any]) -> None:
        """Keep the thinking of ``answer``, which was given to ``messages``."""
        reasoning = answer.get("reasoning_content")
        if reasoning is None:
            return
        before = hashlib.blake2b(digest_size=16)
        for message in messages:
            before.update(_turn(message).encode("utf-8", "surrogatepass"))
        turn = _turn(answer)
        self._by_place.setdefault((before.hexdigest(), turn), set()).add(reasoning)
        self._by_turn.setdefault(turn, set()).add(reasoning)

    def thinking_of(self, messages: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, Mapping[str, Any], set[str]]]:
        """Each assistant message known from before, with its position and the thinking(s) given with it."""
        for position, message, before in _walk(messages):
            if message.get("role") != "assistant":
                continue
            turn = _turn(message)
            known = self._by_place.get((before, turn))
            if known is None and message.get("tool_calls"):  # the history before it was shortened or rewritten
                known = self._by_turn.get(turn)
            if known:
                yield position, message, known
