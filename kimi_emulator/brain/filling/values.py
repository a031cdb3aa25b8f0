"""Values found in texts: numbers, names, dates, codes, quoted words, labelled entries."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import islice
from typing import Any

from kimi_emulator.brain.filling import chinese, labels
from kimi_emulator.brain.language import numbers, pattern, words_of
from kimi_emulator.words import words

Place = tuple[str, int, int]
"""A value, and where in the text it begins and ends."""
_LIMIT = 100_000
"""Characters looked at."""


class Source:
    """One text, and everything that can be found in it. What is taken is not offered again."""

    def __init__(self, text: str) -> None:
        self.text: str = text[:_LIMIT]
        self._taken: set[tuple[int, int]] = set()

    # -- taking -----------------------------------------------------------------------------------------------

    def take(self, places: Iterable[Place]) -> str | None:
        """The first value that does not touch a taken one."""
        return next(iter(self.take_all(places, 1)), None)

    def take_all(self, places: Iterable[Place], most: int = 50) -> list[str]:
        """The first values that do not touch a taken one."""
        free = (each for each in places if all(each[2] <= a or each[1] >= b for a, b in self._taken))
        chosen = list(islice(free, most))
        self._taken |= {(start, end) for _, start, end in chosen}
        return [value for value, _, _ in chosen]

    # -- kinds ------------------------------------------------------------------------------------------------

    def find(self, kind: str) -> Iterator[Place]:
        """What is of a kind that a pattern tells: the first group that holds something, or else all of it."""
        for match in pattern(f"values.{kind}").finditer(self.text):
            group = next((group for group in range(1, match.re.groups + 1) if match[group]), 0)
            yield match[group].strip(), match.start(group), match.end(group)

    def numbers(self) -> Iterator[Place]:
        """Numbers as digits (outside dates), then numbers as words, then digits with a unit glued to them."""
        dates = [(start, end) for _, start, end in self.find("date")]
        spoken = numbers("number_words")
        for kind in ("number", "number_word", "glued_number"):
            for value, start, end in self.find(kind):
                if not any(start < b and end > a for a, b in dates):
                    yield str(spoken.get(value.lower(), value)).replace(",", ""), start, end
        yield from chinese.numbers(self.text)

    def codes(self) -> Iterator[Place]:
        """Words of letters and digits, such as order numbers."""
        return (each for each in self.find("code") if not pattern("values.date").fullmatch(each[0]))

    def names(self) -> Iterator[Place]:
        """Capitalised names, without the words a sentence merely opens with."""
        for value, start, end in self.find("proper"):
            while value and value.split(maxsplit=1)[0].lower().rstrip("'s’.,") in words_of("openers"):
                rest = "".join(value.split(maxsplit=1)[1:])
                start, value = start + len(value) - len(rest), rest
            value = value.rstrip(".'’").removesuffix("'s").removesuffix("’s")
            if value and (len(value) > 1 or not value.isalpha()):
                yield value, start, min(end, start + len(value))
        yield from chinese.names(self.text)

    def find_after(self, prepositions: str, *, names_only: bool = False) -> Iterator[Place]:
        """Names, then short phrases, that follow one of the prepositions (written a|b|c)."""
        name = pattern("values.name").pattern
        town = r"(?:the\s+(?:city|town|company|country)\s+of\s+)?"
        for match in re.finditer(rf"\b(?:{prepositions})\s+{town}({name})", self.text):
            value = match[1].rstrip(".'’")
            if value.split()[0].lower() not in words_of("openers"):
                yield value, match.start(1), match.start(1) + len(value)
        phrase = rf"\b(?:{prepositions})\s+{pattern('values.phrase').pattern}"
        for match in () if names_only else re.finditer(phrase, self.text, re.IGNORECASE):
            yield match[1], match.start(1), match.end(1)

    # -- labelled ---------------------------------------------------------------------------------------------

    @cached_property
    def _json(self) -> list[Any]:
        return [value for value, _, _ in labels.json_in(self.text)]

    def entry(self, name: str) -> Any:
        """The value under a key of this name where the text holds JSON, or None. Spelling differences are forgiven."""
        key, level = _key(name), self._json
        for _ in range(6 if level else 0):
            objects = [value for value in level[:200] if isinstance(value, dict)]
            for value in objects:
                for own_key, child in value.items():
                    if child is not None and _key(str(own_key)) == key:
                        return child
            lists = [value for value in level[:200] if isinstance(value, list)]
            level = [child for value in [*(value.values() for value in objects), *lists] for child in value]
        return None

    def value_of_label(self, name: str) -> str | None:
        """What follows the label: `name: value`, `name = value`, `name is value`, 姓名：value, `called Value`."""
        for form in labels.label_patterns(name):
            match = re.search(form, self.text, re.IGNORECASE)
            value = next((group for group in match.groups() if group), "") if match else ""
            if match and match[4]:
                value = re.split(r"\s+(?:and|but|with|in|for)\s+|\.\s|\.$", value)[0].strip(" *_`\"'")
            if value:
                return value
        return None

    def number_near(self, name: str) -> str | None:
        """A number that belongs to the name: `limit 5`, `3 days`, `two days`, `28 years old`, 身高175."""
        for form, unit in labels.number_patterns(name):
            match = re.search(form, self.text, re.IGNORECASE)
            if match:
                number = match[1].replace(",", "").lower()
                number = str(numbers("number_words").get(number, number))
                number = number if re.match(r"-?\d", number) else str(chinese.digits(number))
                if unit and re.search(r"meters?|metres?|(?:^|_)m$|kg", name):
                    number = f"{float(number) * numbers('factors').get(unit, 1.0):.2f}".rstrip("0").rstrip(".")
                self._taken.add(match.span(1))
                return number
        return None

    def mentions(self, name: str) -> bool:
        """Whether all words of the name occur."""
        parts = words(name.replace("_", " "))
        return bool(parts) and set(parts) <= set(words(self.text))


def _key(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name).lower()
