"""Exact token counts, when a Kimi vocabulary is given: the ``tiktoken.model`` of Moonshot AI's open weights.

One file of ``base64 rank`` lines; ``tiktoken`` (extra ``tokenizer``) does the pairs. What stands between the texts of a
prompt is known to ``platform.prompt``.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["Vocabulary"]

_LETTERS_UP = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]"
_LETTERS_LOW = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]"
_ENDINGS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
# A text is split by these patterns before its tokens are looked up. The first pattern that matches is used.
_SPLIT = "|".join(
    (
        r"[\p{Han}]+",
        rf"[^\r\n\p{{L}}\p{{N}}]?{_LETTERS_UP}*{_LETTERS_LOW}+{_ENDINGS}",
        rf"[^\r\n\p{{L}}\p{{N}}]?{_LETTERS_UP}+{_LETTERS_LOW}*{_ENDINGS}",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    )
)
_LONGEST = 25_000  # characters without a change between blank and not; longer runs are cut, as in the open tokenizer
_RUN = re.compile(r"\s+|\S+")


class Vocabulary:
    """A loaded vocabulary. Raises ``ValueError``, with what to do, for a file that is no vocabulary."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        try:
            import tiktoken
        except ImportError as error:
            raise ValueError(
                'a vocabulary needs tiktoken: pip install "kimi-integrations[tokenizer]", or leave it out for estimates'
            ) from error
        self._encoding: Any = tiktoken.Encoding(
            "kimi-emulator", pat_str=_SPLIT, mergeable_ranks=_ranks(Path(path)), special_tokens={}
        )

    def encode(self, text: str) -> list[int]:
        """The token ids of a text; marks in it are text like any other."""
        if len(text) <= _LONGEST:
            return self._encoding.encode_ordinary(_valid(text))
        return [token for piece in _pieces(_valid(text)) for token in self._encoding.encode_ordinary(piece)]

    def count(self, text: str) -> int:
        """How many tokens a text is."""
        return len(self.encode(text))

    def cut(self, text: str, tokens: int) -> str:
        """The longest beginning of `text` with at most this number of tokens. No character is split."""
        ids = self.encode(text)
        if len(ids) <= tokens:
            return text
        return text[: len(self._encoding.decode_bytes(ids[: max(tokens, 0)]).decode("utf-8", "ignore"))]


def _valid(text: str) -> str:
    """Half a surrogate pair has no UTF-8, so it is counted as the character that stands for a missing one."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _pieces(text: str) -> Iterator[str]:
    begin = 0
    for run in _RUN.finditer(text):
        for place in range(run.start() + _LONGEST, run.end(), _LONGEST):
            yield text[begin:place]
            begin = place
        if run.end() - begin > 10 * _LONGEST:
            yield text[begin : run.end()]
            begin = run.end()
    yield text[begin:]


def _ranks(path: Path) -> dict[bytes, int]:
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise ValueError(f"the vocabulary {path} cannot be read ({error.strerror}): pass a tiktoken.model") from error
    ranks: dict[bytes, int] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            token, rank = line.split()
            ranks[base64.b64decode(token, validate=True)] = int(rank)
        except ValueError as error:
            raise ValueError(
                f"{path}, line {number}, is not a token in base64 and its rank: pass an unchanged tiktoken.model of "
                "Moonshot's open weights (not a Git LFS pointer)"
            ) from error
    if not all(bytes([byte]) in ranks for byte in range(256)):
        raise ValueError(f"{path} lacks some of the 256 single bytes: pass an unchanged tiktoken.model")
    return ranks
