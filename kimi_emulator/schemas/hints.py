"""What a description says in words that keywords could say.

Clients put into descriptions what the platform's own form of JSON Schema has no keyword for, as `Format: date.`; such
sentences are wishes: a value that keeps to them is better, one that does not is valid.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from kimi_emulator.schemas.conjoin import Schema, well_formed

__all__ = ["wishes"]

_NUMBER = r"(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)"
_FORMATS = r"date-time|date|time|duration|uuid|email|uri|ipv4|ipv6|hostname"
_SENTENCES: tuple[tuple[str, str], ...] = (
    ("format", rf"\bFormat: ({_FORMATS})\b"),
    ("pattern", r"Must match the regular expression `([^`]+)`"),
    ("exclusiveMinimum", rf"\bMust be greater than {_NUMBER}"),
    ("exclusiveMaximum", rf"\bMust be less than {_NUMBER}"),
    ("multipleOf", rf"\bMust be a multiple of {_NUMBER}"),
    ("minimum", rf"\b[Aa]t least {_NUMBER}"),
    ("maximum", rf"\b[Aa]t most {_NUMBER}"),
    ("minProperties", r"Number of properties: at least (\d+)"),
    ("uniqueItems", r"(Items must be unique)"),
    ("enum", r"\b(?:Must be exactly|One of): ([^\n]+?)\.(?:\s|$)"),
)
_SPOKEN_FORMATS = (
    ("date-time", r"iso[ -]?8601 (?:date[- ]?time|timestamp)|date and time|YYYY-MM-DDT?[ ]?HH:MM"),
    ("date", r"YYYY-MM-DD|iso[ -]?8601 date|ISO date"),
    ("time", r"\bHH:MM(?::SS)?\b"),
    ("email", r"\be-?mail address\b"),
)
_OF_NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")


def wishes(schema: Mapping[str, Any], kind: str) -> Schema:
    """Keywords that the description of a value of this type says in words, where the schema has none of the kind."""
    description = schema.get("description")
    if not isinstance(description, str):
        return {}
    read: dict[str, Any] = {}
    for keyword, pattern in _SENTENCES:
        if (keyword in _OF_NUMBERS) is not (kind in ("number", "integer")) and keyword != "enum":
            continue
        match = re.search(pattern, description)
        if match and keyword not in schema:
            read[keyword] = _value(keyword, match.group(1))
    if kind == "string" and "format" not in schema and "format" not in read:
        for form, pattern in _SPOKEN_FORMATS:
            if re.search(pattern, description, re.IGNORECASE):
                read["format"] = form
                break
    return well_formed({keyword: value for keyword, value in read.items() if value is not None})


def _value(keyword: str, text: str) -> Any:
    if keyword in ("format", "pattern"):
        return text
    if keyword == "uniqueItems":
        return True
    try:
        return json.loads(f"[{text}]" if keyword == "enum" else text)
    except ValueError:
        return None
