"""Values that a text gives by name: keys of JSON, labels, what else a member is called, numbers with a unit."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from kimi_emulator.brain.language import forms, others, terms
from kimi_emulator.brain.naming import loose, parts, pieces, same

_OPENS = re.compile(r"\{\s*[\"\w}]|\[\s*\{")
_BARE_KEY = re.compile(r"([{,]\s*)([A-Za-z_]\w*)(\s*:)")
_DOTS = re.compile(r",?\s*\.\.\.\s*(?=[\]}])")


def json_in(text: str) -> Iterator[tuple[Any, int, int]]:
    """Objects and lists of objects in a text, with where they begin and end.

    Samples may be sloppy: keys without quotes, lists that end in dots.
    """
    decoder, place = json.JSONDecoder(), 0
    for _ in range(50):
        match = _OPENS.search(text, place)
        if not match:
            return
        start = match.start()
        try:
            value, place = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            try:
                value = decoder.raw_decode(_BARE_KEY.sub(r'\1"\2"\3', _DOTS.sub("", text[start : start + 4000])))[0]
            except (ValueError, RecursionError):
                place = start + 1
                continue
            close = text.find("]" if text[start] == "[" else "}", start)
            place = close + 1 if close > 0 else len(text)
        yield value, start, place


def _synonyms(name: str) -> list[str]:
    """What else a member of this name is called: 姓名 is a name, an age comes in years."""
    own = parts(name) | {name}
    heads = [
        head
        for head, (_, parts_of_it) in terms("members").items()
        if head in own or head + "s" in own or (not name.isascii() and name in parts_of_it)
    ]
    called = dict.fromkeys(term for head in heads for term in (head, *others("members", head)))
    return [term for term in called if term != name]


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
    own = parts(name) | {name}
    heads = [head for head in terms("units") if head in own or head + "s" in own]
    heads = heads or sorted({each for each in _synonyms(name) if each in terms("units")})
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
        if columns and len(columns) < min(2, len(members)):
            break
        if columns:
            rows = table[place + 1 :]
            return ["\n".join(f"{name}: {row[i]}" for i, name in columns.items() if i < len(row)) for row in rows]
    return []
