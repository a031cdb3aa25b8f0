"""`Reply` and `ReplyDelta` -> LangChain results. Pure, and the hot path of streaming.

How LangChain merges chunks decides what may stand where: equal string keys are concatenated, numbers are added, and
booleans that differ raise. So all that comes once (finish_reason, names, ids, usage) is in the last chunk only;
`model_provider`, which core merges as one word, stands in all of them, since core looks for the translator of content
blocks by it.
"""

from __future__ import annotations

from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata
from langchain_core.messages.tool import InvalidToolCall, ToolCallChunk, invalid_tool_call, tool_call, tool_call_chunk
from langchain_core.messages.tool import ToolCall as LangChainToolCall
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from kimi_api import Reply, ToolCall, Usage
from kimi_api._arguments import verbatim
from kimi_api._arguments.text import TOO_DEEP, encode, is_too_deep
from kimi_api._warn import warn
from kimi_api.messages import tool_type
from kimi_api.reply import ReplyDelta
from kimi_api.request import ChatRequest
from kimi_api.tools import unreadable_arguments
from langchain_kimi._to_wire import KEPT, PROVIDER, SPOILED, assistant_to_wire, own_text


def chat_result(reply: Reply, *, model: str) -> ChatResult:
    """The result of a call that was not streamed.

    Args:
        reply: the answer.
        model: the id that was asked for, used if the answer names none.
    """
    message = reply_to_message(reply, model=model)
    if reply.usage is not None:
        message.response_metadata["token_usage"] = reply.usage.as_dict()
    return ChatResult(
        generations=[ChatGeneration(message=message, generation_info={"finish_reason": reply.finish_reason})],
        llm_output={
            "model_name": message.response_metadata["model_name"],
            "token_usage": reply.usage.as_dict() if reply.usage else None,
        },
    )


def reply_to_message(reply: Reply, *, model: str = "") -> AIMessage:
    """A whole answer as a message; `assistant_to_wire` gives the wire message back."""
    calls: list[LangChainToolCall] = []
    invalid: list[InvalidToolCall] = []
    for call in reply.tool_calls:
        args = call.read_arguments()
        if args is not None:
            calls.append(tool_call(name=call.name, args=args, id=call.id))
        else:
            problem = TOO_DEEP if is_too_deep(call.arguments) else "the arguments are not a JSON object"
            invalid.append(invalid_tool_call(name=call.name, args=call.arguments, id=call.id, error=problem))
    extra = _extras(reply)
    if reply.reasoning is not None:
        extra["reasoning_content"] = reply.reasoning
    return AIMessage(
        content=reply.content,
        additional_kwargs=extra,
        tool_calls=calls,
        invalid_tool_calls=invalid,
        response_metadata=_response_metadata(reply, model),
        usage_metadata=usage_metadata(reply.usage),
    )


def message_to_reply(message: AIMessage) -> Reply:
    """The answer that one of our messages was made from, for errors that are raised when only the message is there."""
    wire: Any = assistant_to_wire(message)
    # On the wire they stand inside an object, since hosts parse them.
    unreadable = {call["id"]: own_text(call["args"]) for call in message.invalid_tool_calls}
    metadata, counts = message.response_metadata, message.usage_metadata
    usage = None
    if counts is not None:
        cache, spent = counts.get("input_token_details", {}), counts.get("output_token_details", {})
        usage = Usage(
            prompt_tokens=counts["input_tokens"],
            completion_tokens=counts["output_tokens"],
            total_tokens=counts["total_tokens"],
            cached_tokens=cache.get("cache_read", 0),
            cache_write_tokens=cache.get("cache_creation", 0),
            reasoning_tokens=spent.get("reasoning", 0),
        )
    return Reply(
        id=metadata.get("id") or "",
        model=metadata.get("model_name") or "",
        content=wire["content"],
        reasoning=wire.get("reasoning_content"),
        tool_calls=[
            ToolCall(
                index,
                call["id"],
                call["function"]["name"],
                unreadable.get(call["id"]) or call["function"]["arguments"],
                call["type"],
            )
            for index, call in enumerate(wire.get("tool_calls", ()))
        ],
        finish_reason=metadata.get("finish_reason"),
        usage=usage,
        system_fingerprint=metadata.get("system_fingerprint"),
        request_id=metadata.get("request_id"),
        trace_id=metadata.get("trace_id"),
    )


def delta_to_chunk(delta: ReplyDelta) -> ChatGenerationChunk:
    """What one event added, as a chunk."""
    # Spelt out three times, because each argument costs a microsecond per chunk.
    content = delta.content
    if delta.tool_calls:
        message = AIMessageChunk(
            content=content,
            additional_kwargs={} if delta.reasoning is None else {"reasoning_content": delta.reasoning},
            tool_call_chunks=[_piece(call) for call in delta.tool_calls],
            response_metadata={"model_provider": PROVIDER},
        )
    elif delta.reasoning is None:
        message = AIMessageChunk(content=content, response_metadata={"model_provider": PROVIDER})
    else:
        message = AIMessageChunk(
            content=content,
            additional_kwargs={"reasoning_content": delta.reasoning},
            response_metadata={"model_provider": PROVIDER},
        )
    return ChatGenerationChunk(message=message)


def last_chunk(reply: Reply, *, model: str) -> ChatGenerationChunk:
    """The closing chunk of a stream: all that is sent only once."""
    message = AIMessageChunk(
        content="",
        additional_kwargs=_extras(reply),
        tool_call_chunks=[
            tool_call_chunk(args=SPOILED, index=call.index) for call in reply.tool_calls if is_too_deep(call.arguments)
        ],
        response_metadata=_response_metadata(reply, model),
        usage_metadata=usage_metadata(reply.usage),
        chunk_position="last",
    )
    return ChatGenerationChunk(message=message)


def usage_metadata(usage: Usage | None) -> UsageMetadata | None:
    """LangChain's token counts: thinking is part of the output, cached tokens are part of the input."""
    if usage is None:
        return None
    return UsageMetadata(
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.completion_tokens,
        total_tokens=usage.total_tokens,
        input_token_details=InputTokenDetails(cache_read=usage.cached_tokens, cache_creation=usage.cache_write_tokens),
        output_token_details=OutputTokenDetails(reasoning=usage.reasoning_tokens),
    )


def _piece(call: ToolCall) -> ToolCallChunk:
    # Core merges pieces by index, and takes None for "nothing new".
    return tool_call_chunk(name=call.name or None, args=call.arguments, id=call.id or None, index=call.index)


# Core (from 1.8.4 on) puts both into the event that ends a streamed message, and asks providers to map their own words.
# Its words are "stop", "tool_call" and "refusal" for a message with a refusal block; "length" is everybody's. A reason
# that is new has no normalized word, only its own.
_NORMALIZED = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_call",
    "function_call": "tool_call",
    "content_filter": "refusal",
}
# "When relevant", says core, and fixes no words; there is something to say where the answer is not all there.
_STATES = {"length": "incomplete", "content_filter": "incomplete"}


def _response_metadata(reply: Reply, model: str) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "model_provider": PROVIDER,
        "model_name": reply.model or model,
        "finish_reason": reply.finish_reason,
        "normalized_finish_reason": _NORMALIZED.get(reply.finish_reason or ""),
        "finish_state": _STATES.get(reply.finish_reason or ""),
        "id": reply.id or None,
        "system_fingerprint": reply.system_fingerprint,
        "request_id": reply.request_id,
        "trace_id": reply.trace_id,
    }
    return {name: value for name, value in metadata.items() if value is not None}


def _extras(reply: Reply) -> dict[str, Any]:
    """What the message could not give back otherwise, under one key; {} when there is nothing."""
    calls: dict[str, dict[str, str]] = {}
    mixed = False
    for call in reply.tool_calls:
        entry: dict[str, str] = {}
        if call.type != tool_type(call.name):
            entry["type"] = call.type
        args = call.read_arguments()
        if args is None:
            mixed = len(reply.tool_calls) > 1
        else:
            text = call.arguments if call.original is None else call.original
            if text and encode(args) != text:
                entry["arguments"] = text
            verbatim.note(call.name, text, args)
        if entry:
            calls[call.id] = entry
    extras: dict[str, Any] = {}
    if calls:
        extras["tool_calls"] = calls
    if mixed:
        extras["order"] = [call.id for call in reply.tool_calls]
    if reply.reasoning is not None and reply.reasoning_field != "reasoning_content":
        extras["reasoning_field"] = reply.reasoning_field
    return {KEPT: extras} if extras else {}


_SKIPPED = "it is in invalid_tool_calls, which agents skip"
# Core merges the pieces of a stream, and closes brackets and quotes that are open at its end.
_MENDED = f"LangChain repairs them if it can, and the tool then runs with a part of its arguments; if not, {_SKIPPED}"


def warn_unreadable(reply: Reply, request: ChatRequest, *, streamed: bool = False) -> Reply:
    """Say what becomes of a call that cannot be read: an agent that gets nothing else ends without a word.

    Not where one tool was demanded, as for structured output: its parser raises, and says the same.
    """
    if request.choice.required_call in ("", "*"):
        for call in reply.tool_calls:
            if call.read_arguments() is None:
                too_deep = is_too_deep(call.arguments)
                outcome = _MENDED if streamed and not too_deep else _SKIPPED
                warn(unreadable_arguments(call.name, reply.finish_reason, outcome, too_deep=too_deep))
    return reply
