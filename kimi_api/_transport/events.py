"""The events of a stream (`text/event-stream`) out of its bytes. The hot path of streaming.

Not the SDK's decoder: that one closes the response at "[DONE]", with the end of the body unread, so that the connection
cannot be used again and every call pays for a new one. It also takes half as long again per event (twice as long in
asynchronous streams), and cannot read an error in plain words.
https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator, Generator
from typing import TYPE_CHECKING, Any

from kimi_api._json import decode_json
from kimi_api._transport.bodies import (
    EVENT_SHARE,
    LONGEST_SILENCE,
    MAX_ANSWER_BYTES,
    Exceeded,
    aiter_bytes,
    iter_bytes,
)

if TYPE_CHECKING:
    from kimi_api._transport.context import RequestContext
    from kimi_api._transport.http import Response
    from kimi_api.errors import ErrorTypes
    from kimi_api.wire import Event

_BOM = b"\xef\xbb\xbf"
_BLANK = b" \t\r\n" + _BOM
_DONE = "[DONE]"
_LARGE = 256 * 1024
_LIMIT_AFTER_DONE = 64 * 1024
_SECONDS_AFTER_DONE = 5.0


def read_events(response: Response, context: RequestContext, types: ErrorTypes | None) -> Generator[Event, None, None]:
    """The events of an open response, read to the end of its body: only so its connection can be used again.

    What fails after "[DONE]" is not raised: the answer is whole.

    Raises:
        KimiAPIError: an event that is an error.
        ValueError: an event that is no JSON.
        Exceeded: no end of an event, of comments, or of a packed body.
    """
    splitter = Splitter(context.max_bytes // EVENT_SHARE, context.longest_silence)
    done = False
    try:
        for data in iter_bytes(response, context.max_bytes):
            for name, text in splitter.split(data):
                if text == _DONE:
                    done = True
                    splitter.expect_end()
                elif not done:
                    yield parse_event(name, text, response, context, types)
    except Exception:
        if not done:
            raise
    if not done:
        for name, text in splitter.last():
            yield parse_event(name, text, response, context, types)


async def aread_events(
    response: Response, context: RequestContext, types: ErrorTypes | None
) -> AsyncGenerator[Event, None]:
    """The asynchronous twin of `read_events`."""
    splitter = Splitter(context.max_bytes // EVENT_SHARE, context.longest_silence)
    done = False
    try:
        async for data in aiter_bytes(response, context.max_bytes):
            for name, text in splitter.split(data):
                if text == _DONE:
                    done = True
                    splitter.expect_end()
                elif not done:
                    yield parse_event(name, text, response, context, types)
    except Exception:
        if not done:
            raise
    if not done:
        for name, text in splitter.last():
            yield parse_event(name, text, response, context, types)


def parse_event(name: str, text: str, response: Response, context: RequestContext, types: ErrorTypes | None) -> Event:
    """The event in a `data` field. Raises as `read_events` does."""
    event: Any
    try:
        event = decode_json(text)
    except json.JSONDecodeError:
        if name != "error":
            raise
        event = {"error": {"message": text}}
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, or nested too deeply
        if name != "error":
            raise json.JSONDecodeError(str(error), text[:200], 0) from None
        event = {"error": {"message": text}}
    if name == "error":
        event = _error_event(event, text)
    if event.__class__ is dict and event.get("error"):
        from kimi_api._transport.errors.translate import from_body

        raise from_body({"error": event["error"]}, response, response.request, context, types)
    return event


def _error_event(event: object, text: str) -> dict[str, Any]:
    """An event named "error" as an error object, with its words wherever they stand."""
    error = event.get("error") if isinstance(event, dict) else None
    if error and isinstance(error, (dict, str)):
        return {"error": error}
    if isinstance(event, dict) and (event.get("message") or event.get("detail")):
        return {"error": event}
    return {"error": event if event and isinstance(event, str) else {"message": text}}


class Splitter:
    """Cuts bytes, as they come, into the events' names ("" as a rule) and `data`.

    Args:
        limit: bytes that may come without completing an event: one event, comments, or both.
        longest_silence: seconds for which that may go on.
    """

    __slots__ = ("_begun", "_limit", "_longest_silence", "_rest", "_since", "_without_event")

    def __init__(self, limit: int = MAX_ANSWER_BYTES // EVENT_SHARE, longest_silence: float = LONGEST_SILENCE) -> None:
        self._begun = False
        self._rest: bytes | bytearray = b""
        self._limit = limit
        self._longest_silence = longest_silence
        self._without_event = 0
        self._since = 0.0

    def expect_end(self) -> None:
        """After "[DONE]" the answer is whole: what still comes is waited for no longer than is polite."""
        self._limit = min(self._limit, _LIMIT_AFTER_DONE)
        self._longest_silence = min(self._longest_silence, _SECONDS_AFTER_DONE)

    def split(self, piece: bytes) -> list[tuple[str, str]]:
        """The events that `piece` completes.

        Raises:
            UnicodeDecodeError: bytes that are not UTF-8.
            Exceeded: too many bytes, or too long a time, without an event.
        """
        if self._without_event > _LARGE and self._append_to_event(piece):
            return []
        data = self._rest + piece
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
        if not events:
            self._count(len(piece))
        elif self._without_event:
            self._without_event = 0
        return events

    def _append_to_event(self, piece: bytes) -> bool:
        """Whether `piece` is only more of a large event: then it is kept without copying what there is."""
        rest = self._rest
        if b"\r" in piece or b"\n\n" in piece or (piece.startswith(b"\n") and rest.endswith((b"\n", b"\r"))):
            self._rest = bytes(rest)
            return False
        if rest.__class__ is bytes:
            rest = self._rest = bytearray(rest)
        rest += piece
        self._count(len(piece))
        return True

    def _count(self, size: int) -> None:
        """Note that so many bytes have completed no event."""
        now = time.monotonic()
        if not self._without_event:
            self._since = now
        self._without_event += size
        if self._without_event > self._limit:
            raise Exceeded("event" if len(self._rest) > self._limit // 2 else "comments")
        if now - self._since > self._longest_silence:
            raise Exceeded("silence")

    def last(self) -> list[tuple[str, str]]:
        """The event at the end of a body that lacks its blank line; none where it is cut short."""
        try:
            event = _fields(self._rest.rstrip())
            if event is None:
                return []
            if event[0] != "error":
                decode_json(event[1])
        except (ValueError, RecursionError):
            return []
        return [event]


def _fields(block: bytes | bytearray) -> tuple[str, str] | None:
    """Name and `data` of a block of lines; None where it has no data.

    A block of plain JSON is its own data: hosts that do not stream answer so, some as `text/event-stream`.
    """
    name = ""
    data = []
    if block.lstrip(_BLANK).startswith(b"{"):
        return name, block.lstrip(_BLANK).decode()
    for line in block.split(b"\n"):
        field, _, value = line.removeprefix(_BOM).partition(b":")  # proxies join streams that begin with one each
        if field == b"data":
            data.append(value.removeprefix(b" ").decode())
        elif field == b"event":
            name = value.removeprefix(b" ").decode()
    return (name, "\n".join(data)) if data else None
