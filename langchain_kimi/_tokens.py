"""What LangChain asks a model about tokens. Offline; only the methods named `estimate` ask the platform."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from langchain_core.messages import BaseMessage, MessageLikeRepresentation, convert_to_messages

from kimi_api import KimiInputError
from kimi_api.credentials import resolve_base_url
from kimi_api.options import switches_thinking_off
from langchain_kimi._to_wire import to_wire
from langchain_kimi._tools import tools_to_wire

if TYPE_CHECKING:
    from kimi_api import KimiClient
    from kimi_api.catalog import Catalog
    from kimi_api.credentials import Region
    from kimi_api.tokens import Tokenizer


class TokenCounting:
    """The token counts of a `ChatKimi`, its `tokenizer` or an estimate behind them."""

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
        custom_get_token_ids: Callable[[str], list[int]] | None

        @property
        def client(self) -> KimiClient: ...

        def _own_catalog(self) -> Catalog | None: ...

    def _counter(self) -> Tokenizer | None:
        return self.custom_get_token_ids or self.tokenizer

    def _countable(
        self, messages: Sequence[MessageLikeRepresentation], *, notes: bool = False
    ) -> Sequence[Mapping[str, Any]]:
        from kimi_api.chat._count import countable

        wire = to_wire(_as_messages(messages), refuse="never")
        return countable(wire, resolve_base_url(self.base_url, region=self.region), self.document_cache, notes=notes)

    def get_token_ids(self, text: str) -> list[int]:
        """The ids of the tokens in `text`.

        Raises:
            KimiInputError: there is no `tokenizer`; ids cannot be estimated.
        """
        tokenizer = self._counter()
        if tokenizer is None:
            raise KimiInputError(
                "tokenizer",
                None,
                "token ids need Kimi's vocabulary, which is not part of this package",
                'pass ChatKimi(tokenizer="path/to/tiktoken.model") or tokenizer=KimiTokenizer.from_hub(); for a number '
                "of tokens get_num_tokens(text) is enough",
            )
        return list(tokenizer(text))

    def get_num_tokens(self, text: str) -> int:
        """How many tokens `text` is: exact with a `tokenizer`, otherwise `kimi_api.tokens.estimate_text`. Offline."""
        from kimi_api.tokens import count_text

        return count_text(text, self._counter())

    def get_num_tokens_from_messages(
        self, messages: Sequence[MessageLikeRepresentation], tools: Sequence[Any] | None = None
    ) -> int:
        """Prompt tokens of a request with these messages and tools. Offline, so `trim_messages` may ask at will.

        Thinking counts in every turn that has some: `trim_messages` asks about parts of a history in any order, so
        what K2.6 leaves out of earlier turns counts too. A document counts by its text once that is known, because it
        was sent before, and until then as 1,024 tokens. How exact it is: `kimi_api.tokens.count_messages`.
        """
        from kimi_api.tokens import count_messages

        return count_messages(
            self._countable(messages),
            tools_to_wire(tools or ()),
            model=self.catalog_model or self.model,
            catalog=self._own_catalog(),
            tokenizer=self._counter(),
            thinking=not switches_thinking_off(self.thinking),
            reasoning_effort=self.reasoning_effort,
            response_format=self.response_format,
        )

    def estimate_tokens(self, messages: Sequence[MessageLikeRepresentation]) -> int:
        """Prompt tokens as the platform counts them: one request, unless it was asked before.

        Raises:
            KimiAPIError: the platform refused the request, or cannot be reached.
        """
        from kimi_api.tokens import estimate

        return estimate(self.client, self.model, self._countable(messages, notes=True))

    async def aestimate_tokens(self, messages: Sequence[MessageLikeRepresentation]) -> int:
        """The asynchronous twin of `estimate_tokens`."""
        from kimi_api.tokens import aestimate

        return await aestimate(self.client, self.model, self._countable(messages, notes=True))


def _as_messages(messages: Sequence[MessageLikeRepresentation]) -> Sequence[BaseMessage]:
    """Core's messages of what it takes for them; of a text it would take each letter for one.

    Raises:
        KimiInputError: they are none.
    """
    if isinstance(messages, str):
        raise KimiInputError("messages", messages, "it is a list", "put it into a list, or use get_num_tokens(text)")
    try:
        return convert_to_messages(messages)
    except (ValueError, TypeError, NotImplementedError, AttributeError, KeyError):
        from langchain_kimi._input import wrong_input  # which a good call never needs

        raise wrong_input(messages) from None


def with_tokenizer(arguments: dict[str, Any]) -> dict[str, Any]:
    """Constructor arguments with `tokenizer` as a function, if one is given. Here pydantic does not wrap errors."""
    if arguments.get("tokenizer") is None:
        return arguments
    from kimi_api.tokens import as_tokenizer

    return {**arguments, "tokenizer": as_tokenizer(arguments["tokenizer"])}
