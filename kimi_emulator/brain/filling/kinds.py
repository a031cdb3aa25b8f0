"""Texts that can be recognised by their form: dates, addresses, currencies, languages, sums."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Any

from kimi_emulator.brain.filling import chinese
from kimi_emulator.brain.filling.values import Source
from kimi_emulator.brain.language import capture, heads, load, numbers, others, pattern, terms, words_of
from kimi_emulator.brain.naming import prepositions, way

_OF_FORMAT = {"email": "email", "uri": "url", "url": "url"}


def of_kind(source: Source, lower: str, about: str, form: Any) -> str | None:
    """A text that can be recognised by its form: a date, an address, a currency, a sum."""

    def tells(kind: str) -> bool:
        return bool(pattern(f"kinds.{kind}").search(lower))

    if form in ("date", "date-time", "time"):
        match = source.take(source.find("date")) or (source.text if form == "time" else "")
        return in_format(match, form, source.text) if match else None
    if tells("date"):
        match = source.take(source.find("date"))
        return (in_format(match, "date") if match and re.search(r"\d{4}", match) else match) or None
    if pattern("kinds.currency").search(about):
        return _currency(source, lower)
    for kind in ("email", "url", "phone", "moment", "path"):
        if _OF_FORMAT.get(form) == kind or tells(kind):
            value = source.take(source.find(kind))
            if value or kind != "email" or form == "email":
                return value
    if tells("expression"):
        short = Source(chinese.write_signs(source.text[:2000]))
        return short.take(short.find("expression"))
    return _language(source) if tells("language") else _attribute(source, lower)


def _language(source: Source) -> str | None:
    """The language that a text names (`into French`), or is written in."""
    name = capture("kinds.into_language", source.text)
    counted = heads("classes", source.text)
    spoken = [each for each in load("words")["lists"]["tongues"].split() if counted.get(each)]
    spoken.sort(key=lambda each: -counted[each] * (2 if each == "japanese" else 1))
    return name or (spoken[0].capitalize() if spoken else None)


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
    directed = "|".join(prepositions(lower)) or "(?!)"
    if exact := [code for start, code in places.items() if re.search(rf"\b(?:{directed})\s+$", text[:start])]:
        return exact[0]
    # What follows the other preposition is the other currency.
    elsewhere = {"from": "to|into|in", "to": "from"}.get(way(lower), "(?!)")
    in_order = [
        code for start, code in sorted(places.items()) if not re.search(rf"\b(?:{elsewhere})\s+$", text[:start])
    ]
    for code in terms("currencies") if not in_order else ():
        begins = [text.lower().find(each.lower()) for each in others("currencies", code)]
        # 美元 and 日元 hold 元: a currency named by another's last character was not named.
        if max(begins) >= 0 and (code != "CNY" or pattern("kinds.yuan").search(text)):
            places[min(begin for begin in begins if begin >= 0)] = code
    in_order = in_order or [code for _, code in sorted(places.items())]
    return in_order[-1 if way(lower) == "to" else 0] if in_order else None


# -- days and times ----------------------------------------------------------------------------------------------


def iso_date(text: str) -> str | None:
    """The day that a text says, as YYYY-MM-DD, or None. Days of the week and the like count from today."""
    today, lower = date.today(), text.lower()
    try:
        if match := re.search(r"(\d{4})[-/年](\d{1,2})[-/月](\d{1,2})", text):
            return str(date(*map(int, match.groups())))
        if match := pattern("dates.written").search(text):
            day, month, year = match.group(1, 2, 3) if match[1] else match.group(5, 4, 6)
            return str(datetime.strptime(f"{day} {month[:3]} {year}", "%d %b %Y").date())
        if match := re.search(r"(\d{1,2})月(\d{1,2})[日号]", text):
            return str(date(today.year, int(match[1]), int(match[2])))
    except ValueError:  # no such day
        return None
    for word, days in numbers("days").items():
        if word in lower:
            return str(today + timedelta(days))
    match = pattern("dates.weekday_named").search(lower)
    if not match:
        return None
    weekday = int(numbers("weekdays")[match[1] or match[2]])
    return str(today + timedelta((weekday - today.weekday() - 1) % 7 + 1))


def iso_time(text: str) -> str | None:
    """The time of the day that a text says, as HH:MM:SS, or None."""
    if match := pattern("dates.time").search(text):
        hour, minute, second = (int(match[place] or match[place + 4] or 0) for place in (1, 2, 3))
        if half := (match[4] or "").lower():
            hour = hour % 12 + (12 if half == "pm" else 0)
    elif match := pattern("dates.chinese_time").search(text):
        hour, minute, second = int(match[2]) if match[2].isdigit() else chinese.digits(match[2]), int(match[3] or 0), 0
        hour += 12 if match[1] in ("下午", "晚上") and hour < 12 else 0
        minute = 30 if match[4] else minute
    else:
        return None
    return f"{hour:02d}:{minute:02d}:{second:02d}" if hour < 24 and minute < 60 else None


def in_format(text: str, form: str | None, context: str = "") -> str | None:
    """A day or time in the format's form, or None where the text says none. ``context`` may say the time of the day."""
    if form == "date":
        return iso_date(text)
    if form == "time":
        time = iso_time(text)
        return time and f"{time}Z"
    if form != "date-time":
        return None
    if match := re.search(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2})?(?:Z|[+-]\d{2}:\d{2})", text):
        return match[0].replace(" ", "T")
    day, behind_the_day = iso_date(text), text[11:] if text[:4].isdigit() else text
    return day and f"{day}T{iso_time(behind_the_day) or iso_time(context) or '09:00:00'}Z"
