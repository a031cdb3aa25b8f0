"""The prefix cache with LangChain: a long system prompt and tools are paid for once, then read for a tenth.

Requests begin, byte for byte, with the ones before them: tools, instructions, and every turn with its thinking.
"""

from __future__ import annotations

from typing import Any

from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver

from examples.connection import connection
from examples.console import say
from examples.tools import convert_currency, get_weather
from langchain_kimi import ChatKimi, get_kimi_cost_callback

INSTRUCTIONS = "You help travellers around the Baltic Sea, and answer in a sentence. " * 240
CITIES = ("Turku", "Uppsala", "Tartu", "Turku again", "Uppsala again")


def main(settings: dict[str, Any]) -> list[float]:
    """Ask five questions in one conversation; the cached share of each request's input, in order."""
    llm = ChatKimi(**settings, prompt_cache_key="example-travel", cache_ttl="5m")
    agent = create_agent(
        llm, tools=[get_weather, convert_currency], system_prompt=INSTRUCTIONS, checkpointer=InMemorySaver()
    )
    config: Any = {"configurable": {"thread_id": "travel"}}
    with get_kimi_cost_callback() as costs:
        for city in CITIES:
            agent.invoke({"messages": [HumanMessage(f"What is the weather in {city}?")]}, config)
    shares = []
    for message in agent.get_state(config).values["messages"]:
        if isinstance(message, AIMessage) and message.usage_metadata:
            used = message.usage_metadata
            cached = used.get("input_token_details", {}).get("cache_read", 0)
            shares.append(cached / used["input_tokens"])
            say(f"{used['input_tokens']:,} tokens in, {cached:,} of them from the cache ({shares[-1]:.0%})")
    say(str(costs), "yellow")
    return shares


if __name__ == "__main__":
    with connection() as settings:
        main(settings)
