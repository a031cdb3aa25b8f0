"""One image or video in the hands of a program: looked at, made a content part, or uploaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kimi_api._media_rules import Kind, data_url
from kimi_api._transport.deadline import within
from kimi_api._transport.steps import Steps, adrive, drive
from kimi_api.client import KimiClient
from kimi_api.files._records import Account, FileObject
from kimi_api.files._sources import FileSource
from kimi_api.files._uploads import upload_once
from kimi_api.files.ledger import Ledger
from kimi_api.media._files import check_file, kind_of, with_suffix

if TYPE_CHECKING:
    from kimi_api.wire import ImagePart, VideoPart


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What some image or video is, by its content.

    Attributes:
        kind: "image" or "video".
        mime_type: such as "image/png".
        size: bytes.
    """

    kind: Kind
    mime_type: str
    size: int


def inspect_media(source: FileSource, *, kind: Kind | None = None, name: str | None = None) -> MediaInfo:
    """Look at an image or video without sending it.

    Raises:
        KimiInputError: it cannot be read, is no image or video that Kimi takes, or is larger than 100 MB.
    """
    file, mime = check_file(source, kind, name)
    return MediaInfo(kind_of(mime), mime, file.size)


def media_part(source: FileSource, *, kind: Kind | None = None, name: str | None = None) -> ImagePart | VideoPart:
    """An image or video as a content part (`image_url` or `video_url` with a data URL), for either framework.

    Large ones are better uploaded first (`upload_media`): the part then holds an address instead of the bytes.

    Args:
        source: a path, bytes, or an open binary file.
        kind: "image" or "video"; None goes by the content.
        name: what to call bytes in an error.

    Raises:
        KimiInputError: it cannot be read, is no image or video that Kimi takes, or is larger than 100 MB.
    """
    file, mime = check_file(source, kind, name)
    with file.open() as opened:
        url = data_url(mime, opened.read())
    return _part(mime, url)


def upload_media(
    client: KimiClient,
    source: FileSource,
    *,
    kind: Kind | None = None,
    name: str | None = None,
    ledger: Ledger | None = None,
) -> FileObject:
    """Upload an image or video, streamed from disk; its `url` is what messages refer to it by.

    The same content is uploaded once for each account, as the ledger remembers it, and kept.

    Args:
        client: how to reach the platform.
        source: a path, bytes, or an open binary file.
        kind: "image" or "video"; None goes by the content.
        name: file name to send for bytes; None makes one up.
        ledger: where uploads are noted; None is the user's on this machine.

    Raises:
        KimiInputError: it cannot be read, is no image or video that Kimi takes, or is larger than 100 MB.
        KimiFileError: the account is full.
        KimiAPIError: the platform refused the request, or cannot be reached.
    """
    with within(client.deadline()):
        return drive(client, _upload_checked(client, source, kind, name, ledger))


async def aupload_media(
    client: KimiClient,
    source: FileSource,
    *,
    kind: Kind | None = None,
    name: str | None = None,
    ledger: Ledger | None = None,
) -> FileObject:
    """The asynchronous twin of `upload_media`."""
    with within(client.deadline()):
        return await adrive(client, _upload_checked(client, source, kind, name, ledger))


def _upload_checked(
    client: KimiClient, source: FileSource, kind: Kind | None, name: str | None, ledger: Ledger | None
) -> Steps[FileObject]:
    file, mime = check_file(source, kind, name)
    return (yield from upload_once(with_suffix(file, mime), kind_of(mime), Account.of(client, ledger)))


def _part(mime: str, url: str) -> ImagePart | VideoPart:
    if kind_of(mime) == "video":
        return {"type": "video_url", "video_url": {"url": url}}
    return {"type": "image_url", "image_url": {"url": url}}
