"""Thinking: in, out and back, each turn with its own text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from contract_kit import Adapter, Call, Chat, Way, assistant, result, user, wire_tool

from kimi_emulator import Emulator, Reply, ToolCall

MODELS = ["kimi-k3", "kimi-k2.6"]
WEATHER = wire_tool("get_weather")
THOUGHTS = ["Zuerst Zürich, 然后北京.", "  One more.\n\n", "Done\u2028?\t🌙"]
Make = Callable[..., Chat]


def get_weather(city: str) -> str:
    """Current weather of a city."""
    return f"{city}: 7 degrees"


def thinking_of(messages: list[dict[str, Any]]) -> list[str | None]:
    return [message.get("reasoning_content") for message in messages if message["role"] == "assistant"]


@pytest.mark.parametrize("thought", THOUGHTS)
def test_thinking_comes_with_the_answer(kimi: Emulator, chat: Chat, thought: str) -> None:
    kimi.script(Reply(content="Fine.", reasoning=thought))
    outcome = chat.ask("How are you?")
    assert (outcome.text, outcome.reasoning) == ("Fine.", thought)


def test_thinking_without_words_is_kept_apart_from_none(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(content="a", reasoning=""))
    assert make().ask("?").reasoning == ""
    with_v1 = Emulator(retired=True)
    with with_v1:
        plain = make(base_url=with_v1.base_url, api_key=with_v1.api_key, model="moonshot-v1-8k")
        assert plain.ask("?").reasoning is None


@pytest.mark.parametrize("model", MODELS)
def test_each_turn_gets_its_own_thinking_back_byte_for_byte(kimi: Emulator, make: Make, model: str) -> None:
    chat = make(model=model)
    history: list[Any] = [user("Weather?")]
    for thought in THOUGHTS:
        kimi.script(Reply(reasoning=thought, tool_calls=[ToolCall("get_weather", {"city": "Turku"})]))
        turn = chat.ask(history, tools=[WEATHER])
        history += [turn, result(turn.calls[0], "7 degrees")]
    kimi.script(Reply(content="Cold."))
    chat.ask(history, tools=[WEATHER])
    assert thinking_of(kimi.chats[-1]["messages"]) == THOUGHTS
    assert kimi.refusals == kimi.report == []


@pytest.mark.parametrize("model", MODELS)
def test_turns_without_calls_send_their_thinking_back_too(kimi: Emulator, make: Make, model: str) -> None:
    chat = make(model=model)
    kimi.script(Reply(content="One.", reasoning="first"), Reply(content="Two.", reasoning="second"))
    history: list[Any] = [user("Count.")]
    for _ in range(2):
        history += [chat.ask(history), user("On!")]
    chat.ask(history)
    assert thinking_of(kimi.chats[-1]["messages"]) == ["first", "second"]


@pytest.mark.parametrize("model", MODELS)
def test_an_agent_keeps_thinking_through_its_loop_and_into_the_next_run(kimi: Emulator, make: Make, model: str) -> None:
    chat = make(model=model)
    kimi.script(
        Reply(reasoning="One.", tool_calls=[ToolCall("get_weather", '{"city":"Zürich"}')]),
        Reply(reasoning="Two.", content="A moment.", tool_calls=[ToolCall("get_weather", '{ "city": "北京" }')]),
        Reply(reasoning="Three.", content="It is cold."),
        Reply(reasoning="Four.", content="You are welcome."),
    )
    first = chat.run_agent("Weather?", [get_weather])
    assert first.text == "It is cold."
    assert chat.run_agent("Thanks!", [get_weather], history=first.messages).text == "You are welcome."
    assert len(kimi.chats) == 4
    for number, body in enumerate(kimi.chats):
        turns = [message for message in body["messages"] if message["role"] == "assistant"]
        assert thinking_of(turns) == thinking_of(kimi.replies[:number])
        for turn, reply in zip(turns, kimi.replies, strict=False):
            assert turn["content"] == reply["content"]
            sent_calls = [call["function"] for call in reply.get("tool_calls", ())]
            assert [call["function"] for call in turn.get("tool_calls", ())] == sent_calls
    messages = kimi.chats[-1]["messages"]
    ids = [call["id"] for message in messages for call in message.get("tool_calls", ())]
    assert [message["tool_call_id"] for message in messages if message["role"] == "tool"] == ids
    assert len(set(ids)) == 2  # the platform's own are get_weather_0 in both turns
    assert kimi.refusals == kimi.report == []


def test_a_history_that_was_stored_as_json_has_its_thinking(kimi: Emulator, adapter: Adapter, way: Way) -> None:
    chat = adapter.make(way)
    kimi.script(Reply(reasoning=THOUGHTS[0], tool_calls=[ToolCall("get_weather", '{ "city": "北京"}')]))
    turn = chat.ask("Weather?", tools=[WEATHER])
    chat.ask([user("Weather?"), *adapter.through_json([turn.message]), result(turn.calls[0])], tools=[WEATHER])
    sent = kimi.chats[-1]["messages"][1]
    assert sent["reasoning_content"] == THOUGHTS[0]
    assert sent["tool_calls"][0]["function"]["arguments"] == '{ "city": "北京"}'


def test_thinking_is_read_from_every_place_where_the_framework_keeps_it(kimi: Emulator, adapter: Adapter) -> None:
    chat = adapter.make()
    forms = adapter.reasoning_forms("Look.", THOUGHTS[0], Call("get_weather", {"city": "Turku"}, "c1"))
    for form, message in forms.items():
        chat.ask([user("?"), message, result("c1")], tools=[WEATHER])
        sent = kimi.chats[-1]["messages"][1]
        assert (sent["reasoning_content"], sent["content"]) == (THOUGHTS[0], "Look."), form


@pytest.mark.parametrize("vendor", ["anthropic", "openai"])
def test_thinking_that_another_vendor_signed_is_not_sent(kimi: Emulator, adapter: Adapter, vendor: str) -> None:
    chat = adapter.make()
    foreign = assistant("Hello.", Call("get_weather", {"city": "Turku"}, "c1"), reasoning="Mine alone.", by=vendor)
    chat.ask([user("?"), foreign, result("c1")], tools=[WEATHER])
    assert kimi.chats[-1]["messages"][1]["reasoning_content"] == ""
    chat.ask([user("?"), assistant("Hello.", reasoning="Mine alone.", by=vendor), user("And?")])
    assert "Mine alone." not in str(kimi.chats)


@pytest.mark.parametrize(("model", "sent"), [("kimi-k2.6", " "), ("kimi-k2.7-code", " "), ("kimi-k3", "")])
def test_empty_thinking_of_a_call_is_a_space_where_the_platform_counts_it_as_missing(
    kimi: Emulator, adapter: Adapter, model: str, sent: str
) -> None:
    turn = assistant("", Call("get_weather", {"city": "Turku"}, "c1"), reasoning="")
    adapter.make(model=model).ask([user("?"), turn, result("c1")], tools=[WEATHER])
    assert kimi.chats[-1]["messages"][1]["reasoning_content"] == sent
    assert kimi.refusals == []


@pytest.mark.parametrize("model", MODELS)
def test_a_foreign_call_without_thinking_gets_what_the_family_wants(
    kimi: Emulator, adapter: Adapter, model: str
) -> None:
    turns = [assistant("Hello."), user("?"), assistant("", Call("get_weather", {"city": "Turku"}, "c1"))]
    adapter.make(model=model).ask([user("Hi"), *turns, result("c1")], tools=[WEATHER])
    sent = kimi.chats[-1]["messages"]
    if "k3" in model:  # every turn of the family has the field
        assert (sent[1]["reasoning_content"], sent[3]["reasoning_content"]) == ("", "")
    else:
        assert "reasoning_content" not in sent[1]  # only where the server demands it
        assert sent[3]["reasoning_content"] == " "


def test_thinking_that_the_server_misses_is_filled_in_and_sent_once_more(make: Make) -> None:
    """thinking is enabled but reasoning_content is missing in assistant tool call message at index N."""
    with Emulator(k3_requires_reasoning=True) as strict:
        chat = make(base_url=strict.base_url, api_key=strict.api_key)
        turn = assistant("", Call("get_weather", {"city": "Turku"}, "c1"), reasoning="")
        assert chat.ask([user("?"), turn, result("c1")], tools=[WEATHER]).text
        assert [body["messages"][1]["reasoning_content"] for body in strict.chats] == ["", " "]
