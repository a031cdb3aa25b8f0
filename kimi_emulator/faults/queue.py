"""Which request gets which fault."""

from __future__ import annotations

import random
import threading

from kimi_emulator.faults.registry import fault_named
from kimi_emulator.script import Fault, Kind

__all__ = ["FaultQueue"]


class FaultQueue:
    """Faults waiting for their request: queued ones first, then by rate from a seeded generator."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: list[tuple[Fault, int | None]] = []  # and the only step that may get it
        self._steps: list[Kind] = []
        self._rate = 0.0
        self._choice: list[Fault] = []
        self._random = random.Random(0)  # noqa: S311 - repeatable on purpose

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._queue.clear()
            self._steps.clear()
            self._rate, self._choice = 0.0, []

    def add(self, *faults: Fault | str, step: int | None = None) -> None:
        """Queue faults, each for one request of a kind that it applies to; with ``step``, for none but that one."""
        entries = [(fault_named(fault), step) for fault in faults]
        with self._lock:
            self._queue += entries

    def at_rate(self, rate: float, *faults: Fault | str, seed: int) -> None:
        """From now on a share ``rate`` of the requests gets one of ``faults``."""
        if not 0 <= rate <= 1:
            raise ValueError("rate is a share from 0 to 1")
        choice = [fault_named(fault) for fault in faults]
        if any(fault.connection for fault in choice):
            raise ValueError("a connection is reset before its request is known: queue such faults with fail()")
        with self._lock:
            self._rate, self._choice = rate, choice
            self._random = random.Random(seed)  # noqa: S311

    def take(self, kind: Kind) -> Fault | None:
        """The fault for a request of this kind."""
        with self._lock:
            self._steps.append(kind)
            for position, (fault, step) in enumerate(self._queue):
                if kind in fault.on and not fault.connection and step in (None, len(self._steps)):
                    return self._queue.pop(position)[0]
            fitting = [fault for fault in self._choice if kind in fault.on]
            if fitting and self._random.random() < self._rate:
                return self._random.choice(fitting)
        return None

    def take_connection(self) -> bool:
        """Whether to reset the connection that is about to send."""
        with self._lock:
            for position, (fault, step) in enumerate(self._queue):
                if fault.connection and (step is None or step == len(self._steps) + 1):
                    del self._queue[position]
                    return True
        return False

    def waiting(self) -> list[str]:
        """The ids of queued faults that no request has met yet."""
        with self._lock:
            return [fault.id for fault, _ in self._queue]

    def steps(self) -> list[Kind]:
        """The kinds of the requests that a fault could have met, in order."""
        with self._lock:
            return list(self._steps)
