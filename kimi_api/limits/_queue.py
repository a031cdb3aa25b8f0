"""Waiting for a turn: the queue of one account in this process, and the two ways to stand in it.

The counts are the store's business (`kimi_api.limits`). Here only the first of the queue asks the store; whoever leaves
the queue, or ends an answer, wakes the next. Waiting threads and tasks stand in the same queue.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from copy import copy
from functools import partial
from typing import TYPE_CHECKING, Any, Self
from weakref import WeakKeyDictionary

from kimi_api import errors
from kimi_api._many import STOPPED, Stopped
from kimi_api._transport.deadline import CURRENT, clip
from kimi_api._transport.steps import Call, Steps, adrive, drive
from kimi_api.errors import KimiLimitError
from kimi_api.limits._memory import MemoryStore
from kimi_api.limits._model import (
    ABANDONED_SECONDS,
    FIRST_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    AccountLimits,
    LimitStore,
    SharedStore,
    Wait,
    count_tokens,
    day_used_up,
)

if TYPE_CHECKING:
    from kimi_api.catalog import ModelSpec

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""How often those behind the first look whether it is still there (its event loop may be gone)."""

SLOW_SECONDS = 30.0
"""After which waiting for others' answers is worth a warning."""

_NO_CLIENT: Any = None  # the steps of the queue send no request


class _Waiter:
    """A place in the queue. `wake` may be called from any thread."""

    failure: KimiLimitError | None = None
    """The error that ended the waiting."""

    def wake(self) -> None:
        raise NotImplementedError

    def pause(self, seconds: float) -> None:
        """Wait to be woken, at most so many seconds."""
        raise NotImplementedError

    async def apause(self, seconds: float) -> None:
        """The asynchronous twin of `pause`."""
        raise NotImplementedError

    def is_gone(self) -> bool:
        """Whether the waiting task is gone, so that it cannot be woken."""
        return False


class _Thread(_Waiter):
    def __init__(self) -> None:
        self.event = threading.Event()

    def wake(self) -> None:
        self.event.set()

    def pause(self, seconds: float) -> None:
        stopped = STOPPED.get()
        self.event.wait(seconds if stopped is None else min(seconds, LOOK_SECONDS))
        self.event.clear()
        if stopped is not None and stopped.is_set():
            raise Stopped


class _Task(_Waiter):
    def __init__(self) -> None:
        self.event = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def wake(self) -> None:
        if not self._loop.is_closed():
            try:
                self._loop.call_soon_threadsafe(self.event.set)
            except RuntimeError as error:  # the loop was closed, and its task with it
                logger.debug("a waiting task's event loop is closed: %s", error)

    async def apause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self.event.wait(), seconds)
        except TimeoutError:
            return
        self.event.clear()

    def is_gone(self) -> bool:
        return self._loop.is_closed()


class _AccountQueue:
    """The queue of one account, first come first served."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[_Waiter] = deque()

    def join(self, waiter: _Waiter) -> None:
        with self._lock:
            self._waiting.append(waiter)

    def is_first(self, waiter: _Waiter) -> bool:
        with self._lock:
            while self._waiting and self._waiting[0] is not waiter and self._waiting[0].is_gone():
                self._waiting.popleft()
            return bool(self._waiting) and self._waiting[0] is waiter

    def leave(self, waiter: _Waiter) -> None:
        with self._lock:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
        self.wake_first()

    def fail_all(self, failure: KimiLimitError) -> None:
        """The store does not answer: end everybody's waiting, rather than one after another after a time-out each."""
        with self._lock:
            waiting = list(self._waiting)
        for waiter in waiting:
            waiter.failure = failure
            waiter.wake()

    def wake_first(self) -> None:
        with self._lock:
            first = self._waiting[0] if self._waiting else None
        if first is not None:
            first.wake()


class Permit:
    """Leave to send one request. `leave` when its answer has ended, in whatever way; a second time does nothing."""

    __slots__ = ("_account", "_in_thread", "_keep", "_queue", "_released", "_store", "_ticket")

    def __init__(self, queue: _AccountQueue, store: LimitStore, account: str, ticket: str, *, in_thread: bool) -> None:
        self._queue = queue
        self._store = store
        self._account = account
        self._ticket = ticket
        self._in_thread = in_thread  # an event loop is not to wait for a store's network
        self._keep = False
        self._released = False

    def release(self, *, abandoned: bool = False) -> None:
        """Let the next one begin. `abandoned`: the server may still be at work on the answer for a moment."""
        if self._released:
            return
        self._released = True
        after = ABANDONED_SECONDS if abandoned else 0.0
        if self._in_thread:
            _run_in_thread(self._give_back, after)
        else:
            self._give_back(after)

    def keep(self) -> Self:
        """To be left later, by `leave`, though the `with` block ends."""
        self._keep = True
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None:
            self._pause_after(error)
            # After a refusal (it has a status) the server is done with the request; else it may not be.
            self.release(abandoned=not hasattr(error, "status_code"))
        elif not self._keep:
            self.release()

    def _pause_after(self, error: BaseException) -> None:
        """After a 429, all requests of the account wait as long as it says: it is about the account, or the engine."""
        if getattr(error, "status_code", None) != 429 or not getattr(error, "retryable", False):
            return
        seconds = getattr(error, "retry_after", None)
        if seconds is None:
            if isinstance(error, errors.KimiOverloadedError):
                return  # one model's engine is busy; each call backs off by itself
            seconds = FIRST_PAUSE_SECONDS
        if seconds > LONGEST_PAUSE_SECONDS or not isinstance(self._store, SharedStore):
            return
        if self._in_thread:
            _run_in_thread(self._store.pause, self._account, seconds)
        else:
            self._store.pause(self._account, seconds)

    def _give_back(self, after: float) -> None:
        self._store.give_back(self._account, self._ticket, after)
        self._queue.wake_first()


def acquire(
    limits: AccountLimits, scope: Callable[[], str], body: Mapping[str, Any], spec: ModelSpec | None = None
) -> Permit:
    """Wait for the turn of a chat request, blocking.

    Args:
        limits: the account's.
        scope: gives the word that stands for host and key (`KimiClient.scope`), for limits without a name.
        body: the request.
        spec: the rules of its model; None: those of the catalogue for its id.

    Raises:
        KimiInputError: the request can never fit.
        KimiLimitError: the day's tokens are used up; the store is out of reach.
    """
    request = _Request(limits, scope, body, spec)
    drive(_NO_CLIENT, request.steps(_Thread()))
    return request.permit(in_loop=False)


async def aacquire(
    limits: AccountLimits, scope: Callable[[], str], body: Mapping[str, Any], spec: ModelSpec | None = None
) -> Permit:
    """The asynchronous twin of `acquire`. Cancelled, it leaves the queue and counts nothing."""
    request = _Request(limits, scope, body, spec)
    await adrive(_NO_CLIENT, request.steps(_Task()))
    return request.permit(in_loop=True)


class _Request:
    """One request on its way through the queue."""

    def __init__(
        self, limits: AccountLimits, scope: Callable[[], str], body: Mapping[str, Any], spec: ModelSpec | None
    ) -> None:
        self._limits = limits
        self._tokens = count_tokens(limits, body, spec)
        self._store: LimitStore = _default if limits.store is None else limits.store
        self._account = f"name-{limits.name}" if limits.name is not None else scope()
        self._queue = _queue_of(self._store, self._account)
        self._ticket = secrets.token_hex(8)
        self._logged = False

    def steps(self, waiter: _Waiter) -> Steps[None]:
        """Join the queue, and ask the store whenever this request is the first."""
        pending = False
        began = time.monotonic()
        deadline = CURRENT.get()
        shared = self._store if isinstance(self._store, SharedStore) else None
        if shared is not None:
            shared.subscribe(self._account, self._ticket, waiter.wake)
        self._queue.join(waiter)
        try:
            while True:
                if deadline is not None:
                    deadline.check()
                if waiter.failure is not None:
                    raise copy(waiter.failure) from waiter.failure
                if not self._queue.is_first(waiter):
                    yield _pause(waiter, clip(LOOK_SECONDS))
                    continue
                pending = True
                try:
                    wait: Wait | None = yield Call(self.ask, self.aask)
                except KimiLimitError as error:
                    self._queue.fail_all(error)
                    raise
                if wait is None:
                    pending = False
                    return
                if wait.limit == "tpd":
                    raise day_used_up(self._limits, wait, self._tokens)
                self._log_wait(wait, time.monotonic() - began)
                yield _pause(waiter, max(clip(min(wait.seconds, self._store.poll_seconds, SLOW_SECONDS)), 0.001))
        finally:
            if shared is not None:
                shared.unsubscribe(self._account, self._ticket)
            self._queue.leave(waiter)
            if pending:
                # An event loop cannot wait here: its task may have been cancelled.
                if self._store.blocking:
                    _run_in_thread(self._store.withdraw, self._account, self._ticket)
                else:
                    self._store.withdraw(self._account, self._ticket)

    def _log_wait(self, wait: Wait, waited: float) -> None:
        logger.debug("waiting for %s (%s used), %.1f s", wait.limit, wait.used, wait.seconds)
        if wait.limit == "concurrency" and waited > SLOW_SECONDS and not self._logged:
            self._logged = True
            logger.warning(
                "waiting for %.0f s because concurrency=%s answers are under way. If this code left one of its own "
                "streams open, read that stream to its end or close it: nobody else will",
                waited,
                self._limits.concurrency,
            )

    def ask(self) -> Wait | None:
        return self._store.take(self._account, self._ticket, self._limits, self._tokens)

    async def aask(self) -> Wait | None:
        if not self._store.blocking:
            return self.ask()
        asking = _threads().submit(self.ask)
        try:
            return await asyncio.wrap_future(asking)
        except asyncio.CancelledError:
            asking.add_done_callback(self._release_unwanted)
            raise

    def _release_unwanted(self, acquisition: Future[Wait | None]) -> None:
        """A turn that came after its task was cancelled goes to the next one."""
        if not acquisition.cancelled() and acquisition.exception() is None and acquisition.result() is None:
            _run_in_thread(self.permit(in_loop=False).release)

    def permit(self, *, in_loop: bool) -> Permit:
        in_thread = in_loop and bool(self._store.blocking)
        return Permit(self._queue, self._store, self._account, self._ticket, in_thread=in_thread)


def _pause(waiter: _Waiter, seconds: float) -> Call:
    return Call(partial(waiter.pause, seconds), partial(waiter.apause, seconds))


_lock = threading.Lock()
_default = MemoryStore()
_queues: WeakKeyDictionary[Any, dict[str, _AccountQueue]] = WeakKeyDictionary()
_pool: ThreadPoolExecutor | None = None


def _queue_of(store: LimitStore, account: str) -> _AccountQueue:
    with _lock:
        queues = _queues.get(store)
        if queues is None:
            queues = _queues[store] = {}
        return queues.setdefault(account, _AccountQueue())


def _threads() -> ThreadPoolExecutor:
    """Threads that talk to stores for event loops."""
    global _pool
    with _lock:
        if _pool is None:
            _pool = ThreadPoolExecutor(8, "kimi-limits")
        return _pool


def _run_in_thread(work: Callable[..., object], *arguments: object) -> None:
    """Do `work` in a thread; in this one when the interpreter is ending and starts no threads."""
    try:
        _threads().submit(work, *arguments)
    except RuntimeError:
        work(*arguments)


def reset() -> None:
    """Begin with nothing counted and nobody waiting: in a forked process, whose parent keeps its own; and in tests."""
    global _lock, _default, _queues, _pool
    _lock, _default, _queues, _pool = threading.Lock(), MemoryStore(), WeakKeyDictionary(), None
