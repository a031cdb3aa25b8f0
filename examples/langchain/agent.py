"""A LangChain agent with two Python tools; thinking, calls and answer are printed as they stream.

Kimi refuses the second turn of a tool loop without the thinking of the first: `ChatKimi` keeps it on the message and
sends it back by itself.
"""

from __future__ import annotations

from typing import Any

from langchain.agents import create_agent
from langchain_core.messages import AIMessage, AIMessageChunk, ToolMessage

from examples.connection import connection
from examples.console import ANSWER, THINKING, TOOL, bill, flow, line, say, total
from examples.tools import QUESTION, convert_currency, get_weather
from kimi_api import Usage
from langchain_kimi import ChatKimi


def main(settings: dict[str, Any]) -> list[Usage]:
    """Ask, print the stream, and return the usage of each model call."""
    agent = create_agent(ChatKimi(**settings), tools=[get_weather, convert_currency])
    say(f"Question: {QUESTION}", "bold")
    usages: list[Usage] = []
    for mode, event in agent.stream(
        {"messages": [{"role": "user", "content": QUESTION}]}, stream_mode=["messages", "updates"]
    ):
        if mode == "messages":
            show(event[0])  # type: ignore[index]
            continue
        for update in event.values():  # type: ignore[union-attr]
            usages += [usage_of(message) for message in update["messages"] if isinstance(message, AIMessage)]
    bill(settings["model"], total(usages))
    return usages


def show(message: Any) -> None:
    """Print one piece of the stream."""
    if isinstance(message, ToolMessage):
        line("Result", message.text, TOOL)
    elif isinstance(message, AIMessageChunk):
        flow("Thinking", message.additional_kwargs.get("reasoning_content") or "", THINKING)
        for call in message.tool_call_chunks:
            flow(f"Call {call['index']}", f"{call['name'] or ''}{call['args'] or ''}", TOOL)
        flow("Answer", message.text, ANSWER)


def usage_of(message: AIMessage) -> Usage:
    """LangChain's usage_metadata in the platform's terms."""
    counted = message.usage_metadata
    if counted is None:
        return Usage()
    return Usage(
        prompt_tokens=counted["input_tokens"],
        completion_tokens=counted["output_tokens"],
        total_tokens=counted["total_tokens"],
        cached_tokens=counted.get("input_token_details", {}).get("cache_read", 0),
        cache_write_tokens=counted.get("input_token_details", {}).get("cache_creation", 0),
        reasoning_tokens=counted.get("output_token_details", {}).get("reasoning", 0),
    )


if __name__ == "__main__":
    with connection() as settings:
        main(settings)
