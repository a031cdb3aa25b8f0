"""The end of the time that a whole call may take (`max_seconds`): waiting, retries and the last byte included.

A time-out counts from byte to byte, so a drip of a byte every half second never ends. A deadline shuts the connection
down when it passes, so no time is spent for each byte or event. Without a deadline, none of this code runs.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from kimi_api._transport.http import Response

T = TypeVar("T")

_TOLERANCE = 0.05  # a time-out of the rest of the time may fire a little early


class Deadline:
    """When a call has to be over. Made at its beginning, and shared by all of its requests.

    Attributes:
        seconds: what was allowed.
    """

    __slots__ = ("_end", "seconds")

    def __init__(self, seconds: float) -> None:
        self.seconds: float = seconds
        self._end = time.monotonic() + seconds

    def seconds_left(self) -> float:
        """Seconds that are left, at least 0."""
        return max(self._end - time.monotonic(), 0.0)

    def has_passed(self) -> bool:
        """Whether the time is over."""
        return self.seconds_left() <= _TOLERANCE

    def check(self) -> None:
        """Raise `TimeoutError` where the time is over."""
        if self.has_passed():
            raise TimeoutError("max_seconds")

    def run(self, work: Callable[[], T]) -> T:
        """Run the blocking `work` in its own thread and return its result. A thread that is late is left alone.

        A result that comes later is closed.

        Raises:
            TimeoutError: the time is over.
        """
        self.check()
        outcome: list[Any] = []
        failures: list[BaseException] = []
        ended, lock = threading.Event(), threading.Lock()
        left_behind = False

        def run() -> None:
            try:
                result = work()
            except BaseException as error:
                failures.append(error)
            else:
                with lock:
                    outcome.append(result)
                    unwanted = left_behind
                if unwanted:
                    with suppress(Exception):  # nobody waits for the result any more
                        late: Any = result
                        late.close()
            ended.set()

        context = copy_context()
        threading.Thread(target=context.run, args=(run,), name="kimi-deadline", daemon=True).start()
        ended.wait(self.seconds_left())
        with lock:
            left_behind = not outcome
        if failures:
            raise failures[0]
        if left_behind:
            raise TimeoutError("max_seconds")
        return outcome[0]

    @contextmanager
    def watch(self, response: Response) -> Iterator[None]:
        """Cut the connection of an open response when the time is over, from a thread: reading it fails then.

        Raises:
            TimeoutError: it was cut, and what was read looks like its end.
        """
        cuts: list[bool] = []
        timer = threading.Timer(self.seconds_left(), _cut, (response, cuts))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
        if cuts:
            raise TimeoutError("max_seconds")

    @contextmanager
    def awatch(self, response: Response) -> Iterator[None]:
        """The twin of `watch` within a running event loop."""
        import asyncio

        cuts: list[bool] = []
        handle = asyncio.get_running_loop().call_later(self.seconds_left(), _cut, response, cuts)
        try:
            yield
        finally:
            handle.cancel()
        if cuts:
            raise TimeoutError("max_seconds")


CURRENT: ContextVar[Deadline | None] = ContextVar("kimi_deadline", default=None)
"""The deadline of the call that is being prepared: uploads, polls and fetches within it end with it."""


@contextmanager
def within(deadline: Deadline | None) -> Iterator[None]:
    """End all work of this block at `deadline`. Do not put it around a `yield` of a generator."""
    token = CURRENT.set(deadline)
    try:
        yield
    finally:
        CURRENT.reset(token)


def deadline_in(call: Mapping[str, object]) -> Deadline | None:
    """The deadline among the arguments of a call that has begun."""
    deadline = call.get("max_seconds")
    return deadline if isinstance(deadline, Deadline) else None


def clip(seconds: float, deadline: Deadline | None = None) -> float:
    """A pause that ends with the call it is part of."""
    deadline = deadline or CURRENT.get()
    return seconds if deadline is None else min(seconds, deadline.seconds_left())


def in_time(deadline: Deadline | None, work: Callable[[], T]) -> T:
    """What a blocking `work` gives; see `Deadline.run`."""
    return work() if deadline is None else deadline.run(work)


async def ain_time(deadline: Deadline | None, work: Callable[[], Awaitable[T]]) -> T:
    """The asynchronous twin of `in_time`, without a thread."""
    if deadline is None:
        return await work()
    import asyncio

    deadline.check()
    async with asyncio.timeout(deadline.seconds_left()):
        return await work()


_UNWATCHED: AbstractContextManager[None] = nullcontext()


def watch(deadline: Deadline | None, response: Response) -> AbstractContextManager[None]:
    """A block in which an open response is read; see `Deadline.watch`."""
    return _UNWATCHED if deadline is None else deadline.watch(response)


def awatch(deadline: Deadline | None, response: Response) -> AbstractContextManager[None]:
    """The twin of `watch` within a running event loop."""
    return _UNWATCHED if deadline is None else deadline.awatch(response)


def _cut(response: Response, cuts: list[bool]) -> None:
    # Several answers share a connection of HTTP/2, and would all be cut.
    if response.is_closed or response.http_version == "HTTP/2":
        return
    stream = response.extensions.get("network_stream")
    connection = None if stream is None else stream.get_extra_info("socket")
    if connection is None:
        return
    cuts.append(True)
    with suppress(OSError):  # closed meanwhile
        if isinstance(connection, socket.socket):
            # For a TLS socket too, only the connection below is shut down, because another thread reads from the
            # socket.
            socket.socket.shutdown(connection, socket.SHUT_RDWR)
        else:
            connection.shutdown(socket.SHUT_RDWR)
