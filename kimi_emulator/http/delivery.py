"""Answers on their way out: the platform's headers, a host's dialect, and the fault that was asked for."""

from __future__ import annotations

import asyncio
import copy
import secrets
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from kimi_emulator.content import compact
from kimi_emulator.dialects import PLATFORM, Dialect
from kimi_emulator.errors import ApiError
from kimi_emulator.http import streaming
from kimi_emulator.http.transport import (
    SILENCE,
    WHOLE,
    WireAnswer,
    close_connection,
    gateway_timeout,
    pause,
    wait_for_disconnect,
)
from kimi_emulator.platform.clock import Clock
from kimi_emulator.script import Answer, Failure, Fault, Wire
from kimi_emulator.settings import Settings

__all__ = [
    "DelayedResponse",
    "ResponseThenCleanup",
    "break_body",
    "failure",
    "headers",
    "json_answer",
    "plain",
    "refusal",
    "stream_answer",
]

_JSON = "application/json; charset=utf-8"
_EVENTS = "text/event-stream"


def headers() -> dict[str, str]:
    """The platform's own headers, fresh ids each time."""
    return {
        "Msh-Request-Id": str(uuid.uuid1()),
        "Msh-Trace-Mode": "on",
        "X-Msh-Trace-Id": secrets.token_hex(16),
        "Server": "kimi-emulator",
        "Vary": "Origin",
    }


def json_answer(body: Any, status: int = 200, more: Mapping[str, str] | None = None) -> Response:
    """A JSON answer with the platform's headers."""
    data = compact(body).encode("utf-8", "surrogatepass")
    if status >= 400:  # written in Go, which escapes these three in JSON: recorded in 429 bodies
        data = data.replace(b"<", b"\\u003c").replace(b">", b"\\u003e").replace(b"&", b"\\u0026")
    return Response(data, status, headers() | dict(more or {}), media_type=_JSON)


def refusal(error: ApiError, dialect: Dialect, *, wants_stream: bool = False) -> Response:
    """The answer to a request that is refused, as the host says it."""
    if dialect == PLATFORM:
        return json_answer(error.body, error.status, error.headers)
    refused = dialect.refusal(error)
    fields = headers() | dict(refused.headers)
    if isinstance(refused.body, str):
        return Response(refused.body, refused.status, fields, media_type="text/plain; charset=utf-8")
    if wants_stream and dialect.streamed_errors and error.rule == "context.window":
        data = streaming.event({"error": refused.body}) + streaming.DONE
        return Response(data, 200, fields, media_type=_EVENTS)
    return Response(compact(refused.body).encode("utf-8", "surrogatepass"), refused.status, fields, media_type=_JSON)


def failure(item: Failure) -> Response:
    """A scripted error."""
    if not isinstance(item.body, str):
        return json_answer(item.json(), item.status, item.headers)
    kind = "text/html" if item.body.lstrip().startswith("<") else "text/plain; charset=utf-8"
    fields = {"Content-Type": kind} | headers() | dict(item.headers or {})
    return Response(item.body, item.status, fields)


def break_body(response: Response, fault: Fault | None, clock: Clock) -> Response:
    """A JSON answer with a fault of its bytes; as it is without one."""
    if fault is None or fault.wire is None:
        return response
    data = bytes(response.body)
    wire = fault.wire([data])
    own = {name: value for name, value in response.headers.items() if name not in ("content-length", "content-type")}
    length: int | None = len(data)
    if wire.packing is not None:
        length = None
    elif wire.ending in ("whole", "doomed"):
        length = sum(map(len, wire.packets))
    return WireAnswer(wire, own, _JSON, length, clock)


def plain(answer: Answer, own: Mapping[str, str], dialect: Dialect, fault: Fault | None, clock: Clock) -> Response:
    """An answer to a request that did not ask for a stream."""
    return break_body(json_answer(dialect.body(answer.body()), 200, own), fault, clock)


def stream_answer(
    answer: Answer,
    own: Mapping[str, str],
    settings: Settings,
    fault: Fault | None,
    clock: Clock,
    *,
    include_usage: bool,
) -> Response:
    """An answer as a stream of events; ``own`` are the headers that it has beside the platform's."""
    fields, size = headers() | dict(own), settings.chunk_size
    if fault is None and settings.dialect == PLATFORM:
        pieces = streaming.events(answer, size, include_usage=include_usage)
    else:
        chunks = copy.deepcopy(list(streaming.chunks(answer, size, include_usage=include_usage)))
        if fault is not None and fault.chunks is not None:
            chunks = fault.chunks(chunks)
        events = [*map(streaming.event, settings.dialect.chunks(chunks)), streaming.DONE]
        if fault is not None:
            wire = fault.wire(events) if fault.wire is not None else Wire(events)
            return WireAnswer(wire, fields, _EVENTS, None, clock)
        pieces = iter(events)

    end = clock.now() + WHOLE

    async def send() -> AsyncIterator[bytes]:
        for number, piece in enumerate(pieces):
            yield piece
            if number % 8 == 0:  # let other requests, and the news that this client has gone, come through
                await asyncio.sleep(0)
                if clock.now() > end:
                    raise GatewayGaveUp

    return _Stream(send(), 200, fields, media_type=_EVENTS)


class GatewayGaveUp(Exception):
    """The request has lasted as long as the gateway lets one last."""


class _Stream(StreamingResponse):
    """A stream whose connection is closed in the middle when the gateway gives up."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        except GatewayGaveUp:
            close_connection(scope)
            await wait_for_disconnect(receive)


class DelayedResponse(Response):
    """An answer after a silence, unless the client goes before."""

    def __init__(self, answer: Response, seconds: float, clock: Clock) -> None:
        super().__init__()
        self._answer = answer
        self._seconds = seconds
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait, and send it; the gateway gives up before a longer silence is over."""
        if await pause(min(self._seconds, SILENCE), self._clock, receive):
            answer = self._answer if self._seconds < SILENCE else gateway_timeout()
            await answer(scope, receive, send)


class ResponseThenCleanup(Response):
    """An answer with a function to call at its end, even if the client leaves before it."""

    def __init__(self, answer: Response, done: Callable[[], None]) -> None:
        super().__init__()
        self._answer = answer
        self._done = done

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await self._answer(scope, receive, send)
        finally:
            self._done()
