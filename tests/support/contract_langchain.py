"""The contract suite's driver for LangChain."""

from __future__ import annotations

import asyncio
import base64
import json
import warnings
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Any

from contract_kit import (
    Adapter,
    AgentRun,
    Call,
    Chat,
    Document,
    History,
    Loaded,
    Loader,
    Media,
    Message,
    Outcome,
    Tool,
    Way,
)
from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.load import dumpd, dumps
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    messages_from_dict,
    messages_to_dict,
)
from langchain_core.tools import StructuredTool
from langchain_core.tracers import BaseTracer

from kimi_api import KimiWarning, Usage
from langchain_kimi import (
    ChatKimi,
    KimiBatch,
    KimiFileLoader,
    KimiWebSearch,
    dynamic_tools_message,
    get_kimi_cost_callback,
    partial_message,
)


class LangChainChat(Chat):
    """`ChatKimi`: `invoke`, `stream`, `ainvoke`, `astream`; with tools the same on what `bind_tools` gives."""

    def _plain(self, messages: History, call: dict[str, Any]) -> Any:
        bound, arguments = self._bind_call(call)
        return bound.invoke(to_messages(messages), **arguments)

    def _stream(self, messages: History, call: dict[str, Any]) -> Iterator[Any]:
        bound, arguments = self._bind_call(call)
        yield from bound.stream(to_messages(messages), **arguments)  # closes it with itself

    async def _aplain(self, messages: History, call: dict[str, Any]) -> Any:
        bound, arguments = self._bind_call(call)
        return await bound.ainvoke(to_messages(messages), **arguments)

    async def _astream(self, messages: History, call: dict[str, Any]) -> AsyncIterator[Any]:
        bound, arguments = self._bind_call(call)
        async with aclosing(bound.astream(to_messages(messages), **arguments)) as chunks:
            async for chunk in chunks:
                yield chunk

    def _bind_call(self, call: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        call = dict(call)
        tools = call.pop("tools", None)
        if tools is None:
            return self.native, call
        wishes = {name: call.pop(name) for name in ("tool_choice", "parallel_tool_calls") if name in call}
        return self.native.bind_tools([to_tool(tool) for tool in tools], **wishes), call

    def _outcome(self, pieces: list[Any]) -> Outcome:
        message = pieces[0]
        for chunk in pieces[1:]:
            message = message + chunk
        return Outcome(
            native=message,
            message=message,
            text=message.text,
            reasoning=_reasoning(message),
            calls=_calls(message),
            usage=_usage(message.usage_metadata),
            finish_reason=message.response_metadata.get("finish_reason"),
            pieces=[chunk.text for chunk in pieces],
        )

    def calls(self, outcome: Outcome) -> list[Call]:
        return _calls(outcome.native)

    async def arun_agent(
        self, question: str, tools: Sequence[Any], *, history: Sequence[Any] = (), first_choice: str | None = None
    ) -> AgentRun:
        middleware = [_first_choice(first_choice)] if first_choice else []
        agent = create_agent(self.native, tools=[to_tool(tool) for tool in tools], middleware=middleware)
        state: Any = {"messages": [*to_messages(history), HumanMessage(question)]}
        if self.way == "plain":
            state = await asyncio.to_thread(agent.invoke, state)
        elif self.way == "aplain":
            state = await agent.ainvoke(state)
        elif self.way == "streamed":
            modes: Any = ["messages", "values"]  # "messages" makes the model stream
            events = await asyncio.to_thread(lambda: list(agent.stream(state, stream_mode=modes)))
            state = [event for mode, event in events if mode == "values"][-1]
        else:
            async for mode, event in agent.astream(state, stream_mode=["messages", "values"]):
                state = event if mode == "values" else state
        return AgentRun(state["messages"][-1].text, state["messages"])

    def predict(self, schema: type[Any], question: str, *, by_tool: bool = False, **call: Any) -> Any:
        method = {"method": "function_calling"} if by_tool else {}
        chain = self.native.with_structured_output(schema, **method, **call)
        if self.way == "plain":
            return chain.invoke(question)
        if self.way == "streamed":
            return list(chain.stream(question))[-1]

        async def run() -> Any:
            if self.way == "aplain":
                return await chain.ainvoke(question)
            return [piece async for piece in chain.astream(question)][-1]

        return asyncio.run(run())

    def batch(
        self, *, tools: Sequence[Any] = (), schema: type[Any] | None = None, ids: Sequence[str] = (), **settings: Any
    ) -> KimiBatch:
        chain: Any = self.native
        if tools:
            chain = chain.bind_tools([to_tool(tool) for tool in tools])
        if schema is not None:
            chain = chain.with_structured_output(schema)
        return KimiBatch.from_id(chain, *ids) if ids else KimiBatch(chain, **settings)

    def batch_input(self, history: History) -> Any:
        return to_messages(history)

    def batch_answer(self, answer: Any) -> Any:
        return self._outcome([answer]) if isinstance(answer, BaseMessage) else answer

    def count(self, messages: History, tools: Sequence[Any] = ()) -> int:
        return self.native.get_num_tokens_from_messages(self._for_estimates(messages), tools=tools or None)

    def _for_estimates(self, messages: History) -> Any:
        return [HumanMessage(messages)] if isinstance(messages, str) else to_messages(messages)


class LangChainLoader(Loader):
    """`KimiFileLoader`: `load`, `lazy_load`, `aload`, `alazy_load`."""

    def load(self) -> Loaded:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("error")
            warnings.simplefilter("always", KimiWarning)
            documents = self._load()
        return Loaded(
            [Document(d.metadata["file_name"], d.page_content, d.metadata["source"], d.metadata) for d in documents],
            [str(warning.message) for warning in caught],
        )

    def _load(self) -> list[Any]:
        if self.way == "plain":
            return self.native.load()
        if self.way == "streamed":
            return list(self.native.lazy_load())

        async def run() -> list[Any]:
            if self.way == "aplain":
                return await self.native.aload()
            return [document async for document in self.native.alazy_load()]

        return asyncio.run(run())


class LangChain(Adapter):
    """LangChain."""

    name = "langchain"
    model_class = ChatKimi

    def chat(self, native: Any, way: Way = "plain") -> LangChainChat:
        return LangChainChat(native, way)

    def loader(
        self,
        source: Path | Sequence[Path],
        way: Way = "plain",
        *,
        forgiving: bool = False,
        at_once: int = 4,
        **more: Any,
    ) -> LangChainLoader:
        settings = {**self.host, "on_error": "warn" if forgiving else "raise", "max_concurrency": at_once, **more}
        return LangChainLoader(KimiFileLoader(source, **settings), source, way)

    def window(self, native: Any) -> int:
        return native.profile["max_input_tokens"]

    def through_json(self, messages: Sequence[Any]) -> list[BaseMessage]:
        return messages_from_dict(json.loads(json.dumps(messages_to_dict(messages))))

    def dumps(self, native: Any) -> list[str]:
        return [repr(native), str(native), dumps(native), json.dumps(dumpd(native)), repr(native.model_dump())]

    @contextmanager
    def record(self, native: Any) -> Iterator[list[str]]:
        heard: list[str] = []

        class Tracer(BaseTracer):
            def _persist_run(self, run: Any) -> None:
                heard.append(json.dumps(run.model_dump(), default=repr))

        class Listener(BaseCallbackHandler):
            def on_llm_error(self, error: BaseException, **kwargs: Any) -> None:
                heard.append(repr([str(error), error, kwargs]))

        native.callbacks = [Tracer(), Listener()]
        yield heard

    def reasoning_forms(self, text: str, reasoning: str, call: Call) -> dict[str, Any]:
        calls: Any = [{"name": call.name, "args": call.args, "id": call.id}]
        block = {"type": "reasoning", "reasoning": reasoning}
        return {
            "additional_kwargs": AIMessage(text, tool_calls=calls, additional_kwargs={"reasoning_content": reasoning}),
            "content block": AIMessage([block, {"type": "text", "text": text}], tool_calls=calls),
            "v1 message": AIMessage(
                content_blocks=[block, {"type": "text", "text": text}, {"type": "tool_call", **calls[0]}]  # type: ignore[list-item]
            ),
        }

    def native_messages(self, messages: History) -> list[Any]:
        return to_messages(messages)

    def costs(self, **settings: Any) -> Any:
        return get_kimi_cost_callback(**settings)

    def web_search(self) -> KimiWebSearch:
        return KimiWebSearch()


def to_messages(history: History) -> Any:
    """`history` as what `invoke` takes."""
    return history if isinstance(history, str) else [_to_message(message) for message in history]


def _to_message(message: Any) -> Any:
    if isinstance(message, Outcome):
        return message.message
    if not isinstance(message, Message):
        return message
    if message.tools:
        return dynamic_tools_message([to_tool(tool) for tool in message.tools])
    if message.partial:
        return partial_message(message.text, name=message.name, reasoning_content=message.reasoning)
    if message.role == "assistant":
        return _assistant(message)
    content: Any = message.text
    if message.media:
        content = [{"type": "text", "text": message.text}, *(_block(media) for media in message.media)]
    if message.role == "tool":
        return ToolMessage(content, tool_call_id=message.call_id)
    return (SystemMessage if message.role == "system" else HumanMessage)(content, name=message.name)


def _assistant(message: Message) -> AIMessage:
    calls: Any = [{"name": call.name, "args": call.args, "id": call.id} for call in message.calls]
    if message.by:
        blocks = [{"type": "reasoning", "reasoning": message.reasoning, "extras": {"signature": "c2lnbmVk"}}]
        return AIMessage(
            [*blocks, {"type": "text", "text": message.text}],
            tool_calls=calls,
            response_metadata={"model_provider": message.by},
        )
    extra = {} if message.reasoning is None else {"reasoning_content": message.reasoning}
    return AIMessage(message.text, tool_calls=calls, additional_kwargs=extra, name=message.name)


def _block(media: Media) -> dict[str, Any]:
    kind = "file" if media.kind == "document" else media.kind
    block: dict[str, Any] = {"type": kind}
    if media.data is not None:
        block["base64"] = base64.b64encode(media.data).decode()
    elif media.file_id is not None:
        block["file_id"] = media.file_id
    else:
        block["url"] = media.url
    if media.mime is not None:
        block["mime_type"] = media.mime
    if media.name is not None:
        block["filename"] = media.name
    return block


def to_tool(tool: Any) -> Any:
    """A neutral tool as LangChain's own; others as they are."""
    if not isinstance(tool, Tool):
        return tool
    return StructuredTool.from_function(
        tool.function, name=tool.name, args_schema=tool.schema, return_direct=tool.direct
    )


def _first_choice(choice: str) -> Any:
    """Middleware that forces a tool in the first request, as `FunctionAgent(initial_tool_choice=...)` does."""

    def change(request: Any) -> Any:
        has_answered = any(isinstance(message, AIMessage) for message in request.messages)
        return request if has_answered else request.override(tool_choice=choice)

    class _FirstChoice(AgentMiddleware):
        def wrap_model_call(self, request: Any, handler: Any) -> Any:
            return handler(change(request))

        async def awrap_model_call(self, request: Any, handler: Any) -> Any:
            return await handler(change(request))

    return _FirstChoice()


def _calls(message: AIMessage) -> list[Call]:
    calls = [Call(call["name"], call["args"], call["id"] or "") for call in message.tool_calls]
    return calls + [Call(call["name"] or "", None, call["id"] or "") for call in message.invalid_tool_calls]


def _reasoning(message: AIMessage | AIMessageChunk) -> str | None:
    blocks = [block for block in message.content_blocks if block["type"] == "reasoning"]
    extra = message.additional_kwargs.get("reasoning_content")
    if extra is not None and blocks:
        assert "".join(block.get("reasoning", "") for block in blocks) == extra
    return extra if extra is not None else ("".join(b.get("reasoning", "") for b in blocks) if blocks else None)


def _usage(metadata: Mapping[str, Any] | None) -> Usage | None:
    if metadata is None:
        return None
    read, written = metadata.get("input_token_details", {}), metadata.get("output_token_details", {})
    return Usage(
        metadata["input_tokens"],
        metadata["output_tokens"],
        metadata["total_tokens"],
        read.get("cache_read", 0),
        read.get("cache_creation", 0),
        written.get("reasoning", 0),
    )
