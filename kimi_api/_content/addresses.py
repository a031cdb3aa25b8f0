"""Which addresses images and videos may have. Pure, except for warnings.

The platform fetches nothing: it takes a data URL, or `ms://<file id>` of an uploaded file. Web addresses go out where
somebody fetches them, the host or we ourselves, and no other address ever does: "file:///etc/passwd" in a tool's
result is not to be read by whoever serves the model. https://platform.kimi.ai/docs/guide/use-kimi-vision-model
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kimi_api._content.notes import Part, Refuse, describe, stand_in
from kimi_api._media_rules import (
    LocalMedia,
    MediaPart,
    NotedAddress,
    decode,
    decoded_size,
    is_text,
    split_data_url,
    with_parts,
    with_urls,
)
from kimi_api.errors import KimiError, KimiInputError

if TYPE_CHECKING:
    from kimi_api.wire import WireMessage

_LONGEST_NOTE = 16_384


def with_addresses(
    messages: Sequence[Mapping[str, Any]], *, web: bool, local: bool = True, refuse: Refuse = "last"
) -> Sequence[WireMessage]:
    """`messages` with the schemes of addresses in lower case, and a note for media whose address may not go out.

    Args:
        messages: wire messages; not changed.
        web: whether somebody fetches http and https addresses.
        local: whether files of this machine are read before the request goes out.
        refuse: where such an address is an error (`kimi_api._content.notes.stand_in`).

    Raises:
        KimiInputError: such an address where it is one.
    """
    urls: dict[tuple[int, int], str] = {}
    notes: dict[tuple[int, int], Part] = {}
    for position, message in enumerate(messages):
        content = message.get("content")
        for place, part in enumerate(content) if isinstance(content, list) else ():
            name = part.get("type")
            if name not in ("image_url", "video_url"):
                continue
            media = part.get(name)
            url = media.get("url") if isinstance(media, Mapping) else media
            try:
                allowed = _check_address(url, f"{name} in messages[{position}]", web, local)
            except KimiInputError as error:
                kind = "image" if name == "image_url" else "video"
                notes[position, place] = note_of_media(
                    messages, MediaPart(position, place, kind, url if isinstance(url, str) else ""), error, refuse
                )
                continue
            if allowed is not url:
                urls[position, place] = allowed
    checked: Any = with_urls(messages, urls) if urls else messages
    return with_parts(checked, notes) if notes else checked


def note_of_media(messages: Sequence[Mapping[str, Any]], part: MediaPart, error: KimiError, refuse: Refuse) -> Part:
    """The text in place of an image or video that nobody can correct, because a tool gave it or it was sent long ago.

    Raises:
        KimiError: `error`, where it is one.
    """
    url = part.url
    facts = {"name": url.name, "mime_type": url.mime} if isinstance(url, NotedAddress) else {}
    text = describe({"type": part.kind, "url": url, "text": _text_of_data_url(url), **facts})
    return stand_in(messages, part.message, part.kind, text, error, refuse)


def _check_address(url: object, what: str, web: bool, local: bool) -> str:
    """The address as it may go out. Raises `KimiInputError`."""
    if local and isinstance(url, LocalMedia):
        return url
    if isinstance(url, str):
        scheme = url.partition(":")[0]
        known = scheme.lower()
        if known in ("data", "ms") or (web and known in ("http", "https")):
            return url if known == scheme else known + url[len(scheme) :]
    is_file = isinstance(url, str) and url and (url.startswith("file:") or ":" not in url[2:])
    data = "read the file (base64=... in LangChain, path=... in LlamaIndex)" if is_file else "pass the bytes or a path"
    raise KimiInputError(
        what,
        url[:200] if isinstance(url, str) else url,
        "an address is http(s), data: or ms://<file id>"
        if web
        else "the platform accepts only data URLs and ms://<file id>, and downloads nothing from addresses",
        f"{data}, upload them (kimi_api.media.upload_media gives ms://<file id>)"
        + ("" if web else ", or set fetch_media=True for public http(s) addresses"),
    )


def _text_of_data_url(url: str) -> str:
    """What a data URL says, if it is text and not long: an SVG."""
    data = split_data_url(url)
    if data is None or decoded_size(*data[1:]) > _LONGEST_NOTE:
        return ""
    try:
        content = decode(*data[1:], "a data URL")
        return content.decode("utf-8") if is_text(content) else ""
    except (KimiInputError, UnicodeDecodeError):
        return ""
