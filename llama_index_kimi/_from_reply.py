"""`Reply` -> LlamaIndex responses. Pure.

Blocks are the carrier: thinking with words first, then text, then calls. They survive `model_dump`, `Memory` and a
workflow's `Context`, so what agents store is what goes back. `additional_kwargs["tool_calls"]` repeats the calls as
plain dicts, because core's streamed structured prediction looks only there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ContentBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)

from llama_index_kimi._to_wire import FIELD_KEY, KEPT

if TYPE_CHECKING:
    from kimi_api.reply import Reply, ToolCall, Usage

NAMES = "tool_names"
"""Where a response with calls keeps its request's `tool_names`."""


def to_message(reply: Reply) -> ChatMessage:
    """The assistant message of `reply`."""
    blocks: list[ContentBlock] = []
    if reply.content or not reply.tool_calls:
        blocks.append(TextBlock(text=reply.content))
    if reply.reasoning is not None:
        tokens = reply.usage.reasoning_tokens if reply.usage else 0
        # Empty thinking stands behind the text: it goes back to the model too, but whoever reads `blocks[0]`, as
        # `DocumentContextExtractor` does, wants the answer.
        place = 0 if reply.reasoning else len(blocks)
        blocks.insert(place, thinking_block(reply.reasoning, reply.reasoning_field, tokens or None))
    blocks += [call_block(call) for call in reply.tool_calls]
    return ChatMessage(role=MessageRole.ASSISTANT, blocks=blocks, additional_kwargs=calls_as_kwargs(reply.tool_calls))


def to_response(reply: Reply, *, delta: str | None = None, tool_names: Mapping[str, str] | None = None) -> ChatResponse:
    """The response of `reply`, with exact token counts where LlamaIndex looks for them.

    `tool_names` are those of its request, for `Kimi.get_tool_calls_from_response`.
    """
    extra: dict[str, Any] = {**token_counts(reply.usage)}
    if tool_names and reply.tool_calls:
        extra[NAMES] = dict(tool_names)
    return ChatResponse(message=to_message(reply), raw=to_raw(reply), delta=delta, additional_kwargs=extra)


def to_raw(reply: Reply) -> dict[str, Any]:
    """`reply` in the shape of a whole, not streamed answer of the platform, wherever its parts came from.

    `usage` stands at the top level, where `TokenCountingHandler` reads it; it is None when the platform sent none.
    """
    message: dict[str, Any] = {"role": "assistant", "content": reply.content}
    if reply.reasoning is not None:
        message[reply.reasoning_field] = reply.reasoning
    if reply.tool_calls:
        message["tool_calls"] = [call.as_dict() for call in reply.tool_calls]
    raw: dict[str, Any] = {
        "id": reply.id,
        "object": "chat.completion",
        "created": reply.created,
        "model": reply.model,
        "choices": [{"index": 0, "message": message, "finish_reason": reply.finish_reason}],
        "usage": reply.usage.as_dict() if reply.usage else None,
    }
    for name in ("system_fingerprint", "request_id", "trace_id"):
        value = getattr(reply, name)
        if value is not None:
            raw[name] = value
    return raw


def to_reply(response: ChatResponse | None) -> Reply | None:
    """The reply that one of our responses was made from, for errors that are raised when only the response is there."""
    raw = response.raw if response is not None else None
    if not isinstance(raw, dict) or not raw.get("choices"):
        return None
    from kimi_api.reply import Reply, ToolCall, parse_usage  # which an import need not load

    (choice,) = raw["choices"]
    message = choice["message"]
    fields = [name for name in ("reasoning_content", "reasoning") if name in message]
    more = {name: raw.get(name) for name in ("system_fingerprint", "request_id", "trace_id")}
    return Reply(
        id=raw["id"],
        model=raw["model"],
        created=raw["created"],
        content=message["content"],
        reasoning=message[fields[0]] if fields else None,
        reasoning_field=fields[0] if fields else "reasoning_content",
        tool_calls=[
            ToolCall(index, call["id"], call["function"]["name"], call["function"]["arguments"], call["type"])
            for index, call in enumerate(message.get("tool_calls", ()))
        ],
        finish_reason=choice["finish_reason"],
        usage=parse_usage(raw["usage"]),
        **more,
    )


def finish_reason(response: ChatResponse) -> str | None:
    """Why the model stopped, None while it has not (or when the response is not ours)."""
    raw = response.raw
    choices = raw.get("choices") if isinstance(raw, dict) else None
    return choices[0].get("finish_reason") if choices else None


def token_counts(usage: Usage | None) -> dict[str, int]:
    """`ChatResponse.additional_kwargs` for `usage`, in LlamaIndex's names plus ours for what it has no name for."""
    if usage is None:
        return {}
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "cached_tokens": usage.cached_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
    }


def thinking_block(text: str, field: str = "reasoning_content", tokens: int | None = None) -> ThinkingBlock:
    """The block that carries thinking, noting the field's name where it is another host's."""
    noted = {} if field == "reasoning_content" else {FIELD_KEY: field}
    return ThinkingBlock(content=text, num_tokens=tokens, additional_information=noted)


def call_block(call: ToolCall) -> ToolCallBlock:
    """The block of `call`, holding its argument text: parsed and printed again it would be other bytes."""
    return ToolCallBlock(tool_call_id=call.id, tool_name=call.name, tool_kwargs=call.arguments)


def call_as_dict(call: ToolCall) -> dict[str, Any]:
    """`call` as a wire message has it, with the arguments that the tool gets."""
    return {"id": call.id, "type": call.type, "function": {"name": call.name, "arguments": call.arguments}}


def calls_as_kwargs(calls: Sequence[ToolCall]) -> dict[str, Any]:
    """`ChatMessage.additional_kwargs` for `calls`, with the model's own text where the tool gets a corrected one."""
    if not calls:
        return {}
    additional: dict[str, Any] = {"tool_calls": [call_as_dict(call) for call in calls]}
    originals = {call.id: {"arguments": call.original} for call in calls if call.original is not None}
    if originals:
        additional[KEPT] = {"tool_calls": originals}
    return additional
