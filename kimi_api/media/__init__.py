"""Images and videos: the thin edge between what a program passes and what the platform takes.

`place_media` goes over a request right before it is sent: what the content says decides about the type, what is large
is uploaded once for each content and account and referred to as `ms://<file id>`, and a body stays below 100 MB.
Uploaded copies are kept, because the next turns and stored conversations come to the same reference again.
https://platform.kimi.ai/docs/guide/use-kimi-vision-model
"""

from __future__ import annotations

from kimi_api._media_rules import IMAGE_TYPES, INLINE_BYTES, MAX_BODY_BYTES, VIDEO_TYPES
from kimi_api.media._place import aplace_media, place_media
from kimi_api.media._single import MediaInfo, aupload_media, inspect_media, media_part, upload_media

__all__ = [
    "IMAGE_TYPES",
    "INLINE_BYTES",
    "MAX_BODY_BYTES",
    "VIDEO_TYPES",
    "MediaInfo",
    "aplace_media",
    "aupload_media",
    "inspect_media",
    "media_part",
    "place_media",
    "upload_media",
]
