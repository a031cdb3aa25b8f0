"""The prefix cache: each request of an agent begins, byte for byte, with the one before it, and is found there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from typing import Any, Literal

import pytest
from contract_kit import Adapter, Chat, Tool, result, system, user
from pydantic import BaseModel
from wire_prefix import broken, members_sent

from kimi_api import KimiInputError, KimiWarning
from kimi_api.account import cache_key
from kimi_emulator import Emulator, Reply, ToolCall

Make = Callable[..., Chat]
TURNS = 5
QUESTION = "You keep the tide tables of a harbour, and answer briefly. " * 272  # 16,000 characters: 4,000 tokens


class Place(BaseModel):
    """Where."""

    name: str
    kind: Literal["harbour", "river", "lake"] = "harbour"
    inside: Place | None = None


class Tide(BaseModel):
    """Arguments of get_tide."""

    place: Place
    day: str | None = None


def get_tide(place: Any, day: str | None = None) -> str:
    """When high water is."""
    return "1.5, 14.0: Ebbe und Flut – 潮汐"


def get_wind(city: str) -> str:
    """How the wind blows."""
    return f"4 m/s in {city} 😀"


SCHEMA = Place.model_json_schema()
TOOLS = [Tool(get_tide, name="get_tide", schema=Tide), get_wind]


def script(kimi: Emulator, turns: int = TURNS) -> None:
    """Each turn calls a tool in its own way, with its own spelling of arguments, then answers."""
    for turn in range(turns):
        call = ToolCall("get_wind", '{ "city" :"Turku"}')
        if turn % 3 == 1:
            call = ToolCall("get_tide", '{"place": {"kind":"river","name":"\\u00c5"}, "day":null}')
        thought = ("", "  Two\n lines. ", "潮汐 …")[turn % 3] if turn % 4 else None
        kimi.script(
            Reply(reasoning=thought, content="" if turn % 2 else "One moment.", tool_calls=[call]),
            Reply(reasoning=thought, content=f"High water is at {turn}:30."),
        )


@pytest.mark.parametrize("settings", [{}, {"model": "kimi-k2.6", "thinking_keep": "all"}], ids=["k3", "k2.6"])
def test_each_request_of_an_agent_begins_with_the_one_before_it(
    kimi: Emulator, make: Make, adapter: Adapter, settings: dict[str, Any]
) -> None:
    script(kimi)
    chat = make(prompt_cache_key="tides", cache_ttl="1h", **settings)
    history: list[Any] = []
    question = f"{QUESTION} When is high water?"
    with adapter.costs() as costs:
        for _ in range(TURNS):
            history = chat.run_agent(question, TOOLS, history=history).messages
            question = "And then?"
    used = costs.tally.usage
    assert costs.tally.calls == 2 * TURNS
    assert used.cached_tokens >= (1 - 1 / TURNS) * used.prompt_tokens  # all but the first, which nothing came before
    assert len(kimi.chats) == 2 * TURNS
    assert broken([request.body for request in kimi.requests]) == []
    last = kimi.chats[-1]
    assert last["prompt_cache_key"] == "tides"
    assert last["prompt_cache_options"] == {"mode": "implicit", "ttl": "1h"}
    thoughts = [reply["reasoning_content"].strip() for reply in kimi.replies[:-1]]
    assert [m["reasoning_content"].strip() for m in last["messages"] if m["role"] == "assistant"] == thoughts
    assert any(thoughts)
    assert kimi.report == kimi.refusals == []


def test_a_history_that_was_stored_as_json_is_the_same_prefix(kimi: Emulator, make: Make, adapter: Adapter) -> None:
    script(kimi, 1)
    chat = make()
    messages = [system("Be brief."), user("When?")]
    turn = chat.ask(messages, tools=TOOLS)
    chat.ask([*messages, turn, result(turn.calls[0])], tools=TOOLS)
    stored = adapter.through_json(adapter.native_messages([*messages, turn, result(turn.calls[0])]))
    chat.ask([*stored, user("Thanks.")], tools=TOOLS)
    assert broken([request.body for request in kimi.requests]) == []


@pytest.mark.parametrize("thought", ["", "I must look.", None])
def test_thinking_switched_off_for_a_call_leaves_the_history_as_it_was(
    kimi: Emulator, make: Make, thought: str | None
) -> None:
    """A single forced tool stops K2.6's thinking for that call, so agents switch back and forth."""
    chat = make(model="kimi-k2.6", thinking_keep="all")
    history: list[Any] = [user("When?")]
    for turn in range(4):
        kimi.script(Reply(reasoning=thought, tool_calls=[ToolCall("get_wind", {"city": "Turku"})]))
        forced = {"tool_choice": "get_wind"} if turn % 2 else {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", KimiWarning)
            outcome = chat.ask(history, tools=TOOLS, **forced)
        history += [outcome, *map(result, outcome.calls)]
    faults = [fault for fault in broken([request.body for request in kimi.requests]) if "other options" not in fault]
    assert faults == []
    assert {body.get("thinking", {}).get("type") for body in kimi.chats} == {"enabled", "disabled"}
    assert kimi.report == []


PRINT = """
import sys
sys.path[:0] = {paths!r}
import contract_kit
from {module} import {name} as Adapter
from {here} import SCHEMA, TOOLS
chat = Adapter({host!r}).make()
chat.ask("hi", tools=TOOLS)
chat.ask("Where?", response_format={{"type": "json_schema", "json_schema": {{"name": "p", "schema": SCHEMA}}}})
"""


def test_tools_are_the_same_bytes_in_every_process(kimi: Emulator, adapter: Adapter) -> None:
    """A hash seed of its own for each process: nothing may depend on the order of a set."""
    code = PRINT.format(
        paths=[os.path.dirname(__file__), *(path for path in sys.path if path)],
        module=type(adapter).__module__,
        name=type(adapter).__name__,
        here=os.path.basename(__file__).removesuffix(".py"),
        host=adapter.host,
    )
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, env=environment)
    bodies = [request.body for request in kimi.requests]
    assert len(bodies) == 4
    assert len({members_sent(body).tools for body in bodies[::2]}) == 1
    assert len({json.dumps(json.loads(body)["response_format"]) for body in bodies[1::2]}) == 1


@pytest.mark.ways("plain", "astreamed")
@pytest.mark.parametrize("key", ["", "  ", 7, ["a"]])
def test_a_cache_key_that_is_none_is_refused_before_sending(kimi: Emulator, make: Make, key: object) -> None:
    with pytest.raises(KimiInputError, match=r"prompt_cache_key.*session"):
        make().ask("hi", prompt_cache_key=key)
    assert kimi.requests == []


@pytest.mark.ways("plain", "astreamed")
@pytest.mark.parametrize("ttl", ["2h", "", 300])
def test_a_time_to_live_that_does_not_exist_is_refused_before_sending(kimi: Emulator, make: Make, ttl: object) -> None:
    with pytest.raises(KimiInputError, match="'5m' or '1h'"):
        make().ask("hi", cache_ttl=ttl)
    assert kimi.requests == []


@pytest.mark.parametrize(("ttl", "pause", "cached"), [(None, 240, True), (None, 360, False), ("1h", 360, True)])
def test_twenty_turns_with_pauses_stay_in_the_cache_as_long_as_was_asked(
    kimi: Emulator, make: Make, ttl: str | None, pause: float, cached: bool
) -> None:
    kimi.reset()
    chat = make(prompt_cache_key=cache_key("anna@example.org"), **({"cache_ttl": ttl} if ttl else {}))
    history: list[Any] = [system(f"{os.urandom(8).hex()} {QUESTION}")]
    shares = []
    for turn in range(20):
        kimi.script(Reply(content=f"At {turn}:30."))
        history.append(user(f"Question {turn}: when is high water?"))
        outcome = chat.ask(history)
        history.append(outcome)
        assert outcome.usage is not None
        shares.append(outcome.usage.cached_tokens / outcome.usage.prompt_tokens)
        kimi.clock.advance(pause)
    assert shares[0] == 0
    if cached:
        assert min(shares[1:]) >= 0.9, shares
    else:
        assert max(shares) == 0, shares
    assert {body["prompt_cache_key"] for body in kimi.chats} == {cache_key("anna@example.org")}
    assert "anna" not in str(kimi.chats)
