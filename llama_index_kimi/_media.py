"""Image and video blocks -> content parts. Pure, but for reading the files that blocks point to.

The platform takes media as a data URL or as `ms://<file id>` of an uploaded file, nothing else:
https://platform.kimi.ai/docs/guide/use-kimi-vision-model. So `ms://` addresses are taken from a block before core
would try to download them, and web addresses are refused here, where the error can say what to do. Whether the content
is of a type that Kimi takes, and what is uploaded, is decided when the request is sent (`kimi_api.media`): a large file
is only named here, and streamed from disk then.
"""

from __future__ import annotations

import mimetypes
from pathlib import Path
from typing import Any

from llama_index.core.base.llms.types import ImageBlock, VideoBlock

from kimi_api._media_rules import HEAD, INLINE_BYTES, Kind, LocalMedia, data_url, sniffed
from kimi_api.errors import KimiInputError

ContentPart = dict[str, Any]


def image_part(block: ImageBlock, *, any_url: bool = False) -> ContentPart:
    """The `image_url` part for `block`.

    Args:
        block: given by bytes, a path, or an address.
        any_url: let web addresses through, because somebody will fetch them.

    Raises:
        KimiInputError: a web address, an SVG, no bytes at all, or bytes whose format cannot be told.
    """
    url = _given_url("ImageBlock", block.url, any_url) or _url_of_content("image", block, block.image_mimetype)
    return {"type": "image_url", "image_url": {"url": url}}


def video_part(block: VideoBlock, *, any_url: bool = False) -> ContentPart:
    """The `video_url` part for `block`; arguments and errors as for `image_part`."""
    url = _given_url("VideoBlock", block.url, any_url) or _url_of_content("video", block, block.video_mimetype)
    return {"type": "video_url", "video_url": {"url": url}}


def _given_url(what: str, url: object, any_url: bool) -> str | None:
    """The block's own address where the platform understands it, None when the block has none."""
    if url is None:
        return None
    text = str(url)
    scheme = text.partition(":")[0].lower()
    if scheme in ("ms", "data") or (any_url and scheme in ("http", "https")):
        return text
    raise KimiInputError(
        f"{what}.url",
        text,
        "Kimi does not fetch addresses: it takes a data URL or ms://<file id> of an uploaded file",
        f"download the file and pass {what}(path=...) or its bytes, upload it and pass its ms:// address, or set "
        "fetch_media=True for public http(s) addresses",
    )


def _url_of_content(kind: Kind, block: ImageBlock | VideoBlock, mimetype: str | None) -> str:
    what = type(block).__name__
    given = block.image if isinstance(block, ImageBlock) else block.video
    try:
        if given is None and block.path is not None and Path(block.path).stat().st_size > INLINE_BYTES:
            return LocalMedia.of(block.path)
        opened = block.resolve_image() if isinstance(block, ImageBlock) else block.resolve_video()
        data = opened.read()
    except (ValueError, OSError) as error:
        raise KimiInputError(
            what, block.path or f"a {kind} without data", f"it must hold bytes ({error})", "pass path=... or the bytes"
        ) from error
    found = sniffed(data[:HEAD])
    mimetype = found if found and found.startswith(f"{kind}/") else mimetype or found or _by_name(block.path)
    if not mimetype or not mimetype.startswith(f"{kind}/"):
        raise KimiInputError(
            what,
            mimetype or f"{len(data)} bytes of an unknown format",
            f"the {kind} format must be known",
            f"set {kind}_mimetype, e.g. {'image/png' if kind == 'image' else 'video/mp4'}",
        )
    if mimetype == "image/svg+xml":
        # "unsupported image format: text/plain; charset=utf-8"
        raise KimiInputError(what, mimetype, "Kimi does not read SVG", "convert it to PNG, or pass its text")
    return data_url(mimetype, data)


def _by_name(path: object) -> str | None:
    return mimetypes.guess_type(str(path))[0] if path is not None else None
