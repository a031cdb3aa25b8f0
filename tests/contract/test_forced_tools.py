"""A tool that must be called: what each model makes of the wish, and what comes of an answer without the call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from contract_kit import Chat, result, user, wire_tool
from pydantic import BaseModel

from kimi_api import KimiInputError, KimiToolChoiceError, KimiWarning
from kimi_emulator import Emulator, Reply, ToolCall

Make = Callable[..., Chat]
WEATHER, CLOCK = wire_tool("get_weather"), wire_tool("get_time")
CALL = ToolCall("get_weather", {"city": "Turku"})
NAMED = {"type": "function", "function": {"name": "get_weather"}}
offered = pytest.mark.filterwarnings("ignore:kimi-k2.7-code")
switched_off = pytest.mark.filterwarnings("ignore:kimi-k2.6")


class City(BaseModel):
    """A city."""

    city: str


def get_weather(city: str) -> str:
    """Current weather of a city."""
    return f"{city}: 7 degrees"


def get_time(city: str) -> str:
    """Current time of a city."""
    return f"{city}: noon"


def names(body: dict[str, Any]) -> list[str]:
    return [tool["function"]["name"] for tool in body["tools"]]


# ---------------------------------------------------------------------------------------------------- K3


@pytest.mark.parametrize("choice", ["required", "get_weather", NAMED])
def test_k3_is_made_to_call(kimi: Emulator, make: Make, choice: Any) -> None:
    kimi.script(Reply(tool_calls=[CALL]))
    outcome = make(model="kimi-k3").ask("?", tools=[WEATHER, CLOCK], tool_choice=choice)
    assert [call.name for call in outcome.calls] == ["get_weather"]
    assert kimi.chats[0]["tool_choice"] == "required"


def test_a_named_tool_of_k3_is_the_only_one_while_no_history_is_cached(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(tool_calls=[CALL]), Reply(content="Hello."), Reply(tool_calls=[CALL]))
    chat = make(model="kimi-k3")
    chat.ask("?", tools=[WEATHER, CLOCK], tool_choice="get_weather")
    greeting = chat.ask("Hi")
    chat.ask([user("Hi"), greeting, user("?")], tools=[WEATHER, CLOCK], tool_choice="get_weather")
    assert names(kimi.chats[0]) == ["get_weather"]
    assert names(kimi.chats[2]) == ["get_weather", "get_time"]  # the list is part of the cached prefix


def test_another_tool_than_the_named_one_is_an_error_of_its_own(kimi: Emulator, make: Make) -> None:
    other = Reply(tool_calls=[ToolCall("get_time", {"city": "Turku"})])
    kimi.script(Reply(content="Hello."), other, other)
    chat = make(model="kimi-k3")
    history = [user("Hi"), chat.ask("Hi"), user("?")]
    with pytest.raises(KimiToolChoiceError, match="'get_weather' was demanded, and kimi-k3 answered with get_time"):
        chat.ask(history, tools=[WEATHER, CLOCK], tool_choice="get_weather")


# ---------------------------------------------------------------------------------------------------- K2.6


def test_k26_stops_thinking_for_the_call_of_a_single_tool_and_says_so(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(tool_calls=[CALL]), Reply(content="Cold."))
    chat = make(model="kimi-k2.6")
    with pytest.warns(KimiWarning, match=r"kimi-k2\.6"):
        outcome = chat.ask("?", tools=[WEATHER], tool_choice="required")
    assert [call.name for call in outcome.calls] == ["get_weather"]
    assert kimi.chats[0]["tool_choice"] == NAMED
    assert kimi.chats[0]["thinking"] == {"type": "disabled"}
    chat.ask([user("?"), outcome, result(outcome.calls[0])], tools=[WEATHER])
    assert "thinking" not in kimi.chats[1]  # for that call alone
    assert kimi.refusals == []


def test_k26_is_offered_several_tools(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(tool_calls=[CALL]))
    with pytest.warns(KimiWarning, match=r"kimi-k2\.6"):
        make(model="kimi-k2.6").ask("?", tools=[WEATHER, CLOCK], tool_choice="required")
    assert kimi.chats[0]["tool_choice"] == "auto"
    assert "thinking" not in kimi.chats[0]


# ---------------------------------------------------------------------------------------------------- K2.7-code


def test_k27_is_offered_the_tool_and_says_so(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(tool_calls=[CALL]))
    with pytest.warns(KimiWarning, match=r"kimi-k2\.7-code cannot be made to call a tool"):
        outcome = make(model="kimi-k2.7-code").ask("?", tools=[WEATHER], tool_choice="required")
    assert [call.name for call in outcome.calls] == ["get_weather"]
    assert [body["tool_choice"] for body in kimi.chats] == ["auto"]


@offered
@switched_off
@pytest.mark.parametrize(
    ("model", "tools", "choice"),
    [
        ("kimi-k2.7-code", [WEATHER], "required"),
        ("kimi-k2.7-code", [WEATHER, CLOCK], "get_weather"),
        ("kimi-k2.7-code-highspeed", [WEATHER], NAMED),
        ("kimi-k2.6", [WEATHER, CLOCK], "required"),
    ],
)
def test_a_forced_tool_that_went_out_as_an_offer_is_asked_for_again(
    kimi: Emulator, make: Make, model: str, tools: list[Any], choice: Any
) -> None:
    kimi.script(Reply(content="Shall I?"), Reply(reasoning="All right.", tool_calls=[CALL]))
    outcome = make(model=model).ask("Weather?", tools=tools, tool_choice=choice)
    assert [(call.name, call.args) for call in outcome.calls] == [("get_weather", {"city": "Turku"})]
    assert (outcome.reasoning, outcome.finish_reason) == ("All right.", "tool_calls")
    assert outcome.text == "".join(outcome.pieces) == ""  # nothing is shown that is taken back
    assert len(kimi.chats) == 2
    first, second = (body["messages"] for body in kimi.chats)
    assert second[: len(first)] == first  # the cached prefix stays
    assert [body["tool_choice"] for body in kimi.chats] == ["auto", "auto"]


@offered
def test_both_requests_for_a_forced_tool_are_counted(kimi: Emulator, make: Make) -> None:
    usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
    kimi.script(Reply(content="Shall I?", usage=usage), Reply(tool_calls=[CALL], usage=usage))
    outcome = make(model="kimi-k2.7-code").ask("Weather?", tools=[WEATHER], tool_choice="required")
    assert outcome.usage is not None
    assert (outcome.usage.prompt_tokens, outcome.usage.completion_tokens) == (200, 40)


@offered
def test_a_forced_tool_that_is_never_called_is_an_error_after_two_requests(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(content="No."), Reply(content="Never."))
    with pytest.raises(KimiToolChoiceError, match=r"demanded.*Ask for the call in the prompt"):
        make(model="kimi-k2.7-code").ask("Weather?", tools=[WEATHER], tool_choice="required")
    assert len(kimi.chats) == 2


@offered
@pytest.mark.parametrize(("model", "other"), [("kimi-k3", False), ("kimi-k2.7-code", True)])
def test_a_missing_call_names_another_model_only_where_that_helps(
    kimi: Emulator, make: Make, model: str, other: bool
) -> None:
    kimi.script(Reply(content="No."), Reply(content="No."))
    error = make(model=model).attempt("?", tools=[WEATHER], tool_choice="required").error
    assert isinstance(error, KimiToolChoiceError)
    assert "Ask for the call in the prompt, or use response_format" in str(error)
    assert ("a K3 model can be made to call" in str(error)) is other


@offered
def test_a_tool_that_was_called_at_once_is_not_asked_for_again(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(content="Here.", reasoning="Call it.", tool_calls=[CALL]))
    outcome = make(model="kimi-k2.7-code").ask("Weather?", tools=[WEATHER], tool_choice="required")
    assert (outcome.text, outcome.reasoning, len(outcome.calls)) == ("Here.", "Call it.", 1)
    assert len(kimi.chats) == 1


@offered
def test_an_agent_whose_first_tool_is_forced_asks_again(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(content="Shall I?"), Reply(reasoning="r", tool_calls=[CALL]), Reply(content="It is cold."))
    run = make(model="kimi-k2.7-code").run_agent("Weather?", [get_weather, get_time], first_choice="get_weather")
    assert run.text == "It is cold."
    assert len(kimi.chats) == 3
    assert "Shall I?" not in str(kimi.chats[2]["messages"])


@pytest.mark.parametrize(
    ("model", "choice", "sent"),
    [
        ("kimi-k3", "required", "required"),
        ("kimi-k3", "get_weather", "required"),
        ("kimi-k2.6", "get_weather", NAMED),
        ("kimi-k2.7-code", "required", "auto"),
        ("kimi-k2.7-code", "get_weather", "auto"),
    ],
)
@offered
@switched_off
def test_an_agents_first_choice_holds_for_its_first_request_as_the_model_takes_it(
    kimi: Emulator, make: Make, model: str, choice: str, sent: Any
) -> None:
    kimi.script(Reply(reasoning="r", tool_calls=[CALL]), Reply(content="It is cold."))
    assert make(model=model).run_agent("Weather?", [get_weather], first_choice=choice).text == "It is cold."
    assert [body.get("tool_choice") for body in kimi.chats] == [sent, None]


@offered
def test_an_object_by_a_demanded_tool_is_asked_for_again(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(content="Turku."), Reply(tool_calls=[ToolCall("City", {"city": "Turku"})]))
    assert make(model="kimi-k2.7-code").predict(City, "Where?", by_tool=True) == City(city="Turku")
    assert len(kimi.chats) == 2


# ---------------------------------------------------------------------------------------------------- choices


@pytest.mark.parametrize("choice", ["auto", "none"])
@pytest.mark.parametrize("model", ["kimi-k3", "kimi-k2.6", "kimi-k2.7-code"])
def test_free_choices_go_out_as_they_are(kimi: Emulator, make: Make, model: str, choice: str) -> None:
    kimi.script(Reply(content="Fine."))
    assert make(model=model).ask("?", tools=[WEATHER], tool_choice=choice).text == "Fine."
    assert kimi.chats[0]["tool_choice"] == choice
    assert len(kimi.chats) == 1


def test_a_tool_that_is_not_there_cannot_be_forced(kimi: Emulator, make: Make) -> None:
    with pytest.raises(KimiInputError, match="'get_tide'"):
        make().ask("?", tools=[WEATHER], tool_choice="get_tide")
    assert kimi.requests == []


# ---------------------------------------------------------------------------------------------------- held answers

LONG = {"auto_continue": 1, "resume_streams": 1}


@offered
def test_an_offer_is_asked_for_again_where_answers_are_continued_too(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(content="Shall I?"), Reply(tool_calls=[CALL]))
    outcome = make(model="kimi-k2.7-code", **LONG).ask("Weather?", tools=[WEATHER], tool_choice="required")
    assert [call.name for call in outcome.calls] == ["get_weather"]
    assert "Shall I?" not in "".join(outcome.pieces)
    assert len(kimi.chats) == 2
    assert kimi.refusals == []


@offered
def test_a_demanded_call_that_the_budget_cut_off_is_shown_and_not_continued(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(content="Let me", finish_reason="length"))
    outcome = make(model="kimi-k2.7-code", **LONG).attempt("Weather?", tools=[WEATHER], tool_choice="required")
    assert outcome.text == "".join(outcome.pieces) == "Let me"
    assert outcome.finish_reason == "length"
    assert any("stays incomplete" in text for text in outcome.warnings)
    assert len(kimi.chats) == 1


@offered
@pytest.mark.ways("streamed", "astreamed")
def test_a_held_stream_that_breaks_is_an_error_and_shows_nothing(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(content="Let me look into that for a while."))
    kimi.fail("cut.answer")
    outcome = make(model="kimi-k2.7-code", **LONG).attempt("Weather?", tools=[WEATHER], tool_choice="required")
    assert outcome.error is not None
    assert outcome.pieces == []
    assert len(kimi.chats) == 1


@offered
@pytest.mark.ways("streamed", "astreamed")
@pytest.mark.parametrize("settings", [{}, LONG])
def test_a_held_stream_may_be_left_early(kimi: Emulator, make: Make, settings: dict[str, Any]) -> None:
    kimi.script(Reply(reasoning="Well.", tool_calls=[CALL]), Reply(content="Hello."))
    chat = make(model="kimi-k2.7-code", **settings)

    async def aleave() -> None:
        await chat.aleave("Weather?", tools=[WEATHER], tool_choice="required")

    if chat.way == "streamed":
        chat.leave("Weather?", tools=[WEATHER], tool_choice="required")
    else:
        asyncio.run(aleave())
    assert len(kimi.chats) == 1  # nothing goes on behind the reader's back
    assert chat.ask("Hi").text == "Hello."
