"""The events of a stream (`text/event-stream`) out of its bytes. The hot path of streaming.

Not the SDK's decoder: that one closes the response at "[DONE]", with the end of the body unread, so that the connection
cannot be used again and every call pays for a new one. It also takes half as long again per event (twice as long in
asynchronous streams), and cannot read an error in plain words.
https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Generator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kimi_api._transport.translate import Asked
    from kimi_api.errors import ErrorTypes

_BOM = b"\xef\xbb\xbf"
_DONE = "[DONE]"
_decode = json.JSONDecoder().decode


def read_events(response: Any, asked: Asked, types: ErrorTypes | None) -> Generator[dict[str, Any], None, None]:
    """The events of an open response, read to the end of its body: only so its connection can be used again.

    What fails after "[DONE]" is not raised: the answer is whole.

    Raises:
        KimiAPIError: an event that is an error.
        ValueError: an event that is no JSON.
    """
    splitter = Splitter()
    done = False
    try:
        for data in response.iter_bytes():
            for name, text in splitter.split(data):
                if text == _DONE:
                    done = True
                elif not done:
                    yield parse_event(name, text, response, asked, types)
    except Exception:
        if not done:
            raise
    if not done:
        yield from splitter.last()


async def aread_events(response: Any, asked: Asked, types: ErrorTypes | None) -> AsyncGenerator[dict[str, Any], None]:
    """The asynchronous twin of `read_events`."""
    splitter = Splitter()
    done = False
    try:
        async for data in response.aiter_bytes():
            for name, text in splitter.split(data):
                if text == _DONE:
                    done = True
                elif not done:
                    yield parse_event(name, text, response, asked, types)
    except Exception:
        if not done:
            raise
    if not done:
        for event in splitter.last():
            yield event


def parse_event(name: str, text: str, response: Any, asked: Asked, types: ErrorTypes | None) -> dict[str, Any]:
    """The event in a `data` field. Raises as `read_events` does."""
    try:
        event = _decode(text)
    except ValueError:
        if name != "error":
            raise
        event = {"error": {"message": text}}
    if name == "error" and not (isinstance(event, dict) and event.get("error")):
        event = {"error": event}
    if event.__class__ is dict and event.get("error"):
        from kimi_api._transport.translate import from_body

        raise from_body({"error": event["error"]}, response, response.request, asked, types)
    return event


class Splitter:
    """Cuts bytes, as they come, into the events' names ("" as a rule) and `data`."""

    __slots__ = ("_begun", "_rest")

    def __init__(self) -> None:
        self._begun = False
        self._rest = b""

    def split(self, data: bytes) -> list[tuple[str, str]]:
        """The events that `data` completes.

        Raises:
            UnicodeDecodeError: bytes that are not UTF-8.
        """
        data = self._rest + data
        if not self._begun:
            if len(data) < len(_BOM) and _BOM.startswith(data):
                self._rest = data
                return []
            data = data.removeprefix(_BOM)
            self._begun = True
        if b"\r" in data:
            # A carriage return at the end may be half of a line's end.
            held = b"\r" if data.endswith(b"\r") else b""
            data = data.removesuffix(held).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            *blocks, rest = data.split(b"\n\n")
            self._rest = rest + held
        else:
            *blocks, self._rest = data.split(b"\n\n")
        events = []
        for block in blocks:
            if block.startswith(b"data: ") and b"\n" not in block:
                events.append(("", block[6:].decode()))
            elif block and (event := _fields(block)) is not None:
                events.append(event)
        return events

    def last(self) -> list[dict[str, Any]]:
        """The event at the end of a body that lacks its blank line; none where it is cut short."""
        try:
            event = _fields(self._rest.rstrip(b"\r"))
            decoded = _decode(event[1]) if event is not None else None
        except ValueError:
            return []
        return [decoded] if isinstance(decoded, dict) else []


def _fields(block: bytes) -> tuple[str, str] | None:
    """Name and `data` of a block of lines; None where it has no data."""
    name = ""
    data = []
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        if field == b"data":
            data.append(value.removeprefix(b" ").decode())
        elif field == b"event":
            name = value.removeprefix(b" ").decode()
    return (name, "\n".join(data)) if data else None
