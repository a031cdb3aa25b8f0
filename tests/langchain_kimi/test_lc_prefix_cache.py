"""The prefix cache: each request of an agent begins, byte for byte, with the one before it, and is found there."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from typing import Any, Literal

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.tools import StructuredTool
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import BaseModel, Field
from wire_prefix import broken, sent

from kimi_api import KimiInputError, KimiWarning
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


def converse(agent: Any, how: str) -> list[AIMessage]:
    """Twenty turns in one thread; the answers of the models."""
    config: Any = {"configurable": {"thread_id": "tides"}, "recursion_limit": 50}

    def ask(turn: int) -> dict[str, Any]:
        return {"messages": [HumanMessage(f"Question {turn}: when is high water?")]}

    async def run() -> None:
        for turn in range(TURNS):
            await agent.ainvoke(ask(turn), config)

    if how == "async":
        asyncio.run(run())
    else:
        for turn in range(TURNS):
            agent.invoke(ask(turn), config)
    return [m for m in agent.get_state(config).values["messages"] if isinstance(m, AIMessage)]


@pytest.mark.parametrize(("model", "options"), MODELS, ids=[model for model, _ in MODELS])
@pytest.mark.parametrize("how", ["sync", "async", "streamed"])
def test_each_request_of_an_agent_begins_with_the_one_before_it(
    kimi: Emulator, make: Callable[..., ChatKimi], model: str, options: dict[str, Any], how: str
) -> None:
    script(kimi)
    llm = make(model=model, streaming=how == "streamed", prompt_cache_key="tides", cache_ttl="1h", **options)
    agent = create_agent(llm, tools=tools(), system_prompt=SYSTEM, checkpointer=InMemorySaver())
    answers = converse(agent, how)
    assert len(kimi.chats) == 2 * TURNS
    assert broken([request.body for request in kimi.requests]) == []
    last = kimi.chats[-1]
    assert last["prompt_cache_key"] == "tides"
    assert last["prompt_cache_options"] == {"mode": "implicit", "ttl": "1h"}
    given = [reply["reasoning_content"] or ("" if model == "kimi-k3" else " ") for reply in kimi.replies]
    sent_back = [m["reasoning_content"] for m in last["messages"] if m["role"] == "assistant"]
    kept = [(a, b) for a, b in zip(given, sent_back, strict=False) if a != b and (a or b).strip()]
    assert kept == []
    assert any(thought.strip() for thought in sent_back)
    assert kimi.report == []
    shares = []
    for answer in answers[4:]:  # from the third turn on
        used = answer.usage_metadata
        assert used is not None
        shares.append(used.get("input_token_details", {}).get("cache_read", 0) / used["input_tokens"])
    assert len(shares) == 2 * TURNS - 4
    assert min(shares) >= 0.9, shares


def test_tools_and_schemas_are_the_same_bytes_in_every_process(kimi: Emulator) -> None:
    """A hash seed of its own for each process: nothing may depend on the order of a set."""
    code = (
        "import sys; sys.path[:0] = ['tests/langchain_kimi', 'tests/support']\n"
        "import test_lc_prefix_cache as t\n"
        "from langchain_kimi import ChatKimi\n"
        f"llm = ChatKimi(base_url={kimi.base_url!r}, api_key={kimi.api_key!r})\n"
        "llm.bind_tools(t.tools()).invoke('hi')\n"
        "llm.with_structured_output(t.Place, include_raw=True).invoke('Where?')\n"
    )
    for seed in ("1", "2", "3"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-c", code], check=True, env=environment, capture_output=True)
    bodies = [request.body for request in kimi.requests]
    assert len(bodies) == 6
    assert len({sent(body).tools for body in bodies[::2]}) == 1
    assert len({json.dumps(json.loads(body)["response_format"]) for body in bodies[1::2]}) == 1


def test_binding_the_same_tools_again_changes_nothing(kimi: Emulator, llm: ChatKimi) -> None:
    for _ in range(3):
        llm.bind_tools(tools()).invoke([SystemMessage("Be brief."), HumanMessage("hi")])
    assert broken([request.body for request in kimi.requests]) == []


@pytest.mark.parametrize("thought", ["", "I must look.", None])
def test_thinking_switched_off_for_a_call_leaves_the_history_as_it_was(
    kimi: Emulator, make: Callable[..., ChatKimi], thought: str | None
) -> None:
    """A single forced tool stops K2.6's thinking for that call, so agents switch back and forth."""
    llm = make(model="kimi-k2.6", thinking_keep="all", unsupported="warn")
    history: list[Any] = [HumanMessage("When?")]
    for turn in range(6):
        kimi.script(Reply(reasoning=thought, tool_calls=[ToolCall("get_wind", {"city": "Turku"})]))
        forced = {"tool_choice": "get_wind"} if turn % 2 else {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", KimiWarning)
            answer = llm.bind_tools(tools(), **forced).invoke(history)
        history += [answer, *(_result(call) for call in answer.tool_calls)]
    found = [told for told in broken([request.body for request in kimi.requests]) if "other options" not in told]
    assert found == []
    assert {chat.get("thinking", {}).get("type") for chat in kimi.chats} == {"enabled", "disabled"}
    assert kimi.report == []


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


@pytest.mark.parametrize("key", ["", "  ", 7, ["a"]])
def test_a_cache_key_that_is_none_is_refused_before_anything_is_sent(
    kimi: Emulator, llm: ChatKimi, key: object
) -> None:
    with pytest.raises(KimiInputError, match=r"prompt_cache_key.*session"):
        llm.invoke("hi", prompt_cache_key=key)
    assert kimi.requests == []


@pytest.mark.parametrize("ttl", ["2h", "", 300])
def test_a_time_to_live_that_does_not_exist_is_refused_before_anything_is_sent(
    kimi: Emulator, llm: ChatKimi, ttl: object
) -> None:
    with pytest.raises(KimiInputError, match="'5m' or '1h'"):
        llm.invoke("hi", cache_ttl=ttl)
    assert kimi.requests == []


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
