"""The arguments of a tool call: read as the frameworks read them, and written so that every host can read them. Pure.

`read` is the one place that decides whether a text is a call's arguments, `wire_text` the one place that decides what
goes back to the model, for both adapters.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any

from kimi_api.errors import KimiInputError

if TYPE_CHECKING:
    from kimi_api.wire import ToolCall, WireMessage

UNREADABLE = "unreadable_arguments"
"""The one member of the object that stands on the wire for arguments that nobody can read."""

DEEPEST = 100
"""Levels of objects and arrays. No tool takes more; Python's own limit depends on who called and on its version (about
1,000 in 3.11, 10,000 from 3.12 on), so that the same text would be read in one place and refused in another, and what
passed it could not be copied or stored."""

TOO_DEEP = f"it is nested deeper than {DEEPEST} levels"
"""Said of an answer that is therefore not read."""

_SHORT = 2_048
"""Characters of a text that is remembered."""

_decode = json.JSONDecoder(strict=False).decode  # strict refuses a line break within a string, which models write
_encode = json.JSONEncoder(ensure_ascii=False, default=str).encode  # `json.dumps` would make an encoder per call
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_BRACKETS = re.compile(_STRING.pattern + r"|[\[\]{}]", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f]")


def read(text: str) -> dict[str, Any] | None:
    """The object that `text` says; {} where there is no text (a call without arguments), None if it cannot be read.

    Control characters within strings are allowed, as in `langchain_core`'s readers.
    """
    if not text or text.isspace():
        return {}
    value = value_of(text)
    return value if isinstance(value, dict) else None


def value_of(text: str) -> object:
    """The JSON value in `text`, None if there is none, or one that is nested deeper than `DEEPEST`."""
    try:
        return None if is_too_deep(text) else _decode(text)
    except (ValueError, RecursionError):
        return None


def is_json(text: str) -> bool:
    """Whether `text` is a JSON value that is not nested too deeply; "null" is one."""
    return value_of(text) is not None or text.strip() == "null"


def encode(arguments: object) -> str:
    """Arguments as JSON text, in the spelling that models use; other scripts stay readable.

    Raises:
        KimiInputError: they are nested too deeply to be written.
    """
    try:
        return _encode_flat(arguments) if arguments.__class__ is dict else _encode(arguments)
    except (RecursionError, ValueError) as error:  # ValueError: an object that holds itself, or a number too long
        raise KimiInputError(
            "arguments of a tool call",
            sorted(map(str, arguments)) if isinstance(arguments, Iterable) else "",
            "they are nested too deeply for JSON, contain themselves, or hold a number of thousands of digits",
            "shorten them, or remove the call from the history",
        ) from error


def _encode_flat(arguments: Any) -> str:  # noqa: ANN401 - a dict
    """`_encode` of a dict, in a third of the time where its members are texts and numbers."""
    members = []
    for name, value in arguments.items():
        kind = value.__class__
        if kind is str:
            text = encode_basestring(value)
        elif kind is int:
            text = repr(value)
        elif kind is bool:
            text = "true" if value else "false"
        elif value is None:
            text = "null"
        else:
            return _encode(arguments)
        if name.__class__ is not str:
            return _encode(arguments)
        members.append(f"{encode_basestring(name)}: {text}")
    return "{" + ", ".join(members) + "}"


def wire_text(arguments: Mapping[str, Any] | str | None, own: str | None = None) -> str:
    """The text that goes back to the model for a call.

    Args:
        arguments: what the framework holds: an object, or a text.
        own: the model's own text, if it was kept. It goes back, byte for byte, as long as `arguments` say the same
            (the prefix stays cached); otherwise somebody has edited them, and they go.

    A text that cannot be read becomes an object that holds it. Hosts parse histories, and answer 500 to every request
    that has it as it came: "Failed to parse tool call arguments as JSON".
    """
    if isinstance(arguments, str):
        written = _spell(arguments) if len(arguments) > _SHORT else _spell_once(arguments)
        if not own or own.isspace() or (value := read(arguments)) is None:
            return written
        return own if says(own, value) else written
    value = arguments or {}
    return own if own and not own.isspace() and says(own, value) else encode(value)


def _spell(text: str) -> str:
    """`text` as it goes back where nothing else is known of the call."""
    value = read(text)
    if value is None:
        return _encode({UNREADABLE: text})
    return text if value else text.strip() or "{}"


def _normalize(text: str) -> str | None:
    """What `text` says, in our own spelling; None where it cannot be read."""
    value = read(text)
    return None if value is None else encode(value)


# An agent's history goes out with every step, so its calls are looked at again and again. Texts do not change.
_spell_once = lru_cache(maxsize=1024)(_spell)
_normalize_once = lru_cache(maxsize=1024)(_normalize)


def says(text: str, arguments: Mapping[str, Any]) -> bool:
    """Whether `arguments` are what `text` says, or were decoded from it (see `kimi_api._arguments.schema.correct`)."""
    normal = _normalize(text) if len(text) > _SHORT else _normalize_once(text)
    if normal is None:
        return False
    # Compared as text: 1, 1.0 and True are equal to Python, and the order of keys is lost on it.
    if normal == encode(arguments):
        return True
    value = read(text) or {}
    return list(value) == list(arguments) and all(_is(value[name], arguments[name]) for name in value)


def strict_arguments(messages: Sequence[WireMessage]) -> list[WireMessage]:
    """`messages` with arguments that strict JSON parsers read, too (see `strict_text`).

    For hosts of open weights, which parse the arguments of a history: "Invalid control character at: line 1 column 11".
    """
    return [_strict(message, calls) if (calls := message.get("tool_calls")) else message for message in messages]


def _strict(message: WireMessage, calls: Sequence[ToolCall]) -> WireMessage:
    texts = [call["function"].get("arguments") or "" for call in calls]
    if not any(map(_CONTROL.search, texts)):
        return message
    strict: list[ToolCall] = [
        {**call, "function": {**call["function"], "arguments": strict_text(text)}}
        for call, text in zip(calls, texts, strict=True)
    ]
    return {**message, "tool_calls": strict}


def strict_text(text: str) -> str:
    """JSON with its control characters escaped, for parsers that refuse them; all other bytes as they are."""
    return _STRING.sub(_escape, text) if _CONTROL.search(text) else text


def _escape(string: re.Match[str]) -> str:
    return _CONTROL.sub(lambda char: _encode(char.group())[1:-1], string.group())


def _is(written: object, held: object) -> bool:
    if isinstance(written, str) and isinstance(held, list | dict):
        value = value_of(written)
        return type(value) is type(held) and _encode(value) == _encode(held)
    return _encode(written) == _encode(held)


def is_too_deep(text: str) -> bool:
    """Whether `text` opens more than `DEEPEST` objects and arrays within each other; closed or not."""
    if text.count("{") + text.count("[") <= DEEPEST:
        return False
    depth = 0
    for match in _BRACKETS.finditer(text):
        char = match.group()
        if char in "[{":
            depth += 1
            if depth > DEEPEST:
                return True
        elif char in "]}":
            depth -= 1
    return False
