"""Asynchronous generators that their owner closes, so that the event loop need not.

An event loop registers every asynchronous generator at its first step, and when it shuts down it closes all of them at
once, each in a task of its own. A stream is made of generators inside generators (ours, the SDK's, the HTTP client's),
and most of them close the one inside. When a program leaves an `async for` early and ends, both happen at the same
time, and the loop prints "aclose(): asynchronous generator is already running". So only the outermost generator is
registered; it closes the others one after another. Their finalizer stays the loop's.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Generic, Self, TypeVar

T = TypeVar("T")


class Unregistered(Generic[T]):
    """`async with Unregistered(generator) as items:`, like `contextlib.aclosing`, for a generator of our own."""

    __slots__ = ("_generator", "_next")

    def __init__(self, generator: AsyncGenerator[T, None]) -> None:
        self._generator = generator
        self._next: Callable[[], Awaitable[T]] = self._first

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._generator.aclose()

    def __aiter__(self) -> Self:
        return self

    def __anext__(self) -> Awaitable[T]:
        return self._next()

    def _first(self) -> Awaitable[T]:
        self._next = self._generator.__anext__
        with _registering(None):
            return self._generator.__anext__()  # registers in the call, before it runs


class FirstStep(Generic[T]):
    """Awaits what `begin` gives; asynchronous generators that start meanwhile go to `started`, not to the event loop.

    For the first event of a stream of the SDK. The hook belongs to the thread, so it is the loop's own again whenever
    this waits. `close_all(started)` ends the generators.
    """

    __slots__ = ("_begin", "_started")

    def __init__(self, begin: Callable[[], Awaitable[T]], started: list[AsyncGenerator[Any, None]]) -> None:
        self._begin = begin
        self._started = started

    def __await__(self) -> Generator[Any, Any, T]:
        inner: Any = None
        value: Any = None
        error: BaseException | None = None
        while True:
            try:
                with _registering(self._started.append):
                    if inner is None:
                        inner = self._begin().__await__()
                    pending = inner.send(value) if error is None else inner.throw(error)
            except StopIteration as end:
                return end.value
            value, error = None, None
            try:
                value = yield pending
            except BaseException as exception:
                error = exception


async def close_all(generators: list[AsyncGenerator[Any, None]]) -> None:
    """Close generators one after another, the outermost first. Those that have ended cost nothing."""
    for generator in generators:
        # The response is closed already: that one of its readers complains about it tells nobody anything.
        with suppress(Exception):
            await generator.aclose()
    generators.clear()


@contextmanager
def _registering(hook: Callable[[AsyncGenerator[Any, Any]], None] | None) -> Iterator[None]:
    before = sys.get_asyncgen_hooks().firstiter
    sys.set_asyncgen_hooks(firstiter=hook)
    try:
        yield
    finally:
        sys.set_asyncgen_hooks(firstiter=before)
