"""The prefix cache: how many prompt tokens of a request an earlier request has already paid for.

The platform compares the rendered prompt from its beginning, only beyond 256 tokens and in steps of 256, while an
identical prompt is cached whole, however short it is (a recorded 90-token prompt came back with 90 cached tokens).
An entry is kept for five minutes, or for the hour that ``prompt_cache_options`` asked for; every hit begins its time
anew. It is written when the prompt was read, and is not there for requests that were sent before: those side by side
all pay in full, as on the platform. This server reads faster than clients send. So for a quarter of a second an entry
is there for requests that were surely sent after it: on a connection that has had an answer since, or was made since
(where no others were being answered).
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from kimi_emulator.content import compact
from kimi_emulator.platform import prompt
from kimi_emulator.platform.clock import Clock
from kimi_emulator.platform.models import Model

__all__ = ["Connection", "Entry", "PrefixCache"]

STEP = 256
_SECONDS = {"5m": 300.0, "1h": 3600.0}
_OVERLAP = 0.25  # seconds of real time
_SLICE = 128  # characters between two comparison points


@dataclass(frozen=True)
class Entry:
    """One prompt, looked up: ``cached`` of its tokens are there. ``write`` puts it into the cache."""

    cached: int
    points: tuple[bytes, ...]
    whole: bytes
    lifetime: float


class Connection(NamedTuple):
    """When a request's connection was opened, and when it last had an answer (``time.monotonic``; 0.0 for never)."""

    opened: float
    answered: float


class _Kept(NamedTuple):
    """A prefix or a whole prompt: until when it is kept, for how long from its next use on, since when (monotonic)."""

    end: float
    lifetime: float
    since: float
    alone: bool


_Entries = dict[bytes, _Kept]


class PrefixCache:
    """Remembers the prompts of one account. ``prompt_cache_key`` plays no part: equal prefixes are shared anyway."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or Clock()
        self._points: _Entries = {}
        self._whole: _Entries = {}

    def clear(self) -> None:
        """Forget every prompt."""
        self._points.clear()
        self._whole.clear()

    def look_up(
        self, model: Model, body: Mapping[str, Any], prompt_tokens: int, connection: Connection | None = None
    ) -> Entry:
        """What an earlier request has paid for of this prompt; ``connection`` None is one after all others."""
        # A changed effort breaks the prefix; tool_choice and response_format do not, they come after it.
        parts = prompt.stretches(model, body)
        pieces, sizes = [part.text for part in parts], [part.tokens for part in parts]
        text, digest, same, points = "\n\n".join(pieces), hashlib.blake2b(digest_size=16), 0, list[bytes]()
        now = self._clock.now()
        for start in range(0, len(text), _SLICE):
            piece = text[start : start + _SLICE]
            digest.update(piece.encode("utf-8", "surrogatepass"))
            if len(piece) < _SLICE:
                break
            points.append(digest.digest())
            if same == start and self._is_known(self._points, points[-1], now, connection):
                same = start + _SLICE
        digest.update(compact(body.get("response_format")).encode())
        whole = digest.digest()
        if self._is_known(self._whole, whole, now, connection):
            cached = prompt_tokens
        else:
            cached = min(_tokens_of(same, pieces, sizes), prompt_tokens) // STEP * STEP
        return Entry(cached, tuple(points), whole, _SECONDS[_ttl(body)])

    def write(self, entry: Entry, *, alone: bool = True) -> None:
        """Keep a prompt for the requests that come from now on; ``alone``: no other request is being answered."""
        now = self._clock.now()
        for point in entry.points:
            self._touch(self._points, point, now, entry.lifetime, alone)
        self._touch(self._whole, entry.whole, now, entry.lifetime, alone)

    @staticmethod
    def _is_known(entries: _Entries, key: bytes, now: float, connection: Connection | None) -> bool:
        """Whether the entry is there, and was when the request was sent."""
        known = entries.get(key)
        if known is None or now >= known.end:
            return False
        if connection is None or known.since < connection.answered or time.monotonic() - known.since > _OVERLAP:
            return True
        return known.alone and known.since < connection.opened

    @staticmethod
    def _touch(entries: _Entries, key: bytes, now: float, lifetime: float, alone: bool) -> None:
        """Begin the entry's time: its own or the request's, whichever is longer."""
        old = entries.get(key)
        if old is None or now >= old.end:
            entries[key] = _Kept(now + lifetime, lifetime, time.monotonic(), alone)
        else:
            longer = max(old.lifetime, lifetime)
            entries[key] = old._replace(end=now + longer, lifetime=longer)


def _ttl(body: Mapping[str, Any]) -> str:
    options = body.get("prompt_cache_options")
    return options.get("ttl") or "5m" if isinstance(options, Mapping) else "5m"


def _tokens_of(characters: int, pieces: list[str], sizes: list[int]) -> int:
    """The prompt tokens in the first characters: whole pieces count in full, the last one by its share."""
    counted = 0
    for piece, size in zip(pieces, sizes, strict=True):
        length = len(piece) + 2  # the blank line behind it
        if characters < length:
            return counted + size * characters // length
        characters -= length
        counted += size
    return counted
