"""Rules on images and videos in messages."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

from kimi_emulator.platform.checks import ChatCheck
from kimi_emulator.rules.registry import rule

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
)
IMAGE_TYPES = ("jpeg", "jpg", "png", "gif", "webp", "bmp", "heic", "heif")
VIDEO_TYPES = ("mp4", "mpeg", "mov", "quicktime", "avi", "x-msvideo", "x-flv", "mpg", "webm", "wmv", "x-ms-wmv", "3gpp")


def _media(check: ChatCheck) -> Iterator[tuple[str, str]]:
    """Each image or video part: its kind and address. The address may stand bare or in an object."""
    for message in check.messages:
        content = message.get("content")
        for part in content if isinstance(content, list) else ():
            kind = part.get("type")
            if kind in ("image_url", "video_url"):
                value = part.get(kind)
                url = value.get("url") if isinstance(value, dict) else value
                yield kind.removesuffix("_url"), url if isinstance(url, str) else ""


@rule("media.url", source="vision page: data URLs and ms:// only; users report `unsupported image url`")
def url(check: ChatCheck) -> str | None:
    """Media come as ``data:`` or ``ms://``; the platform fetches nothing from the web."""
    for kind, address in _media(check):
        if not address.startswith(("data:", "ms://")):
            return f"Invalid request: unsupported {kind} url: {address[:200]}"
    return None


@rule("media.model", source="models page: which models see; wording ours", section="2.3")
def model_sees(check: ChatCheck) -> str | None:
    """The model takes images, or videos: text models take neither."""
    sees = {"image": check.model.images, "video": check.model.videos}
    for kind, _ in _media(check):
        if not sees[kind]:
            return f"Invalid request: {kind} input is not supported by model {check.model.id}"
    return None


def _sniff(header: str, data: str) -> str:
    """The type the server would see: by content first, as a Go program does, then by name."""
    declared = header.removeprefix("data:").partition(";")[0].lower()
    try:
        start = base64.b64decode(data[:64] + "=" * (-len(data[:64]) % 4)) if ";base64" in header else data.encode()
    except (binascii.Error, ValueError):
        start = b""
    for signature, kind in _SIGNATURES:
        if start.startswith(signature):
            return kind
    text = start.lstrip().lower()
    if "svg" in declared or text.startswith((b"<svg", b"<?xml")):
        return "text/plain; charset=utf-8"
    return declared or "application/octet-stream"


@rule("media.format", source="recorded 400 for an SVG data URL; formats from the vision page")
def media_format(check: ChatCheck) -> str | None:
    """Images are jpeg, png, gif, webp, bmp, heic or heif (not SVG); videos one of nine containers."""
    for kind, address in _media(check):
        if not address.startswith("data:"):
            continue
        header, _, data = address.partition(",")
        sniffed = _sniff(header, data)
        allowed = IMAGE_TYPES if kind == "image" else VIDEO_TYPES
        if sniffed.partition("/")[2] not in allowed:
            return f"Invalid request: unsupported {kind} format: {sniffed}"
    return None


@rule("media.file_missing", source="vision page: ms:// names an uploaded file; wording ours")
def file_missing(check: ChatCheck) -> str | None:
    """An ``ms://`` address names an uploaded file of purpose image or video."""
    for kind, address in _media(check):
        if not address.startswith("ms://"):
            continue
        file_id = address.removeprefix("ms://")
        file = check.state.files.get(file_id)
        if file is None:
            return f"Invalid request: file {file_id} not found"
        if file.purpose != kind:
            return f"Invalid request: file {file_id} was not uploaded with purpose {kind}"
    return None
