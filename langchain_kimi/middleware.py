"""Middleware for agents of the package `langchain`: what Kimi offers and core does not.

`KimiDynamicToolsMiddleware`: tools that an agent loads while it works, by K3's dynamic tools.
`KimiPromptCachingMiddleware`: the prefix cache's settings for a whole agent, by its thread.

Needs the extra `agents`. Importing `langchain_kimi` does not import this module.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, NotRequired

from langchain_core.messages import AnyMessage, BaseMessage, SystemMessage, ToolMessage
from langchain_core.runnables import RunnableBinding
from langchain_core.tools import BaseTool, InjectedToolCallId, StructuredTool
from langchain_core.tools import tool as as_tool

from kimi_api import KimiInputError, ModelSpec, get_model_spec
from kimi_api._warn import warn_once
from kimi_api.account import cache_key
from kimi_api.tools import check_tools
from langchain_kimi._tool_catalogue import Search, ToolCatalogue
from langchain_kimi._tools import tools_to_wire
from langchain_kimi.chat_models import ChatKimi
from langchain_kimi.errors import CORE_ERRORS
from langchain_kimi.messages import dynamic_tools_message

__all__ = ["KimiDynamicToolsMiddleware", "KimiDynamicToolsState", "KimiPromptCachingMiddleware", "Select"]

try:
    from langchain.agents.middleware.types import (
        AgentMiddleware,
        AgentState,
        ModelRequest,
        ModelResponse,
        PrivateStateAttr,
    )
    from langgraph.config import get_config
    from langgraph.types import Command
except ImportError as _error:
    raise ImportError(
        "Middleware is for create_agent of the package langchain, 1.0 or newer: pip install 'kimi-integrations[agents]'"
    ) from _error

if TYPE_CHECKING:
    from langchain.agents.middleware.types import ToolCallRequest

Select = Callable[[Mapping[str, Any]], Iterable[str] | Awaitable[Iterable[str]]]
"""The agent's state -> names of tools that are wanted from now on. May be a coroutine function in async runs."""


def _join_names(old: list[str], new: list[str]) -> list[str]:
    """Names in the order they came, each once. Parallel calls each bring their own."""
    return list(dict.fromkeys([*old, *new]))


class KimiDynamicToolsState(AgentState[Any]):
    """What the middleware keeps in the agent's state, and so in its checkpoints; not part of input and output."""

    kimi_wanted_tools: NotRequired[Annotated[list[str], PrivateStateAttr, _join_names]]
    """Names that the model or the program asked for."""
    kimi_loaded_tools: NotRequired[Annotated[list[str], PrivateStateAttr, _join_names]]
    """Names that a message of the thread has brought, trimmed away since or not."""


class KimiDynamicToolsMiddleware(AgentMiddleware[KimiDynamicToolsState, Any]):
    """Tools that the agent loads when it needs them, without breaking the prefix cache. K3 family.

    ```python
    from langchain.agents import create_agent
    from langchain_kimi import ChatKimi, KimiDynamicToolsMiddleware

    agent = create_agent(
        ChatKimi(),
        tools=[always_at_hand],
        middleware=[KimiDynamicToolsMiddleware([one, of, two, hundred])],
    )
    ```

    The request's own `tools` never change: the agent's tools and `load_tools`, by which the model asks for others by
    name or by what they do. What it asks for comes as one message behind the last tool result
    (`langchain_kimi.dynamic_tools_message`), stays at that place in the thread, and can be called from there on. So all
    that was sent before is sent again byte for byte, and the platform's prefix cache holds.

    * **Parallel calls**: the message stands behind the results of all of them, and brings the tools of all.
    * **Checkpoints**: message and names are part of the thread's state, so a thread taken up again knows its tools.
    * **Trimmed or summarised threads**: when a message that brought tools is not sent any more, its tools are declared
      again in front of what is left, at the same place each time. A middleware that trims the request itself, or
      chooses another model (both in `wrap_model_call`), stands before this one in the list.
    * **A tool that is not loaded** is not run, though the model may guess its name: the model is told to load it.
    * **Other models**, K2.x or another vendor's (also as a fallback in the middle of a thread), take no tools in
      messages: what is loaded goes into the request's `tools` instead, which costs the cache at each loading. One
      warning per model says so; `unsupported="error"` makes it an error.

    Args:
        tools: the catalogue: functions and `BaseTool`s, as for `create_agent`, but not passed to it as well.
        select: names to load whatever the model asks for, from the agent's state, asked before each call of the model
            (`select=lambda state: ["refund"] if state["customer"] else []`). A tool once loaded stays.
        loader: the name of the tool by which the model loads others; None leaves loading to `select` alone.
        search: how tools are found for a query: `(query, catalogue) -> names`, best first; None compares words.
        unsupported: "warn" or "error", for models that take no tools in messages.

    Raises:
        KimiInputError: a tool that cannot be run; a name twice (in the catalogue, or in it and among the agent's
            tools); a name that `select` gave and nobody knows. Always before a request is sent.

    https://platform.kimi.ai/docs/guide/use-dynamic-tool-loading
    """

    state_schema = KimiDynamicToolsState

    def __init__(
        self,
        tools: Sequence[BaseTool | Callable[..., Any]],
        *,
        select: Select | None = None,
        loader: str | None = "load_tools",
        search: Search | None = None,
        unsupported: str = "warn",
    ) -> None:
        super().__init__()
        if unsupported not in ("warn", "error"):
            raise KimiInputError("unsupported", unsupported, "it is 'warn' or 'error'", "leave it out for 'warn'")
        if loader is None and select is None:
            raise KimiInputError(
                "loader", None, "without a loading tool and without select nothing is ever loaded", "pass select=..."
            )
        self._catalogue = ToolCatalogue([_runnable(tool) for tool in tools], search)
        self._select = select
        self._loader = _loading_tool(loader, self._catalogue) if loader else None
        self._unsupported = unsupported
        own = [*self._catalogue.tools, *([self._loader] if self._loader else [])]
        check_tools(tools_to_wire(own), where="tools of KimiDynamicToolsMiddleware")
        # The agent's ToolNode runs them; `wrap_model_call` keeps those of the catalogue out of the request.
        self.tools: Sequence[BaseTool] = own

    # ---------------------------------------------------------------- loading: behind the last tool result

    def before_model(self, state: Mapping[str, Any], runtime: object) -> dict[str, Any] | None:
        """Append the message that brings what was asked for since the last call."""
        chosen: Any = self._select(state) if self._select else ()
        if isinstance(chosen, Awaitable):
            close = getattr(chosen, "close", None)
            if close:
                close()  # it will not be awaited, and would warn of it
            raise KimiInputError(
                "select", "a coroutine function", "this agent runs synchronously", "use ainvoke or astream"
            )
        return self._loading(state, chosen)

    async def abefore_model(self, state: Mapping[str, Any], runtime: object) -> dict[str, Any] | None:
        """The asynchronous twin of `before_model`."""
        chosen: Any = self._select(state) if self._select else ()
        return self._loading(state, await chosen if isinstance(chosen, Awaitable) else chosen)

    def _loading(self, state: Mapping[str, Any], chosen: Iterable[str]) -> dict[str, Any] | None:
        chosen = list(chosen)
        for name in chosen:
            if name not in self._catalogue:
                raise self._catalogue.unknown("select", name)
        known = {*state.get("kimi_loaded_tools", ()), *names_in_messages(state["messages"])}
        requested = _join_names(state.get("kimi_wanted_tools", []), chosen)
        fresh = [name for name in requested if name not in known and name in self._catalogue]
        if not fresh:
            return None
        return {"messages": [dynamic_tools_message(self._catalogue.tools_named(fresh))], "kimi_loaded_tools": fresh}

    # ---------------------------------------------------------------- the request

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """Keep the catalogue out of the request's `tools`, and see that every loaded tool is declared once."""
        return handler(self._prepare(request))

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> ModelResponse[Any]:
        """The asynchronous twin of `wrap_model_call`."""
        return await handler(self._prepare(request))

    @CORE_ERRORS
    def _prepare(self, request: ModelRequest[Any]) -> ModelRequest[Any]:
        standing: list[BaseTool | dict[str, Any]] = []
        for tool in request.tools:
            name = tool.name if isinstance(tool, BaseTool) else (tool.get("function") or tool).get("name")
            ours = self._catalogue.get(name)
            if ours is None:
                standing.append(tool)
            elif tool is not ours:
                raise KimiInputError(
                    "tools",
                    name,
                    "it is in the catalogue of KimiDynamicToolsMiddleware and among the agent's own tools",
                    "pass it to one of the two, or rename one",
                )
        messages: list[AnyMessage] = list(request.messages)
        loaded = _loaded_names(request.state, messages)
        spec = _spec_of(request)
        if spec is not None and spec.dynamic_tools:
            there = names_in_messages(messages)
            gone = [name for name in loaded if name not in there and name in self._catalogue]
            if gone:
                messages.insert(0, dynamic_tools_message(self._catalogue.tools_named(gone)))
            return request.override(tools=standing, messages=messages)
        messages = [message for message in messages if not _brings_tools(message)]
        if loaded:
            self._report_inability(spec.id if spec is not None else type(request.model).__name__)
        return request.override(
            tools=[*standing, *self._catalogue.tools_named(n for n in loaded if n in self._catalogue)],
            messages=messages,
        )

    def _report_inability(self, model: str) -> None:
        text = f"{model} takes no tools in messages (the K3 family does)"
        if self._unsupported == "error":
            raise KimiInputError("model", model, text, "use a K3 model, or unsupported='warn'")
        warn_once(
            ("dynamic tools", model),
            f"{text}: loaded tools go into the request's own tools, which breaks the prefix cache at each loading",
        )

    # ---------------------------------------------------------------- the calls

    def wrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], ToolMessage | Command[Any]]
    ) -> ToolMessage | Command[Any]:
        """Run the call, unless it is of a tool that the model has not seen."""
        return self._refuse(request) or handler(request)

    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[ToolMessage | Command[Any]]]
    ) -> ToolMessage | Command[Any]:
        """The asynchronous twin of `wrap_tool_call`."""
        return self._refuse(request) or await handler(request)

    def _refuse(self, request: ToolCallRequest) -> ToolMessage | None:
        call = request.tool_call
        name = call["name"]
        if name not in self._catalogue or name in _loaded_names(request.state, request.state["messages"]):
            return None
        advice = f"call {self._loader.name} first" if self._loader else "it cannot be called now"
        return ToolMessage(
            f"{name} is not loaded, so its parameters are not known: {advice}.",
            tool_call_id=call["id"],
            name=name,
            status="error",
        )


class KimiPromptCachingMiddleware(AgentMiddleware[AgentState[Any], Any]):
    """The prefix cache for a whole agent: its thread's requests meet, and what they wrote is kept as long as asked.

    ```python
    from langchain.agents import create_agent
    from langchain_kimi import ChatKimi, KimiPromptCachingMiddleware

    agent = create_agent(ChatKimi(), tools=[...], middleware=[KimiPromptCachingMiddleware(ttl="1h")])
    agent.invoke({"messages": [...]}, {"configurable": {"thread_id": "anna@example.org"}})
    ```

    Each request of the model gets `prompt_cache_key`, a hash of the thread's id (`kimi_api.account.cache_key`; the id
    itself, which may be an address, is not sent), and `cache_ttl`. One model can so serve all threads. What the model
    or the request says itself stays; a run without a thread gets no key; models other than `ChatKimi` (a fallback,
    say) get neither.

    Args:
        ttl: "5m" or "1h" keeps written prefixes so long after their last use. Writing for an hour costs twice as much.
            None leaves it to the platform, which keeps them five minutes.
        salt: a secret of your application that goes into the hash, kept for good: without it whoever sees the key can
            try out addresses.

    Raises:
        KimiInputError: another `ttl`.

    https://platform.kimi.ai/docs/guide/use-context-caching-feature-of-kimi-api
    """

    def __init__(self, ttl: Literal["5m", "1h"] | None = None, *, salt: str | bytes = b"") -> None:
        super().__init__()
        if ttl not in (None, "5m", "1h"):
            raise KimiInputError("ttl", ttl, "it is '5m' or '1h'", "leave it out for what the platform does")
        self.ttl = ttl
        self._salt = salt

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """Send the request with the thread's key and the time to live."""
        return handler(self._add_cache_key(request))

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> ModelResponse[Any]:
        """The asynchronous twin of `wrap_model_call`."""
        return await handler(self._add_cache_key(request))

    @CORE_ERRORS
    def _add_cache_key(self, request: ModelRequest[Any]) -> ModelRequest[Any]:
        model, bound = _unbound(request.model)
        if not isinstance(model, ChatKimi):
            return request
        thread = get_config().get("configurable", {}).get("thread_id")
        ours = {
            "prompt_cache_key": None if thread is None else cache_key(str(thread), salt=self._salt),
            "cache_ttl": self.ttl,
        }
        settings = dict(request.model_settings)
        for name, value in ours.items():
            if settings.get(name) is None:
                # `create_agent` drops what is bound to a model that it gives tools to.
                value = bound.get(name) or (value if getattr(model, name) is None else None)
                if value is not None:
                    settings[name] = value
        return request.override(model_settings=settings)


def names_in_messages(messages: Iterable[BaseMessage]) -> set[str]:
    """Names of the tools that messages bring."""
    names: set[str] = set()
    for message in messages:
        if _brings_tools(message):
            for tool in message.additional_kwargs["tools"]:
                names.add(str((tool.get("function") or {}).get("name")))
    return names


def _brings_tools(message: BaseMessage) -> bool:
    return isinstance(message, SystemMessage) and bool(message.additional_kwargs.get("tools"))


def _loaded_names(state: Mapping[str, Any], messages: Iterable[BaseMessage]) -> list[str]:
    """Names of loaded tools: those in the state, in the order of loading, then those that only a message holds."""
    return _join_names(state.get("kimi_loaded_tools", []), sorted(names_in_messages(messages)))


def _spec_of(request: ModelRequest[Any]) -> ModelSpec | None:
    """The rules of the Kimi model that this call asks for; None for another vendor's."""
    model, bound = _unbound(request.model)
    if not isinstance(model, ChatKimi):
        return None
    call = {**bound, **request.model_settings}
    name = call.get("model") or model.model
    alias = call.get("catalog_model") or (model.catalog_model if name == model.model else None)
    return get_model_spec(name, catalog_model=alias, catalog=model._own_catalog())


def _unbound(model: object) -> tuple[Any, dict[str, Any]]:
    """The model itself, and the arguments that are bound to it."""
    bound: dict[str, Any] = {}
    while isinstance(model, RunnableBinding):
        bound = {**model.kwargs, **bound}
        model = model.bound
    return model, bound


def _runnable(tool: object) -> BaseTool:
    if isinstance(tool, BaseTool):
        return tool
    if callable(tool) and not isinstance(tool, type):
        return as_tool(tool)
    raise KimiInputError(
        "tools of KimiDynamicToolsMiddleware",
        tool,
        "the agent runs them, so each is a function or a BaseTool",
        "make one by langchain_core.tools.tool; a definition without code belongs to bind_tools",
    )


def _loading_tool(name: str, catalogue: ToolCatalogue) -> BaseTool:
    """The tool by which the model asks for others. Its definition is part of the cached prefix, so it never changes."""

    def load_tools(
        tool_call_id: Annotated[str, InjectedToolCallId], names: list[str] | None = None, query: str | None = None
    ) -> Command[Any]:
        chosen, text = catalogue.select(names or [], query or "")
        result = ToolMessage(text, tool_call_id=tool_call_id, name=name, status="success" if chosen else "error")
        return Command(update={"messages": [result], "kimi_wanted_tools": chosen})

    return StructuredTool.from_function(load_tools, name=name, description=catalogue.description)
