"""What an account keeps on the platform: records of files; reading, listing and deleting them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from kimi_api import errors
from kimi_api._transport.steps import Send, Steps, adrive, drive
from kimi_api.client import KimiClient
from kimi_api.errors import KimiError, KimiReplyError
from kimi_api.files.ledger import Ledger, default_ledger
from kimi_api.reply._odd import tidy_number, tidy_text

_log = logging.getLogger("kimi_api.files")


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


def retrieve(client: KimiClient, file_id: str) -> FileObject:
    """The record of one file."""
    return drive(client, retrieve_in_steps(file_id))


async def aretrieve(client: KimiClient, file_id: str) -> FileObject:
    """The asynchronous twin of `retrieve`."""
    return await adrive(client, retrieve_in_steps(file_id))


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
    return drive(client, delete_in_steps(file_id, Account.of(client, ledger)))


async def adelete(client: KimiClient, file_id: str, *, ledger: Ledger | None = None) -> bool:
    """The asynchronous twin of `delete`."""
    return await adrive(client, delete_in_steps(file_id, Account.of(client, ledger)))


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
        yield Send("DELETE", f"/files/{file_id}", in_grace=True)
    except errors.KimiNotFoundError:
        _log.debug("the remote copy %s is gone already", file_id)
    except KimiError as error:
        _log.warning("the remote copy %s could not be deleted and still counts against the quota: %s", file_id, error)
        return False
    return True


def retrieve_in_steps(file_id: str) -> Steps[FileObject]:
    answer = yield Send("GET", f"/files/{file_id}")
    return parse_file(answer.body, file_id)


def delete_in_steps(file_id: str, account: Account) -> Steps[bool]:
    answer = yield Send("DELETE", f"/files/{file_id}")
    account.ledger.remove_file(account.scope, file_id)
    return isinstance(answer.body, Mapping) and bool(answer.body.get("deleted"))
