"""What two answers have in common when their words differ: the members they have, and of which kind each is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from kimi_emulator.inspector.reading import join_events

__all__ = ["chat_message", "differences", "error_type", "parse_body", "shape"]

_DONE = "[DONE]"
_BY_CACHE = ("usage.cached_tokens", "usage.prompt_tokens_details")
"""Members that are there only when something was cached, which depends on what others asked before."""


def parse_body(body: bytes) -> Any:
    """JSON, the list of a stream's events (the last one may be ``"[DONE]"``), or else the text."""
    text = body.decode("utf-8", "replace")
    if text.startswith("data:"):
        lines = (line[5:].strip() for line in text.splitlines() if line.startswith("data:"))
        return [_json(line) for line in lines if line]
    return _json(text)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def error_type(answer: Any) -> str:
    """The ``type`` of an error answer, "" where there is none."""
    error = answer.get("error") if isinstance(answer, dict) else None
    return str(error.get("type") or "") if isinstance(error, dict) else ""


def shape(answer: Any) -> dict[str, set[str]]:
    """Each place in an answer, as ``choices[].delta.content``, with the kinds of values that stand there.

    The events of a stream are taken together. Texts are not looked into.
    """
    places: dict[str, set[str]] = {}
    if isinstance(answer, list):
        places["(end of the stream)"] = {_DONE if answer and answer[-1] == _DONE else "nothing"}
        answer = {"event": [event for event in answer if event != _DONE]}
    for place, kind in _walk(answer, ""):
        places.setdefault(place, set()).add(kind)
    return places


def _walk(value: Any, place: str) -> Iterator[tuple[str, str]]:
    yield place, _kind(value)
    if isinstance(value, Mapping):
        for name, member in value.items():
            yield from _walk(member, f"{place}.{name}" if place else str(name))
    elif isinstance(value, list):
        for item in value:
            yield from _walk(item, f"{place}[]")


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    kinds = {int: "a number", float: "a number", str: "a text", list: "an array", dict: "an object"}
    return kinds[type(value)]


def differences(theirs: Any, ours: Any) -> list[str]:
    """How the shape of the platform's answer differs from the emulator's, a sentence each.

    ``null`` goes with every kind; what stands in an array is compared where both have something in it.
    """
    one, other = shape(theirs), shape(ours)
    empty = [
        f"{place}[]"
        for place in one.keys() & other.keys()
        if "an array" in one[place] & other[place] and (f"{place}[]" in one) != (f"{place}[]" in other)
    ]
    sentences: list[str] = []
    for place in sorted(one.keys() | other.keys()):
        if place.startswith(tuple(empty)) or any(name in place for name in _BY_CACHE):
            continue
        if place not in other:
            sentences.append(f"the emulator lacks {place or 'a body'}")
        elif place not in one:
            sentences.append(f"the emulator also has {place}")
        elif not _go_together(one[place], other[place]):
            sentences.append(f"{place or 'the body'} is {_list(one[place])}, the emulator's {_list(other[place])}")
    return _outermost(sentences)


def _go_together(some: set[str], others: set[str]) -> bool:
    some, others = some - {"null"}, others - {"null"}
    return not some or not others or some == others


def _list(kinds: set[str]) -> str:
    return " or ".join(sorted(kinds))


def _outermost(sentences: list[str]) -> list[str]:
    """Without those about members of something that is itself lacking: they stand right behind it."""
    outer: list[str] = []
    for sentence in sentences:
        if not outer or not sentence.startswith((f"{outer[-1]}.", f"{outer[-1]}[")):
            outer.append(sentence)
    return outer


def chat_message(answer: Any) -> tuple[dict[str, Any], str | None] | None:
    """The assistant's message of a chat answer, streamed or not, and why it ended; None if it is no whole answer."""
    if isinstance(answer, dict):
        choices = answer.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, dict) or not isinstance(choice.get("message"), dict):
            return None
        return choice["message"], choice.get("finish_reason")
    if not isinstance(answer, list):
        return None
    whole = join_events(answer)
    reason = whole.get("finish_reason")
    return None if reason is None else (whole["message"], reason)
