"""The prefix cache with LlamaIndex: a long system prompt and tools are paid for once, then read for a tenth.

Requests begin, byte for byte, with the ones before them: tools, instructions, and every turn with its thinking.
"""

from __future__ import annotations

import asyncio
from typing import Any

from llama_index.core.agent.workflow import AgentOutput, FunctionAgent
from llama_index.core.memory import Memory

from examples.connection import connection
from examples.console import say
from examples.tools import convert_currency, get_weather
from llama_index_kimi import Kimi, get_kimi_costs

INSTRUCTIONS = "You help travellers around the Baltic Sea, and answer in a sentence. " * 240
CITIES = ("Turku", "Uppsala", "Tartu", "Turku again", "Uppsala again")


async def main(settings: dict[str, Any]) -> list[float]:
    """Ask five questions in one conversation; the cached share of each request's input, in order."""
    llm = Kimi(**settings, prompt_cache_key="example-travel", cache_ttl="5m")
    agent = FunctionAgent(llm=llm, tools=[get_weather, convert_currency], system_prompt=INSTRUCTIONS)
    memory = Memory.from_defaults(session_id="travel", token_limit=100_000)
    shares = []
    with get_kimi_costs() as costs:
        for city in CITIES:
            handler = agent.run(user_msg=f"What is the weather in {city}?", memory=memory)
            async for event in handler.stream_events():
                if isinstance(event, AgentOutput) and (used := (event.raw or {}).get("usage")):
                    shares.append(used["cached_tokens"] / used["prompt_tokens"])
                    say(
                        f"{used['prompt_tokens']:,} tokens in, {used['cached_tokens']:,} of them from the cache "
                        f"({shares[-1]:.0%})"
                    )
            await handler
    say(str(costs), "yellow")
    return shares


if __name__ == "__main__":
    with connection() as settings:
        asyncio.run(main(settings))
