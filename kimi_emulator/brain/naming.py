"""What the name of a schema member says, and whether a text is a value for it."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["DIRECTIONS", "loose", "number_in", "parts", "prepositions", "same", "scalar", "way"]

DIRECTIONS = {
    "from": "from",
    "source": "from|of",
    "src": "from|of",
    "origin": "from",
    "departure": "from",
    "base": "from|of",
    "sender": "from",
    "to": "to|into|in",
    "target": "to|into|in",
    "dest": "to",
    "destination": "to",
    "arrival": "to",
    "recipient": "to",
    "quote": "to|into|in",
}


def parts(name: str) -> set[str]:
    """The words of a member name, in lower case."""
    return {part.lower() for part in re.split(r"[\s_-]+|(?<=[a-z])(?=[A-Z])", name)}


def prepositions(name: str) -> list[str]:
    """The prepositions (as a|b) behind which a text says such a member."""
    return [DIRECTIONS[part] for part in sorted(parts(name)) if part in DIRECTIONS]


def way(name: str) -> str:
    """Whether a name points away ("from") or towards ("to"), or ""."""
    directions = prepositions(name)
    if not directions:
        return ""
    return "from" if directions[0].startswith("from") else "to"


def loose(name: str) -> str:
    """A pattern for the name, whatever stands between its words."""
    return r"[\s_-]*".join(re.escape(part) for part in re.split(r"[\s_-]+", name) if part)


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
    if not match:
        return None
    number = float(match.group(0).replace(",", ""))
    if whole and number != int(number):
        return None
    return int(number) if number == int(number) and (whole or abs(number) < 1e15) else number
