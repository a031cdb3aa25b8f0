"""Histories that are not as the platform wants them: what is mended, what is refused, and that nothing is changed."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from contract_kit import FOR_REQUESTS, Adapter, Call, Chat, assistant, loads, result, system, user, wire_tool

from kimi_api import KimiInputError, KimiWarning
from kimi_api._warn import forget_warnings
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
    assert 'repair="full"' in caught.value.remedy
    assert kimi.requests == []


def test_calls_of_an_interrupted_run_are_answered_where_the_user_wants_it(kimi: Emulator, make: Make) -> None:
    for chat, more in ((make(repair="full"), {}), (make(), {"repair": "full"}), (make(), {"repair": "cancel"})):
        forget_warnings()
        with pytest.warns(KimiWarning, match=r"get_weather \(c1\).*cancelled"):
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
    with pytest.warns(KimiWarning, match="c1"):
        make(repair="full").ask(history, tools=[WEATHER])
    results = [m["tool_call_id"] for m in kimi.chats[-1]["messages"] if m["role"] == "tool"]
    assert sorted(results) == ["c1", "c2"]


def test_a_result_of_a_call_that_nobody_made_is_named(kimi: Emulator, make: Make) -> None:
    turn = assistant("", TURKU, reasoning="r")
    with pytest.raises(KimiInputError, match="c9"):
        make().ask([user("?"), turn, result("c9"), result(TURKU)], tools=[WEATHER])
    assert kimi.requests == []


BETWEEN = {
    "user": [user("Hurry up!")],
    "system": [system("It is noon.")],
    "assistant": [assistant("Still at it.", reasoning="s")],
    "conversation": [user("Are you there?"), assistant("Yes.", reasoning="s"), user("Good.")],
    "tools": [loads(wire_tool("get_time"))],
}


@pytest.mark.parametrize("between", BETWEEN)
@pytest.mark.parametrize("results", [[TURKU], [OSLO, TURKU]], ids=["one", "all"])
def test_what_stands_between_calls_and_their_results_moves_behind_them(
    kimi: Emulator, make: Make, between: str, results: list[Call]
) -> None:
    """An agent that was talked to while it worked."""
    early = [call for call in (TURKU, OSLO) if call not in results]
    turn = assistant("", TURKU, OSLO, reasoning="r")
    history = [user("?"), turn, *map(result, early), *BETWEEN[between], *map(result, results), user("And now?")]
    make(max_tokens=2_000).ask(history, tools=[WEATHER])
    sent = kimi.chats[-1]["messages"]
    assert [m["tool_call_id"] for m in sent[2:4]] == [call.id for call in early + results]
    assert [m["role"] for m in sent[4:-1]] == ROLES_BETWEEN[between]
    assert sent[1]["reasoning_content"] == "r"
    assert kimi.refusals == []


ROLES_BETWEEN = {
    "user": ["user"],
    "system": ["system"],
    "assistant": ["assistant"],
    "conversation": ["user", "assistant", "user"],
    "tools": ["system"],
}


def test_two_turns_before_their_results_get_their_own(kimi: Emulator, make: Make) -> None:
    one, two = assistant("", TURKU, reasoning="1"), assistant("", OSLO, reasoning="2")
    make().ask([user("?"), one, two, result(OSLO, "5"), result(TURKU, "7"), user("So?")], tools=[WEATHER])
    assert roles(kimi) == ["user", "assistant", "tool", "assistant", "tool", "user"]
    sent = kimi.chats[-1]["messages"]
    assert [sent[2]["content"], sent[4]["content"]] == ["7", "5"]
    assert kimi.refusals == []


def test_a_marker_and_the_real_result_become_one(kimi: Emulator, make: Make) -> None:
    history = [user("?"), assistant("", TURKU, reasoning="r"), result(TURKU, "cancelled"), user("Wait."),
               result(TURKU, "7"), user("So?")]  # fmt: skip
    make().ask(history, tools=[WEATHER])
    assert roles(kimi) == ["user", "assistant", "tool", "user", "user"]
    assert kimi.chats[-1]["messages"][2]["content"] == "cancelled\n\n7"
    assert kimi.refusals == []


LOST = {
    "begins with a result": [result("c9", "7"), user("So?")],
    "trimmed": [result("c9", "7"), assistant("It is 7.", reasoning="r"), user("Sure?")],
    "beside another": [user("?"), assistant("", TURKU, reasoning="r"), result("c9", "7"), result(TURKU), user("So?")],
}


@pytest.mark.parametrize("case", LOST)
def test_a_result_whose_call_is_gone_names_the_level_that_drops_it(kimi: Emulator, make: Make, case: str) -> None:
    with pytest.raises(KimiInputError, match="made this call") as caught:
        make().ask(LOST[case], tools=[WEATHER])
    assert 'repair="full"' in caught.value.remedy
    assert kimi.requests == []
    with pytest.warns(KimiWarning, match="c9"):
        make(repair="full").ask(LOST[case], tools=[WEATHER])
    assert "c9" not in str(kimi.chats[-1]["messages"])
    assert kimi.refusals == []


@pytest.mark.parametrize("ids", [("c1", "c1"), ("", ""), ("c1", "")])
def test_calls_without_an_id_of_their_own_get_one(kimi: Emulator, make: Make, ids: tuple[str, str]) -> None:
    one, two = (Call("get_weather", {"city": city}, own) for city, own in zip(("Turku", "Oslo"), ids, strict=True))
    history = [user("?"), assistant("", one, two, reasoning="r"), result(one, "7"), result(two, "5"), user("So?")]
    chat = make()
    chat.ask(history, tools=[WEATHER])
    turn, first, second = kimi.chats[-1]["messages"][1:4]
    new = [call["id"] for call in turn["tool_calls"]]
    assert len(set(new)) == 2
    assert all(new)
    assert [(first["tool_call_id"], first["content"]), (second["tool_call_id"], second["content"])] == [
        (new[0], "7"), (new[1], "5")
    ]  # fmt: skip
    chat.ask([*history, assistant("7 and 5.", reasoning="s"), user("Thanks.")], tools=[WEATHER])
    assert kimi.chats[-1]["messages"][:5] == kimi.chats[-2]["messages"]
    assert kimi.refusals == []


@pytest.mark.parametrize(("model", "thinking"), [("kimi-k3", ["", ""]), ("kimi-k2.6", [None, " "])])
def test_foreign_turns_get_the_thinking_that_the_family_wants(
    kimi: Emulator, make: Make, model: str, thinking: list[Any]
) -> None:
    history = [user("Hi"), assistant("Hello."), user("?"), assistant("", TURKU), result(TURKU), user("So?")]
    make(model=model).ask(history, tools=[WEATHER])
    turns = [m for m in kimi.chats[-1]["messages"] if m["role"] == "assistant"]
    assert [m.get("reasoning_content") for m in turns] == thinking
    assert kimi.refusals == []


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
    chat = make(repair="full")
    history: list[Any] = [*OPEN, assistant("")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", KimiWarning)
        for question in ("One?", "Two?"):
            history.append(user(question))
            history.append(chat.ask(history, tools=[WEATHER]))
    first, second = (body["messages"] for body in kimi.chats)
    assert second[: len(first)] == first
