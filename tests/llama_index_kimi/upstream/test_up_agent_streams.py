"""Mirrors two of llama-index-core/tests/agent/workflow: test_thinking_delta.py and test_react_agent.py."""

from __future__ import annotations

from typing import Any

import pytest
from llama_index.core.agent.workflow import (
    AgentStream,
    CodeActAgent,
    FunctionAgent,
    ReActAgent,
)
from scripted_kimi import NEW_CORE, ScriptedKimi

from kimi_emulator import Reply

PIECES = [
    {"content": None, "reasoning_content": "I need to think about this..."},
    {"reasoning_content": " Let me consider the options."},
    {"content": "Hello"},
    {"content": " there"},
]


def thinker(text: str = "Hello there") -> Reply:
    return Reply(
        content=text,
        reasoning="I need to think about this... Let me consider the options.",
        pieces=[*PIECES[:2], *[{"content": word} for word in text.split("|")]] if "|" in text else PIECES,
    )


async def streamed(agent: Any) -> list[AgentStream]:
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


async def test_function_agent_comprehensive_thinking_streaming(scripted: ScriptedKimi, model: str) -> None:
    check(await streamed(FunctionAgent(llm=scripted([thinker()], model=model))), "Hello there")


async def test_codeact_agent_comprehensive_thinking_streaming(scripted: ScriptedKimi, model: str) -> None:
    def execute(code: str) -> str:
        """Never called here."""
        raise AssertionError(code)

    agent = CodeActAgent(llm=scripted([thinker()], model=model), code_execute_fn=execute)
    check(await streamed(agent), "Hello there")


@pytest.mark.skipif(not NEW_CORE, reason="this core's ReActAgent cannot keep thinking")
async def test_react_agent_comprehensive_thinking_streaming(scripted: ScriptedKimi, model: str) -> None:
    text = "Thought: I can answer without using any more tools.\n|Answer: Hello"
    agent = ReActAgent(llm=scripted([thinker(text)], model=model))
    check(await streamed(agent), text.replace("|", ""))


async def test_streaming_an_agent_with_thinking_delta_none(scripted: ScriptedKimi) -> None:
    """A model that was told not to think."""
    llm = scripted(["Hello there"], model="kimi-k2.6", thinking="disabled")
    events = await streamed(FunctionAgent(llm=llm))
    assert {event.thinking_delta for event in events} == {None}
    assert events[-1].response == "Hello there"


# ------------------------------------------------------------------------------------------------- ReAct


@pytest.mark.skipif(not NEW_CORE, reason="this core's ReActAgent cannot keep thinking")
async def test_react_agent_prompts(scripted: ScriptedKimi) -> None:
    llm = scripted(["Thought: I can answer without using any more tools.\nAnswer: 8"])
    agent = ReActAgent(llm=llm)
    agent.update_prompts({"react_header": "You are a {tool_desc} {tool_names} thing."})
    assert str(await agent.run("5 and 3?")) == "8"
    assert "thing." in scripted.chats(llm)[0]["messages"][0]["content"]


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
