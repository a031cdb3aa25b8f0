"""What of a request's body JSON has no form for: looked for when writing the body has failed, never before. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from kimi_api.errors import KimiInputError

_DEEPEST = 200
_TOO_DEEP = ("it is nested too deeply for JSON, or contains itself", "pass plain lists and dicts")
_OTHER = "pass text, a number, True, False, None, a list or a dict"
_REMEDIES: Mapping[str, str] = {
    "set": "pass a list",
    "frozenset": "pass a list",
    "bytes": "pass text: value.decode(), or base64 where it is no text",
    "bytearray": "pass text: value.decode(), or base64 where it is no text",
    "complex": "pass str(value)",
    "Decimal": "pass float(value), or str(value) to keep all its digits",
    "coroutine": "await it, and pass what it gives",
    "generator": "pass a list",
}
"""By the name of a class: `isinstance` would need its module."""


def unsendable(body: Mapping[str, Any]) -> KimiInputError | None:
    """The error for the first value in `body` that cannot be written as JSON, with its path; None if there is none."""
    try:
        return _look_at(body, "")
    except RecursionError:
        return KimiInputError("the request", "a value of great depth", *_TOO_DEEP)


def _look_at(value: object, path: str, depth: int = 0) -> KimiInputError | None:
    if value is None or isinstance(value, str | bool | int):
        return None
    if isinstance(value, float):
        if math.isfinite(value):
            return None
        return KimiInputError(path, value, "JSON has no form for it", "pass a finite number, or None")
    if not isinstance(value, dict | list | tuple):
        what = f"the class {value.__name__}" if isinstance(value, type) else f"a value of type {_name(value)}"
        return KimiInputError(path, what, "JSON has no form for it", _remedy(value))
    if depth > _DEEPEST:
        return KimiInputError(path[:80], f"a {_name(value)} in many others", *_TOO_DEEP)
    if not isinstance(value, dict):
        problems = (_look_at(member, f"{path}[{place}]", depth + 1) for place, member in enumerate(value))
        return next((problem for problem in problems if problem is not None), None)
    for key, member in value.items():
        if not isinstance(key, str | int | float | None):
            return KimiInputError(
                path or "body", f"a key of type {_name(key)}", "keys in JSON are text", "pass str(key)"
            )
        problem = _look_at(member, f"{path}.{key}" if path else str(key), depth + 1)
        if problem is not None:
            return problem
    return None


def _name(value: object) -> str:
    return type(value).__name__


def _remedy(value: object) -> str:
    if isinstance(value, type):
        return _OTHER
    for method, call in (
        ("model_dump", "value.model_dump(mode='json')"),
        ("isoformat", "value.isoformat()"),
        ("tolist", "value.tolist()"),  # numpy's arrays and scalars
        ("__dataclass_fields__", "dataclasses.asdict(value)"),
        ("_value_", "value.value"),  # an Enum's member
        ("keys", "dict(value)"),
    ):
        if hasattr(value, method):
            return f"pass {call}"
    return _REMEDIES.get(_name(value), _OTHER)
