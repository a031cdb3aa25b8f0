"""Documents in messages: their text is extracted when the request is sent, once for each content.

Later turns hold the same document again and must send the same bytes, so a text is kept by the content of its file: in
memory, at most 32 MB of them, or in the `FileCache` that the user gave. The platform's copy is deleted at once.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

from kimi_api import errors
from kimi_api._content.documents import (
    DOCUMENT,
    Document,
    FileKind,
    file_kind,
    file_part,
    is_text,
    name_to_send,
    plain_text,
    text_part,
)
from kimi_api._content.notes import Part, is_for_the_user, stand_in
from kimi_api._many import aordered_map, ordered_map
from kimi_api._media_rules import MediaPolicy
from kimi_api._transport.steps import Call, Steps, adrive, drive
from kimi_api.client import KimiClient
from kimi_api.errors import KimiError, KimiFileError, KimiInputError, KimiKeyError
from kimi_api.files._extract import (
    SUPPORTED_SUFFIXES,
    ExtractedFile,
    extract_in_steps,
    extract_uploaded,
    extraction_key,
    is_unreadable,
)
from kimi_api.files._sources import SourceFile, compute_digest, open_source
from kimi_api.files._upload_lock import UploadLock
from kimi_api.files._wait import WAIT_SECONDS, is_gone
from kimi_api.files.cache import FileCache
from kimi_api.media._fetch import fetch_remembered

_log = logging.getLogger("kimi_api")
_LARGE = 1024 * 1024
_KEPT_FAILURES = 256
_AT_ONCE = 4

_lock = threading.Lock()
_texts = FileCache()
_failures: OrderedDict[str, KimiFileError] = OrderedDict()  # of documents that the platform can never read
_logged = False


def forget_documents() -> None:
    """Forget all texts that are kept in memory, and that an upload was logged."""
    global _lock, _texts, _logged
    _lock = threading.Lock()
    _texts = FileCache()
    _failures.clear()
    _logged = False


def place_documents(
    client: KimiClient, messages: Sequence[Mapping[str, Any]], policy: MediaPolicy
) -> Steps[dict[tuple[int, int], Part]]:
    """The parts to send instead of documents, by (message, part). A few documents are under way at a time."""
    documents: list[tuple[int, int, Document]] = []
    for position, message in enumerate(messages):
        content = message.get("content")
        for place, part in enumerate(content) if isinstance(content, list) else ():
            if part.get("type") == DOCUMENT:
                documents.append((position, place, part[DOCUMENT]))

    def one(where: tuple[int, int, Document]) -> Steps[Part | KimiError]:
        position, _, file = where
        final = policy.refuse == "last" and not is_for_the_user(messages, position)
        try:
            return (yield from _part(client, file, policy, final))
        except KimiError as error:
            if _is_of_the_file(error):
                return error
            raise

    if len(documents) == 1:
        results = [(yield from one(documents[0]))]
    else:
        results = yield Call(
            lambda: list(ordered_map(lambda where: drive(client, one(where)), documents, _AT_ONCE)),
            lambda: _collect(aordered_map(lambda where: adrive(client, one(where)), documents, _AT_ONCE)),
        )
    parts: dict[tuple[int, int], Part] = {}
    for (position, place, file), result in zip(documents, results, strict=True):
        if isinstance(result, KimiError):
            result = stand_in(messages, position, DOCUMENT, file.note(), result, policy.refuse)
        parts[position, place] = result
    return parts


async def _collect(results: AsyncGenerator[Part | KimiError, None]) -> list[Part | KimiError]:
    async with aclosing(results):
        return [result async for result in results]


def known_text(base_url: str, file: Document, cache: FileCache | None) -> str | None:
    """The text of a document that was sent before, as its part holds it. Nothing is sent."""
    try:
        plain = plain_text(file)
        if plain is None and file.path is not None and is_text(file):
            plain = plain_text(replace(file, data=Path(file.path).read_bytes()))
        if plain is not None:
            return text_part(file.label, plain)["text"]
        if file.path is None and file.data is None:
            return None
        content = file.content() if file.path is None else Path(file.path)
        source = open_source(content, name_to_send(file, SUPPORTED_SUFFIXES))
        known = (_texts if cache is None else cache).get(extraction_key(base_url, source, source.sha256()))
    except (KimiInputError, OSError):  # the request will say so
        return None
    return None if known is None else text_part(file.label, known["content"])["text"]


def _part(client: KimiClient, file: Document, policy: MediaPolicy, final: bool) -> Steps[Part]:
    cache = _texts if policy.cache is None else policy.cache
    if file.file_id is not None:
        return (yield from _of_id(client, file, cache))
    if file.url is not None:
        kind, file = yield from _fetch(file, policy)
        if kind != DOCUMENT:
            return file_part(kind, file)
    plain = plain_text(file)
    if plain is None and file.path is not None and is_text(file):
        source = open_source(Path(file.path), file.label)
        content = yield Call.in_thread(lambda: _read(source))
        plain = plain_text(replace(file, data=content))
    if plain is not None:
        return text_part(file.label, plain)
    name = name_to_send(file, SUPPORTED_SUFFIXES)
    if file.path is not None:
        source = open_source(Path(file.path), name)
    else:
        large = len(file.data or "") > _LARGE
        source = open_source((yield Call.in_thread(file.content)) if large else file.content(), name)
    text = yield from _of_content(client, source, cache, final)
    return text_part(file.label, text)


def _read(file: SourceFile) -> bytes:
    with file.open() as opened:
        return opened.read()


def _of_content(client: KimiClient, source: SourceFile, cache: FileCache, final: bool) -> Steps[str]:
    digest = yield from compute_digest(source)
    key = extraction_key(client.base_url, source, digest)
    known = cache.get(key)
    if known is not None:
        return known["content"]
    if final and key in _failures:
        raise _failures[key].with_traceback(None)
    with UploadLock((client.base_url, DOCUMENT, key), source.label) as turn:
        yield from turn.acquire()
        known = cache.get(key)  # another thread or task may have sent it meanwhile
        if known is not None:
            return known["content"]
        _log_once(source)
        try:
            extracted = yield from _extract(client, source, cache)
        except KimiFileError as error:
            if is_unreadable(error):
                with _lock:
                    _failures[key] = error
                    while len(_failures) > _KEPT_FAILURES:
                        _failures.popitem(last=False)
            raise
        return extracted.text


def _extract(client: KimiClient, source: SourceFile, cache: FileCache) -> Steps[ExtractedFile]:
    """The text of a file; sent again if somebody deleted it before it could be read."""
    for _ in range(client.max_retries):
        try:
            return (yield from extract_in_steps(client, source, True, WAIT_SECONDS, cache, None, tagged=True))
        except KimiFileError as error:
            if not is_gone(error):
                raise
    return (yield from extract_in_steps(client, source, True, WAIT_SECONDS, cache, None, tagged=True))


def _of_id(client: KimiClient, file: Document, cache: FileCache) -> Steps[Part]:
    """The text of a file that the user has uploaded for extraction. It stays where it is."""
    key = f"{client.scope()} {file.file_id}"
    known = cache.get(key)
    if known is None:
        remote, content = yield from extract_uploaded(file.file_id or "", time.monotonic() + WAIT_SECONDS)
        known = {"content": content, "filename": remote.filename}
        cache.put(key, known)
    return text_part(file.name or file_kind(name=known["filename"], file_id="f")[1].label, known["content"])


def _fetch(file: Document, policy: MediaPolicy) -> Steps[tuple[FileKind, Document]]:
    url = file.url or ""
    what = f"the document {file.label}"
    if not url[:8].lower().startswith(("http://", "https://")):
        raise KimiInputError(
            what, url[:200], "an address is data:, ms://<file id>, http or https", "pass the bytes of the file"
        )
    if not policy.fetch:
        raise KimiInputError(
            what,
            url[:200],
            "the platform downloads nothing from addresses",
            "pass the bytes of the file, or set fetch_media=True for public http(s) addresses",
        )
    content, declared = yield from fetch_remembered(url)
    return file_kind(name=file.name, mime=file.mime or declared, data=content)


def _is_of_the_file(error: KimiError) -> bool:
    """Whether the document causes the error, so that every later turn with this document would fail as well."""
    known = (KimiInputError, KimiFileError, errors.KimiNotFoundError)
    return isinstance(error, known) and not isinstance(error, KimiKeyError)


def _log_once(source: SourceFile) -> None:
    global _logged
    with _lock:
        if _logged:
            return
        _logged = True
    _log.info(
        "the document %s (%d bytes) of a message is uploaded for file extraction and deleted afterwards (logged for "
        "the first document only); extract_documents=False forbids it",
        source.name,
        source.size,
    )
