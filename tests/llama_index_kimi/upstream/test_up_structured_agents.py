"""Mirrors llama-index-core/tests/agent/workflow/test_agent_with_structured_output.py and test_return_direct_e2e.py."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core.agent.workflow import (
    AgentOutput,
    AgentStreamStructuredOutput,
    AgentWorkflow,
    FunctionAgent,
    ToolCallResult,
)
from llama_index.core.llms import ChatMessage
from llama_index.core.memory import Memory
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel
from scripted_kimi import ScriptedKimi

from kimi_api._warn import KimiWarning
from kimi_emulator import Reply, ToolCall


class Structure(BaseModel):
    hello: str
    world: int


SUCCESS = "Success with the FunctionAgent"
TEXT = '{"hello": "hello", "world": 1}'


def structured_function_fn(messages: list[ChatMessage]) -> dict[str, Any]:
    assert any(SUCCESS in (message.content or "") for message in messages)
    return Structure(hello="bonjour", world=2).model_dump()


async def astructured_function_fn(messages: list[ChatMessage]) -> dict[str, Any]:
    return structured_function_fn(messages) | {"hello": "guten tag"}


def multiply(x: int, j: int) -> int:
    """Multiply two numbers."""
    return x * j


async def run(agent: Any) -> AgentOutput:
    """The result, after it was also given out as an event."""
    handler = agent.run("test")
    events = [event async for event in handler.stream_events() if isinstance(event, AgentStreamStructuredOutput)]
    result = await handler
    assert [event.output for event in events][-1:] == [result.structured_response]
    return result


async def test_output_cls_agent(scripted: ScriptedKimi, model: str, streaming: bool) -> None:
    llm = scripted([SUCCESS, TEXT], model=model)
    result = await run(FunctionAgent(llm=llm, system_prompt="You retrieve.", output_cls=Structure, streaming=streaming))
    assert str(result) == SUCCESS
    assert result.get_pydantic_model(Structure) == Structure(hello="hello", world=1)
    asked, formatted = scripted.chats(llm)
    assert "response_format" not in asked
    # Constrained by the platform, and not by a forced tool, which thinking models refuse.
    assert formatted["response_format"]["json_schema"]["name"] == "Structure"
    assert "tool_choice" not in formatted


@pytest.mark.parametrize("fn", [structured_function_fn, astructured_function_fn])
async def test_structured_fn_agent(scripted: ScriptedKimi, model: str, streaming: bool, fn: Callable[..., Any]) -> None:
    """Also test_astructured_fn_agent."""
    llm = scripted([SUCCESS], model=model)
    result = await run(FunctionAgent(llm=llm, structured_output_fn=fn, streaming=streaming))
    assert result.get_pydantic_model(Structure).world == 2  # type: ignore[union-attr]
    assert len(scripted.chats(llm)) == 1


@pytest.mark.parametrize("how", ["output_cls", "fn", "async fn"])
async def test_structured_output_agentworkflow(scripted: ScriptedKimi, model: str, streaming: bool, how: str) -> None:
    """Also test_structured_output_fn_agentworkflow and test_astructured_output_fn_agentworkflow."""
    given: dict[str, Any] = {
        "output_cls": {"output_cls": Structure},
        "fn": {"structured_output_fn": structured_function_fn},
        "async fn": {"structured_output_fn": astructured_function_fn},
    }[how]
    agent = FunctionAgent(
        name="retriever", description="Retrieves", llm=scripted([SUCCESS, TEXT], model=model), streaming=streaming
    )
    result = await run(AgentWorkflow(agents=[agent], root_agent="retriever", **given))
    assert result.get_pydantic_model(Structure).world == (1 if how == "output_cls" else 2)  # type: ignore[union-attr]


async def test_multi_agent(scripted: ScriptedKimi, model: str, streaming: bool) -> None:
    """test_multi_agent_openai: an agent hands over, the other calls a tool, and the workflow answers with an object."""

    class MathResult(BaseModel):
        operation: str
        result: int

    main_llm = scripted(
        [
            Reply(
                reasoning="Not mine.", tool_calls=[ToolCall("handoff", {"to_agent": "calculator", "reason": "maths"})]
            ),
            '{"operation": "multiplication", "result": 1800}',
        ],
        model=model,
    )
    calculator_llm = scripted(
        [
            Reply(reasoning="30 times 60.", tool_calls=[ToolCall("multiply", {"x": 30, "j": 60})]),
            "It is 1800.",
            '{"operation": "multiplication", "result": 1800}',
        ],
        model=model,
    )
    main = FunctionAgent(
        name="main", description="Dispatches", llm=main_llm, can_handoff_to=["calculator"], streaming=streaming
    )
    calculator = FunctionAgent(
        name="calculator", description="Calculates", tools=[multiply], llm=calculator_llm, streaming=streaming
    )
    workflow = AgentWorkflow(agents=[main, calculator], root_agent="main", output_cls=MathResult)
    result = await run(workflow)
    assert result.get_pydantic_model(MathResult) == MathResult(operation="multiplication", result=1800)
    turns = [m for m in scripted.chats(calculator_llm)[1]["messages"] if m.get("tool_calls")]
    assert [turn["reasoning_content"] for turn in turns] == ["Not mine.", "30 times 60."]


async def test_from_tools_or_functions(scripted: ScriptedKimi, model: str) -> None:
    llm = scripted(["Success!", TEXT], model=model)
    workflow = AgentWorkflow.from_tools_or_functions(
        [multiply], system_prompt="You are an agent.", output_cls=Structure, llm=llm
    )
    result = await workflow.run("Hello world!")
    assert str(result.response.content) == "Success!"
    assert result.get_pydantic_model(Structure) == Structure(hello="hello", world=1)


# ------------------------------------------------------------------------------------------------- return_direct


async def test_return_direct_e2e(scripted: ScriptedKimi, model: str, streaming: bool, memory: Memory) -> None:
    """A tool that answers directly fails first; its error goes to the model, its success to the user."""

    def return_direct_tool(previously_failed: bool = False) -> str:
        """Succeed the second time."""
        if not previously_failed:
            raise RuntimeError("Tool Failed, run again with `previously_failed=True` to success")
        return "Tool Run is Success"

    script = [
        Reply(reasoning="Try.", tool_calls=[ToolCall("return_direct_tool", {})]),
        Reply(reasoning="Again.", tool_calls=[ToolCall("return_direct_tool", {"previously_failed": True})]),
        "You are welcome.",
    ]
    llm = scripted(script, model=model)
    tool = FunctionTool.from_defaults(return_direct_tool, return_direct=True)
    agent = FunctionAgent(tools=[tool], llm=llm, streaming=streaming)
    handler = agent.run("Run the tool", memory=memory)
    failed = [
        event.tool_output.is_error async for event in handler.stream_events() if isinstance(event, ToolCallResult)
    ]
    assert failed == [True, False]
    assert str(await handler) == "Tool Run is Success"
    assert str(await agent.run("Thanks", memory=memory)) == "You are welcome."
    history = scripted.chats(llm)[-1]["messages"]
    assert [m.get("reasoning_content") for m in history if m.get("tool_calls")] == ["Try.", "Again."]
    assert history[-2]["content"] == "Tool Run is Success"


# ------------------------------------------------------------------------------------------------- initial_tool_choice


@pytest.mark.parametrize(
    ("model", "choice", "sent"),
    [
        ("kimi-k3", "required", ["required", None]),
        ("kimi-k3", "multiply", ["required", None]),
        ("kimi-k2.6", "multiply", [{"type": "function", "function": {"name": "multiply"}}, None]),
        ("kimi-k2.7-code", "required", ["auto", None]),
        ("kimi-k2.7-code", "multiply", ["auto", None]),
    ],
)
async def test_initial_tool_choice_holds_for_the_first_request_as_the_model_takes_it(
    scripted: ScriptedKimi, streaming: bool, model: str, choice: str, sent: list[Any]
) -> None:
    llm = scripted([Reply(tool_calls=[ToolCall("multiply", {"x": 3, "j": 4})]), "Twelve."], model=model)
    agent = FunctionAgent(tools=[multiply], llm=llm, initial_tool_choice=choice, streaming=streaming)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", KimiWarning)
        assert str(await agent.run("Multiply")) == "Twelve."
    assert [chat.get("tool_choice") for chat in scripted.chats(llm)] == sent
    assert any(w.category is KimiWarning for w in caught) == (model != "kimi-k3")
