"""Which images and videos may go out, and how: inside the request or as `ms://<file id>`. Pure.

https://platform.kimi.ai/docs/guide/use-kimi-vision-model
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self
from urllib.parse import unquote_to_bytes

from kimi_api.errors import KimiInputError

if TYPE_CHECKING:
    from kimi_api.wire import WireMessage

Kind = Literal["image", "video"]

IMAGE_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp", "image/bmp", "image/heic", "image/heif")
VIDEO_TYPES = (
    *("video/mp4", "video/mpeg", "video/quicktime", "video/x-msvideo", "video/x-flv", "video/webm", "video/x-ms-wmv"),
    "video/3gpp",
)
INLINE_BYTES = 4 * 1024 * 1024
"""What is larger than this is uploaded once instead of being sent with every turn of a conversation."""
MAX_BODY_BYTES = 100 * 1024 * 1024
"""A request has at most 100 MB: "Request exceeds the maximum size" (413)."""

_TYPES: Mapping[str, tuple[str, ...]] = {"image": IMAGE_TYPES, "video": VIDEO_TYPES}
# The documents' own words for some containers, and what others call them.
_SAME = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-ms-bmp": "image/bmp",
    "video/mpg": "video/mpeg",
    "video/mov": "video/quicktime",
    "video/avi": "video/x-msvideo",
    "video/wmv": "video/x-ms-wmv",
    "video/flv": "video/x-flv",
    "video/x-m4v": "video/mp4",
}
_SUFFIXES = {
    "image/jpeg": ".jpg",
    "video/quicktime": ".mov",
    "video/x-msvideo": ".avi",
    "video/x-flv": ".flv",
    "video/x-ms-wmv": ".wmv",
    "video/3gpp": ".3gp",
}
HEAD = 4096
"""How many bytes tell the type."""
_HEAD_CHARACTERS = HEAD // 3 * 4
_TEXT = 32  # so many first bytes must be text before the content counts as text
_NEAR = MAX_BODY_BYTES // 4


class LocalMedia(str):
    """The address of a file on this machine, as only our own conversion makes it from what the program passed.

    A plain "file://..." text, which a tool or a model may have written, is never read.
    """

    path: str

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> Self:
        """The address of `path`."""
        address = cls(f"file://{os.path.abspath(path)}")
        address.path = os.fspath(path)
        return address


class NotedAddress(str):
    """An address with what its block says of the content, for the note that stands for it where it may not go out."""

    name: str
    mime: str

    @classmethod
    def of(cls, url: str, name: object, mime: object) -> str:
        """`url`, with its notes if there are any."""
        if not name and not mime:
            return url
        address = cls(url)
        address.name, address.mime = str(name or ""), str(mime or "")
        return address


class MediaPolicy(NamedTuple):
    """What to do with the media of one request.

    Attributes:
        inline_bytes: the largest that stays inside.
        fetch: whether http(s) addresses are fetched.
        platform: whether the host has the platform's rules and its file storage.
        documents: whether there are documents, to be sent through file extraction.
        cache: keeps their texts (a `kimi_api.files.FileCache`); None is the process's own.
        refuse: where content that cannot go out is an error; see `kimi_api._content.notes`.
    """

    inline_bytes: int = INLINE_BYTES
    fetch: bool = False
    platform: bool = True
    documents: bool = False
    cache: Any = None
    refuse: Literal["last", "always", "never"] = "last"


class MediaPart(NamedTuple):
    """Where a part stands in `messages`, what it is and its address."""

    message: int
    part: int
    kind: Kind
    url: str


def part_types(messages: Sequence[Mapping[str, Any]]) -> set[Any]:
    """The types of all parts in `messages`."""
    types: set[Any] = set()
    for message in messages:
        content = message.get("content")
        if isinstance(content, list):
            types.update([part.get("type") for part in content])
    return types


def media_parts(messages: Sequence[Mapping[str, Any]]) -> Iterator[MediaPart]:
    """Every image and video of `messages`, in order."""
    for position, message in enumerate(messages):
        content = message.get("content")
        if not isinstance(content, list):
            continue
        for place, part in enumerate(content):
            name = part.get("type")
            if name in ("image_url", "video_url"):
                address = part.get(name)
                url = address.get("url") if isinstance(address, Mapping) else address
                if isinstance(url, str):
                    yield MediaPart(position, place, "image" if name == "image_url" else "video", url)


def with_parts(
    messages: Sequence[Mapping[str, Any]], parts: Mapping[tuple[int, int], Mapping[str, Any]]
) -> list[WireMessage]:
    """`messages` with other parts at (message, part); the rest is shared, not copied."""
    copies: list[Any] = [dict(message) for message in messages]
    for position in {position for position, _ in parts}:
        copies[position]["content"] = list(copies[position]["content"])
    for (position, place), part in parts.items():
        copies[position]["content"][place] = part
    return copies


def with_urls(messages: Sequence[Mapping[str, Any]], urls: Mapping[tuple[int, int], str]) -> list[WireMessage]:
    """`messages` with other addresses in the parts at (message, part); the rest is shared, not copied."""
    messages_copy: list[Any] = [dict(message) for message in messages]
    copied: set[int] = set()
    for (position, place), url in urls.items():
        message = messages_copy[position]
        if position not in copied:
            message["content"] = list(message["content"])
            copied.add(position)
        part = message["content"][place]
        name = part["type"]
        address = part[name]
        message["content"][place] = {**part, name: {**address, "url": url} if isinstance(address, Mapping) else url}
    return messages_copy


def to_upload(sizes: Sequence[int], inline_bytes: int, rest: int = 0, limit: int = MAX_BODY_BYTES) -> set[int]:
    """Which media to upload: those larger than `inline_bytes`, then the largest first until the body fits.

    Args:
        sizes: bytes of each; what stays inside takes a third more, as base64.
        inline_bytes: see `MediaPolicy`.
        rest: bytes of the body without them.
        limit: what a body may have.
    """
    chosen = {place for place, size in enumerate(sizes) if size > inline_bytes}
    total = rest + sum(encoded_size(size) for place, size in enumerate(sizes) if place not in chosen)
    for place in sorted(range(len(sizes)), key=lambda place: -sizes[place]):
        if total <= limit:
            break
        if place not in chosen:
            chosen.add(place)
            total -= encoded_size(sizes[place])
    return chosen


def encoded_size(size: int) -> int:
    """Characters that so many bytes take as base64 in a data URL."""
    return (size + 2) // 3 * 4 + 40


def near_limit(sizes: Sequence[int]) -> bool:
    """Whether the media are so many that the rest of the body is worth measuring."""
    return sum(map(encoded_size, sizes)) > _NEAR


def split_data_url(url: str) -> tuple[str, str, bool] | None:
    """The declared type, the data as text, and whether that is base64; None for any other address."""
    if url[:5].lower() != "data:":
        return None
    header, comma, data = url[5:].partition(",")
    if not comma:
        return None
    words = header.split(";")
    return words[0].strip().lower(), data, any(word.strip().lower() == "base64" for word in words[1:])


def decoded_size(data: str, is_base64: bool) -> int:
    """Bytes in the data of a data URL."""
    return len(data) * 3 // 4 - data[-2:].count("=") if is_base64 else len(data)


def decode(data: str, is_base64: bool, what: str) -> bytes:
    """The bytes in the data of a data URL. Raises `KimiInputError`: it is not base64."""
    if not is_base64:
        return unquote_to_bytes(data)
    try:
        return base64.b64decode(data + "=" * (-len(data) % 4))
    except (binascii.Error, ValueError) as error:
        raise KimiInputError(
            what, data[:40], f"its data must be base64 ({error})", "encode the bytes again with base64.b64encode"
        ) from None


def head_of(data: str, is_base64: bool) -> bytes:
    """The first bytes in the data of a data URL, as far as they can be read."""
    if not is_base64:
        return unquote_to_bytes(data[: HEAD * 3])[:HEAD]
    start = data[:_HEAD_CHARACTERS]
    try:
        return base64.b64decode(start + "=" * (-len(start) % 4))
    except (binascii.Error, ValueError):
        return b""


def data_url(mime: str, data: bytes) -> str:
    """The data URL of some bytes."""
    return f"data:{mime};base64,{base64.b64encode(data).decode('ascii')}"


_DOCUMENTS = frozenset({"application/pdf", "application/zip"})
"""Types that content of documents looks like; those of Office are zipped."""


def media_type(head: bytes, declared: str | None, kind: Kind | None, what: str) -> str:
    """The MIME type to send media under. The content decides; the declared type counts only where it does not.

    Args:
        head: the first bytes, `HEAD` or all.
        declared: the type by header, block or file name, if any.
        kind: what it must be; None takes either.
        what: how an error calls it.

    Raises:
        KimiInputError: SVG, a type that the platform does not take, or none that can be told. Lists the allowed ones.
    """
    declared = (declared or "").partition(";")[0].strip().lower()
    allowed = _TYPES[kind] if kind else IMAGE_TYPES + VIDEO_TYPES
    list_of = f"allowed are {', '.join(allowed)}"
    if declared == "image/svg+xml" or _is_svg(head):
        # "unsupported image format: text/plain; charset=utf-8"
        raise KimiInputError(
            what, "an SVG", f"Kimi does not read SVG; {list_of}", "convert it to PNG, or pass its text"
        )
    actual = sniff(head[:HEAD])
    if actual is None and is_text(head):
        actual = "text/plain"
    if actual is None:
        if _SAME.get(declared, declared) in allowed:
            return declared
        raise KimiInputError(
            what,
            declared or f"bytes that begin with {head[:8]!r}",
            f"its format cannot be read from its content; {list_of}",
            "send it as a document (a file block, a DocumentBlock)"
            if declared == "application/pdf"
            else "convert it to PNG, JPEG or MP4, or declare its type (mime_type)",
        )
    if actual in allowed:
        return declared if _SAME.get(declared, declared) == actual else actual
    other = "video" if actual in VIDEO_TYPES else "image" if actual in IMAGE_TYPES else ""
    claimed = f", though it is declared as {declared}" if declared and declared != actual else ""
    raise KimiInputError(
        what,
        actual,
        f"its content is {actual}{claimed}; {list_of}",
        f"pass it as {other}"
        if other
        else "pass it as a document: a `file` block in LangChain, a DocumentBlock in LlamaIndex"
        if actual in _DOCUMENTS
        else "convert it to PNG, JPEG or MP4",
    )


def suffix_of(mime: str) -> str:
    """The extension for a type: the platform goes by names."""
    known = _SAME.get(mime, mime)
    return _SUFFIXES.get(known) or "." + known.partition("/")[2]


@lru_cache(maxsize=128)
def sniff(head: bytes) -> str | None:
    """The MIME type by the first bytes, remembered because every request checks all images of a thread again."""
    import filetype  # type: ignore[import-untyped]

    guess = filetype.guess(head) if head else None
    return None if guess is None else _SAME.get(str(guess.mime), str(guess.mime))


def _is_svg(head: bytes) -> bool:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return text.startswith((b"<svg", b"<?xml", b"<!doctype svg", b"<!--")) and b"<svg" in text


def is_text(head: bytes) -> bool:
    """Whether bytes, or the first of them, are surely text."""
    if len(head) < _TEXT:
        return False
    try:
        text = head[: len(head) - 3].decode("utf-8") if len(head) >= HEAD else head.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return all(character.isprintable() or character in "\r\n\t\f" for character in text)
