"""Days and times as texts say them, and as JSON Schema's formats write them."""

from __future__ import annotations

import re
from datetime import date, timedelta

__all__ = ["DATE", "MOMENT", "in_format"]

_MONTHS = "january february march april may june july august september october november december".split()  # noqa: SIM905
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.?"
_WEEKDAYS = "monday tuesday wednesday thursday friday saturday sunday".split()  # noqa: SIM905
_WEEKDAY = r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
_RELATIVE = {
    "today": 0,
    "tonight": 0,
    "tomorrow": 1,
    "yesterday": -1,
    "今天": 0,
    "今晚": 0,
    "明天": 1,
    "后天": 2,
    "昨天": -1,
}
DATE: re.Pattern[str] = re.compile(
    rf"\b\d{{4}}-\d{{2}}-\d{{2}}(?:[T ]\d{{2}}:\d{{2}}(?::\d{{2}})?Z?)?|\b\d{{1,2}}\s+{_MONTH}\s+\d{{4}}"
    rf"|\b{_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?,?\s+\d{{4}}|\b\d{{4}}/\d{{1,2}}/\d{{1,2}}\b"
    rf"|\d{{4}}年\d{{1,2}}月\d{{1,2}}[日号]|\d{{1,2}}月\d{{1,2}}[日号]"
    rf"|\b(?:next |this )?{_WEEKDAY}\b|[本这下]?(?:周|星期|礼拜)[一二三四五六日天]"
    rf"|\b(?:today|tomorrow|yesterday|tonight)\b|今天|今晚|明天|后天|昨天",
    re.IGNORECASE,
)
_TIME = re.compile(
    r"\b(\d{1,2})(?::(\d{2}))?(?::(\d{2}))?\s*(am|pm)\b|\b(\d{1,2}):(\d{2})(?::(\d{2}))?\b", re.IGNORECASE
)
_CHINESE_TIME = re.compile(
    r"(上午|早上|中午|下午|晚上)?\s*(\d{1,2}|[一二三四五六七八九十两]{1,2})[点时](?:(\d{1,2})分|(半))?"
)
MOMENT: re.Pattern[str] = re.compile(
    rf"((?:(?:{DATE.pattern})[\s,]*(?:at\s+)?)?(?:\d{{1,2}}(?::\d{{2}})?\s*(?:am|pm)\b|\d{{1,2}}:\d{{2}}"
    r"|(?:上午|早上|中午|下午|晚上)?(?:\d{1,2}|[一二三四五六七八九十两]{1,2})[点时](?:\d{1,2}分|半)?))",
    re.IGNORECASE,
)
"""A time of the day, with the day before it."""
_HOURS = {sign: value for value, sign in enumerate("一二三四五六七八九十", 1)} | {"两": 2, "十一": 11, "十二": 12}


def iso_date(text: str) -> str | None:
    """The day that a text says, as YYYY-MM-DD, or None. Days of the week and the like count from today."""
    match = re.search(r"(\d{4})[-/年](\d{1,2})[-/月](\d{1,2})", text)
    if match:
        return _day(*match.groups())
    match = re.search(
        rf"(\d{{1,2}})\s+({_MONTH})\s+(\d{{4}})|({_MONTH})\s+(\d{{1,2}})\w*,?\s+(\d{{4}})", text, re.IGNORECASE
    )
    if match:
        day, month, year = match.group(1, 2, 3) if match.group(1) else match.group(5, 4, 6)
        number = next(n for n, name in enumerate(_MONTHS, 1) if name.startswith(month[:3].lower()))
        return _day(year, str(number), day)
    today, lower = date.today(), text.lower()
    match = re.search(r"(\d{1,2})月(\d{1,2})[日号]", text)
    if match:
        return _day(str(today.year), *match.groups())
    for word, days in _RELATIVE.items():
        if word in lower:
            return str(today + timedelta(days))
    names = [number for number, name in enumerate(_WEEKDAYS) if name in lower]
    chinese = re.search(r"(?:周|星期|礼拜)([一二三四五六日天])", text)
    if chinese:
        names = ["一二三四五六日".index(chinese.group(1).replace("天", "日"))]
    return str(today + timedelta((names[0] - today.weekday() - 1) % 7 + 1)) if names else None


def _day(year: str, month: str, day: str) -> str | None:
    try:
        return str(date(int(year), int(month), int(day)))
    except ValueError:
        return None


def iso_time(text: str) -> str | None:
    """The time of the day that a text says, as HH:MM:SS, or None."""
    match = _TIME.search(text)
    if match:
        hour = int(match.group(1) or match.group(5))
        half = (match.group(4) or "").lower()
        hour = hour % 12 + (12 if half == "pm" else 0) if half else hour
        minute, second = match.group(2) or match.group(6) or "0", match.group(3) or match.group(7) or "0"
    else:
        match = _CHINESE_TIME.search(text)
        if not match:
            return None
        part, spoken = match.group(1), match.group(2)
        hour = int(spoken) if spoken.isdigit() else _HOURS.get(spoken, 0)
        hour += 12 if part in ("下午", "晚上") and hour < 12 else 0
        minute, second = match.group(3) or ("30" if match.group(4) else "0"), "0"
    return f"{hour:02d}:{int(minute):02d}:{int(second):02d}" if hour < 24 and int(minute) < 60 else None


def in_format(text: str, form: str | None, context: str = "") -> str | None:
    """A day or time in the format's form, or None where the text says none. ``context`` may say the time of the day."""
    if form == "date":
        return iso_date(text)
    if form == "time":
        time = iso_time(text)
        return time and f"{time}Z"
    if form == "date-time":
        match = re.search(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2})?(?:Z|[+-]\d{2}:\d{2})", text)
        if match:
            return match.group(0).replace(" ", "T")
        day = iso_date(text)
        return (
            day and f"{day}T{iso_time(text[11:] if text[:4].isdigit() else text) or iso_time(context) or '09:00:00'}Z"
        )
    return None
