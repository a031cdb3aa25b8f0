"""Calls that no tool can be run for: unreadable arguments, and tools that were not offered."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.tools import FunctionTool

from kimi_api import KimiWarning
from kimi_emulator import Emulator, Reply, ToolCall
from llama_index_kimi import Kimi
from llama_index_kimi._to_wire import wire_message

CUT = '{"query": "moo'
pytestmark = pytest.mark.filterwarnings("ignore::kimi_api._warn.KimiWarning")


def search(query: str = "all") -> str:
    """Search the archive."""
    return f"hits for {query}"


SEARCH = FunctionTool.from_defaults(search)


@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize("workflow", [False, True])
async def test_an_agent_tells_the_model_and_does_not_run_the_tool(
    kimi: Emulator, llm: Kimi, streaming: bool, workflow: bool
) -> None:
    kimi.script(
        Reply(tool_calls=[ToolCall("search", CUT)], reasoning="r"),
        Reply(tool_calls=[ToolCall("search", {"query": "moon"})], reasoning="r"),
        Reply(content="Two hits."),
    )
    agent: Any = FunctionAgent(tools=[SEARCH], llm=llm, streaming=streaming, name="a", description="a")
    answer = await (AgentWorkflow(agents=[agent]) if workflow else agent).run(user_msg="?")
    assert str(answer) == "Two hits."
    unread, read = kimi.chats[1], kimi.chats[2]
    assert unread["messages"][-2]["tool_calls"][0]["function"] == {
        "name": "search",
        "arguments": json.dumps({"unreadable_arguments": CUT}),
    }
    assert "search (unreadable arguments) not found" in unread["messages"][-1]["content"]
    assert read["messages"][: len(unread["messages"])] == unread["messages"]
    assert read["messages"][-1]["content"] == "hits for moon"
    assert kimi.refusals == []


def predict(llm: Kimi, blocking: bool, **more: Any) -> Any:
    arguments: dict[str, Any] = {"user_msg": "?", **more}
    if blocking:
        return llm.predict_and_call([SEARCH], **arguments)
    return asyncio.run(llm.apredict_and_call([SEARCH], **arguments))


both = pytest.mark.parametrize("blocking", [True, False])


@both
def test_predict_and_call_runs_tools(kimi: Emulator, llm: Kimi, blocking: bool) -> None:
    kimi.script(Reply(tool_calls=[ToolCall("search", {"query": "a"}), ToolCall("search", {"query": "b"})]))
    answer = predict(llm, blocking, allow_parallel_tool_calls=True)
    assert answer.response == "hits for a\n\nhits for b"
    assert [source.raw_output for source in answer.sources] == ["hits for a", "hits for b"]
    kimi.script(Reply(content="No need."))
    assert predict(llm, blocking, error_on_no_tool_call=False).response == "No need."


@both
@pytest.mark.parametrize(("name", "says"), [("search", "not a JSON object"), ("delete", "no tool delete was offered")])
def test_predict_and_call_looks_first_whether_there_is_a_tool(
    kimi: Emulator, llm: Kimi, blocking: bool, name: str, says: str
) -> None:
    call = ToolCall(name, CUT if name == "search" else "{}")
    kimi.script(Reply(tool_calls=[call]), Reply(tool_calls=[call]))
    (source,) = predict(llm, blocking).sources
    assert source.is_error
    assert says in source.content
    with pytest.raises(ValueError, match=says):
        predict(llm, blocking, error_on_tool_error=True)


@pytest.mark.filterwarnings("default")
def test_a_selection_that_was_stored_goes_back_under_its_tools_name(kimi: Emulator, llm: Kimi) -> None:
    kimi.script(Reply(tool_calls=[ToolCall("search", CUT)]))
    response = llm.chat_with_tools([SEARCH], user_msg="?")
    with pytest.warns(KimiWarning, match="no tool is run for it"):
        selections = llm.get_tool_calls_from_response(response)
    assert selections == [
        ToolSelection(
            tool_id=selections[0].tool_id,
            tool_name="search (unreadable arguments)",
            tool_kwargs={"unreadable_arguments": CUT},
        )
    ]
    stored = ChatMessage(role="assistant", additional_kwargs={"tool_calls": selections})
    assert wire_message(stored)["tool_calls"] == wire_message(response.message)["tool_calls"]


def test_edited_arguments_beat_the_models_own_text(kimi: Emulator, llm: Kimi) -> None:
    tool = {"name": "plan", "parameters": {"type": "object", "properties": {"todos": {"type": "array"}}}}
    kimi.script(Reply(tool_calls=[ToolCall("plan", '{"todos": "[1]"}')]))
    message = llm.chat([ChatMessage("?")], tools=[{"type": "function", "function": tool}]).message
    assert wire_message(message)["tool_calls"][0]["function"]["arguments"] == '{"todos": "[1]"}'
    message.blocks[-1].tool_kwargs = {"todos": [2]}  # type: ignore[union-attr]
    assert wire_message(message)["tool_calls"][0]["function"]["arguments"] == '{"todos": [2]}'
