"""Tool loops through LlamaIndex's agents: each turn's thinking goes back with it, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core import __version__ as core_version
from llama_index.core.agent.workflow import AgentStream, AgentWorkflow, FunctionAgent, ReActAgent
from llama_index.core.base.llms.types import ImageBlock, TextBlock
from llama_index.core.llms import ChatMessage
from llama_index.core.memory import ChatMemoryBuffer, Memory
from llama_index.core.program.function_program import get_function_tool
from llama_index.core.tools import FunctionTool
from llama_index.core.workflow import Context, JsonSerializer
from pydantic import BaseModel, Field
from scripted_kimi import ScriptedKimi

from kimi_api import KimiWarning
from kimi_emulator import Emulator, Reply, ToolCall
from llama_index_kimi import Kimi, KimiChatMemoryBuffer
from llama_index_kimi._to_wire import NOT_KEPT, wire_message

# On old cores FunctionAgent asks for parallel calls only when it streams.
PLAIN_AGENTS_CALL_IN_PARALLEL = "allow_parallel_tool_calls" in str(FunctionAgent._get_response.__code__.co_consts)
OLD_CORE = tuple(int(n) for n in core_version.split(".")[:3]) < (0, 14, 20)
MODELS = ("kimi-k3", "kimi-k2.6")
PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"
    b"\x00\x00\x00\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\x00\x05\x00\x01\xff\x89\x99=\x1d\x00\x00\x00\x00IEND\xaeB`\x82"
)


def weather(city: str) -> str:
    """The weather in a city."""
    return f"晴, 21 degrees in {city}"


def clock(zone: str = "UTC") -> str:
    """The time in a zone."""
    return f"noon in {zone}"


def two_rounds(parallel: bool = True) -> list[Reply]:
    """A turn with one call, a turn with two (or one), an answer."""
    both = [ToolCall("weather", '{ "city" : "Oslo"}'), ToolCall("clock", {"zone": "CET"})]
    return [
        Reply(reasoning="I must look up 北京 first.\n  Twice? ", tool_calls=[ToolCall("weather", {"city": "北京"})]),
        Reply(
            content="One more moment.",
            reasoning="\tNow both at once…",
            tool_calls=both if parallel else both[:1],
        ),
        Reply(content="Sunny in both.", reasoning="Done."),
    ]


def turns(messages: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """What must come back of each assistant turn: thinking, text, and the calls' names and argument texts."""
    return [
        (
            message.get("reasoning_content"),
            message.get("content") or "",
            [(call["function"]["name"], call["function"]["arguments"]) for call in message.get("tool_calls") or []],
        )
        for message in messages
        if message["role"] == "assistant"
    ]


@pytest.mark.parametrize("model", MODELS)
async def test_tool_loop_of_a_workflow_of_agents_hands_over_and_keeps_thinking(
    kimi: Emulator, make: Callable[..., Kimi], memory: Memory, model: str
) -> None:
    llm = make(model=model)
    kimi.script(
        Reply(reasoning="Not my field.", tool_calls=[ToolCall("handoff", {"to_agent": "watch", "reason": "time"})]),
        Reply(reasoning="I have a clock.", tool_calls=[ToolCall("clock", {"zone": "CET"})]),
        Reply(content="Noon.", reasoning="Read it off."),
    )
    desk = FunctionAgent(name="desk", description="Takes questions", tools=[weather], llm=llm, can_handoff_to=["watch"])
    watch = FunctionAgent(name="watch", description="Knows the time", tools=[clock], llm=llm)
    workflow = AgentWorkflow(agents=[desk, watch], root_agent="desk")

    assert str(await workflow.run("What time is it?", memory=memory)) == "Noon."
    assert turns(kimi.chats[-1]["messages"]) == turns(kimi.replies[:2])


@pytest.mark.xfail(OLD_CORE, raises=ValueError, strict=False, reason="old cores set the content of thinking messages")
async def test_tool_loop_of_a_react_agent_works_without_native_calls(kimi: Emulator, llm: Kimi, memory: Memory) -> None:
    kimi.script(
        Reply(content='Thought: I need the weather.\nAction: weather\nAction Input: {"city": "Rome"}'),
        Reply(content="Thought: I can answer without using any more tools.\nAnswer: Warm."),
    )
    assert str(await ReActAgent(tools=[weather], llm=llm).run("Rome?", memory=memory)) == "Warm."
    assert weather("Rome") in str(kimi.chats[-1]["messages"])


async def test_tool_loop_streams_thinking_and_growing_arguments_to_the_agents_events(
    kimi: Emulator, llm: Kimi, memory: Memory
) -> None:
    kimi.script(*two_rounds())
    handler = FunctionAgent(tools=[weather, clock], llm=llm).run("Weather?", memory=memory)
    events = [event async for event in handler.stream_events() if isinstance(event, AgentStream)]
    await handler

    assert "".join(e.thinking_delta or "" for e in events) == "".join(r["reasoning_content"] for r in kimi.replies)
    assert "".join(e.delta for e in events) == "One more moment.Sunny in both."
    assert any(call.tool_kwargs == {"zone": "CET"} for e in events for call in e.tool_calls)


async def test_tool_loop_sends_pictures_of_tool_results(kimi: Emulator, llm: Kimi, memory: Memory) -> None:
    async def photo(city: str) -> list[TextBlock | ImageBlock]:
        """A photo of a city."""
        return [TextBlock(text=city), ImageBlock(image=PNG)]

    kimi.script(Reply(reasoning="Look.", tool_calls=[ToolCall("photo", {"city": "Rome"})]), Reply(content="Pretty."))
    tool = FunctionTool.from_defaults(async_fn=photo)
    assert str(await FunctionAgent(tools=[tool], llm=llm).run("Show me Rome", memory=memory)) == "Pretty."
    kinds = [part["type"] for part in kimi.chats[-1]["messages"][-1]["content"]]
    assert kinds == ["text", "image_url"]


@pytest.mark.parametrize("streaming", [True, False], ids=["streamed", "plain"])
async def test_tool_loop_goes_on_after_memory_was_written_as_json(
    kimi: Emulator, llm: Kimi, memory: Memory, streaming: bool
) -> None:
    kimi.script(*two_rounds(streaming or PLAIN_AGENTS_CALL_IN_PARALLEL))
    await FunctionAgent(tools=[weather, clock], llm=llm, streaming=streaming).run("Weather?", memory=memory)

    stored = [ChatMessage.model_validate_json(m.model_dump_json()) for m in await memory.aget_all()]
    llm.chat([*stored, ChatMessage("And tomorrow?")])
    assert turns(kimi.chats[-1]["messages"]) == turns(kimi.replies[:3])


@pytest.mark.parametrize("cls", [ChatMemoryBuffer, KimiChatMemoryBuffer])
async def test_tool_loop_goes_on_from_a_buffer(kimi: Emulator, llm: Kimi, cls: type[ChatMemoryBuffer]) -> None:
    kimi.script(*two_rounds(), Reply(content="You are welcome.", reasoning="Polite."))
    buffer = cls.from_defaults(llm=llm)
    agent = FunctionAgent(tools=[weather, clock], llm=llm)
    await agent.run("How is the weather?", memory=buffer)
    await agent.run("Thanks!", memory=buffer)
    assert turns(kimi.chats[-1]["messages"]) == turns(kimi.replies[:3])
    assert buffer.token_limit > 700_000  # three quarters of the window, from the catalogue


async def test_tool_loop_goes_on_after_a_workflow_context_was_written_as_json(kimi: Emulator, llm: Kimi) -> None:
    kimi.script(two_rounds()[1])
    answer = llm.chat([ChatMessage("Weather?")], tools=[FunctionTool.from_defaults(f) for f in (weather, clock)])
    agent = FunctionAgent(tools=[weather, clock], llm=llm)
    context = Context(agent)
    await context.store.set("turn", answer.message)

    written = json.dumps(context.to_dict(serializer=JsonSerializer()))
    restored = Context.from_dict(agent, json.loads(written), serializer=JsonSerializer())
    assert turns([wire_message(await restored.store.get("turn"))]) == turns(kimi.replies)


async def test_tool_loop_goes_on_after_a_tool_answered_directly(kimi: Emulator, llm: Kimi, memory: Memory) -> None:
    kimi.script(
        Reply(reasoning="Ask it.", tool_calls=[ToolCall("weather", {"city": "Rome"})]), Reply(content="Gladly.")
    )
    direct = FunctionTool.from_defaults(weather, return_direct=True)
    agent = FunctionAgent(tools=[direct], llm=llm)
    assert str(await agent.run("Rome?", memory=memory)) == weather("Rome")
    assert str(await agent.run("Thanks!", memory=memory)) == "Gladly."
    assert kimi.chats[-1]["messages"][1]["reasoning_content"] == "Ask it."


@pytest.mark.parametrize("streaming", [True, False], ids=["streamed", "plain"])
@pytest.mark.parametrize("first", [True, False], ids=["direct first", "direct last"])
async def test_tool_loop_goes_on_after_one_of_two_tools_answered_directly(
    kimi: Emulator, llm: Kimi, memory: Memory, streaming: bool, first: bool
) -> None:
    """Core keeps no result behind that of a `return_direct` tool, and the platform wants one for each call."""
    if not (streaming or PLAIN_AGENTS_CALL_IN_PARALLEL):
        pytest.skip("this core keeps one call")
    both = [ToolCall("weather", {"city": "Rome"}), ToolCall("clock", {"zone": "CET"})]
    kimi.script(Reply(reasoning="Ask.", tool_calls=both if first else both[::-1]), Reply(content="Gladly."))
    tools = [FunctionTool.from_defaults(weather, return_direct=True), FunctionTool.from_defaults(clock)]
    agent = FunctionAgent(tools=tools, llm=llm, streaming=streaming)
    assert str(await agent.run("Rome?", memory=memory)) == weather("Rome")
    assert str(await agent.run("Thanks!", memory=memory)) == "Gladly."
    _, turn, *results, direct, _ = kimi.chats[-1]["messages"]
    assert {call["id"] for call in turn["tool_calls"]} == {result["tool_call_id"] for result in results}
    assert [result["content"] for result in results] == (
        [weather("Rome"), NOT_KEPT] if first else [clock("CET"), weather("Rome")]
    )
    assert direct == {"role": "assistant", "content": weather("Rome"), "reasoning_content": ""}
    assert kimi.report == kimi.refusals == []


def test_tool_loop_without_an_agent_through_predict_and_call(kimi: Emulator, llm: Kimi) -> None:
    kimi.script(Reply(tool_calls=[ToolCall("weather", {"city": "Rome"})]))
    answer = llm.predict_and_call([FunctionTool.from_defaults(weather)], "Rome?")
    assert str(answer) == weather("Rome")


async def test_tool_loop_without_an_agent_through_apredict_and_call(kimi: Emulator, llm: Kimi) -> None:
    kimi.script(Reply(tool_calls=[ToolCall("weather", {"city": "Rome"}), ToolCall("clock", {})]))
    tools = [FunctionTool.from_defaults(weather), FunctionTool.from_defaults(clock)]
    answer = await llm.apredict_and_call(tools, "Rome?", allow_parallel_tool_calls=True)
    assert str(answer) == f"{weather('Rome')}\n\n{clock()}"


class Person(BaseModel):
    name: str = Field(description="Person name")


def test_a_tool_that_fails_is_an_error_only_when_asked_for(scripted: ScriptedKimi) -> None:
    llm = scripted([Reply(reasoning="A person.", tool_calls=[ToolCall("Person", {})])])
    assert llm.predict_and_call([get_function_tool(Person)], "Make a person").sources[0].is_error
    with pytest.raises(ValueError):
        llm.predict_and_call([get_function_tool(Person)], "Make a person", error_on_tool_error=True)


async def test_one_call_of_two_is_run_unless_parallel_calls_are_allowed(scripted: ScriptedKimi) -> None:
    """Core raises "Invalid" where a model's second call is not cut off."""
    both = Reply(tool_calls=[ToolCall("Person", {"name": "Ada"}), ToolCall("Person", {"name": "Bo"})])
    llm = scripted([both])
    with pytest.warns(KimiWarning, match="kept the call of Person"):
        one = llm.predict_and_call([get_function_tool(Person)], "Make two", allow_parallel_tool_calls=False)
    two = await llm.apredict_and_call([get_function_tool(Person)], "Make two", allow_parallel_tool_calls=True)
    assert [source.raw_output for source in one.sources] == [Person(name="Ada")]
    assert [source.raw_output for source in two.sources] == [Person(name="Ada"), Person(name="Bo")]
