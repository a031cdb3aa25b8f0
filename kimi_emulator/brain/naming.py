"""What the name of a schema member says, what else it is called, and how texts label its values."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from kimi_emulator.brain.language import forms, load, others, terms


def members(schema: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The schemas of the members that an object schema declares, by name."""
    declared = schema.get("properties")
    schemas = declared.items() if isinstance(declared, dict) else ()
    return {name: each if isinstance(each, dict) else {} for name, each in schemas}


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


def whole_word(text: str) -> str:
    """A pattern for a text that is no part of a longer word."""
    return rf"(?<![A-Za-z0-9_]){loose(text)}(?![A-Za-z0-9_])" if text.isascii() else re.escape(text)


def same(cell: str, name: str) -> bool:
    """Whether the head of a table column means this member."""
    left, right = (re.sub(r"[^a-z0-9]", "", each.lower()) for each in (cell, name))
    return bool(left) and (left in right or right in left)


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


def _synonyms(name: str) -> list[str]:
    """What else a member of this name is called: 姓名 is a name, an age comes in years."""
    heads = _heads("members", name)
    heads += [head for head, (_, signs) in terms("members").items() if not name.isascii() and name in signs]
    called = dict.fromkeys(term for head in heads for term in (head, *others("members", head)))
    return [term for term in called if term != name]


def _heads(section: str, name: str) -> list[str]:
    own = parts(name) | {name}
    return [head for head in terms(section) if head in own or head + "s" in own]


def label_patterns(name: str) -> Iterator[str]:
    """Patterns for the label of a member with its value."""
    if not pieces(name):
        return
    yield from forms("labels.named" if name.isascii() else "labels.chinese", loose(name))
    for term in _synonyms(name):
        if not term.isascii():
            yield from forms("labels.chinese", re.escape(term))
        elif " " in term or term.endswith("ed"):
            yield from forms("labels.spoken", term)
        elif len(pieces(name)) == 1:
            yield from forms("labels.named", term)[:1]


def units(name: str) -> list[str]:
    """Units that show that a number belongs to a member with such a name."""
    heads = _heads("units", name) or sorted({*_synonyms(name)} & terms("units").keys())
    return sorted((unit for head in heads for unit in others("units", head)), key=lambda unit: -len(unit))


def number_patterns(name: str) -> Iterator[tuple[str, str]]:
    """Patterns for a member's number, each with the unit that it counts in, or ""."""
    for unit in units(name):
        yield from ((form, unit) for form in forms("labels.counted", re.escape(unit)))
    for word in [*(term for term in _synonyms(name) if not term.isascii()), *pieces(name)[::-1]]:
        kind = "word" if word.isascii() else "chinese"
        kind = "letter" if kind == "word" and len(word) < 3 else kind  # "a" and "b" are words of their own
        bare = word.rstrip("s") if kind == "word" else word
        yield from ((form, "") for form in forms(f"labels.number_by_{kind}", re.escape(bare)))


def table_rows(text: str, members: list[str]) -> list[str]:
    """The rows of a table whose head names members, each as lines of `member: value`; [] where it names too few."""
    lines = [line for line in text.splitlines() if not re.match(r"^[\s|:-]*$", line)]
    table = [[cell.strip(" *`") for cell in line.strip().strip("|").split("|")] for line in lines if "|" in line]
    for place, head in enumerate(table):
        columns = {i: name for i, cell in enumerate(head) for name in members if same(cell, name)}
        if columns:
            rows = table[place + 1 :] if len(columns) >= min(2, len(members)) else []
            return ["\n".join(f"{name}: {row[i]}" for i, name in columns.items() if i < len(row)) for row in rows]
    return []
