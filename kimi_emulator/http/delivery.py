"""Answers on their way out: the platform's headers, a host's dialect, and the fault that was asked for."""

from __future__ import annotations

import asyncio
import copy
import json
import secrets
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from kimi_emulator.dialects import Dialect
from kimi_emulator.errors import ApiError
from kimi_emulator.faults.registry import Fault, Wire
from kimi_emulator.http import streaming
from kimi_emulator.http.transport import WireAnswer, disconnected
from kimi_emulator.platform.answers import Answer
from kimi_emulator.platform.clock import Clock
from kimi_emulator.platform.tokens import compact
from kimi_emulator.script import Failure

JSON = "application/json; charset=utf-8"
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
    data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    if status >= 400:  # written in Go, which escapes these three in JSON: recorded in 429 bodies
        data = data.replace(b"<", b"\\u003c").replace(b">", b"\\u003e").replace(b"&", b"\\u0026")
    return Response(data, status, headers() | dict(more or {}), media_type=JSON)


def failure(item: Failure) -> Response:
    """A scripted error."""
    named = headers() | dict(item.headers or {})
    if isinstance(item.body, str):
        kind = "text/html" if item.body.lstrip().startswith("<") else "text/plain; charset=utf-8"
        named.setdefault("Content-Type", kind)
        return Response(item.body, item.status, named)
    if item.body is not None:
        return json_answer(item.body, item.status, item.headers)
    return json_answer(ApiError(item.status, item.type, item.message).body, item.status, item.headers)


def broken(response: Response, fault: Fault | None) -> Response:
    """A JSON answer with a fault of its bytes; as it is without one."""
    if fault is None or fault.wire is None:
        return response
    data = bytes(response.body)
    wire = fault.wire([data])
    own = {name: value for name, value in response.headers.items() if name not in ("content-length", "content-type")}
    sent = sum(map(len, wire.packets)) if wire.ending in ("whole", "doomed") else len(data)
    return WireAnswer(wire, own, JSON, sent)


def befallen(answer: Answer, fault: Fault | None) -> Answer:
    """The answer as its fault leaves it."""
    return answer if fault is None or fault.answer is None else fault.answer(answer)


def plain(answer: Answer, named: Mapping[str, str], dialect: Dialect, fault: Fault | None) -> Response:
    """An answer to a request that did not ask for a stream."""
    return broken(json_answer(dialect.body(answer.body()), 200, named), fault)


def streamed(
    answer: Answer,
    size: int | None,
    named: Mapping[str, str],
    dialect: Dialect,
    fault: Fault | None,
    *,
    include_usage: bool,
) -> Response:
    """An answer as a stream of events, ``size`` characters of text in each (None: a word)."""
    named = headers() | dict(named)
    if fault is None and dialect == Dialect():
        pieces = streaming.events(answer, size, include_usage=include_usage)
    else:
        chunks = copy.deepcopy(list(streaming.chunks(answer, size, include_usage=include_usage)))
        if fault is not None and fault.chunks is not None:
            chunks = fault.chunks(chunks)
        spoken = (f"data: {compact(chunk)}\n\n" for chunk in dialect.chunks(chunks))
        events = [*(text.encode("utf-8", "surrogatepass") for text in spoken), b"data: [DONE]\n\n"]
        if fault is not None:
            wire = fault.wire(events) if fault.wire is not None else Wire(events)
            return WireAnswer(wire, named, _EVENTS, None)
        pieces = iter(events)

    async def send() -> AsyncIterator[bytes]:
        for number, piece in enumerate(pieces):
            yield piece
            if number % 8 == 0:  # let other requests, and the news that this client has gone, come through
                await asyncio.sleep(0)

    return StreamingResponse(send(), 200, named, media_type=_EVENTS)


class Late(Response):
    """An answer after a silence, unless the client goes before."""

    def __init__(self, answer: Response, seconds: float, clock: Clock) -> None:
        super().__init__()
        self._answer = answer
        self._seconds = seconds
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait, and send it."""
        silence = asyncio.ensure_future(self._clock.sleep(self._seconds))
        gone = asyncio.ensure_future(disconnected(receive))
        try:
            await asyncio.wait((silence, gone), return_when=asyncio.FIRST_COMPLETED)
        finally:
            silence.cancel()
            gone.cancel()
        if not gone.done() or gone.cancelled():
            await self._answer(scope, receive, send)


def late(answer: Response, fault: Fault | None, clock: Clock) -> Response:
    """The answer after the silence of its fault, if it has one."""
    return answer if fault is None or not fault.silence else Late(answer, fault.silence, clock)


class Finally(Response):
    """An answer after which something is to be done, however it ends (the client may go in the middle of it)."""

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
