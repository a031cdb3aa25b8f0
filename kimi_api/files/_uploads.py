"""How a file is uploaded once, and how copies that we left on the platform are found and removed.

Every upload is noted in the ledger before it begins. When it breaks off and nobody knows whether the platform has the
file, the account's list tells: an entry of ours is matched with a listed file, never the other way round.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from kimi_api import errors, retry
from kimi_api._transport.steps import Call, Pause, Send, Steps
from kimi_api.client import KimiClient
from kimi_api.errors import KimiError, KimiFileError, KimiReplyError
from kimi_api.files._sources import SourceFile
from kimi_api.files.ledger import Ledger, LedgerEntry, default_ledger
from kimi_api.reply._odd import tidy_number, tidy_text

LEFTOVER_AGE = 3600.0
"""Seconds after which an upload for extraction whose process still runs counts as left behind."""

_FULL = re.compile(
    r"too many uploaded files|max file count|total size of (the )?(uploaded )?files|storage (is )?full", re.I
)
_CLOCKS_APART = 120.0  # seconds that our clock and the platform's may differ
_LONGEST_UPLOAD = 1800.0
_TAG = 16  # hex digits of the content's hash in a name: 64 bits
_SMALL = 1024 * 1024
_LONGEST_WAIT = 600.0
_STORING_SECONDS = 0.3

_log = logging.getLogger("kimi_api.files")
_active: set[str] = set()  # keys of ledger entries that this process is working on
_under_way: set[tuple[str, str, str]] = set()  # (scope, purpose, sha256) that this process is uploading to keep
_under_way_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class FileObject:
    """A file as the platform lists it. `bytes` is its size, `created_at` Unix seconds."""

    id: str
    filename: str = ""
    bytes: int = 0
    created_at: int = 0
    purpose: str = ""
    status: str = ""
    status_details: str = ""

    @property
    def url(self) -> str:
        """How a message refers to an uploaded image or video."""
        return f"ms://{self.id}"


def parse_file(body: object, file_id: str = "") -> FileObject:
    """A FileObject from its JSON; members that are missing, unknown or not understood are no error.

    Args:
        body: what the platform answered.
        file_id: the id it was asked for, if it was.

    Raises:
        KimiReplyError: it is no record, or has no id.
    """
    record = body if isinstance(body, Mapping) else {}
    known = tidy_text(record.get("id")) or (file_id if record else "")
    if not known:
        raise KimiReplyError(
            f"the platform answered without the record of a file: {str(body)[:200]}. What to do: try again; "
            "kimi_api.files.list_files shows what has arrived"
        )
    return FileObject(
        id=known,
        filename=tidy_text(record.get("filename")),
        bytes=tidy_number(record.get("bytes")) or 0,
        created_at=tidy_number(record.get("created_at")) or 0,
        purpose=tidy_text(record.get("purpose")),
        status=tidy_text(record.get("status")),
        status_details=str(record.get("status_details") or ""),
    )


@dataclass(frozen=True, slots=True)
class Account:
    """Where uploads go, where they are noted, and how often a failed one is tried again."""

    scope: str
    ledger: Ledger
    retries: int

    @classmethod
    def of(cls, client: KimiClient, ledger: Ledger | None) -> Account:
        """The account of a client. Raises `KimiKeyError`: it has no usable key."""
        return cls(client.scope(), default_ledger() if ledger is None else ledger, client.max_retries)


# ------------------------------------------------------------------------------------------------- procedures


def compute_digest(file: SourceFile) -> Steps[str]:
    """The SHA-256 of a file, found in a thread if it is large."""
    if file.size <= _SMALL:
        return file.sha256()
    return (yield Call.in_thread(file.sha256))


def upload_file(
    file: SourceFile, purpose: str, account: Account, *, sha256: str = "", keep: bool, tagged: bool = False
) -> Steps[tuple[FileObject, LedgerEntry]]:
    """Upload a file and note it. Until `release`, the entry of a file that is not to be kept counts as in use.

    Args:
        file: what to send.
        purpose: see `kimi_api.files.upload`.
        account: where to.
        sha256: of the content, if it is known.
        keep: whether the platform's copy is meant to stay.
        tagged: send a name that holds the hash. A listed file of such a name has this content whoever sent it, so one
            that arrived without our learning its id is used instead of being sent again.
    """
    name = tagged_name(file.name, sha256) if tagged else file.name
    entry = account.ledger.begin(account.scope, purpose, name, file.size, sha256, keep=keep)
    _active.add(entry.key)
    record: FileObject | None = None
    unclear = True  # whether the platform may hold a copy that we have no id of
    try:
        tries, pruned = 0, False
        while record is None:
            try:
                unclear = True
                answer = yield Send("POST", "/files", upload=file.upload(purpose, name), max_retries=0)
                record = parse_file(answer.body)
            except errors.KimiAPIError as error:
                tries += 1
                unclear = may_be_stored(error)
                if unclear:
                    arrived = yield from _find_arrived_copy(entry, account)
                    if arrived is not None and tagged:
                        record = arrived
                        break
                    if arrived is not None:
                        unclear = not (yield from delete_copy(arrived.id))
                if _FULL.search(str(error)):
                    if pruned or not (yield from prune_in_steps(account)):
                        raise _full(file.label) from error
                    pruned = True
                elif tries > account.retries or not retry.is_retryable(error):
                    raise
                else:
                    yield Pause(retry.wait_seconds(tries, error.retry_after))
            except KimiReplyError:  # it has arrived, but its record cannot be read
                arrived = yield from _find_arrived_copy(entry, account)
                if arrived is None or not tagged:
                    unclear = arrived is None or not (yield from delete_copy(arrived.id))
                    raise
                record = arrived
        return record, account.ledger.settle(entry, record.id)
    except (errors.KimiAPIError, KimiReplyError):
        raise
    except BaseException:  # Ctrl-C or cancellation, maybe between the platform's keeping it and its saying so
        if record is None and unclear:
            record = yield from _find_arrived_copy(entry, account)
            if record is None:  # what has just been received is stored a moment later
                yield Pause(_STORING_SECONDS)
                record = yield from _find_arrived_copy(entry, account)
        if record is not None and not keep:
            unclear = not (yield from delete_copy(record.id))
            record = None
        raise
    finally:
        if keep or record is None:
            _active.discard(entry.key)
        if record is None and not unclear:
            account.ledger.forget(entry)


def release(entry: LedgerEntry) -> None:
    """End our use of the entry."""
    _active.discard(entry.key)


def adopt(account: Account, sha256: str, suffix: str) -> LedgerEntry | None:
    """Take over the upload of this content, for extraction, that a process left behind when it ended."""
    for entry in account.ledger.entries(account.scope, "file-extract", sha256):
        same_kind = PurePath(entry.name).suffix.lower() == suffix.lower()
        if entry.file_id and not entry.keep and same_kind and entry.sha256 == sha256 and entry.orphaned:
            claimed = account.ledger.claim(entry)
            if claimed is not None:
                _active.add(claimed.key)
                return claimed
    return None


def upload_once(file: SourceFile, purpose: str, account: Account) -> Steps[FileObject]:
    """The platform's copy of an image or video that messages refer to: one for each content and account."""
    sha256 = yield from compute_digest(file)
    with UploadLock((account.scope, purpose, sha256), file.label) as lock:
        yield from lock.acquire()
        known = account.ledger.find(account.scope, purpose, sha256)
        if known is not None:
            return FileObject(known.file_id, known.name, known.size, int(known.started_at), purpose)
        record, _ = yield from upload_file(file, purpose, account, sha256=sha256, keep=True)
    return record


@dataclass(slots=True)
class UploadLock:
    """A lock by `key` over the threads and tasks of this process: only one at a time uploads the same file.

    with UploadLock(key, label) as lock:
        yield from lock.acquire()
    """

    key: tuple[str, str, str]
    label: str
    locked: bool = False

    def __enter__(self) -> UploadLock:
        return self

    def acquire(self) -> Steps[None]:
        """Wait until nobody else holds the lock. Raises `KimiFileError`: somebody still does when the time is up."""
        deadline = time.monotonic() + _LONGEST_WAIT
        while not _try_lock(self.key):
            if time.monotonic() > deadline:
                raise KimiFileError(self.label, "another thread or task did not finish uploading it in time; try again")
            yield Pause(0.02)
        self.locked = True

    def __exit__(self, *_: object) -> None:
        if self.locked:
            _under_way.discard(self.key)


def list_all() -> Steps[list[FileObject]]:
    """Every file of the account."""
    answer = yield Send("GET", "/files")
    return read_listing(answer.body)


def read_listing(body: object) -> list[FileObject]:
    """The files of a listing; entries that are none are left out with a warning.

    Raises:
        KimiReplyError: it is no listing.
    """
    entries = body.get("data") if isinstance(body, Mapping) else None
    if not isinstance(entries, list) and (entries is not None or not isinstance(body, Mapping)):
        raise KimiReplyError(
            f"the platform answered without a list of files: {str(body)[:200]}. What to do: try again; if "
            "that gives the same, check base_url"
        )
    files = []
    for entry in entries or ():
        try:
            files.append(parse_file(entry))
        except KimiReplyError as error:
            _log.warning("an entry of the list of files is left out: %s", error)
    return files


def content_of(file_id: str) -> Steps[str]:
    """What a file holds, or the text that was extracted from it."""
    answer = yield Send("GET", f"/files/{file_id}/content", text=True)
    return answer.body


def delete_copy(file_id: str) -> Steps[bool]:
    """Remove our copy; whether it is gone. A failure must not hide the text, nor the error that is on its way.

    Where Ctrl-C or a cancellation breaks off the request, it is sent once more: nobody knows whether it arrived.
    """
    try:
        return (yield from _delete_once(file_id))
    except GeneratorExit:
        raise
    except BaseException:
        yield from _delete_once(file_id)
        raise


def _delete_once(file_id: str) -> Steps[bool]:
    try:
        yield Send("DELETE", f"/files/{file_id}")
    except errors.KimiNotFoundError:
        _log.debug("the remote copy %s is gone already", file_id)
    except KimiError as error:
        _log.warning("the remote copy %s could not be deleted and still counts against the quota: %s", file_id, error)
        return False
    return True


def prune_in_steps(
    account: Account,
    *,
    older_than: float = LEFTOVER_AGE,
    include_kept: bool = False,
    dry_run: bool = False,
) -> Steps[list[FileObject]]:
    """Remove what the ledger knows as ours and left behind; see `kimi_api.files.prune`."""
    entries = account.ledger.entries(account.scope)
    leftovers = [entry for entry in entries if _is_leftover(entry, older_than, include_kept)]
    if not leftovers:
        return []
    files = yield from list_all()
    removed: list[FileObject] = []
    for entry in leftovers:
        file = _match(entry, files, entries)
        if file is None:
            if not dry_run and (entry.file_id or time.time() - entry.started_at > _CLOCKS_APART):
                account.ledger.forget(entry)  # gone already, or it never arrived
        elif dry_run:
            removed.append(file)
        elif (yield from delete_copy(file.id)):
            account.ledger.forget(entry)
            removed.append(file)
            files.remove(file)
    return removed


def recover_ids(account: Account) -> Steps[None]:
    """Find the ids of uploads whose process died before the answer came, so that they can be adopted."""
    entries = account.ledger.entries(account.scope, "file-extract")
    unknown = [entry for entry in entries if not entry.file_id and entry.orphaned and _is_tagged(entry)]
    if unknown:
        files = yield from list_all()
        for entry in unknown:
            file = _match(entry, files, entries)
            if file is not None:
                account.ledger.settle(entry, file.id)


def _find_arrived_copy(entry: LedgerEntry, account: Account) -> Steps[FileObject | None]:
    """The file that an interrupted upload left on the platform; None where none can be told to be it."""
    try:
        files = yield from list_all()
    except KimiError as error:
        _log.warning("an upload of %s broke off; it is unknown whether a copy arrived: %s", entry.name, error)
        return None
    return _match(entry, files, account.ledger.entries(account.scope))


# ------------------------------------------------------------------------------------------------- pure parts


def tagged_name(name: str, sha256: str) -> str:
    """`report.pdf` -> `report-3f9a12bc44de0011.pdf`."""
    path = PurePath(name)
    return f"{path.stem}-{sha256[:_TAG]}{path.suffix}"


def _try_lock(mark: tuple[str, str, str]) -> bool:
    with _under_way_lock:
        if mark in _under_way:
            return False
        _under_way.add(mark)
        return True


def _is_tagged(entry: LedgerEntry) -> bool:
    return bool(entry.sha256) and PurePath(entry.name).stem.endswith(f"-{entry.sha256[:_TAG]}")


def _match(entry: LedgerEntry, files: Iterable[FileObject], entries: Sequence[LedgerEntry]) -> FileObject | None:
    """The listed file that an entry stands for.

    By id where there is one. Else by name and size: surely where the name holds the hash, otherwise only a file that
    came to be while we were sending, and only if no other of our uploads could have made it.
    """
    if entry.file_id:
        return next((file for file in files if file.id == entry.file_id), None)
    known = {other.file_id for other in entries if other.file_id}
    alike = [
        file
        for file in files
        if file.id not in known and (file.filename, file.bytes, file.purpose) == (entry.name, entry.size, entry.purpose)
    ]
    if _is_tagged(entry):
        return alike[0] if alike else None
    began, ended = entry.started_at - _CLOCKS_APART, entry.started_at + _LONGEST_UPLOAD
    alike = [file for file in alike if began <= file.created_at <= ended]
    rivals = [
        other
        for other in entries
        if not other.file_id
        and other.key != entry.key
        and (other.name, other.size, other.purpose) == (entry.name, entry.size, entry.purpose)
    ]
    return alike[0] if len(alike) == 1 and not rivals else None


def _is_leftover(entry: LedgerEntry, older_than: float, include_kept: bool) -> bool:
    if entry.key in _active:
        return False
    old = time.time() - entry.started_at >= older_than
    if entry.keep and entry.file_id:  # without an id nothing can refer to it
        return include_kept and old
    return old or entry.idle


def may_be_stored(error: errors.KimiAPIError) -> bool:
    """Whether the platform may have kept a file though its upload failed: no answer came, or a gateway's instead."""
    if isinstance(error, errors.KimiConnectionError):
        return True
    status = getattr(error, "status_code", None)
    return status in (408, 502, 504) or error.type == "unexpected_output"


def _full(label: str) -> KimiFileError:
    return KimiFileError(
        label,
        "the account is full (at most 1,000 files and 10 GB), and this machine left no temporary file there to "
        "delete. List the files with kimi_api.files.list_files and remove some with delete. prune(client, "
        "include_kept=True) removes the files that this machine uploaded to keep",
    )
