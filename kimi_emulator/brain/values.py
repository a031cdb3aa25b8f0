"""Values found in texts: numbers, names, dates, codes, quoted words, labelled entries."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cached_property
from itertools import islice
from typing import Any

from kimi_emulator.words import words

__all__ = ["CURRENCIES", "Source", "iso_date"]

_LIMIT = 100_000
"""Characters looked at."""
_NUMBER = re.compile(r"(?<![\w.,-])-?\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\w-])|(?<![\w.-])-?\d+(?:\.\d+)?(?![\w-]|\.\d)")
_GLUED_NUMBER = re.compile(r"(?<![\w.-])-?\d+(?:\.\d+)?(?=[A-Za-z°])")
_QUOTED = re.compile(
    r"\"([^\"\n]{1,300})\"|“([^”\n]{1,300})”|「([^」\n]{1,300})」|`([^`\n]{1,300})`|(?<!\w)'([^'\n]{1,300})'(?!\w)"
)
_NAME = r"[A-ZÀ-Þ][\w'’.&-]*(?:(?:\s+(?:of|de|la|le|the|and Sons)\b)?\s+[A-ZÀ-Þ0-9][\w'’&-]*)*(?:,\s[A-Z]{2}\b)?"
_PROPER = re.compile(rf"(?<![\w'])({_NAME})")
_CODE = re.compile(r"(?<![\w-])#?(?=[\w-]*\d)(?=[\w-]*[A-Za-z_-])[A-Za-z0-9][\w-]+(?![\w-])")
_CURRENCY = re.compile(r"\b[A-Z]{3}\b")
CURRENCIES = frozenset(
    re.findall(
        "...",
        "USDEURGBPJPYCNYCHFCADAUDNZDINRKRWSEKNOKDKKPLNCZKHUFRONTRYRUBUAHBRLMXNARSCLPCOPZAREGPNGNKESSGDHKDTWDTHBIDRMYR"
        "PHPVNDAEDSARILSISK",
    )
)
_MONTHS = "january february march april may june july august september october november december".split()  # noqa: SIM905
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.?"
_DATE = re.compile(
    rf"\b\d{{4}}-\d{{2}}-\d{{2}}(?:[T ]\d{{2}}:\d{{2}}(?::\d{{2}})?Z?)?|\b\d{{1,2}}\s+{_MONTH}\s+\d{{4}}"
    rf"|\b{_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?,?\s+\d{{4}}|\b(?:today|tomorrow|yesterday|tonight)\b",
    re.IGNORECASE,
)
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+\.[\w.-]*\w")
_URL = re.compile(r"https?://[^\s\"'<>)\]]+[^\s\"'<>)\].,;]")
_PATH = re.compile(r"(?<![\w:/])(?:\.{0,2}/)?[\w-]+(?:/[\w.-]+)+|\b[\w-]+\.[a-z]{1,5}\b")
_EXPRESSION = re.compile(r"[-(]*\d[\d.\s()]*(?:[-+*/^%]|\*\*)[-+*/^%().\d\s]*\d\)*")
_NUMBER_WORDS = {
    word: number
    for number, word in enumerate(
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
    )
}
_NUMBER_WORD = re.compile(r"\b(" + "|".join(_NUMBER_WORDS) + r")\b", re.IGNORECASE)
_OPENERS = frozenset(
    """what which who whom whose when where why how is are was were do does did can could would will should please tell
    give show find get look search use call compute calculate convert add multiply subtract divide book send create
    list check i the a an in on at for of to and then also compare return answer reply read write set make let my if
    given based context question query summarize translate explain describe fetch schedule order run ask need
    remember json hello hi hey thanks extract using now""".split()  # noqa: SIM905
)


def iso_date(text: str) -> str:
    """A date in ISO form where the text says which it is, or the text."""
    match = re.match(
        rf"(\d{{1,2}})\s+({_MONTH})\s+(\d{{4}})|({_MONTH})\s+(\d{{1,2}})\w*,?\s+(\d{{4}})", text, re.IGNORECASE
    )
    if not match:
        return text
    day, month, year = match.group(1, 2, 3) if match.group(1) else match.group(5, 4, 6)
    number = next(n for n, name in enumerate(_MONTHS, 1) if name.startswith(month[:3].lower()))
    return f"{year}-{number:02d}-{int(day):02d}"


class Source:
    """One text, and everything that can be found in it. What is taken is not offered again."""

    def __init__(self, text: str) -> None:
        self.text: str = text[:_LIMIT]
        self._taken: set[tuple[int, int]] = set()

    # -- taking -----------------------------------------------------------------------------------------------

    def take(self, places: Iterator[tuple[str, int, int]]) -> str | None:
        """The first found value that does not touch a taken one."""
        for value, start, end in places:
            if all(end <= a or start >= b for a, b in self._taken):
                self._taken.add((start, end))
                return value
        return None

    def take_all(self, places: Iterator[tuple[str, int, int]], most: int = 50) -> list[str]:
        """The first values that do not touch a taken one."""
        free = (each for each in places if all(each[2] <= a or each[1] >= b for a, b in self._taken))
        chosen = list(islice(free, most))
        self._taken |= {(start, end) for _, start, end in chosen}
        return [value for value, _, _ in chosen]

    def mark(self, start: int, end: int) -> None:
        """Take a stretch of the text."""
        self._taken.add((start, end))

    def _matches(self, pattern: re.Pattern[str]) -> Iterator[tuple[str, int, int]]:
        for match in pattern.finditer(self.text):
            yield match.group(0), match.start(), match.end()

    def before(self, place: int) -> str:
        """The last characters before a place."""
        return self.text[max(place - 8, 0) : place]

    # -- kinds ------------------------------------------------------------------------------------------------

    def numbers(self) -> Iterator[tuple[str, int, int]]:
        """Numbers as digits (outside dates), then numbers as words, then digits with a unit glued to them."""
        dates = [(start, end) for _, start, end in self.dates()]
        for pattern in (_NUMBER, _NUMBER_WORD, _GLUED_NUMBER):
            for value, start, end in self._matches(pattern):
                if any(start < b and end > a for a, b in dates):
                    continue
                yield str(_NUMBER_WORDS.get(value.lower(), value)).replace(",", ""), start, end

    def quotations(self) -> Iterator[tuple[str, int, int]]:
        """Quoted texts without their quotes."""
        for match in _QUOTED.finditer(self.text):
            group = next(i for i in range(1, 6) if match.group(i) is not None)
            yield match.group(group), match.start(group), match.end(group)

    def dates(self) -> Iterator[tuple[str, int, int]]:
        """Dates: ISO, written out, or today, tomorrow, yesterday."""
        yield from self._matches(_DATE)

    def codes(self) -> Iterator[tuple[str, int, int]]:
        """Words of letters and digits, such as order numbers."""
        yield from self._matches(_CODE)

    def currencies(self) -> Iterator[tuple[str, int, int]]:
        """Words of three capitals."""
        yield from self._matches(_CURRENCY)

    def names(self) -> Iterator[tuple[str, int, int]]:
        """Capitalised names, without the words a sentence merely opens with."""
        for match in _PROPER.finditer(self.text):
            value, start, end = match.group(1), match.start(1), match.end(1)
            while value:
                first = value.split(maxsplit=1)[0]
                if first.lower().rstrip("'s’.,") not in _OPENERS:
                    break
                rest = value[len(first) :].lstrip()
                start += len(value) - len(rest)
                value = rest
            value = value.rstrip(".'’")
            if value.endswith(("'s", "’s")):
                value = value[:-2]
            if value and (len(value) > 1 or not value.isalpha()):
                yield value, start, min(end, start + len(value))

    def kind(self, name: str) -> Iterator[tuple[str, int, int]]:
        """Values of a named kind: email, url, path or expression."""
        patterns = {"email": _EMAIL, "url": _URL, "path": _PATH, "expression": _EXPRESSION}
        for value, start, end in self._matches(patterns[name]):
            yield value.strip(), start, end

    def after(self, prepositions: str, *, names_only: bool = False) -> Iterator[tuple[str, int, int]]:
        """Names, then short phrases, that follow one of the prepositions (written a|b|c)."""
        for match in re.finditer(
            rf"\b(?:{prepositions})\s+(?:the\s+(?:city|town|company|country)\s+of\s+)?({_NAME})", self.text
        ):
            value = match.group(1).rstrip(".'’")
            if value.split()[0].lower() not in _OPENERS:
                yield value, match.start(1), match.start(1) + len(value)
        if names_only:
            return
        word = r"[^\s,.;:?!\"']+"
        ends = r"(?!(?:and|in|for|of|to|from|on|at|with|using|then|is|are)\b)"
        phrase = rf"\b(?:{prepositions})\s+(?:the\s+|an?\s+|my\s+)?({word}(?:\s+{ends}{word}){{0,3}})"
        for match in re.finditer(phrase, self.text, re.IGNORECASE):
            yield match.group(1), match.start(1), match.end(1)

    # -- labelled ---------------------------------------------------------------------------------------------

    @cached_property
    def _json(self) -> Any:
        values: list[Any] = []
        decoder, place = json.JSONDecoder(), 0
        for _ in range(20):  # results of several tools stand one below the other
            starts = [start for bracket in "{[" if (start := self.text.find(bracket, place)) >= 0]
            if not starts:
                break
            try:
                value, place = decoder.raw_decode(self.text, min(starts))
                values.append(value)
            except (ValueError, RecursionError):
                place = min(starts) + 1
        return values

    def entry(self, name: str) -> Any:
        """The value under a key of this name where the text holds JSON, or None. Spelling differences are forgiven."""
        key_sought = _key(name)
        level: list[Any] = [self._json]
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

    def value_of_label(self, name: str) -> str | None:
        """What stands behind the label: ``name: value``, ``name = value``, ``name is value``, ``**Name**: value``."""
        spoken = r"[\s_-]*".join(re.escape(part) for part in _name_parts(name))
        if not spoken:
            return None
        head = rf"(?<![\w])[*_`\"']{{0,3}}{spoken}[*_`\"']{{0,3}}"
        for joint in (r"\s*[:=：]\s*", r"\s*\|\s*", r"\s+(?:is|was|are|of|named|called)\s+", r"\s+(?=[\"'“`\d])"):
            match = re.search(
                head + joint + r"[*_`]{0,2}(?:\"([^\"\n]+)\"|'([^'\n]+)'|“([^”\n]+)”|([^\n|;,?!]+))",
                self.text,
                re.IGNORECASE,
            )
            if match:
                value = next(group for group in match.groups() if group)
                if match.group(4):
                    value = re.split(r"\s+(?:and|but|with|in|for)\s+|\.\s|\.$", value)[0].strip(" *_`\"'")
                if value:
                    return value
        return None

    def number_near(self, name: str) -> str | None:
        """A number that belongs to the name: before it (``3 days``, ``two days``) or behind it (``limit 5``)."""
        for part in _name_parts(name)[::-1]:
            if len(part) < 3:  # "a" and "b" are words of their own
                match = re.search(rf"\b{re.escape(part)}\s*[:=]\s*(-?\d+(?:\.\d+)?)", self.text)
                if match:
                    self._taken.add(match.span(1))
                    return match.group(1)
                continue
            word = re.escape(part.rstrip("s"))
            for pattern in (
                rf"\b{word}\w{{0,2}}\b[\s:=]*(?:is|of|to|at|=|:)?\s*[$€£¥]?(-?\d[\d,]{{0,20}}(?:\.\d+)?)",
                rf"(-?\d[\d,]{{0,20}}(?:\.\d+)?)[\s-]*{word}\w{{0,2}}\b",
            ):
                match = re.search(pattern, self.text, re.IGNORECASE)
                if match:
                    self._taken.add(match.span(1))
                    return match.group(1).replace(",", "")
            match = re.search(rf"{_NUMBER_WORD.pattern}\s+{word}\w{{0,2}}\b", self.text, re.IGNORECASE)
            if match:
                self._taken.add(match.span(1))
                return str(_NUMBER_WORDS[match.group(1).lower()])
        return None

    def mentions(self, name: str) -> bool:
        """Whether all words of the name occur."""
        own = set(words(self.text))
        parts = words(name.replace("_", " "))
        return bool(parts) and all(part in own for part in parts)


def _name_parts(name: str) -> list[str]:
    return [part for part in re.split(r"[\s_-]+|(?<=[a-z])(?=[A-Z])", name) if part]


def _key(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name).lower()
