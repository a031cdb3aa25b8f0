"""Arguments of calls are checked. Each `pyright: ignore` is an error that must be there."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any, assert_type

from fsspec.implementations.local import LocalFileSystem
from langchain_core.messages import AIMessage, AIMessageChunk
from llama_index.core.base.llms.types import ChatMessage

from kimi_api import KimiClient
from kimi_api.chat import astream, complete, stream
from kimi_api.reply import ReplyBuilder, ReplyDelta
from kimi_api.request import ChatRequest
from langchain_kimi import ChatKimi, KimiFileLoader
from llama_index_kimi import Kimi, KimiFileReader

arguments: dict[str, Any] = {}
messages = [ChatMessage(role="user", content="a")]


async def main(chat: ChatKimi, llm: Kimi) -> None:
    chat.bind_tools([], max_tokens=5, timeout=3, extra_headers={"a": "b"}, **arguments)
    chat.bind_tools([], max_token=5)  # pyright: ignore[reportCallIssue]
    chat.bind_tools([], max_tokens="five")  # pyright: ignore[reportArgumentType]

    llm.chat(messages, max_tokens=5, tools=[], account_limits=False, **arguments)
    llm.chat(messages, max_token=5)  # pyright: ignore[reportCallIssue]
    llm.stream_chat(messages, max_tokens="five")  # pyright: ignore[reportArgumentType]
    await llm.achat(messages, seed=1, model_kwargs={"a": 1})
    await llm.achat(messages, sead=1)  # pyright: ignore[reportCallIssue]
    await llm.astream_chat(messages, temperature="hot")  # pyright: ignore[reportArgumentType]
    llm.complete("a", temperature=1)
    llm.complete("a", temperatur=1)  # pyright: ignore[reportCallIssue]
    llm.predict_and_call([], "a", tool_required=True)
    llm.predict_and_call([], "a", tool_requires=True)  # pyright: ignore[reportCallIssue]


def in_plain_python(client: KimiClient, request: ChatRequest) -> None:
    complete(client, request, timeout=5, max_retries=0, headers={"a": "b"}, account_limits=False)
    complete(client, request, timeouts=5)  # pyright: ignore[reportCallIssue]
    deltas = stream(client, request, ReplyBuilder(), timeout=5)
    assert_type(next(deltas), ReplyDelta)
    deltas.close()
    astream(client, request, ReplyBuilder(), max_retries="two")  # pyright: ignore[reportArgumentType]


async def streams_can_be_closed(chat: ChatKimi, loader: KimiFileLoader, reader: KimiFileReader) -> None:
    pieces = chat.stream("a", stop=["b"], max_tokens=5, tools=[], timeout=5)
    assert_type(next(pieces), AIMessageChunk)
    pieces.close()
    async with aclosing(chat.astream("a")) as chunks:
        async for chunk in chunks:
            assert_type(chunk, AIMessageChunk)
    chat.stream("a", max_token=5)  # pyright: ignore[reportCallIssue]
    assert_type(chat.invoke("a", temperature=1, **arguments), AIMessage)
    chat.invoke("a", temperatur=1)  # pyright: ignore[reportCallIssue]
    await chat.ainvoke("a", max_tokens="five")  # pyright: ignore[reportArgumentType]
    loader.lazy_load().close()
    await loader.alazy_load().aclose()
    reader.lazy_load_data("a").close()


def generators_of_llama_index_can_be_closed(llm: Kimi, reader: KimiFileReader) -> None:
    llm.stream_complete("a").close()
    llm.stream_chat(messages).close()
    reader.lazy_load_data("a.pdf", fs=LocalFileSystem()).close()
    reader.load_data("a.pdf", fs="local")  # pyright: ignore[reportArgumentType]
