"""Runs that are cut off: a stream that is left, a task that is cancelled, a thread that still works afterwards.

Leaving a stream closes its connection. A run that was cancelled while a tool was working leaves a call without an
answer in the checkpoint, which the platform refuses: `repair="full"` answers it.
"""

from __future__ import annotations

import asyncio
from contextlib import closing
from typing import Any

from langchain.agents import create_agent
from langgraph.checkpoint.memory import InMemorySaver

from examples.connection import connection
from examples.console import ANSWER, THINKING, flow, line, say
from kimi_api import KimiInputError
from langchain_kimi import ChatKimi

QUESTION = "What is the weather in Turku?"


def main(settings: dict[str, Any]) -> dict[str, Any]:
    """Cut three runs off, then go on; returns what came of each."""
    seen: dict[str, Any] = {"pieces": leave_a_stream(ChatKimi(**settings))}
    seen.update(asyncio.run(cancel(settings)))
    return seen


def leave_a_stream(llm: ChatKimi) -> int:
    """Read five pieces, and hang up."""
    read = 0
    with closing(llm.stream(QUESTION)) as pieces:
        for piece in pieces:
            flow("Thinking", piece.additional_kwargs.get("reasoning_content") or "", THINKING)
            read += 1
            if read == 5:
                break
    say(f"Left after {read} pieces; the connection is closed.")
    return read


async def cancel(settings: dict[str, Any]) -> dict[str, Any]:
    """Cancel an agent while its tool works, and take its thread up again."""
    working = asyncio.Event()

    async def get_weather(city: str) -> str:
        """Tell the current weather in a city."""
        working.set()
        await asyncio.sleep(60)
        return f"{city}: 2 degrees, snow"

    saver, thread = InMemorySaver(), {"configurable": {"thread_id": "cut"}}

    def agent(**arguments: Any) -> Any:
        return create_agent(ChatKimi(**settings, **arguments), tools=[get_weather], checkpointer=saver)

    run = asyncio.create_task(agent().ainvoke({"messages": [("user", QUESTION)]}, thread))
    await working.wait()
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)
    say(f"Cancelled in its tool: {run.cancelled()}")

    try:
        await agent().ainvoke({"messages": [("user", "Hello, are you still there?")]}, thread)
        refused = None
    except KimiInputError as error:
        refused = error
        line("As it is", str(error), "red")
    state = await agent(repair="full").ainvoke(None, thread)  # the question is in the thread by now
    line("With repair='full'", state["messages"][-1].text, ANSWER)
    return {"cancelled": run.cancelled(), "refused": refused, "answer": state["messages"][-1].text}


if __name__ == "__main__":
    with connection() as settings:
        main(settings)
