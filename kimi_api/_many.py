"""Many items at a time: at most so many under way, results in the order of the items, with a bar if wanted.

Written once for the loaders of both frameworks. An error is raised where its result would have come; what is under way
then is waited for (threads) or cancelled (tasks), and what has not begun is left.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from itertools import islice
from typing import TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")
R = TypeVar("R")

STOPPED: ContextVar[threading.Event | None] = ContextVar("STOPPED", default=None)
"""In a thread of `ordered_map`: set when its result is not wanted any more, so that nobody waits for a long pause."""


class Stopped(BaseException):
    """The result is not needed any more: the caller was interrupted. Like Ctrl-C, not an error."""


def ordered_map(
    work: Callable[[T], R], items: Iterable[T], at_once: int, *, window: int | None = None
) -> Generator[R, None, None]:
    """`map(work, items)` by threads.

    Args:
        work: called in a thread of its own, with the caller's context variables.
        items: taken one by one, when there is room.
        at_once: how many may be under way or waiting to be fetched. With 1 there are no threads, and an item is worked
            on when its result is asked for.
        window: how many may be waiting to be fetched, where a slow item is not to hold back those behind it.
    """
    if at_once == 1:
        yield from map(work, items)
        return
    left = iter(items)
    waiting: deque[Future[R]] = deque()
    stopped = threading.Event()

    def submit(item: T) -> None:
        context = copy_context()
        context.run(STOPPED.set, stopped)
        waiting.append(pool.submit(context.run, work, item))

    with ThreadPoolExecutor(at_once, "kimi") as pool:
        try:
            for item in islice(left, window or at_once):
                submit(item)
            while waiting:
                result = waiting.popleft().result()
                for item in islice(left, 1):
                    submit(item)
                yield result
        finally:
            stopped.set()
            pool.shutdown(wait=True, cancel_futures=True)


async def aordered_map(work: Callable[[T], Awaitable[R]], items: Iterable[T], at_once: int) -> AsyncGenerator[R, None]:
    """The asynchronous twin of `ordered_map`, by tasks."""
    if at_once == 1:
        for item in items:
            yield await work(item)
        return
    left = iter(items)
    waiting: deque[asyncio.Future[R]] = deque()
    try:
        for item in islice(left, at_once):
            waiting.append(asyncio.ensure_future(work(item)))
        while waiting:
            result = await waiting[0]
            waiting.popleft()
            for item in islice(left, 1):
                waiting.append(asyncio.ensure_future(work(item)))
            yield result
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


class Slots:
    """At most so many files under way at a time, counted over several calls: in all threads, and per event loop."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.of_threads: threading.BoundedSemaphore = threading.BoundedSemaphore(number)
        self._of_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

    def of_loop(self) -> asyncio.Semaphore:
        """The slots of the running event loop."""
        return self._of_loops.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(self.number))


@contextmanager
def progress(
    total: int, description: str, *, enabled: bool = True, unit: str = "file"
) -> Iterator[Callable[..., object]]:
    """A progress bar over `total` files (or what `unit` says); gives the function that advances it, by one or by `n`.

    Raises:
        ImportError: `enabled`, and tqdm is missing (openai brings it, so somebody took it out).
    """
    if not enabled:
        yield lambda n=1: None
        return
    try:
        from tqdm.auto import tqdm
    except ImportError as error:
        raise ImportError("a progress bar needs tqdm: pip install tqdm, or leave show_progress off") from error
    with tqdm(total=total, desc=description, unit=unit) as bar:
        yield bar.update
