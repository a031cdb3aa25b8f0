"""Faults of batches, which stay with a batch from the call that makes it, and of official tools that are run."""

from __future__ import annotations

from typing import Any

from kimi_emulator.faults.registry import BATCH, FIBER, declare


def _failed_fiber(fiber: dict[str, Any]) -> dict[str, Any]:
    context = {"input": fiber["context"]["input"], "error": "the tool could not be run, please try again later"}
    return {**fiber, "status": "failed", "context": context}


declare(
    "batches.expired",
    "The window passes when half of the lines are answered: the status becomes `expired`, the rest is in no file.",
    "API reference: the status",
    on=BATCH,
    batch={"expires_halfway": True},
)
declare(
    "batches.failed",
    "The file does not pass, for no reason given: the status becomes `failed`, and there is no error file.",
    "API reference: the status",
    on=BATCH,
    batch={"rejected": True},
)
declare(
    "batches.lines_failed",
    "Every second line fails: the error file holds a response with status 500.",
    "API reference: the error file; the shape is that of the output line",
    on=BATCH,
    batch={"line_failure": "response"},
)
declare(
    "batches.lines_error",
    "Every second line fails: the error file holds a null response, and an `error` with code and message.",
    "the guide's output line has an `error`",
    on=BATCH,
    batch={"line_failure": "error"},
)
declare(
    "batches.lines_lost",
    "The batch is completed, but every second line is in neither file.",
    "other vendors' batches",
    on=BATCH,
    batch={"loses_lines": True},
)
declare(
    "batches.stuck",
    "The batch stays `in_progress` until its window has passed.",
    "users of other vendors' batches",
    on=BATCH,
    batch={"stuck": True},
)
declare(
    "fibers.failed",
    "The fiber answers 200 with the status `failed` and an error in place of its output.",
    "official tools page: the status",
    on=FIBER,
    fiber=_failed_fiber,
)
