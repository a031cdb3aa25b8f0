"""Histories that are not as the platform wants them: what is mended, what is refused, and that nothing is changed."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from contract_kit import FOR_REQUESTS, Adapter, Call, Chat, assistant, loads, result, system, user, wire_tool

from kimi_api import KimiInputError
from kimi_emulator import Emulator, Reply, ToolCall

pytestmark = pytest.mark.ways(*FOR_REQUESTS)
Make = Callable[..., Chat]
WEATHER = wire_tool("get_weather")
TURKU, OSLO = Call("get_weather", {"city": "Turku"}, "c1"), Call("get_weather", {"city": "Oslo"}, "c2")
OPEN = [user("Weather?"), assistant("", TURKU, reasoning="r"), user("Never mind. Hello?")]


def roles(kimi: Emulator) -> list[str]:
    return [message["role"] for message in kimi.chats[-1]["messages"]]


def test_every_role_has_its_place(kimi: Emulator, make: Make) -> None:
    make().ask(
        [
            system("Be brief."),
            user("Weather?"),
            assistant("Look.", TURKU, reasoning="r"),
            result(TURKU, "7"),
            user("?"),
        ],
        tools=[WEATHER],
    )
    first, question, called, answer, last = kimi.chats[0]["messages"]
    assert first == {"role": "system", "content": "Be brief."}
    assert question == {"role": "user", "content": "Weather?"}
    assert called.keys() == {"role", "content", "reasoning_content", "tool_calls"}
    assert (called["content"], called["tool_calls"][0]["id"]) == ("Look.", "c1")
    assert answer["tool_call_id"] == "c1"
    assert answer["content"] == "7"
    assert last["role"] == "user"


def test_an_empty_assistant_turn_is_left_out(kimi: Emulator, make: Make) -> None:
    """The message at position 1 with role 'assistant' must not be empty."""
    make().ask([user("hi"), assistant(""), user("Are you there?")])
    assert roles(kimi) == ["user", "user"]
    assert kimi.refusals == []


def test_calls_of_an_interrupted_run_are_named_before_anything_is_sent(kimi: Emulator, make: Make) -> None:
    with pytest.raises(KimiInputError, match=r"get_weather \(c1\).*every tool call needs") as caught:
        make().ask(OPEN, tools=[WEATHER])
    assert 'repair="cancel"' in caught.value.remedy
    assert kimi.requests == []


def test_calls_of_an_interrupted_run_are_answered_where_the_user_wants_it(kimi: Emulator, make: Make) -> None:
    for chat, more in ((make(repair="cancel"), {}), (make(), {"repair": "cancel"})):
        chat.ask(OPEN, tools=[WEATHER], **more)
        assert roles(kimi) == ["user", "assistant", "tool", "user"]
        note = kimi.chats[-1]["messages"][2]
        assert note["tool_call_id"] == "c1"
        assert "cancelled" in note["content"]
        assert kimi.chats[-1]["messages"][1]["reasoning_content"] == "r"
    assert kimi.refusals == []


def test_of_several_calls_the_open_one_is_named(kimi: Emulator, make: Make) -> None:
    history = [user("?"), assistant("", TURKU, OSLO, reasoning="r"), result(OSLO, "5"), user("And?")]
    with pytest.raises(KimiInputError, match=r"get_weather \(c1\)") as caught:
        make().ask(history, tools=[WEATHER])
    assert "c2" not in str(caught.value)
    make(repair="cancel").ask(history, tools=[WEATHER])
    results = [m["tool_call_id"] for m in kimi.chats[-1]["messages"] if m["role"] == "tool"]
    assert sorted(results) == ["c1", "c2"]


def test_a_result_of_a_call_that_nobody_made_is_named(kimi: Emulator, make: Make) -> None:
    turn = assistant("", TURKU, reasoning="r")
    with pytest.raises(KimiInputError, match="c9"):
        make().ask([user("?"), turn, result("c9"), result(TURKU)], tools=[WEATHER])
    assert kimi.requests == []


def test_two_calls_with_one_id_are_refused_before_anything_is_sent(kimi: Emulator, make: Make) -> None:
    twin = Call("get_weather", {"city": "Rome"}, "c1")
    with pytest.raises(KimiInputError, match="its own id"):
        make().ask([user("?"), assistant("", TURKU, twin, reasoning="r"), result(TURKU), result(twin)], tools=[WEATHER])
    assert kimi.requests == []


def test_a_history_is_never_changed(kimi: Emulator, make: Make, adapter: Adapter) -> None:
    kimi.script(Reply(content="", reasoning="r", tool_calls=[ToolCall("get_weather", {"city": "Turku"})]))
    chat = make()
    turn = chat.ask("?", tools=[WEATHER])
    neutral = [user("?"), assistant(""), loads(wire_tool("get_time")), user("Go on."), turn, result(turn.calls[0])]
    history = adapter.native_messages(neutral)
    before = copy.deepcopy(history)
    chat.ask(history, tools=[WEATHER])
    assert history == before


def test_a_repaired_history_is_the_same_prefix_in_every_later_turn(kimi: Emulator, make: Make) -> None:
    chat = make(repair="cancel")
    history: list[Any] = [*OPEN, assistant("")]
    for question in ("One?", "Two?"):
        history.append(user(question))
        history.append(chat.ask(history, tools=[WEATHER]))
    first, second = (body["messages"] for body in kimi.chats)
    assert second[: len(first)] == first
