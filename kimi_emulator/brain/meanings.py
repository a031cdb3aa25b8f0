"""What words mean: the same thing in other words and other languages, out of ``meanings.toml``."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from kimi_emulator.words import stem, words

__all__ = ["fold", "heads", "others", "terms"]

_LIMIT = 5000
"""Characters looked at."""


class _Terms(NamedTuple):
    stems: frozenset[str]
    """Stems of plain words."""
    parts: tuple[str, ...]
    """What counts wherever it occurs."""


def fold(text: str) -> str:
    """The text in lower case and without accents."""
    decomposed = unicodedata.normalize("NFKD", text.lower())
    return unicodedata.normalize("NFC", "".join(c for c in decomposed if unicodedata.category(c) != "Mn"))


@cache
def _sections() -> dict[str, dict[str, str]]:
    return tomllib.loads(Path(__file__).with_name("meanings.toml").read_text(encoding="utf-8"))


def others(section: str, head: str) -> list[str]:
    """The other terms for a head, as they are written."""
    return [term for term in _sections()[section].get(head, "").split(", ") if term]


@cache
def terms(section: str) -> Mapping[str, _Terms]:
    """The terms of a section's heads, ready to be looked for."""
    by_head: dict[str, _Terms] = {}
    for head in _sections()[section]:
        plain = [term for term in [head, *others(section, head)] if re.fullmatch(r"[A-Za-z]+", term)]
        rest = [term for term in others(section, head) if term not in plain]
        by_head[head] = _Terms(frozenset(stem(term.lower()) for term in plain), tuple(fold(term) for term in rest))
    return by_head


def heads(section: str, text: str) -> dict[str, int]:
    """Heads that a text has terms for, each with how many of them."""
    text = text[:_LIMIT]
    own, folded = {*words(text), *map(stem, re.findall(r"[a-z]+", fold(text)))}, fold(text)
    counted = {
        head: len(each.stems & own) + sum(part in folded for part in each.parts)
        for head, each in terms(section).items()
    }
    return {head: count for head, count in counted.items() if count}
