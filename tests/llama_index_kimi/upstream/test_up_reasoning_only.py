"""Mirrors llama-index-core/tests/agent/workflow/test_function_agent_reasoning_only.py.

Kimi may leave its final answer in the reasoning channel. Cores that know this promote it; others give an empty answer,
of which our warning tells. Either way the thinking stays where it was found.
"""

from __future__ import annotations

import warnings

import pytest
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ThinkingBlock
from llama_index.core.llms import ChatMessage
from scripted_kimi import ScriptedKimi

from kimi_api._warn import KimiWarning
from kimi_emulator import Reply

ANSWER = "The capital of France is Paris."
PROMOTES = hasattr(FunctionAgent, "_extract_reasoning_content")


async def run(scripted: ScriptedKimi, reply: Reply, streaming: bool, model: str = "kimi-k3") -> tuple[str, list[str]]:
    """The agent's answer, and our warnings."""
    agent = FunctionAgent(llm=scripted([reply], model=model), streaming=streaming)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", KimiWarning)
        response = await agent.run("What is the capital of France?")
    [thinking] = [block for block in response.response.blocks if isinstance(block, ThinkingBlock)]
    assert thinking.content == reply.reasoning
    return response.response.content or "", [str(w.message) for w in caught if w.category is KimiWarning]


async def test_reasoning_only_thinking_block_is_recovered(scripted: ScriptedKimi, model: str, streaming: bool) -> None:
    answer, said = await run(scripted, Reply(content="", reasoning=ANSWER), streaming, model)
    assert answer == (ANSWER if PROMOTES else "")
    (warning,) = said
    assert "neither an answer nor a tool call" in warning


async def test_present_content_is_not_overridden_by_thinking(scripted: ScriptedKimi, streaming: bool) -> None:
    assert await run(scripted, Reply(content=ANSWER, reasoning="internal"), streaming) == (ANSWER, [])


async def test_truly_empty_response_stays_empty(scripted: ScriptedKimi, streaming: bool) -> None:
    answer, said = await run(scripted, Reply(content="", reasoning=""), streaming)
    assert answer == ""
    assert len(said) == 1


def test_a_plain_call_keeps_the_blocks_as_they_came(scripted: ScriptedKimi) -> None:
    llm = scripted([Reply(content="", reasoning=ANSWER)])
    with pytest.warns(KimiWarning, match="neither an answer nor a tool call"):
        assert llm.chat([ChatMessage("Paris?")]).message.content == ""
    with pytest.warns(KimiWarning, match="neither an answer nor a tool call"):
        assert list(llm.stream_complete("Paris?"))[-1].text == ""
