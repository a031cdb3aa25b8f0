"""LangChain content -> the `content` of a wire message. Pure.

LangChain has three spellings of an image (its v1 blocks, its older v0 blocks, and raw parts of the OpenAI kind), and
messages of one conversation may mix them. The platform has one: https://platform.kimi.ai/docs/api/chat knows the part
types `text`, `image_url` and `video_url`, whose address is a data URL or `ms://<file id>`. Documents are parts of our
own until the request is sent (`kimi_api._content`), and so is what the platform has no part for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, overload

from kimi_api import KimiInputError
from kimi_api._content.notes import Part, placeholder
from kimi_api._media_rules import NotedAddress

T = TypeVar("T")

_TEXT_RULE = "it holds a text under the name text"

_UPLOAD = "pass the bytes (a data URL), or upload them (kimi_api.media.upload_media gives ms://<file id>)"


def content_to_wire(content: str | Sequence[Any]) -> str | list[Part]:
    """The wire `content` of a user, system or tool message: a string, or parts when there is more than one text.

    Args:
        content: a message's `content`, in any of LangChain's forms.

    A block that cannot be sent becomes a placeholder, which `kimi_api._content.notes.settle` handles later.
    """
    if isinstance(content, str):
        return content
    parts = [part_to_wire(block) for block in content]
    if not parts:
        return ""
    if len(parts) == 1 and parts[0].keys() == {"type", "text"}:
        return parts[0]["text"]
    return parts


def part_to_wire(block: object) -> Part:
    """One content block as a part, like `content_to_wire`."""
    if isinstance(block, str):
        return {"type": "text", "text": block}
    convert: Callable[[Any], Part] = _CONVERTERS.get(_type_of(block), _unknown)
    try:
        return convert(block)
    except KimiInputError as error:
        return placeholder(block, error)


def _type_of(block: object) -> str:
    kind = block.get("type") if isinstance(block, Mapping) else None
    return kind if isinstance(kind, str) else ""


def _unknown(block: object) -> Part:
    from kimi_api._content.documents import NO_SOUND

    rule, remedy = NO_SOUND if _type_of(block) in ("audio", "input_audio") else (_RULE, _REMEDY)
    if isinstance(block, Mapping) and "type" not in block:
        rule, remedy = "each block has a type", 'write e.g. {"type": "text", "text": "Hello"}'
    raise KimiInputError("content block", block, rule, remedy)


def _text(block: Mapping[str, Any]) -> Part:
    text = block.get("text")
    if isinstance(text, str):
        return {"type": "text", "text": text}
    if (text and not isinstance(text, int | float)) or (text is None and "content" in block):
        raise KimiInputError("text block", block, _TEXT_RULE, 'write e.g. {"type": "text", "text": "Hello"}')
    return {"type": "text", "text": str(text or "")}


def _plain_text(block: Mapping[str, Any]) -> Part:
    """LangChain's block for text files: the text itself, or a file of it."""
    if any(block.get(name) for name in ("base64", "url", "file_id")):
        return _file({"mime_type": "text/plain", **block})
    return _text(block)


def _raw_media(block: Mapping[str, Any]) -> Part:
    """`image_url` and `video_url` as OpenAI-like hosts spell them: an object with a `url`, or the bare address."""
    kind = block["type"]
    address = block.get(kind)
    if isinstance(address, Mapping):
        return {"type": kind, kind: dict(address)}
    return {"type": kind, kind: {"url": address}}


def _image(block: Mapping[str, Any]) -> Part:
    return _media("image_url", block)


def _video(block: Mapping[str, Any]) -> Part:
    return _media("video_url", block)


def _file(block: Mapping[str, Any]) -> Part:
    """A file by its data, address or id.

    `file` in LangChain's and OpenAI's spelling, OpenAI's `input_file`, Anthropic's `document`, Google's `media`.
    """
    inner = block.get(_INNER.get(block["type"], ""))
    source = block.get("source")
    spots = (block, inner, source, block.get("extras"), block.get("metadata"))
    data = _first(spots, "base64", "data", "file_data", "blob", kinds=(str, bytes))
    if isinstance(source, Mapping) and source.get("type") == "text" and isinstance(data, str):
        data = data.encode("utf-8", "surrogatepass")
    if data is None and isinstance(block.get("text"), str):  # LangChain's v0 file of `source_type` text
        data = block["text"].encode("utf-8", "surrogatepass")
    from kimi_api._content.documents import (
        file_kind,
        file_part,
    )  # 1 ms at import, which programs that send no files need not pay

    kind, file = file_kind(
        name=_first(spots, *_NAMES) or _first([inner], "uri"),
        mime=_first(spots, "mime_type", "mimeType", "media_type"),
        data=data,
        url=_first(spots, "url", "file_url", "file_uri"),
        file_id=_file_id(block),
    )
    return file_part(kind, file)


def _resource(block: Mapping[str, Any]) -> Part:
    """What an MCP server embeds, as it came: a text, or a file."""
    resource = block.get("resource")
    if isinstance(resource, Mapping) and isinstance(resource.get("text"), str):
        return _text(resource)
    return _file(block)


@overload
def _first(spots: Sequence[Any], *names: str) -> str | None: ...


@overload
def _first(spots: Sequence[Any], *names: str, kinds: tuple[type[T], ...]) -> T | None: ...


def _first(spots: Sequence[Any], *names: str, kinds: type | tuple[type, ...] = str) -> object:
    for spot in spots:
        for name in names if isinstance(spot, Mapping) else ():
            if spot.get(name) and isinstance(spot[name], kinds):
                return spot[name]
    return None


def _non_standard(block: Mapping[str, Any]) -> Part:
    value = block.get("value")
    if not isinstance(value, Mapping):
        raise KimiInputError("non_standard block", value, "its value is the wire part itself, a dict", _REMEDY)
    if _type_of(value) in _CONVERTERS or _type_of(value) in _FOREIGN:
        return part_to_wire(value)
    # A part that we do not know was written for the host by hand; but not by a tool.
    return placeholder(value, KimiInputError("content block", value, _RULE, _REMEDY), raw=value)


_CONVERTERS: Mapping[str, Callable[[Mapping[str, Any]], Part]] = {
    "text": _text,
    "text-plain": _plain_text,
    "image_url": _raw_media,
    "video_url": _raw_media,
    "image": _image,
    "video": _video,
    "file": _file,
    "document": _file,
    "input_file": _file,
    "media": _file,
    "resource": _resource,
    "non_standard": _non_standard,
}

_INNER = {"file": "file", "resource": "resource"}
_FOREIGN = frozenset({"audio", "input_audio", "json", "search_result", "resource_link"})
"""Blocks of others' that no host of Kimi has a part for."""

_NAMES = ("filename", "file_name", "name", "title")
_RULE = "a message may hold text, images, videos and documents"
_REMEDY = "turn the block into text, or leave it out"


def _media(kind: str, block: Mapping[str, Any]) -> Part:
    """A image or video given by file id, address or bytes, in LangChain's v1, its v0, or Anthropic's spelling."""
    file_id = _file_id(block)
    if file_id:
        return {"type": kind, kind: {"url": file_id if file_id.startswith("ms://") else f"ms://{file_id}"}}
    source = block.get("source")
    holder: Mapping[str, Any] = source if isinstance(source, Mapping) else block
    mime = _first([holder], "mime_type", "mimeType", "media_type")
    url = holder.get("url")
    if url is None:
        data = _first([holder], "base64", "data")
        if not data:
            plain = any(isinstance(holder.get(name), bytes | bytearray) for name in ("base64", "data"))
            remedy = "pass base64.b64encode(data).decode() as base64" if plain else _UPLOAD
            raise KimiInputError(f"{block['type']} block", block, "it needs base64 data, a url or a file_id", remedy)
        if not mime:
            raise KimiInputError(
                f"{block['type']} block", "base64 without a type", "bytes need their mime_type", "add e.g. image/png"
            )
        return {"type": kind, kind: {"url": f"data:{mime};base64,{data}"}}
    if isinstance(url, str):
        url = NotedAddress.of(url, _first([block, block.get("extras"), block.get("metadata")], *_NAMES), mime)
    return {"type": kind, kind: {"url": url}}


def _file_id(block: Mapping[str, Any]) -> str | None:
    """The id of an uploaded file: `file_id` in v1, `id` beside `source_type: "id"` in v0 and in core's own helper."""
    file_id = _first((block, block.get("file"), block.get("source")), "file_id", kinds=(str, int))
    if not file_id and block.get("source_type") == "id":
        file_id = block.get("id")
    return str(file_id) if file_id else None
