"""Agents that answer in code: whole runs on each kind of model, whole and streamed."""

# No `from __future__ import annotations`: core shows the model a function's annotations as they stand.

import ast
import operator
from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core.agent.workflow import AgentWorkflow, CodeActAgent, FunctionAgent, ToolCall, ToolCallResult
from llama_index.core.memory import Memory
from scripted_kimi import ScriptedKimi

from kimi_emulator import Reply
from kimi_emulator import ToolCall as Called

OPERATIONS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
}


class Arithmetic:
    """Runs `name = expression` and `print(expression)` over numbers, and nothing else: no code of a model's is run."""

    def __init__(self) -> None:
        self.variables: dict[str, Any] = {}

    async def execute(self, code: str) -> str:
        """Run code."""
        printed = []
        for line in ast.parse(code).body:
            if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name):
                self.variables[line.targets[0].id] = self._value(line.value)
            elif isinstance(line, ast.Expr) and isinstance(line.value, ast.Call):
                assert isinstance(line.value.func, ast.Name)
                assert line.value.func.id == "print"
                printed.append(str(self._value(line.value.args[0])))
            else:
                raise ValueError(f"not allowed here: {ast.unparse(line)}")
        return "\n".join(printed)

    def _value(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name):
            return self.variables[node.id]
        if isinstance(node, ast.BinOp) and type(node.op) in OPERATIONS:
            return OPERATIONS[type(node.op)](self._value(node.left), self._value(node.right))
        raise ValueError(f"not allowed here: {ast.unparse(node)}")


FIRST = Reply(content="Let me calculate.\n<execute>\nresult = 2 + 2\nprint(result)\n</execute>", reasoning="Two steps.")
SECOND = Reply(content="<execute>\nprint(result * 10)\n</execute>", reasoning="Now ten times that.")
ANSWER = Reply(content="It is 40.", reasoning="Done.")


async def test_code_act_agent_basic_execution(scripted: ScriptedKimi, model: str, streaming: bool) -> None:
    llm = scripted([FIRST, SECOND, ANSWER], model=model, wire="plain")  # what is streamed then, the agent streams
    agent = CodeActAgent(code_execute_fn=Arithmetic().execute, llm=llm, streaming=streaming)
    handler = agent.run("What is ten times 2 + 2?")
    calls = [e async for e in handler.stream_events() if isinstance(e, ToolCall) and not isinstance(e, ToolCallResult)]
    assert str(await handler) == "It is 40."
    assert [call.tool_name for call in calls] == ["execute", "execute"]
    assert [call.tool_kwargs["code"] for call in calls] == ["result = 2 + 2\nprint(result)", "print(result * 10)"]
    assert [chat.get("stream", False) for chat in scripted.chats(llm)] == [streaming] * 3


async def test_code_act_agent_tool_handling(
    scripted: ScriptedKimi, model: str, streaming: bool, memory: Memory
) -> None:
    def area(radius: float) -> float:
        """The area of a circle."""
        return 3 * radius * radius

    llm = scripted([FIRST, SECOND, ANSWER, Reply(content="Gladly.")], model=model)
    agent = CodeActAgent(code_execute_fn=Arithmetic().execute, tools=[area], llm=llm, streaming=streaming)
    assert str(await agent.run("What is ten times 2 + 2?", memory=memory)) == "It is 40."
    first, _, third = (chat["messages"] for chat in scripted.chats(llm))
    assert "def area(radius: float) -> float:" in str(first[0])
    results = [m["content"] for m in third if m["role"] == "user"][1:]
    assert ["4" in results[0], "40" in results[1]] == [True, True]
    # Of its own turns this agent keeps the text alone, and the platform takes plain turns without thinking.
    assert [m["content"] for m in third if m["role"] == "assistant"] == [FIRST.content, SECOND.content]
    assert str(await agent.run("Thanks!", memory=memory)) == "Gladly."


async def test_code_that_fails_is_told_to_the_model(scripted: ScriptedKimi, streaming: bool) -> None:
    llm = scripted([Reply(content="<execute>\nimport os\n</execute>"), Reply(content="I may not.")])
    agent = CodeActAgent(code_execute_fn=Arithmetic().execute, llm=llm, streaming=streaming)
    assert str(await agent.run("Delete everything")) == "I may not."
    assert "not allowed here: import os" in str(scripted.chats(llm)[-1]["messages"][-1])


async def test_a_code_act_agent_hands_off(scripted: ScriptedKimi, model: str, streaming: bool) -> None:
    handoff = Reply(reasoning="Not code.", tool_calls=[Called("handoff", {"to_agent": "poet", "reason": "a poem"})])
    coder = CodeActAgent(
        name="coder", description="Codes", code_execute_fn=Arithmetic().execute, llm=scripted([handoff], model=model)
    )
    coder.streaming = streaming
    poet_llm = scripted(["Roses."], model=model)
    poet = FunctionAgent(name="poet", description="Rhymes", llm=poet_llm, streaming=streaming)
    workflow = AgentWorkflow(agents=[coder, poet], root_agent="coder")
    assert str(await workflow.run("A poem, please")) == "Roses."


@pytest.mark.parametrize("code", ["__import__('os')", "open('x').read()", "x.y"])
async def test_the_executor_of_these_tests_is_safe(code: str) -> None:
    with pytest.raises((ValueError, AssertionError, KeyError)):
        await Arithmetic().execute(f"print({code})")
