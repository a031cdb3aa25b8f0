"""Schemas of tools: whatever they contain, the platform takes what goes out, and their meaning is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Optional

import pytest
from contract_kit import FOR_REQUESTS, Chat, Tool, wire_tool
from pydantic import BaseModel, Field

from kimi_api import KimiInputError
from kimi_emulator import Emulator, Reply, ToolCall

pytestmark = pytest.mark.ways(*FOR_REQUESTS)
Make = Callable[..., Chat]


class Tree(BaseModel):
    """A tree."""

    value: int
    children: list[Tree] = []


class Odd(BaseModel):
    """Odd arguments."""

    pair: tuple[int, str]
    either: int | str | None = None
    bag: dict[str, Any] = {}
    kind: Literal["a", "b"] = "a"
    amount: float = Field(1, gt=0, le=10, multiple_of=0.5)
    code: str = Field("AB", pattern=r"^[A-Z]{2}$", min_length=2)
    maybe: Optional[Tree] = None  # noqa: UP045 - the old spelling too


def plain(city: str, days: int = 3, exact: bool = False) -> str:
    """Forecast of a city."""
    return city


def odd(**arguments: Any) -> str:
    """Take odd arguments."""
    return "taken"


MCP: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {
        "a": {"type": ["string", "null"], "format": "uri"},
        "b": True,
        "c": {"oneOf": [{"type": "integer"}, {"$ref": "#/definitions/thing"}]},
        "$ref": {"type": "string", "description": "a property of that name"},
    },
    "definitions": {"thing": {"type": "object", "properties": {"x": {"const": 3}}, "additionalProperties": False}},
    "patternProperties": {"^x-": {"type": "string"}},
    "required": ["a"],
}


@pytest.mark.parametrize("mfjs", ["live", "strict"])
@pytest.mark.parametrize(
    "tool",
    [
        plain,
        Tool(odd, name="odd", schema=Odd),
        Tool(odd, name="tree", schema=Tree),
        {"type": "function", "function": {"name": "mcp", "description": "MCP.", "parameters": MCP}},
        {"type": "function", "function": {"name": "bare", "parameters": {"type": "object", "properties": {}}}},
    ],
    ids=["function", "odd class", "recursive class", "MCP server", "no arguments"],
)
def test_whatever_a_schema_contains_the_platform_takes_it(make: Make, mfjs: Any, tool: Any) -> None:
    with Emulator(mfjs=mfjs) as kimi:
        kimi.script(Reply(content="Fine."))
        assert make(base_url=kimi.base_url, api_key=kimi.api_key).ask("?", tools=[tool]).text == "Fine."
        assert kimi.report == kimi.refusals == []
        (sent,) = kimi.chats[0]["tools"]
        assert sent["function"]["parameters"]["type"] == "object"


def test_meaning_is_kept(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(content="Fine."))
    make().ask("?", tools=[plain, Tool(odd, name="odd", schema=Odd)])
    forecast, other = (tool["function"] for tool in kimi.chats[0]["tools"])
    assert "Forecast of a city." in forecast["description"]
    assert forecast["parameters"]["required"] == ["city"]
    kinds = {name: property["type"] for name, property in forecast["parameters"]["properties"].items()}
    assert kinds == {"city": "string", "days": "integer", "exact": "boolean"}
    assert other["parameters"]["properties"]["kind"]["enum"] == ["a", "b"]
    assert "^[A-Z]{2}$" in str(other["parameters"]["properties"]["code"])


def test_a_recursive_schema_keeps_its_recursion(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(content="Fine."))
    make().ask("?", tools=[Tool(odd, name="tree", schema=Tree)])
    text = str(kimi.chats[0]["tools"][0]["function"]["parameters"])
    assert "'$ref': '#/$defs/Tree'" in text


def test_the_definition_that_was_given_is_not_changed(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(content="Fine."))
    tool = {"type": "function", "function": {"name": "mcp", "description": "MCP.", "parameters": MCP}}
    before = repr(tool)
    make().ask("?", tools=[tool])
    assert repr(tool) == before


def test_the_same_tools_are_the_same_bytes_every_time(kimi: Emulator, make: Make) -> None:
    chat = make()
    tools = [plain, Tool(odd, name="odd", schema=Odd), wire_tool("get_weather")]
    for _ in range(3):
        kimi.script(Reply(content="Fine."))
        chat.ask("?", tools=tools)
    first, *others = (request.body for request in kimi.requests)
    assert set(others) == {first}


def test_a_tool_without_a_name_is_refused_before_sending(kimi: Emulator, make: Make) -> None:
    nameless = {"type": "function", "function": {"description": "?", "parameters": {"type": "object"}}}
    with pytest.raises(KimiInputError, match="name"):
        make().ask("?", tools=[nameless])
    assert kimi.requests == []


@pytest.mark.parametrize("tool", ["search", 3, {"description": "?"}])
def test_what_is_no_tool_is_refused_before_sending(kimi: Emulator, make: Make, tool: Any) -> None:
    with pytest.raises(KimiInputError, match="tools"):
        make().ask("?", tools=[tool])
    assert kimi.requests == []


def test_a_tool_runs_with_the_arguments_of_its_schema(kimi: Emulator, make: Make) -> None:
    taken: list[dict[str, Any]] = []

    def take(pair: Any, kind: Any = "a") -> str:
        """Take a pair."""
        taken.append({"pair": pair, "kind": kind})
        return "taken"

    class Arguments(BaseModel):
        pair: list[int]
        kind: Literal["a", "b"] = "a"

    kimi.script(Reply(tool_calls=[ToolCall("take", {"pair": [1, 2], "kind": "b"})], reasoning="r"), Reply("Done."))
    assert make().run_agent("?", [Tool(take, name="take", schema=Arguments)]).text == "Done."
    assert taken == [{"pair": [1, 2], "kind": "b"}]
