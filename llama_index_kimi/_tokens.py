"""Counting tokens for LlamaIndex. Offline; only the methods named `estimate` ask the platform.

`Settings.tokenizer = llm.tokenizer` makes chunking, prompt sizes and `TokenCountingHandler` count like Kimi.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.tools.types import BaseTool

from kimi_api.credentials import resolve_base_url
from kimi_api.options import switches_thinking_off
from llama_index_kimi._input import check_messages
from llama_index_kimi._to_wire import to_wire
from llama_index_kimi._tool_calls import wire_tools

if TYPE_CHECKING:
    from kimi_api.catalog import Catalog
    from kimi_api.client import KimiClient
    from kimi_api.credentials import Region


class TokenCounting:
    """The token counts of a `Kimi`."""

    if TYPE_CHECKING:
        model: str
        thinking: Any
        reasoning_effort: str | None
        response_format: dict[str, Any] | None
        tokenizer: Any

        catalog_model: str | None
        base_url: str | None
        region: Region | None
        document_cache: Any

        def _connect(self) -> KimiClient: ...

        def _own_catalog(self) -> Catalog | None: ...

    def _countable(self, messages: Sequence[ChatMessage], *, notes: bool = False) -> Sequence[Mapping[str, Any]]:
        from kimi_api.chat._count import countable

        check_messages(messages)
        wire = to_wire(messages, refuse="never")
        return countable(wire, resolve_base_url(self.base_url, region=self.region), self.document_cache, notes=notes)

    def count_tokens(self, messages: Sequence[ChatMessage], tools: Sequence[BaseTool | Mapping[str, Any]] = ()) -> int:
        """Prompt tokens of a request with these messages and tools, thinking and tool calls included. Offline.

        A document counts by its text once that is known, because it was sent before; until then as 1,024 tokens.
        Exact with Kimi's vocabulary as `tokenizer`, otherwise an estimate: see `kimi_api.tokens.count_messages`.
        """
        from kimi_api.tokens import count_messages

        return count_messages(
            self._countable(messages),
            wire_tools(tools),  # type: ignore[arg-type]
            model=self.catalog_model or self.model,
            catalog=self._own_catalog(),
            tokenizer=self.tokenizer,
            thinking=not switches_thinking_off(self.thinking),
            reasoning_effort=self.reasoning_effort,
            response_format=self.response_format,
        )

    def estimate_tokens(self, messages: Sequence[ChatMessage]) -> int:
        """Prompt tokens as the platform counts them: one request, unless it was asked before.

        Raises:
            KimiAPIError: the platform refused the request, or cannot be reached.
        """
        from kimi_api.tokens import estimate

        return estimate(self._connect(), self.model, self._countable(messages, notes=True))

    async def aestimate_tokens(self, messages: Sequence[ChatMessage]) -> int:
        """The asynchronous twin of `estimate_tokens`."""
        from kimi_api.tokens import aestimate

        return await aestimate(self._connect(), self.model, self._countable(messages, notes=True))


def tokenizer_setting(tokenizer: object) -> object:
    """The field `tokenizer` of a `Kimi`: what was given as a function from text to a list, or an estimating one.

    Raises:
        KimiInputError: it cannot be made one, or the path is no vocabulary.
    """
    from kimi_api.tokens import EstimatedTokens, as_tokenizer

    return EstimatedTokens() if tokenizer is None else as_tokenizer(tokenizer)
