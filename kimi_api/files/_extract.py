"""The text of a document: sent, parsed by the platform, read, and its copy there deleted; or taken from a cache."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from kimi_api import errors
from kimi_api._transport.deadline import within
from kimi_api._transport.observer import observe
from kimi_api._transport.steps import Steps, adrive, drive
from kimi_api.client import KimiClient
from kimi_api.errors import KimiError, KimiFileError
from kimi_api.files._leftovers import adopt, release
from kimi_api.files._records import Account, FileObject, delete_copy, retrieve_in_steps
from kimi_api.files._sources import FileSource, SourceFile, compute_digest, open_source
from kimi_api.files._uploads import upload_file
from kimi_api.files._wait import WAIT_SECONDS, content_when_there, is_gone, wait_in_steps
from kimi_api.files.cache import FileCache
from kimi_api.files.ledger import Ledger, LedgerEntry

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
        client: how to reach the platform. Its `max_seconds` is the limit for the file as a whole.
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
    with within(client.deadline()):
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
    with within(client.deadline()):
        return await adrive(
            client, extract_in_steps(client, open_source(source, name), delete_after, timeout, cache, ledger)
        )


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
    file = yield from retrieve_in_steps(file_id)
    label = file.filename or file_id
    ready = yield from wait_in_steps(file, label, deadline)
    text = yield from content_when_there(ready, label, deadline)
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
        ready = yield from wait_in_steps(remote, file.label, deadline)
        try:
            text = yield from content_when_there(ready, file.label, deadline)
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
                account.ledger.remove(entry)
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


def extraction_key(base_url: str, file: SourceFile, sha256: str) -> str:
    """What a text is cached under. Hosts may read the same file differently, and so may one under another extension."""
    return f"{base_url} {PurePath(file.name).suffix.lower()} {sha256}"


def is_unreadable(error: KimiFileError) -> bool:
    """Whether the platform cannot read a file, or takes for ever, so that sending it again is of no use."""
    return error.reason.startswith(_UNREADABLE)


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
