"""A vocabulary made for tests, in the format of Kimi's: every single byte, and the merges of a few words."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable
from pathlib import Path

WORDS = ("user", "system", "assistant", "tool", "hello", " world", "月亮", "说", "return", "functions")
"""Each is one token."""

REAL = Path(
    os.environ.get("KIMI_VOCABULARY")
    or Path(__file__).resolve().parents[3] / "shared" / "reference" / "tokenizer" / "tiktoken.model"
)
"""The real one, on machines that have it; nothing but an additional check needs it."""


def ranks(words: Iterable[str] = WORDS) -> dict[bytes, int]:
    """Token to rank: the bytes, then each word with the pairs that lead to it."""
    vocabulary = {bytes([byte]): byte for byte in range(256)}
    for word in words:
        data = word.encode()
        for end in range(2, len(data) + 1):
            vocabulary.setdefault(data[:end], len(vocabulary))
    return vocabulary


def write(path: Path, tokens: dict[bytes, int] | None = None) -> Path:
    """Write a vocabulary file."""
    lines = [f"{base64.b64encode(token).decode()} {rank}" for token, rank in (tokens or ranks()).items()]
    path.write_text("\n".join(lines) + "\n", "ascii")
    return path
