"""What of a request's body JSON has no form for: looked for when writing the body has failed, never before. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

from kimi_api._json import plain_form
from kimi_api.errors import KimiInputError

_DEEPEST = 200
WRITABLE_BITS = 14_000
"""Python writes whole numbers of up to 4,300 digits: `sys.get_int_max_str_digits()`."""
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
        return _look_at(body, "", {}, every=True)
    except RecursionError:
        return KimiInputError("the request", "a value of great depth", *_TOO_DEEP)


def endless(value: object, path: str) -> KimiInputError | None:
    """The error for a value that contains itself or never ends, so that no format can hold it.

    Frameworks write a model's settings into traces before they call us, and end in a bare `RecursionError`.
    """
    return _look_at(value, path, {}, every=False)


def _look_at(value: object, path: str, above: dict[int, str], *, every: bool) -> KimiInputError | None:
    """The error for the first wrong value in `value`.

    Args:
        value: anything.
        path: where it is.
        above: the paths of the lists and dicts that it is in, by their `id`.
        every: whether everything counts that JSON has no form for.
    """
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        return _look_at_text(value, path) if every else None
    if isinstance(value, int):
        return _look_at_int(value, path)
    if isinstance(value, float):
        if math.isfinite(value) or not every:
            return None
        return KimiInputError(path, value, "JSON has no form for it", "pass a finite number, or None")
    if not isinstance(value, dict | list | tuple):
        return _look_at_object(value, path, above) if every else None
    if id(value) in above:
        what = f"the {_name(value)} at {above[id(value)] or 'the top'}"
        return KimiInputError(path, what, "JSON has no form for a value that contains itself", "leave it out")
    if len(above) > _DEEPEST:
        return KimiInputError(path[:80], f"a {_name(value)} in many others", *_TOO_DEEP)
    above[id(value)] = path
    try:
        return _look_into(value, path, above, every=every)
    finally:
        del above[id(value)]


def _look_at_object(value: object, path: str, above: dict[int, str]) -> KimiInputError | None:
    """The error for something that is no JSON value by itself; None where its plain form is one."""
    try:
        form = plain_form(value)
    except (TypeError, ValueError, RecursionError):  # it has none; pydantic's "Unable to serialize unknown type"
        what = f"the class {value.__name__}" if isinstance(value, type) else f"a value of type {_name(value)}"
        return KimiInputError(path, what, "JSON has no form for it", _remedy(value))
    return _look_at(form, path, above, every=True)


def _look_into(value: object, path: str, above: dict[int, str], *, every: bool) -> KimiInputError | None:
    members = value.items() if isinstance(value, dict) else enumerate(cast("list[object] | tuple[object]", value))
    for key, member in members:
        if isinstance(value, dict) and every and (problem := _look_at_key(key, path)) is not None:
            return problem
        step = f"[{key}]" if not isinstance(value, dict) else f".{key}" if path else str(key)
        problem = _look_at(member, path + step, above, every=every)
        if problem is not None:
            return problem
    return None


def _look_at_key(key: object, path: str) -> KimiInputError | None:
    if isinstance(key, str):
        return _look_at_text(key, path or "body")
    if isinstance(key, int | float | None):
        return None
    return KimiInputError(path or "body", f"a key of type {_name(key)}", "keys in JSON are text", "pass str(key)")


def _look_at_text(text: str, path: str) -> KimiInputError | None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return no_text(path, error)
    return None


def no_text(path: str, error: UnicodeEncodeError) -> KimiInputError:
    """The error for a text that UTF-8 has no form for, with what stands around the place."""
    around = error.object[max(error.start - 20, 0) : error.end + 20]
    rule = "text must be valid Unicode, and half a surrogate pair is not"
    return KimiInputError(path, around, rule, "clean it with text.encode('utf-8', 'replace').decode()")


def _look_at_int(value: int, path: str) -> KimiInputError | None:
    if value.bit_length() <= WRITABLE_BITS:
        return None
    digits = int(value.bit_length() * math.log10(2)) + 1
    what = f"a whole number of about {digits} digits"
    return KimiInputError(path, what, "Python does not write out so long a one", "pass it as a text, or round it")


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
        ("keys", "dict(value)"),
    ):
        if hasattr(value, method):
            return f"pass {call}"
    return _REMEDIES.get(_name(value), _OTHER)
