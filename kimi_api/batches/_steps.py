"""What is asked of the platform for batches, one request after another; see `kimi_api.batches` for what it means."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from kimi_api import errors, retry
from kimi_api._many import progress
from kimi_api._transport.steps import Call, Pause, Send, Steps
from kimi_api.batches._lines import ENDPOINT, BatchObject, Fetched, parse_batch, write_parts
from kimi_api.errors import KimiBatchError, KimiError, KimiInputError, KimiReplyError
from kimi_api.files._records import content_of, delete_copy, parse_file
from kimi_api.files._sources import open_source
from kimi_api.request import ChatRequest

LONGEST_POLL = 60.0
_PATIENCE = 10
"""Polls in a row that may fail for a passing reason: with the longest pause between them, about ten minutes."""
_PAGE = 100

_log = logging.getLogger("kimi_api.batches")


@dataclass(frozen=True, slots=True)
class BatchJob:
    """One or more batches that belong together.

    Attributes:
        ids: the platform's ids, in the order of the requests. Keep these to go on in another process.
        parts: the requests of each batch by `custom_id`; empty when the job was made from ids alone, and then read
            from the input files on the platform.
    """

    ids: tuple[str, ...]
    parts: tuple[Mapping[str, ChatRequest], ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if isinstance(self.ids, str):
            object.__setattr__(self, "ids", (self.ids,))
        if not self.ids or not all(isinstance(batch_id, str) and batch_id for batch_id in self.ids):
            raise KimiInputError(
                "ids", self.ids, "a job has the id of at least one batch", "pass the job that submit returned"
            )

    def __len__(self) -> int:
        """How many requests it has, 0 when that is not known here."""
        return sum(map(len, self.parts))


def submit(
    requests: Mapping[str, ChatRequest],
    window: str,
    metadata: Mapping[str, str] | None,
    tries: int,
    max_bytes: int,
    max_lines: int | None,
) -> Steps[BatchJob]:
    body: dict[str, Any] = {"endpoint": ENDPOINT, "completion_window": window}
    if metadata is not None:
        body["metadata"] = dict(metadata)
    file_ids: list[str] = []
    batch_ids: list[str] = []
    with TemporaryDirectory(prefix="kimi-batch-") as folder:
        parts = yield Call.in_thread(
            lambda: write_parts(requests, Path(folder), max_bytes=max_bytes, max_lines=max_lines)
        )
        try:
            for path, _ in parts:
                answer = yield Send("POST", "/files", upload=open_source(path).upload("batch"))
                file_ids.append(parse_file(answer.body).id)
                batch = yield from _create({"input_file_id": file_ids[-1], **body}, tries)
                batch_ids.append(batch.id)
        except BaseException:
            yield from _undo(file_ids, batch_ids)
            raise
    return BatchJob(tuple(batch_ids), tuple({name: requests[name] for name in names} for _, names in parts))


def _create(body: Mapping[str, Any], tries: int) -> Steps[BatchObject]:
    """Make a batch, once. A request that may have been carried out is not repeated blindly: it would be paid twice."""
    for attempt in range(1, tries + 1):
        try:
            answer = yield Send("POST", "/batches", body=body, max_retries=0)
            try:
                return parse_batch(answer.body)
            except KimiReplyError:  # it was made, but its record cannot be read
                if (existing := (yield from _batch_of(body["input_file_id"]))) is not None:
                    return existing
                raise
        except errors.KimiAPIError as error:
            doubtful = not 400 <= (getattr(error, "status_code", None) or 500) < 500
            if doubtful and (existing := (yield from _batch_of(body["input_file_id"]))) is not None:
                return existing
            if attempt == tries or not (doubtful or retry.is_retryable(error)):
                raise
            pause = retry.wait_seconds(attempt, error.retry_after)
        yield Pause(pause)
    raise AssertionError("the last try returns or raises")


def _batch_of(file_id: str) -> Steps[BatchObject | None]:
    """The batch of an input file, if there is one. The newest come first, so one page will do."""
    newest = yield from list_all(_PAGE)
    return next((batch for batch in newest if batch.input_file_id == file_id), None)


def _undo(file_ids: Sequence[str], batch_ids: Sequence[str]) -> Steps[None]:
    """Cancel and delete what a failed `submit` has made. A failure here must not hide the error that is on its way."""
    doomed = list(batch_ids)
    try:
        if len(file_ids) > len(batch_ids) and (unseen := (yield from _batch_of(file_ids[-1]))) is not None:
            doomed.append(unseen.id)
    except KimiError as error:
        _log.warning("could not find out whether a batch was created from file %s: %s", file_ids[-1], error)
    for batch_id in doomed:
        try:
            yield Send("POST", f"/batches/{batch_id}/cancel")
        except KimiError as error:
            _log.warning("batch %s could not be cancelled and may be charged: %s", batch_id, error)
    for file_id in file_ids:
        yield from _delete(file_id)


def poll_until_done(
    job: BatchJob, deadline: float | None, poll: float, show_progress: bool
) -> Steps[list[BatchObject]]:
    states = []
    for batch_id in job.ids:
        states.append((yield from retrieve(batch_id)))
    total = max(len(job), sum(state.total for state in states))
    pause, seen, failures = poll, 0, 0
    with progress(total, "batch", enabled=show_progress, unit="request") as advance:
        while True:
            counted = sum(state.completed + state.failed for state in states)
            advance(counted - seen)
            seen = counted
            pending = next((state for state in states if not state.done), None)
            if pending is None:
                return states
            left = pause if deadline is None else deadline - time.monotonic()
            if left <= 0:
                raise KimiBatchError(
                    pending.id,
                    pending.status,
                    f"not done in time ({seen} of {total} requests are done). Wait again, also in another process "
                    f"with the ids of the job, or cancel it",
                )
            yield Pause(min(pause, left))
            pause = min(pause * 1.5, max(poll, LONGEST_POLL))
            try:
                for position, state in enumerate(states):
                    if not state.done:
                        states[position] = yield from retrieve(state.id)
                failures = 0
            except errors.KimiAPIError as error:
                failures += 1
                if failures >= _PATIENCE or not retry.is_retryable(error):
                    raise
                _log.warning("could not read the state of a batch, trying again: %s", error)


def fetch(job: BatchJob) -> Steps[list[Fetched]]:
    fetched = []
    for position, batch_id in enumerate(job.ids):
        batch = yield from retrieve(batch_id)
        if not batch.done:
            counts = f"{batch.completed + batch.failed} of {batch.total} requests are answered"
            raise KimiBatchError(batch.id, batch.status, f"not done yet ({counts}); call wait first")
        known = job.parts[position] if job.parts else None
        input_lines = None if known is not None else (yield from _content(batch.input_file_id))
        output = yield from _content(batch.output_file_id)
        failed = yield from _content(batch.error_file_id)
        if batch.output_file_id and output is None:
            raise KimiBatchError(batch.id, batch.status, f"its answers (file {batch.output_file_id}) have been deleted")
        fetched.append(Fetched(batch, known, input_lines, output, failed))
    return fetched


def _content(file_id: str) -> Steps[str | None]:
    """The text of a file; None when there is none."""
    if not file_id:
        return None
    try:
        return (yield from content_of(file_id))
    except errors.KimiNotFoundError:
        return None


def clear(fetched: Iterable[Fetched], *, everything: bool) -> Steps[None]:
    for each in fetched:
        batch = each.batch
        if everything or batch.status == "failed":
            yield from _delete(batch.input_file_id)
        if everything:
            for file_id in (batch.output_file_id, batch.error_file_id):
                yield from _delete(file_id)


def cancel(job: BatchJob) -> Steps[list[BatchObject]]:
    states = []
    for batch_id in job.ids:
        try:
            answer = yield Send("POST", f"/batches/{batch_id}/cancel")
            states.append(parse_batch(answer.body))
        except errors.KimiBadRequestError:
            # "Only tasks in validating, in_progress, or finalizing status can be cancelled"
            state = yield from retrieve(batch_id)
            if not (state.done or state.status == "cancelling"):
                raise
            states.append(state)
    return states


def retrieve(batch_id: str) -> Steps[BatchObject]:
    answer = yield Send("GET", f"/batches/{batch_id}")
    return parse_batch(answer.body)


def list_all(limit: int | None) -> Steps[list[BatchObject]]:
    collected: list[BatchObject] = []
    after = ""
    while limit is None or len(collected) < limit:
        size = _PAGE if limit is None else min(limit - len(collected), _PAGE)
        answer = yield Send("GET", f"/batches?limit={size}{after}")
        entries = answer.body.get("data") if isinstance(answer.body, Mapping) else None
        if not isinstance(entries, list):
            raise KimiReplyError(
                f"the platform answered without a list of batches: {str(answer.body)[:200]}. What to do: try "
                "again; if that gives the same, check base_url"
            )
        page = [parse_batch(entry) for entry in entries]
        collected += page
        if not page or not answer.body.get("has_more"):
            break
        after = f"&after={page[-1].id}"
    return collected


def _delete(file_id: str) -> Steps[None]:
    if not file_id:
        return
    yield from delete_copy(file_id)
