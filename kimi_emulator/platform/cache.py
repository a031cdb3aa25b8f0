"""The prefix cache: how many prompt tokens of a request an earlier request has already paid for.

The platform compares the rendered prompt from its beginning, only beyond 256 tokens and in steps of 256, while an
identical prompt is cached whole, however short it is (a recorded 90-token prompt came back with 90 cached tokens).
Entries of the emulator do not expire.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from kimi_emulator.content import compact
from kimi_emulator.platform import tokens
from kimi_emulator.platform.models import Model

__all__ = ["PrefixCache"]

STEP = 256
_SLICE = 128  # characters between two comparison points


class PrefixCache:
    """Remembers the prompts of one account. ``prompt_cache_key`` plays no part: equal prefixes are shared anyway."""

    def __init__(self) -> None:
        self._points: set[bytes] = set()
        self._whole: set[bytes] = set()

    def clear(self) -> None:
        """Forget every prompt."""
        self._points.clear()
        self._whole.clear()

    def use(self, model: Model, body: Mapping[str, Any], prompt_tokens: int) -> int:
        """Cached tokens of this prompt, which is remembered for the next one."""
        # A changed effort breaks the prefix; tool_choice and response_format do not, they come after it.
        tools = compact(body.get("tools") or [])
        pieces = [f"{model.id}\n{body.get('reasoning_effort')}\n{tools}"]
        sizes = [model.hidden_tokens + (model.tool_tokens + tokens.count(tools) if body.get("tools") else 0)]
        for message in body["messages"]:
            pieces.append(tokens.rendered(message))
            sizes.append(tokens.message_tokens(message))
        text, digest, same, matching = "\n\n".join(pieces), hashlib.blake2b(digest_size=16), 0, True
        for start in range(0, len(text), _SLICE):
            piece = text[start : start + _SLICE]
            digest.update(piece.encode("utf-8", "surrogatepass"))
            if len(piece) < _SLICE:
                break
            point = digest.digest()
            matching = matching and point in self._points
            if matching:
                same = start + _SLICE
            else:
                self._points.add(point)
        digest.update(compact(body.get("response_format")).encode())
        whole = digest.digest()
        if whole in self._whole:
            return prompt_tokens
        self._whole.add(whole)
        return min(_tokens_of(same, pieces, sizes), prompt_tokens) // STEP * STEP


def _tokens_of(characters: int, pieces: list[str], sizes: list[int]) -> int:
    """Prompt tokens in so many characters of the pieces: of each whole one its size, of the last one its share."""
    counted = 0
    for piece, size in zip(pieces, sizes, strict=True):
        length = len(piece) + 2  # the blank line behind it
        if characters < length:
            return counted + size * characters // length
        characters -= length
        counted += size
    return counted
