"""LlamaIndex's kinds of agents on each kind of model: what they stream, where they stop, how they hand over."""

# No `from __future__ import annotations`: core recognises a `Context` argument only by the class itself.

import itertools
import warnings
from collections.abc import Mapping
from typing import Any

import pytest
from llama_index.core.agent.react.formatter import ReActChatFormatter
from llama_index.core.agent.react.output_parser import ReActOutputParser
from llama_index.core.agent.workflow import AgentStream, AgentWorkflow, CodeActAgent, FunctionAgent, ReActAgent
from llama_index.core.base.llms.types import ThinkingBlock
from llama_index.core.llms import LLM, ChatMessage
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.tools import FunctionTool
from llama_index.core.workflow import Context
from pydantic import BaseModel
from scripted_kimi import NEW_CORE, ScriptedKimi

from kimi_api import KimiWarning
from kimi_emulator import Reply, ToolCall

# Cores before 0.14.20 set `content` on the messages that a ReActAgent keeps, which those with thinking refuse.
thinks_aloud = pytest.mark.skipif(not NEW_CORE, reason="this core's ReActAgent cannot keep thinking")
stops_early = pytest.mark.skipif(not NEW_CORE, reason="this core always stops with an error")


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def text_turn(text: str) -> ChatMessage:
    return ChatMessage(role="assistant", content=text)


def call_turn(tool: str, text: str = "calling", call_id: str = "one", **arguments: Any) -> ChatMessage:
    selection = ToolSelection(tool_id=call_id, tool_name=tool, tool_kwargs=arguments)
    return ChatMessage(role="assistant", content=text, additional_kwargs={"tool_calls": [selection]})


ADD = 'Thought: I need to add these numbers\nAction: add\nAction Input: {"a": 5, "b": 3}\n'
SUM = "Thought: I can answer without using any more tools.\nAnswer: The sum is 8"
HANDOFF = Reply(
    content="I'll hand this off to the calculator.",
    reasoning="Arithmetic is not my field.",
    tool_calls=[ToolCall("handoff", {"to_agent": "calculator", "reason": "arithmetic"}, "one")],
)
ANSWER = "The capital of France is Paris."
PROMOTES = hasattr(FunctionAgent, "_extract_reasoning_content")
PIECES = [
    {"content": None, "reasoning_content": "I need to think about this..."},
    {"reasoning_content": " Let me consider the options."},
    {"content": "Hello"},
    {"content": " there"},
]


# ------------------------------------------------------------------------------------------------- thinking in streams


def thinker(text: str = "Hello there") -> Reply:
    return Reply(
        content=text,
        reasoning="I need to think about this... Let me consider the options.",
        pieces=[*PIECES[:2], *[{"content": word} for word in text.split("|")]] if "|" in text else PIECES,
    )


async def run_streamed(agent: Any) -> list[AgentStream]:
    handler = agent.run("test")
    events = [event async for event in handler.stream_events() if isinstance(event, AgentStream)]
    await handler
    return events


def check(events: list[AgentStream], text: str) -> None:
    assert [event.thinking_delta for event in events if event.thinking_delta] == [
        "I need to think about this...",
        " Let me consider the options.",
    ]
    assert "".join(event.delta for event in events) == text
    assert all(event.delta == "" for event in events if event.thinking_delta)
    assert events[-1].response == text
    assert events[-1].raw["usage"]["total_tokens"] > 0


async def test_thinking_of_a_function_agent_is_streamed(scripted: ScriptedKimi, model: str) -> None:
    check(await run_streamed(FunctionAgent(llm=scripted([thinker()], model=model))), "Hello there")


async def test_thinking_of_a_code_act_agent_is_streamed(scripted: ScriptedKimi, model: str) -> None:
    def execute(code: str) -> str:
        """Never called here."""
        raise AssertionError(code)

    agent = CodeActAgent(llm=scripted([thinker()], model=model), code_execute_fn=execute)
    check(await run_streamed(agent), "Hello there")


@pytest.mark.skipif(not NEW_CORE, reason="this core's ReActAgent cannot keep thinking")
async def test_thinking_of_a_react_agent_is_streamed(scripted: ScriptedKimi, model: str) -> None:
    text = "Thought: I can answer without using any more tools.\n|Answer: Hello"
    agent = ReActAgent(llm=scripted([thinker(text)], model=model))
    check(await run_streamed(agent), text.replace("|", ""))


async def test_a_model_that_was_told_not_to_think_streams_none(scripted: ScriptedKimi) -> None:
    llm = scripted(["Hello there"], model="kimi-k2.6", thinking="disabled")
    events = await run_streamed(FunctionAgent(llm=llm))
    assert {event.thinking_delta for event in events} == {None}
    assert events[-1].response == "Hello there"


async def answer_and_warnings(
    scripted: ScriptedKimi, reply: Reply, streaming: bool, model: str = "kimi-k3"
) -> tuple[str, list[str]]:
    """The agent's answer, and our warnings."""
    agent = FunctionAgent(llm=scripted([reply], model=model, empty_answers="warn"), streaming=streaming)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", KimiWarning)
        response = await agent.run("What is the capital of France?")
    [thinking] = [block for block in response.response.blocks if isinstance(block, ThinkingBlock)]
    assert thinking.content == reply.reasoning
    return response.response.content or "", [str(w.message) for w in caught if w.category is KimiWarning]


async def test_an_answer_left_in_the_thinking_is_warned_of_and_promoted_by_cores_that_know_it(
    scripted: ScriptedKimi, model: str, streaming: bool
) -> None:
    answer, warnings = await answer_and_warnings(scripted, Reply(content="", reasoning=ANSWER), streaming, model)
    assert answer == (ANSWER if PROMOTES else "")
    (warning,) = warnings
    assert "neither an answer nor a tool call" in warning


# ------------------------------------------------------------------------------------------------- ReAct


def calculator(llm: Any, **settings: Any) -> ReActAgent:
    return ReActAgent(name="calculator", system_prompt="You add.", tools=[add], llm=llm, **settings)


@thinks_aloud
async def test_a_react_agent_needs_no_native_calls(scripted: ScriptedKimi, model: str, streaming: bool) -> None:
    llm = scripted([text_turn(ADD), text_turn(SUM)], model=model)
    memory = ChatMemoryBuffer.from_defaults(llm=llm)
    assert str(await calculator(llm, streaming=streaming).run("5 and 3?", memory=memory)) == "The sum is 8"
    assert "Observation: 8" in scripted.chats(llm)[-1]["messages"][-1]["content"]
    assert all("tools" not in chat for chat in scripted.chats(llm))


@pytest.mark.skipif(not NEW_CORE, reason="this core's ReActAgent cannot keep thinking")
@pytest.mark.parametrize("thinking", ["disabled", "enabled"])
async def test_react_agent_on_a_model_that_can_be_told_not_to_think(scripted: ScriptedKimi, thinking: Any) -> None:
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    script = [
        'Thought: I need to add.\nAction: add\nAction Input: {"a": 5, "b": 3}\n',
        "Thought: I can answer without using any more tools.\nAnswer: The sum is 8",
    ]
    llm = scripted(script, model="kimi-k2.6", thinking=thinking)
    assert str(await ReActAgent(tools=[add], llm=llm).run("5 and 3?")) == "The sum is 8"


@pytest.mark.skipif(not NEW_CORE, reason="this core needs a running workflow for it")
def test_predict_and_call_via_react_agent(scripted: ScriptedKimi) -> None:
    """The base class's way, for models without native calls."""

    def tool() -> str:
        """Greet."""
        return "hello!!"

    call = "Thought: do it\nAction: tool\nAction Input: {}\n"
    response = LLM.predict_and_call(
        scripted([call]),
        tools=[FunctionTool.from_defaults(tool)],
        react_chat_formatter=ReActChatFormatter.from_defaults(),
        output_parser=ReActOutputParser(),
        user_msg=ChatMessage("run tool"),
        chat_history=[],
    )
    assert response.response == "hello!!"
    assert [source.content for source in response.sources] == ["hello!!"]


# ------------------------------------------------------------------------------------------------- tools and ends


async def test_a_tool_without_arguments_runs_once(scripted: ScriptedKimi, model: str, streaming: bool) -> None:
    ran = []

    def empty_tool() -> str:
        """Take nothing."""
        ran.append(1)
        return "nothing"

    llm = scripted([call_turn("empty_tool"), text_turn("finished")], model=model)
    agent = FunctionAgent(tools=[empty_tool], llm=llm, streaming=streaming)
    assert str(await agent.run("Run the empty tool")) == "finished"
    assert ran == [1]


@stops_early
async def test_an_agent_that_is_stopped_early_answers_from_what_its_tools_gave(scripted: ScriptedKimi) -> None:
    def get_info() -> str:
        """Get some info."""
        return "TOOL OUTPUT"

    turn = itertools.count()

    def answer(request: Mapping[str, Any]) -> ChatMessage:
        if "maximum number of iterations" in str(request["messages"]):
            return text_turn("So far so good.")
        return call_turn("get_info", call_id=f"call_{next(turn)}")

    llm = scripted(answer)
    agent = FunctionAgent(tools=[get_info], llm=llm, early_stopping_method="generate")
    assert str(await agent.run("please gather info", max_iterations=2)) == "So far so good."
    messages = scripted.chats(llm)[-1]["messages"]
    calls = [call["id"] for message in messages for call in message.get("tool_calls", [])]
    answered = [message["tool_call_id"] for message in messages if message["role"] == "tool"]
    assert set(calls) <= set(answered)


class Structure(BaseModel):
    hello: str
    world: int


async def test_an_agents_object_comes_by_the_platforms_own_constraint(
    scripted: ScriptedKimi, model: str, streaming: bool
) -> None:
    llm = scripted(["Success", '{"hello": "hello", "world": 1}'], model=model)
    result = await FunctionAgent(llm=llm, system_prompt="You retrieve.", output_cls=Structure, streaming=streaming).run(
        "test"
    )
    assert str(result) == "Success"
    assert result.get_pydantic_model(Structure) == Structure(hello="hello", world=1)
    unformatted, formatted = scripted.chats(llm)
    assert "response_format" not in unformatted
    # Constrained by the platform, and not by a forced tool, which thinking models refuse.
    assert formatted["response_format"]["json_schema"]["name"] == "Structure"
    assert "tool_choice" not in formatted


# ------------------------------------------------------------------------------------------------- workflows


def team(calculator_llm: Any, retriever_llm: Any, *, streaming: bool = True) -> AgentWorkflow:
    calculator = ReActAgent(
        name="calculator", description="Adds", system_prompt="Add.", tools=[add], llm=calculator_llm
    )
    calculator.streaming = streaming
    retriever = FunctionAgent(
        name="retriever", description="Finds", system_prompt="Find.", llm=retriever_llm, streaming=streaming
    )
    return AgentWorkflow(agents=[calculator, retriever], root_agent="retriever")


@thinks_aloud
async def test_the_next_agent_sees_the_turn_that_handed_over(
    scripted: ScriptedKimi, model: str, streaming: bool
) -> None:
    retriever = scripted([HANDOFF], model=model)
    calculator = scripted([text_turn(ADD), text_turn(SUM)], model=model)
    workflow = team(calculator, retriever, streaming=streaming)
    handler = workflow.run("Can you add 5 and 3?", memory=ChatMemoryBuffer.from_defaults(llm=calculator))
    names = [getattr(event, "current_agent_name", None) async for event in handler.stream_events()]
    assert {"retriever", "calculator"} <= set(names)
    assert str(await handler) == "The sum is 8"
    # The next agent sees the turn that handed over, with its own thinking.
    turn = next(m for m in scripted.chats(calculator)[-1]["messages"] if m.get("tool_calls"))
    assert turn["reasoning_content"] == "Arithmetic is not my field."
    assert turn["tool_calls"][0]["function"]["name"] == "handoff"


async def test_the_context_of_a_tool_is_no_part_of_its_schema(scripted: ScriptedKimi) -> None:
    async def modify_state(random_arg: str, ctx_val: Context) -> str:
        """Count."""
        state = await ctx_val.store.get("state")
        state["counter"] += 1
        await ctx_val.store.set("state", state)
        return f"State updated to {state}"

    llm = scripted([call_turn("modify_state", random_arg="hello"), text_turn("Current state processed")])
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
