"""LangChain messages -> wire messages. Pure; the messages are never changed.

What a message must carry so that the platform sees its own turn again, byte for byte:

* thinking, from `reasoning` content blocks or from `additional_kwargs["reasoning_content"]` (see `own_reasoning`);
* the text of tool-call arguments, which LangChain keeps only parsed. `langchain_kimi._from_reply` puts it under
  `additional_kwargs["kimi"]`, wherever encoding the parsed form again would give other bytes. It goes back as long as
  the arguments still say what it says (`kimi_api._arguments.text.wire_text`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from kimi_api import KimiInputError
from kimi_api._arguments.text import is_too_deep, wire_text
from kimi_api._content.notes import Part, Refuse, placeholder, settle
from kimi_api.catalog import is_kimi
from kimi_api.messages import reasoning_fields, tool_type
from langchain_kimi._parts import content_to_wire

if TYPE_CHECKING:
    from kimi_api.wire import ToolCall as WireToolCall
    from kimi_api.wire import WireMessage

PROVIDER = "kimi"
"""Our value of `response_metadata["model_provider"]`."""

KEPT = "kimi"
"""The key of `additional_kwargs` that holds what LangChain has no place for: {"tool_calls": {id: {"arguments": text,
"type": word}}, "order": ids where LangChain keeps invalid calls apart, "reasoning_field": name}. Only what could not be
made again from the message stands there."""

SPOILED = '[}"[}'
"""What the last chunk of a stream adds to arguments that are nested too deeply. Core reads the merged text by itself,
as deep as its Python can; a bracket that is closed by the wrong one, within a string or not, is what it takes for no
JSON at all, so the call stands in `invalid_tool_calls` as if it had not been streamed."""

_NOTHING: Mapping[str, Any] = {}
_MEDIA = frozenset({"image", "image_url", "video", "video_url", "audio", "input_audio", "file"})
_ROLES = {"developer": "system", "human": "user", "ai": "assistant"}
# A class that is looked up is known at once; `isinstance` asks core's metaclass for each that it is not.
_KINDS: Mapping[type, type[BaseMessage]] = {
    kind: kind for kind in (AIMessage, HumanMessage, ToolMessage, FunctionMessage, SystemMessage, ChatMessage)
}


def to_wire(
    messages: Sequence[BaseMessage],
    *,
    reasoning_field: str = "reasoning_content",
    refuse: Refuse = "last",
) -> list[WireMessage]:
    """The wire messages for `messages`.

    Args:
        messages: any of LangChain's; `developer` messages become system messages.
        reasoning_field: the name under which the host takes thinking.
        refuse: where content that the platform has no part for is an error, not a text.

    A tool call whose arguments are not JSON (`invalid_tool_calls`) is sent only if a tool message answers it:
    LangChain's agents do not run it, and an unanswered call would make every later request fail.

    Raises:
        KimiInputError: content or a role that the platform has no place for.
    """
    answered: set[str] | None = None
    wire: list[WireMessage] = []
    has_parts = False
    message: Any
    now: Any
    for message in messages:
        kind = _KINDS.get(message.__class__) or _kind_of(message)
        if kind is AIMessage:
            if message.invalid_tool_calls and answered is None:
                answered = {other.tool_call_id for other in messages if isinstance(other, ToolMessage)}
            now = assistant_to_wire(message, answered=answered, reasoning_field=reasoning_field)
        else:
            content = message.content if kind is not None else ""
            if not isinstance(content, str):
                content = content_to_wire(content)
            if kind is HumanMessage:
                now = {"role": "user", "content": content}
            elif kind is ToolMessage:
                # `artifact` is for the program alone, and the platform has no field for `status`.
                now = {"role": "tool", "tool_call_id": message.tool_call_id, "content": content}
            elif kind is FunctionMessage:
                now = {"role": "function", "content": content}
            elif kind is SystemMessage:
                now = {"role": "system", "content": content}
                tools = message.additional_kwargs.get("tools")
                if tools:  # such a message has no text, and `merge_message_runs` may have given it some
                    wire.append({"role": "system", "tools": list(tools)})
                    if not content:
                        continue
            elif kind is ChatMessage:
                now = {"role": _ROLES.get(message.role) or message.role, "content": content}
            else:
                raise KimiInputError(
                    "messages",
                    f"a {type(message).__name__}",
                    "the platform knows system, user, assistant and tool messages",
                    "use ToolMessage for a tool's result, and remove markers such as RemoveMessage before the call",
                )
            if message.name:
                now["name"] = message.name
        if now["content"].__class__ is list:
            has_parts = True
        wire.append(now)
    return settle(wire, refuse) if has_parts else wire


def _kind_of(message: object) -> type[BaseMessage] | None:
    """The class of `_KINDS` that a message of a subclass belongs to; None where it belongs to no call."""
    return next((kind for kind in _KINDS.values() if isinstance(message, kind)), None)


def assistant_to_wire(
    message: AIMessage, *, answered: set[str] | None = None, reasoning_field: str = "reasoning_content"
) -> WireMessage:
    """An assistant turn as the platform gave it (tool-call ids apart), or as close as a foreign one can come.

    Args:
        message: the turn. Its text goes out as one string.
        answered: ids of invalid tool calls that are sent nevertheless; None sends them all.
        reasoning_field: as in `to_wire`. If the thinking came under another name, it goes back under that name.
    """
    extra, content = message.additional_kwargs, message.content
    extras = extra.get(KEPT) or _NOTHING
    is_text = isinstance(content, str)
    wire: Any = {"role": "assistant", "content": content if is_text else _assistant_text(content)}
    if message.name:
        wire["name"] = message.name
    reasoning = own_reasoning(message)
    if reasoning is not None:
        for name in reasoning_fields(reasoning_field, extras.get("reasoning_field")):
            wire[name] = reasoning
    calls: list[WireToolCall] = []
    if message.tool_calls or message.invalid_tool_calls or not is_text:
        calls = _tool_calls(message, extras.get("tool_calls") or _NOTHING, answered)
        if len(calls) > 1 and (order := extras.get("order")):
            calls.sort(key=lambda call: order.index(call["id"]) if call["id"] in order else len(order))
    if calls:
        wire["tool_calls"] = calls
    elif extra.get("function_call"):  # OpenAI's older API; `kimi_api.messages` makes a tool call of it
        wire["function_call"] = extra["function_call"]
    if extra.get("partial"):
        wire["partial"] = True
    return wire


def own_reasoning(message: AIMessage) -> str | None:
    """The thinking of a turn: "" if it thought without words, None if there is none that may be sent.

    `reasoning` blocks are read first, then `additional_kwargs`. The model's name says whose thinking it is as well as
    the provider does: classes for other hosts (deepseek, moonshot, openai, openrouter) receive Kimi's own too. Another
    vendor's is not sent, nor what is signed or sealed.
    """
    metadata, content = message.response_metadata, message.content
    if metadata:
        provider = metadata.get("model_provider")
        if provider and provider != PROVIDER and not _names_kimi(metadata):
            return None
    if not isinstance(content, str):
        blocks = [block for block in content if isinstance(block, dict) and block.get("type") == "reasoning"]
        if blocks:
            by_name = _names_kimi(metadata)
            texts = [
                block["reasoning"]
                for block in blocks
                if isinstance(block.get("reasoning"), str) and not _is_signed(block, any_extras=not by_name)
            ]
            return "".join(texts) if texts else None
    for name in ("reasoning_content", "reasoning"):
        reasoning = message.additional_kwargs.get(name)
        if isinstance(reasoning, str):
            return reasoning
    return None


def _names_kimi(metadata: Mapping[str, Any]) -> bool:
    """Whether a turn's metadata names a model of Kimi's."""
    model = metadata.get("model_name") or metadata.get("model")
    return isinstance(model, str) and is_kimi(model)


def _is_signed(block: Mapping[str, Any], *, any_extras: bool) -> bool:
    """Whether a `reasoning` block carries a signature or, with `any_extras`, anything else of another vendor."""
    extras = block.get("extras") or {}
    if block.get("signature") or (extras and any_extras):
        return True
    return any(mark in key for key in extras for mark in ("signature", "encrypted", "redacted"))


def _assistant_text(content: Sequence[Any]) -> str | list[Part]:
    """The text of a turn that is a list of blocks.

    Calls and thinking have their own fields; other vendors' marks mean nothing here.

    Parts where there is more than text, for `kimi_api._content.notes.settle`.
    """
    texts: list[str] = []
    parts: list[Part] = []
    for block in content:
        if isinstance(block, str):
            texts.append(block)
            continue
        kind = block.get("type")
        if kind in ("text", "text-plain"):
            texts.append(str(block.get("text") or ""))
        elif kind == "refusal":
            texts.append(str(block.get("refusal") or ""))
        elif kind in _MEDIA:
            error = KimiInputError(
                "content block of an AIMessage",
                block,
                "an assistant turn has text only",
                "move the image or video into a HumanMessage",
            )
            parts += [{"type": "text", "text": "".join(texts)}, placeholder(block, error)]
            texts = []
    return [*parts, {"type": "text", "text": "".join(texts)}] if parts else "".join(texts)


def _tool_calls(
    message: AIMessage, extras: Mapping[str, Mapping[str, Any]], answered: set[str] | None
) -> list[WireToolCall]:
    calls: Sequence[Any] = message.tool_calls
    invalid: Sequence[Any] = message.invalid_tool_calls
    if not calls and not invalid:
        if _empty_means_none(message):
            return []
        calls = [b for b in message.content if isinstance(b, dict) and b.get("type") == "tool_call"]
    wire: list[WireToolCall] = []
    for call in calls:
        wire.append(_wire_call(call, extras, call.get("args"), True))
    for call in invalid:
        if answered is None or call.get("id") in answered:
            wire.append(_wire_call(call, extras, own_text(call.get("args")), False))
    return wire


def own_text(args: str | None) -> str | None:
    """The model's own text of an invalid call, without what `SPOILED` added."""
    own = (args or "").removesuffix(SPOILED)
    return own if is_too_deep(own) else args


def _empty_means_none(message: AIMessage) -> bool:
    """Whether an empty `tool_calls` means that nothing is called, whatever a content block says.

    On our own turns it does: a guard took the calls out. So it does where somebody wrote `tool_calls=[]` into a new
    message. Another class's turn may have its calls in the blocks alone.
    """
    provider = message.response_metadata.get("model_provider")
    return provider == PROVIDER or (not provider and "tool_calls" in message.model_fields_set)


def _wire_call(
    call: Mapping[str, Any],
    extras: Mapping[str, Mapping[str, Any]],
    arguments: Mapping[str, Any] | str | None,
    use_own: bool,
) -> WireToolCall:
    """One call; `use_own`: whether the model's own text of its arguments counts, where there is one in `extras`."""
    call_id, name = call.get("id") or "", call.get("name") or ""
    known = extras.get(call_id) or _NOTHING
    kind: Any = known.get("type") or tool_type(name)
    own = known.get("arguments") if use_own else None
    return {"id": call_id, "type": kind, "function": {"name": name, "arguments": wire_text(arguments, own)}}
