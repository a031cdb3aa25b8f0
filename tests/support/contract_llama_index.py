"""The contract suite's driver for LlamaIndex."""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from contract_kit import (
    STREAMED,
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
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import (
    AudioBlock,
    ChatMessage,
    ChatResponse,
    DocumentBlock,
    ImageBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    VideoBlock,
)
from llama_index.core.callbacks import CallbackManager
from llama_index.core.callbacks.base_handler import BaseCallbackHandler
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.span_handlers import BaseSpanHandler
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from llama_index.core.types import PydanticProgramMode
from pydantic import BaseModel, ValidationError
from scripted_kimi import NEW_CORE

from kimi_api import Usage
from llama_index_kimi import (
    Kimi,
    KimiBatch,
    KimiFileReader,
    KimiWebSearchToolSpec,
    dynamic_tools_message,
    get_kimi_costs,
    partial_message,
)


class LlamaIndexChat(Chat):
    """`Kimi`: `chat`, `stream_chat`, `achat`, `astream_chat`; with tools `chat_with_tools` and its three twins."""

    def _plain(self, messages: History, call: dict[str, Any]) -> Any:
        return self._method("chat", call)(**self._arguments(messages, call))

    def _stream(self, messages: History, call: dict[str, Any]) -> Iterator[Any]:
        yield from self._method("stream_chat", call)(**self._arguments(messages, call))

    async def _aplain(self, messages: History, call: dict[str, Any]) -> Any:
        return await self._method("achat", call)(**self._arguments(messages, call))

    async def _astream(self, messages: History, call: dict[str, Any]) -> AsyncIterator[Any]:
        responses = await self._method("astream_chat", call)(**self._arguments(messages, call))
        async with aclosing(responses):
            async for response in responses:
                yield response

    def _method(self, name: str, call: dict[str, Any]) -> Any:
        return getattr(self.native, name if call.get("tools") is None else f"{name}_with_tools")

    def _arguments(self, messages: History, call: dict[str, Any]) -> dict[str, Any]:
        history = to_messages(messages)
        if call.get("tools") is None:
            return {"messages": history, **call}
        call = {**call, "tools": [to_tool(tool) for tool in call["tools"]]}
        # LlamaIndex keeps one call unless told otherwise; the neutral default is the platform's, which keeps all.
        parallel = call.pop("parallel_tool_calls", True)
        return {"chat_history": history, "allow_parallel_tool_calls": parallel, **call}

    def _outcome(self, pieces: list[Any]) -> Outcome:
        last = pieces[-1]
        thinking = [block.content for block in last.message.blocks if isinstance(block, ThinkingBlock)]
        choices = last.raw.get("choices") if isinstance(last.raw, dict) else None
        deltas = [response.delta or "" for response in pieces]
        return Outcome(
            native=last,
            message=last.message,
            text=last.message.content or "",
            reasoning="".join(text or "" for text in thinking) if thinking else None,
            calls=self._calls(last),
            usage=_usage(last.additional_kwargs),
            finish_reason=choices[0]["finish_reason"] if choices else None,
            pieces=deltas if self.way in STREAMED else [last.message.content or ""],
        )

    def calls(self, outcome: Outcome) -> list[Call]:
        return self._calls(outcome.native)

    def _calls(self, response: Any) -> list[Call]:
        selections = self.native.get_tool_calls_from_response(response, error_on_no_tool_call=False)
        return [_call(call) for call in selections]

    async def arun_agent(
        self, question: str, tools: Sequence[Any], *, history: Sequence[Any] = (), first_choice: str | None = None
    ) -> AgentRun:
        forced: dict[str, Any] = {} if first_choice is None else {"initial_tool_choice": first_choice}
        agent = FunctionAgent(
            llm=self.native,
            tools=[to_tool(tool) for tool in tools],
            streaming=self.way in STREAMED,
            **forced,
        )
        memory = ChatMemoryBuffer.from_defaults(chat_history=to_messages(history), token_limit=100_000)
        answer = await agent.run(question, memory=memory)
        return AgentRun(str(answer), memory.get_all())

    def predict(self, schema: type[Any], question: str, *, by_tool: bool = False, **call: Any) -> Any:
        llm = self.native
        if by_tool:
            llm = llm.model_copy(update={"pydantic_program_mode": PydanticProgramMode.FUNCTION})
        arguments: dict[str, Any] = {"question": question}
        if call:
            arguments["llm_kwargs"] = call
        prompt = PromptTemplate("{question}")
        if self.way == "plain":
            return llm.structured_predict(schema, prompt, **arguments)
        if self.way == "streamed":
            return list(llm.stream_structured_predict(schema, prompt, **arguments))[-1]

        async def run() -> Any:
            if self.way == "aplain":
                return await llm.astructured_predict(schema, prompt, **arguments)
            pieces = await llm.astream_structured_predict(schema, prompt, **arguments)
            return [piece async for piece in pieces][-1]

        return asyncio.run(run())

    def batch(
        self, *, tools: Sequence[Any] = (), schema: type[Any] | None = None, ids: Sequence[str] = (), **settings: Any
    ) -> KimiBatch:
        llm: Any = self.native if schema is None else self.native.as_structured_llm(schema)
        if ids:
            return KimiBatch.from_id(llm, *ids)
        more = {"tools": [to_tool(tool) for tool in tools]} if tools else {}
        return KimiBatch(llm, **more, **settings)

    def batch_input(self, history: History) -> Any:
        return history if isinstance(history, str) else to_messages(history)

    def batch_answer(self, answer: Any) -> Any:
        if not isinstance(answer, ChatResponse):
            return answer
        return answer.raw if isinstance(answer.raw, BaseModel) else self._outcome([answer])

    def count(self, messages: History, tools: Sequence[Any] = ()) -> int:
        return self.native.count_tokens(to_messages(messages), [to_tool(tool) for tool in tools])

    def _for_estimates(self, messages: History) -> Any:
        return to_messages(messages)


class LlamaIndexLoader(Loader):
    """`KimiFileReader`: `load_data`, `lazy_load_data`, `aload_data`, `alazy_load_data`."""

    def load(self) -> Loaded:
        complaints: list[str] = []

        class Listener(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                complaints.append(record.getMessage())

        logger, listener = logging.getLogger("llama_index_kimi"), Listener(logging.WARNING)
        logger.addHandler(listener)
        try:
            documents = self._load()
        finally:
            logger.removeHandler(listener)
        loaded = [Document(d.metadata["file_name"], d.text, d.metadata["file_path"], d.metadata) for d in documents]
        return Loaded(loaded, complaints)

    def _load(self) -> list[Any]:
        if self.way == "plain":
            return self.native.load_data(self.source)
        if self.way == "streamed":
            return list(self.native.lazy_load_data(self.source))

        async def run() -> list[Any]:
            if self.way == "aplain":
                return await self.native.aload_data(self.source)
            return list(await self.native.alazy_load_data(self.source))

        return asyncio.run(run())


class LlamaIndex(Adapter):
    """LlamaIndex."""

    name = "llama_index"
    model_class = Kimi

    def chat(self, native: Any, way: Way = "plain") -> LlamaIndexChat:
        return LlamaIndexChat(native, way)

    def loader(
        self,
        source: Path | Sequence[Path],
        way: Way = "plain",
        *,
        forgiving: bool = False,
        at_once: int = 4,
        **more: Any,
    ) -> LlamaIndexLoader:
        settings = {**self.host, "raise_on_error": not forgiving, "num_workers": at_once, **more}
        return LlamaIndexLoader(KimiFileReader(**settings), source, way)

    def window(self, native: Any) -> int:
        return native.metadata.context_window

    def through_json(self, messages: Sequence[Any]) -> list[ChatMessage]:
        try:
            return [ChatMessage.model_validate_json(message.model_dump_json()) for message in messages]
        except ValidationError:
            assert not NEW_CORE
            pytest.skip("this core cannot read the sound of a message back")

    def dumps(self, native: Any) -> list[str]:
        texts = [repr(native), str(native), native.to_json(), json.dumps(native.to_dict(), default=str)]
        return [*texts, repr(native.model_dump()), repr(native.to_payload())]

    @contextmanager
    def record(self, native: Any) -> Iterator[list[str]]:
        heard: list[str] = []

        class Events(BaseEventHandler):
            def handle(self, event: Any, **kwargs: Any) -> None:
                heard.append(repr([event.model_dump(), event]))

        class Spans(BaseSpanHandler[Any]):
            def new_span(self, *args: Any, **kwargs: Any) -> None:
                heard.append(repr([args, kwargs]))

            def prepare_to_exit_span(self, *args: Any, **kwargs: Any) -> None:
                heard.append(repr([args, kwargs]))

            def prepare_to_drop_span(self, *args: Any, err: BaseException | None = None, **kwargs: Any) -> None:
                trace = "".join(traceback.format_exception(err)) if err else ""
                heard.append(repr([args, kwargs, err, trace]))

        class Listener(BaseCallbackHandler):
            def on_event_start(self, *args: Any, **kwargs: Any) -> str:
                heard.append(repr([args, kwargs]))
                return ""

            def on_event_end(self, *args: Any, **kwargs: Any) -> None:
                heard.append(repr([args, kwargs]))

            def start_trace(self, trace_id: str | None = None) -> None: ...

            def end_trace(self, trace_id: str | None = None, trace_map: Any = None) -> None: ...

        dispatcher = get_dispatcher()
        events, spans = dispatcher.event_handlers, dispatcher.span_handlers
        dispatcher.event_handlers, dispatcher.span_handlers = [*events, Events()], [*spans, Spans()]
        native.callback_manager = CallbackManager([Listener([], [])])
        try:
            yield heard
        finally:
            dispatcher.event_handlers, dispatcher.span_handlers = events, spans

    def reasoning_forms(self, text: str, reasoning: str, call: Call) -> dict[str, Any]:
        block = ToolCallBlock(tool_call_id=call.id, tool_name=call.name, tool_kwargs=call.args)  # type: ignore[arg-type]
        function = {"name": call.name, "arguments": json.dumps(call.args)}
        stored = {"id": call.id, "type": "function", "function": function}
        return {
            "block": ChatMessage(
                role="assistant", blocks=[ThinkingBlock(content=reasoning), TextBlock(text=text), block]
            ),
            "additional_kwargs": ChatMessage(
                role="assistant",
                content=text,
                additional_kwargs={"reasoning_content": reasoning, "tool_calls": [stored]},
            ),
        }

    def native_messages(self, messages: History) -> list[Any]:
        return to_messages(messages)

    def costs(self, **settings: Any) -> Any:
        return get_kimi_costs(**settings)

    def web_search(self) -> FunctionTool:
        return KimiWebSearchToolSpec().to_tool_list()[0]


def to_messages(history: History) -> list[ChatMessage]:
    """`history` as what `chat` takes."""
    return [ChatMessage(history)] if isinstance(history, str) else [_to_message(message) for message in history]


def _to_message(message: Any) -> Any:
    if isinstance(message, Outcome):
        return message.message
    if not isinstance(message, Message):
        return message
    if message.tools:
        return dynamic_tools_message([to_tool(tool) for tool in message.tools])
    if message.partial:
        return partial_message(message.text, name=message.name, reasoning_content=message.reasoning)
    blocks: list[Any] = []
    if message.reasoning is not None:
        noted = {"signature": "c2lnbmVk"} if message.by else {}
        blocks.append(ThinkingBlock(content=message.reasoning, additional_information=noted))
    if message.text or not (message.calls or message.media):
        blocks.append(TextBlock(text=message.text))
    blocks += [_block(media) for media in message.media]
    blocks += [
        ToolCallBlock(tool_call_id=call.id, tool_name=call.name, tool_kwargs=call.args or {}) for call in message.calls
    ]
    extra = {"name": message.name} if message.name else {}
    if message.call_id is not None:
        extra["tool_call_id"] = message.call_id
    return ChatMessage(role=message.role, blocks=blocks, additional_kwargs=extra)


def _call(selection: Any) -> Call:
    """A selection; one whose arguments cannot be read is named so that no tool is run for it."""
    name = selection.tool_name.removesuffix(" (unreadable arguments)")
    return Call(name, selection.tool_kwargs if name == selection.tool_name else None, selection.tool_id)


def _block(media: Media) -> ImageBlock | VideoBlock | DocumentBlock | AudioBlock:
    url = f"ms://{media.file_id}" if media.file_id is not None else media.url
    if media.kind == "image":
        return ImageBlock(image=media.data, url=url, image_mimetype=media.mime)
    if media.kind == "document":
        return DocumentBlock(data=media.data, url=url, title=media.name, document_mimetype=media.mime)
    if media.kind == "audio":
        place = {"url": url} if url is not None else {}  # an older core takes no None
        return AudioBlock(audio=media.data, **place, format=(media.mime or "").rpartition("/")[2] or None)
    return VideoBlock(video=media.data, url=url, video_mimetype=media.mime)


def to_tool(tool: Any) -> Any:
    """A neutral tool as LlamaIndex's own; others as they are."""
    if isinstance(tool, Tool):
        return FunctionTool.from_defaults(
            tool.function, name=tool.name, fn_schema=tool.schema, return_direct=tool.direct
        )
    return FunctionTool.from_defaults(tool) if callable(tool) and not isinstance(tool, FunctionTool) else tool


def _usage(counts: Mapping[str, Any]) -> Usage | None:
    if "total_tokens" not in counts:
        return None
    return Usage(
        counts["prompt_tokens"],
        counts["completion_tokens"],
        counts["total_tokens"],
        counts["cached_tokens"],
        counts["cache_write_tokens"],
        counts["reasoning_tokens"],
    )
