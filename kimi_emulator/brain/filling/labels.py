"""Values that a text gives by name: keys of JSON, labels, what else a member is called, numbers with a unit."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from kimi_emulator.brain.filling import chinese
from kimi_emulator.brain.meanings import others, terms
from kimi_emulator.brain.naming import parts, same

__all__ = ["entry", "json_values", "label_value", "number_near", "synonyms", "table_rows", "units"]

_VALUE = r"[*_`]{0,2}(?:\"([^\"\n]+)\"|'([^'\n]+)'|[“「《]([^”」》\n]+)[”」》]|([^\n|;,?!，。；、？！]+))"
_JOINTS = (r"\s*[:=：]\s*", r"\s*\|\s*", r"\s+(?:is|was|are|of|named|called)\s+", r"\s+(?=[\"'“`\d])")
_CHINESE_JOINT = r"(?:\s*(?:是|为|叫做|叫|:|：|=)\s*|\s*(?=[A-Za-z0-9\"“「《+]))"
_NUMBER = r"(-?\d[\d,]{0,20}(?:\.\d+)?)"
_WORDS: dict[str, int] = dict(
    zip("zero one two three four five six seven eight nine ten eleven twelve".split(), range(13), strict=True)  # noqa: SIM905
)
_FACTORS: dict[str, float] = {
    **dict.fromkeys(("feet", "foot", "ft"), 0.3048),
    **dict.fromkeys(("cm", "厘米"), 0.01),
    **dict.fromkeys(("inches", "inch"), 0.0254),
    **dict.fromkeys(("pounds", "lbs"), 0.4536),
}


def json_values(text: str) -> list[Any]:
    """JSON objects and lists in a text: results of several tools stand one below the other."""
    values: list[Any] = []
    decoder, place = json.JSONDecoder(), 0
    for _ in range(20):
        starts = [start for bracket in "{[" if (start := text.find(bracket, place)) >= 0]
        if not starts:
            break
        try:
            value, place = decoder.raw_decode(text, min(starts))
            values.append(value)
        except (ValueError, RecursionError):
            place = min(starts) + 1
    return values


def entry(values: list[Any], name: str) -> Any:
    """The value under a key of this name, or None. Spelling differences are forgiven."""
    key_sought = _key(name)
    level: list[Any] = [values]
    for _ in range(6):
        below: list[Any] = []
        for value in level[:200]:
            if isinstance(value, dict):
                for key, child in value.items():
                    if _key(str(key)) == key_sought and child is not None:
                        return child
                below += value.values()
            elif isinstance(value, list):
                below += value
        level = below
    return None


def synonyms(name: str) -> list[str]:
    """What else a member of this name is called: 姓名 is a name, an age comes in years."""
    own = parts(name) | {name}
    terms_of_it: list[str] = []
    for head, each in terms("members").items():
        if head in own or head + "s" in own or (not name.isascii() and name in each.parts):
            terms_of_it += [head, *others("members", head)]
    return [term for term in dict.fromkeys(terms_of_it) if term != name]


def label_value(text: str, name: str) -> str | None:
    """What stands behind the label: `name: value`, `name = value`, `name is value`, 姓名：value, `called Value`."""
    spoken = r"[\s_-]*".join(re.escape(part) for part in _parts(name))
    if not spoken:
        return None
    head = rf"(?<![\w])[*_`\"']{{0,3}}{spoken}[*_`\"']{{0,3}}"
    patterns = [head + joint + _VALUE for joint in _JOINTS] if name.isascii() else [spoken + _CHINESE_JOINT + _VALUE]
    for term in synonyms(name):
        if not term.isascii():
            joint = r"\s*" if term in ("叫", "名叫") else _CHINESE_JOINT
            patterns.append(re.escape(term) + joint + _VALUE)
        elif " " in term or term.endswith("ed"):
            patterns.append(rf"\b{term}\s+(?:by\s+)?()()()((?-i:[A-Z])[\w.'-]*(?:\s+(?-i:[A-Z])[\w.'-]*)*)")
        elif len(_parts(name)) == 1:
            patterns.append(rf"(?<![\w])[*_`\"']{{0,3}}{term}[*_`\"']{{0,3}}\s*[:=：]\s*" + _VALUE)
    for pattern in patterns:
        match = re.search(pattern, text, re.IGNORECASE)
        if match:
            value = next((group for group in match.groups() if group), "")
            if match.group(4):
                value = re.split(r"\s+(?:and|but|with|in|for)\s+|\.\s|\.$", value)[0].strip(" *_`\"'")
            if value:
                return value
    return None


def units(name: str) -> list[str]:
    """Units of numbers that tell of such a member."""
    own = parts(name) | {name}
    terms_of_it = [
        unit for head in terms("units") if head in own or head + "s" in own for unit in others("units", head)
    ]
    if not terms_of_it:
        words = {each for each in synonyms(name) if each in terms("units")}
        terms_of_it = [unit for head in sorted(words) for unit in others("units", head)]
    return sorted(terms_of_it, key=lambda unit: -len(unit))


def number_near(text: str, name: str) -> tuple[str, tuple[int, int]] | None:
    """A number that belongs to the name, with its place: `limit 5`, `3 days`, `two days`, `28 years old`, 身高175."""
    for pattern, unit in _number_patterns(name):
        match = re.search(pattern, text, re.IGNORECASE)
        if match:
            number = match.group(1).replace(",", "").lower()
            number = str(_WORDS.get(number, number))
            if not re.match(r"-?\d", number):
                number = str(chinese.digits(number))
            if unit and re.search(r"meters?|metres?|(?:^|_)m$|kg", name):
                number = f"{float(number) * _FACTORS.get(unit, 1.0):.2f}".rstrip("0").rstrip(".")
            return number, match.span(1)
    return None


def _number_patterns(name: str) -> Iterator[tuple[str, str]]:
    for unit in units(name):
        spaced = rf"\s*{re.escape(unit)}" + (r"\b" if unit[-1:].isalpha() and unit.isascii() else "")
        yield rf"{_NUMBER}(?:-year-old|{spaced})" if unit == "year-old" else _NUMBER + spaced, unit
        if not unit.isascii():
            yield rf"([零一二两三四五六七八九十百]+){re.escape(unit)}", unit
    for term in synonyms(name):
        if not term.isascii():
            yield rf"{re.escape(term)}(?:是|为|:|：)?\s*{_NUMBER}", ""
    for part in _parts(name)[::-1]:
        if not part.isascii():
            yield rf"{re.escape(part)}(?:是|为|:|：)?\s*[¥￥$]?{_NUMBER}", ""
        elif len(part) < 3:  # "a" and "b" are words of their own
            yield rf"\b{re.escape(part)}\s*[:=]\s*(-?\d+(?:\.\d+)?)", ""
        else:
            word = re.escape(part.rstrip("s"))
            yield rf"\b{word}\w{{0,2}}\b[\s:=]*(?:is|of|to|at|=|:)?\s*[$€£¥]?{_NUMBER}", ""
            yield rf"{_NUMBER}[\s-]*{word}\w{{0,2}}\b", ""
            yield rf"\b({'|'.join(_WORDS)})\s+{word}\w{{0,2}}\b", ""


def _parts(name: str) -> list[str]:
    return [part for part in re.split(r"[\s_-]+|(?<=[a-z])(?=[A-Z])", name) if part]


def _key(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name).lower()


def table_rows(text: str, members: list[str]) -> list[str]:
    """The rows of a table whose head names members, each as lines of `member: value`; [] where it names too few."""
    columns: dict[int, str] = {}
    rows: list[str] = []
    for line in text.splitlines():
        cells = [cell.strip(" *`") for cell in line.strip().strip("|").split("|")]
        if len(cells) < 2 or re.match(r"^[\s|:-]*$", line):
            continue
        if columns:
            rows.append("\n".join(f"{name}: {cells[i]}" for i, name in columns.items() if i < len(cells)))
        else:
            columns = {i: name for i, cell in enumerate(cells) for name in members if same(cell, name)}
    return rows if len(columns) >= min(2, len(members)) else []
