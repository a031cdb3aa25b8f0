"""The client of a `Kimi`, and what becomes of it when the model is changed, copied or pickled."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

from llama_index.core.base.llms.generic_utils import messages_to_prompt
from llama_index.core.callbacks import CallbackManager
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.llm import default_completion_to_prompt
from pydantic import BaseModel, ConfigDict, PrivateAttr

from kimi_api._settings.client import Followed, catalog_of, connection_of, follow
from kimi_api._settings.names import elsewhere
from kimi_api.catalog import Catalog
from kimi_api.client import KimiClient

logger = logging.getLogger(__name__)

_CLIENTS = ("http_client", "async_http_client")
_SHARED = (*_CLIENTS, "callback_manager", "rate_limiter")
"""Fields that a copy shares with its original: they hold connections, locks, or what others listen to."""
_LEFT_BEHIND = (*_SHARED, "messages_to_prompt", "completion_to_prompt", "output_parser")
"""Fields that a pickle replaces by their defaults: connections always, the others when they cannot be pickled."""
_CORE_DEFAULTS: Mapping[str, Callable[[], Any]] = {
    "callback_manager": lambda: CallbackManager([]),
    "messages_to_prompt": lambda: messages_to_prompt,
    "completion_to_prompt": lambda: default_completion_to_prompt,
}
"""What core's validators put into these fields."""


_INSTEAD: Mapping[str, str] = {
    "invoke": 'write complete("Hello") for a text, or chat([ChatMessage("Hello")]) for messages',
    "ainvoke": 'write await acomplete("Hello"), or await achat([ChatMessage("Hello")])',
    "batch": "call complete for each text, or acomplete with asyncio.gather",
    "abatch": "call acomplete for each text, with asyncio.gather",
    "generate": 'write complete("Hello")',
    "bind": "pass the arguments with the call, or to the constructor",
    "bind_tools": "write chat_with_tools(tools, ...), or FunctionAgent(tools=..., llm=...)",
    "with_structured_output": "write as_structured_llm(YourClass)",
    "with_retry": "pass max_retries=... to the constructor",
    "completions": 'write chat([ChatMessage("Hello")])',
}
"""What to write for LangChain's methods."""


class Connected(FunctionCallingLLM):
    """The part of `Kimi` that holds the client. Clients are made when needed and belong to one instance."""

    if TYPE_CHECKING:  # a field of `Kimi` that is used here
        catalog: Catalog | None

    model_config: ClassVar[ConfigDict] = ConfigDict(defer_build=True)  # never instantiated itself

    _connection: Followed | None = PrivateAttr(default=None)

    if not TYPE_CHECKING:  # a type checker that sees it accepts every name

        def __getattr__(self, name: str) -> object:
            """Pydantic's own, with a hint where the attribute is a method of LangChain's class."""
            try:
                return super().__getattr__(name)
            except AttributeError as error:
                if name not in _INSTEAD:
                    raise
                raise elsewhere(error, name, self, "LangChain's (langchain_kimi.ChatKimi)", _INSTEAD[name]) from None

    @property
    def client(self) -> KimiClient:
        """The connection under this model, for files, balance and the like. Made again when a field it uses changes."""
        return self._connect()

    def _connect(self) -> KimiClient:
        """The client for the present connection settings."""
        self._connection = followed = follow(self, connection_of(self))
        return followed[1]

    def _own_catalog(self) -> Catalog | None:
        """What is known of the host's models: from `refresh`, or from `catalog=`."""
        return catalog_of(self, connection_of(self))

    def __getstate__(self) -> dict[str, Any]:
        """What a pickle carries: the fields, without connections and what cannot be pickled.

        The key is part of it only if it was passed in: worker processes need it. One from the environment is read
        there again.
        """
        members = {**self.__dict__, "catalog": self._own_catalog()}
        for name in _LEFT_BEHIND:
            if members.get(name) is not None and (name in _CLIENTS or not _pickles(members[name])):
                members[name] = None
        return {
            "__dict__": members,
            "__pydantic_extra__": None,
            "__pydantic_fields_set__": set(self.model_fields_set),
            "__pydantic_private__": {"_connection": None},
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        # Not through __init__, as core does: a worker without a key is to fail with its first request, not here.
        BaseModel.__setstate__(self, state)
        for name, default in _CORE_DEFAULTS.items():
            if not getattr(self, name):
                setattr(self, name, default())

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Pydantic's copy; `update` may also name connection settings."""
        copied = super().model_copy(update=update, deep=deep)
        copied._connection = None
        copied.catalog = catalog_of(copied, self._connection)
        return copied

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        memo = {} if memo is None else memo
        for name in _SHARED:
            value = getattr(self, name, None)
            if value is not None:
                memo[id(value)] = value
        memo[id(self._connection)] = None
        copied = super().__deepcopy__(memo)
        copied.catalog = self._own_catalog()
        return copied


def _pickles(value: object) -> bool:
    try:
        pickle.dumps(value)
    except Exception as error:
        logger.debug("not part of the pickle: %r (%s)", type(value), error)
        return False
    return True
