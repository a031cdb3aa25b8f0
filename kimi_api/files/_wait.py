"""Waiting until the platform has parsed a file."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from typing import Any

from kimi_api import errors
from kimi_api._transport.steps import Pause, Steps, adrive, drive
from kimi_api._warn import former_name
from kimi_api.client import KimiClient
from kimi_api.errors import KimiFileError
from kimi_api.files._records import FileObject, content_of, retrieve_in_steps

READY = frozenset({"ok", "ready"})  # "ready" in the specification, "ok" seen live
FAILED = frozenset({"error", "failed"})
WAIT_SECONDS = 600.0
_FIRST_POLL, _LONGEST_POLL = 0.25, 5.0
_GONE = "the platform's copy is gone"


def poll_until_ready(client: KimiClient, file: FileObject, *, timeout: float = WAIT_SECONDS) -> FileObject:
    """Ask for the status until the file is parsed. Raises `KimiFileError` when that fails or takes too long."""
    return drive(client, wait_in_steps(file, file.filename, time.monotonic() + timeout))


wait_ready: Callable[..., FileObject] = former_name("wait_ready", poll_until_ready)


async def apoll_until_ready(
    client: KimiClient,
    file: FileObject,
    *,
    timeout: float = WAIT_SECONDS,  # noqa: ASYNC109 - see `poll_until_ready`
) -> FileObject:
    """The asynchronous twin of `poll_until_ready`."""
    return await adrive(client, wait_in_steps(file, file.filename, time.monotonic() + timeout))


await_ready: Callable[..., Coroutine[Any, Any, FileObject]] = former_name("await_ready", apoll_until_ready)


def wait_in_steps(file: FileObject, label: str, deadline: float) -> Steps[FileObject]:
    """Poll until the file is parsed. A status that is not known means pending."""
    pause = _FIRST_POLL
    while file.status not in READY:
        if file.status in FAILED:
            raise KimiFileError(
                label,
                f"the platform could not parse it: {file.status_details or 'no reason given'}; check that the file "
                f"can be opened and has the right extension",
                file_id=file.id,
                status=file.status,
            )
        if time.monotonic() + pause > deadline:
            raise KimiFileError(
                label,
                "the platform did not finish parsing it in time; try again later, or pass a longer timeout",
                file_id=file.id,
                status=file.status,
            )
        yield Pause(pause)
        pause = min(pause * 1.5, _LONGEST_POLL)
        file = yield from _retrieve_again(file, label)
    return file


def _retrieve_again(file: FileObject, label: str) -> Steps[FileObject]:
    """The record of a file that was there before."""
    try:
        return (yield from retrieve_in_steps(file.id))
    except errors.KimiNotFoundError as error:
        raise KimiFileError(
            label,
            f"{_GONE}: somebody deleted it in the meantime. Send it again",
            file_id=file.id,
            status=file.status,
        ) from error


def content_when_there(file: FileObject, label: str, deadline: float) -> Steps[str]:
    """The content; a 404 means "not parsed yet", even where the status says otherwise."""
    pause = _FIRST_POLL
    while True:
        try:
            return (yield from content_of(file.id))
        except errors.KimiNotFoundError:
            if time.monotonic() + pause > deadline:
                raise
        yield Pause(pause)
        pause = min(pause * 1.5, _LONGEST_POLL)
        yield from _retrieve_again(file, label)


def is_gone(error: KimiFileError) -> bool:
    """Whether a file failed only because somebody deleted the platform's copy, so that it may be sent again."""
    return _GONE in error.reason
