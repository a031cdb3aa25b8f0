"""Batches: a file of requests in, files of answers and of errors out, some time later.

https://platform.kimi.ai/docs/guide/use-batch-api. A batch moves on when it is asked for, one status at a time, so that
a client that polls gets to see each of them: ``validating`` (from the call that makes it), ``in_progress``,
``finalizing``, ``completed``; or ``failed``, ``expired``, ``cancelling``, ``cancelled``. How long it is in progress is
a setting, in seconds of the emulator's clock. Lines are answered as chat requests are, at 60 % of the price.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import secrets
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from kimi_emulator.errors import INVALID_REQUEST, ApiError
from kimi_emulator.platform.tokens import compact
from kimi_emulator.rules import enforce
from kimi_emulator.rules.batches import (
    ENDPOINT,
    BatchCallCheck,
    BatchCheck,
    BatchFileCheck,
    BatchListCheck,
    window_seconds,
)

if TYPE_CHECKING:
    from kimi_emulator.platform.state import State

PRICE_SHARE = 0.6
"""What a line costs, as a share of the price of the same request."""
PAGE, LONGEST_PAGE = 20, 100

Status = Literal["validating", "failed", "in_progress", "finalizing", "completed", "expired", "cancelling", "cancelled"]
Answer = Callable[[dict[str, Any], int], Awaitable[tuple[int, dict[str, Any]]]]
"""Answers the body of a line, on behalf of the request at this position: HTTP status and body."""


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


def create(state: State, body: Mapping[str, Any], place: int) -> Batch:
    """A new batch, made by the request at position ``place``.

    Raises:
        ApiError: a rule on batches refuses it, or the account has no money.
    """
    file_id = body.get("input_file_id")
    enforce("batch", BatchCheck(state, body, state.files.get(file_id) if isinstance(file_id, str) else None))
    state.account.check_balance()
    now, window = state.clock.now(), body["completion_window"]
    batch = Batch(
        f"batch-{secrets.token_hex(12)}",
        body["input_file_id"],
        window,
        body.get("metadata"),
        place,
        now,
        now + (window_seconds(window) or 0),
    )
    state.batches.add(batch)
    return batch


def found(state: State, batch_id: str) -> Batch:
    """The batch of this id. Raises ``ApiError`` when there is none."""
    batch = state.batches.get(batch_id)
    enforce("batch_call", BatchCallCheck(state, batch_id, batch.status if batch else None))
    assert batch is not None  # noqa: S101  (the rule batch.unknown has passed)
    return batch


def page(state: State, query: Mapping[str, str]) -> dict[str, Any]:
    """A page of the list: ``limit`` (20) of them, from the one behind ``after`` on."""
    enforce("batch_list", BatchListCheck(state, query))
    entries = list(state.batches.by_id().values())
    after, limit = query.get("after"), query.get("limit")
    if after:
        ids = [batch.id for batch in entries]
        entries = entries[ids.index(after) + 1 :] if after in ids else []
    size = PAGE if limit is None else min(max(int(limit), 1), LONGEST_PAGE)
    shown = [batch.object() for batch in entries[:size]]
    return {"object": "list", "data": shown, "has_more": len(entries) > size}


async def cancel(state: State, batch: Batch) -> None:
    """Begin to cancel: what has been answered by now is kept. Raises ``ApiError`` when it is too late for that."""
    async with batch.lock:
        enforce("batch_call", BatchCallCheck(state, batch.id, batch.status, cancels=True))
        batch.move("cancelling", state.clock.now())


async def move_on(state: State, batch: Batch, answer: Answer) -> None:
    """One step along, as time and faults allow."""
    async with batch.lock:
        now = state.clock.now()
        if batch.status in ("validating", "in_progress", "finalizing") and now >= batch.expires_at:
            await _answer_lines(state, batch, answer, batch.expires_at)
            await _end(state, batch, "expired", now)
        elif batch.status == "validating":
            await _validate(state, batch, now)
        elif batch.status == "in_progress" and not batch.stuck:
            await _answer_lines(state, batch, answer, now)
            if batch.expires_halfway:
                await _end(state, batch, "expired", now)
            elif batch.done == len(batch.lines):
                batch.move("finalizing", now)
        elif batch.status == "finalizing":
            await _end(state, batch, "completed", now)
        elif batch.status == "cancelling":
            await _end(state, batch, "cancelled", now)


async def _validate(state: State, batch: Batch, now: float) -> None:
    try:
        if batch.rejected:
            raise ApiError(500, "server_error", "the input file could not be validated")
        file = state.files.get(batch.input_file_id)
        if file is None:
            raise ApiError(400, INVALID_REQUEST, f"Not found the file {batch.input_file_id}")
        check = BatchFileCheck(state, await asyncio.to_thread(file.path.read_bytes))
        enforce("batch_file", check)
    except ApiError as error:
        if error.rule is not None:
            state.refused(error.rule, error.message, batch.request)
            batch.errors.append(_line("", error.status, error.body))
        await _end(state, batch, "failed", now)
        return
    batch.lines = list(check.entries)
    batch.move("in_progress", now)


async def _answer_lines(state: State, batch: Batch, answer: Answer, until: float) -> None:
    """Answer the lines that are due by then: they are spread evenly over the time that a batch takes."""
    total, seconds = len(batch.lines), state.settings.batch_seconds
    started = batch.times.get("in_progress_at", until)
    due = total if seconds <= 0 else min(total, int(total * (until - started) / seconds))
    if batch.expires_halfway:
        due = total // 2
    while batch.done < due:
        line = batch.lines[batch.done]
        if batch.line_failure is not None and batch.done % 2:
            batch.errors.append(_failed(line["custom_id"], batch.line_failure))
        elif not (batch.loses_lines and batch.done % 2):
            status, body = await answer(line["body"], batch.request)
            (batch.output if status == 200 else batch.errors).append(_line(line["custom_id"], status, body))
        batch.done += 1


async def _end(state: State, batch: Batch, status: Status, now: float) -> None:
    """Write the files and enter the last status. Only ``custom_id`` tells answers apart: the last one comes first."""
    batch.output.reverse()
    batch.output_file_id = await _written(state, batch, "output", batch.output)
    batch.error_file_id = await _written(state, batch, "error", batch.errors)
    batch.move(status, now)


async def _written(state: State, batch: Batch, kind: str, lines: list[dict[str, Any]]) -> str | None:
    if not lines:
        return None
    data = "".join(f"{compact(line)}\n" for line in lines).encode("utf-8", "surrogatepass")
    digest = hashlib.sha256(data).hexdigest()
    name = f"{batch.id}_{kind}.jsonl"
    return (await asyncio.to_thread(state.files.add, io.BytesIO(data), name, "batch", digest)).id


def _line(custom_id: str, status: int, body: Mapping[str, Any]) -> dict[str, Any]:
    """An output line; ``id`` repeats the ``custom_id``, and the request id is empty, as documented."""
    response = {"status_code": status, "request_id": "", "body": body}
    return {"id": custom_id, "custom_id": custom_id, "response": response, "error": None}


def _failed(custom_id: str, form: Literal["response", "error"]) -> dict[str, Any]:
    message = "The server had an error while processing your request"
    if form == "response":
        return _line(custom_id, 500, ApiError(500, "server_error", message).body)
    error = {"code": "server_error", "message": message}
    return {"id": custom_id, "custom_id": custom_id, "response": None, "error": error}
