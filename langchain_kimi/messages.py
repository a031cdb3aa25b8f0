"""Messages that only Kimi has, as LangChain messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessage, SystemMessage

from kimi_api.messages import check_prefix
from langchain_kimi._tools import tools_to_wire

__all__ = ["dynamic_tools_message", "partial_message"]


def partial_message(prefix: str, *, name: str | None = None, reasoning_content: str | None = None) -> AIMessage:
    """The beginning of an answer, which the model continues instead of answering afresh (Partial Mode).

    Put it last. The answer holds the continuation only, unless the model has `join_prefix=True`. The dict
    `{"role": "assistant", "content": prefix, "partial": True}` means the same.

    Args:
        prefix: the text to continue; may be "" when `name` is given.
        name: whose voice it is; becomes part of the prefix.
        reasoning_content: the thinking that led to `prefix`, when a cut-off answer is continued.

    https://platform.kimi.ai/docs/guide/use-partial-mode-feature-of-kimi-api
    """
    check_prefix(prefix)
    extra: dict[str, Any] = {"partial": True}
    if reasoning_content is not None:
        extra["reasoning_content"] = reasoning_content
    return AIMessage(content=prefix, name=name, additional_kwargs=extra)


def dynamic_tools_message(tools: Sequence[Any]) -> SystemMessage:
    """A system message that makes `tools` callable from its position on, leaving the cached prefix as it is.

    Args:
        tools: whatever `ChatKimi.bind_tools` takes. K3 family only; a tool must not be bound as well.

    https://platform.kimi.ai/docs/guide/use-dynamic-tool-loading
    """
    return SystemMessage(content="", additional_kwargs={"tools": tools_to_wire(tools)})
