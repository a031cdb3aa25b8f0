"""Procedures of several requests, written once for sync and async.

A procedure is a generator that yields what to do next (`Send`, `Pause`, `Call`) and receives the result; `drive` and
`adrive` do it. An exception, Ctrl-C and cancellation included, is thrown into the procedure where it waits, so its
`finally` can still send a request.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple, Protocol, TypeVar

from kimi_api._many import STOPPED, Stopped
from kimi_api._transport.deadline import CURRENT, Deadline, clip, within
from kimi_api._transport.upload import Upload

T = TypeVar("T")

GRACE_SECONDS = 5.0
"""How long a cancelled upload may take to be answered, and a request that tidies up when time is over."""


class Client(Protocol):
    """What can send the requests of a procedure: `kimi_api.client.KimiClient`."""

    base_url: str

    def request(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        upload: Upload | None = None,
        max_retries: int | None = None,
        text: bool = False,
    ) -> object:
        """Send one request and wait for its answer."""
        ...

    async def arequest(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        upload: Upload | None = None,
        max_retries: int | None = None,
        text: bool = False,
    ) -> object:
        """The asynchronous twin of `request`."""
        ...


class Send(NamedTuple):
    """One request, as `KimiClient.request` takes it. Its result is an `Answer`.

    `in_grace`: it tidies up, and has a few seconds also where the time of the call (`max_seconds`) is over.
    """

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    upload: Upload | None = None
    text: bool = False
    max_retries: int | None = None
    in_grace: bool = False


class Pause(NamedTuple):
    """Wait so many seconds."""

    seconds: float


class Call(NamedTuple):
    """Anything else: `blocking` is called, or `awaited` and its result awaited. Its result is theirs."""

    blocking: Callable[[], Any]
    awaited: Callable[[], Awaitable[Any]]

    @classmethod
    def in_thread(cls, function: Callable[[], Any]) -> Call:
        """Work that would hold up an event loop, such as reading a large file."""
        return cls(function, lambda: asyncio.to_thread(function))


Steps = Generator[Send | Pause | Call, Any, T]


def drive(client: Client, steps: Steps[T]) -> T:
    """Run a procedure with blocking calls."""
    result: Any = None
    failure: BaseException | None = None
    while True:
        try:
            step = steps.send(result) if failure is None else steps.throw(failure)
        except StopIteration as end:
            return end.value
        except BaseException as error:
            if inspect.getgeneratorstate(steps) == inspect.GEN_CLOSED:
                raise  # its own end; anything else is Ctrl-C that came between two steps
            failure = error
            continue
        result, failure = None, None
        try:
            result = _do(client, step)
        except BaseException as error:
            failure = error


async def adrive(client: Client, steps: Steps[T]) -> T:
    """Run a procedure with asynchronous calls."""
    result: Any = None
    failure: BaseException | None = None
    cancelled: asyncio.CancelledError | None = None
    while True:
        try:
            step = steps.send(result) if failure is None else steps.throw(failure)
        except StopIteration as end:
            if cancelled is not None:
                raise cancelled from None
            return end.value
        result, failure = None, None
        if cancelled is not None:  # the procedure knows its upload by now, and can remove it
            failure, cancelled = cancelled, None
            continue
        try:
            if isinstance(step, Send) and step.upload is not None:
                result, cancelled = await _aupload(client, step)
            else:
                result = await _ado(client, step)
        except BaseException as error:
            failure = error


async def _aupload(client: Client, step: Send) -> tuple[Any, asyncio.CancelledError | None]:
    """The answer to an upload, and the cancellation that came meanwhile.

    An upload that is broken off may have been stored already, and without its id nobody could delete it. So one that is
    cancelled gets a few seconds to be answered before it is broken off.
    """
    task = asyncio.ensure_future(_ado(client, step))
    try:
        return await asyncio.shield(task), None
    except asyncio.CancelledError as error:
        if not task.done():
            try:
                await asyncio.wait({task}, timeout=GRACE_SECONDS)
            finally:
                task.cancel()
        if task.done() and not task.cancelled() and task.exception() is None:
            return task.result(), error
        raise


def _do(client: Client, step: Send | Pause | Call) -> object:
    if isinstance(step, Pause):
        stopped = STOPPED.get()
        if stopped is None:
            time.sleep(clip(step.seconds))
        elif stopped.wait(clip(step.seconds)):
            raise Stopped
        return None
    if isinstance(step, Call):
        return step.blocking()
    with _grace(step):
        return client.request(
            step.method, step.path, body=step.body, upload=step.upload, text=step.text, max_retries=step.max_retries
        )


def _grace(step: Send) -> AbstractContextManager[None]:
    deadline = CURRENT.get() if step.in_grace else None
    if deadline is None or deadline.seconds_left() >= GRACE_SECONDS:
        return nullcontext()
    return within(Deadline(GRACE_SECONDS))


async def _ado(client: Client, step: Send | Pause | Call) -> object:
    if isinstance(step, Pause):
        await asyncio.sleep(clip(step.seconds))
        return None
    if isinstance(step, Call):
        return await step.awaited()
    with _grace(step):
        return await client.arequest(
            step.method, step.path, body=step.body, upload=step.upload, text=step.text, max_retries=step.max_retries
        )
