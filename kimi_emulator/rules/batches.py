"""Rules on batches: on the call that makes one, on the file of requests, and on calls about one.

The first and the last are answered at once. The file is looked at afterwards, while the batch is ``validating``: a
rule of the subject ``batch_file`` that refuses it makes the batch ``failed``, and its text stands in the error file.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from kimi_emulator.errors import NOT_FOUND
from kimi_emulator.platform.batches import ENDPOINT, window_seconds
from kimi_emulator.platform.checks import BatchCallCheck, BatchCheck, BatchFileCheck, BatchListCheck
from kimi_emulator.platform.models import available
from kimi_emulator.rules.registry import rule
from kimi_emulator.rules.wording import show

CANCELLABLE = ("validating", "in_progress", "finalizing")


# ------------------------------------------------------------------------------------------------- making one


@rule("batch.input_file", subject="batch", source="API reference: id of an input file; wording ours")
def input_file(check: BatchCheck) -> str | None:
    """``input_file_id`` is the id of a stored file."""
    if check.file is not None:
        return None
    return f"Invalid request: input_file_id '{show(check.body.get('input_file_id'))}' is not a file of this account"


@rule("batch.purpose", subject="batch", source="API reference: uploaded with purpose batch; wording ours")
def purpose(check: BatchCheck) -> str | None:
    """The input file was uploaded with the purpose ``batch``."""
    declared = check.file.purpose if check.file is not None else ""
    return None if declared == "batch" else f"Invalid request: the input file must have purpose batch, not {declared}"


@rule("batch.jsonl", subject="batch", source="API reference: a .jsonl file; wording ours")
def jsonl(check: BatchCheck) -> str | None:
    """The input file's name ends with ``.jsonl``."""
    name = check.file.filename if check.file is not None else ""
    return None if name.lower().endswith(".jsonl") else f"Invalid request: the input file must be .jsonl, not {name}"


@rule("batch.endpoint", subject="batch", source="API reference: only chat completions; wording ours")
def endpoint(check: BatchCheck) -> str | None:
    """The endpoint is ``/v1/chat/completions``."""
    if check.body.get("endpoint") == ENDPOINT:
        return None
    return f"Invalid request: endpoint must be {ENDPOINT}"


@rule("batch.window", subject="batch", source="API reference: 12h, 1d, 3d; from 12h to 7d; wording ours")
def window(check: BatchCheck) -> str | None:
    """``completion_window`` is a number of hours or days, from ``12h`` to ``7d``."""
    if window_seconds(check.body.get("completion_window")) is not None:
        return None
    return "Invalid request: completion_window must be between 12h and 7d, such as 12h, 1d or 3d"


@rule("batch.metadata", subject="batch", source="API reference: 16 pairs, 64 and 512 characters; wording ours")
def metadata(check: BatchCheck) -> str | None:
    """``metadata`` has up to 16 pairs of texts: keys of up to 64 characters, values of up to 512."""
    pairs = check.body.get("metadata")
    if pairs is None:
        return None
    if (
        isinstance(pairs, dict)
        and len(pairs) <= 16
        and all(len(key) <= 64 and isinstance(value, str) and len(value) <= 512 for key, value in pairs.items())
    ):
        return None
    return "Invalid request: metadata has at most 16 pairs, keys of 64 and values of 512 characters"


# ------------------------------------------------------------------------------------------------- calls about one


@rule("batch.limit", subject="batch_list", source="API reference: an integer; wording ours")
def limit(check: BatchListCheck) -> str | None:
    """``limit`` is a whole number; one that is too small or too large is brought into range."""
    sent = check.query.get("limit")
    if sent is None or re.fullmatch(r"-?[0-9]{1,1000}", sent):
        return None
    return "Invalid request: limit must be an integer"


@rule("batch.unknown", subject="batch_call", status=404, type=NOT_FOUND, source="API reference: 404; wording ours")
def unknown(check: BatchCallCheck) -> str | None:
    """The batch exists."""
    return None if check.status is not None else f"Not found the batch {check.id}"


@rule(
    "batch.cancel", subject="batch_call", source="API reference: 400 where the status does not allow it; wording ours"
)
def cancel(check: BatchCallCheck) -> str | None:
    """Only a batch that is validating, in progress or finalizing can be cancelled."""
    if not check.cancels or check.status in CANCELLABLE:
        return None
    return f"Invalid request: batch {check.id} is {check.status} and cannot be cancelled"


# ------------------------------------------------------------------------------------------------- the input file


def _first_line(check: BatchFileCheck, is_wrong: Callable[[Any], Any], what: str) -> str | None:
    """The error for the first wrong line, None if all are right."""
    wrong = (number for number, entry in enumerate(check.entries, 1) if is_wrong(entry))
    return next((f"Invalid request: line {number} {what}" for number in wrong), None)


@rule("batch.line", subject="batch_file", source="guide: the input line; wording ours")
def line(check: BatchFileCheck) -> str | None:
    """There is a line, and each is a JSON object with a ``body`` that is one."""
    if not check.entries:
        return "Invalid request: the input file holds no request"
    return _first_line(
        check,
        lambda entry: not isinstance(entry, dict) or not isinstance(entry.get("body"), dict),
        "is not a JSON object with a body",
    )


@rule("batch.custom_id", subject="batch_file", source="guide: unique custom_id; wording ours")
def custom_id(check: BatchFileCheck) -> str | None:
    """Each line has a ``custom_id`` that no other line has."""
    seen: dict[str, int] = {}
    for number, entry in enumerate(check.entries, 1):
        line_id = entry.get("custom_id")
        if not isinstance(line_id, str) or not line_id:
            return f"Invalid request: line {number} has no custom_id"
        if line_id in seen:
            return f"Invalid request: line {number} repeats the custom_id {line_id} of line {seen[line_id]}"
        seen[line_id] = number
    return None


@rule("batch.method", subject="batch_file", source="guide: method POST; wording ours")
def method(check: BatchFileCheck) -> str | None:
    """Each line's ``method`` is ``POST``."""
    return _first_line(check, lambda entry: entry.get("method") != "POST", "has a method other than POST")


@rule("batch.url", subject="batch_file", source="guide: url is that of the endpoint; wording ours")
def url(check: BatchFileCheck) -> str | None:
    """Each line's ``url`` is the endpoint of the batch."""
    return _first_line(check, lambda entry: entry.get("url") != ENDPOINT, f"has a url other than {ENDPOINT}")


@rule("batch.one_model", subject="batch_file", source="guide: one model per file; wording ours")
def one_model(check: BatchFileCheck) -> str | None:
    """All lines name the same model."""
    models = [entry["body"].get("model") for entry in check.entries]
    for number, model in enumerate(models, 1):
        if model != models[0]:
            return (
                f"Invalid request: line {number} asks for {show(model)}, line 1 for {show(models[0])}: "
                "one model per file"
            )
    return None


@rule("batch.model", subject="batch_file", source="guide and price list, which differ on K2.7-code; wording ours")
def model(check: BatchFileCheck) -> str | None:
    """The model is served, and in batches: K2.6, K2.5 and K2.7-code, not the K3 family (see ``batch_models``)."""
    model_id, settings = check.entries[0]["body"].get("model"), check.state.settings
    served = {each.id for each in available(settings.day(), retired=settings.retired)}
    if isinstance(model_id, str) and model_id in served & settings.batch_models:
        return None
    return f"Invalid request: model {show(model_id)} is not supported in batches"


@rule("batch.stream", subject="batch_file", source="an answer in a file cannot be a stream; wording ours")
def stream(check: BatchFileCheck) -> str | None:
    """No line asks for a stream."""
    return _first_line(check, lambda entry: entry["body"].get("stream"), "asks for a stream, which a batch cannot give")
