"""`UploadLock`: of the threads and tasks of this process, one at a time uploads the same file."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from kimi_api._transport.steps import Pause, Steps
from kimi_api.errors import KimiFileError

_LONGEST_WAIT = 600.0

_under_way: set[tuple[str, str, str]] = set()  # (scope, purpose, sha256) that this process is uploading to keep
_under_way_lock = threading.Lock()


@dataclass(slots=True)
class UploadLock:
    """A lock by `key` over the threads and tasks of this process: only one at a time uploads the same file.

    with UploadLock(key, label) as lock:
        yield from lock.acquire()
    """

    key: tuple[str, str, str]
    label: str
    locked: bool = False

    def __enter__(self) -> UploadLock:
        return self

    def acquire(self) -> Steps[None]:
        """Wait until nobody else holds the lock. Raises `KimiFileError`: somebody still does when the time is up."""
        deadline = time.monotonic() + _LONGEST_WAIT
        while not _try_lock(self.key):
            if time.monotonic() > deadline:
                raise KimiFileError(self.label, "another thread or task did not finish uploading it in time; try again")
            yield Pause(0.02)
        self.locked = True

    def __exit__(self, *_: object) -> None:
        if self.locked:
            _under_way.discard(self.key)


def _try_lock(mark: tuple[str, str, str]) -> bool:
    with _under_way_lock:
        if mark in _under_way:
            return False
        _under_way.add(mark)
        return True
