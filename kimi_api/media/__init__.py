"""Images and videos: the thin edge between what a program passes and what the platform takes.

`place_media` goes over a request right before it is sent: what the content says decides about the type, what is large
is uploaded once for each content and account and referred to as `ms://<file id>`, and a body stays below 100 MB.
Uploaded copies are kept, because the next turns and stored conversations come to the same reference again.
https://platform.kimi.ai/docs/guide/use-kimi-vision-model
"""

from __future__ import annotations

import io
import json
import mimetypes
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from kimi_api import errors
from kimi_api._content.addresses import note_of_media
from kimi_api._media_rules import (
    HEAD,
    IMAGE_TYPES,
    INLINE_BYTES,
    MAX_BODY_BYTES,
    VIDEO_TYPES,
    Kind,
    LocalMedia,
    MediaPart,
    MediaPolicy,
    data_url,
    decode,
    decoded_size,
    head_of,
    media_parts,
    media_type,
    near_limit,
    split_data_url,
    suffix_of,
    to_upload,
    with_parts,
    with_urls,
)
from kimi_api._transport.steps import Call, Steps, adrive, drive
from kimi_api.client import KimiClient
from kimi_api.errors import KimiInputError
from kimi_api.files._records import Account, FileObject
from kimi_api.files._sources import FileSource, SourceFile, open_source
from kimi_api.files._uploads import upload_once
from kimi_api.files.ledger import Ledger
from kimi_api.media._documents import place_documents
from kimi_api.media._fetch import fetch_remembered
from kimi_api.request import ChatRequest

if TYPE_CHECKING:
    from kimi_api.wire import ImagePart, VideoPart, WireMessage

__all__ = [
    "IMAGE_TYPES",
    "INLINE_BYTES",
    "MAX_BODY_BYTES",
    "VIDEO_TYPES",
    "MediaInfo",
    "aplace_media",
    "aupload_media",
    "inspect_media",
    "media_part",
    "place_media",
    "upload_media",
]


# ------------------------------------------------------------------------------------------------- by hand


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
    file, mime = _check_file(source, kind, name)
    return MediaInfo(_kind_of(mime), mime, file.size)


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
    file, mime = _check_file(source, kind, name)
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
    return await adrive(client, _upload_checked(client, source, kind, name, ledger))


def _upload_checked(
    client: KimiClient, source: FileSource, kind: Kind | None, name: str | None, ledger: Ledger | None
) -> Steps[FileObject]:
    file, mime = _check_file(source, kind, name)
    return (yield from upload_once(_with_suffix(file, mime), _kind_of(mime), Account.of(client, ledger)))


# ------------------------------------------------------------------------------------------------- in a request


def place_media(client: KimiClient, request: ChatRequest) -> ChatRequest:
    """The request as it can be sent: its media checked, and inside or uploaded as `request.media` says.

    Raises:
        KimiInputError: an image or video that Kimi does not take, an address that is not fetched, a body over 100 MB.
        KimiFileError: the account is full.
        KimiAPIError: an upload failed: the platform refused it, or cannot be reached.
    """
    if request.media is None:
        return request
    return drive(client, _place_in_steps(client, request, request.media))


async def aplace_media(client: KimiClient, request: ChatRequest) -> ChatRequest:
    """The asynchronous twin of `place_media`."""
    if request.media is None:
        return request
    return await adrive(client, _place_in_steps(client, request, request.media))


def forget_missing_upload(client: KimiClient, request: ChatRequest, error: Exception) -> ChatRequest | None:
    """The request as it was before its media were placed, if the platform misses one of those that we uploaded.

    Somebody has deleted the file meanwhile; it is struck from the ledger, so that placing uploads it again.
    """
    before = request.original
    if before is None or not isinstance(error, errors.KimiStatusError):
        return None
    original_urls = {part.url for part in media_parts(before.body["messages"])}
    account = Account.of(client, None)
    missing = [
        part.url.removeprefix("ms://")
        for part in media_parts(request.body["messages"])
        if part.url.startswith("ms://") and part.url not in original_urls
    ]
    reported = [file_id for file_id in missing if re.search(rf"\b{re.escape(file_id)}\b", str(error))]
    for file_id in reported:
        account.ledger.forget_file(account.scope, file_id)
    return before if reported else None


@dataclass(slots=True)
class _Item:
    """A part that may change: its bytes' size, its type, and how to get the bytes."""

    part: MediaPart
    size: int
    mime: str
    file: SourceFile | None = None
    data: tuple[str, bool] | None = None

    def source(self) -> SourceFile:
        """The content as a file, its name by its type."""
        if self.file is None:
            assert self.data is not None  # noqa: S101 - one of the two is there
            content = decode(*self.data, f"{self.part.kind} data")
            self.file = _from_bytes(content, self.mime)
        return _with_suffix(self.file, self.mime)

    def inline(self) -> str:
        """The data URL, the one that came wherever it is right already."""
        if self.data is None:
            with self.source().open() as opened:
                return data_url(self.mime, opened.read())
        data, is_base64 = self.data
        return f"data:{self.mime};base64,{data}" if is_base64 else data_url(self.mime, decode(data, False, "data"))


def _place_in_steps(client: KimiClient, request: ChatRequest, policy: MediaPolicy) -> Steps[ChatRequest]:
    messages = request.body["messages"]
    if policy.documents:
        messages = with_parts(messages, (yield from place_documents(client, messages, policy)))
    items: list[_Item] = []
    notes: dict[tuple[int, int], Mapping[str, Any]] = {}
    for part in media_parts(messages):
        try:
            item = yield from _examine(part, policy)
        except KimiInputError as error:
            notes[part.message, part.part] = note_of_media(messages, part, error, policy.refuse)
            continue
        if item is not None:
            items.append(item)
    sizes = [item.size for item in items]
    chosen: set[int] = set()
    if items and policy.platform:
        rest = _size_without(messages, items, request) if near_limit(sizes) else 0
        chosen = to_upload(sizes, policy.inline_bytes, rest)
        if rest > MAX_BODY_BYTES:
            raise KimiInputError(
                "messages",
                f"{rest / 1024 / 1024:.0f} MB without the images and videos",
                "a request has at most 100 MB",
                "shorten the history",
            )
    urls: dict[tuple[int, int], str] = {}
    for place, item in enumerate(items):
        file: SourceFile | None = None
        url = item.part.url
        try:
            if place in chosen:
                file = item.source()
            elif item.size > HEAD * 64 and item.file is not None:
                url = yield Call.in_thread(item.inline)
            else:
                url = item.inline()
        except KimiInputError as error:
            notes[item.part.message, item.part.part] = note_of_media(messages, item.part, error, policy.refuse)
            continue
        if file is not None:
            url = (yield from upload_once(file, item.part.kind, Account.of(client, None))).url
        if url != item.part.url:
            urls[item.part.message, item.part.part] = url
    if urls:
        messages = with_urls(messages, urls)
    if notes:
        messages = with_parts(messages, notes)
    if messages is request.body["messages"]:
        return replace(request, media=None)
    return replace(request, body={**request.body, "messages": messages}, media=None, original=request)


def _examine(part: MediaPart, policy: MediaPolicy) -> Steps[_Item | None]:
    """What a part holds; None if it stays as it is."""
    what = f"{part.kind} in messages[{part.message}]"
    if isinstance(part.url, LocalMedia):
        file, mime = _check_file(part.url.path, part.kind, None)
        return _Item(part, file.size, mime, file)
    data_url = split_data_url(part.url)
    if data_url is not None:
        if not policy.platform:
            return None
        declared, data, is_base64 = data_url
        mime = media_type(head_of(data, is_base64), declared, part.kind, what)
        return _Item(part, decoded_size(data, is_base64), mime, data=(data, is_base64))
    if policy.fetch and part.url.startswith(("http://", "https://")):
        content, declared = yield from fetch_remembered(part.url)
        mime = media_type(content[:HEAD], declared, part.kind, what)
        return _Item(part, len(content), mime, _from_bytes(content, mime))
    return None


# ------------------------------------------------------------------------------------------------- files


def _check_file(source: FileSource, kind: Kind | None, name: str | None) -> tuple[SourceFile, str]:
    """A checked file and its type."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        data = bytes(source)
        label = name or "bytes"
        mime = media_type(data[:HEAD], mimetypes.guess_type(label)[0], kind, label)
        return _from_bytes(data, mime, name), mime
    if isinstance(source, (str, os.PathLike)):
        # The name may have no extension, which `open_source` would refuse.
        path = Path(source)
        file = open_source(path, name or (path.name if path.suffix else f"{path.name}.bin"))
    else:
        file = open_source(source, name or _name_of(source))
    with file.open() as opened:
        head = opened.read(HEAD)
    return file, media_type(head, mimetypes.guess_type(file.name)[0], kind, file.label)


def _name_of(stream: object) -> str:
    name = getattr(stream, "name", None)
    return PurePath(name).name if isinstance(name, str) and PurePath(name).suffix else "media.bin"


def _from_bytes(content: bytes, mime: str, name: str | None = None) -> SourceFile:
    known = name or f"{_kind_of(mime)}{suffix_of(mime)}"
    return open_source(io.BytesIO(content), known if PurePath(known).suffix else known + suffix_of(mime))


def _with_suffix(file: SourceFile, mime: str) -> SourceFile:
    """The file under a name whose extension fits its content: the platform goes by the name."""
    if mimetypes.guess_type(file.name)[0] == mime:
        return file
    return replace(file, name=PurePath(file.name).stem + suffix_of(mime))


def _kind_of(mime: str) -> Kind:
    return "video" if mime.startswith("video/") else "image"


def _part(mime: str, url: str) -> ImagePart | VideoPart:
    if _kind_of(mime) == "video":
        return {"type": "video_url", "video_url": {"url": url}}
    return {"type": "image_url", "image_url": {"url": url}}


def _size_without(messages: Sequence[WireMessage], items: Sequence[_Item], request: ChatRequest) -> int:
    """Size of the body in bytes, without the media that may be uploaded."""
    bare = with_urls(messages, {(item.part.message, item.part.part): "" for item in items})
    return len(json.dumps({**request.body, "messages": bare}, ensure_ascii=False).encode("utf-8", "surrogatepass"))
