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
                counts.give_back(ticket, self._clock() + after if after else 0.0)

    def withdraw(self, account: str, ticket: str) -> None:
        """See `LimitStore`; nothing is noted of requests that only asked."""


class _Counts:
    """What one account has under way, and has used within a minute and within a day. Not thread-safe."""

    __slots__ = ("day", "day_tokens", "minute", "running", "spent")

    def __init__(self) -> None:
        self.running: dict[str, float] = {}  # ticket -> until when it counts
        self.minute: deque[tuple[float, int]] = deque()  # when, and how many tokens
        self.spent = 0  # the tokens of that minute
        self.day = 0
        self.day_tokens = 0

    def take(self, ticket: str, limits: AccountLimits, tokens: int, now: float) -> Wait | None:
        """Count a request that may begin (None), or say what it has to wait for longest."""
        self._forget(now)
        if limits.tpd is not None and self.day_tokens + tokens > limits.tpd:
            return Wait("tpd", DAY_SECONDS - now % DAY_SECONDS, self.day_tokens)
        waits: list[Wait] = []
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

    def give_back(self, ticket: str, until: float) -> None:
        if ticket in self.running:
            if until:
                self.running[ticket] = until
            else:
                del self.running[ticket]

    def _forget(self, now: float) -> None:
        while self.minute and self.minute[0][0] <= now - WINDOW_SECONDS:
            self.spent -= self.minute.popleft()[1]
        for ticket in [ticket for ticket, until in self.running.items() if until <= now]:
            del self.running[ticket]
        today = int(now // DAY_SECONDS)
        if today != self.day:
            self.day, self.day_tokens = today, 0


def _steady_clock() -> Callable[[], float]:
    ahead = time.time() - time.monotonic()
    return lambda: time.monotonic() + ahead
