"""Faults of an uploaded file: they stay with it until it is deleted."""

from __future__ import annotations

from kimi_emulator.faults.registry import UPLOAD, declare

_FOREVER = 10**9

declare(
    "files.pending",
    "The file is never parsed: its status stays `created`.",
    "users' reports",
    on=UPLOAD,
    file={"polls_left": _FOREVER},
)
declare(
    "files.failed",
    "The status becomes `failed`.",
    "another client's notes",
    on=UPLOAD,
    file={"text": None, "failure": "extract task failed: the file is broken"},
)
declare(
    "files.extraction_500",
    "The status is `ok`, but the content answers 500 with an empty type.",
    "recorded",
    on=UPLOAD,
    file={"content_error": True},
)
declare(
    "files.content_404",
    "The status is `ok`, but the content answers 404 twice before it is there.",
    "another client's notes: content of a file that is not parsed yet",
    on=UPLOAD,
    file={"content_404s": 2},
)
declare(
    "files.other_keys",
    "The content is JSON with keys nobody has documented, and without `title` and `type`.",
    "the keys changed once",
    on=UPLOAD,
    file={"other_keys": True},
)
declare(
    "files.deleted",
    "Somebody else deletes the file as soon as it is parsed.",
    "accounts that clean up at 1,000 files",
    on=UPLOAD,
    file={"polls_left": 1, "vanishes": True},
)
