"""Token counts of texts: by a Kimi vocabulary if the emulator was given one, else by an estimate.

The estimate: four ASCII characters are one token and every other character is one token.
"""

from __future__ import annotations

from contextvars import ContextVar

from kimi_emulator.platform.vocabulary import Vocabulary

__all__ = ["CLOSE_TOKENS", "VOCABULARY", "count", "cut"]

VOCABULARY: ContextVar[Vocabulary | None] = ContextVar("kimi_emulator.vocabulary", default=None)
"""What counts while a request is answered; None estimates."""

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
