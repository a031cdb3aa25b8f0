"""The peers: how each is made, streams, answers a conversation, and runs an agent. Imports happen inside."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Any

from benchmarks.run import KEY, block_message

Work = Callable[[], Any]
Wire = list[dict[str, Any]]

QUESTION: Wire = [{"role": "user", "content": "x"}]


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def on_loop(work: Coroutine[Any, Any, Any]) -> Any:
    """Run `work` on the one event loop of this process: most peers' connections outlive no loop."""
    return _loop().run_until_complete(work)


def look(a: str) -> str:
    """Look something up."""
    return f"result of {a}"


class Peer:
    """One way of talking to the server.

    Attributes:
        imports: the statement whose cost is measured.
        packages: whose versions are named in the report.
        lacks: cases that it does not have.
    """

    imports = ""
    packages: tuple[str, ...] = ()
    lacks: frozenset[str] = frozenset({"agent"})

    def open(self, url: str) -> Any:
        """A model that asks at `url`."""
        raise NotImplementedError

    def stream(self, model: Any) -> Iterator[Any]:
        """A streamed answer to a short question."""
        raise NotImplementedError

    async def astream(self, model: Any) -> AsyncIterator[Any]:
        """The same on an event loop."""
        raise NotImplementedError
        yield

    def call(self, model: Any, messages: Wire, tools: Wire) -> Work:
        """A call with so many messages and tools, made ready beforehand as its users have them."""
        raise NotImplementedError

    def agent(self, model: Any) -> Work:
        """A run of the framework's own agent with the tool `look`."""
        raise NotImplementedError


class BareHttp(Peer):
    """httpx and json, and nothing else: the floor of all."""

    imports = "import httpx, json"
    packages = ("httpx",)

    def open(self, url: str) -> Any:
        library: Any = import_module(self.packages[0])
        limits = library.Limits(max_connections=2_000, max_keepalive_connections=100)
        headers = {"Authorization": f"Bearer {KEY}"}
        self.sync = library.Client(timeout=600, headers=headers, limits=limits)
        self.on_loop = library.AsyncClient(timeout=600, headers=headers, limits=limits)
        return f"{url}/chat/completions"

    def stream(self, model: Any) -> Iterator[Any]:
        with self.sync.stream("POST", model, json=body(QUESTION, stream=True)) as answer:
            for line in answer.iter_lines():
                if line.startswith("data: {"):
                    yield json.loads(line[6:])

    async def astream(self, model: Any) -> AsyncIterator[Any]:
        async with self.on_loop.stream("POST", model, json=body(QUESTION, stream=True)) as answer:
            async for line in answer.aiter_lines():
                if line.startswith("data: {"):
                    yield json.loads(line[6:])

    def ask(self, address: Any, wire: Mapping[str, Any]) -> Any:
        """The whole answer to a request."""
        return self.sync.post(address, json=wire).json()

    async def aask(self, address: Any, wire: Mapping[str, Any]) -> Any:
        """The same on an event loop."""
        return (await self.on_loop.post(address, json=wire)).json()

    def call(self, model: Any, messages: Wire, tools: Wire) -> Work:
        return lambda: self.ask(model, body(messages, tools))


class BareHttp2(BareHttp):
    """The same with httpx2, through which openai 3 sends, and so do we."""

    imports = "import httpx2, json"
    packages = ("httpx2",)


def body(messages: Wire, tools: Wire = [], **more: Any) -> dict[str, Any]:  # noqa: B006 - never changed
    """A request."""
    return {"model": "kimi-k3", "messages": messages, **({"tools": tools} if tools else {}), **more}


class Post(BareHttp):
    """The SDK's `post` of plain dicts: what nobody can save who sends through the SDK, for its errors and settings."""

    imports = "import openai"
    packages = ("openai",)

    def open(self, url: str) -> Any:
        import openai

        self.on_loop = openai.AsyncOpenAI(base_url=url, api_key=KEY, timeout=600)
        self.sync = openai.OpenAI(base_url=url, api_key=KEY, timeout=600)
        self.events: dict[str, Any] = {"cast_to": object, "body": body(QUESTION, stream=True), "stream": True}
        self.of_sync, self.of_loop = openai.Stream[object], openai.AsyncStream[object]
        return "/chat/completions"

    def stream(self, model: Any) -> Iterator[Any]:
        yield from self.sync.post(model, stream_cls=self.of_sync, **self.events)

    async def astream(self, model: Any) -> AsyncIterator[Any]:
        async for event in await self.on_loop.post(model, stream_cls=self.of_loop, **self.events):
            yield event

    def ask(self, address: Any, wire: Mapping[str, Any]) -> Any:
        return self.sync.post(address, cast_to=object, body=wire)

    async def aask(self, address: Any, wire: Mapping[str, Any]) -> Any:
        return await self.on_loop.post(address, cast_to=object, body=wire)


class OpenAISDK(Peer):
    """The SDK, typed, as its README shows it."""

    imports = "import openai"
    packages = ("openai",)

    def open(self, url: str) -> Any:
        import openai

        self.on_loop = openai.AsyncOpenAI(base_url=url, api_key=KEY, timeout=600)
        return openai.OpenAI(base_url=url, api_key=KEY, timeout=600)

    def stream(self, model: Any) -> Iterator[Any]:
        yield from model.chat.completions.create(model="kimi-k3", messages=QUESTION, stream=True)

    async def astream(self, model: Any) -> AsyncIterator[Any]:
        async for chunk in await self.on_loop.chat.completions.create(model="kimi-k3", messages=QUESTION, stream=True):  # type: ignore[arg-type]
            yield chunk

    def call(self, model: Any, messages: Wire, tools: Wire) -> Work:
        return lambda: model.chat.completions.create(**body(messages, tools))


class LiteLLM(Peer):
    """`litellm.completion`."""

    imports = "import litellm"
    packages = ("litellm", "openai")

    def open(self, url: str) -> Any:
        import litellm

        litellm.telemetry = False
        return {"model": "openai/kimi-k3", "api_base": url, "api_key": KEY, "timeout": 600}

    def stream(self, model: Any) -> Iterator[Any]:
        import litellm

        yield from litellm.completion(messages=QUESTION, stream=True, **model)

    async def astream(self, model: Any) -> AsyncIterator[Any]:
        import litellm

        answer: Any = await litellm.acompletion(messages=QUESTION, stream=True, **model)
        async for chunk in answer:
            yield chunk

    def call(self, model: Any, messages: Wire, tools: Wire) -> Work:
        import litellm

        more = {"tools": tools} if tools else {}
        return lambda: litellm.completion(messages=messages, **more, **model)


# ------------------------------------------------------------------------------------------------- LangChain


class LangChainPeer(Peer):
    """A chat model of LangChain."""

    lacks = frozenset()

    def stream(self, model: Any) -> Iterator[Any]:
        return model.stream("x")

    def astream(self, model: Any) -> AsyncIterator[Any]:
        return model.astream("x")

    def call(self, model: Any, messages: Wire, tools: Wire) -> Work:
        from langchain_core.messages import convert_to_messages

        bound = model.bind_tools(tools) if tools else model
        turns = convert_to_messages(messages)
        return lambda: bound.invoke(turns)

    def agent(self, model: Any) -> Work:
        from langchain.agents import create_agent

        agent = create_agent(model, tools=[look])
        agent_input: Any = {"messages": [{"role": "user", "content": "Look twenty times."}]}
        return lambda: agent.invoke(agent_input, {"recursion_limit": 200})


class ChatKimiPeer(LangChainPeer):
    """Ours."""

    imports = "from langchain_kimi import ChatKimi"
    packages = ("langchain-core", "langchain", "openai")

    def open(self, url: str) -> Any:
        from langchain_kimi import ChatKimi

        return ChatKimi(base_url=url, api_key=KEY)


class ChatOpenAIPeer(LangChainPeer):
    """langchain-openai."""

    imports = "from langchain_openai import ChatOpenAI"
    packages = ("langchain-openai", "langchain-core", "openai")

    def open(self, url: str) -> Any:
        from langchain_openai import ChatOpenAI

        return ChatOpenAI(model="kimi-k3", base_url=url, api_key=KEY, stream_usage=True)  # type: ignore[arg-type]


class ChatDeepSeekPeer(LangChainPeer):
    """langchain-deepseek."""

    imports = "from langchain_deepseek import ChatDeepSeek"
    packages = ("langchain-deepseek", "langchain-openai", "langchain-core", "openai")

    def open(self, url: str) -> Any:
        from langchain_deepseek import ChatDeepSeek  # type: ignore[import-not-found]

        return ChatDeepSeek(model="deepseek-chat", api_base=url, api_key=KEY)


class MoonshotPackagePeer(LangChainPeer):
    """langchain-moonshot."""

    imports = "import langchain_moonshot"
    packages = ("langchain-moonshot", "langchain-openai", "langchain-core", "openai")

    def open(self, url: str) -> Any:
        from langchain_moonshot import ChatMoonshot  # type: ignore[import-not-found]

        return ChatMoonshot(model="kimi-k2.5", base_url=url, api_key=KEY)


class MoonshotCommunityPeer(LangChainPeer):
    """langchain-community's MoonshotChat."""

    imports = "from langchain_community.chat_models.moonshot import MoonshotChat"
    packages = ("langchain-community", "langchain-core", "openai")
    # It binds no tools; and it streams nothing: `stream` gives the whole answer as one chunk, after one plain request.
    lacks = frozenset({"agent", "tools", "memory", "chunk", "first", "streams"})

    def open(self, url: str) -> Any:
        import openai
        from langchain_community.chat_models.moonshot import MoonshotChat  # type: ignore[import-not-found]

        # Its own base_url is taken for an alias of openai_api_base, and never looked at.
        clients = {
            "client": openai.OpenAI(base_url=url, api_key=KEY).chat.completions,
            "async_client": openai.AsyncOpenAI(base_url=url, api_key=KEY).chat.completions,
        }
        return MoonshotChat(model="kimi-k3", api_key=KEY, **clients)


class LangChainFloor(LangChainPeer):
    """Bare httpx and json under LangChain's own base class: what no adapter can save."""

    imports = "from langchain_core.language_models.chat_models import BaseChatModel"
    packages = ("langchain-core", "langchain", "httpx")
    transport: type[BareHttp] = BareHttp

    def open(self, url: str) -> Any:
        from langchain_core.language_models.chat_models import BaseChatModel
        from langchain_core.messages import AIMessage, AIMessageChunk
        from langchain_core.messages.tool import tool_call_chunk
        from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

        bare = self.transport()
        address = bare.open(url)

        def chunk(event: Mapping[str, Any]) -> Any:
            choices = event["choices"]
            delta = choices[0]["delta"] if choices else {}
            calls = [
                tool_call_chunk(
                    name=call["function"].get("name"),
                    args=call["function"]["arguments"],
                    id=call.get("id"),
                    index=call["index"],
                )
                for call in delta.get("tool_calls", ())
            ]
            return ChatGenerationChunk(message=AIMessageChunk(delta.get("content") or "", tool_call_chunks=calls))

        class Floor(BaseChatModel):
            wire: Any = None

            @property
            def _llm_type(self) -> str:
                return "floor"

            def bind_tools(self, tools: Any, **settings: Any) -> Any:
                return self

            def _generate(self, messages: Any, *_: Any, **more: Any) -> Any:
                wire_body = self.wire or body([{"role": m.type, "content": m.content} for m in messages])
                message = bare.ask(address, wire_body)["choices"][0]["message"]
                calls: list[Any] = [
                    {"name": c["function"]["name"], "args": json.loads(c["function"]["arguments"]), "id": c["id"]}
                    for c in message.get("tool_calls", ())
                ]
                answer = AIMessage(message["content"], tool_calls=calls)
                return ChatResult(generations=[ChatGeneration(message=answer)])

            def _stream(self, *_: Any, **more: Any) -> Any:
                return map(chunk, bare.stream(address))

            async def _astream(self, *_: Any, **more: Any) -> Any:
                async for event in bare.astream(address):
                    yield chunk(event)

        return Floor()

    def call(self, model: Any, messages: Wire, tools: Wire) -> Work:
        return super().call(model.model_copy(update={"wire": body(messages, tools)}), messages, [])


class LangChainOverPost(LangChainFloor):
    """The SDK's `post` under LangChain's own base class."""

    packages = ("langchain-core", "langchain", "openai")
    transport = Post


# ------------------------------------------------------------------------------------------------- LlamaIndex


class LlamaIndexPeer(Peer):
    """An LLM of LlamaIndex."""

    lacks = frozenset()

    def question(self) -> Sequence[Any]:
        from llama_index.core.llms import ChatMessage

        return [ChatMessage("x")]

    def stream(self, model: Any) -> Iterator[Any]:
        return model.stream_chat(self.question())

    async def astream(self, model: Any) -> AsyncIterator[Any]:
        async for response in await model.astream_chat(self.question()):
            yield response

    def call(self, model: Any, messages: Wire, tools: Wire) -> Work:
        past = [block_message(message) for message in messages]
        if not tools:
            return lambda: model.chat(past)
        functions = functions_of(tools)
        return lambda: model.chat_with_tools(functions, chat_history=past)

    def agent(self, model: Any) -> Work:
        from llama_index.core.agent.workflow import FunctionAgent

        async def run() -> None:
            await FunctionAgent(tools=[look], llm=model).run("Look twenty times.", max_iterations=100)

        return lambda: on_loop(run())


def functions_of(tools: Wire) -> list[Any]:
    """LlamaIndex tools of the same names."""
    from llama_index.core.tools import FunctionTool

    def work(a: str, b: str = "", c: str = "", d: str = "") -> str:
        """Do something useful."""
        return a

    return [FunctionTool.from_defaults(work, name=tool["function"]["name"]) for tool in tools]


class KimiPeer(LlamaIndexPeer):
    """Ours."""

    imports = "from llama_index_kimi import Kimi"
    packages = ("llama-index-core", "openai")

    def open(self, url: str) -> Any:
        from llama_index_kimi import Kimi

        return Kimi(base_url=url, api_key=KEY)


class OpenAILikePeer(LlamaIndexPeer):
    """llama-index-llms-openai-like."""

    imports = "from llama_index.llms.openai_like import OpenAILike"
    packages = ("llama-index-llms-openai-like", "llama-index-core", "openai")

    def open(self, url: str) -> Any:
        from llama_index.llms.openai_like import OpenAILike  # type: ignore[import-not-found]

        return OpenAILike(
            model="kimi-k3", api_base=url, api_key=KEY, is_chat_model=True, is_function_calling_model=True, timeout=600
        )


class DeepSeekPeer(LlamaIndexPeer):
    """llama-index-llms-deepseek."""

    imports = "from llama_index.llms.deepseek import DeepSeek"
    packages = ("llama-index-llms-deepseek", "llama-index-core", "openai")

    def open(self, url: str) -> Any:
        from llama_index.llms.deepseek import DeepSeek  # type: ignore[import-not-found]

        return DeepSeek(model="deepseek-chat", api_base=url, api_key=KEY, timeout=600)


class LlamaIndexFloor(LlamaIndexPeer):
    """Bare httpx and json under LlamaIndex's own base class: what no adapter can save."""

    imports = "from llama_index.core.llms.function_calling import FunctionCallingLLM"
    packages = ("llama-index-core", "httpx")
    transport: type[BareHttp] = BareHttp

    def open(self, url: str) -> Any:
        from llama_index.core.base.llms.types import (
            ChatMessage,
            ChatResponse,
            LLMMetadata,
            TextBlock,
            ToolCallBlock,
        )
        from llama_index.core.llms.callbacks import llm_chat_callback
        from llama_index.core.llms.function_calling import FunctionCallingLLM
        from llama_index.core.llms.llm import ToolSelection

        bare = self.transport()
        address = bare.open(url)

        def responses(events: Iterator[Mapping[str, Any]]) -> Iterator[Any]:
            text = ""
            for event in events:
                delta = event["choices"][0]["delta"] if event["choices"] else {}
                piece = delta.get("content") or ""
                text += piece
                message = ChatMessage(role="assistant", blocks=[TextBlock(text=text)])
                yield ChatResponse(message=message, delta=piece, raw=event)

        def to_response(message: Mapping[str, Any]) -> Any:
            blocks: list[Any] = [TextBlock(text=message["content"])]
            for call in message.get("tool_calls", ()):
                function = call["function"]
                blocks.append(
                    ToolCallBlock(
                        tool_call_id=call["id"], tool_name=function["name"], tool_kwargs=function["arguments"]
                    )
                )
            return ChatResponse(message=ChatMessage(role="assistant", blocks=blocks), raw=message)

        class Floor(FunctionCallingLLM):
            wire: Any = None

            @property
            def metadata(self) -> Any:
                return LLMMetadata(is_chat_model=True, is_function_calling_model=True)

            def wire_request(self, messages: Any) -> Any:
                return self.wire or body([{"role": m.role.value, "content": m.content} for m in messages])

            @llm_chat_callback()
            def chat(self, messages: Any, **more: Any) -> Any:
                return to_response(bare.ask(address, self.wire_request(messages))["choices"][0]["message"])

            @llm_chat_callback()
            async def achat(self, messages: Any, **more: Any) -> Any:
                return to_response((await bare.aask(address, self.wire_request(messages)))["choices"][0]["message"])

            @llm_chat_callback()
            def stream_chat(self, messages: Any, **more: Any) -> Any:
                return responses(bare.stream(address))

            @llm_chat_callback()
            async def astream_chat(self, messages: Any, **more: Any) -> Any:
                async def send() -> AsyncIterator[Any]:
                    text = ""
                    async for event in bare.astream(address):
                        delta = event["choices"][0]["delta"] if event["choices"] else {}
                        piece = delta.get("content") or ""
                        text += piece
                        message = ChatMessage(role="assistant", blocks=[TextBlock(text=text)])
                        yield ChatResponse(message=message, delta=piece, raw=event)

                return send()

            def _prepare_chat_with_tools(
                self, tools: Any, user_msg: Any = None, chat_history: Any = None, **more: Any
            ) -> Any:
                return {"messages": [*(chat_history or ()), *([user_msg] if user_msg else ())]}

            def get_tool_calls_from_response(self, response: Any, **more: Any) -> Any:
                return [
                    ToolSelection(
                        tool_id=block.tool_call_id,
                        tool_name=block.tool_name,
                        tool_kwargs=json.loads(block.tool_kwargs),
                    )
                    for block in response.message.blocks
                    if isinstance(block, ToolCallBlock)
                ]

            def complete(self, *_: Any, **more: Any) -> Any:
                raise NotImplementedError

            stream_complete = acomplete = astream_complete = complete

        return Floor()

    def call(self, model: Any, messages: Wire, tools: Wire) -> Work:
        return super().call(model.model_copy(update={"wire": body(messages, tools)}), messages, tools)

    def agent(self, model: Any) -> Work:
        from llama_index.core.agent.workflow import FunctionAgent

        async def run() -> None:
            agent = FunctionAgent(tools=[look], llm=model, streaming=False)
            await agent.run("Look twenty times.", max_iterations=100)

        return lambda: on_loop(run())


class LlamaIndexOverPost(LlamaIndexFloor):
    """The SDK's `post` under LlamaIndex's own base class."""

    packages = ("llama-index-core", "openai")
    transport = Post


PEERS: dict[str, Callable[[], Peer]] = {
    "httpx + json": BareHttp,
    "httpx2 + json": BareHttp2,
    "openai SDK, post": Post,
    "openai SDK": OpenAISDK,
    "openai SDK 2": OpenAISDK,
    "LiteLLM": LiteLLM,
    "LangChain's floor": LangChainFloor,
    "LangChain over post": LangChainOverPost,
    "ChatKimi": ChatKimiPeer,
    "ChatOpenAI": ChatOpenAIPeer,
    "ChatDeepSeek": ChatDeepSeekPeer,
    "langchain-moonshot": MoonshotPackagePeer,
    "MoonshotChat (community)": MoonshotCommunityPeer,
    "LlamaIndex's floor": LlamaIndexFloor,
    "LlamaIndex over post": LlamaIndexOverPost,
    "Kimi": KimiPeer,
    "OpenAILike": OpenAILikePeer,
    "DeepSeek": DeepSeekPeer,
}
