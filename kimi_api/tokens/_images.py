"""How many tokens a picture takes in the prompt, from its size. Pure.

The open weights cut a picture into squares of 28 by 28 pixels, one token each, after shrinking it to the model's limit
(`preprocessor_config.json` beside Kimi-K2.5 and Kimi-K3 on the hub).
"""

from __future__ import annotations

import base64
import math
import struct

from kimi_api.catalog import PromptTemplate

UNKNOWN_IMAGE = 1_024
"""Tokens assumed for a picture whose size cannot be seen from here: an `ms://` file, an address, a rare format."""
UNKNOWN_VIDEO = 8_192
"""Tokens assumed for any video: length and resolution decide, and neither is known without decoding it."""

_PATCH = 14
_SIDE = 512 * _PATCH
_HEAD = 262_144  # characters of base64 to look at: a JPEG may carry a preview in front of its size


def image_tokens(width: int, height: int, template: PromptTemplate) -> int:
    """Tokens of a picture of so many pixels, without the marks around it."""
    patches = max(width // _PATCH, 1) * max(height // _PATCH, 1)
    scale = min(1.0, math.sqrt(template.image_tokens * 4 / patches), _SIDE / width, _SIDE / height)
    across, down = (math.ceil(max(int(side * scale), 1) / (2 * _PATCH)) for side in (width, height))
    return across * down


def image_size(url: str) -> tuple[int, int] | None:
    """Width and height in pixels of a PNG, JPEG, GIF, WebP or BMP in a data URL; None if that cannot be told."""
    head, comma, data = url.partition(";base64,")
    if not comma or not head.startswith("data:"):
        return None
    data = data[:_HEAD]
    try:
        return _size(base64.b64decode(data[: len(data) // 4 * 4]))
    except (ValueError, struct.error):
        return None


def _size(raw: bytes) -> tuple[int, int] | None:
    size: tuple[int, int] | None = None
    if raw.startswith(b"\x89PNG"):
        size = struct.unpack(">II", raw[16:24])
    elif raw.startswith(b"GIF8"):
        size = struct.unpack("<HH", raw[6:10])
    elif raw.startswith(b"BM"):
        width, height = struct.unpack("<ii", raw[18:26])
        size = width, abs(height)
    elif raw.startswith(b"\xff\xd8"):
        size = _jpeg(raw)
    elif raw[:4] == b"RIFF" and raw[8:12] == b"WEBP":
        size = _webp(raw)
    return size if size and min(size) > 0 else None


def _jpeg(raw: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(raw) and raw[at] == 0xFF:
        marker = raw[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # the frames; these three are tables
            height, width = struct.unpack(">HH", raw[at + 5 : at + 9])
            return width, height
        at += 2 + struct.unpack(">H", raw[at + 2 : at + 4])[0]
    return None


def _webp(raw: bytes) -> tuple[int, int] | None:
    kind = raw[12:16]
    if kind == b"VP8X":
        return int.from_bytes(raw[24:27], "little") + 1, int.from_bytes(raw[27:30], "little") + 1
    if kind == b"VP8 ":
        width, height = struct.unpack("<HH", raw[26:30])
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L":
        bits = int.from_bytes(raw[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return None
