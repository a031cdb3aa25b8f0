"""The server's own words for a value of the wrong type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["go_type", "illegal", "wrong_type"]

_GO_TYPES = {bool: "bool", int: "number", float: "number", str: "string", list: "array", dict: "object"}


def go_type(value: Any) -> str:
    """The server's word for a JSON value's type (it is written in Go)."""
    return _GO_TYPES.get(type(value), "null")


def illegal(field: str, expected: str, value: Any) -> str:
    """What the server says of a ``field`` whose ``value`` is not of the ``expected`` type."""
    kind = go_type(value)
    return f"the {field} field in the request (expected type {expected}) is illegal, and {kind} is not acceptable"


def wrong_type(holder: Mapping[str, Any], field: str, kind: type, expected: str) -> str | None:
    """The same if the field is there, not null, and not of this ``kind``; else None."""
    value = holder.get(field)
    return None if value is None or isinstance(value, kind) else illegal(field, expected, value)
