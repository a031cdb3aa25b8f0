"""An agent that loads its tools when it needs them (K3): hundreds may be at hand, and only a few stand in the prompt.

`KimiDynamicToolsMiddleware` gives the model one tool, `load_tools`, and brings what it asks for in a message of its
own. The request's `tools` never change, so the prefix cache holds, whatever is loaded.
"""

from __future__ import annotations

from typing import Any

from langchain.agents import create_agent
from langchain_core.messages import AIMessage, BaseMessage, SystemMessage
from langgraph.checkpoint.memory import InMemorySaver

from examples.connection import connection
from examples.console import ANSWER, TOOL, line, say
from examples.tools import convert_currency, get_weather
from langchain_kimi import ChatKimi, KimiDynamicToolsMiddleware

RULES = "You are the assistant of a travel agency. " + "Be polite, be brief, and never guess a price. " * 40
QUESTIONS = ("How much is 23400 EUR in SEK?", "And what is the weather in Turku?")


def main(settings: dict[str, Any]) -> list[BaseMessage]:
    """Two questions in one thread; returns its messages."""
    loading = KimiDynamicToolsMiddleware([convert_currency, get_weather], select=weather_wanted)
    agent = create_agent(ChatKimi(**settings), system_prompt=RULES, middleware=[loading], checkpointer=InMemorySaver())
    thread: Any = {"configurable": {"thread_id": "trip"}}
    messages: list[BaseMessage] = []
    for question in QUESTIONS:
        say(question, "bold")
        seen = len(messages) + 1
        messages = agent.invoke({"messages": [{"role": "user", "content": question}]}, thread)["messages"]
        for message in messages[seen:]:
            show(message)
    return messages


def weather_wanted(state: Any) -> list[str]:
    """Tools can be loaded by the program too: here as soon as somebody speaks of the weather."""
    return ["get_weather"] if "weather" in str(state["messages"][-1].content) else []


def show(message: BaseMessage) -> None:
    """Print what came, and how much of the prompt the platform had in its cache."""
    if isinstance(message, SystemMessage):
        line("Loaded", ", ".join(tool["function"]["name"] for tool in message.additional_kwargs["tools"]), TOOL)
    elif isinstance(message, AIMessage):
        usage: Any = message.usage_metadata
        for call in message.tool_calls:
            line("Call", f"{call['name']}({call['args']})", TOOL)
        line("Answer", message.text, ANSWER)
        cached = usage["input_token_details"]["cache_read"]
        say(f"{usage['input_tokens']} tokens in, {cached} of them from the cache", "yellow")


if __name__ == "__main__":
    with connection() as settings:
        main(settings)
