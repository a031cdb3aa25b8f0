"""Messages that only Kimi has: one to be continued, and one that brings tools in mid-conversation."""

from __future__ import annotations

import subprocess
import sys

import pytest
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.llms import ChatMessage
from llama_index.core.memory import ChatMemoryBuffer, Memory
from llama_index.core.tools import FunctionTool

import llama_index_kimi
from kimi_api import messages as plain
from kimi_emulator import Emulator, Reply, ToolCall
from llama_index_kimi import Kimi, dynamic_tools_message, partial_message
from llama_index_kimi._to_wire import wire_message


def lift_times(day: str) -> str:
    """Tell when the lift runs on a day."""
    return f"{day}: 9 to 17"


def snow_depth(place: str) -> str:
    """Tell how deep the snow is."""
    return f"{place}: 80 cm"


LIFT, SNOW = FunctionTool.from_defaults(lift_times), FunctionTool.from_defaults(snow_depth)


@pytest.mark.parametrize("name", [None, "Teller"])
@pytest.mark.parametrize("thinking", [None, "", "A tale."])
def test_a_partial_message_is_the_platforms_own(name: str | None, thinking: str | None) -> None:
    message = partial_message("Once", name=name, reasoning_content=thinking)
    assert wire_message(message) == plain.partial_message("Once", name=name, reasoning_content=thinking)
    assert wire_message(ChatMessage.model_validate_json(message.model_dump_json())) == wire_message(message)


@pytest.mark.parametrize("streaming", [True, False], ids=["streamed", "plain"])
@pytest.mark.parametrize("stored", ["buffer", "memory"])
async def test_tools_join_an_agent_in_a_later_turn(
    kimi: Emulator, llm: Kimi, memory: Memory, stored: str, streaming: bool
) -> None:
    """What was sent before stays as it was, to the byte: the tool is declared by the message alone."""
    kimi.script(
        Reply(reasoning="r", tool_calls=[ToolCall("snow_depth", {"place": "Turku"})]),
        Reply(content="80 cm."),
        Reply(reasoning="q", tool_calls=[ToolCall("lift_times", {"day": "Friday"})]),
        Reply(content="From 9 to 17."),
    )
    chat_memory = memory if stored == "memory" else ChatMemoryBuffer.from_defaults(token_limit=100_000)
    agent = FunctionAgent(llm=llm, tools=[SNOW], streaming=streaming)
    await agent.run("How deep is the snow?", memory=chat_memory)
    await chat_memory.aput(dynamic_tools_message([LIFT]))
    agent = FunctionAgent(llm=llm, tools=[SNOW, LIFT], streaming=streaming)
    assert str(await agent.run("When does the lift run on Friday?", memory=chat_memory)) == "From 9 to 17."
    first, last = kimi.chats[0], kimi.chats[-1]
    assert last["messages"][-1]["content"] == lift_times("Friday")
    assert [body["tools"] for body in kimi.chats] == [first["tools"]] * 4
    assert last["messages"][: len(kimi.chats[1]["messages"])] == kimi.chats[1]["messages"]
    assert [t["function"]["name"] for m in last["messages"] for t in m.get("tools", ())] == ["lift_times"]
    assert kimi.report == kimi.refusals == []


def test_the_helpers_are_loaded_when_named() -> None:
    assert {"partial_message", "dynamic_tools_message"} <= set(llama_index_kimi.__all__)
    code = "import sys, llama_index_kimi; assert 'llama_index_kimi.messages' not in sys.modules"
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)
