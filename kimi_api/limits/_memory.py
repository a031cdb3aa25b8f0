"""`MemoryStore`: the counts of this process."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from math import inf
from typing import Any

from kimi_api.limits._model import DAY_SECONDS, WINDOW_SECONDS, AccountLimits, Wait


class MemoryStore:
    """Counts in this process. Its copies and pickles count by themselves: limits are not carried to other processes.

    Args:
        clock: seconds since 1970; None: the system's time at the start, and steady from then on.
        poll_seconds: see `LimitStore`; for a clock that jumps.
    """

    blocking = False

    def __init__(self, *, clock: Callable[[], float] | None = None, poll_seconds: float = inf) -> None:
        self.poll_seconds = poll_seconds
        self._clock = clock or _steady_clock()
        self._lock = threading.Lock()
        self._accounts: dict[str, _Counts] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), ()

    def __deepcopy__(self, memo: dict[int, Any]) -> MemoryStore:
        return self  # a copied model is still of the same account

    def take(self, account: str, ticket: str, limits: AccountLimits, tokens: int) -> Wait | None:
        """See `LimitStore`."""
        with self._lock:
            counts = self._accounts.get(account)
            if counts is None:
                counts = self._accounts[account] = _Counts()
            return counts.take(ticket, limits, tokens, self._clock())

    def give_back(self, account: str, ticket: str, after: float = 0.0) -> None:
        """See `LimitStore`."""
        with self._lock:
            counts = self._accounts.get(account)
            if counts is not None:
                counts.give_back(ticket, after, self._clock())

    def withdraw(self, account: str, ticket: str) -> None:
        """See `LimitStore`; nothing is noted of requests that only asked."""

    def pause(self, account: str, seconds: float) -> None:
        """See `SharedStore`."""
        with self._lock:
            counts = self._accounts.setdefault(account, _Counts())
            counts.pause(seconds, self._clock())

    def subscribe(self, account: str, ticket: str, wake: Callable[[], None]) -> None:
        """See `SharedStore`; the queue of this process wakes its own."""

    def unsubscribe(self, account: str, ticket: str) -> None:
        """See `SharedStore`."""


class _Counts:
    """What one account has under way, and has used within a minute and within a day. Not thread-safe."""

    __slots__ = ("day", "day_tokens", "minute", "now", "paused_until", "running", "spent")

    def __init__(self) -> None:
        self.running: dict[str, float] = {}  # ticket -> until when it counts
        self.minute: deque[tuple[float, int]] = deque()  # when, and how many tokens
        self.spent = 0  # the tokens of that minute
        self.now = -inf
        self.paused_until = -inf
        self.day = 0
        self.day_tokens = 0

    def take(self, ticket: str, limits: AccountLimits, tokens: int, now: float) -> Wait | None:
        """Count a request that may begin (None), or say what it has to wait for longest."""
        self._advance(now)
        if ticket in self.running:
            return None
        today = int(now // DAY_SECONDS)
        if today > self.day:
            self.day_tokens = 0
        self.day = today  # only here: a clock that is set back and forth between two requests begins no new day
        if limits.tpd is not None and self.day_tokens + tokens > limits.tpd:
            return Wait("tpd", DAY_SECONDS - now % DAY_SECONDS, self.day_tokens)
        waits: list[Wait] = []
        if self.paused_until > now:
            waits.append(Wait("pause", self.paused_until - now))
        if limits.concurrency is not None and len(self.running) >= limits.concurrency:
            waits.append(Wait("concurrency", min(self.running.values()) - now, len(self.running)))
        if limits.rpm is not None and len(self.minute) >= limits.rpm:
            began = self.minute[len(self.minute) - limits.rpm][0]
            waits.append(Wait("rpm", began + WINDOW_SECONDS - now, len(self.minute)))
        if limits.tpm is not None and self.spent + tokens > limits.tpm:
            left = self.spent
            for began, used in self.minute:
                left -= used
                if left + tokens <= limits.tpm:
                    waits.append(Wait("tpm", began + WINDOW_SECONDS - now, self.spent))
                    break
        if waits:
            return max(waits, key=lambda wait: wait.seconds)
        self.running[ticket] = inf
        self.minute.append((now, tokens))
        self.spent += tokens
        self.day_tokens += tokens
        return None

    def give_back(self, ticket: str, after: float, now: float) -> None:
        self._advance(now)
        if ticket in self.running:
            if after:
                self.running[ticket] = now + after
            else:
                del self.running[ticket]

    def pause(self, seconds: float, now: float) -> None:
        self._advance(now)
        self.paused_until = max(self.paused_until, now + seconds)

    def _advance(self, now: float) -> None:
        """Drop what no longer counts. When the clock is set back, all stored times move back with it."""
        back = self.now - now
        if 0 < back < inf:
            self.minute = deque((began - back, used) for began, used in self.minute)
            self.running = {ticket: until - back for ticket, until in self.running.items()}
            self.paused_until -= back
        self.now = now
        while self.minute and self.minute[0][0] <= now - WINDOW_SECONDS:
            self.spent -= self.minute.popleft()[1]
        for ticket in [ticket for ticket, until in self.running.items() if until <= now]:
            del self.running[ticket]


def _steady_clock() -> Callable[[], float]:
    ahead = time.time() - time.monotonic()
    return lambda: time.monotonic() + ahead
