"""Image, video and document blocks -> content parts. Pure, except for reading the files that blocks point to.

The platform takes media as a data URL or as `ms://<file id>` of an uploaded file, nothing else:
https://platform.kimi.ai/docs/guide/use-kimi-vision-model. So addresses are taken from a block before core would try to
download them; which may go out is decided in `kimi_api._content.addresses`. Whether the content is of a type that Kimi
takes, and what is uploaded, is decided when the request is sent (`kimi_api.media`): a large file is only named here,
and streamed from disk then.
"""

from __future__ import annotations

import mimetypes
from pathlib import Path, PurePath
from typing import Any

from llama_index.core.base.llms.types import AudioBlock, DocumentBlock, ImageBlock, VideoBlock

from kimi_api._media_rules import HEAD, INLINE_BYTES, Kind, LocalMedia, NotedAddress, data_url, sniff
from kimi_api.errors import KimiInputError

ContentPart = dict[str, Any]


def media_part(block: ImageBlock | VideoBlock, role: str) -> ContentPart:
    """The `image_url` or `video_url` part for `block`.

    Args:
        block: given by bytes, a path, or an address.
        role: whose message it is; what a tool gave never makes us read a path.

    Raises:
        KimiInputError: a path from a tool, no bytes at all, or bytes of an unknown format.
    """
    kind: Kind = "image" if isinstance(block, ImageBlock) else "video"
    if isinstance(block, ImageBlock):
        content, mimetype = block.image, block.image_mimetype
    else:
        content, mimetype = block.video, block.video_mimetype
    if block.url is not None:
        url = NotedAddress.of(str(block.url), None, mimetype)
    else:
        if content is None and role == "tool":
            _refuse_path(block)
        url = _url_of_content(kind, block, mimetype)
    return {"type": f"{kind}_url", f"{kind}_url": {"url": url}}


def document_block_part(block: DocumentBlock, role: str) -> ContentPart:
    """The part for a document: its text, or what `kimi_api.media` extracts it from when the request is sent.

    Args:
        block: given by bytes, a path, or an address.
        role: whose message it is; a path is read in user messages only.

    Raises:
        KimiInputError: no content at all, sound, or a path where none is read.
    """
    from kimi_api._content.documents import (
        file_kind,
        file_part,
    )  # 1 ms at import, which programs that send no files need not pay

    data: bytes | None = None
    path = None
    if block.data:
        try:
            data = block.resolve_document().read()
        except (ValueError, OSError) as error:
            raise KimiInputError(
                "DocumentBlock", block.title, f"it must hold bytes ({error})", "pass the bytes, or path=..."
            ) from error
    elif block.path is not None:
        if role != "user":
            _refuse_path(block)
        path = str(block.path)
    kind, file = file_kind(
        name=None if block.title == _UNTITLED else block.title,
        mime=block.document_mimetype,
        data=data,
        url=None if data or path or block.url is None else str(block.url),
        path=path,
    )
    if kind != "document" and path is not None:
        url = LocalMedia.of(path)
        return {"type": f"{kind}_url", f"{kind}_url": {"url": url}}
    return file_part(kind, file)


def facts(block: object) -> dict[str, Any]:
    """What there is to say of a block that cannot go out, as `kimi_api._content.notes.describe` reads it."""
    kind = getattr(block, "block_type", type(block).__name__)
    if not isinstance(block, (ImageBlock, VideoBlock, AudioBlock, DocumentBlock)):
        other: Any = block
        return {"type": kind, **other.model_dump(exclude={"block_type"}, exclude_none=True)}
    name = PurePath(block.path).name if block.path is not None else None
    mime = next(filter(None, (getattr(block, field, None) for field in _MIMETYPES)), None)
    if isinstance(block, AudioBlock) and block.format:
        mime = f"audio/{block.format}"
    if isinstance(block, DocumentBlock) and block.title != _UNTITLED:
        name = block.title
    return {"type": kind, "name": name, "url": None if block.url is None else str(block.url), "mime_type": mime}


_UNTITLED = "input_document"  # the title that core gives to a document without one
_MIMETYPES = ("image_mimetype", "video_mimetype", "document_mimetype")


def _refuse_path(block: ImageBlock | VideoBlock | DocumentBlock) -> None:
    """Raise `KimiInputError` for a path that is not the user's: only users may name files of this machine."""
    if block.path is not None:
        raise KimiInputError(
            f"{type(block).__name__}.path",
            str(block.path),
            "files of this machine are read for the user's messages only",
            "let the tool give the bytes of the file",
        )


def _url_of_content(kind: Kind, block: ImageBlock | VideoBlock, mimetype: str | None) -> str:
    what = type(block).__name__
    content = block.image if isinstance(block, ImageBlock) else block.video
    try:
        if content is None and block.path is not None and Path(block.path).stat().st_size > INLINE_BYTES:
            return LocalMedia.of(block.path)
        opened = block.resolve_image() if isinstance(block, ImageBlock) else block.resolve_video()
        data = opened.read()
    except (ValueError, OSError) as error:
        raise KimiInputError(
            what, block.path or f"a {kind} without data", f"it must hold bytes ({error})", "pass path=... or the bytes"
        ) from error
    sniffed = sniff(data[:HEAD])
    mimetype = sniffed if sniffed and sniffed.startswith(f"{kind}/") else mimetype or sniffed or _by_name(block.path)
    if not mimetype or not mimetype.startswith(f"{kind}/"):
        raise KimiInputError(
            what,
            mimetype or f"{len(data)} bytes of an unknown format",
            f"the {kind} format must be known",
            "pass documents in a DocumentBlock"
            if mimetype and not mimetype.startswith(("image/", "video/"))
            else f"set {kind}_mimetype, e.g. {'image/png' if kind == 'image' else 'video/mp4'}",
        )
    return data_url(mimetype, data)


def _by_name(path: object) -> str | None:
    return mimetypes.guess_type(str(path))[0] if path is not None else None
