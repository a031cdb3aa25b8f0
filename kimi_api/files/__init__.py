"""Files on the platform: upload, wait, read the extracted text, list, delete. Each with an asynchronous twin.

https://platform.kimi.ai/docs/api/files-upload. An account holds 1,000 files and 10 GB, a file has at most 100 MB;
extraction itself is free. Uploads are streamed from disk.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, Literal

from kimi_api import errors
from kimi_api._transport.observer import observe
from kimi_api._transport.steps import Pause, Send, Steps, adrive, drive
from kimi_api._warn import former_name
from kimi_api.client import KimiClient
from kimi_api.errors import KimiError, KimiFileError
from kimi_api.files._leftovers import LEFTOVER_AGE, adopt, release
from kimi_api.files._quota import MAX_FILES, MAX_TOTAL_BYTES, FileUsage, aprune, prune, usage
from kimi_api.files._records import Account, FileObject, content_of, delete_copy, list_all, parse_file
from kimi_api.files._sources import MAX_BYTES, FileSource, SourceFile, compute_digest, open_source
from kimi_api.files._uploads import upload_file
from kimi_api.files.cache import FileCache
from kimi_api.files.ledger import Ledger, LedgerEntry

__all__ = [
    "LEFTOVER_AGE",
    "MAX_BYTES",
    "MAX_FILES",
    "MAX_TOTAL_BYTES",
    "SUPPORTED_SUFFIXES",
    "ExtractedFile",
    "FileCache",
    "FileObject",
    "FileSource",
    "FileUsage",
    "Ledger",
    "acontent",
    "adelete",
    "aextract",
    "alist_files",
    "apoll_until_ready",
    "aprune",
    "aretrieve",
    "aupload",
    "await_ready",
    "content",
    "delete",
    "extract",
    "list_files",
    "open_source",
    "poll_until_ready",
    "prune",
    "retrieve",
    "upload",
    "usage",
    "wait_ready",
]

Purpose = Literal["file-extract", "image", "video", "batch"]

SUPPORTED_SUFFIXES: frozenset[str] = frozenset(
    {
        *(".pdf", ".txt", ".csv", ".doc", ".docx", ".xls", ".xlsx", ".ppt", ".pptx", ".md", ".epub", ".mobi"),
        *(".html", ".json", ".log", ".yaml", ".yml", ".ini", ".conf"),
        *(".jpeg", ".jpg", ".png", ".bmp", ".gif", ".webp", ".ico", ".xbm", ".dib", ".pjp", ".tif", ".tiff"),
        *(".pjpeg", ".avif", ".dot", ".apng", ".jfif"),
        *(".go", ".h", ".c", ".cpp", ".cxx", ".cc", ".cs", ".java", ".js", ".css", ".jsp", ".php", ".py", ".py3"),
        *(".asp", ".ts", ".tsx"),
    }
)
"""Extensions that the documentation names for extraction. It ends with "and more": others may work."""

READY = frozenset({"ok", "ready"})  # "ready" in the specification, "ok" seen live
FAILED = frozenset({"error", "failed"})
WAIT_SECONDS = 600.0
_FIRST_POLL, _LONGEST_POLL = 0.25, 5.0
_GONE = "the platform's copy is gone"
_UNREADABLE = ("the platform could not ", "the platform did not finish ")  # parse it, or extract its text


@dataclass(frozen=True, slots=True)
class ExtractedFile:
    """The text of a file. `size` in bytes and `sha256` are of the file as it was sent.

    `cached`: the text came from a cache, and nothing was sent.
    """

    text: str
    name: str
    file_type: str
    title: str
    size: int
    sha256: str
    cached: bool = field(default=False, compare=False)


# ------------------------------------------------------------------------------------------------- one call each way


def extract(
    client: KimiClient,
    source: FileSource,
    *,
    name: str | None = None,
    delete_after: bool = True,
    timeout: float = WAIT_SECONDS,
    cache: FileCache | None = None,
    ledger: Ledger | None = None,
) -> ExtractedFile:
    """The text of a document, image or source file. Many files at a time: `kimi_api.bulk.extract_many`.

    Args:
        client: how to reach the platform.
        source: a path, bytes, or an open binary file.
        name: the file name to send; needed for bytes.
        delete_after: remove the platform's copy afterwards, also after an error or Ctrl-C.
        timeout: seconds to wait for the platform to parse it.
        cache: where texts are kept by the content of their files; None always sends the file.
        ledger: where uploads are noted; None is the user's on this machine (see `kimi_api.files.ledger`).

    Raises:
        KimiInputError: the file cannot be sent as it is; nothing was.
        KimiFileError: the platform could not parse it, or not in time; or the account is full.
        KimiAPIError: the platform refused the request, or cannot be reached.
    """
    return drive(client, extract_in_steps(client, open_source(source, name), delete_after, timeout, cache, ledger))


async def aextract(
    client: KimiClient,
    source: FileSource,
    *,
    name: str | None = None,
    delete_after: bool = True,
    timeout: float = WAIT_SECONDS,  # noqa: ASYNC109 - how long the platform may parse, see `extract`
    cache: FileCache | None = None,
    ledger: Ledger | None = None,
) -> ExtractedFile:
    """The asynchronous twin of `extract`."""
    return await adrive(
        client, extract_in_steps(client, open_source(source, name), delete_after, timeout, cache, ledger)
    )


def upload(
    client: KimiClient,
    source: FileSource,
    purpose: Purpose,
    *,
    name: str | None = None,
    ledger: Ledger | None = None,
) -> FileObject:
    """Upload a file to stay and return its record; for "file-extract" it may still be parsing (`poll_until_ready`).

    Raises:
        KimiInputError: the file cannot be sent as it is; nothing was.
        KimiFileError: the account is full, and nothing of ours was left behind in it.
        KimiAPIError: the platform refused the request, or cannot be reached.
    """
    return drive(client, _upload(open_source(source, name), purpose, Account.of(client, ledger)))


async def aupload(
    client: KimiClient,
    source: FileSource,
    purpose: Purpose,
    *,
    name: str | None = None,
    ledger: Ledger | None = None,
) -> FileObject:
    """The asynchronous twin of `upload`."""
    return await adrive(client, _upload(open_source(source, name), purpose, Account.of(client, ledger)))


def poll_until_ready(client: KimiClient, file: FileObject, *, timeout: float = WAIT_SECONDS) -> FileObject:
    """Ask for the status until the file is parsed. Raises `KimiFileError` when that fails or takes too long."""
    return drive(client, _wait(file, file.filename, time.monotonic() + timeout))


wait_ready: Callable[..., FileObject] = former_name("wait_ready", poll_until_ready)


async def apoll_until_ready(
    client: KimiClient,
    file: FileObject,
    *,
    timeout: float = WAIT_SECONDS,  # noqa: ASYNC109 - see `poll_until_ready`
) -> FileObject:
    """The asynchronous twin of `poll_until_ready`."""
    return await adrive(client, _wait(file, file.filename, time.monotonic() + timeout))


await_ready: Callable[..., Coroutine[Any, Any, FileObject]] = former_name("await_ready", apoll_until_ready)


def retrieve(client: KimiClient, file_id: str) -> FileObject:
    """The record of one file."""
    return drive(client, _retrieve(file_id))


async def aretrieve(client: KimiClient, file_id: str) -> FileObject:
    """The asynchronous twin of `retrieve`."""
    return await adrive(client, _retrieve(file_id))


def content(client: KimiClient, file_id: str) -> str:
    """What the platform keeps under the id: for "file-extract" JSON text with a `content`, for batches JSONL."""
    return drive(client, content_of(file_id))


async def acontent(client: KimiClient, file_id: str) -> str:
    """The asynchronous twin of `content`."""
    return await adrive(client, content_of(file_id))


def list_files(client: KimiClient) -> list[FileObject]:
    """Every file of the account."""
    return drive(client, list_all())


async def alist_files(client: KimiClient) -> list[FileObject]:
    """The asynchronous twin of `list_files`."""
    return await adrive(client, list_all())


def delete(client: KimiClient, file_id: str, *, ledger: Ledger | None = None) -> bool:
    """Remove a file; whether the platform says it is gone."""
    return drive(client, _delete(file_id, Account.of(client, ledger)))


async def adelete(client: KimiClient, file_id: str, *, ledger: Ledger | None = None) -> bool:
    """The asynchronous twin of `delete`."""
    return await adrive(client, _delete(file_id, Account.of(client, ledger)))


# ------------------------------------------------------------------------------------------------- procedures


def extract_in_steps(
    client: KimiClient,
    file: SourceFile,
    delete_after: bool,
    timeout: float,
    cache: FileCache | None,
    ledger: Ledger | None,
    *,
    tagged: bool = False,
) -> Steps[ExtractedFile]:
    """The steps of `extract`; `tagged` as in `kimi_api.files._uploads.upload_file`."""
    steps = _extract_in_steps(client, file, delete_after, timeout, cache, ledger, tagged)
    facts = {"kimi.file.suffix": PurePath(file.name).suffix.lower(), "kimi.file.size": file.size}
    return observe("extract_file", steps, facts, lambda extracted: {"kimi.file.cached": extracted.cached})


def _extract_in_steps(
    client: KimiClient,
    file: SourceFile,
    delete_after: bool,
    timeout: float,
    cache: FileCache | None,
    ledger: Ledger | None,
    tagged: bool,
) -> Steps[ExtractedFile]:
    digest = yield from compute_digest(file)
    suffix = PurePath(file.name).suffix.lower()
    name = extraction_key(client.base_url, file, digest)
    known = cache.get(name) if cache is not None else None
    if known is not None:
        return _extracted_file(known, file, digest, cached=True)
    account = Account.of(client, ledger)
    entry = adopt(account, digest, suffix) if delete_after else None
    if entry is not None:  # a process that is gone has sent this content, but not read the text
        remote = FileObject(entry.file_id, entry.name)
        try:
            extraction = yield from _text_of(remote, entry, file, account, delete_after, timeout, cache, name)
            return _extracted_file(extraction, file, digest)
        except (KimiFileError, errors.KimiNotFoundError) as error:
            if isinstance(error, KimiFileError) and not is_gone(error):
                raise
    remote, entry = yield from upload_file(
        file, "file-extract", account, sha256=digest, keep=not delete_after, tagged=tagged
    )
    extraction = yield from _text_of(remote, entry, file, account, delete_after, timeout, cache, name)
    return _extracted_file(extraction, file, digest)


def extract_uploaded(file_id: str, deadline: float) -> Steps[tuple[FileObject, str]]:
    """The record and the text of a file that was uploaded for extraction before, parsed or not."""
    file = yield from _retrieve(file_id)
    label = file.filename or file_id
    ready = yield from _wait(file, label, deadline)
    text = yield from _content_when_there(ready, label, deadline)
    return ready, parse_content(text)["content"]


def _text_of(
    remote: FileObject,
    entry: LedgerEntry,
    file: SourceFile,
    account: Account,
    delete_after: bool,
    timeout: float,
    cache: FileCache | None,
    name: str,
) -> Steps[dict[str, Any]]:
    """What the platform made of a file. Cached before its copy is deleted: a crash then costs no second upload."""
    try:
        deadline = time.monotonic() + timeout
        ready = yield from _wait(remote, file.label, deadline)
        try:
            text = yield from _content_when_there(ready, file.label, deadline)
        except KimiError as error:
            # A failed parse: HTTP 500 with "extract task failed: failed" and an empty type.
            if "extract task failed" in str(error):
                raise KimiFileError(
                    file.label,
                    "the platform could not extract its text; check that the file can be opened and has the right "
                    "extension",
                    file_id=remote.id,
                    status=ready.status,
                ) from error
            raise
        extraction = parse_content(text)
        if cache is not None:
            cache.put(name, extraction)
        return extraction
    finally:
        try:
            if delete_after and (yield from delete_copy(remote.id)):
                account.ledger.forget(entry)
        finally:
            release(entry)


def _extracted_file(
    extraction: Mapping[str, Any], file: SourceFile, digest: str, *, cached: bool = False
) -> ExtractedFile:
    return ExtractedFile(
        text=extraction["content"],
        name=file.name,
        file_type=extraction.get("file_type") or "",
        title=extraction.get("title") or "",
        size=file.size,
        sha256=digest,
        cached=cached,
    )


def _upload(file: SourceFile, purpose: str, account: Account) -> Steps[FileObject]:
    record, _ = yield from upload_file(file, purpose, account, keep=True)
    return record


def _wait(file: FileObject, label: str, deadline: float) -> Steps[FileObject]:
    """Poll until the file is parsed. A status that is not known means pending."""
    pause = _FIRST_POLL
    while file.status not in READY:
        if file.status in FAILED:
            raise KimiFileError(
                label,
                f"the platform could not parse it: {file.status_details or 'no reason given'}; check that the file "
                f"can be opened and has the right extension",
                file_id=file.id,
                status=file.status,
            )
        if time.monotonic() + pause > deadline:
            raise KimiFileError(
                label,
                "the platform did not finish parsing it in time; try again later, or pass a longer timeout",
                file_id=file.id,
                status=file.status,
            )
        yield Pause(pause)
        pause = min(pause * 1.5, _LONGEST_POLL)
        file = yield from _retrieve_again(file, label)
    return file


def _retrieve_again(file: FileObject, label: str) -> Steps[FileObject]:
    """The record of a file that was there before."""
    try:
        return (yield from _retrieve(file.id))
    except errors.KimiNotFoundError as error:
        raise KimiFileError(
            label,
            f"{_GONE}: somebody deleted it in the meantime. Send it again",
            file_id=file.id,
            status=file.status,
        ) from error


def _content_when_there(file: FileObject, label: str, deadline: float) -> Steps[str]:
    """The content; a 404 means "not parsed yet", even where the status says otherwise."""
    pause = _FIRST_POLL
    while True:
        try:
            return (yield from content_of(file.id))
        except errors.KimiNotFoundError:
            if time.monotonic() + pause > deadline:
                raise
        yield Pause(pause)
        pause = min(pause * 1.5, _LONGEST_POLL)
        yield from _retrieve_again(file, label)


def _retrieve(file_id: str) -> Steps[FileObject]:
    answer = yield Send("GET", f"/files/{file_id}")
    return parse_file(answer.body, file_id)


def _delete(file_id: str, account: Account) -> Steps[bool]:
    answer = yield Send("DELETE", f"/files/{file_id}")
    account.ledger.forget_file(account.scope, file_id)
    return isinstance(answer.body, Mapping) and bool(answer.body.get("deleted"))


# ------------------------------------------------------------------------------------------------- pure parts


def extraction_key(base_url: str, file: SourceFile, sha256: str) -> str:
    """What a text is cached under. Hosts may read the same file differently, and so may one under another extension."""
    return f"{base_url} {PurePath(file.name).suffix.lower()} {sha256}"


def is_unreadable(error: KimiFileError) -> bool:
    """Whether the platform cannot read a file, or takes for ever, so that sending it again is of no use."""
    return error.reason.startswith(_UNREADABLE)


def is_gone(error: KimiFileError) -> bool:
    """Whether a file failed only because somebody deleted the platform's copy, so that it may be sent again."""
    return _GONE in error.reason


def parse_content(text: str) -> dict[str, Any]:
    """The extraction result: JSON with `content`, `file_type`, `filename`, `title`, `type`; or the bare text."""
    try:
        decoded = json.loads(text)
    except (ValueError, RecursionError):
        decoded = None
    if isinstance(decoded, dict) and isinstance(decoded.get("content"), str):
        odd = {name: "" for name in ("file_type", "title") if not isinstance(decoded.get(name) or "", str)}
        return {**decoded, **odd} if odd else decoded
    return {"content": text}
