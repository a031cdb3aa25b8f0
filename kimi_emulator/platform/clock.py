"""The emulator's time: the real one, plus what a test has moved it on."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import UTC, datetime

__all__ = ["Clock"]


class Clock:
    """Seconds since 1970 as the emulator counts them. ``advance`` makes waits and limits pass at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ahead = 0.0

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time() + self._ahead

    def day(self) -> str:
        """The day in UTC, YYYY-MM-DD."""
        return datetime.fromtimestamp(self.now(), UTC).strftime("%Y-%m-%d")

    def advance(self, seconds: float) -> None:
        """Move on by so many seconds."""
        if seconds < 0:
            raise ValueError("time does not go back")
        with self._lock:
            self._ahead += seconds

    async def sleep(self, seconds: float) -> None:
        """Wait so many seconds by this clock."""
        end = self.now() + seconds
        while (left := end - self.now()) > 0:  # noqa: ASYNC110 - see below
            await asyncio.sleep(min(left, 0.01))  # short naps: another thread may move the clock on
