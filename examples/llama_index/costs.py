"""What a run costs with LlamaIndex: two agents at the same time, each with its own sum, and the sum of both."""

from __future__ import annotations

import asyncio
from typing import Any

from llama_index.core.agent.workflow import FunctionAgent

from examples.connection import connection
from examples.console import say
from examples.tools import QUESTION, convert_currency, get_weather
from kimi_api.account import safety_identifier
from kimi_api.costs import CostTally
from llama_index_kimi import Kimi, get_kimi_costs

SALT = "an example's salt; keep yours with your other secrets"


async def ask(llm: Kimi, question: str) -> CostTally:
    """One agent's answer, and what it cost."""
    agent = FunctionAgent(llm=llm, tools=[get_weather, convert_currency])
    with get_kimi_costs() as costs:
        answer = await agent.run(user_msg=question)
    say(f"{answer}\n  {costs}", "yellow")
    return costs.tally


async def main(settings: dict[str, Any]) -> tuple[CostTally, list[CostTally]]:
    """Ask two agents side by side; the tally of both together, and of each."""
    user = safety_identifier("ada@example.com", salt=SALT)
    llm = Kimi(**settings, safety_identifier=user, prompt_cache_key="example-costs")
    with get_kimi_costs() as costs:
        each = await asyncio.gather(*(ask(llm, question) for question in (QUESTION, "What is the weather in Uppsala?")))
    say(f"Together: {costs}", "yellow")
    return costs.tally, each


if __name__ == "__main__":
    with connection() as settings:
        asyncio.run(main(settings))
