"""Memories whose token budget counts thinking and tool calls, which core's own leave out.

`Memory` weighs neither `ThinkingBlock` nor `ToolCallBlock`, `ChatMemoryBuffer` nothing but text: a history that core
takes for 3,000 tokens can be 30,000 in the prompt. How they weigh a message is private to core, so these classes cut
what `get` returns, and leave the rest alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.memory import ChatMemoryBuffer, Memory

from kimi_api.errors import KimiInputError
from kimi_api.tokens import Tokenizer, count_messages, count_text
from llama_index_kimi._to_wire import wire_message

__all__ = ["KimiChatMemoryBuffer", "KimiMemory"]


class KimiMemory(Memory):
    """Core's `Memory`, whose `get` and `aget` return no more than `token_limit` tokens, thinking included.

    Whole turns go, oldest first, never a tool call without its result; leading system messages, where memory blocks
    stand, and the newest turn always stay. Counted with `tokenizer_fn` as `kimi_api.tokens.count_messages` does for K3.
    What core moves from the queue into its memory blocks is still decided by core's own, lower count: turns that are
    left out here and not yet flushed there stay in the store, and are out of the model's sight.
    """

    async def aget(self, input: str | ChatMessage | None = None, **block_kwargs: Any) -> list[ChatMessage]:  # type: ignore[override]
        """Core's choice of messages, cut to the newest turns that fit."""
        messages = await super().aget(input=input, **block_kwargs)
        return newest_within(messages, self.token_limit, self.tokenizer_fn)


class KimiChatMemoryBuffer(ChatMemoryBuffer):
    """Core's `ChatMemoryBuffer`, with thinking and tool calls counted. As `KimiMemory`, without memory blocks."""

    def get(self, input: str | None = None, initial_token_count: int = 0, **kwargs: Any) -> list[ChatMessage]:
        """The newest turns that fit beside `initial_token_count` tokens; at least the newest one.

        Raises:
            KimiInputError: `initial_token_count` alone is more than `token_limit`.
        """
        if initial_token_count > self.token_limit:
            raise KimiInputError(
                "initial_token_count",
                initial_token_count,
                f"token_limit is {self.token_limit}",
                "raise token_limit, or shorten what goes before the history",
            )
        return newest_within(self.get_all(), self.token_limit - initial_token_count, self.tokenizer_fn)


def newest_within(messages: Sequence[ChatMessage], limit: int, tokenizer: Tokenizer | None = None) -> list[ChatMessage]:
    """The newest whole turns of `messages` of at most `limit` tokens, behind the system messages they begin with.

    A turn is a user message and all up to the next one. The newest turn is kept even if it alone is too long: the
    platform then says so, which is better than a question that silently vanished.
    """
    head = 0
    while head < len(messages) and messages[head].role in (MessageRole.SYSTEM, MessageRole.DEVELOPER):
        head += 1
    sizes = list(_sizes(messages, tokenizer))
    left = limit - sum(sizes)
    starts = [at for at in range(head, len(messages)) if at == head or messages[at].role == MessageRole.USER]
    for start, following in pairwise(starts):
        if left >= 0:
            return [*messages[:head], *messages[start:]]
        left += sum(sizes[start:following])
    return [*messages[:head], *messages[starts[-1] :]] if starts else list(messages)


def _sizes(messages: Sequence[ChatMessage], tokenizer: Tokenizer | None) -> Iterator[int]:
    """The tokens of each message. A result counts with its tool's name, which only its call knows."""
    names: dict[str, str] = {}
    for message in messages:
        try:
            wire = wire_message(message)
        except KimiInputError:  # a block that no Kimi model takes; the request will say so
            yield count_text(str(message.content or ""), tokenizer)
            continue
        for call in wire.get("tool_calls") or ():
            names[str(call["id"])] = call["function"]["name"]
        name = names.get(str(wire.get("tool_call_id")))
        yield count_messages([wire if name is None else {**wire, "name": name}], tokenizer=tokenizer, overhead=False)
