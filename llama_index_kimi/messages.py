"""The two kinds of messages that only Kimi has: one to be continued, and one that brings tools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, ContentBlock, MessageRole, TextBlock, ThinkingBlock
from llama_index.core.tools.types import BaseTool

from kimi_api.messages import check_prefix
from llama_index_kimi._tool_calls import LOADED_NAMES, own_names, wire_tools

__all__ = ["dynamic_tools_message", "partial_message"]


def partial_message(prefix: str, *, name: str | None = None, reasoning_content: str | None = None) -> ChatMessage:
    """The beginning of an answer, which the model continues instead of answering afresh (Partial Mode).

    Put it last. The answer holds the continuation only, unless the model has `join_prefix=True`.

    Args:
        prefix: the text to continue; may be "" when `name` is given.
        name: whose voice it is; becomes part of the prefix.
        reasoning_content: the thinking that led to `prefix`, when a cut-off answer is continued.

    https://platform.kimi.ai/docs/guide/use-partial-mode-feature-of-kimi-api
    """
    check_prefix(prefix)
    blocks: list[ContentBlock] = [] if reasoning_content is None else [ThinkingBlock(content=reasoning_content)]
    extra = {"partial": True} if name is None else {"partial": True, "name": name}
    return ChatMessage(role=MessageRole.ASSISTANT, blocks=[*blocks, TextBlock(text=prefix)], additional_kwargs=extra)


def dynamic_tools_message(tools: Sequence[BaseTool | Mapping[str, Any]]) -> ChatMessage:
    """A system message that makes `tools` callable from its position on, leaving the cached prefix as it is.

    Args:
        tools: LlamaIndex tools, or definitions as dicts. K3 family only. An agent must have them among its own `tools`
            as well, or it cannot run them; `Kimi` then declares them with this message alone.

    https://platform.kimi.ai/docs/guide/use-dynamic-tool-loading
    """
    wire = wire_tools(tools)
    names = own_names(wire)
    extra = {"tools": wire, LOADED_NAMES: names} if names else {"tools": wire}
    return ChatMessage(role=MessageRole.SYSTEM, blocks=[], additional_kwargs=extra)
