"""Answers in shapes that no host should send: made readable where nothing is lost by it, refused otherwise. Pure.

Looked at only after an answer could not be read as it is. Seen on hosts and gateways: `data: null` between events,
`choices: [null]`, one object where a list of it belongs, an index as text, content as a list of parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kimi_api._arguments.text import encode
from kimi_api.errors import KimiReplyError

_CHOICE_MEMBERS = ("delta", "message")


class Tidied(dict[str, Any]):
    """An event, or a piece of a tool call, that was made readable. One that still cannot be read is refused."""


def unreadable_error(what: str, value: object) -> KimiReplyError:
    """The error for a value that cannot be read, with what it was."""
    return KimiReplyError(
        f"{what} of the answer cannot be read: {str(value)[:200]}. What to do: send the request again. If that does "
        f"not help, check base_url, and any proxy between here and the host"
    )


def tidy_event(event: object) -> Tidied:
    """An event with members of the right types; empty where it says nothing.

    Raises:
        KimiReplyError: it holds something where the answer belongs, and that cannot be read.
    """
    if not isinstance(event, Mapping):
        if not event or isinstance(event, int | float):
            return Tidied()  # `data: null` and the like, which keep a connection open
        raise unreadable_error("an event", event)
    tidied = Tidied(event)
    choice = _first(event.get("choices"), "choices")
    tidied["choices"] = []
    if choice is not None:
        choice = dict(choice)
        for name in _CHOICE_MEMBERS:
            if name in choice:
                choice[name] = _tidy_delta(choice[name], name)
        tidied["choices"] = [choice]
    return tidied


def tidy_body(body: object) -> dict[str, Any]:
    """A whole body likewise. One without choices has no answer, which is an error elsewhere."""
    return tidy_event(body) if isinstance(body, Mapping) else {}


def tidy_pieces(pieces: object) -> list[Any]:
    """`tool_calls` as a list, also where a host sends one call alone."""
    if isinstance(pieces, Mapping):
        return [pieces]
    if isinstance(pieces, list):
        return pieces
    raise unreadable_error("tool_calls", pieces)


def tidy_piece(piece: object) -> Tidied | None:
    """A piece of a tool call with members of the right types; None where there is none.

    Raises:
        KimiReplyError: it is no object, or its function or name is something else than it should be.
    """
    if not piece:
        return None
    if not isinstance(piece, Mapping):
        raise unreadable_error("a tool call", piece)
    function = piece.get("function") or {}
    if not isinstance(function, Mapping):
        raise unreadable_error("the function of a tool call", function)
    name = function.get("name") or ""
    if not isinstance(name, str):
        raise unreadable_error("the name of a tool call", name)
    kind = piece.get("type")
    return Tidied(
        index=tidy_number(piece.get("index")),
        id=tidy_text(piece.get("id")),
        type=kind if isinstance(kind, str) else "function",
        function={"name": name, "arguments": function.get("arguments")},
    )


def tidy_content(content: object) -> str:
    """The text of a message's content that is no text: the texts of its parts, or a value as JSON."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(map(_part_text, content))
    return _part_text(content) or ("" if content is None else encode(content))


def tidy_text(value: object) -> str:
    """A short text that came as something else: a number as text, and "" for what is neither."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def _part_text(part: object) -> str:
    if isinstance(part, str):
        return part
    text = part.get("text") if isinstance(part, Mapping) else None
    return text if isinstance(text, str) else ""


def _first(choices: object, what: str) -> Mapping[str, Any] | None:
    """The first choice that is one."""
    if isinstance(choices, Mapping):
        return choices or None
    if not choices or isinstance(choices, int | float):
        return None
    if isinstance(choices, list):
        if (choice := next((each for each in choices if isinstance(each, Mapping)), None)) is not None:
            return choice
        if not any(choices):
            return None
    raise unreadable_error(what, choices)


def _tidy_delta(delta: object, what: str) -> dict[str, Any] | None:
    if not delta or isinstance(delta, int | float):
        return None
    if not isinstance(delta, Mapping):
        raise unreadable_error(what, delta)
    return {**delta, "content": tidy_content(delta.get("content"))}


def tidy_number(value: object) -> int | None:
    """A whole number that came as text, or as 5.0; None where there is no whole number."""
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and value.strip().isdecimal() and len(value) < 10:
        return int(value)
    return None
