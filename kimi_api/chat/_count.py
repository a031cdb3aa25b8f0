"""Wire messages as they can be counted. Nothing is uploaded for a count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kimi_api._content.addresses import with_addresses
from kimi_api._content.notes import DOCUMENT
from kimi_api._media_rules import part_types, with_parts

if TYPE_CHECKING:
    from kimi_api.files.cache import FileCache
    from kimi_api.wire import TextPart


def countable(
    messages: Sequence[Mapping[str, Any]], base_url: str, cache: FileCache | None, *, notes: bool = False
) -> Sequence[Mapping[str, Any]]:
    """`messages` with the texts of documents that are known, because they were sent before or need no extraction.

    Args:
        messages: see `kimi_api.messages`.
        base_url: the host that would extract them.
        cache: the option `document_cache`.
        notes: put a note in the place of what cannot be sent as it is, so that the messages can be sent to be counted.
    """
    if notes:
        messages = with_addresses(messages, web=False, local=False, refuse="never")
    if DOCUMENT not in part_types(messages):
        return messages
    from kimi_api.media._documents import known_text  # with the file storage behind it

    parts: dict[tuple[int, int], TextPart] = {}
    for position, message in enumerate(messages):
        content = message.get("content")
        for place, part in enumerate(content) if isinstance(content, list) else ():
            if part.get("type") == DOCUMENT:
                text = known_text(base_url, part[DOCUMENT], cache) or (part[DOCUMENT].note() if notes else None)
                if text is not None:
                    parts[position, place] = {"type": "text", "text": text}
    return with_parts(messages, parts)
