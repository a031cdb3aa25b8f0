"""A LangGraph thread that is left in the middle of a tool call and taken up again by another agent object.

The checkpoint keeps thinking and the raw text of tool calls with the messages, so the next turn goes out as if nothing
had happened in between.
"""

from __future__ import annotations

from typing import Any

from langchain.agents import create_agent
from langchain_core.messages import AIMessage
from langgraph.checkpoint.memory import InMemorySaver

from examples.connection import connection
from examples.console import ANSWER, THINKING, TOOL, line, say
from examples.tools import QUESTION, convert_currency, get_weather
from langchain_kimi import ChatKimi


def main(settings: dict[str, Any]) -> list[Any]:
    """Interrupt, resume, ask on; returns the thread's messages."""
    saver = InMemorySaver()  # any checkpointer: SqliteSaver, PostgresSaver, ...
    thread: Any = {"configurable": {"thread_id": "trip"}}

    def agent(**arguments: Any) -> Any:
        tools = [get_weather, convert_currency]
        return create_agent(ChatKimi(**settings), tools=tools, checkpointer=saver, **arguments)

    say("A run that stops before its tools:", "bold")
    state = agent(interrupt_before=["tools"]).invoke({"messages": [("user", QUESTION)]}, thread)
    stopped = state["messages"][-1]
    line("Thinking", stopped.additional_kwargs["reasoning_content"], THINKING)
    line("Asked for", ", ".join(call["name"] for call in stopped.tool_calls), TOOL)

    say("Somebody approved. A new agent takes the thread up:", "bold")
    state = agent().invoke(None, thread)
    line("Answer", state["messages"][-1].text, ANSWER)

    state = agent().invoke({"messages": [("user", "And in Uppsala, what is the weather there?")]}, thread)
    line("Answer", state["messages"][-1].text, ANSWER)
    thoughts = [m.additional_kwargs.get("reasoning_content") for m in state["messages"] if isinstance(m, AIMessage)]
    say(f"{len(state['messages'])} messages in the thread, {len(thoughts)} of them Kimi's, each with its own thinking")
    return state["messages"]


if __name__ == "__main__":
    with connection() as settings:
        main(settings)
