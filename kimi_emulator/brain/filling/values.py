"""Values found in texts: numbers, names, dates, codes, quoted words, labelled entries."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from itertools import islice
from typing import Any

from kimi_emulator.brain.filling import chinese, labels
from kimi_emulator.brain.filling.dates import DATE
from kimi_emulator.words import words

__all__ = ["CURRENCIES", "Source"]

_LIMIT = 100_000
"""Characters looked at."""
# ASCII in most patterns: in Chinese there are no spaces around Latin letters and digits.
_NUMBER = re.compile(
    r"(?<![\w.,-])-?\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\w-])|(?<![\w.-])-?\d+(?:\.\d+)?(?![\w-]|\.\d)", re.ASCII
)
_GLUED_NUMBER = re.compile(r"(?<![A-Za-z0-9.-])-?\d+(?:\.\d+)?(?=[A-Za-z°])")
_QUOTED = re.compile(
    r"\"([^\"\n]{1,300})\"|“([^”\n]{1,300})”|[「『]([^」』\n]{1,300})[」』]|`([^`\n]{1,300})`|《([^》\n]{1,300})》"
    r"|(?<!\w)'([^'\n]{1,300})'(?!\w)"
)
_NAME = (
    r"[A-ZÀ-ÞА-ЯЁ](?:(?![㐀-鿿])[\w'’.&-])*"
    r"(?:(?:\s+(?:of|de|la|le|the|and Sons)\b)?\s+[A-ZÀ-ÞА-ЯЁ0-9](?:(?![㐀-鿿])[\w'’&-])*)*(?:,\s[A-Z]{2}\b)?"
)
_PROPER = re.compile(rf"(?<![A-Za-z0-9_à-ÿа-я'])({_NAME})")
_CODE = re.compile(r"(?<![\w-])#?(?=[\w-]*\d)(?=[\w-]*[A-Za-z_-])[A-Za-z0-9][\w-]+(?![\w-])", re.ASCII)
_CURRENCY = re.compile(r"\b[A-Z]{3}\b")
CURRENCIES = frozenset(
    re.findall(
        "...",
        "USDEURGBPJPYCNYCHFCADAUDNZDINRKRWSEKNOKDKKPLNCZKHUFRONTRYRUBUAHBRLMXNARSCLPCOPZAREGPNGNKESSGDHKDTWDTHBIDRMYR"
        "PHPVNDAEDSARILSISK",
    )
)
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+\.[\w.-]*\w", re.ASCII)
_URL = re.compile(r"https?://[^\s\"'<>)\]，。、）㐀-鿿]+[^\s\"'<>)\].,;，。、）㐀-鿿]")
_PATH = re.compile(r"(?<![\w:/])(?:\.{0,2}/)?[\w-]+(?:/[\w.-]+)+|\b[\w-]+\.[a-z]{1,5}\b", re.ASCII)
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
    remember json hello hi hey thanks extract using now he she it his her they we you my our their this that these those
    but so because by from with there not no yes if per into over answer please let's suppose imagine classify rate
    provide invoice classify route name details multiply send remind play turn grade evaluate
    monday tuesday wednesday thursday friday saturday sunday
    wie was wer wo wann warum welche welcher welches ist sind bitte kannst
    quel quelle quels quelles que qui quoi combien comment où est est-ce peux donne
    qué cuál cuánto cuántos quién cómo dónde cuándo hay che come quale quanto chi dove
    какая какой какое какие кто что где когда сколько как qual quanto onde como""".split()  # noqa: SIM905
)


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

    def groups(self, pattern: re.Pattern[str]) -> Iterator[tuple[str, int, int]]:
        """The first group of each match that holds something."""
        for match in pattern.finditer(self.text):
            number = next((i for i in range(1, pattern.groups + 1) if match.group(i)), 0)
            yield match.group(number), match.start(number), match.end(number)

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
        yield from chinese.numbers(self.text)

    def quotations(self) -> Iterator[tuple[str, int, int]]:
        """Quoted texts without their quotes."""
        for match in _QUOTED.finditer(self.text):
            group = next(i for i in range(1, 7) if match.group(i) is not None)
            yield match.group(group), match.start(group), match.end(group)

    def dates(self) -> Iterator[tuple[str, int, int]]:
        """Dates: ISO, written out, days of the week, today and the like."""
        yield from self._matches(DATE)

    def codes(self) -> Iterator[tuple[str, int, int]]:
        """Words of letters and digits, such as order numbers."""
        yield from (each for each in self._matches(_CODE) if not DATE.fullmatch(each[0]))

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
        yield from chinese.names(self.text)

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
    def _json(self) -> list[Any]:
        return labels.json_values(self.text)

    def entry(self, name: str) -> Any:
        """The value under a key of this name where the text holds JSON, or None. Spelling differences are forgiven."""
        return labels.entry(self._json, name) if self._json else None

    def value_of_label(self, name: str) -> str | None:
        """What stands behind the name, or behind what it is called otherwise."""
        return labels.label_value(self.text, name)

    def number_near(self, name: str) -> str | None:
        """A number that belongs to the name: before it (``3 days``, ``two days``) or behind it (``limit 5``)."""
        match = labels.number_near(self.text, name)
        if match is None:
            return None
        self._taken.add(match[1])
        return match[0]

    def measure(self, name: str) -> str | None:
        """A number with a unit that belongs to the name, as text: a height, an age."""
        return self.number_near(name) if labels.units(name) else None

    def mentions(self, name: str) -> bool:
        """Whether all words of the name occur."""
        own = set(words(self.text))
        parts = words(name.replace("_", " "))
        return bool(parts) and all(part in own for part in parts)
