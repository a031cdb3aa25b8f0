"""How many tokens an image takes in the prompt, from its size. Pure.

The open weights cut an image into squares of 28 by 28 pixels, one token each, after shrinking it to the model's limit
(`preprocessor_config.json` beside Kimi-K2.5 and Kimi-K3 on the hub).
"""

from __future__ import annotations

import base64
import math
from io import BytesIO

from kimi_api.catalog import PromptTemplate

UNKNOWN_IMAGE = 1_024
"""Tokens assumed for an image whose size cannot be seen from here: an `ms://` file, an address, a rare format."""
UNKNOWN_VIDEO = 8_192
"""Tokens assumed for any video: length and resolution decide, and neither is known without decoding it."""

_PATCH = 14
_SIDE = 512 * _PATCH
_HEAD = 262_144  # characters of base64 to look at: a JPEG may carry a preview in front of its size


def image_tokens(width: int, height: int, template: PromptTemplate) -> int:
    """Tokens of an image of so many pixels, without the marks around it."""
    patches = max(width // _PATCH, 1) * max(height // _PATCH, 1)
    scale = min(1.0, math.sqrt(template.image_tokens * 4 / patches), _SIDE / width, _SIDE / height)
    across, down = (math.ceil(max(int(side * scale), 1) / (2 * _PATCH)) for side in (width, height))
    return across * down


def image_size(url: str) -> tuple[int, int] | None:
    """Width and height in pixels of a picture in a data URL; None if they are unknown."""
    head, comma, data = url.partition(";base64,")
    if not comma or not head.startswith("data:"):
        return None
    data = data[:_HEAD]
    try:
        raw = base64.b64decode(data[: len(data) // 4 * 4])
    except ValueError:
        return None
    if raw.lstrip()[:1] == b"<":  # SVG, which Kimi does not read; nothing of it is parsed as XML
        return None
    import imagesize  # 10 ms

    width, height = imagesize.get(BytesIO(raw), exif_rotation=False)
    return (width, abs(height)) if width > 0 and height not in (0, -1) else None
