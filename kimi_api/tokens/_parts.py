"""The content of a message as what is counted: texts, and the tokens of images, videos and documents. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping

from kimi_api._content.notes import DOCUMENT, LEFT_OUT
from kimi_api.catalog import PromptTemplate
from kimi_api.messages import text_of
from kimi_api.tokens._images import UNKNOWN_IMAGE, UNKNOWN_VIDEO, image_size, image_tokens

Count = Callable[[str], int]
"""How many tokens a text is; 0 for no text."""

_UNKNOWN_DOCUMENT = 1_024  # one whose text nobody knows yet
_MEDIA = 5  # <|media_begin|>image<|media_content|> ... <|media_end|> and a line break


def parts(content: object, template: PromptTemplate, count: Count) -> Iterator[str | int]:
    """The parts of `content` in their order: a text as it is, anything else as its number of tokens."""
    if isinstance(content, str):
        yield content
        return
    for part in content if isinstance(content, Iterable) else ():
        if not isinstance(part, Mapping):
            yield str(part)
            continue
        kind = part.get("type")
        if kind in ("text", LEFT_OUT):
            yield str(part.get("text") or "")
        elif kind == DOCUMENT:
            yield _UNKNOWN_DOCUMENT
        elif kind == "video_url":
            yield UNKNOWN_VIDEO
        else:
            source = part.get(str(kind))
            url = source.get("url") if isinstance(source, Mapping) else source
            yield _image(str(url or ""), template, count)


def _image(url: str, template: PromptTemplate, count: Count) -> int:
    size = image_size(url)
    if size is None:
        return _MEDIA + UNKNOWN_IMAGE
    width, height = size
    stated = count(f" {width}x{height}") if template.image_size_said else 0
    return _MEDIA + image_tokens(width, height, template) + stated


def search_tokens(content: object, count: Count) -> int:
    """What the built-in search found, which the server puts in the place of the echoed arguments that tell its size."""
    try:
        total = json.loads(content)["usage"]["total_tokens"] if isinstance(content, str) else None
    except (ValueError, KeyError, TypeError):
        total = None
    return total if isinstance(total, int) else count(text_of(content))
