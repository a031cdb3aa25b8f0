"""Asynchronous generators that their owner closes, and that the event loop does not know of."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any, Generic, Self, TypeVar

T = TypeVar("T")


class Unregistered(Generic[T]):
    """`async with Unregistered(generator) as items:`, like `contextlib.aclosing`, without the event loop's own closing.

    An event loop registers every asynchronous generator at its first step, and closes all of them when it shuts down,
    each in a task of its own. Our streams are generators inside generators, each of which closes the one inside. When
    a program leaves an `async for` early and ends, both happen at once, and the loop prints "aclose(): asynchronous
    generator is already running" for each inner one. Only the outermost generator needs the loop; it closes the rest.

    The generators of the SDK and of the HTTP client at the bottom are kept from registering by `FirstStep`.
    """

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
        with _hooks_off():
            return self._generator.__anext__()  # registers in the call, before it runs


class FirstStep(Generic[T]):
    """Awaits what `begin` gives, and keeps every asynchronous generator that starts meanwhile from registering.

    For the first item of a stream of the SDK, whose generators its owner brings to their end by itself. The hooks
    belong to the thread, so they are on again whenever this waits.
    """

    __slots__ = ("_begin",)

    def __init__(self, begin: Callable[[], Awaitable[T]]) -> None:
        self._begin = begin

    def __await__(self) -> Generator[Any, Any, T]:
        inner: Any = None
        value: Any = None
        error: BaseException | None = None
        while True:
            try:
                with _hooks_off():
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


@contextmanager
def _hooks_off() -> Iterator[None]:
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, None)
    try:
        yield
    finally:
        sys.set_asyncgen_hooks(*hooks)
