"""Tool calls: ids that are unique, arguments that go back byte for byte, one call where one is allowed, names."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from contract_kit import STREAMED, WAYS, Adapter, Call, Chat, Tool, assistant, loads, result, system, user, wire_tool

from kimi_api import KimiEmptyReplyError, KimiInputError, KimiReplyError, KimiWarning
from kimi_api._arguments import text
from kimi_emulator import FAULTS, Emulator, Reply, ToolCall

Make = Callable[..., Chat]
WEATHER, CLOCK = wire_tool("get_weather"), wire_tool("get_time")
BOTH = Reply(reasoning="Two calls.", tool_calls=[ToolCall("get_weather", {"city": city}) for city in ("北京", "Turku")])
ARGUMENTS = '{ "search_result" : {"search_id":"6f"},"usage":{"total_tokens":  13046}, "x": "\\u5317"}'


def get_weather(city: str) -> str:
    """Current weather of a city."""
    return f"{city}: 7 degrees"


def calls_of(body: dict[str, Any]) -> list[dict[str, Any]]:
    return [call for message in body["messages"] for call in message.get("tool_calls", ())]


# ---------------------------------------------------------------------------------------------------- what comes


def test_thinking_text_and_several_calls_come_whole(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(reasoning="Two.", content="One moment.", tool_calls=BOTH.tool_calls))
    outcome = make().ask("?", tools=[WEATHER])
    assert (outcome.reasoning, outcome.text, outcome.finish_reason) == ("Two.", "One moment.", "tool_calls")
    assert [(call.name, call.args) for call in outcome.calls] == [
        ("get_weather", {"city": "北京"}),
        ("get_weather", {"city": "Turku"}),
    ]


def test_the_arguments_of_a_call_are_read_once(kimi: Emulator, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    decode = text._decode
    monkeypatch.setattr(text, "_decode", lambda written: (read.append(written), decode(written))[1])
    kimi.script(Reply(tool_calls=[ToolCall("get_weather", ARGUMENTS)]))
    outcome = make().ask("?", tools=[WEATHER])
    assert [(call.args or {})["x"] for call in outcome.calls] == ["北"]
    assert read == [ARGUMENTS]


@pytest.mark.parametrize("model", ["kimi-k3", "kimi-k2.6"])
def test_calls_of_a_conversation_have_ids_of_their_own_and_results_find_them(
    kimi: Emulator, make: Make, model: str
) -> None:
    """The platform's own are get_weather_0, get_weather_1, get_weather_0, ..."""
    chat = make(model=model)
    history: list[Any] = [user("Weather?")]
    for _ in range(2):
        kimi.script(BOTH)
        turn = chat.ask(history, tools=[WEATHER])
        history += [turn, *(result(call, get_weather(**(call.args or {}))) for call in turn.calls)]
    kimi.script(Reply(content="Cold."))
    chat.ask(history, tools=[WEATHER])
    messages = kimi.chats[-1]["messages"]
    ids = [call["id"] for call in calls_of(kimi.chats[-1])]
    assert len(set(ids)) == len(ids) == 4
    assert [message["tool_call_id"] for message in messages if message["role"] == "tool"] == ids
    assert kimi.refusals == kimi.report == []


@pytest.mark.parametrize(
    "arguments",
    [ARGUMENTS, '{"city":"Zürich"}', '{"city": "Z\\u00fcrich", "n": 1.0, "big": 12345678901234567890}', "{ }"],
)
def test_arguments_go_back_byte_for_byte(kimi: Emulator, make: Make, arguments: str) -> None:
    kimi.script(Reply(tool_calls=[ToolCall("get_weather", arguments)]), Reply(content="ok"))
    chat = make()
    turn = chat.ask("?", tools=[WEATHER])
    assert turn.calls[0].args == json.loads(arguments)
    chat.ask([user("?"), turn, result(turn.calls[0])], tools=[WEATHER])
    assert calls_of(kimi.chats[-1])[0]["function"] == {"name": "get_weather", "arguments": arguments}


def test_the_built_in_search_is_declared_and_its_arguments_go_back(
    kimi: Emulator, make: Make, adapter: Adapter
) -> None:
    kimi.script(Reply(tool_calls=[ToolCall("$web_search", ARGUMENTS)], reasoning="r"), Reply(content="Found."))
    chat = make(model="kimi-k2.6")
    tools = [adapter.web_search()]
    turn = chat.ask("News?", tools=tools)
    answer = chat.ask([user("News?"), turn, result(turn.calls[0], "whatever the framework made of it")], tools=tools)
    assert answer.text == "Found."
    assert kimi.chats[0]["tools"] == [{"type": "builtin_function", "function": {"name": "$web_search"}}]
    (call,) = calls_of(kimi.chats[1])
    assert (call["type"], call["function"]["arguments"]) == (kimi.replies[0]["tool_calls"][0]["type"], ARGUMENTS)
    assert kimi.chats[1]["messages"][-1]["content"] == ARGUMENTS


def test_an_agent_searches(kimi: Emulator, make: Make, adapter: Adapter) -> None:
    kimi.script(Reply(tool_calls=[ToolCall("$web_search", ARGUMENTS)], reasoning="r"), Reply(content="Found."))
    assert make(model="kimi-k2.6").run_agent("News?", [adapter.web_search(), get_weather]).text == "Found."
    assert calls_of(kimi.chats[1])[0]["function"]["arguments"] == ARGUMENTS
    assert kimi.chats[1]["messages"][-1]["content"] == ARGUMENTS


def test_a_call_without_words_goes_back_with_empty_content(kimi: Emulator, make: Make) -> None:
    """text content is empty."""
    kimi.script(Reply(tool_calls=[ToolCall("get_weather", {"city": "Turku"})]))
    chat = make()
    turn = chat.ask("?", tools=[WEATHER])
    chat.ask([user("?"), turn, result(turn.calls[0])], tools=[WEATHER])
    assert kimi.chats[-1]["messages"][1]["content"] == ""


# ---------------------------------------------------------------------------------------------------- one call


def test_only_the_first_call_is_kept_where_one_is_allowed(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(tool_calls=[*BOTH.tool_calls[:1], ToolCall("get_time", {"city": "Turku"})]))
    chat = make()
    outcome = chat.attempt("?", tools=[WEATHER, CLOCK], parallel_tool_calls=False)
    assert [(call.name, call.args) for call in outcome.calls] == [("get_weather", {"city": "北京"})]
    assert [
        "parallel_tool_calls=False: kept the call of get_weather, dropped get_time" in warning
        for warning in outcome.warnings
    ] == [True]
    chat.ask([user("?"), outcome, result(outcome.calls[0])], tools=[WEATHER, CLOCK])
    assert len(calls_of(kimi.chats[-1])) == 1
    assert all("parallel_tool_calls" not in body for body in kimi.chats)  # the platform has no such switch


def test_all_calls_are_kept_where_several_are_allowed(kimi: Emulator, make: Make) -> None:
    kimi.script(BOTH)
    outcome = make().attempt("?", tools=[WEATHER], parallel_tool_calls=True)
    assert (len(outcome.calls), outcome.warnings) == (2, [])


def test_one_call_needs_no_warning(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(tool_calls=BOTH.tool_calls[:1]))
    assert make().attempt("?", tools=[WEATHER], parallel_tool_calls=False).warnings == []


# ---------------------------------------------------------------------------------------------------- odd calls

ODD = ("duplicate_ids", "blank_ids", "repeated_ids", "no_index", "name_late", "finish_stop", "content_after")


@pytest.mark.parametrize(
    ("way", "fault"),
    [
        (way, f"calls.{name}")
        for name in ODD
        for way in WAYS
        if way in STREAMED or "plain" in FAULTS[f"calls.{name}"].on
    ],
    indirect=["way"],
)
def test_odd_calls_go_through_two_turns(kimi: Emulator, make: Make, fault: str) -> None:
    chat = make()
    history: list[Any] = [user("Weather in both?")]
    for _ in range(2):  # so that ids of one turn could be taken for those of the other
        kimi.script(BOTH)
        kimi.fail(fault)
        turn = chat.ask(history, tools=[WEATHER])
        assert [(call.name, call.args) for call in turn.calls] == [
            ("get_weather", {"city": "北京"}),
            ("get_weather", {"city": "Turku"}),
        ]
        history += [turn, *(result(call) for call in turn.calls)]
    kimi.script(Reply(content="Cold."))
    assert chat.ask(history, tools=[WEATHER]).text == "Cold."
    ids = [call["id"] for call in calls_of(kimi.chats[-1])]
    assert len(set(ids)) == 4
    assert "" not in ids
    assert kimi.refusals == kimi.report == []


@pytest.mark.parametrize("fault", ["calls.name_missing", "calls.name_empty"])
def test_a_call_without_a_name_is_an_error(kimi: Emulator, make: Make, fault: str) -> None:
    kimi.script(BOTH)
    kimi.fail(fault)
    with pytest.raises(KimiReplyError, match="without saying which"):
        make().ask("?", tools=[WEATHER])


@pytest.mark.parametrize("fault", ["calls.none", "calls.markers"])
def test_calls_that_were_lost_are_not_silent(kimi: Emulator, make: Make, fault: str) -> None:
    kimi.script(BOTH)
    kimi.fail(fault)
    with pytest.warns(KimiWarning, match="Ask again"):
        assert make(empty_answers="warn").ask("?", tools=[WEATHER]).calls == []


@pytest.mark.usefixtures("waits")
@pytest.mark.parametrize("fault", ["calls.none", "calls.markers"])
def test_calls_that_were_lost_are_asked_for_again_or_an_error(kimi: Emulator, make: Make, fault: str) -> None:
    kimi.script(BOTH, BOTH)
    kimi.fail(fault)
    chat = make()
    outcome = chat.attempt("?", tools=[WEATHER])
    if chat.way in STREAMED:  # its thinking was shown
        assert isinstance(outcome.error, KimiEmptyReplyError)
        assert len(kimi.chats) == 1
    else:
        assert (len(outcome.calls), outcome.error, outcome.warnings) == (2, None, [])
        assert len(kimi.chats) == 2


def test_no_arguments_are_an_empty_object(kimi: Emulator, make: Make) -> None:
    kimi.script(BOTH)
    kimi.fail("calls.arguments_empty")
    chat = make()
    turn = chat.ask("?", tools=[WEATHER])
    assert [call.args for call in turn.calls] == [{}, {}]
    assert chat.ask([user("?"), turn, *map(result, turn.calls)], tools=[WEATHER]).error is None
    assert kimi.refusals == []


def test_arguments_that_were_cut_are_not_silent(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(tool_calls=BOTH.tool_calls[:1]))
    kimi.fail("calls.arguments_cut")
    outcome = make().attempt("?", tools=[WEATHER])
    assert outcome.finish_reason == "length"
    assert "Raise max_tokens" in "".join(outcome.warnings)


def test_arguments_encoded_twice_are_read(kimi: Emulator, make: Make) -> None:
    kimi.script(BOTH)
    kimi.fail("calls.arguments_twice")
    outcome = make().ask("?", tools=[WEATHER])
    assert [call.args for call in outcome.calls] == [{"city": "北京"}, {"city": "Turku"}]


# ---------------------------------------------------------------------------------------------------- names


@pytest.mark.parametrize("name", ["查询", "1st_search", "_hidden", "x" * 65])
def test_a_name_that_the_platform_refuses_is_refused_before_sending(kimi: Emulator, make: Make, name: str) -> None:
    with pytest.raises(KimiInputError, match="a name starts with a letter") as caught:
        make().ask("?", tools=[Tool(get_weather, name=name)])
    assert name in str(caught.value.value)
    assert kimi.requests == []


def test_a_name_is_used_once(kimi: Emulator, make: Make) -> None:
    with pytest.raises(KimiInputError, match="get_weather"):
        make().ask("?", tools=[WEATHER, WEATHER])
    assert kimi.requests == []


def test_a_tool_of_an_agent_runs_under_the_name_that_it_was_given(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(tool_calls=[ToolCall("read", {"city": "Turku"})], reasoning="r"), Reply(content="Read."))
    assert make().run_agent("?", [Tool(get_weather, name="read")]).text == "Read."
    assert kimi.chats[1]["messages"][-1]["content"] == "Turku: 7 degrees"


# LlamaIndex's core replaces what OpenAI does not take in a name (MCP servers like dots in them); its agents look a
# called tool up by its own name. LangChain sends names as they are, so that such a name is refused before sending.
renaming = pytest.mark.parametrize("adapter", ["llama_index"], indirect=True)


class Reads:
    """A brain that calls the one tool it is given, and then says what the tool gave."""

    def answer(self, request: Any, context: Any) -> Reply:
        last = request["messages"][-1]
        if last["role"] == "tool":
            return Reply(content=last["content"], reasoning="r")
        (tool,) = request["tools"]
        return Reply(tool_calls=[ToolCall(tool["function"]["name"], {"path": last["content"]})], reasoning="r")


def read_a(path: str) -> str:
    """Read a file."""
    return f"a has {path}"


def read_b(path: str) -> str:
    """Read a file."""
    return f"b has {path}"


@renaming
@pytest.mark.parametrize(("dotted", "sent"), [("fs.read", "fs_read"), ("read file", "read_file")])
def test_two_agents_at_once_find_their_own_tools(make: Make, dotted: str, sent: str) -> None:
    with Emulator(brain=Reads()) as kimi:
        chat = make(base_url=kimi.base_url, api_key=kimi.api_key)

        async def run() -> list[str]:
            tools = [Tool(read_a, name=dotted), Tool(read_b, name=sent)] * 2
            runs = [chat.arun_agent(f"file {number}", [tool]) for number, tool in enumerate(tools)]
            return [run.text for run in await asyncio.gather(*runs)]

        assert asyncio.run(run()) == ["a has file 0", "b has file 1", "a has file 2", "b has file 3"]
        assert {tool["function"]["name"] for body in kimi.chats for tool in body["tools"]} == {sent}


@renaming
def test_a_name_means_the_tool_of_its_own_request_whatever_was_asked_since(kimi: Emulator, make: Make) -> None:
    answer = Reply(tool_calls=[ToolCall("fs_read", {"path": "x"})])
    kimi.script(answer, answer)
    chat = make()
    dotted = chat.ask("?", tools=[Tool(read_a, name="fs.read")])
    chat.ask("?", tools=[Tool(read_b, name="fs_read")])
    assert chat.calls(dotted) == dotted.calls
    assert [call.name for call in dotted.calls] == ["fs.read"]


@renaming
def test_a_tool_that_core_renames_is_found_again_and_can_be_demanded(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(tool_calls=[ToolCall("fs_read", {"path": "x"})], reasoning="r"), Reply(content="Read."))
    tools = [Tool(read_a, name="fs.read"), get_weather]
    assert make().run_agent("?", tools, first_choice="fs.read").text == "Read."
    assert kimi.chats[0]["tool_choice"] == "required"
    assert [tool["function"]["name"] for tool in kimi.chats[0]["tools"]] == ["fs_read"]
    assert kimi.chats[1]["messages"][-1]["content"] == "a has x"


# ---------------------------------------------------------------------------------------------------- brought later


def test_a_message_brings_tools_and_its_text_stays_where_it_is(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(tool_calls=[ToolCall("get_weather", {"city": "Turku"})]))
    outcome = make().ask([system("Be brief."), user("?"), loads(get_weather)])
    assert [call.name for call in outcome.calls] == ["get_weather"]
    sent = kimi.chats[0]["messages"][-1]
    assert sent.keys() == {"role", "tools"}
    assert sent["tools"][0]["function"]["parameters"]["required"] == ["city"]
    assert kimi.refusals == kimi.report == []


@renaming
def test_a_tool_that_only_a_message_brings_is_called_by_its_own_name(
    kimi: Emulator, make: Make, adapter: Adapter
) -> None:
    kimi.script(*[Reply(tool_calls=[ToolCall("fs_read", {"path": "x"})])] * 2)
    brings = [user("?"), loads(Tool(read_a, name="fs.read"))]
    for history in (brings, adapter.through_json(adapter.native_messages(brings))):
        outcome = make().ask(history)
        assert [call.name for call in outcome.calls] == ["fs.read"]
        assert kimi.chats[-1]["messages"][-1]["tools"][0]["function"]["name"] == "fs_read"
    assert kimi.chats[0]["messages"] == kimi.chats[1]["messages"]


def test_a_model_that_takes_no_tools_in_messages_is_told_before_sending(kimi: Emulator, make: Make) -> None:
    with pytest.raises(KimiInputError, match=r"kimi-k2\.6 takes no tools inside messages"):
        make(model="kimi-k2.6").ask([user("?"), loads(get_weather)])
    assert kimi.requests == []


def test_a_message_with_tools_between_calls_and_results_moves_behind_the_last(kimi: Emulator, adapter: Adapter) -> None:
    calls = [Call("get_weather", {"city": "Turku"}, "c1"), Call("get_weather", {"city": "Oslo"}, "c2")]
    turn = assistant("", *calls, reasoning="r")
    adapter.make().ask([user("?"), turn, result("c1"), loads(CLOCK), result("c2")], tools=[WEATHER])
    assert [message["role"] for message in kimi.chats[0]["messages"]] == ["user", "assistant", "tool", "tool", "system"]


# ---------------------------------------------------------------------------------------------------- two at once


def test_conversations_side_by_side_keep_their_own_calls(kimi: Emulator, make: Make) -> None:
    chat = make()

    async def run() -> list[str]:
        runs = [chat.arun_agent(f"Weather in {city}?", [get_weather]) for city in ("Turku", "Oslo", "Rome")]
        return [run.text for run in await asyncio.gather(*runs)]

    texts = asyncio.run(run())
    assert [city in text for city, text in zip(("Turku", "Oslo", "Rome"), texts, strict=True)] == [True] * 3
    assert kimi.refusals == []
