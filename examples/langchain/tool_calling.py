"""Tools in every form that LangChain knows, forced and parallel calls, on a model that thinks all the while.

What becomes of a forced choice depends on the model: K3 takes "required", K2.6 answers that call without thinking,
K2.7-code is offered the tool and asked once more. `bind_tools` is the same line for all of them.
"""

from __future__ import annotations

import warnings
from typing import Annotated, Any, TypedDict

from langchain_core.messages import ToolCall
from langchain_core.tools import tool
from pydantic import BaseModel, Field

from examples.connection import connection
from examples.console import TOOL, line, say
from examples.tools import QUESTION, convert_currency, get_weather
from kimi_api import KimiWarning
from langchain_kimi import ChatKimi

WEATHER = "What is the weather in Turku?"


class GetWeather(BaseModel):
    """Tell the current weather in a city."""

    city: str = Field(description="name of the city")


class WeatherInCity(TypedDict):
    """Tell the current weather in a city."""

    city: Annotated[str, ..., "name of the city"]


FORMS: dict[str, Any] = {
    "a function": get_weather,
    "a tool": tool(get_weather),
    "a pydantic class": GetWeather,
    "a TypedDict": WeatherInCity,
    "a dict": {
        "name": "weather_report",
        "description": "Tell the current weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
CHOICES = ("auto", "none", "any", "get_weather")


def main(settings: dict[str, Any]) -> dict[str, list[ToolCall]]:
    """Print and return the calls of each variant."""
    llm = ChatKimi(**settings)
    calls: dict[str, list[ToolCall]] = {}
    say(WEATHER, "bold")
    for name, form in FORMS.items():
        calls[name] = show(name, llm.bind_tools([form]), WEATHER)
    for choice in CHOICES:
        bound = llm.bind_tools([get_weather, convert_currency], tool_choice=choice)
        calls[choice] = show(f"tool_choice={choice!r}", bound, WEATHER)
    other = ChatKimi(**dict(settings, model="kimi-k2.6"))
    calls["kimi-k2.6"] = show("kimi-k2.6, forced", other.bind_tools([get_weather], tool_choice="get_weather"), WEATHER)
    say(QUESTION, "bold")
    both = [get_weather, convert_currency]
    calls["parallel"] = show("in parallel", llm.bind_tools(both), QUESTION)
    calls["one"] = show("parallel_tool_calls=False", llm.bind_tools(both, parallel_tool_calls=False), QUESTION)
    return calls


def show(label: str, bound: Any, question: str) -> list[ToolCall]:
    """Ask; print the calls, and what the package had to say about the request."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", KimiWarning)
        answer = bound.invoke(question)
    called = ", ".join(f"{call['name']}({call['args']})" for call in answer.tool_calls)
    line(label, called or f"no call: {answer.text[:40]} ...", TOOL)
    for warning in caught:
        say(f"  warned: {warning.message}", "yellow")
    return answer.tool_calls


if __name__ == "__main__":
    with connection() as settings:
        main(settings)
