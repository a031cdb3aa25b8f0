"""What a run costs with LangChain: an agent with tools, a batch beside it, and a user who stays unnamed."""

from __future__ import annotations

from typing import Any

from langchain.agents import create_agent

from examples.connection import connection
from examples.console import say
from examples.tools import QUESTION, convert_currency, get_weather
from kimi_api.account import balance, safety_identifier
from kimi_api.costs import CostTally
from langchain_kimi import ChatKimi, get_kimi_cost_callback

SALT = "an example's salt; keep yours with your other secrets"


def main(settings: dict[str, Any]) -> CostTally:
    """Run an agent and a batch, print what each model call came to, and return the tally."""
    user = safety_identifier("ada@example.com", salt=SALT)
    llm = ChatKimi(**settings, safety_identifier=user, prompt_cache_key="example-costs")
    left = balance(llm.client)
    say(f"Left on the account: {left.available:.2f} {left.currency or '(currency not known for this address)'}.")
    say(f"The user goes out as {user[:16]}... and never by name.")

    with get_kimi_cost_callback() as costs:
        create_agent(llm, tools=[get_weather, convert_currency]).invoke(
            {"messages": [{"role": "user", "content": QUESTION}]}
        )
        agent = costs.cost.total
        llm.batch(["One word: sea or sky?", "One word: salt or snow?"])
    for each in costs.tally.models.values():
        say(f"{each.model}: {each.calls} calls, {each.cost.total if each.cost else 'no known price'} USD", "yellow")
    say(f"The agent alone: {agent:.6f} USD. Together: {costs}", "yellow")
    return costs.tally


if __name__ == "__main__":
    with connection() as settings:
        main(settings)
