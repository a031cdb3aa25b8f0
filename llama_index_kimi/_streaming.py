"""Deltas -> the growing responses that LlamaIndex's streams are made of, and the JSON in them as far as it has come."""

from __future__ import annotations

from collections.abc import Mapping
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
from pydantic_core import from_json

from kimi_api._arguments.text import strict_text
from llama_index_kimi._from_reply import NAMES, call_as_dict, call_block, thinking_block, to_response

if TYPE_CHECKING:
    from kimi_api.reply import Reply, ReplyBuilder, ReplyDelta, ToolCall


def read_growing(text: str) -> object:
    """The JSON value in unfinished `text`, with the text so far of an unfinished string.

    Raises:
        ValueError: it is no JSON, whatever may follow.
    """
    try:
        return from_json(text, allow_partial="trailing-strings")
    except ValueError:
        strict = strict_text(text)  # only now: to look for control characters takes longer than to read the text
        if strict is text:
            raise
        return from_json(strict, allow_partial="trailing-strings")


class Accumulator:
    """Turns each delta into a response with everything so far, at a cost that does not grow with the stream.

    Only the block that a delta touches is made again; the others are shared with the responses before. `delta` holds
    answer text only; a new piece of thinking stands in `ChatResponse.additional_kwargs["thinking_delta"]`, the place
    that LlamaIndex's agents read.

    Args:
        builder: the builder that the same stream feeds.
        tool_names: those of the request.
    """

    __slots__ = ("_builder", "_call_blocks", "_calls", "_text", "_text_block", "_thinking",
                 "_thinking_block", "_tool_names")  # fmt: skip

    def __init__(self, builder: ReplyBuilder, tool_names: Mapping[str, str] | None = None) -> None:
        self._tool_names = tool_names
        self._builder = builder
        self._thinking = ""
        self._thinking_block: ThinkingBlock | None = None
        self._text = ""
        self._text_block: TextBlock | None = None
        self._calls: dict[int, dict[str, Any]] = {}
        self._call_blocks: dict[int, ToolCallBlock] = {}

    def add(self, delta: ReplyDelta) -> ChatResponse:
        """The response after `delta`."""
        text = delta.content
        thought = delta.reasoning
        if thought is not None:
            self._thinking += thought
            self._thinking_block = thinking_block(self._thinking, self._builder.reply.reasoning_field)
        if text:
            self._text += text
            self._text_block = TextBlock(text=self._text)
        if delta.tool_calls:
            self._grow(delta.tool_calls)
        blocks: list[ContentBlock] = []
        if self._text_block is not None:
            blocks.append(self._text_block)
        if self._thinking_block is not None:
            blocks.insert(0 if self._thinking else len(blocks), self._thinking_block)  # see `to_message`
        extra: dict[str, Any] = {}
        if self._calls:
            blocks += self._call_blocks.values()
            extra["tool_calls"] = list(self._calls.values())
        more: dict[str, Any] = {"thinking_delta": thought} if thought else {}
        if self._tool_names and self._calls:
            more[NAMES] = self._tool_names
        reply = self._builder.reply
        return ChatResponse(
            message=ChatMessage(role=MessageRole.ASSISTANT, blocks=blocks, additional_kwargs=extra),
            delta=text,
            raw={"id": reply.id, "object": "chat.completion.chunk", "created": reply.created, "model": reply.model},
            additional_kwargs=more,
        )

    def last(self, reply: Reply) -> ChatResponse:
        """The closing response: the whole answer and its usage, with an empty delta.

        Agents keep the last response as history, so everything that must go back to the model is in it.
        """
        return to_response(reply, delta="", tool_names=self._tool_names)

    def _grow(self, pieces: list[ToolCall]) -> None:
        touched = {piece.index for piece in pieces}
        for call in self._builder.tool_calls:
            if call.index in touched:
                self._calls[call.index] = call_as_dict(call)
                self._call_blocks[call.index] = call_block(call)
