"""The small functions: date, base64 and random choice. Each gives text, and raises ``ValueError`` with a reason."""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from kimi_emulator.content import compact
from kimi_emulator.settings import Settings

__all__ = ["base64_decode", "base64_encode", "date", "random_choice", "text"]


def text(arguments: Mapping[str, Any], name: str) -> str:
    """A text among the arguments."""
    value = arguments.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name} is required and must be a text")
    return value


def date(settings: Settings, arguments: Mapping[str, Any]) -> str:
    """The time in a zone, ``days`` from today (the emulator's today, if it was given one)."""
    zone = arguments.get("timezone") or "UTC"
    days = arguments.get("days") or 0
    try:
        place = UTC if zone == "UTC" else ZoneInfo(zone)  # ZoneInfo needs a database that slim systems lack
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise ValueError(f"unknown timezone {zone!r}") from None
    now = datetime.now(UTC)
    if settings.today is not None:
        now = datetime.combine(settings.today, now.timetz())
    try:
        moment = (now + timedelta(days=days)).astimezone(place)
    except (OverflowError, TypeError):
        raise ValueError(f"no date is {days!r} days away") from None
    return compact(
        {
            "date": moment.date().isoformat(),
            "time": moment.strftime("%H:%M:%S"),
            "weekday": moment.strftime("%A"),
            "timezone": zone,
        }
    )


def base64_encode(_: Settings, arguments: Mapping[str, Any]) -> str:
    """Text -> base64 of its UTF-8."""
    return base64.b64encode(text(arguments, "text").encode("utf-8", "surrogatepass")).decode()


def base64_decode(_: Settings, arguments: Mapping[str, Any]) -> str:
    """Base64 of UTF-8 -> text."""
    encoded = text(arguments, "encoded")
    try:
        return base64.b64decode(encoded, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        raise ValueError(f"not the base64 of a text: {encoded[:60]!r}") from None


def random_choice(_: Settings, arguments: Mapping[str, Any]) -> str:
    """Different candidates, as a JSON array of ``count``."""
    candidates, count = arguments.get("candidates"), arguments.get("count") or 1
    if not isinstance(candidates, list) or not candidates:
        raise ValueError("candidates is required and must be a list with members")
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= len(candidates):
        raise ValueError(f"count must be between 1 and {len(candidates)}")
    return compact(secrets.SystemRandom().sample(candidates, count))
