"""The skill that loads tools: `load_tools` of LangChain's `KimiDynamicToolsMiddleware`, and others like it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, ToolMessage

from kimi_emulator import BrainContext, Emulator
from kimi_emulator.brain import DefaultBrain
from langchain_kimi import ChatKimi, KimiDynamicToolsMiddleware

LISTED = (
    "Load tools that are not at hand yet. They can be called from the next turn on.\n"
    "names: tools to load by name. query: what a tool should do, when its name is not known.\nThere are:\n"
    "- get_weather: Tell the current weather in a city.\n- convert_currency: Convert an amount of money.\n"
    "- book_table: Book a table in a restaurant."
)
UNLISTED = "Load tools that are not at hand yet.\nThere are 80 tools; find them by query."
NULLABLE_NAMES = {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}], "default": None}
NULLABLE_TEXT = {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}


def loader(description: str = LISTED, name: str = "load_tools", **properties: Any) -> dict[str, Any]:
    parameters = {"type": "object", "properties": properties or {"names": NULLABLE_NAMES, "query": NULLABLE_TEXT}}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


def plain(name: str, description: str) -> dict[str, Any]:
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


def calls(question: str, *tools: dict[str, Any], **fields: Any) -> list[tuple[str, Any]]:
    request = {"messages": [{"role": "user", "content": question}], "tools": list(tools)} | fields
    reply = DefaultBrain().answer(request, BrainContext("kimi-k3", True, list(tools)))
    return [(call.name, json.loads(call.arguments_text)) for call in reply.tool_calls]


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("What is the weather in Turku?", ["get_weather"]),
        ("How much is 23400 EUR in SEK?", ["convert_currency"]),
        ("Book a table for two at a restaurant in Turku.", ["book_table"]),
        ("北京的天气怎么样？", ["get_weather"]),
    ],
)
def test_what_a_question_needs_is_loaded_by_name(question: str, names: list[str]) -> None:
    assert calls(question, loader()) == [("load_tools", {"names": names})]


def test_two_things_are_loaded_at_once() -> None:
    [(name, arguments)] = calls("What is the weather in Turku, and how much is 23400 EUR in SEK?", loader())
    assert name == "load_tools"
    assert sorted(arguments["names"]) == ["convert_currency", "get_weather"]


@pytest.mark.parametrize("question", ["Hello!", "Thank you, that was all.", "你好"])
@pytest.mark.parametrize("description", [LISTED, UNLISTED])
def test_nothing_is_loaded_for_a_greeting(question: str, description: str) -> None:
    assert calls(question, loader(description)) == []


def test_a_large_catalogue_is_asked_by_query() -> None:
    question = "What is the weather in Turku?"
    assert calls(question, loader(UNLISTED)) == [("load_tools", {"query": question})]
    only_query = loader(UNLISTED, "search_tools", query={"type": "string"})
    assert calls(question, only_query) == [("search_tools", {"query": question})]


def test_a_tool_at_hand_is_called_without_loading() -> None:
    weather = plain("get_weather", "Tell the current weather in a city.")
    assert calls("What is the weather in Turku?", loader(), weather) == [("get_weather", {"city": "Turku"})]


def test_a_tool_that_only_sounds_alike_is_no_loader() -> None:
    sharpener = plain("get_tool_price", "Price of a tool.")
    assert [name for name, _ in calls("What is the weather in Turku?", sharpener)] == []
    assert calls("What is the weather in Turku?", loader(), tool_choice="none") == []


@pytest.mark.parametrize("count", [2, 40])
def test_langchains_middleware_is_used_to_its_end(count: int) -> None:
    """Loaded, called and answered from, by name and (of a catalogue too large to list) by query."""

    def get_weather(city: str) -> str:
        """Tell the current weather in a city."""
        return f"{city}: 2 degrees, snow"

    def other(number: int) -> Any:
        def tool(code: str) -> str:
            """Look a part up."""
            return code

        tool.__name__ = f"part_{number}"
        return tool

    loading = KimiDynamicToolsMiddleware([get_weather, *(other(n) for n in range(count - 1))])
    with Emulator() as kimi:
        agent = create_agent(ChatKimi(base_url=kimi.base_url, api_key=kimi.api_key), [], middleware=[loading])
        messages = agent.invoke({"messages": [("user", "What is the weather in Turku?")]})["messages"]
        assert kimi.report == kimi.refusals == []
    called = [call["name"] for message in messages if isinstance(message, AIMessage) for call in message.tool_calls]
    assert called == ["load_tools", "get_weather"]
    assert [message.text for message in messages if isinstance(message, ToolMessage)][1] == "Turku: 2 degrees, snow"
    assert messages[-1].text == "The result is: Turku: 2 degrees, snow"
