"""Days and times as texts say them, and as JSON Schema's formats write them."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

from kimi_emulator.brain.filling.chinese import digits
from kimi_emulator.brain.language import numbers, pattern

__all__ = ["in_format"]


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
    named = pattern("dates.weekday_named").search(lower)
    if not named:
        return None
    weekday = int(numbers("weekdays")[named[1] or named[2]])
    return str(today + timedelta((weekday - today.weekday() - 1) % 7 + 1))


def iso_time(text: str) -> str | None:
    """The time of the day that a text says, as HH:MM:SS, or None."""
    if match := pattern("dates.time").search(text):
        hour, minute, second = (int(match[place] or match[place + 4] or 0) for place in (1, 2, 3))
        if half := (match[4] or "").lower():
            hour = hour % 12 + (12 if half == "pm" else 0)
    elif match := pattern("dates.chinese_time").search(text):
        hour, minute, second = int(match[2]) if match[2].isdigit() else digits(match[2]), int(match[3] or 0), 0
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
