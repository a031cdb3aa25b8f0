"""Language as data.

Patterns of prompts come out of ``patterns.toml``, words and phrases out of ``words.toml``, other words for the same
thing, also in other languages, out of ``meanings.toml``.
"""

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from kimi_emulator.words import stem, words

_LIMIT = 5000
"""Characters in which terms are looked for."""


@cache
def load(file: str) -> dict[str, dict[str, Any]]:
    """The sections of one of the brain's TOML files, read when the first of them is asked for."""
    return tomllib.loads(Path(__file__).with_name(f"{file}.toml").read_text(encoding="utf-8"))


@cache
def pattern(name: str) -> re.Pattern[str]:
    """The pattern ``section.name``. Its lines are joined; ``{{section.name}}`` in it stands for another one."""
    return re.compile(_source(name))


def forms(name: str, word: str) -> list[str]:
    """The patterns of a list, in each of which WORD stands for the word."""
    section, key = name.split(".")
    return [_join(each).replace("WORD", word) for each in load("patterns")[section][key]]


def _source(name: str) -> str:
    section, key = name.split(".")
    return _join(load("patterns")[section][key])


def _join(text: str) -> str:
    joined = re.sub(r"\n[ \t]*", "", text)
    return re.sub(r"\{\{([\w.]+)\}\}", lambda inner: re.sub(r"^\(\?\w+\)", "", _source(inner[1])), joined)


def capture(name: str, text: str) -> str:
    """What the first group that holds something holds where the pattern fits; "" where it does not."""
    match = pattern(name).search(text)
    return next((group.strip() for group in match.groups() if group), "") if match else ""


@cache
def words_of(name: str) -> frozenset[str]:
    """A list of words."""
    return frozenset(load("words")["lists"][name].split())


def phrase(name: str, chinese: bool, **values: object) -> str:
    """What the brain says of its own, in the one language or the other."""
    return load("words")["phrases"][name]["zh" if chinese else "en"].format(**values)


def _fold(text: str) -> str:
    """The text in lower case and without accents."""
    decomposed = unicodedata.normalize("NFKD", text.lower())
    return unicodedata.normalize("NFC", "".join(c for c in decomposed if unicodedata.category(c) != "Mn"))


def others(section: str, head: str) -> list[str]:
    """The other terms for a head, as they are written."""
    return [term for term in load("meanings")[section].get(head, "").split(", ") if term]


@cache
def terms(section: str) -> Mapping[str, tuple[frozenset[str], tuple[str, ...]]]:
    """By head the stems of plain words, and what counts wherever it occurs."""
    by_head: dict[str, tuple[frozenset[str], tuple[str, ...]]] = {}
    for head in load("meanings")[section]:
        plain = [term for term in [head, *others(section, head)] if re.fullmatch(r"[A-Za-z]+", term)]
        rest = [term for term in others(section, head) if term not in plain]
        by_head[head] = frozenset(stem(term.lower()) for term in plain), tuple(_fold(term) for term in rest)
    return by_head


def heads(section: str, text: str) -> dict[str, int]:
    """Heads that a text has terms for, each with how many of them."""
    text = text[:_LIMIT]
    folded = _fold(text)
    own = {*words(text), *map(stem, re.findall(r"[a-z]+", folded))}
    return {
        head: count
        for head, (stems, parts) in terms(section).items()
        if (count := len(stems & own) + sum(part in folded for part in parts))
    }
