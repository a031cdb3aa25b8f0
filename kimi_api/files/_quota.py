"""How much of an account's room is taken, and how to make some: what `kimi_api.files` offers of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kimi_api._transport.steps import adrive, drive
from kimi_api.client import KimiClient
from kimi_api.files._leftovers import LEFTOVER_AGE, prune_in_steps
from kimi_api.files._records import Account, FileObject
from kimi_api.files.ledger import Ledger

MAX_FILES = 1_000
MAX_TOTAL_BYTES = 10 * 1024**3
"""What an account holds: https://platform.kimi.ai/docs/api/files-upload."""


@dataclass(frozen=True, slots=True)
class FileUsage:
    """What the files of an account take, and what it holds; sizes in bytes."""

    count: int
    bytes: int
    by_purpose: Mapping[str, int]
    max_count: int = MAX_FILES
    max_bytes: int = MAX_TOTAL_BYTES


def usage(files: Iterable[FileObject]) -> FileUsage:
    """What these files take together, e.g. those of `list_files`."""
    count, size = 0, 0
    by_purpose: dict[str, int] = {}
    for file in files:
        count += 1
        size += file.bytes
        by_purpose[file.purpose] = by_purpose.get(file.purpose, 0) + 1
    return FileUsage(count, size, by_purpose)


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
