"""Requests -> the lines of a batch's input file, and the lines of its result files -> replies and errors. Pure.

https://platform.kimi.ai/docs/guide/use-batch-api: JSONL of at most 100 MB, one model per file, each `custom_id` once.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kimi_api._content.documents import IN_A_BATCH, READ_YOURSELF
from kimi_api._json import encode_json
from kimi_api.catalog import MODELS, ModelSpec, get_model_spec
from kimi_api.catalog._host import Catalog, plain_id
from kimi_api.chat._settle import accept
from kimi_api.errors import KimiBatchError, KimiError, KimiInputError, KimiReplyError
from kimi_api.files._sources import MAX_BYTES
from kimi_api.messages import partial_prefix
from kimi_api.options import budget_of
from kimi_api.reply import Reply, parse_reply
from kimi_api.reply._odd import tidy_number, tidy_text
from kimi_api.request import CHAT_PATH, ChatRequest
from kimi_api.tools import ToolChoice

if TYPE_CHECKING:
    from kimi_api.errors import ErrorTypes

ENDPOINT = f"/v1{CHAT_PATH}"
DONE = frozenset({"completed", "failed", "expired", "cancelled"})
_DEMAND, _ONE_CALL, _JOIN = "kimi_demand", "kimi_one_call", "kimi_join_prefix"
_CATALOG_MODEL = "kimi_catalog_model"
_PAIRS, _KEY, _VALUE = 16, 64, 512

_log = logging.getLogger("kimi_api.batches")


@dataclass(frozen=True, slots=True)
class BatchObject:
    """A batch as the platform lists it. Times are Unix seconds, 0 when there is none; counts are of requests.

    `status` is validating, in_progress, finalizing, completed, failed, expired, cancelling or cancelled.
    """

    id: str
    status: str = ""
    input_file_id: str = ""
    output_file_id: str = ""
    error_file_id: str = ""
    completion_window: str = ""
    created_at: int = 0
    expires_at: int = 0
    total: int = 0
    completed: int = 0
    failed: int = 0
    metadata: Mapping[str, str] | None = None
    complaint: str = ""
    """Why it failed, where the platform says so in the object itself."""

    @property
    def done(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in DONE


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What became of one request: a `reply` or an `error`, never both."""

    custom_id: str
    batch_id: str
    reply: Reply | None = None
    error: KimiError | None = None
    request: ChatRequest | None = field(default=None, repr=False)
    """What was asked, if that is known."""


def parse_batch(body: object) -> BatchObject:
    """A BatchObject from its JSON; members that are missing, unknown or not understood are no error.

    Raises:
        KimiReplyError: it is no record, or has no id.
    """
    if not isinstance(body, Mapping) or not tidy_text(body.get("id")):
        raise KimiReplyError(
            f"the platform answered without the record of a batch: {str(body)[:200]}. What to do: try again; "
            "kimi_api.batches.list_batches shows what there is"
        )
    counts = body.get("request_counts")
    counts = counts if isinstance(counts, Mapping) else {}
    texts = ("id", "status", "input_file_id", "output_file_id", "error_file_id", "completion_window")
    members: dict[str, Any] = {name: tidy_text(body.get(name)) for name in texts}
    members |= {name: tidy_number(body.get(name)) or 0 for name in ("created_at", "expires_at")}
    members |= {name: tidy_number(counts.get(name)) or 0 for name in ("total", "completed", "failed")}
    entries = body.get("errors")  # undocumented; other vendors have it
    entries = entries.get("data") if isinstance(entries, Mapping) else entries
    entries = entries if isinstance(entries, list) else []
    complaints = [str(item["message"]) for item in entries if isinstance(item, Mapping) and item.get("message")]
    notes = body.get("metadata")
    notes = (
        {key: value for key, value in notes.items() if isinstance(value, str)} if isinstance(notes, Mapping) else None
    )
    return BatchObject(**members, metadata=notes, complaint="; ".join(complaints))


# ------------------------------------------------------------------------------------------------- what goes out


def to_line(custom_id: str, body: Mapping[str, Any]) -> bytes:
    """One line of an input file, its line end included. The same request gives the same bytes.

    Raises:
        KimiInputError: JSON has no form for a value in it, or a text is no valid Unicode.
    """
    entry = {"custom_id": custom_id, "method": "POST", "url": ENDPOINT, "body": body}
    try:
        return encode_json(entry) + b"\n"
    except (TypeError, ValueError, RecursionError):
        from kimi_api._content.unsendable import unsendable

        wrong = unsendable({f"request {custom_id!r}": body})
        if wrong is None:
            raise
        raise wrong from None


def check_requests(
    requests: Mapping[str, ChatRequest] | Iterable[tuple[str, ChatRequest]], *, any_model: bool = False
) -> dict[str, ChatRequest]:
    """The requests by `custom_id`, if one batch can take them.

    Raises:
        KimiInputError: none at all, an id that is blank or used twice, more than one model, a model that batches do
            not serve, a request for a stream, or a document.
    """
    pairs = requests.items() if isinstance(requests, Mapping) else requests
    by_id: dict[str, ChatRequest] = {}
    for custom_id, request in pairs:
        if not isinstance(custom_id, str) or not custom_id:
            raise KimiInputError("custom_id", custom_id, "it is a text that is not empty", "name each request")
        if custom_id in by_id:
            raise KimiInputError("custom_id", custom_id, "each request has its own", "make the ids unique")
        if request.body.get("stream"):
            raise KimiInputError(f"request {custom_id!r}", "stream=True", "a batch cannot stream", "leave stream out")
        if request.media is not None and request.media.documents:
            raise KimiInputError(f"request {custom_id!r}", "a document in its messages", IN_A_BATCH, READ_YOURSELF)
        first = next(iter(by_id.values()), request).body["model"]
        if request.body["model"] != first:
            raise KimiInputError(
                f"request {custom_id!r}",
                request.body["model"],
                f"a batch has one model, and the first request asks for {first}",
                "submit one batch for each model",
            )
        by_id[custom_id] = request
    if not by_id:
        raise KimiInputError("requests", [], "a batch needs at least one", "pass some")
    spec = next(iter(by_id.values())).spec
    if spec.batch is False and not any_model:
        able = ", ".join(name for name, each in MODELS.items() if each.batch and not each.retired())
        raise KimiInputError(
            "model", spec.id, "batches are not offered for it", f"use one of: {able or 'none today; make live calls'}"
        )
    return by_id


def check_window(window: str) -> str:
    """`window` if it is one: "12h" to "7d"."""
    match = re.fullmatch(r"(\d{1,3})([hd])", window) if isinstance(window, str) else None
    hours = int(match[1]) * {"h": 1, "d": 24}[match[2]] if match else 0
    if not 12 <= hours <= 7 * 24:
        raise KimiInputError(
            "completion_window", window, "it is from '12h' to '7d', in hours or days", "pass e.g. '24h' or '3d'"
        )
    return window


def with_notes(metadata: Mapping[str, str] | None, requests: Iterable[ChatRequest]) -> dict[str, str] | None:
    """`metadata`, and what another process needs to read the answers as this one would; None when there is nothing.

    A demanded tool that went out as a mere offer, `parallel_tool_calls=False`, `join_prefix` and `catalog_model` are no
    part of a request's body.
    """
    requests = list(requests)
    pairs = dict(metadata or {})
    stands_for = {request.spec.id for request in requests if request.spec.known}
    if len(stands_for) == 1 and (model := stands_for.pop()) != plain_id(requests[0].body["model"]):
        pairs[_CATALOG_MODEL] = model
    demands = {request.choice.required_call for request in requests}
    if len(demands) == 1 and (demand := demands.pop()):
        pairs[_DEMAND] = demand
    if all(request.one_call for request in requests):
        pairs[_ONE_CALL] = "true"
    if any(request.joined for request in requests) and all(
        request.joined or not request.prefix for request in requests
    ):
        pairs[_JOIN] = "true"
    for key, value in pairs.items():
        if not (isinstance(key, str) and isinstance(value, str)) or len(key) > _KEY or len(value) > _VALUE:
            raise KimiInputError(
                "metadata",
                {key: value},
                f"keys are texts of at most {_KEY} characters, values of at most {_VALUE}",
                "shorten it",
            )
    if len(pairs) > _PAIRS:
        raise KimiInputError("metadata", pairs, f"it has at most {_PAIRS} pairs, ours included", "pass fewer")
    return pairs or None


def write_parts(
    requests: Mapping[str, ChatRequest], folder: Path, *, max_bytes: int = MAX_BYTES, max_lines: int | None = None
) -> list[tuple[Path, list[str]]]:
    """Write the requests into as few files as the limits allow, in order; each file with its `custom_id`s.

    Raises:
        KimiInputError: one request alone is larger than `max_bytes`.
    """
    parts: list[tuple[Path, list[str]]] = []
    target, size = None, 0
    try:
        for custom_id, request in requests.items():
            line = to_line(custom_id, request.body)
            if len(line) > max_bytes:
                raise KimiInputError(
                    f"request {custom_id!r}",
                    f"{len(line):,} bytes",
                    f"an input file, and so a request, has at most {max_bytes:,} bytes",
                    "send less text, or upload images and refer to them as ms://<file id>",
                )
            if target is None or size + len(line) > max_bytes or len(parts[-1][1]) == max_lines:
                if target is not None:
                    target.close()
                parts.append((folder / f"kimi-batch-{len(parts) + 1}.jsonl", []))
                target, size = parts[-1][0].open("wb"), 0
            target.write(line)
            parts[-1][1].append(custom_id)
            size += len(line)
    finally:
        if target is not None:
            target.close()
    return parts


# ------------------------------------------------------------------------------------------------- what comes back


@dataclass(frozen=True, slots=True)
class Fetched:
    """A finished batch, its files as text (None for one that does not exist), and its requests if they are known."""

    batch: BatchObject
    requests: Mapping[str, ChatRequest] | None = None
    input: str | None = None
    output: str | None = None
    errors: str | None = None


def read_results(
    fetched: Fetched, base_url: str, types: ErrorTypes | None, catalog: Catalog | None = None
) -> list[BatchResult]:
    """The results of one batch in the order of its requests.

    Where neither the requests are known nor the input file is there, they come in the order of the answers, and
    requests without an answer are missing.

    Args:
        fetched: the batch and what came of it.
        base_url: for the advice in errors.
        types: see `KimiClient.error_types`.
        catalog: the client's.

    Raises:
        KimiBatchError: nothing is known of any request.
    """
    batch = fetched.batch
    sent = dict(_requests_of(fetched, catalog)) if fetched.requests is None else fetched.requests
    lines = {**_entries(fetched.errors), **_entries(fetched.output)}
    ids = list(sent)
    if fetched.requests is None:  # an input file that is gone, or a line of it that cannot be read
        ids += [custom_id for custom_id in lines if custom_id and custom_id not in sent]
    reason = _missing(fetched)
    if not ids:
        raise KimiBatchError(batch.id, batch.status, reason)
    results = []
    for custom_id in ids:
        entry, request = lines.get(custom_id), sent.get(custom_id)
        if entry is None:
            outcome: Reply | KimiError = KimiBatchError(batch.id, batch.status, reason, custom_id=custom_id)
        else:
            try:
                outcome = _read_entry(custom_id, entry, request, batch, base_url, types)
            except (AttributeError, TypeError, KeyError, ValueError, OverflowError):
                entry_text = str(entry)[:200]
                outcome = KimiReplyError(
                    f"the line of request {custom_id!r} cannot be read: {entry_text}. Send it again"
                )
        reply, error = (None, outcome) if isinstance(outcome, KimiError) else (outcome, None)
        results.append(BatchResult(custom_id, batch.id, reply, error, request))
    return results


def _entries(text: str | None) -> dict[str, Mapping[str, Any]]:
    """The lines of a result file by `custom_id`. Not `splitlines`: U+2028 inside a text would end a line for it."""
    entries: dict[str, Mapping[str, Any]] = {}
    for number, line in enumerate((text or "").split("\n"), 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            entries[str(entry.get("custom_id") or "")] = entry
        except (ValueError, AttributeError, RecursionError):
            _log.warning("line %d of a result file is no JSON object, and is left out: %.120r", number, line)
    return entries


def _requests_of(fetched: Fetched, catalog: Catalog | None) -> Iterator[tuple[str, ChatRequest]]:
    """The requests of the input file, completed by the notes in the batch's metadata."""
    notes = fetched.batch.metadata or {}
    choice, one_call = ToolChoice(required_call=notes.get(_DEMAND, "")), _ONE_CALL in notes
    for custom_id, entry in _entries(fetched.input).items():
        try:
            body: Any = dict(entry.get("body") or {})
            spec = _spec_of(str(body.get("model") or ""), notes.get(_CATALOG_MODEL), catalog)
            prefix = partial_prefix(body.get("messages") or [])
        except (AttributeError, TypeError, KeyError, ValueError):
            _log.warning("the line of request %r in the input file cannot be read, and is left out", custom_id)
            continue
        joined = (prefix or "") if _JOIN in notes else ""
        yield custom_id, ChatRequest(body, spec, spec.thinking != "none", choice, one_call, prefix, joined)


def _spec_of(model: str, stands_for: str | None, catalog: Catalog | None) -> ModelSpec:
    """The rules that the request was made by; those of its id where the noted model is not known here."""
    try:
        return get_model_spec(model, catalog_model=stands_for, catalog=catalog)
    except KimiInputError:
        return get_model_spec(model, catalog=catalog)


def _missing(fetched: Fetched) -> str:
    """Why a request has no line in either file."""
    status = fetched.batch.status
    if status == "expired":
        return "its completion window passed before it was answered; submit it again, or with a longer window"
    if status == "cancelled":
        return "the batch was cancelled before it was answered; submit it again"
    if status == "failed":
        complaint = fetched.batch.complaint or _complaint(_entries(fetched.errors).get("")) or "no reason given"
        return (
            f"the platform refused the whole file: {complaint}. Nothing was paid; correct the file and submit it again"
        )
    return "the batch is done, but its answer is in neither file; submit it again"


def _complaint(entry: Mapping[str, Any] | None) -> str:
    if entry is None:
        return ""
    response = entry.get("response")
    body = response.get("body") if isinstance(response, Mapping) else None
    error = (body.get("error") if isinstance(body, Mapping) else None) or entry.get("error") or {}
    return str(error.get("message") or "") if isinstance(error, Mapping) else str(error)


def _read_entry(
    custom_id: str,
    entry: Mapping[str, Any],
    request: ChatRequest | None,
    batch: BatchObject,
    base_url: str,
    types: ErrorTypes | None,
) -> Reply | KimiError:
    """One line: a reply held against its request, or the error that the same answer would be in a live call."""
    from kimi_api._transport.context import RequestContext
    from kimi_api._transport.errors.translate import from_line, is_error_body

    body = request.body if request is not None else {}
    context = RequestContext(base_url, tidy_text(body.get("model")), budget_of(body))
    response = entry.get("response")
    if not isinstance(response, Mapping):
        error = entry.get("error") or {"message": "the line has neither a response nor an error"}
        code = str(error.get("code") or "") if isinstance(error, Mapping) else ""
        if code in ("batch_expired", "batch_cancelled"):  # other vendors write such lines for what was not answered
            reason = str(error.get("message") or code)
            return KimiBatchError(batch.id, batch.status, reason, custom_id=custom_id)
        return from_line(_status(code), {"error": error}, context, types)
    status, answer = int(response.get("status_code") or 200), response.get("body")
    request_id = str(response.get("request_id") or "") or None
    if status != 200 or is_error_body(answer):
        return from_line(500 if status == 200 else status, answer, context, types, request_id)
    try:
        headers = {"msh-request-id": request_id} if request_id else None
        reply = parse_reply(answer if isinstance(answer, Mapping) else {}, headers, request_body=body)
        return reply if request is None else accept(reply, request)
    except KimiError as failure:
        return failure


def _status(code: str) -> int:
    """The HTTP status of an error that came without one; a `code` that is a known type of error decides its class."""
    return 400 if code in ("invalid_request_error", "content_filter") else 500
