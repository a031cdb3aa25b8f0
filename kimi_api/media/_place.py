"""The images, videos and documents of a request, right before it is sent: inside it, uploaded, or put into words."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from kimi_api import errors
from kimi_api._content.addresses import note_of_media
from kimi_api._media_rules import (
    HEAD,
    MAX_BODY_BYTES,
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
    to_upload,
    with_parts,
    with_urls,
)
from kimi_api._transport.steps import Call, Steps, adrive, drive
from kimi_api.client import KimiClient
from kimi_api.errors import KimiInputError
from kimi_api.files._records import Account
from kimi_api.files._sources import SourceFile
from kimi_api.files._uploads import upload_once
from kimi_api.media._documents import place_documents
from kimi_api.media._fetch import fetch_remembered
from kimi_api.media._files import check_file, from_bytes, with_suffix
from kimi_api.request import ChatRequest

if TYPE_CHECKING:
    from kimi_api.wire import WireMessage


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
    """The request before its media were placed, if the platform no longer has one that we uploaded.

    Somebody has deleted the file: it is removed from the ledger, so that placing uploads it again.
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
        account.ledger.remove_file(account.scope, file_id)
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
            self.file = from_bytes(content, self.mime)
        return with_suffix(self.file, self.mime)

    def inline(self) -> str:
        """The data URL: the one that the caller gave, where it is right already."""
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
        file, mime = check_file(part.url.path, part.kind, None)
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
        return _Item(part, len(content), mime, from_bytes(content, mime))
    return None


def _size_without(messages: Sequence[WireMessage], items: Sequence[_Item], request: ChatRequest) -> int:
    """Size of the body in bytes, without the media that may be uploaded."""
    bare = with_urls(messages, {(item.part.message, item.part.part): "" for item in items})
    return len(json.dumps({**request.body, "messages": bare}, ensure_ascii=False).encode("utf-8", "surrogatepass"))
