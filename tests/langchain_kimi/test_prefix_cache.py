"""The prefix cache through LangGraph's checkpoints: twenty turns of a thread, each beginning with the one before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.tools import StructuredTool
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import BaseModel, Field
from wire_prefix import broken

from kimi_emulator import Emulator, Reply, ToolCall
from langchain_kimi import ChatKimi

TURNS = 20
SYSTEM = "You keep the tide tables of a harbour, and answer briefly. " * 272  # 16,000 characters: 4,000 tokens
MODELS = [("kimi-k3", {}), ("kimi-k2.6", {"thinking_keep": "all"})]


class Place(BaseModel):
    """Where."""

    name: str
    kind: Literal["harbour", "river", "lake"] = "harbour"
    inside: Place | None = Field(default=None, description="the place that it is a part of")


def get_tide(place: Place, day: str | None = None) -> dict[str, Any]:
    """When high water is."""
    return {"place": place.name, "high": [1.5, 14.0], "note": "Ebbe und Flut \u2013 \u6f6e\u6c50"}


def get_wind(city: str) -> str:
    """How the wind blows."""
    return f"4 m/s in {city} \ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16")


def tools() -> list[Any]:
    """Python functions, a built tool, and a definition as MCP servers give them."""
    mcp = {"type": "object", "properties": {"z": {"type": "number"}, "a": {"type": "string", "format": "date"}}}
    remote = StructuredTool(
        name="get_level", description="Level of a gauge.", args_schema=mcp, func=lambda **args: f"{args} cm"
    )
    return [get_tide, get_wind, remote]


def script(kimi: Emulator) -> None:
    """Each turn calls tools in its own way, with its own spelling of arguments, then answers."""
    for turn in range(TURNS):
        calls = [ToolCall("get_wind", '{ "city" :"Turku"}')]
        if turn % 3 == 1:
            calls = [ToolCall("get_tide", '{"place": {"kind":"river","name":"\\u00c5"}, "day":null}'), *calls]
        if turn % 3 == 2:
            calls = [ToolCall("get_level", '{"z":1.0,"a":"2026-11-22"}')]
        thought = ("", "  Two\n lines. ", "\u6f6e\u6c50 \u2026")[turn % 3] if turn % 4 else None
        kimi.script(
            Reply(reasoning=thought, content="" if turn % 2 else "One moment.", tool_calls=calls),
            Reply(reasoning=thought, content=f"High water is at {turn}:30."),
        )


def converse(agent: Any) -> list[AIMessage]:
    """Twenty turns in one thread; the answers of the models."""
    config: Any = {"configurable": {"thread_id": "tides"}, "recursion_limit": 50}

    def ask(turn: int) -> dict[str, Any]:
        return {"messages": [HumanMessage(f"Question {turn}: when is high water?")]}

    for turn in range(TURNS):
        agent.invoke(ask(turn), config)
    return [m for m in agent.get_state(config).values["messages"] if isinstance(m, AIMessage)]


@pytest.mark.parametrize(("model", "options"), MODELS, ids=[model for model, _ in MODELS])
def test_each_request_of_a_long_thread_begins_with_the_one_before_it(
    kimi: Emulator, make: Callable[..., ChatKimi], model: str, options: dict[str, Any]
) -> None:
    script(kimi)
    llm = make(model=model, prompt_cache_key="tides", cache_ttl="1h", **options)
    agent = create_agent(llm, tools=tools(), system_prompt=SYSTEM, checkpointer=InMemorySaver())
    answers = converse(agent)
    assert len(kimi.chats) == 2 * TURNS
    assert broken([request.body for request in kimi.requests]) == []
    last = kimi.chats[-1]
    assert last["prompt_cache_key"] == "tides"
    assert last["prompt_cache_options"] == {"mode": "implicit", "ttl": "1h"}
    thinking = [reply["reasoning_content"] or ("" if model == "kimi-k3" else " ") for reply in kimi.replies]
    sent_back = [m["reasoning_content"] for m in last["messages"] if m["role"] == "assistant"]
    lost = [(a, b) for a, b in zip(thinking, sent_back, strict=False) if a != b and (a or b).strip()]
    assert lost == []
    assert any(thought.strip() for thought in sent_back)
    assert kimi.report == []
    shares = []
    for answer in answers[4:]:  # from the third turn on
        used = answer.usage_metadata
        assert used is not None
        shares.append(used.get("input_token_details", {}).get("cache_read", 0) / used["input_tokens"])
    assert len(shares) == 2 * TURNS - 4
    assert min(shares) >= 0.9, shares


def test_a_history_that_was_stored_as_json_is_the_same_prefix(kimi: Emulator, llm: ChatKimi) -> None:
    """Checkpoints and databases print messages and read them again."""
    from langchain_core.load import dumps, loads

    script(kimi)
    bound = llm.bind_tools(tools())
    history: list[Any] = [SystemMessage("Be brief."), HumanMessage("When?")]
    answer = bound.invoke(history)
    history += [answer, *(_result(call) for call in answer.tool_calls)]
    bound.invoke(history)
    bound.invoke([*loads(dumps(history), allowed_objects="messages"), HumanMessage("Thanks.")])
    assert broken([request.body for request in kimi.requests]) == []


def _result(call: Any) -> Any:
    from langchain_core.messages import ToolMessage

    return ToolMessage("4 m/s", tool_call_id=call["id"])


def test_the_harness_sees_what_breaks_a_prefix(kimi: Emulator, llm: ChatKimi) -> None:
    """Each of these would cost the cache; the tests above would not pass them over."""
    first = [SystemMessage("Be brief."), HumanMessage("hi")]
    llm.bind_tools(tools()).invoke(first)
    llm.bind_tools(list(reversed(tools()))).invoke(first)
    assert "other tools" in broken([request.body for request in kimi.requests])[0]
    kimi.reset()
    llm.invoke(first)
    llm.invoke([SystemMessage("Be brief. It is 20:15."), HumanMessage("hi")])
    assert "message 0" in broken([request.body for request in kimi.requests])[0]
