"""LlamaIndex messages -> wire messages. Pure; the caller's messages are only read.

What the other OpenAI-compatible classes drop on this way is kept here: thinking goes back with the turn it came with
(without it the second request of a tool loop is refused: "thinking is enabled but reasoning_content is missing in
assistant tool call message at index N"), argument texts byte for byte, images in tool results, `partial` and `name`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from llama_index.core.base.llms.types import (
    AudioBlock,
    CachePoint,
    ChatMessage,
    CitableBlock,
    CitationBlock,
    DocumentBlock,
    ImageBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    VideoBlock,
)
from llama_index.core.llms.llm import ToolSelection

from kimi_api._arguments.text import wire_text
from kimi_api._content.notes import Refuse, placeholder, settle
from kimi_api.errors import KimiInputError
from kimi_api.messages import WireMessage, reasoning_fields, tool_type
from llama_index_kimi._media import ContentPart, document_block_part, facts, media_part

logger = logging.getLogger(__name__)

FIELD_KEY = "reasoning_field"
"""Where a `ThinkingBlock` notes that its text came under another name than `reasoning_content`."""

KEPT = "kimi"
"""The key of `additional_kwargs` that holds the model's own text of arguments that the tool got corrected:
{"tool_calls": {id: {"arguments": text}}}."""

UNREADABLE_MARK = " (unreadable arguments)"
"""What follows the tool's name in a selection whose arguments cannot be read."""

NOT_KEPT = "The tool was run, but its result was not kept: the result of another tool was given as the answer."
"""What stands for the results that core drops beside a `return_direct` tool's."""

_ROLES: Mapping[MessageRole, str] = {
    MessageRole.SYSTEM: "system",
    MessageRole.DEVELOPER: "system",  # the platform has no developer role
    MessageRole.USER: "user",
    MessageRole.ASSISTANT: "assistant",
    MessageRole.CHATBOT: "assistant",
    MessageRole.MODEL: "assistant",
    MessageRole.TOOL: "tool",
    MessageRole.FUNCTION: "tool",
}
_NOTHING: Mapping[str, Any] = {}
# A class that is looked up is known at once; `isinstance` asks pydantic's metaclass for each that it is not.
_KINDS: Mapping[type, type] = {kind: kind for kind in (TextBlock, ThinkingBlock, ToolCallBlock)}


def to_wire(
    messages: Iterable[ChatMessage],
    *,
    reasoning_field: str = "reasoning_content",
    refuse: Refuse = "last",
) -> list[WireMessage]:
    """`messages` in the platform's form.

    Two habits of core's agents are corrected, since the platform would refuse them:

    * `CodeActAgent` keeps only the text of a turn in which it called `handoff`, and the result as well. A result behind
      a turn that called nothing goes out as the user's, which is what it does itself with the results of its code.
    * `FunctionAgent` drops the results of the other calls of a turn in which a `return_direct` tool was called. The
      answer that it puts in their place has a `tool_call_id`; in front of it these calls are answered with a note.

    Args:
        messages: read, never changed.
        reasoning_field: the name that thinking goes back under when its block notes no other.
        refuse: where a block that no Kimi model takes is an error, not a text.

    Raises:
        KimiInputError: a block that no Kimi model takes; says what to do instead.
    """
    wire: list[WireMessage] = []
    has_parts = False
    before: WireMessage = {}
    unanswered: dict[str, None] = {}  # ids of the last assistant turn's calls
    called: set[str] = set()  # ids of all turns' calls
    now: Any
    for message in messages:
        role = _ROLES[message.role]
        if role == "assistant":
            now = _assistant(message, reasoning_field)
            if message.additional_kwargs.get("tool_call_id"):
                wire.extend({"role": "tool", "tool_call_id": left, "content": NOT_KEPT} for left in unanswered)
            unanswered = {}
            for call in now.get("tool_calls", ()):
                if call_id := call["id"]:
                    unanswered[call_id] = None
                    called.add(call_id)
        else:
            now = _other(message, role)
            if role == "tool":
                answered = now["tool_call_id"]
                unanswered.pop(answered, None)
                calls_nothing = not before.get("tool_calls") and not before.get("function_call")
                if calls_nothing and before.get("role") == "assistant" and answered not in called:
                    now = {"role": "user", "content": now["content"]}
        if now.get("content").__class__ is list:
            has_parts = True
        wire.append(now)
        before = now
    return settle(wire, refuse) if has_parts else wire


def wire_message(message: ChatMessage, reasoning_field: str = "reasoning_content") -> WireMessage:
    """One message in the platform's form.

    Of `additional_kwargs` these are understood: `name`; for a tool result `tool_call_id`; for an assistant turn
    `partial`, and `reasoning_content` and `tool_calls` where no block carries them; for a system message `tools`
    (see `kimi_api.dynamic_tools_message`). A block that no Kimi model accepts becomes a placeholder.
    """
    role = _ROLES[message.role]
    return _assistant(message, reasoning_field) if role == "assistant" else _other(message, role)


def _other(message: ChatMessage, role: str) -> WireMessage:
    """A message of another role than the assistant's."""
    extra = message.additional_kwargs
    blocks: Any = message.blocks
    if len(blocks) == 1 and blocks[0].__class__ is TextBlock:  # what most messages are
        content = blocks[0].text
    else:
        content = _content(list(_parts(blocks, role)))
    wire: Any = {"role": role, "content": content}
    if role == "tool":
        wire["tool_call_id"] = extra.get("tool_call_id")
    elif role == "system" and extra.get("tools"):
        wire["tools"] = list(extra["tools"])
        if not content:
            del wire["content"]
    if extra.get("name"):
        wire["name"] = extra["name"]
    return wire


def is_foreign(block: ThinkingBlock) -> bool:
    """Whether `block` is another vendor's thinking: signed, sealed, or noted as OpenAI's own reasoning item."""
    noted = block.additional_information
    if not noted:
        return False
    if noted.get("type") == "reasoning":
        return True
    return any(mark in key.lower() for key in noted for mark in ("signature", "encrypted", "redacted"))


def _kind_of(block: object) -> type | None:
    """The class of `_KINDS` that a block of a subclass belongs to; None where it belongs to no call."""
    return next((kind for kind in _KINDS.values() if isinstance(block, kind)), None)


def _assistant(message: ChatMessage, reasoning_field: str) -> WireMessage:
    parts: list[str | ContentPart] = []
    thinking: str | None = None
    came_as: str | None = None
    calls: list[dict[str, Any]] = []
    extra = message.additional_kwargs
    originals = (extra.get(KEPT) or _NOTHING).get("tool_calls") or _NOTHING
    block: Any
    for block in message.blocks:
        kind = _KINDS.get(block.__class__) or _kind_of(block)
        if kind is TextBlock:
            parts.append(block.text)
        elif kind is ThinkingBlock:
            noted = block.additional_information
            if block.content is not None and not (noted and is_foreign(block)):
                thinking = block.content if thinking is None else thinking + block.content
                came_as = noted.get(FIELD_KEY)
        elif kind is ToolCallBlock:
            calls.append(_wire_call(block.tool_call_id, block.tool_name, block.tool_kwargs, originals))
        else:
            parts += _parts([block], "assistant")
    if thinking is None:
        for name in ("reasoning_content", "reasoning"):
            if isinstance(extra.get(name), str):
                thinking, came_as = extra[name], name
                break
    if not calls and extra.get("tool_calls"):
        calls = [_stored_call(call, originals) for call in extra["tool_calls"]]
    wire: Any = {"role": "assistant", "content": _content(parts) if parts else ""}
    if thinking is not None:
        for name in reasoning_fields(reasoning_field, came_as):
            wire[name] = thinking
    if calls:
        wire["tool_calls"] = calls
    elif extra.get("function_call"):  # OpenAI's older API; `kimi_api.messages` makes a tool call of it
        wire["function_call"] = extra["function_call"]
    if extra.get("partial"):
        wire["partial"] = True
    if extra.get("name"):
        wire["name"] = extra["name"]
    return wire


def _parts(blocks: Sequence[Any], role: str) -> Iterator[str | ContentPart]:
    """Content parts of `blocks`, those of nested blocks included; a text is a string."""
    for block in blocks:
        if isinstance(block, TextBlock):
            yield block.text
        elif isinstance(block, CachePoint):
            logger.debug("a CachePoint is left out: Kimi caches prefixes by itself (see prompt_cache_key, cache_ttl)")
        elif isinstance(block, ThinkingBlock):
            logger.debug("a ThinkingBlock in a %s message is left out: only assistant turns think", role)
        elif isinstance(block, CitableBlock):
            yield from _parts(block.content, role)
        elif isinstance(block, CitationBlock):
            yield from _parts([block.cited_content], role)
        else:
            try:
                part = _media_part(block, role)
            except KimiInputError as error:
                part = placeholder(facts(block), error)
            yield part


def _media_part(block: object, role: str) -> ContentPart:
    if isinstance(block, (ImageBlock, VideoBlock)):
        return media_part(block, role)
    if isinstance(block, DocumentBlock):
        return document_block_part(block, role)
    kind = type(block).__name__
    if isinstance(block, AudioBlock):
        from kimi_api._content.documents import NO_SOUND

        raise KimiInputError("blocks", kind, *NO_SOUND)
    if isinstance(block, ToolCallBlock):
        raise KimiInputError(
            "blocks", f"{kind} {block.tool_name}", f"a {role} message makes no tool calls", "use the assistant role"
        )
    raise KimiInputError(
        "blocks", kind, "a chat takes text, images, videos and documents", "pass its text as a TextBlock"
    )


def _content(parts: Sequence[str | ContentPart]) -> str | list[ContentPart]:
    """Text alone as a string, several texts joined as `ChatMessage.content` joins them; otherwise the parts."""
    if len(parts) == 1 and isinstance(parts[0], str):
        return parts[0]
    texts = [part for part in parts if isinstance(part, str)]
    if len(texts) == len(parts):
        return "\n".join(texts)
    return [{"type": "text", "text": part} if isinstance(part, str) else part for part in parts if part]


def _wire_call(
    call_id: str | None, name: str, arguments: Mapping[str, Any] | str, originals: Mapping[Any, Any]
) -> dict[str, Any]:
    known = originals.get(call_id)
    return {
        "id": call_id or "",  # `kimi_api.messages` makes one
        "type": tool_type(name),
        "function": {"name": name, "arguments": wire_text(arguments, known and known.get("arguments"))},
    }


def _stored_call(call: Any, originals: Mapping[Any, Any]) -> dict[str, Any]:  # noqa: ANN401 - the SDK's objects too
    """A call from `additional_kwargs["tool_calls"]`: a wire dict, a `ToolSelection`, or an SDK object."""
    if isinstance(call, ToolSelection):
        return _wire_call(call.tool_id, call.tool_name.removesuffix(UNREADABLE_MARK), call.tool_kwargs, originals)
    if hasattr(call, "model_dump"):
        call = call.model_dump(exclude_none=True)
    function = call.get("function") if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise KimiInputError(
            'additional_kwargs["tool_calls"]',
            call,
            'a call is {"id": ..., "type": "function", "function": {"name": ..., "arguments": "..."}}',
            "pass calls in that form, or as ToolCallBlocks",
        )
    return _wire_call(call.get("id"), function["name"], function.get("arguments") or "", originals)
