"""The four calls of ``/v1/batches``, and how a batch moves on while it is asked for."""

from __future__ import annotations

import asyncio
import hashlib
import io
import secrets
from collections.abc import Mapping
from typing import Any, Literal

from starlette.responses import Response

from kimi_emulator.content import compact
from kimi_emulator.errors import INVALID_REQUEST, ApiError
from kimi_emulator.http.calls import Call, Service, mark
from kimi_emulator.http.chat import answer_line
from kimi_emulator.platform.batches import Batch, Status, window_seconds
from kimi_emulator.platform.checks import BatchCallCheck, BatchCheck, BatchFileCheck, BatchListCheck
from kimi_emulator.platform.state import State
from kimi_emulator.rules import enforce

__all__ = ["cancel", "create", "show", "show_page"]

_PAGE, _LONGEST_PAGE = 20, 100


async def create(call: Call) -> Response:
    """``POST /v1/batches``."""
    state, body = call.state, await call.json()
    fault = call.fault("batch")
    file_id = body.get("input_file_id")
    enforce("batch", BatchCheck(body, state.files.get(file_id) if isinstance(file_id, str) else None))
    state.account.check_balance()
    now, window = state.clock.now(), body["completion_window"]
    batch = Batch(
        f"batch-{secrets.token_hex(12)}",
        body["input_file_id"],
        window,
        body.get("metadata"),
        call.position,
        now,
        now + (window_seconds(window) or 0),
    )
    state.batches.add(batch)
    if fault is not None:
        mark(batch, fault.batch)
    return call.answer(batch.object(), fault)


async def show_page(call: Call) -> Response:
    """``GET /v1/batches``: ``limit`` (20) of them, those that follow ``after``."""
    query = call.received.query
    enforce("batch_list", BatchListCheck(query))
    batches = list(call.state.batches.by_id().values())
    after, limit = query.get("after"), query.get("limit")
    if after:
        ids = [batch.id for batch in batches]
        batches = batches[ids.index(after) + 1 :] if after in ids else []
    size = _PAGE if limit is None else min(max(int(limit), 1), _LONGEST_PAGE)
    page = [batch.object() for batch in batches[:size]]
    return call.answer({"object": "list", "data": page, "has_more": len(batches) > size})


async def show(call: Call, batch_id: str) -> Response:
    """``GET /v1/batches/{id}``: the batch moves one step along, as time and faults allow."""
    batch = _batch(call, batch_id)
    async with batch.lock:
        await _move_on(call.service, batch, call.state.clock.now())
    return call.answer(batch.object())


async def cancel(call: Call, batch_id: str) -> Response:
    """``POST /v1/batches/{id}/cancel``: what has been answered by now is kept."""
    batch = _batch(call, batch_id)
    async with batch.lock:
        enforce("batch_call", BatchCallCheck(batch.id, batch.status, cancels=True))
        batch.move("cancelling", call.state.clock.now())
    return call.answer(batch.object())


def _batch(call: Call, batch_id: str) -> Batch:
    batch = call.state.batches.get(batch_id)
    enforce("batch_call", BatchCallCheck(batch_id, batch.status if batch else None))
    assert batch is not None  # noqa: S101  (the rule batch.unknown has passed)
    return batch


async def _move_on(service: Service, batch: Batch, now: float) -> None:
    state = service.state
    if batch.status in ("validating", "in_progress", "finalizing") and now >= batch.expires_at:
        await _answer_lines(service, batch, batch.expires_at)
        await _end(state, batch, "expired", now)
    elif batch.status == "validating":
        await _validate(state, batch, now)
    elif batch.status == "in_progress" and not batch.stuck:
        await _answer_lines(service, batch, now)
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
        state.record_refusal(error, batch.request)
        if error.rule is not None:
            batch.errors.append(_line("", error.status, error.body))
        await _end(state, batch, "failed", now)
        return
    batch.lines = list(check.entries)
    batch.move("in_progress", now)


async def _answer_lines(service: Service, batch: Batch, until: float) -> None:
    """Answer the lines that are due by then: they are spread evenly over the time that a batch takes."""
    total, seconds = len(batch.lines), service.state.settings.batch_seconds
    started = batch.times.get("in_progress_at", until)
    due = total if seconds <= 0 else min(total, int(total * (until - started) / seconds))
    if batch.expires_halfway:
        due = total // 2
    while batch.done < due:
        line = batch.lines[batch.done]
        if batch.line_failure is not None and batch.done % 2:
            batch.errors.append(_failure(line["custom_id"], batch.line_failure))
        elif not (batch.loses_lines and batch.done % 2):
            status, body = await answer_line(service, line["body"], batch.request)
            (batch.output if status == 200 else batch.errors).append(_line(line["custom_id"], status, body))
        batch.done += 1


async def _end(state: State, batch: Batch, status: Status, now: float) -> None:
    """Write the files and enter the last status. Only ``custom_id`` tells answers apart: the last one comes first."""
    batch.output.reverse()
    batch.output_file_id = await _write(state, batch, "output", batch.output)
    batch.error_file_id = await _write(state, batch, "error", batch.errors)
    batch.move(status, now)


async def _write(state: State, batch: Batch, kind: str, lines: list[dict[str, Any]]) -> str | None:
    """Write a new file with these lines and return its id; None if there are no lines."""
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


def _failure(custom_id: str, form: Literal["response", "error"]) -> dict[str, Any]:
    error = ApiError(500, "server_error", "The server had an error while processing your request")
    if form == "response":
        return _line(custom_id, error.status, error.body)
    described = {"code": error.type, "message": error.message}
    return {"id": custom_id, "custom_id": custom_id, "response": None, "error": described}
