"""Counting the tokens of one text: with a tokenizer, or by the estimate. Remembers the last answers."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from typing import Any

from kimi_api.tokens._estimate import check_text, estimate_text

Tokenizer = Callable[[str], Sequence[Any]]
"""Text to its tokens, such as a `KimiTokenizer`."""

_KEPT = 8_192
_LONG = 512
_counts: dict[tuple[Any, Any], int] = {}
_lock = threading.Lock()


def count_text(text: str, tokenizer: Tokenizer | None = None) -> int:
    """Tokens of `text`: exact with a `KimiTokenizer`, otherwise `estimate_text`. Remembers the last 8,192 answers.

    Raises:
        KimiInputError: it is no text.
    """
    check_text(text)
    # Long texts are remembered by digest, so that the memory is bounded by entries (5 MB), not by what was counted.
    key: Any = text if len(text) <= _LONG else hashlib.blake2b(text.encode("utf-8", "surrogatepass")).digest()
    try:
        known = _counts.get((tokenizer, key))
    except TypeError:  # a tokenizer that cannot be hashed
        return _measure(text, tokenizer)
    if known is None:
        known = _measure(text, tokenizer)
        with _lock:
            while len(_counts) >= _KEPT:
                del _counts[next(iter(_counts))]
            _counts[tokenizer, key] = known
    return known


def _measure(text: str, tokenizer: Tokenizer | None) -> int:
    if tokenizer is None:
        return estimate_text(text)
    count = getattr(tokenizer, "count", None)
    return count(text) if count is not None else len(tokenizer(text))


class EstimatedTokens:
    """A stand-in for a tokenizer where only the number of tokens matters: `tokenizer(text)` has the estimated length.

    Its ids are all 0. For LlamaIndex's `Settings.tokenizer` and the like, which take the length of a list.
    """

    def encode(self, text: str) -> list[int]:
        """As many zeros as `text` is estimated to have tokens."""
        return [0] * self.count(text)

    __call__ = encode

    def count(self, text: str) -> int:
        """The estimate itself."""
        return count_text(text)

    def __repr__(self) -> str:
        return "EstimatedTokens()"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EstimatedTokens)

    def __hash__(self) -> int:
        return hash(EstimatedTokens)
