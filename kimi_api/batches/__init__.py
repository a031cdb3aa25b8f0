"""Batches: many requests at 60 % of the price, answered within 12 hours to 7 days. Each with an asynchronous twin.

https://platform.kimi.ai/docs/guide/use-batch-api. `submit` writes the requests into JSONL files (of at most 100 MB, so
there may be several batches), uploads them and makes the batches; `poll_until_done` waits for them; `results` matches
answers and errors with requests. The ids are enough to go on in another process: `BatchJob(ids)`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import replace
from typing import Any

from kimi_api._transport.observer import observe
from kimi_api._transport.steps import Steps, adrive, drive
from kimi_api._warn import former_name
from kimi_api.batches import _steps
from kimi_api.batches._lines import (
    DONE,
    ENDPOINT,
    BatchObject,
    BatchResult,
    Fetched,
    check_requests,
    check_window,
    read_results,
    to_line,
    with_notes,
)
from kimi_api.batches._steps import BatchJob
from kimi_api.chat._correct import aplace, place
from kimi_api.client import KimiClient
from kimi_api.files._sources import MAX_BYTES
from kimi_api.request import ChatRequest

__all__ = [
    "DONE",
    "ENDPOINT",
    "MAX_BYTES",
    "BatchJob",
    "BatchObject",
    "BatchResult",
    "acancel",
    "alist_batches",
    "apoll_until_done",
    "aresults",
    "aretrieve",
    "asubmit",
    "await_done",
    "cancel",
    "list_batches",
    "poll_until_done",
    "results",
    "retrieve",
    "submit",
    "to_line",
    "wait",
]

FIRST_POLL = 2.0
"""Seconds before the first time of asking again; from there it grows to 60."""


# ------------------------------------------------------------------------------------------------- one call each way


def submit(
    client: KimiClient,
    requests: Mapping[str, ChatRequest] | Iterable[tuple[str, ChatRequest]],
    *,
    completion_window: str = "24h",
    metadata: Mapping[str, str] | None = None,
    max_bytes: int = MAX_BYTES,
    max_lines: int | None = None,
    any_model: bool = False,
) -> BatchJob:
    """Upload requests and make batches of them. When that fails half-way, nothing is left behind on the platform.

    Args:
        client: how to reach the platform.
        requests: by `custom_id`, made by `build_request`; all for one model.
        completion_window: "12h" to "7d"; what is not answered by then is not answered at all.
        metadata: up to 16 pairs of texts to find the batches by.
        max_bytes: size of an input file; more requests make more batches.
        max_lines: the same by number of requests; the platform documents no limit.
        any_model: send a model too that the catalogue says batches do not serve.

    Raises:
        KimiInputError: something that no batch takes; nothing was sent.
        KimiAPIError: the platform refused the request, or cannot be reached.
    """
    chats = check_requests(requests, any_model=any_model)
    settings = (check_window(completion_window), with_notes(metadata, chats.values()), client.max_retries + 1)
    chats = {custom_id: _as_sent(client, place(client, request)) for custom_id, request in chats.items()}
    return drive(client, _submit(_steps.submit(chats, *settings, max_bytes, max_lines), len(chats)))


async def asubmit(
    client: KimiClient,
    requests: Mapping[str, ChatRequest] | Iterable[tuple[str, ChatRequest]],
    *,
    completion_window: str = "24h",
    metadata: Mapping[str, str] | None = None,
    max_bytes: int = MAX_BYTES,
    max_lines: int | None = None,
    any_model: bool = False,
) -> BatchJob:
    """The asynchronous twin of `submit`."""
    chats = check_requests(requests, any_model=any_model)
    settings = (check_window(completion_window), with_notes(metadata, chats.values()), client.max_retries + 1)
    chats = {custom_id: _as_sent(client, await aplace(client, request)) for custom_id, request in chats.items()}
    return await adrive(client, _submit(_steps.submit(chats, *settings, max_bytes, max_lines), len(chats)))


def poll_until_done(
    client: KimiClient,
    job: BatchJob,
    *,
    timeout: float | None = None,
    poll: float = FIRST_POLL,
    show_progress: bool = False,
) -> list[BatchObject]:
    """Ask until every batch of the job has ended, with or without success.

    Args:
        client: how to reach the platform.
        job: what `submit` gave.
        timeout: seconds to wait at most; None waits until the completion window has passed.
        poll: seconds before asking again, growing to 60.
        show_progress: a bar over the requests.

    Raises:
        KimiBatchError: not done in time. Nothing is lost: wait again.
        KimiAPIError: a request failed; one that may succeed later is sent up to ten times in a row.
    """
    return drive(client, _steps.poll_until_done(job, _deadline(timeout), poll, show_progress))


wait: Callable[..., list[BatchObject]] = former_name("wait", poll_until_done)


async def apoll_until_done(
    client: KimiClient,
    job: BatchJob,
    *,
    timeout: float | None = None,  # noqa: ASYNC109 - see `poll_until_done`
    poll: float = FIRST_POLL,
    show_progress: bool = False,
) -> list[BatchObject]:
    """The asynchronous twin of `poll_until_done`."""
    return await adrive(client, _steps.poll_until_done(job, _deadline(timeout), poll, show_progress))


await_done: Callable[..., Coroutine[Any, Any, list[BatchObject]]] = former_name("await_done", apoll_until_done)


def results(client: KimiClient, job: BatchJob, *, delete_after: bool = False) -> list[BatchResult]:
    """The reply to each request, or the error in its place, in the order of the requests.

    What an expired or cancelled batch got done is here too; the rest are `KimiBatchError`s. Errors of single requests
    are of the same classes as those of live calls.

    Args:
        client: how to reach the platform.
        job: a job that is done. Made from ids alone, the order and the requests are read from the input files.
        delete_after: remove the input and result files from the platform afterwards. The input file of a batch that
            failed its validation is removed in any case, since it is of no more use.

    Raises:
        KimiBatchError: a batch is not done yet, or nothing of it is left.
        KimiAPIError: the platform refused the request, or cannot be reached.
    """
    fetched = drive(client, _fetch(job))
    answers = _read_all(client, fetched)
    drive(client, _steps.clear(fetched, everything=delete_after))
    return answers


async def aresults(client: KimiClient, job: BatchJob, *, delete_after: bool = False) -> list[BatchResult]:
    """The asynchronous twin of `results`."""
    fetched = await adrive(client, _fetch(job))
    answers = _read_all(client, fetched)
    await adrive(client, _steps.clear(fetched, everything=delete_after))
    return answers


def cancel(client: KimiClient, job: BatchJob) -> list[BatchObject]:
    """Stop the batches that still run. What is answered already can be read when they are done: see `results`."""
    return drive(client, _steps.cancel(job))


async def acancel(client: KimiClient, job: BatchJob) -> list[BatchObject]:
    """The asynchronous twin of `cancel`."""
    return await adrive(client, _steps.cancel(job))


def retrieve(client: KimiClient, batch_id: str) -> BatchObject:
    """The present state of one batch."""
    return drive(client, _steps.retrieve(batch_id))


async def aretrieve(client: KimiClient, batch_id: str) -> BatchObject:
    """The asynchronous twin of `retrieve`."""
    return await adrive(client, _steps.retrieve(batch_id))


def list_batches(client: KimiClient, *, limit: int | None = None) -> list[BatchObject]:
    """The account's batches, all of them or the first `limit`."""
    return drive(client, _steps.list_all(limit))


async def alist_batches(client: KimiClient, *, limit: int | None = None) -> list[BatchObject]:
    """The asynchronous twin of `list_batches`."""
    return await adrive(client, _steps.list_all(limit))


def _submit(steps: Steps[BatchJob], requests: int) -> Steps[BatchJob]:
    return observe("submit_batch", steps, {"kimi.batch.requests": requests}, lambda job: {"kimi.batch.ids": job.ids})


def _fetch(job: BatchJob) -> Steps[list[Fetched]]:
    return observe("read_batch", _steps.fetch(job), {"kimi.batch.ids": job.ids})


def _read_all(client: KimiClient, fetched: Iterable[Fetched]) -> list[BatchResult]:
    types = client._types()
    return [result for each in fetched for result in read_results(each, client.base_url, types, client.catalog)]


def _deadline(timeout: float | None) -> float | None:
    return None if timeout is None else time.monotonic() + timeout


def _as_sent(client: KimiClient, request: ChatRequest) -> ChatRequest:
    """A request whose line goes into an input file: like a live one, it passes `before_send`."""
    body = client.outgoing(request.body)
    return request if body is request.body else replace(request, body=dict(body))
