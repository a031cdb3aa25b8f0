"""The clients of loaders, parsers and `ChatKimi`: what becomes of them when settings change or models are copied."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from langchain_core.language_models.chat_models import BaseChatModel
from pydantic import ConfigDict, PrivateAttr, SecretStr

from kimi_api import KimiClient
from kimi_api._settings.client import Followed, catalog_of, connection_of, follow
from kimi_api._settings.names import elsewhere
from kimi_api.catalog import Catalog
from kimi_api.credentials import Region
from langchain_kimi._call_arguments import as_secret
from langchain_kimi.errors import error_types

if TYPE_CHECKING:
    from typing import Self


_INSTEAD: Mapping[str, str] = {
    "chat": 'write invoke([...]), e.g. invoke([("user", "Hello")])',
    "achat": "write await ainvoke([...])",
    "complete": 'write invoke("Hello")',
    "acomplete": 'write await ainvoke("Hello")',
    "stream_chat": "write stream([...])",
    "stream_complete": 'write stream("Hello")',
    "astream_chat": "write astream([...])",
    "astream_complete": 'write astream("Hello")',
    "predict": 'write invoke("Hello"), or prompt | llm for a template',
    "apredict": 'write await ainvoke("Hello"), or prompt | llm for a template',
    "chat_with_tools": "write bind_tools(tools).invoke(...), or create_agent(llm, tools)",
    "predict_and_call": "write create_agent(llm, tools)",
    "structured_predict": "write with_structured_output(YourClass).invoke(...)",
    "as_structured_llm": "write with_structured_output(YourClass)",
    "completions": 'write invoke([...]), e.g. invoke([("user", "Hello")])',
}
"""What to write for LlamaIndex's methods."""


class FollowsSettings:
    """What a loader or parser reaches the platform with: a client that was lent, or one with its present settings."""

    api_key: SecretStr | Callable[[], str] | None
    base_url: str | None
    region: Region | None
    timeout: float | None

    def _connect(
        self,
        client: KimiClient | None,
        api_key: str | SecretStr | Callable[[], str] | None,
        base_url: str | None,
        region: Region | None,
        timeout: float | None,
    ) -> None:
        """Take the settings of a constructor. Raises as `KimiClient` does, for a setting that cannot be."""
        self.api_key = as_secret(api_key)
        self.base_url = base_url
        self.region = region
        self.timeout = timeout
        self._lent = client
        self._connection: Followed | None = None
        _ = self.client

    @property
    def client(self) -> KimiClient:
        """The connection to use: the one that was given, or one with the present settings."""
        if self._lent is not None:
            return self._lent
        names = ("api_key", "base_url", "region", "timeout")
        self._connection = followed = follow(self, self._connection, names=names, error_types=error_types)
        return followed[1]


class Connected(BaseChatModel):
    """The part of `ChatKimi` that holds the client, which is made when it is needed and belongs to one instance."""

    if TYPE_CHECKING:  # the fields of `ChatKimi` that are used here
        http_client: Any
        async_http_client: Any
        catalog: Catalog | None

    model_config: ClassVar[ConfigDict] = ConfigDict(defer_build=True)  # never instantiated itself

    _connection: Followed | None = PrivateAttr(default=None)

    if not TYPE_CHECKING:  # a type checker that sees it accepts every name

        def __getattr__(self, name: str) -> object:
            """Pydantic's own, with a hint where the attribute is a method of LlamaIndex's class."""
            try:
                return super().__getattr__(name)
            except AttributeError as error:
                if name not in _INSTEAD:
                    raise
                raise elsewhere(error, name, self, "LlamaIndex's (llama_index_kimi.Kimi)", _INSTEAD[name]) from None

    @property
    def client(self) -> KimiClient:
        """The connection under this model, for files, balance and the like. Made again when a field it uses changes."""
        self._connection = followed = follow(self, connection_of(self), error_types=error_types)
        return followed[1]

    def _own_catalog(self) -> Catalog | None:
        """What is known of the host's models: from `refresh`, or from `catalog=`."""
        return catalog_of(self, connection_of(self))

    def __getstate__(self) -> dict[Any, Any]:
        """Everything but HTTP clients, which hold sockets. A key that was passed in travels, one from outside not."""
        state = dict(super().__getstate__())
        state["__dict__"] = {
            **state["__dict__"],
            "catalog": self._own_catalog(),
            "http_client": None,
            "async_http_client": None,
        }
        state["__pydantic_private__"] = {**(state["__pydantic_private__"] or {}), "_connection": None}
        return state

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """A copy that shares HTTP clients given by hand."""
        memo = {} if memo is None else memo
        for shared in (self.http_client, self.async_http_client):
            if shared is not None:
                memo[id(shared)] = shared
        copied = super().__deepcopy__(memo)
        copied._connection = None
        copied.catalog = self._own_catalog()
        return copied
