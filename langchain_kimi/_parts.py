"""LangChain content -> the `content` of a wire message. Pure.

LangChain has three spellings of a picture (its v1 blocks, its older v0 blocks, and raw parts of the OpenAI kind), and
messages of one conversation may mix them. The platform has one: https://platform.kimi.ai/docs/api/chat knows the part
types `text`, `image_url` and `video_url`, whose address is a data URL or `ms://<file id>`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kimi_api import KimiInputError

Part = dict[str, Any]

_UPLOAD = (
    "pass the bytes (a data URL), upload them (kimi_api.media.upload_media gives ms://<file id>), or set "
    "fetch_media=True for public http(s) addresses"
)


def content_to_wire(content: str | Sequence[Any], *, any_url: bool = False) -> str | list[Part]:
    """The wire `content` of a user, system or tool message: a string, or parts when there is more than one text.

    Args:
        content: a message's `content`, in any of LangChain's forms.
        any_url: let http(s) addresses through, for hosts that fetch them (the platform does not).

    Raises:
        KimiInputError: a block that the platform has no part for, or an address it would not fetch.
    """
    if isinstance(content, str):
        return content
    parts = [part_to_wire(block, any_url=any_url) for block in content]
    if not parts:
        return ""
    if len(parts) == 1 and parts[0].keys() == {"type", "text"}:
        return parts[0]["text"]
    return parts


def part_to_wire(block: Any, *, any_url: bool = False) -> Part:
    """One content block as a wire part. Raises KimiInputError like `content_to_wire`."""
    if isinstance(block, str):
        return {"type": "text", "text": block}
    kind = block.get("type") if isinstance(block, Mapping) else None
    convert = _CONVERTERS.get(kind or "")
    if convert is None:
        raise KimiInputError(
            "content block", block, "a message may hold text, images and videos", _REMEDIES.get(kind or "", _REMEDY)
        )
    return convert(block, any_url)


def _text(block: Mapping[str, Any], _any_url: bool) -> Part:
    return {"type": "text", "text": str(block.get("text") or "")}


def _raw_media(block: Mapping[str, Any], any_url: bool) -> Part:
    """`image_url` and `video_url` as OpenAI-like hosts spell them: an object with a `url`, or the bare address."""
    kind = block["type"]
    given = block.get(kind)
    media = {"url": given} if isinstance(given, str) else dict(given or {})
    _check_url(media.get("url"), kind, any_url)
    return {"type": kind, kind: media}


def _image(block: Mapping[str, Any], any_url: bool) -> Part:
    return _media("image_url", block, any_url)


def _video(block: Mapping[str, Any], any_url: bool) -> Part:
    return _media("video_url", block, any_url)


def _file(block: Mapping[str, Any], any_url: bool) -> Part:
    mime = str(block.get("mime_type") or "")
    if mime.startswith("video/"):
        return _media("video_url", block, any_url)
    if mime.startswith("image/") or (not mime and _file_id(block)):
        return _media("image_url", block, any_url)
    raise KimiInputError(
        "file block",
        mime or "a file without a mime_type",
        "the platform has no file parts, only images and videos",
        "read documents with KimiFileLoader and put their text into a system message",
    )


def _non_standard(block: Mapping[str, Any], any_url: bool) -> Part:
    value = block.get("value")
    if not isinstance(value, Mapping):
        raise KimiInputError("non_standard block", value, "its value is the wire part itself, a dict", _REMEDY)
    return part_to_wire(value, any_url=any_url) if value.get("type") in _CONVERTERS else dict(value)


_CONVERTERS: Mapping[str, Callable[[Mapping[str, Any], bool], Part]] = {
    "text": _text,
    "text-plain": _text,
    "image_url": _raw_media,
    "video_url": _raw_media,
    "image": _image,
    "video": _video,
    "file": _file,
    "non_standard": _non_standard,
}

_REMEDY = "turn the block into text, or leave it out"
_REMEDIES = {
    "audio": "the platform does not take sound; send a transcript as text",
    "input_audio": "the platform does not take sound; send a transcript as text",
    "document": "read documents with KimiFileLoader and put their text into a system message",
}


def _media(kind: str, block: Mapping[str, Any], any_url: bool) -> Part:
    """A picture or film given by file id, address or bytes, in LangChain's v1, its v0, or Anthropic's spelling."""
    file_id = _file_id(block)
    if file_id:
        return {"type": kind, kind: {"url": file_id if file_id.startswith("ms://") else f"ms://{file_id}"}}
    source = block.get("source")
    given: Mapping[str, Any] = source if isinstance(source, Mapping) else block
    url = given.get("url")
    if url is None:
        data = given.get("base64") or given.get("data")
        mime = given.get("mime_type") or given.get("media_type")
        if not data:
            raise KimiInputError(f"{block['type']} block", block, "it needs base64 data, a url or a file_id", _UPLOAD)
        if not mime:
            raise KimiInputError(
                f"{block['type']} block", "base64 without a type", "bytes need their mime_type", "add e.g. image/png"
            )
        url = f"data:{mime};base64,{data}"
    _check_url(url, kind, any_url)
    return {"type": kind, kind: {"url": url}}


def _file_id(block: Mapping[str, Any]) -> str | None:
    """The id of an uploaded file: `file_id` in v1, `id` beside `source_type: "id"` in v0 and in core's own helper."""
    found = block.get("file_id") or (block.get("id") if block.get("source_type") == "id" else None)
    inner = block.get("file")
    if not found and isinstance(inner, Mapping):
        found = inner.get("file_id")
    return str(found) if found else None


def _check_url(url: object, kind: str, any_url: bool) -> None:
    if isinstance(url, str) and (any_url or url.startswith(("data:", "ms://"))):
        return
    raise KimiInputError(
        f"{kind}.url", url, "the platform takes data URLs and ms://<file id> only, it does not fetch addresses", _UPLOAD
    )
