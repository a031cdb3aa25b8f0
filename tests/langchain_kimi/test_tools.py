"""Search and official tools inside LangChain's agents: what the model wrote goes back byte for byte."""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.load import dumpd, load
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.tools import BaseTool, ToolException
from langgraph.checkpoint.memory import InMemorySaver

import langchain_kimi
from kimi_api import KimiFormulaError, KimiInputError, errors
from kimi_emulator import Emulator, Reply, ToolCall
from langchain_kimi import ChatKimi, KimiFormulaToolkit, KimiWebSearch
from langchain_kimi._tools import tools_to_wire
from langchain_kimi.tools import KimiFormulaTool, KimiFormulaToolError

Make = Callable[..., ChatKimi]
HOW = ["invoke", "ainvoke", "stream", "astream"]
BOTH = 'Search the web for "Lake Velda ferry" and "Tamsil marathon".'
BUILTIN = {"type": "builtin_function", "function": {"name": "$web_search"}}
ODD = '{ "search_result":{"search_id":"e4b4","score":1.50,"title":"\\u5317\u4eac"} ,\n"usage":{"total_tokens":7946.0}}'
"""Arguments that no encoder would give again: spaces, a trailing zero, an escape, a float without need."""


def toolkit(kimi: Emulator, *formulas: str) -> KimiFormulaToolkit:
    return KimiFormulaToolkit(*formulas, base_url=kimi.base_url, api_key=kimi.api_key)


def run(agent: Any, how: str, question: str, config: Any = None) -> list[Any]:
    """The messages after a run of an agent, in any of the four ways."""
    start = {"messages": [HumanMessage(question)]}
    if how == "invoke":
        return agent.invoke(start, config)["messages"]
    if how == "ainvoke":
        return asyncio.run(agent.ainvoke(start, config))["messages"]
    modes = ["messages", "values"]
    if how == "stream":
        parts = list(agent.stream(start, config, stream_mode=modes))
    else:

        async def collect() -> list[Any]:
            return [part async for part in agent.astream(start, config, stream_mode=modes)]

        parts = asyncio.run(collect())
    assert any(isinstance(piece[0], AIMessageChunk) for mode, piece in parts if mode == "messages")
    return next(state["messages"] for mode, state in reversed(parts) if mode == "values")


def fibers(kimi: Emulator) -> list[dict[str, Any]]:
    return [request.json for request in kimi.requests if request.path.endswith("/fibers")]


def check_echo(kimi: Emulator) -> None:
    """Every turn of the last request stands as it was given, and each search is answered by its own arguments."""
    sent = kimi.chats[-1]["messages"]
    turns = [m for m in sent if m["role"] == "assistant" and m.get("tool_calls")]
    replies = [reply for reply in kimi.replies if reply.get("tool_calls")]
    assert len(turns) == len(replies) > 0
    results = {m["tool_call_id"]: m["content"] for m in sent if m["role"] == "tool"}
    for turn, reply in zip(turns, replies, strict=True):
        assert turn["reasoning_content"] == reply["reasoning_content"] or turn["reasoning_content"] == " "
        assert [c["function"] for c in turn["tool_calls"]] == [c["function"] for c in reply["tool_calls"]]
        for call in turn["tool_calls"]:
            if call["function"]["name"] == "$web_search":
                assert call["type"] == "builtin_function"
                assert results[call["id"]] == call["function"]["arguments"]
    assert kimi.report == []
    assert kimi.refusals == []


# ---------------------------------------------------------------------------------------------------- $web_search


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("thinking", ["enabled", "disabled"])
def test_two_builtin_searches_in_one_turn(kimi: Emulator, make: Make, how: str, thinking: Any) -> None:
    llm = make(model="kimi-k2.6", thinking=thinking, wire="plain")  # what is streamed then, the agent streams
    agent = create_agent(llm, tools=[KimiWebSearch()])
    messages = run(agent, how, BOTH)
    assert [type(message) for message in messages] == [HumanMessage, AIMessage, ToolMessage, ToolMessage, AIMessage]
    assert "25 minutes" in messages[-1].text
    assert "Jonna Pihl" in messages[-1].text
    assert [body["tools"] for body in kimi.chats] == [[BUILTIN], [BUILTIN]]
    assert [body.get("stream", False) for body in kimi.chats] == ["stream" in how] * 2
    assert bool(messages[1].additional_kwargs.get("reasoning_content")) == (thinking == "enabled")
    check_echo(kimi)


@pytest.mark.parametrize("how", HOW)
def test_arguments_go_back_byte_for_byte(kimi: Emulator, make: Make, how: str) -> None:
    kimi.script(Reply(reasoning="I search.", tool_calls=[ToolCall("$web_search", ODD)]))
    agent = create_agent(make(model="kimi-k2.6"), tools=[KimiWebSearch()])
    messages = run(agent, how, "How tall is the lighthouse of Orrinsund?")
    assert "37 metres" in messages[-1].text
    *_, turn, result = kimi.chats[-1]["messages"]
    assert turn["tool_calls"][0]["function"]["arguments"] == ODD
    assert result["content"] == ODD
    check_echo(kimi)


@pytest.mark.parametrize("size", [1, 2, 5])
def test_arguments_that_arrive_in_small_pieces(size: int) -> None:
    with Emulator(chunk_size=size) as kimi:
        kimi.script(Reply(reasoning="r", tool_calls=[ToolCall("$web_search", ODD), ToolCall("$web_search", ODD)]))
        llm = ChatKimi(model="kimi-k2.6", base_url=kimi.base_url, api_key=kimi.api_key)
        messages = run(create_agent(llm, tools=[KimiWebSearch()]), "stream", "How tall is the lighthouse of Orrinsund?")
        assert "37 metres" in messages[-1].text
        assert [m["content"] for m in kimi.chats[-1]["messages"] if m["role"] == "tool"] == [ODD, ODD]
        check_echo(kimi)


@pytest.mark.parametrize("output_version", ["v0", "v1"])
@pytest.mark.parametrize("streaming", [False, True])
def test_both_forms_of_content(kimi: Emulator, make: Make, output_version: Any, streaming: bool) -> None:
    kimi.script(Reply(reasoning="I search.", tool_calls=[ToolCall("$web_search", ODD), ToolCall("$web_search", ODD)]))
    llm = make(model="kimi-k2.6", output_version=output_version, streaming=streaming)
    messages = run(create_agent(llm, tools=[KimiWebSearch()]), "invoke", "How tall is the lighthouse of Orrinsund?")
    assert "37 metres" in messages[-1].text
    assert len([m for m in kimi.chats[-1]["messages"] if m["role"] == "tool" and m["content"] == ODD]) == 2
    check_echo(kimi)


def test_a_search_survives_a_checkpoint(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(reasoning="I search.", tool_calls=[ToolCall("$web_search", ODD)]))
    saver, config = InMemorySaver(), {"configurable": {"thread_id": "1"}}
    run(
        create_agent(make(model="kimi-k2.6"), tools=[KimiWebSearch()], checkpointer=saver),
        "invoke",
        "How tall is the lighthouse of Orrinsund?",
        config,
    )
    again = create_agent(make(model="kimi-k2.6"), tools=[KimiWebSearch()], checkpointer=saver)
    messages = run(again, "stream", "Who won the Tamsil marathon?", config)
    assert "Jonna Pihl" in messages[-1].text
    assert next(m["content"] for m in kimi.chats[-1]["messages"] if m["role"] == "tool") == ODD
    check_echo(kimi)


def test_messages_that_were_written_down_and_read_again(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(reasoning="I search.", tool_calls=[ToolCall("$web_search", ODD)]))
    llm = make(model="kimi-k2.6").bind_tools([KimiWebSearch()])
    question = HumanMessage("How tall is the lighthouse of Orrinsund?")
    turn = llm.invoke([question])
    result = KimiWebSearch().invoke(turn.tool_calls[0])
    history = [load(dumpd(message), allowed_objects="messages") for message in (question, turn, result)]
    assert "37 metres" in llm.invoke(history).text
    check_echo(kimi)


def test_a_declaration_as_a_dict_needs_no_tool_of_ours(kimi: Emulator, make: Make) -> None:
    """The tool node answers "not a valid tool", and what goes out is the echo all the same."""

    def get_weather(city: str) -> str:
        """Current weather of a city."""
        return f"{city}: 7 degrees"

    kimi.script(Reply(tool_calls=[ToolCall("$web_search", ODD), ToolCall("get_weather", {"city": "Tamsil"})]))
    agent = create_agent(make(model="kimi-k2.6"), tools=[get_weather, BUILTIN])
    messages = run(agent, "invoke", "How tall is the lighthouse of Orrinsund?")
    assert "37 metres" in messages[-1].text
    assert "7 degrees" in messages[-1].text
    check_echo(kimi)


def test_a_search_beside_a_python_tool_that_reports(kimi: Emulator, make: Make) -> None:
    def note(text: str) -> str:
        """Write something down."""
        return f"noted: {text}"

    kimi.script(
        Reply(tool_calls=[ToolCall("note", '{"text":"ferry"}'), ToolCall("$web_search", {"query": "Lake Velda ferry"})])
    )
    messages = run(create_agent(make(model="kimi-k2.6"), tools=[KimiWebSearch(), note]), "stream", "The ferry?")
    assert "noted: ferry" in messages[-1].text
    assert "18 minutes" in messages[-1].text
    check_echo(kimi)


def test_the_search_by_itself() -> None:
    search = KimiWebSearch()
    assert search.name == "$web_search"
    assert search.invoke({"search_result": {"search_id": "北"}}) == '{"search_result": {"search_id": "北"}}'
    assert asyncio.run(search.ainvoke({})) == "{}"
    assert tools_to_wire([search], strict=True) == [BUILTIN]
    assert isinstance(search, BaseTool)
    assert pickle.loads(pickle.dumps(search)) == search


# ---------------------------------------------------------------------------------------------------- formulas


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("model", ["kimi-k3", "kimi-k2.6"])
def test_two_formula_searches_in_one_turn(kimi: Emulator, make: Make, how: str, model: str) -> None:
    agent = create_agent(make(model=model), tools=toolkit(kimi).get_tools())
    messages = run(agent, how, BOTH)
    assert "25 minutes" in messages[-1].text
    assert "Jonna Pihl" in messages[-1].text
    assert [fiber["name"] for fiber in fibers(kimi)] == ["web_search"] * 2
    called = [c["function"]["arguments"] for reply in kimi.replies for c in reply.get("tool_calls", ())]
    assert sorted(fiber["arguments"] for fiber in fibers(kimi)) == sorted(called)
    sealed = [m["content"] for m in kimi.chats[-1]["messages"] if m["role"] == "tool"]
    assert [message.content for message in messages if isinstance(message, ToolMessage)] == sealed
    assert all(text.startswith("----MOONSHOT ENCRYPTED BEGIN----") for text in sealed)
    check_echo(kimi)


@pytest.mark.parametrize("how", HOW)
def test_fibers_get_the_text_that_the_model_wrote(kimi: Emulator, make: Make, how: str) -> None:
    texts = ['{ "query" :"\\u004cake Velda ferry"}', '{"query":"Tamsil marathon"}', '{"query": "Helion-4"}']
    kimi.script(Reply(reasoning="r", tool_calls=[ToolCall("web_search", text) for text in texts]))
    messages = run(create_agent(make(), tools=toolkit(kimi).get_tools()), how, "What is new?")
    assert sorted(fiber["arguments"] for fiber in fibers(kimi)) == sorted(texts)
    assert len([message for message in messages if isinstance(message, ToolMessage)]) == 3
    check_echo(kimi)


def test_several_formulas_in_one_toolkit(kimi: Emulator, make: Make) -> None:
    kit = toolkit(kimi, "moonshot/convert:latest", "base64", "date")
    assert kit.uris == ("moonshot/convert:latest", "moonshot/base64:latest", "moonshot/date:latest")
    tools = kit.get_tools()
    assert [tool.name for tool in tools] == ["convert", "base64_encode", "base64_decode", "date"]
    assert [tool.name for tool in asyncio.run(kit.aget_tools())] == [tool.name for tool in tools]
    assert [r.path for r in kimi.requests if r.path.endswith("/tools")] == [
        f"/v1/formulas/{uri}/tools" for uri in kit.uris
    ]
    kimi.script(Reply(tool_calls=[ToolCall("convert", {"value": 10, "from_unit": "km", "to_unit": "mile"})]))
    messages = run(create_agent(make(), tools=tools), "invoke", "How many miles are 10 km?")
    assert "6.213711922" in messages[-1].text
    assert kimi.chats[0]["tools"][0]["function"]["parameters"]["required"] == ["value", "from_unit", "to_unit"]
    check_echo(kimi)


@pytest.mark.parametrize("how", ["sync", "async"])
def test_a_tool_by_itself(kimi: Emulator, how: str) -> None:
    tool = toolkit(kimi, "base64").get_tools()[0]
    assert isinstance(tool, KimiFormulaTool)
    assert tool.formula == "moonshot/base64:latest"
    assert tool.description == "Encode a text as base64"
    result = tool.invoke({"text": "abc"}) if how == "sync" else asyncio.run(tool.ainvoke({"text": "abc"}))
    assert result == "YWJj"
    assert fibers(kimi) == [{"name": "base64_encode", "arguments": '{"text": "abc"}'}]


@pytest.mark.parametrize("how", HOW)
def test_a_failed_function_is_told_to_the_model(kimi: Emulator, make: Make, how: str) -> None:
    wrong = {"value": 1, "from_unit": "km", "to_unit": "kg"}
    kimi.script(Reply(tool_calls=[ToolCall("convert", wrong)]))
    messages = run(create_agent(make(), tools=toolkit(kimi, "convert").get_tools()), how, "1 km in kg?")
    [result] = [message for message in messages if isinstance(message, ToolMessage)]
    assert result.status == "error"
    assert "cannot convert length (km) to mass (kg)" in result.content
    assert "convert of moonshot/convert:latest failed" in result.content
    check_echo(kimi)


@pytest.mark.parametrize("how", ["sync", "async"])
def test_a_failed_function_can_be_raised(kimi: Emulator, how: str) -> None:
    [tool] = toolkit(kimi, "convert").get_tools()
    tool.handle_tool_error = False
    wrong = {"value": 1, "from_unit": "ell", "to_unit": "kg"}
    with pytest.raises(KimiFormulaToolError, match="unknown unit 'ell'") as caught:
        _ = tool.invoke(wrong) if how == "sync" else asyncio.run(tool.ainvoke(wrong))
    assert isinstance(caught.value, KimiFormulaError)
    assert isinstance(caught.value, ToolException)
    assert caught.value.fiber_id
    copied = pickle.loads(pickle.dumps(caught.value))
    assert type(copied) is KimiFormulaToolError
    assert str(copied) == str(caught.value)


def test_of_two_texts_that_say_the_same_the_later_one_is_sent(kimi: Emulator, make: Make) -> None:
    texts = ['{"query":"Helion-4"}', '{"query": "Helion-4"}', '{ "query":"Helion-4"}']
    kimi.script(*(Reply(reasoning="r", tool_calls=[ToolCall("web_search", text)]) for text in texts))
    run(create_agent(make(), tools=toolkit(kimi).get_tools()), "invoke", "What is new?")
    assert [fiber["arguments"] for fiber in fibers(kimi)] == texts
    check_echo(kimi)


def test_a_call_without_arguments(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(reasoning="r", tool_calls=[ToolCall("date")]))
    messages = run(create_agent(make(), tools=toolkit(kimi, "date").get_tools()), "stream", "Which day is it?")
    assert "UTC" in messages[-1].text
    assert [fiber["arguments"] for fiber in fibers(kimi)] == ["{}"]


def test_copies_of_a_tool_work(kimi: Emulator) -> None:
    [tool] = toolkit(kimi, "date").get_tools()
    for copied in (copy.deepcopy(tool), pickle.loads(pickle.dumps(tool))):
        assert json.loads(copied.invoke({}))["timezone"] == "UTC"


def test_what_a_toolkit_refuses(kimi: Emulator) -> None:
    with pytest.raises(KimiInputError, match="formula: got 'a b'"):
        toolkit(kimi, "a b")
    with pytest.raises(KimiInputError, match="formula: got"):
        toolkit(kimi, ["web-search"])  # type: ignore[arg-type]
    with pytest.raises(errors.KimiKeyError):
        KimiFormulaToolkit("date")
    with pytest.raises(errors.KimiNotFoundError, match="moonshot/dates:latest"):
        toolkit(kimi, "dates").get_tools()


def test_a_toolkit_takes_the_models_own_connection(kimi: Emulator, llm: ChatKimi) -> None:
    tools = KimiFormulaToolkit("date", client=llm.client).get_tools()
    assert json.loads(tools[0].invoke({"days": 0}))["timezone"] == "UTC"


def test_no_key_shows(kimi: Emulator) -> None:
    kit = toolkit(kimi, "date")
    for each in (kit, kit.get_tools()[0]):
        assert kimi.api_key not in repr(each)
        assert kimi.api_key not in str(each.model_dump())


def test_the_names_are_exported() -> None:
    assert {"KimiWebSearch", "KimiFormulaToolkit"} <= set(langchain_kimi.__all__)
