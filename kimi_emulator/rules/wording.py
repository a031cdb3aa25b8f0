"""The server's own words for a value of the wrong type."""

from __future__ import annotations

from typing import Any

from kimi_emulator.content import compact

__all__ = ["go_type", "illegal", "show", "wrong_type"]

_GO_TYPES = {bool: "bool", int: "number", float: "number", str: "string", list: "array", dict: "object"}


def go_type(value: Any) -> str:
    """The server's word for a JSON value's type (it is written in Go)."""
    return _GO_TYPES.get(type(value), "null")


def show(value: Any) -> str:
    """A value of a request inside a sentence: a text as it is, null as nothing, anything else as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else compact(value)


def illegal(field: str, value: Any, expected: str) -> str:
    """What the server says of a ``field`` whose ``value`` is not of the ``expected`` type."""
    kind = go_type(value)
    return f"the {field} field in the request (expected type {expected}) is illegal, and {kind} is not acceptable"


def wrong_type(field: str, value: Any, kind: type, expected: str, *, prefix: str = "") -> str | None:
    """The same with a ``prefix``, or None for a value that is null or of this ``kind``."""
    return None if value is None or isinstance(value, kind) else prefix + illegal(field, value, expected)
