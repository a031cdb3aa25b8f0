"""How a file is uploaded once, also where a try breaks off and nobody knows whether the platform has the file."""

from __future__ import annotations

import re
from typing import Literal

from kimi_api import errors, retry
from kimi_api._transport.deadline import within
from kimi_api._transport.steps import Pause, Send, Steps, adrive, drive
from kimi_api.client import KimiClient
from kimi_api.errors import KimiFileError, KimiReplyError
from kimi_api.files._leftovers import find_arrived_copy, hold, prune_in_steps, release, tagged_name
from kimi_api.files._records import Account, FileObject, delete_copy, parse_file
from kimi_api.files._sources import FileSource, SourceFile, compute_digest, open_source
from kimi_api.files._upload_lock import UploadLock
from kimi_api.files.ledger import Ledger, LedgerEntry

Purpose = Literal["file-extract", "image", "video", "batch"]

_FULL = re.compile(
    r"too many uploaded files|max file count|total size of (the )?(uploaded )?files|storage (is )?full", re.I
)
_STORING_SECONDS = 0.3


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
        KimiFileError: the account is full, and holds no left-over files of ours.
        KimiAPIError: the platform refused the request, or cannot be reached.
    """
    with within(client.deadline()):
        return drive(client, upload_in_steps(open_source(source, name), purpose, Account.of(client, ledger)))


async def aupload(
    client: KimiClient,
    source: FileSource,
    purpose: Purpose,
    *,
    name: str | None = None,
    ledger: Ledger | None = None,
) -> FileObject:
    """The asynchronous twin of `upload`."""
    with within(client.deadline()):
        return await adrive(client, upload_in_steps(open_source(source, name), purpose, Account.of(client, ledger)))


def upload_in_steps(file: SourceFile, purpose: str, account: Account) -> Steps[FileObject]:
    record, _ = yield from upload_file(file, purpose, account, keep=True)
    return record


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
    hold(entry)
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
                    arrived = yield from find_arrived_copy(entry, account)
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
                arrived = yield from find_arrived_copy(entry, account)
                if arrived is None or not tagged:
                    unclear = arrived is None or not (yield from delete_copy(arrived.id))
                    raise
                record = arrived
        return record, account.ledger.settle(entry, record.id)
    except (errors.KimiAPIError, KimiReplyError):
        raise
    except BaseException:  # Ctrl-C or cancellation, maybe between the platform's keeping it and its saying so
        if record is None and unclear:
            record = yield from find_arrived_copy(entry, account)
            if record is None:  # what has just been received is stored a moment later
                yield Pause(_STORING_SECONDS)
                record = yield from find_arrived_copy(entry, account)
        if record is not None and not keep:
            unclear = not (yield from delete_copy(record.id))
            record = None
        raise
    finally:
        if keep or record is None:
            release(entry)
        if record is None and not unclear:
            account.ledger.remove(entry)


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
