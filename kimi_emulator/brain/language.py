"""Language as data: patterns of prompts out of ``patterns.toml``, words and phrases out of ``words.toml``."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["capture", "load", "numbers", "pattern", "phrase", "words_of"]


@cache
def load(file: str) -> dict[str, dict[str, Any]]:
    """The sections of one of the brain's TOML files, read when the first of them is asked for."""
    return tomllib.loads(Path(__file__).with_name(f"{file}.toml").read_text(encoding="utf-8"))


@cache
def pattern(name: str) -> re.Pattern[str]:
    """The pattern ``section.name``. Its lines are joined; ``{{section.name}}`` in it stands for another one."""
    return re.compile(_source(name))


def _source(name: str) -> str:
    section, key = name.split(".")
    joined = re.sub(r"\n[ \t]*", "", load("patterns")[section][key])
    return re.sub(r"\{\{([\w.]+)\}\}", lambda inner: re.sub(r"^\(\?\w+\)", "", _source(inner[1])), joined)


def capture(name: str, text: str) -> str:
    """What the first group that holds something holds where the pattern fits; "" where it does not."""
    match = pattern(name).search(text)
    return next((group.strip() for group in match.groups() if group), "") if match else ""


@cache
def words_of(name: str) -> frozenset[str]:
    """A list of words."""
    return frozenset(load("words")["lists"][name].split())


def numbers(name: str) -> dict[str, float]:
    """Words that stand for numbers: number words, factors of units, days from today."""
    return load("words")[name]


def phrase(name: str, chinese: bool, **values: object) -> str:
    """What the brain says of its own, in the one language or the other."""
    return load("words")["phrases"][name]["zh" if chinese else "en"].format(**values)
