"""Faults of an uploaded file: they stay with it until it is deleted."""

from __future__ import annotations

from kimi_emulator.faults.registry import UPLOAD, declare
from kimi_emulator.platform.files import StoredFile

_FOREVER = 10**9


def _pending(file: StoredFile) -> None:
    file.polls_left = _FOREVER


def _failed(file: StoredFile) -> None:
    file.text, file.failure = None, "extract task failed: the file is broken"


def _extraction_500(file: StoredFile) -> None:
    file.content_error = True


def _not_found_at_first(file: StoredFile) -> None:
    file.content_404s = 2


def _other_keys(file: StoredFile) -> None:
    file.other_keys = True


def _deleted(file: StoredFile) -> None:
    file.polls_left, file.vanishes = 1, True


declare(
    "files.pending",
    "The file is never parsed: its status stays `created`.",
    "users' reports",
    on=UPLOAD,
    file=_pending,
)
declare("files.failed", "The status becomes `failed`.", "another client's notes", on=UPLOAD, file=_failed)
declare(
    "files.extraction_500",
    "The status is `ok`, but the content answers 500 with an empty type.",
    "recorded",
    on=UPLOAD,
    file=_extraction_500,
)
declare(
    "files.content_404",
    "The status is `ok`, but the content answers 404 twice before it is there.",
    "another client's notes: content of a file that is not parsed yet",
    on=UPLOAD,
    file=_not_found_at_first,
)
declare(
    "files.other_keys",
    "The content is JSON with keys nobody has documented, and without `title` and `type`.",
    "the keys changed once",
    on=UPLOAD,
    file=_other_keys,
)
declare(
    "files.deleted",
    "Somebody else deletes the file as soon as it is parsed.",
    "accounts that clean up at 1,000 files",
    on=UPLOAD,
    file=_deleted,
)
