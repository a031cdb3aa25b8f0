"""Below the web framework: answers whose connection breaks, stalls or comes in odd packets.

Starlette and ASGI cannot express a connection that ends in the middle of an answer, so each connection hands its own
transport to the application as ``scope["kimi_emulator.connection"]``. What can be said through ASGI is (headers,
chunked framing, packets); only closing goes round it. After closing, the answer waits for ASGI's news that the client
has gone, upon which uvicorn takes the exchange for ended and does not complain.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from kimi_emulator.faults import FAULTS, FaultQueue
from kimi_emulator.platform.clock import Clock
from kimi_emulator.script import Wire

__all__ = [
    "SILENCE",
    "WHOLE",
    "WireAnswer",
    "close_connection",
    "connection_class",
    "gateway_timeout",
    "pause",
    "times_of",
    "wait_for_disconnect",
]

SILENCE, WHOLE = 900.0, 7_200.0
"""Seconds by the emulator's clock after which the platform's gateway gives up: without a byte, and in all."""

_KEY = "kimi_emulator.connection"
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER with no time: close sends RST in place of FIN
_Protocol: Any = AutoHTTPProtocol


def connection_class(faults: FaultQueue) -> type[asyncio.Protocol]:
    """The protocol class for uvicorn: its own, with an eye on the connection."""

    class Connection(_Protocol):
        doomed = False
        opened = answered = 0.0

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            app = self.app

            async def with_connection(scope: Scope, receive: Receive, send: Send) -> None:
                scope[_KEY] = self
                try:
                    await app(scope, receive, send)
                except asyncio.CancelledError:
                    # The emulator stops while an answer stalls: no matter for a log.
                    self.cycle.disconnected = True
                    self.transport.abort()
                finally:
                    self.answered = time.monotonic()

            self.app = with_connection

        def connection_made(self, transport: asyncio.Transport) -> None:
            super().connection_made(transport)
            self.opened = time.monotonic()
            if faults.take_connection():
                self.reset()

        def data_received(self, data: bytes) -> None:
            if self.transport.is_closing():
                return
            if self.doomed or faults.take_connection():
                self.reset()
            else:
                super().data_received(data)

        def reset(self) -> None:
            """End the connection with a TCP reset."""
            sock = self.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.transport.abort()

    return Connection


def gateway_timeout() -> Response:
    """What the platform's gateway answers when it gives up."""
    failure = FAULTS["http.504_html"].failure
    assert failure is not None  # noqa: S101
    return Response(failure.body, failure.status, media_type="text/html")


async def pause(seconds: float, clock: Clock, receive: Receive) -> bool:
    """Say nothing for so many seconds by the clock; whether the client is still there then."""
    silence = asyncio.ensure_future(clock.sleep(seconds))
    gone = asyncio.ensure_future(wait_for_disconnect(receive))
    try:
        await asyncio.wait((silence, gone), return_when=asyncio.FIRST_COMPLETED)
    finally:
        silence.cancel()
        gone.cancel()
    return not gone.done() or gone.cancelled()


class WireAnswer(Response):
    """An answer sent packet by packet, and then whatever its ``Wire`` says.

    ``length`` is the promised Content-Length of a plain answer; None for a stream. An answer that stalls ends when the
    gateway gives up: with 504, or where it had begun with the connection.
    """

    def __init__(
        self, wire: Wire, headers: Mapping[str, str], media_type: str, length: int | None, clock: Clock
    ) -> None:
        super().__init__(None, 200, dict(headers), media_type=media_type)
        self._wire = wire
        self._clock = clock
        size = [] if length is None else [(b"content-length", b"%d" % length)]
        if wire.packing is not None:
            size.append((b"content-encoding", wire.packing.encode()))
        self.raw_headers: list[tuple[bytes, bytes]] = [
            item for item in self.raw_headers if item[0] != b"content-length"
        ] + size

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        wire, connection = self._wire, scope[_KEY]
        if wire.head:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if isinstance(wire.packets, Sequence) and not wire.packets and wire.ending != "whole":
                # uvicorn keeps the head back until there is a body; an empty part sends it.
                await send({"type": "http.response.body", "body": b"", "more_body": True})
        for packet in wire.packets:
            if connection.transport.is_closing():
                break
            await send({"type": "http.response.body", "body": packet, "more_body": True})
            await asyncio.sleep(0)
        if wire.ending in ("whole", "doomed"):
            connection.doomed = wire.ending == "doomed"
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        if wire.ending == "stall":
            if await pause(SILENCE, self._clock, receive):
                if not wire.head:
                    await gateway_timeout()(scope, receive, send)
                    return
                connection.transport.close()
        elif wire.ending == "close":
            connection.transport.close()
        elif wire.ending == "reset":
            # A reset throws away what the client has not read yet.
            await asyncio.sleep(0.02)
            connection.reset()
        await wait_for_disconnect(receive)


def times_of(scope: Scope) -> tuple[float, float]:
    """When the connection of a request was opened, and when it last had an answer (``time.monotonic``; 0.0: never)."""
    return scope[_KEY].opened, scope[_KEY].answered


def close_connection(scope: Scope) -> None:
    """End the connection of a request in the middle of its answer."""
    scope[_KEY].transport.close()


async def wait_for_disconnect(receive: Receive) -> None:
    """Wait until the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
