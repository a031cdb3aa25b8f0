"""Standard content blocks of our messages, registered with LangChain under the provider word "kimi".

Without a translator core numbers blocks 0, 1, ... beside tool-call pieces that bring their own 0, 1, ..., and merges by
number alone: thinking, text and two calls come out as two damaged blocks. Indices that are strings beginning with
`lc_` are merged too, and cannot collide.
"""

from __future__ import annotations

from typing import Any, cast

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages import content as types
from langchain_core.messages.block_translators import register_translator

from langchain_kimi._core import KNOWS_REFUSALS
from langchain_kimi._to_wire import PROVIDER


def message_blocks(message: AIMessage) -> list[types.ContentBlock]:
    """Thinking, text and tool calls of a whole message, in this order."""
    blocks = _content_blocks(message, indexed=False)
    blocks += _tool_call_blocks(message, {block.get("id") for block in blocks if block["type"] == "tool_call"})
    blocks += _refusal(message, blocks)
    return cast("list[types.ContentBlock]", blocks)


def chunk_blocks(message: AIMessageChunk) -> list[types.ContentBlock]:
    """The same of a piece of a message, with indices by which core puts the pieces together."""
    blocks = _content_blocks(message, indexed=True)
    if message.chunk_position == "last":
        blocks += _tool_call_blocks(message, {block.get("id") for block in blocks if block["type"] == "tool_call"})
        blocks += _refusal(message, blocks, index="lc_refusal")
        return cast("list[types.ContentBlock]", blocks)
    for place, piece in enumerate(message.tool_call_chunks):
        index = piece.get("index")
        blocks.append(
            {
                "type": "tool_call_chunk",
                "id": piece.get("id"),
                "name": piece.get("name"),
                "args": piece.get("args"),
                "index": f"lc_tc_{place if index is None else index}",
            }
        )
    return cast("list[types.ContentBlock]", blocks)


def _content_blocks(message: AIMessage, *, indexed: bool) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    content = message.content
    items: list[Any] = [content] if isinstance(content, str) else content
    reasoning = message.additional_kwargs.get("reasoning_content")
    if reasoning and not any(isinstance(block, dict) and block.get("type") == "reasoning" for block in items):
        blocks.append({"type": "reasoning", "reasoning": reasoning})
    for block in items:
        if isinstance(block, str):
            if block:
                blocks.append({"type": "text", "text": block})
        elif block.get("type") in types.KNOWN_BLOCK_TYPES:
            blocks.append(dict(block))
        else:
            blocks.append({"type": "non_standard", "value": dict(block)})
    if indexed:
        for block in blocks:
            if block["type"] in ("text", "reasoning"):
                block.setdefault("index", f"lc_{block['type']}")
    return blocks


def _tool_call_blocks(message: AIMessage, present: set[Any]) -> list[dict[str, Any]]:
    # invalid_tool_calls are left out as in core's own translators: its event bridge adds them itself.
    return [
        {"type": "tool_call", "name": call["name"], "args": call["args"], "id": call.get("id")}
        for call in message.tool_calls
        if call.get("id") is None or call.get("id") not in present
    ]


def _refusal(message: AIMessage, present: list[dict[str, Any]], **index: str) -> list[dict[str, Any]]:
    """Core's block for an answer that the platform withheld, by which `ModelRefusalMiddleware` knows it."""
    if message.response_metadata.get("finish_reason") != "content_filter" or not KNOWS_REFUSALS:
        return []
    if any(block["type"] == "refusal" for block in present):
        return []
    # Without a text of its own: the block goes back as part of the turn, which must stay as the model gave it.
    return [{"type": "refusal", "refusal": "", "extras": {"category": "content_filter"}, **index}]


register_translator(PROVIDER, message_blocks, chunk_blocks)
