"""The prefix cache: how many prompt tokens of a request an earlier request has already paid for.

The platform compares the rendered prompt from its beginning, only beyond 256 tokens and in steps of 256, while an
identical prompt is cached whole, however short it is (a recorded 90-token prompt came back with 90 cached tokens).
An entry is kept for five minutes, or for the hour that ``prompt_cache_options`` asked for; every hit begins its time
anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from kimi_emulator.content import compact
from kimi_emulator.platform import prompt
from kimi_emulator.platform.clock import Clock
from kimi_emulator.platform.models import Model

__all__ = ["PrefixCache"]

STEP = 256
_SECONDS = {"5m": 300.0, "1h": 3600.0}
_SLICE = 128  # characters between two comparison points


class PrefixCache:
    """Remembers the prompts of one account. ``prompt_cache_key`` plays no part: equal prefixes are shared anyway."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or Clock()
        # Of each prefix, and of each whole prompt: until when it is kept, and for how long from its next use on.
        self._points: dict[bytes, tuple[float, float]] = {}
        self._whole: dict[bytes, tuple[float, float]] = {}

    def clear(self) -> None:
        """Forget every prompt."""
        self._points.clear()
        self._whole.clear()

    def use(self, model: Model, body: Mapping[str, Any], prompt_tokens: int) -> int:
        """Cached tokens of this prompt, which is remembered for the next one."""
        # A changed effort breaks the prefix; tool_choice and response_format do not, they come after it.
        parts = prompt.stretches(model, body)
        pieces, sizes = [part.text for part in parts], [part.tokens for part in parts]
        text, digest, same, matching = "\n\n".join(pieces), hashlib.blake2b(digest_size=16), 0, True
        now, lifetime = self._clock.now(), _SECONDS[_ttl(body)]
        for start in range(0, len(text), _SLICE):
            piece = text[start : start + _SLICE]
            digest.update(piece.encode("utf-8", "surrogatepass"))
            if len(piece) < _SLICE:
                break
            point = digest.digest()
            matching = self._touch(self._points, point, now, lifetime) and matching
            if matching:
                same = start + _SLICE
        digest.update(compact(body.get("response_format")).encode())
        whole = digest.digest()
        if self._touch(self._whole, whole, now, lifetime):
            return prompt_tokens
        return min(_tokens_of(same, pieces, sizes), prompt_tokens) // STEP * STEP

    @staticmethod
    def _touch(entries: dict[bytes, tuple[float, float]], key: bytes, now: float, lifetime: float) -> bool:
        """Whether the entry is there. Afterwards it is, for its own time or the request's, whichever is longer."""
        end, own = entries.get(key, (0.0, 0.0))
        there = now < end
        longer = max(own, lifetime) if there else lifetime
        entries[key] = (now + longer, longer)
        return there


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
