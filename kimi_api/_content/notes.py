"""What stands for content that the platform has no part for, and where it is an error. Pure, except for warnings.

A thread must not die of a block: a tool gave it, or a user long ago, and the next request holds it again. So in the
result of a tool, and in any message but the last, a short text stands for it, the same bytes in every turn. In the last
message it is an error: the caller can correct it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from kimi_api._content.unsendable import WRITABLE_BITS
from kimi_api._media_rules import split_data_url
from kimi_api._warn import warn_once
from kimi_api.errors import KimiError, KimiInputError

if TYPE_CHECKING:
    from kimi_api.wire import WireMessage

Part = dict[str, Any]

Refuse = Literal["last", "always", "never"]
"""Where content that cannot go out is an error: in the last message, everywhere, or nowhere (for counting)."""

DOCUMENT = "document"
"""The type of a part that holds a `Document`. It never goes out."""

LEFT_OUT = "left_out"
"""The type of a part that `settle` makes a text or an error of. It never goes out."""

_NAMES = ("name", "title", "filename", "file_name", "display_name")
_ADDRESSES = ("uri", "url", "file_uri")
_TYPES = ("mime_type", "mimeType", "media_type", "format")
_INNER = ("resource", "file", "source", "input_audio", "extras", "metadata")
_BINARY = frozenset(
    {
        *("audio", "input_audio", "image", "image_url", "video", "video_url", "media"),
        *("file", "document", "resource", "resource_link"),
    }
)
_DATA = frozenset({"data", "base64", "blob", "bytes", "file_data", "image", "audio", "video"})
_LONGEST_NAME, _LONGEST_ADDRESS, _LONGEST_DATA, _DEPTH = 200, 2_000, 1_000, 20


def refusal_of(unsupported: str) -> Refuse:
    """`Refuse` for the option `unsupported`."""
    return "always" if unsupported == "error" else "last"


def placeholder(block: object, error: KimiInputError, *, raw: Mapping[str, Any] | None = None) -> Part:
    """The part that stands for `block` until `settle` decides.

    Args:
        block: as the framework has it; anything.
        error: what is wrong with it, and what to do.
        raw: a part that somebody wrote for the platform by hand; it goes out as it is, but not in tool results.
    """
    return {"type": LEFT_OUT, "text": describe(block), "kind": kind_of(block), "error": error, "raw": raw}


def settle(messages: list[WireMessage], refuse: Refuse = "last") -> list[WireMessage]:
    """`messages` with a text in the place of each `placeholder`. They are changed in place, and returned.

    Raises:
        KimiInputError: such a part where it is an error.
    """
    for position, message in enumerate(messages):
        content: Any = message.get("content")
        if isinstance(content, list) and any(part.get("type") == LEFT_OUT for part in content):
            message["content"] = compact(
                [
                    _settle_part(messages, position, part, refuse) if part.get("type") == LEFT_OUT else part
                    for part in content
                ],
                message.get("role"),
            )
    return messages


def _settle_part(messages: Sequence[Mapping[str, Any]], position: int, part: Part, refuse: Refuse) -> Part:
    if part["raw"] is not None and messages[position].get("role") != "tool":
        return dict(part["raw"])
    return stand_in(messages, position, part["kind"], part["text"], part["error"], refuse)


def stand_in(
    messages: Sequence[Mapping[str, Any]], position: int, kind: str, text: str, error: KimiError, refuse: Refuse
) -> Part:
    """The text part for content of `messages[position]` that cannot go out. One warning for each kind.

    Raises:
        KimiError: `error`, where it is one.
    """
    if refuse == "always" or (refuse == "last" and is_for_the_user(messages, position)):
        raise error
    if refuse != "never":
        why = f", because {error.rule}" if isinstance(error, KimiInputError) else f" ({error})"
        remedy = f" To change that: {error.remedy}." if isinstance(error, KimiInputError) else ""
        role = messages[position].get("role")
        where = "the result of a tool" if role == "tool" else f"an earlier {role} message"
        warn_once(("content", kind), f"{kind} content of {where} goes out as a short text{why}.{remedy}")
    return {"type": "text", "text": text}


def is_for_the_user(messages: Sequence[Mapping[str, Any]], position: int) -> bool:
    """Whether a message is the last one, and no tool's.

    Tools that a message brings, and an answer to continue, may follow it.
    """
    if messages[position].get("role") == "tool":
        return False
    return all(message.get("tools") or message.get("partial") for message in messages[position + 1 :])


def compact(parts: list[Part], role: object) -> str | list[Part]:
    """The `content` of a message: one text alone is a string, and so is all that an assistant's turn says."""
    if role == "assistant" and all(part.get("type") == "text" for part in parts):
        return "\n".join(part["text"] for part in parts if part["text"])
    if len(parts) == 1 and parts[0].keys() == {"type", "text"}:
        return parts[0]["text"]
    return parts


# ------------------------------------------------------------------------------------------------- the text


def kind_of(block: object) -> str:
    """What an error or a warning calls a block: its type."""
    if not isinstance(block, Mapping):
        return type(block).__name__
    block = _inside(block)
    return clean(str(block.get("type") or ""), _LONGEST_NAME) or "untyped"


def describe(block: object, depth: int = 0) -> str:
    """A short text for a block: kind, name, address, MIME type, and the text of what is text. Never empty.

    The same block gives the same text in every process.
    """
    if isinstance(block, str):
        return block
    if not isinstance(block, Mapping):
        return note(type(block).__name__)
    block = _inside(block)
    kind = kind_of(block)
    text = _text_in(block, kind, depth) if depth < _DEPTH else ""
    address, mime = _first(block, _ADDRESSES), _first(block, _TYPES)
    source = block.get("source")
    if not address and isinstance(source, str):
        address = source
    data = split_data_url(address) if address else None
    if data is not None:
        address, mime = "", mime or data[0]
    return note(kind, _first(block, _NAMES), address or _file_id(block), mime, text=text)


def _inside(block: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a LangChain block of type `non_standard` holds; another block as it is."""
    for _ in range(_DEPTH):
        value = block.get("value")
        if block.get("type") != "non_standard" or not isinstance(value, Mapping):
            break
        block = value
    return block


def note(
    kind: str, name: str | None = None, address: str | None = None, mime: str | None = None, text: str = ""
) -> str:
    """`[file: report.pdf, https://example.com/r, application/pdf; its content is not included]`, or a heading."""
    parts = [
        clean(value, longest)
        for value, longest in ((name, _LONGEST_NAME), (address, _LONGEST_ADDRESS), (mime, _LONGEST_NAME))
        if value
    ]
    facts = f": {', '.join(parts)}" if parts else ""
    return f"[{kind}{facts}]\n{text}" if text else f"[{kind}{facts}; its content is not included]"


def _first(block: Mapping[str, Any], names: Sequence[str]) -> str:
    """The first of `names` that is a text, in the block or in what stands inside it."""
    for spot in _spots(block):
        for name in names:
            value = spot.get(name)
            if isinstance(value, str) and value.strip():
                return value
    return ""


def _spots(block: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield block
    for name in (str(block.get("type")), *_INNER):
        inner = block.get(name)
        if isinstance(inner, Mapping):
            yield inner


def _file_id(block: Mapping[str, Any]) -> str:
    file_id = _first(block, ("file_id",)) or (_first(block, ("id",)) if block.get("source_type") == "id" else "")
    return f"file id {file_id}" if file_id else ""


def _text_in(block: Mapping[str, Any], kind: str, depth: int) -> str:
    """What a block says, if that is text."""
    text = _first(block, ("text",))
    if text:
        return text
    source = block.get("source")
    if isinstance(source, Mapping) and source.get("type") == "text" and isinstance(source.get("data"), str):
        return source["data"]
    for holder in (block, source):
        content = holder.get("content") if isinstance(holder, Mapping) else None
        if isinstance(content, str):
            return content
        if isinstance(content, Sequence) and content:
            return "\n".join(_inner_text(item, depth + 1) for item in content)
    if kind in _BINARY:
        return ""
    if "json" in block:
        return _as_json(block["json"])
    rest = {name: value for name, value in block.items() if name not in ("type", "id", "index")}
    return _as_json(next(iter(rest.values())) if kind == "json" and len(rest) == 1 else rest) if rest else ""


def _inner_text(item: object, depth: int) -> str:
    if isinstance(item, Mapping) and item.get("type") in ("text", "text-plain") and isinstance(item.get("text"), str):
        return item["text"]
    return describe(item, depth)


def _as_json(value: object) -> str:
    return json.dumps(_plain(value), ensure_ascii=False)


def _plain(value: object, name: str = "", depth: int = 0) -> object:
    """`value` as JSON can hold it, without bytes and what is encoded: a model cannot read them."""
    if isinstance(value, str):
        encoded = len(value) > _LONGEST_DATA and (name in _DATA or " " not in value)
        return f"({len(value)} characters)" if encoded else value
    if isinstance(value, int) and value.bit_length() > WRITABLE_BITS:
        return f"({value.bit_length()} bits)"
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, (bytes, bytearray)):
        return f"({len(value)} bytes)"
    if depth < _DEPTH:
        if isinstance(value, Mapping):
            return {str(key): _plain(inner, str(key), depth + 1) for key, inner in value.items()}
        if isinstance(value, Sequence):
            return [_plain(inner, name, depth + 1) for inner in value]
    return type(value).__name__


def clean(text: str, longest: int) -> str:
    """One line of printable characters, not too long."""
    line = "".join(character if character.isprintable() else " " for character in text[: 2 * longest])
    line = " ".join(line.split())
    return line if len(line) <= longest else f"{line[:longest]}..."
