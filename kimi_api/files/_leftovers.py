"""How our left-over copies on the platform are recognised among the files of others, then used or removed.

Every upload is noted in the ledger before it begins. When it breaks off and nobody knows whether the platform has the
file, the account's list shows it: each of our entries is looked up among the listed files, never the reverse.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from pathlib import PurePath

from kimi_api._transport.steps import Steps, adrive, drive
from kimi_api.client import KimiClient
from kimi_api.errors import KimiError
from kimi_api.files._records import Account, FileObject, delete_copy, list_all
from kimi_api.files.ledger import Ledger, LedgerEntry

LEFTOVER_AGE = 3600.0
"""Seconds after which an upload for extraction whose process still runs counts as left behind."""

_CLOCKS_APART = 120.0  # seconds that our clock and the platform's may differ
_LONGEST_UPLOAD = 1800.0
_TAG = 16  # hex digits of the content's hash in a name: 64 bits

_log = logging.getLogger("kimi_api.files")
_active: set[str] = set()  # keys of ledger entries that this process is working on


def hold(entry: LedgerEntry) -> None:
    """Begin our use of the entry: until `release` it is no leftover, however old."""
    _active.add(entry.key)


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
                hold(claimed)
                return claimed
    return None


def prune(
    client: KimiClient,
    *,
    older_than: float = LEFTOVER_AGE,
    include_kept: bool = False,
    dry_run: bool = False,
    ledger: Ledger | None = None,
) -> list[FileObject]:
    """Remove what this machine uploaded and left behind; the files that were removed.

    Only files that the ledger knows as ours are touched. Left behind is an upload for extraction whose process is gone,
    or that is older than `older_than` seconds. An upload that is refused because the account is full does this by
    itself, and is tried again.

    Args:
        client: how to reach the platform.
        older_than: age in seconds.
        include_kept: also what was uploaded to stay and is as old: `upload`, `delete_after=False`, images and videos
            that messages refer to. Conversations that still name one will have it uploaded again.
        dry_run: only say what would go.
        ledger: None is the user's on this machine.

    Raises:
        KimiAPIError: the platform refused the request, or cannot be reached.
    """
    account = Account.of(client, ledger)
    return drive(client, prune_in_steps(account, older_than=older_than, include_kept=include_kept, dry_run=dry_run))


async def aprune(
    client: KimiClient,
    *,
    older_than: float = LEFTOVER_AGE,
    include_kept: bool = False,
    dry_run: bool = False,
    ledger: Ledger | None = None,
) -> list[FileObject]:
    """The asynchronous twin of `prune`."""
    account = Account.of(client, ledger)
    return await adrive(
        client, prune_in_steps(account, older_than=older_than, include_kept=include_kept, dry_run=dry_run)
    )


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
                account.ledger.remove(entry)  # gone already, or it never arrived
        elif dry_run:
            removed.append(file)
        elif (yield from delete_copy(file.id)):
            account.ledger.remove(entry)
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


def find_arrived_copy(entry: LedgerEntry, account: Account) -> Steps[FileObject | None]:
    """The file that an interrupted upload left on the platform; None where no file is certain to be it."""
    try:
        files = yield from list_all()
    except KimiError as error:
        _log.warning("an upload of %s broke off; it is unknown whether a copy arrived: %s", entry.name, error)
        return None
    return _match(entry, files, account.ledger.entries(account.scope))


def tagged_name(name: str, sha256: str) -> str:
    """`report.pdf` -> `report-3f9a12bc44de0011.pdf`."""
    path = PurePath(name)
    return f"{path.stem}-{sha256[:_TAG]}{path.suffix}"


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
