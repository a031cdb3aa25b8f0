"""Values found in texts: numbers, names, codes, quoted words, labelled entries; dates, currencies, languages."""

import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import islice
from typing import Any

from kimi_emulator.brain.filling import chinese
from kimi_emulator.brain.language import capture, forms, heads, load, others, pattern, terms, words_of
from kimi_emulator.brain.naming import label_patterns, number_patterns, prepositions, way
from kimi_emulator.brain.reading import json_in
from kimi_emulator.words import words

Place = tuple[str, int, int]
"""A value, and where in the text it begins and ends."""
_LIMIT = 100_000
"""Characters looked at."""
_OF_FORMAT = {"email": "email", "uri": "url", "url": "url"}


class Source:
    """One text, and everything that can be found in it. What is taken is not offered again."""

    def __init__(self, text: str) -> None:
        self.text: str = text[:_LIMIT]
        self._taken: set[tuple[int, int]] = set()

    def take(self, places: Iterable[Place]) -> str | None:
        """The first value that does not touch a taken one."""
        return next(self.take_each(places), None)

    def take_each(self, places: Iterable[Place]) -> Iterator[str]:
        """The values that do not touch a taken one, each taken when it is asked for: at most 50."""
        free = (each for each in places if all(each[2] <= a or each[1] >= b for a, b in self._taken))
        for value, start, end in islice(free, 50):
            self._taken.add((start, end))
            yield value

    def find(self, kind: str) -> Iterator[Place]:
        """What is of a kind that a pattern tells: the first group that holds something, or else all of it."""
        for match in pattern(f"values.{kind}").finditer(self.text):
            group = next((group for group in range(1, match.re.groups + 1) if match[group]), 0)
            yield match[group].strip(), match.start(group), match.end(group)

    def numbers(self) -> Iterator[Place]:
        """Numbers as digits (outside dates), then numbers as words, then digits with a unit glued to them."""
        dates = [(start, end) for _, start, end in self.find("date")]
        spoken = load("words")["number_words"]
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
        name, phrase = forms("values.behind", prepositions)
        for match in re.finditer(name, self.text):
            value = match[1].rstrip(".'’")
            if value.split()[0].lower() not in words_of("openers"):
                yield value, match.start(1), match.start(1) + len(value)
        for match in () if names_only else re.finditer(phrase, self.text, re.IGNORECASE):
            yield match[1], match.start(1), match.end(1)

    @cached_property
    def _entries(self) -> dict[str, Any]:
        queue, entries = [value for value, _, _ in json_in(self.text)], {}
        for value in islice(queue, 1000):  # it grows while it is walked: what stands further in comes later
            own = value if isinstance(value, dict) else {}
            entries = {_key(str(key)): child for key, child in own.items() if child is not None} | entries
            queue += value if isinstance(value, list) else own.values()
        return entries

    def entry(self, name: str) -> Any:
        """The value under a key of this name where the text holds JSON, or None. Spelling differences are forgiven."""
        return self._entries.get(_key(name))

    def value_of_label(self, name: str) -> str | None:
        """What follows the label: `name: value`, `name = value`, `name is value`, 姓名：value, `called Value`."""
        for form in label_patterns(name):
            if match := re.search(form, self.text, re.IGNORECASE):
                bare = re.split(r"\s+(?:and|but|with|in|for)\s+|\.\s|\.$", match[4] or "")[0].strip(" *_`\"'")
                return bare or next((group for group in match.groups() if group), None)
        return None

    def number_near(self, name: str) -> str | None:
        """A number that belongs to the name: `limit 5`, `3 days`, `two days`, `28 years old`, 身高175."""
        for form, unit in number_patterns(name):
            if match := re.search(form, self.text, re.IGNORECASE):
                number = match[1].replace(",", "").lower()
                number = str(load("words")["number_words"].get(number, number))
                number = number if re.match(r"-?\d", number) else str(chinese.digits(number))
                if unit and re.search(r"meters?|metres?|(?:^|_)m$|kg", name):
                    number = f"{float(number) * load('words')['factors'].get(unit, 1.0):.2f}".rstrip("0").rstrip(".")
                self._taken.add(match.span(1))
                return number
        return None

    def mentions(self, name: str) -> bool:
        """Whether all words of the name occur."""
        parts = words(name.replace("_", " "))
        return bool(parts) and set(parts) <= set(words(self.text))


def _key(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name).lower()


def of_kind(source: Source, lower: str, about: str, form: Any) -> str | None:
    """A text that can be recognised by its form: a date, an address, a currency, a sum."""
    if form in ("date", "date-time", "time") or pattern("kinds.date").search(lower):
        day = source.take(source.find("date")) or (source.text if form == "time" else "")
        is_said = form is None and not re.search(r"\d{4}", day)
        return (day if is_said else in_format(day, form or "date", source.text)) or None
    if pattern("kinds.currency").search(about):
        return _currency(source, lower)
    for kind in ("email", "url", "phone", "moment", "path"):
        if _OF_FORMAT.get(form) == kind or pattern(f"kinds.{kind}").search(lower):
            value = source.take(source.find(kind))
            if value or kind != "email" or form == "email":
                return value
    return _language(source) if pattern("kinds.language").search(lower) else _attribute(source, lower)


def _language(source: Source) -> str | None:
    """The language that a text names (`into French`), or is written in."""
    counted = heads("classes", source.text)
    spoken = [each for each in load("words")["lists"]["tongues"].split() if counted.get(each)]
    # Japanese texts hold Chinese characters too.
    most = max(spoken, key=lambda each: counted[each] * (2 if each == "japanese" else 1), default="")
    return capture("kinds.into_language", source.text) or most.capitalize() or None


def _attribute(source: Source, lower: str) -> str | None:
    """`black` for the colour of hair: the word before the noun, or behind its `is`."""
    match = re.match(r"(\w+?)_(?:colou?r|type|style|size)$", lower)
    noun = re.escape(match[1]) if match else "(?!)"
    forms = (rf"\b{noun}\s+(?:is|was|are)\s+(?:very\s+)?(\w+)", rf"\b(\w+)(?:\s+colou?red)?\s+{noun}\b")
    words = (word for form in forms for word in re.findall(form, source.text, re.IGNORECASE))
    return next((word for word in words if word.lower() not in words_of("no_attributes")), None)


def _currency(source: Source, lower: str) -> str | None:
    """The currency that a text names, as code or in words, in the direction that the member's name tells."""
    text, known = source.text, words_of("currencies")
    places = {start: code for code, start, _ in source.find("currency") if code in known}
    for code in terms("currencies"):
        begins = [begin for each in others("currencies", code) if (begin := text.lower().find(each.lower())) >= 0]
        # 美元 and 日元 hold 元: a currency named by another's last character was not named.
        if begins and (code != "CNY" or pattern("kinds.yuan").search(text)):
            places[min(begins)] = code
    in_order = [(text[:start], code) for start, code in sorted(places.items())]
    directed, direction = "|".join(prepositions(lower)) or "(?!)", way(lower)
    exact = [code for before, code in in_order if re.search(rf"\b(?:{directed})\s+$", before)]
    # What follows the other preposition is the other currency.
    elsewhere = {"from": "to|into|in", "to": "from"}.get(direction, "(?!)")
    free = [code for before, code in in_order if not re.search(rf"\b(?:{elsewhere})\s+$", before)]
    return exact[0] if exact else free[-1 if direction == "to" else 0] if free else None


def iso_date(text: str) -> str | None:
    """The day that a text says, as YYYY-MM-DD, or None. Days of the week and the like count from today."""
    today, lower = date.today(), text.lower()
    try:
        if match := re.search(r"(?:(\d{4})[-/年](?=\d)|(?=\d{1,2}月))(\d{1,2})[-/月](\d{1,2})", text):
            return str(date(int(match[1] or today.year), int(match[2]), int(match[3])))
        if match := pattern("dates.written").search(text):
            day, month, year = match.group(1, 2, 3) if match[1] else match.group(5, 4, 6)
            return str(datetime.strptime(f"{day} {month[:3]} {year}", "%d %b %Y").date())
    except ValueError:  # no such day
        return None
    days = next((days for word, days in load("words")["days"].items() if word in lower), None)
    if days is None and (named := pattern("dates.weekday_named").search(lower)):
        days = (load("words")["weekdays"][named[1] or named[2]] - today.weekday() - 1) % 7 + 1
    return None if days is None else str(today + timedelta(days))


def iso_time(text: str) -> str | None:
    """The time of the day that a text says, as HH:MM:SS, or None."""
    if not (match := pattern("dates.time").search(text)):
        return None
    halves = {match["part"], (match["half"] or "").lower()}
    hour = int(match["hour"]) if match["hour"].isdigit() else chinese.digits(match["hour"])
    hour = hour % 12 + 12 if halves & {"下午", "晚上", "pm"} else hour % 12 if "am" in halves else hour
    minute, second = 30 if match["past"] else int(match["minute"] or 0), int(match["second"] or 0)
    return f"{hour:02d}:{minute:02d}:{second:02d}" if hour < 24 and minute < 60 else None


def in_format(text: str, form: str | None, context: str = "") -> str | None:
    """A day or time in the format's form, or None where the text says none. ``context`` may say the time of the day."""
    if form != "date-time":
        time = iso_time(text)
        return {"date": iso_date(text), "time": time and f"{time}Z"}.get(form or "")
    if match := re.search(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2})?(?:Z|[+-]\d{2}:\d{2})", text):
        return match[0].replace(" ", "T")
    day, behind_the_day = iso_date(text), text[11:] if text[:4].isdigit() else text
    return day and f"{day}T{iso_time(behind_the_day) or iso_time(context) or '09:00:00'}Z"
