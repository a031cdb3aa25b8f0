"""Mirrors llama-index-core/tests/agent/workflow/test_multi_agent_workflow.py."""

# No `from __future__ import annotations`: core recognises a `Context` argument only by the class itself.

from typing import Any

import pytest
from llama_index.core.agent.workflow import AgentInput, AgentWorkflow, FunctionAgent, ReActAgent, ToolCallResult
from llama_index.core.llms import ChatMessage
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.workflow import Context, HumanResponseEvent, InputRequiredEvent, JsonPickleSerializer
from llama_index.core.workflow.errors import WorkflowRuntimeError
from scripted_kimi import NEW_CORE, ScriptedKimi

from kimi_api._warn import KimiWarning
from kimi_emulator import Reply, ToolCall

# Cores before 0.14.20 set `content` on the messages that a ReActAgent keeps, which those with thinking refuse.
thinks_aloud = pytest.mark.skipif(not NEW_CORE, reason="this core's ReActAgent cannot keep thinking")
stops_early = pytest.mark.skipif(not NEW_CORE, reason="this core always stops with an error")


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def said(text: str) -> ChatMessage:
    return ChatMessage(role="assistant", content=text)


def called(tool: str, text: str = "calling", **arguments: Any) -> ChatMessage:
    selection = ToolSelection(tool_id="one", tool_name=tool, tool_kwargs=arguments)
    return ChatMessage(role="assistant", content=text, additional_kwargs={"tool_calls": [selection]})


HANDOFF = Reply(
    content="I'll hand this off to the calculator.",
    reasoning="Arithmetic is not my field.",
    tool_calls=[ToolCall("handoff", {"to_agent": "calculator", "reason": "arithmetic"}, "one")],
)
ADD = 'Thought: I need to add these numbers\nAction: add\nAction Input: {"a": 5, "b": 3}\n'
SUM = "Thought: I can answer without using any more tools.\nAnswer: The sum is 8"


def team(calculator_llm: Any, retriever_llm: Any, *, streaming: bool = True) -> AgentWorkflow:
    calculator = ReActAgent(
        name="calculator", description="Adds", system_prompt="Add.", tools=[add], llm=calculator_llm
    )
    calculator.streaming = streaming
    retriever = FunctionAgent(
        name="retriever", description="Finds", system_prompt="Find.", llm=retriever_llm, streaming=streaming
    )
    return AgentWorkflow(agents=[calculator, retriever], root_agent="retriever")


async def test_basic_workflow(scripted: ScriptedKimi) -> None:
    workflow = team(scripted([said("x")]), scripted([said("x")]))
    assert workflow.root_agent == "retriever"
    assert set(workflow.agents) == {"calculator", "retriever"}


async def test_workflow_requires_root_agent(scripted: ScriptedKimi) -> None:
    agents: list[Any] = [
        FunctionAgent(name="agent1", description="test", llm=scripted([said("test")])),
        ReActAgent(name="agent2", description="test", llm=scripted([said("test")])),
    ]
    with pytest.raises(ValueError, match="Exactly one root agent must be provided"):
        AgentWorkflow(agents=agents)


@thinks_aloud
async def test_workflow_execution(scripted: ScriptedKimi, model: str, streaming: bool) -> None:
    retriever = scripted([HANDOFF], model=model)
    calculator = scripted([said(ADD), said(SUM)], model=model)
    workflow = team(calculator, retriever, streaming=streaming)
    handler = workflow.run("Can you add 5 and 3?", memory=ChatMemoryBuffer.from_defaults(llm=calculator))
    names = [getattr(event, "current_agent_name", None) async for event in handler.stream_events()]
    assert {"retriever", "calculator"} <= set(names)
    assert str(await handler) == "The sum is 8"
    # The next agent sees the turn that handed over, with its own thinking.
    turn = next(m for m in scripted.chats(calculator)[-1]["messages"] if m.get("tool_calls"))
    assert turn["reasoning_content"] == "Arithmetic is not my field."
    assert turn["tool_calls"][0]["function"]["name"] == "handoff"


@thinks_aloud
async def test_workflow_execution_empty(scripted: ScriptedKimi) -> None:
    workflow = team(scripted([Reply(content="", reasoning="Hm."), said(SUM)]), scripted([HANDOFF]))
    handler = workflow.run("Can you add 5 and 3?", memory=ChatMemoryBuffer.from_defaults())
    with pytest.warns(KimiWarning, match="neither an answer nor a tool call"):
        inputs = [event.input async for event in handler.stream_events() if isinstance(event, AgentInput)]
    assert any("Your previous response was empty" in (turn[-1].content or "") for turn in inputs)
    await handler


@pytest.mark.filterwarnings("ignore:.*neither an answer:kimi_api._warn.KimiWarning")
async def test_workflow_handoff_empty(scripted: ScriptedKimi, streaming: bool) -> None:
    workflow = team(scripted([said(SUM)]), scripted([Reply(content="", reasoning="")]), streaming=streaming)
    response = await workflow.run("Can you add 5 and 3?", memory=ChatMemoryBuffer.from_defaults())
    assert not response.response.content


async def test_invalid_handoff(scripted: ScriptedKimi, model: str) -> None:
    stray = called("handoff", to_agent="invalid_agent", reason="Because reasons")
    first = FunctionAgent(
        name="agent1", description="test", llm=scripted([stray, said("guess I am stuck here")], model=model)
    )
    second = FunctionAgent(name="agent2", description="test", llm=scripted([said("x")], model=model))
    handler = AgentWorkflow(agents=[first, second], root_agent="agent1").run("test")
    events = [event async for event in handler.stream_events()]
    assert str(await handler) == "guess I am stuck here"
    assert "Agent invalid_agent not found" in str(events)


async def test_workflow_with_state(scripted: ScriptedKimi) -> None:
    async def modify_state(random_arg: str, ctx_val: Context) -> str:
        """Count."""
        state = await ctx_val.store.get("state")
        state["counter"] += 1
        await ctx_val.store.set("state", state)
        return f"State updated to {state}"

    llm = scripted([called("modify_state", random_arg="hello"), said("Current state processed")])
    agent = FunctionAgent(name="agent", description="test", tools=[modify_state], llm=llm)
    workflow = AgentWorkflow(
        agents=[agent], initial_state={"counter": 0}, state_prompt="Current state: {state}. User message: {msg}"
    )
    handler = workflow.run("test")
    assert str(await handler) == "Current state processed"
    assert (await handler.ctx.store.get("state"))["counter"] == 1
    for chat in scripted.chats(llm):
        (question,) = [message["content"] for message in chat["messages"] if message["role"] == "user"]
        assert question.count("Current state:") == 1
    # The context is the workflow's to give, so the model is not told of it.
    assert list(chat["tools"][0]["function"]["parameters"]["properties"]) == ["random_arg"]


async def paused(workflow: AgentWorkflow, **serializer: Any) -> dict[str, Any]:
    """The context of a run that waits for a human."""
    handler = workflow.run("test")
    async for event in handler.stream_events():
        if isinstance(event, InputRequiredEvent):
            written = handler.ctx.to_dict(**serializer)
            await handler.cancel_run()
            return written
    raise AssertionError("nobody was asked")


def asks_a_human(scripted: ScriptedKimi, **settings: Any) -> AgentWorkflow:
    async def hitl(ctx: Context) -> str:
        """Ask for a name."""
        waits_for = InputRequiredEvent(prefix="What is your name?")  # type: ignore[call-arg]
        given = await ctx.wait_for_event(HumanResponseEvent, waiter_event=waits_for)
        return f"Your name is {given.response}"

    llm = scripted(
        [Reply(reasoning="Whom do I talk to?", tool_calls=[ToolCall("hitl")]), said("HITL successful")], **settings
    )
    return AgentWorkflow(
        agents=[FunctionAgent(name="agent", description="test", tools=[hitl], llm=llm)], root_agent="agent"
    )


@pytest.mark.skipif(not NEW_CORE, reason="tools of this core cannot wait for events")
async def test_workflow_pickle_serialize_and_resume(scripted: ScriptedKimi, model: str) -> None:
    """Also test_agent_with_hitl. (As JSON, core cannot write its own memory under pydantic 2.14.)"""
    workflow = asks_a_human(scripted, model=model)
    written = await paused(workflow, serializer=JsonPickleSerializer())
    context = Context.from_dict(workflow, written, serializer=JsonPickleSerializer())
    handler = workflow.run("test", ctx=context)
    handler.ctx.send_event(HumanResponseEvent(response="Jane Doe"))  # type: ignore[call-arg]
    results = [event async for event in handler.stream_events() if isinstance(event, ToolCallResult)]
    assert str(await handler) == "HITL successful"
    assert [str(event.tool_output) for event in results] == ["Your name is Jane Doe"]
    turn = next(m for m in scripted.emulator.chats[-1]["messages"] if m.get("tool_calls"))
    assert turn["reasoning_content"] == "Whom do I talk to?"


async def test_max_iterations(scripted: ScriptedKimi) -> None:
    def random_tool() -> str:
        """Give anything."""
        return "random"

    agent = FunctionAgent(name="agent", description="test", tools=[random_tool], llm=scripted([called("random_tool")]))
    with pytest.raises(WorkflowRuntimeError, match=r"[Mm]ax iterations"):
        await AgentWorkflow(agents=[agent]).run("test", max_iterations=4)


@stops_early
@pytest.mark.parametrize("where", ["workflow", "run"])
async def test_early_stopping_method_generate_multi_agent(scripted: ScriptedKimi, model: str, where: str) -> None:
    """Also test_early_stopping_method_override_in_run_multi_agent."""

    def random_tool() -> str:
        """Give anything."""
        return "random"

    llm = scripted([*[called("random_tool")] * 3, said("Here is my final summary.")], model=model)
    agent = FunctionAgent(name="agent", description="test", tools=[random_tool], llm=llm)
    workflow = AgentWorkflow(agents=[agent], early_stopping_method="generate" if where == "workflow" else "force")
    run: dict[str, Any] = {"early_stopping_method": "generate"} if where == "run" else {}
    assert "final summary" in str(await workflow.run("test", max_iterations=3, **run))


@thinks_aloud
async def test_retry(scripted: ScriptedKimi) -> None:
    broken = 'Thought: I need to add these numbers\nAction: add\n{"a": 5 "b": 3}\n'
    agent = ReActAgent(
        name="agent", description="test", tools=[add], llm=scripted([said(broken), said(ADD), said(SUM)])
    )
    handler = AgentWorkflow(agents=[agent]).run("5 and 3?", memory=ChatMemoryBuffer.from_defaults())
    inputs = [event.input async for event in handler.stream_events() if isinstance(event, AgentInput)]
    assert any("Error while parsing the output" in (turn[-1].content or "") for turn in inputs)
    assert str(await handler) == "The sum is 8"
