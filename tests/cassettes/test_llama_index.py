"""Kimi and its reader against recorded answers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import cassette_kit
import pytest
from llama_index.core.base.llms.types import ChatMessage, ThinkingBlock
from llama_index.core.tools import FunctionTool

from llama_index_kimi import Kimi, KimiFileReader


def get_weather(city: str) -> str:
    """Tell the current weather in a city."""
    return f"{city}: 2 degrees, snow"


def deltas_in(exchange: cassette_kit.Exchange) -> list[dict[str, Any]]:
    return [c["delta"] for event in exchange.answer if event != "[DONE]" for c in event["choices"]]


@pytest.mark.cassette("llama_index_stream")
def test_stream(cassette: cassette_kit.Session) -> None:
    responses = list(Kimi(**cassette.settings).stream_chat([ChatMessage("Say hello in one word.")]))
    (exchange,) = cassette.exchanges
    deltas = deltas_in(exchange)
    last = responses[-1]
    assert last.message.content == "".join(delta.get("content") or "" for delta in deltas)
    (thinking,) = [b for b in last.message.blocks if isinstance(b, ThinkingBlock)]
    assert thinking.content == "".join(delta.get("reasoning_content") or "" for delta in deltas)
    assert last.raw["usage"]["total_tokens"] == exchange.answer[-2]["usage"]["total_tokens"]


@pytest.mark.cassette("llama_index_tool_call")
def test_both_turns_of_a_streamed_tool_call(cassette: cassette_kit.Session) -> None:
    async def loop() -> None:
        llm = Kimi(model="kimi-k2.6", **cassette.settings)
        tools = [FunctionTool.from_defaults(get_weather)]
        history = [ChatMessage("What is the weather in Turku?")]
        stream = await llm.astream_chat_with_tools(tools, chat_history=history)
        called = [response async for response in stream][-1]
        (call,) = llm.get_tool_calls_from_response(called)
        result = ChatMessage(
            get_weather(**call.tool_kwargs), role="tool", additional_kwargs={"tool_call_id": call.tool_id}
        )
        async for _ in await llm.astream_chat_with_tools(tools, chat_history=[*history, called.message, result]):
            pass

    asyncio.run(loop())
    first, second = cassette.exchanges
    deltas = deltas_in(first)
    sent_back = second.sent["messages"][1]
    assert sent_back["reasoning_content"] == "".join(delta.get("reasoning_content") or "" for delta in deltas)
    arguments = "".join(c["function"].get("arguments") or "" for d in deltas for c in d.get("tool_calls") or [])
    assert sent_back["tool_calls"][0]["function"]["arguments"] == arguments
    assert second.sent["messages"][2]["tool_call_id"] == sent_back["tool_calls"][0]["id"]


@pytest.mark.cassette("llama_index_file")
def test_reads_a_file(cassette: cassette_kit.Session) -> None:
    path = Path(__file__).parents[2] / "examples" / "documents" / "winter-notes.md"
    (document,) = asyncio.run(KimiFileReader(**cassette.settings).aload_data(path))
    fetched = next(e for e in cassette.exchanges if e.path.endswith("/content"))
    assert document.text == fetched.answer["content"]
    # The uploaded name carries a piece of the content's hash, by which a copy is found again; the document has its own.
    assert document.metadata["file_name"] == path.name
    assert fetched.answer["filename"].startswith(f"{path.stem}-")
