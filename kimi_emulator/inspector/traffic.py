"""What went over the wire, request by request: bytes and times, kept as they are and read only when somebody looks.

The watcher stands outside the application, so that what it shows is what the client got, faults included. It adds two
list entries to a streamed chunk, and nothing is decoded until the page asks.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["FAULT", "PLACE", "Exchange", "Traffic", "watching"]

KEPT = 5_000
"""So many exchanges are kept, the newest."""
KEPT_BYTES = 64 * 1024 * 1024
"""And so many bytes of answers, all exchanges together."""
ANSWER_BYTES = 4 * 1024 * 1024
"""Of one answer, at most so many bytes are kept; what came after them is only counted."""

TIMES = 20_000
"""Of one answer, the times of so many pieces are kept; later ones are only counted."""

PLACE = "kimi_emulator.place"
"""The key of the ASGI scope under which the application leaves the request's position in ``State.requests``."""
FAULT = "kimi_emulator.fault"
"""And this the one for the id of the fault that the answer was given."""


@dataclass
class Exchange:
    """One request and its answer.

    Times are seconds of ``time.perf_counter``, but ``at``, which is seconds since the epoch. ``place`` is the
    position in ``State.requests``; None if the request never got that far. ``fault`` is the id of what was made to go
    wrong. ``ended`` is None while the answer comes;
    ``whole`` tells whether its end was sent.
    """

    id: int
    method: str
    path: str
    at: float
    began: float
    place: int | None = None
    fault: str = ""
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    chunks: list[bytes] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    pieces: int = 0
    size: int = 0
    bytes_held: int = 0
    ended: float | None = None
    whole: bool = False
    version: int = 0
    dropped: bool = False

    def answer(self) -> bytes:
        """The kept bytes of the answer."""
        return b"".join(self.chunks)


class Traffic:
    """The newest exchanges. Written by the server's event loop, read and cleared from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: deque[Exchange] = deque()
        self._held = 0
        self._ids = 0
        self.version: int = 0
        self.cleared: int = 0

    def begin(self, method: str, path: str) -> Exchange:
        """A request has arrived."""
        with self._lock:
            self._ids += 1
            exchange = Exchange(self._ids, method, path, time.time(), time.perf_counter())
            self._kept.append(exchange)
            while len(self._kept) > KEPT or (self._held > KEPT_BYTES and len(self._kept) > 1):
                oldest = self._kept.popleft()
                oldest.dropped = True
                self._held -= oldest.bytes_held
            self._touch(exchange)
        return exchange

    def notify(self, exchange: Exchange) -> None:
        """An answer has begun or ended."""
        with self._lock:
            self._touch(exchange)

    def _touch(self, exchange: Exchange) -> None:
        self.version += 1
        exchange.version = self.version

    def add(self, exchange: Exchange, piece: bytes) -> None:
        """A piece of an answer goes out."""
        exchange.pieces += 1
        exchange.size += len(piece)
        if len(exchange.times) < TIMES:
            exchange.times.append(time.perf_counter())
        if exchange.bytes_held + len(piece) <= ANSWER_BYTES and not exchange.dropped:
            exchange.chunks.append(piece)
            exchange.bytes_held += len(piece)
            self._held += len(piece)

    def since(self, version: int) -> list[Exchange]:
        """Those that changed after ``version``, the oldest first."""
        if version >= self.version:
            return []
        with self._lock:
            return [exchange for exchange in self._kept if exchange.version > version]

    def get(self, id: int) -> Exchange | None:
        """One of them by its number."""
        with self._lock:
            at = id - self._kept[0].id if self._kept else -1  # numbers follow one another
            return self._kept[at] if 0 <= at < len(self._kept) else None

    @property
    def oldest(self) -> int:
        """The number of the oldest exchange that is kept, or of the next one to come."""
        with self._lock:
            return self._kept[0].id if self._kept else self._ids + 1

    def clear(self) -> None:
        """Forget them."""
        with self._lock:
            for exchange in self._kept:
                exchange.dropped = True
            self._kept.clear()
            self._held = 0
            self.version += 1
            self.cleared = self.version

    def __iter__(self) -> Iterator[Exchange]:
        return iter(self.since(0))

    def __len__(self) -> int:
        return len(self._kept)


def watching(app: ASGIApp, traffic: Traffic) -> ASGIApp:
    """``app``, with an eye on what goes through it below ``/v1``."""

    async def watch(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/v1"):
            await app(scope, receive, send)
            return
        exchange = traffic.begin(scope["method"], scope["path"])

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.body":
                piece = message.get("body", b"")
                if piece:
                    traffic.add(exchange, piece)
                exchange.whole = not message.get("more_body", False)
            elif message["type"] == "http.response.start":
                exchange.status = message["status"]
                exchange.headers = {
                    name.decode("latin-1").lower(): value.decode("latin-1") for name, value in message["headers"]
                }
                exchange.place, exchange.fault = scope.get(PLACE), scope.get(FAULT, "")
                traffic.notify(exchange)
            await send(message)

        try:
            await app(scope, receive, sending)
        finally:
            exchange.place, exchange.fault = scope.get(PLACE), scope.get(FAULT, "")
            exchange.ended = time.perf_counter()
            traffic.notify(exchange)

    return watch
