"""Search and official tools inside LlamaIndex's agents: what the model wrote goes back byte for byte."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent, ToolCallResult
from llama_index.core.llms import ChatMessage
from llama_index.core.memory import Memory
from llama_index.core.tools import FunctionTool
from llama_index.core.tools.tool_spec.base import BaseToolSpec
from llama_index.core.workflow import Context, JsonSerializer

import llama_index_kimi
from kimi_api import KimiFormulaError, KimiInputError, errors
from kimi_emulator import Emulator, Reply, ToolCall
from llama_index_kimi import Kimi, KimiFormulaToolSpec, KimiWebSearchToolSpec
from llama_index_kimi._tool_calls import wire_tools

Make = Callable[..., Kimi]
# On old cores FunctionAgent asks for parallel calls only when it streams.
PLAIN_AGENTS_CALL_IN_PARALLEL = "allow_parallel_tool_calls" in str(FunctionAgent._get_response.__code__.co_consts)
BOTH = 'Search the web for "Lake Velda ferry" and "Tamsil marathon".'
TALL = "How tall is the lighthouse of Orrinsund?"
BUILTIN = {"type": "builtin_function", "function": {"name": "$web_search"}}
ODD = '{ "search_result":{"search_id":"e4b4","score":1.50,"title":"\\u5317\u4eac"} ,\n"usage":{"total_tokens":7946.0}}'
"""Arguments that no encoder would give again: spaces, a trailing zero, an escape, a float without need."""

streams = pytest.mark.parametrize(
    "streaming",
    [
        True,
        pytest.param(
            False, marks=pytest.mark.skipif(not PLAIN_AGENTS_CALL_IN_PARALLEL, reason="this core keeps one call")
        ),
    ],
)


def spec(kimi: Emulator, *formulas: str) -> KimiFormulaToolSpec:
    return KimiFormulaToolSpec(*formulas, base_url=kimi.base_url, api_key=kimi.api_key)


def builtin() -> list[FunctionTool]:
    return KimiWebSearchToolSpec().to_tool_list()


def fibers(kimi: Emulator) -> list[dict[str, Any]]:
    return [request.json for request in kimi.requests if request.path.endswith("/fibers")]


def check_echo(kimi: Emulator) -> None:
    """Every turn of the last request stands as it was given, and each search is answered by its own arguments.

    An empty thought goes back as one space, which K2.x models take for a thought whether they think or not.
    """
    sent = kimi.chats[-1]["messages"]
    turns = [m for m in sent if m["role"] == "assistant" and m.get("tool_calls")]
    replies = [reply for reply in kimi.replies if reply.get("tool_calls")]
    assert len(turns) == len(replies) > 0
    results = {m["tool_call_id"]: m["content"] for m in sent if m["role"] == "tool"}
    for turn, reply in zip(turns, replies, strict=True):
        assert turn["reasoning_content"] == (reply["reasoning_content"] or " ")
        assert [c["function"] for c in turn["tool_calls"]] == [c["function"] for c in reply["tool_calls"]]
        for call in turn["tool_calls"]:
            if call["function"]["name"] == "$web_search":
                assert call["type"] == "builtin_function"
                assert results[call["id"]] == call["function"]["arguments"]
    assert kimi.report == []
    assert kimi.refusals == []


# ---------------------------------------------------------------------------------------------------- $web_search


@streams
@pytest.mark.parametrize("thinking", ["enabled", "disabled"])
async def test_two_builtin_searches_in_one_turn(kimi: Emulator, make: Make, thinking: Any, streaming: bool) -> None:
    llm = make(model="kimi-k2.6", thinking=thinking, wire="plain")  # what is streamed then, the agent streams
    agent = FunctionAgent(llm=llm, tools=builtin(), streaming=streaming)
    handler = agent.run(BOTH)
    called = [event.tool_name async for event in handler.stream_events() if isinstance(event, ToolCallResult)]
    reply = str(await handler)
    assert called == ["$web_search"] * 2
    assert "25 minutes" in reply
    assert "Jonna Pihl" in reply
    assert [body["tools"] for body in kimi.chats] == [[BUILTIN], [BUILTIN]]
    assert [body.get("stream", False) for body in kimi.chats] == [streaming] * 2
    assert bool(kimi.replies[0]["reasoning_content"]) == (thinking == "enabled")
    check_echo(kimi)


@pytest.mark.parametrize("streaming", [True, False])
async def test_arguments_go_back_byte_for_byte(kimi: Emulator, make: Make, streaming: bool) -> None:
    kimi.script(Reply(reasoning="I search.", tool_calls=[ToolCall("$web_search", ODD)]))
    agent = FunctionAgent(llm=make(model="kimi-k2.6"), tools=builtin(), streaming=streaming)
    assert "37 metres" in str(await agent.run(TALL))
    *_, turn, result = kimi.chats[-1]["messages"]
    assert turn["tool_calls"][0]["function"]["arguments"] == ODD
    assert result["content"] == ODD
    check_echo(kimi)


@pytest.mark.parametrize("size", [1, 2, 5])
async def test_arguments_that_arrive_in_small_pieces(size: int) -> None:
    with Emulator(chunk_size=size) as kimi:
        kimi.script(Reply(reasoning="r", tool_calls=[ToolCall("$web_search", ODD), ToolCall("$web_search", ODD)]))
        llm = Kimi("kimi-k2.6", base_url=kimi.base_url, api_key=kimi.api_key)
        assert "37 metres" in str(await FunctionAgent(llm=llm, tools=builtin()).run(TALL))
        assert [m["content"] for m in kimi.chats[-1]["messages"] if m["role"] == "tool"] == [ODD, ODD]
        check_echo(kimi)


async def test_a_search_survives_memory_and_a_stored_context(kimi: Emulator, make: Make, memory: Memory) -> None:
    kimi.script(Reply(reasoning="I search.", tool_calls=[ToolCall("$web_search", ODD)]))
    agent = FunctionAgent(llm=make(model="kimi-k2.6"), tools=builtin())
    await agent.run(TALL, memory=memory)
    assert "Jonna Pihl" in str(await agent.run("Who won the Tamsil marathon?", memory=memory))
    assert next(m["content"] for m in kimi.chats[-1]["messages"] if m["role"] == "tool") == ODD
    check_echo(kimi)


async def test_a_search_survives_a_context_as_json(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(reasoning="I search.", tool_calls=[ToolCall("$web_search", ODD)]))
    llm = make(model="kimi-k2.6")
    question = ChatMessage(role="user", content=TALL)
    turn = llm.chat_with_tools(builtin(), chat_history=[question]).message
    [call] = llm.get_tool_calls_from_response(llm.chat_with_tools(builtin(), chat_history=[question]))
    assert call.tool_name == "$web_search"
    agent = FunctionAgent(llm=llm, tools=builtin())
    context = Context(agent)
    await context.store.set("turn", turn)
    written = json.dumps(context.to_dict(serializer=JsonSerializer()))
    restored = Context.from_dict(agent, json.loads(written), serializer=JsonSerializer())
    turn = await restored.store.get("turn")
    call_id = turn.additional_kwargs["tool_calls"][0]["id"]
    result = ChatMessage(role="tool", content="x", additional_kwargs={"tool_call_id": call_id})
    assert "37 metres" in str(llm.chat_with_tools(builtin(), chat_history=[question, turn, result]).message.content)
    assert kimi.chats[-1]["messages"][-1]["content"] == ODD
    assert kimi.report == []


@streams
async def test_a_search_beside_a_python_function(kimi: Emulator, make: Make, streaming: bool) -> None:
    def note(text: str) -> str:
        """Write something down."""
        return f"noted: {text}"

    kimi.script(
        Reply(
            reasoning="r",
            tool_calls=[ToolCall("note", '{"text":"ferry"}'), ToolCall("$web_search", {"query": "Lake Velda ferry"})],
        )
    )
    agent = FunctionAgent(llm=make(model="kimi-k2.6"), tools=[note, *builtin()], streaming=streaming)
    reply = str(await agent.run("The ferry?"))
    assert "noted: ferry" in reply
    assert "18 minutes" in reply
    assert kimi.chats[0]["tools"][1] == BUILTIN
    check_echo(kimi)


async def test_a_search_inside_a_workflow_of_agents(kimi: Emulator, make: Make) -> None:
    agent = FunctionAgent(name="finder", description="Finds.", llm=make(model="kimi-k2.6"), tools=builtin())
    reply = str(await AgentWorkflow(agents=[agent], root_agent="finder").run(TALL))
    assert "37 metres" in reply
    check_echo(kimi)


@pytest.mark.parametrize("how", ["plain", "streamed"])
def test_a_loop_of_ones_own(kimi: Emulator, make: Make, how: str) -> None:
    """With the declaration as a dict, and any text as the tool's result."""
    kimi.script(Reply(reasoning="r", tool_calls=[ToolCall("$web_search", ODD), ToolCall("$web_search", ODD)]))
    llm = make(model="kimi-k2.6")
    history = [ChatMessage(role="user", content=TALL)]

    def ask() -> ChatMessage:
        if how == "plain":
            return llm.chat(history, tools=[BUILTIN]).message
        *_, last = llm.stream_chat(history, tools=[BUILTIN])
        return last.message

    history.append(ask())
    for call in history[-1].additional_kwargs["tool_calls"]:
        history.append(ChatMessage(role="tool", content="done", additional_kwargs={"tool_call_id": call["id"]}))
    assert "37 metres" in str(ask().content)
    assert [m["content"] for m in kimi.chats[-1]["messages"] if m["role"] == "tool"] == [ODD, ODD]
    check_echo(kimi)


def test_predict_and_call_runs_the_search_tool(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(reasoning="r", tool_calls=[ToolCall("$web_search", ODD)]))
    result = make(model="kimi-k2.6").predict_and_call(builtin(), user_msg=TALL)
    [source] = result.sources
    assert source.tool_name == "$web_search"
    assert json.loads(str(source.content)) == json.loads(ODD)


def test_the_search_spec_by_itself() -> None:
    spec = KimiWebSearchToolSpec()
    [tool] = spec.to_tool_list()
    assert isinstance(spec, BaseToolSpec)
    assert tool.metadata.name == "$web_search"
    assert wire_tools([tool]) == [BUILTIN]
    assert str(tool.call(a={"b": "北"}).content) == '{"a": {"b": "北"}}'
    assert str(asyncio.run(tool.acall()).content) == "{}"


# ---------------------------------------------------------------------------------------------------- formulas


@streams
@pytest.mark.parametrize("model", ["kimi-k3", "kimi-k2.6"])
async def test_two_formula_searches_in_one_turn(kimi: Emulator, make: Make, model: str, streaming: bool) -> None:
    tools = await spec(kimi).to_tool_list_async()
    outcome = str(await FunctionAgent(llm=make(model=model), tools=tools, streaming=streaming).run(BOTH))
    assert "25 minutes" in outcome
    assert "Jonna Pihl" in outcome
    called = [c["function"]["arguments"] for reply in kimi.replies for c in reply.get("tool_calls", ())]
    assert sorted(fiber["arguments"] for fiber in fibers(kimi)) == sorted(called)
    assert len(called) == 2
    sealed = [m["content"] for m in kimi.chats[-1]["messages"] if m["role"] == "tool"]
    assert all(text.startswith("----MOONSHOT ENCRYPTED BEGIN----") for text in sealed)
    check_echo(kimi)


@streams
async def test_fibers_get_the_text_that_the_model_wrote(kimi: Emulator, make: Make, streaming: bool) -> None:
    texts = ['{ "query" :"\\u004cake Velda ferry"}', '{"query":"Tamsil marathon"}', '{"query": "Helion-4"}']
    kimi.script(Reply(reasoning="r", tool_calls=[ToolCall("web_search", text) for text in texts]))
    await FunctionAgent(llm=make(), tools=spec(kimi).to_tool_list(), streaming=streaming).run("What is new?")
    assert sorted(fiber["arguments"] for fiber in fibers(kimi)) == sorted(texts)
    check_echo(kimi)


def test_tools_carry_the_platforms_own_schema(kimi: Emulator, make: Make) -> None:
    tools = spec(kimi, "moonshot/convert:latest", "base64").to_tool_list()
    assert [tool.metadata.name for tool in tools] == ["convert", "base64_encode", "base64_decode"]
    [convert, *_] = wire_tools(tools)
    assert convert["function"]["description"].startswith("Convert a value between units")
    assert convert["function"]["parameters"]["required"] == ["value", "from_unit", "to_unit"]
    assert convert["function"]["parameters"]["properties"]["value"] == {"type": "number"}
    assert json.loads(tools[0].metadata.fn_schema_str)["required"] == ["value", "from_unit", "to_unit"]
    assert [r.path for r in kimi.requests] == [
        "/v1/formulas/moonshot/convert:latest/tools",
        "/v1/formulas/moonshot/base64:latest/tools",
    ]
    decoding = spec(kimi, "base64").to_tool_list(spec_functions=["base64_decode"])
    assert [tool.metadata.name for tool in decoding] == ["base64_decode"]


@pytest.mark.parametrize("how", ["sync", "async"])
def test_a_tool_by_itself(kimi: Emulator, how: str) -> None:
    tool = spec(kimi, "base64").to_tool_list()[0]
    result = tool.call(text="abc") if how == "sync" else asyncio.run(tool.acall(text="abc"))
    assert str(result.content) == "YWJj"
    assert fibers(kimi) == [{"name": "base64_encode", "arguments": '{"text": "abc"}'}]


@pytest.mark.parametrize("streaming", [True, False])
async def test_a_failed_function_is_told_to_the_model(kimi: Emulator, make: Make, streaming: bool) -> None:
    wrong = {"value": 1, "from_unit": "km", "to_unit": "kg"}
    kimi.script(Reply(reasoning="r", tool_calls=[ToolCall("convert", wrong)]))
    agent = FunctionAgent(llm=make(), tools=spec(kimi, "convert").to_tool_list(), streaming=streaming)
    await agent.run("1 km in kg?")
    assert "cannot convert length (km) to mass (kg)" in kimi.chats[-1]["messages"][-1]["content"]
    check_echo(kimi)


@pytest.mark.parametrize("how", ["sync", "async"])
def test_a_failed_function_raises(kimi: Emulator, how: str) -> None:
    [tool] = spec(kimi, "convert").to_tool_list()
    wrong = {"value": 1, "from_unit": "ell", "to_unit": "kg"}
    with pytest.raises(KimiFormulaError, match="unknown unit 'ell'"):
        _ = tool.call(**wrong) if how == "sync" else asyncio.run(tool.acall(**wrong))


def test_what_a_spec_refuses(kimi: Emulator) -> None:
    with pytest.raises(KimiInputError, match="formula: got 'a b'"):
        spec(kimi, "a b")
    with pytest.raises(errors.KimiKeyError):
        KimiFormulaToolSpec("date")
    with pytest.raises(errors.KimiNotFoundError, match="moonshot/dates:latest"):
        spec(kimi, "dates").to_tool_list()


def test_the_names_are_exported_and_loaded_when_named() -> None:
    assert {"KimiWebSearchToolSpec", "KimiFormulaToolSpec"} <= set(llama_index_kimi.__all__)
    code = "import sys, llama_index_kimi; assert 'llama_index_kimi.tools' not in sys.modules"
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)
