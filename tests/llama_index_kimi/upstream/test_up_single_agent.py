"""Mirrors llama-index-core/tests/agent/workflow/test_single_agent_workflow.py."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import pytest
from llama_index.core.agent.workflow import AgentInput, FunctionAgent, ReActAgent
from llama_index.core.llms import ChatMessage, TextBlock
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.tools import FunctionTool
from llama_index.core.workflow import Context
from llama_index.core.workflow.errors import WorkflowRuntimeError
from scripted_kimi import NEW_CORE, ScriptedKimi

from kimi_api._warn import KimiWarning
from kimi_emulator import Reply

stops_early = pytest.mark.skipif(not NEW_CORE, reason="this core always stops with an error")
# Cores before 0.14.20 set `content` on the messages that a ReActAgent keeps, which those with thinking refuse.
thinks_aloud = pytest.mark.skipif(not NEW_CORE, reason="this core's ReActAgent cannot keep thinking")


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def said(text: str) -> ChatMessage:
    return ChatMessage(role="assistant", content=text)


def called(tool: str, text: str = "calling", call_id: str = "one", **arguments: Any) -> ChatMessage:
    selection = ToolSelection(tool_id=call_id, tool_name=tool, tool_kwargs=arguments)
    return ChatMessage(role="assistant", content=text, additional_kwargs={"tool_calls": [selection]})


ADD = 'Thought: I need to add these numbers\nAction: add\nAction Input: {"a": 5, "b": 3}\n'
SUM = "Thought: I can answer without using any more tools.\nAnswer: The sum is 8"


def calculator(llm: Any, **settings: Any) -> ReActAgent:
    return ReActAgent(name="calculator", system_prompt="You add.", tools=[add], llm=llm, **settings)


@thinks_aloud
async def test_empty_calculator_agent(scripted: ScriptedKimi, model: str) -> None:
    llm = scripted([Reply(content="", reasoning="Hm."), said(ADD), said(SUM)], model=model)
    handler = calculator(llm).run("Can you add 5 and 3?", memory=ChatMemoryBuffer.from_defaults(llm=llm))
    with pytest.warns(KimiWarning, match="neither an answer nor a tool call"):
        inputs = [event.input async for event in handler.stream_events() if isinstance(event, AgentInput)]
    assert any("Your previous response was empty" in (turn[-1].content or "") for turn in inputs)
    assert str(await handler) == "The sum is 8"


async def test_single_function_agent(scripted: ScriptedKimi, model: str, streaming: bool) -> None:
    agent = FunctionAgent(
        name="retriever",
        system_prompt="You are a retrieval assistant.",
        llm=scripted([said("Success")], model=model),
        streaming=streaming,
    )
    assert str(await agent.run("test")) == "Success"
    (chat,) = scripted.emulator.chats
    assert [message["role"] for message in chat["messages"]] == ["system", "user"]


async def test_function_agent_streams_empty_tool_arguments(scripted: ScriptedKimi, model: str, streaming: bool) -> None:
    ran = []

    def empty_tool() -> str:
        """Take nothing."""
        ran.append(1)
        return "nothing"

    llm = scripted([called("empty_tool"), said("finished")], model=model)
    agent = FunctionAgent(tools=[empty_tool], llm=llm, streaming=streaming)
    assert str(await agent.run("Run the empty tool")) == "finished"
    assert ran == [1]


@thinks_aloud
async def test_single_react_agent(scripted: ScriptedKimi, model: str, streaming: bool) -> None:
    llm = scripted([said(ADD), said(SUM)], model=model)
    memory = ChatMemoryBuffer.from_defaults(llm=llm)
    assert str(await calculator(llm, streaming=streaming).run("5 and 3?", memory=memory)) == "The sum is 8"
    assert "Observation: 8" in scripted.chats(llm)[-1]["messages"][-1]["content"]
    assert all("tools" not in chat for chat in scripted.chats(llm))


@thinks_aloud
async def test_single_react_agent_retry(scripted: ScriptedKimi) -> None:
    broken = 'Thought: I need to add these numbers\nAction: add\n{"a": 5 "b": 3}\n'
    llm = scripted([said(broken), said(ADD), said(SUM)])
    handler = calculator(llm).run("5 and 3?", memory=ChatMemoryBuffer.from_defaults(llm=llm))
    inputs = [event.input async for event in handler.stream_events() if isinstance(event, AgentInput)]
    assert any("Error while parsing the output" in (turn[-1].content or "") for turn in inputs)
    assert str(await handler) == "The sum is 8"


async def test_max_iterations(scripted: ScriptedKimi) -> None:
    def random_tool() -> str:
        """Give anything."""
        return "random"

    llm = scripted([called("random_tool")])
    agent = FunctionAgent(tools=[random_tool], llm=llm)
    with pytest.raises(WorkflowRuntimeError, match=r"[Mm]ax iterations"):
        await agent.run("test", max_iterations=5)
    # The platform's ids repeat from turn to turn; what went back is unique and answered.
    last = scripted.chats(llm)[-1]["messages"]
    calls = [call["id"] for message in last for call in message.get("tool_calls", [])]
    assert len(set(calls)) == len(calls) == 4
    assert [message["tool_call_id"] for message in last if message["role"] == "tool"] == calls


@stops_early
async def test_early_stopping_method_generate(scripted: ScriptedKimi, model: str, streaming: bool) -> None:
    def random_tool() -> str:
        """Give anything."""
        return "random"

    llm = scripted([*[called("random_tool")] * 3, said("Here is my final summary.")], model=model)
    agent = FunctionAgent(tools=[random_tool], llm=llm, early_stopping_method="generate", streaming=streaming)
    assert "final summary" in str(await agent.run("test", max_iterations=3))


@stops_early
async def test_early_stopping_method_generate_includes_tool_results(scripted: ScriptedKimi) -> None:
    def get_info() -> str:
        """Get some info."""
        return "TOOL OUTPUT"

    turn = itertools.count()

    def answer(request: Mapping[str, Any]) -> ChatMessage:
        if "maximum number of iterations" in str(request["messages"]):
            return said("So far so good.")
        return called("get_info", call_id=f"call_{next(turn)}")

    llm = scripted(answer)
    agent = FunctionAgent(tools=[get_info], llm=llm, early_stopping_method="generate")
    assert str(await agent.run("please gather info", max_iterations=2)) == "So far so good."
    messages = scripted.chats(llm)[-1]["messages"]
    calls = [call["id"] for message in messages for call in message.get("tool_calls", [])]
    answered = [message["tool_call_id"] for message in messages if message["role"] == "tool"]
    assert set(calls) <= set(answered)


@stops_early
async def test_early_stopping_method_force(scripted: ScriptedKimi) -> None:
    def random_tool() -> str:
        """Give anything."""
        return "random"

    agent = FunctionAgent(tools=[random_tool], llm=scripted([called("random_tool")]), early_stopping_method="force")
    with pytest.raises(WorkflowRuntimeError, match="early_stopping_method='generate'"):
        await agent.run("test", max_iterations=3)


@stops_early
async def test_early_stopping_method_override_in_run(scripted: ScriptedKimi) -> None:
    def random_tool() -> str:
        """Give anything."""
        return "random"

    llm = scripted([*[called("random_tool")] * 3, said("Final response after early stopping.")])
    agent = FunctionAgent(tools=[random_tool], llm=llm, early_stopping_method="force")
    handler = agent.run("test", max_iterations=3, early_stopping_method="generate")
    assert str(await handler) == "Final response after early stopping."


async def test_function_agent_with_context_and_chat_message(scripted: ScriptedKimi, streaming: bool) -> None:
    def noop() -> str:
        """Do nothing."""
        return "noop executed"

    llm = scripted(lambda request: f"You said: {request['messages'][-1]['content']}")
    agent = FunctionAgent(
        llm=llm, tools=[FunctionTool.from_defaults(noop)], system_prompt="You calculate.", streaming=streaming
    )
    question = ChatMessage(
        role="user", blocks=[TextBlock(text="Can you help me with a calculation?"), TextBlock(text="One plus one.")]
    )
    answer = str(await agent.run(user_msg=question, ctx=Context(agent)))
    assert answer == "You said: Can you help me with a calculation?\nOne plus one."
