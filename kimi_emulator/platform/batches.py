"""Batches: a file of requests in, files of answers and of errors out, some time later.

https://platform.kimi.ai/docs/guide/use-batch-api. A batch moves on when it is asked for, one status at a time, so that
a client that polls gets to see each of them: ``validating`` (from the call that makes it), ``in_progress``,
``finalizing``, ``completed``; or ``failed``, ``expired``, ``cancelling``, ``cancelled``. How long it is in progress is
a setting, in seconds of the emulator's clock. Lines are answered as chat requests are, at 60 % of the price.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["ENDPOINT", "Batch", "Batches", "Status", "window_seconds"]

ENDPOINT = "/v1/chat/completions"
_HOURS = {"h": 1, "d": 24}

Status = Literal["validating", "failed", "in_progress", "finalizing", "completed", "expired", "cancelling", "cancelled"]


@dataclass
class Batch:
    """One batch. Times are seconds since 1970; ``lines`` are the input lines, ``done`` how many were answered."""

    id: str
    input_file_id: str
    completion_window: str
    metadata: Mapping[str, str] | None
    request: int
    created_at: float
    expires_at: float
    status: Status = "validating"
    times: dict[str, float] = field(default_factory=dict)
    lines: list[dict[str, Any]] = field(default_factory=list)
    done: int = 0
    output: list[dict[str, Any]] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)
    output_file_id: str | None = None
    error_file_id: str | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    rejected: bool = False
    expires_halfway: bool = False
    stuck: bool = False
    loses_lines: bool = False
    line_failure: Literal["response", "error"] | None = None
    """The last five are faults on demand: see ``kimi_emulator.faults.batches``."""

    def move(self, status: Status, now: float) -> None:
        """Enter a status, and note when."""
        self.status = status
        self.times[f"{status}_at"] = now

    def object(self) -> dict[str, Any]:
        """The batch as the API shows it."""
        names = ("in_progress_at", "finalizing_at", "completed_at", "failed_at", "cancelling_at", "cancelled_at")
        times = {name: int(self.times[name]) if name in self.times else None for name in names}
        return {
            "id": self.id,
            "object": "batch",
            "endpoint": ENDPOINT,
            "input_file_id": self.input_file_id,
            "completion_window": self.completion_window,
            "status": self.status,
            "output_file_id": self.output_file_id,
            "error_file_id": self.error_file_id,
            "created_at": int(self.created_at),
            "expires_at": int(self.expires_at),
            **times,
            "request_counts": {
                "total": len(self.lines),
                "completed": len(self.output),
                "failed": 0 if self.status == "failed" else len(self.errors),
            },
            "metadata": dict(self.metadata) if self.metadata is not None else None,
        }


class Batches:
    """The batches of one emulator, the newest first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._batches: dict[str, Batch] = {}

    def add(self, batch: Batch) -> None:
        """Keep a batch."""
        with self._lock:
            self._batches = {batch.id: batch, **self._batches}

    def get(self, batch_id: str) -> Batch | None:
        """The batch, or None."""
        return self._batches.get(batch_id)

    def by_id(self) -> dict[str, Batch]:
        """All batches by id (a copy)."""
        with self._lock:
            return dict(self._batches)

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._batches = {}


def window_seconds(window: Any) -> int | None:
    """The seconds of a completion window such as ``12h`` or ``3d``; None for any other text, or outside 12h to 7d."""
    parts = re.fullmatch(r"(\d{1,4})([hd])", window) if isinstance(window, str) else None
    hours = int(parts[1]) * _HOURS[parts[2]] if parts else 0
    return hours * 3600 if 12 <= hours <= 7 * 24 else None
