"""Four ways to watch Kimi think: `stream`, `astream`, LangGraph's messages mode, and langchain-core's v3 events."""

from __future__ import annotations

import asyncio
from typing import Any

from langchain.agents import create_agent
from langchain_core.messages import AIMessageChunk

from examples.connection import connection
from examples.console import ANSWER, THINKING, TOOL, flow, say
from examples.tools import get_weather
from langchain_kimi import ChatKimi

QUESTION = "What is the weather in Turku?"


def main(settings: dict[str, Any]) -> dict[str, AIMessageChunk]:
    """Stream the same question in each way, and return the chunks of each, added up."""
    llm = ChatKimi(**settings)
    whole = {"stream": by_stream(llm), "astream": asyncio.run(by_astream(llm)), "messages": by_agent(llm)}
    by_events(llm)
    return whole


def by_stream(llm: ChatKimi) -> AIMessageChunk:
    """Chunks add up to the message: calls, thinking and token counts too."""
    say("stream", "bold")
    whole: Any = None
    for chunk in llm.bind_tools([get_weather]).stream(QUESTION):
        show(chunk)
        whole = chunk if whole is None else whole + chunk
    say(f"{whole.usage_metadata['total_tokens']} tokens, {whole.response_metadata['finish_reason']}", "yellow")
    return whole


async def by_astream(llm: ChatKimi) -> AIMessageChunk:
    """The same on an event loop."""
    say("astream", "bold")
    whole: Any = None
    async for chunk in llm.bind_tools([get_weather]).astream(QUESTION):
        show(chunk)
        whole = chunk if whole is None else whole + chunk
    return whole


def by_agent(llm: ChatKimi) -> AIMessageChunk:
    """LangGraph streams the model inside a graph, though the node calls `invoke`."""
    say("stream_mode='messages'", "bold")
    agent = create_agent(llm, tools=[get_weather])
    whole: Any = None
    for message, _metadata in agent.stream(
        {"messages": [{"role": "user", "content": QUESTION}]}, stream_mode="messages"
    ):
        if isinstance(message, AIMessageChunk):
            show(message)
            whole = message if whole is None or whole.id != message.id else whole + message  # type: ignore[union-attr]
    return whole


def by_events(llm: ChatKimi) -> None:
    """v3 events (in beta in langchain-core): thinking and text are streams of their own."""
    say("stream_events(version='v3')", "bold")
    events: Any = llm.stream_events(QUESTION, version="v3")
    for piece in events.reasoning:
        flow("Thinking", piece, THINKING)
    for piece in events.text:
        flow("Answer", piece, ANSWER)
    say(f"{events.output.usage_metadata['total_tokens']} tokens", "yellow")


def show(chunk: Any) -> None:
    """Print one piece."""
    flow("Thinking", chunk.additional_kwargs.get("reasoning_content") or "", THINKING)
    for call in chunk.tool_call_chunks:
        flow("Call", f"{call['name'] or ''}{call['args'] or ''}", TOOL)
    flow("Answer", chunk.text, ANSWER)


if __name__ == "__main__":
    with connection() as settings:
        main(settings)
