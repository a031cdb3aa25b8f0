"""What the name of a schema member says, and whether a text is a value for it."""

from __future__ import annotations

import re
from typing import Any

from kimi_emulator.brain.language import load


def pieces(name: str) -> list[str]:
    """The words of a member name, in order."""
    return [piece for piece in re.split(r"[\s_-]+|(?<=[a-z])(?=[A-Z])", name) if piece]


def parts(name: str) -> set[str]:
    """The words of a member name, in lower case."""
    return {piece.lower() for piece in pieces(name)}


def prepositions(name: str) -> list[str]:
    """The prepositions (as a|b) behind which a text says such a member."""
    directions = load("words")["directions"]
    return [directions[part] for part in sorted(parts(name)) if part in directions]


def way(name: str) -> str:
    """Whether a name points away ("from") or towards ("to"), or ""."""
    return "".join(prepositions(name)[:1]).partition("|")[0]


def loose(name: str) -> str:
    """A pattern for the name, whatever stands between its words."""
    return r"[\s_-]*".join(map(re.escape, pieces(name)))


def same(cell: str, name: str) -> bool:
    """Whether the head of a table column means this member."""
    left, right = (re.sub(r"[^a-z0-9]", "", each.lower()) for each in (cell, name))
    return bool(left) and (left == right or left.rstrip("s") == right.rstrip("s") or left in right or right in left)


def scalar(value: Any) -> str | None:
    """A text or number as text."""
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None


def number_in(text: str | None, *, whole: bool) -> int | float | None:
    """The number that a text says; None where it says none, or no whole one where one is asked for."""
    match = re.search(r"-?\d[\d,]*(?:\.\d+)?", text or "")
    number = float(match[0].replace(",", "")) if match else None
    if number is None or (whole and number != int(number)):
        return None
    return int(number) if number == int(number) and (whole or abs(number) < 1e15) else number
