"""Objects instead of text: the three methods, what stands behind them, half-made objects, and agents that end in one.

The default method holds the model to a JSON Schema while it thinks; a forced tool, the usual way of other classes, is
refused by most thinking models.
"""

from __future__ import annotations

from typing import Any, Literal

from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from pydantic import BaseModel, Field

from examples.connection import connection
from examples.console import ANSWER, line, say
from examples.tools import get_weather
from langchain_kimi import ChatKimi, KimiStructuredOutputError

MAIL = "Reporter: Ada Lovelace. Product: coffee machine. Severity: high. Order number: 4711. It leaks."
KEYS = ' Answer with a JSON object, keys "product", "severity" (low, medium or high), "reporter" and "order_number".'


class Ticket(BaseModel):
    """A ticket of the help desk."""

    product: str = Field(description="what the ticket is about")
    severity: Literal["low", "medium", "high"]
    reporter: str
    order_number: int | None = None


class Weather(BaseModel):
    """The weather in a city."""

    city: str
    degrees: int


def main(settings: dict[str, Any]) -> dict[str, Any]:
    """Print and return what each way gives."""
    llm = ChatKimi(**settings)
    tickets: dict[str, Any] = {}
    say(MAIL, "bold")
    for method in ("json_schema", "function_calling", "json_mode"):
        prompt = MAIL + KEYS if method == "json_mode" else MAIL  # JSON mode holds the answer to no schema
        tickets[method] = llm.with_structured_output(Ticket, method=method).invoke(prompt)
        line(method, repr(tickets[method]), ANSWER)

    both = llm.with_structured_output(Ticket, include_raw=True).invoke(MAIL)
    tickets["raw"] = both["raw"]
    usage = both["raw"].usage_metadata
    line("include_raw", f"{usage['output_tokens'] if usage else 'unknown'} tokens for {both['parsed']!r}", ANSWER)

    tickets["partial"] = list(llm.with_structured_output(Ticket.model_json_schema()).stream(MAIL))
    for half in tickets["partial"]:
        line("as it comes", str(half), ANSWER)

    for way in (Weather, ToolStrategy(Weather), ProviderStrategy(Weather)):
        name = way.__name__ if isinstance(way, type) else type(way).__name__
        agent = create_agent(llm, tools=[get_weather], response_format=way)
        state = agent.invoke({"messages": [{"role": "user", "content": "What is the weather in Turku?"}]})
        tickets[name] = state["structured_response"]
        line(f"an agent with {name}", repr(tickets[name]), ANSWER)

    try:
        llm.with_structured_output(Ticket).invoke(MAIL, max_tokens=20)
    except KimiStructuredOutputError as error:
        tickets["error"] = error
        line("too small a budget", error.message, "red")
    return tickets


if __name__ == "__main__":
    with connection() as connected:
        main(connected)
