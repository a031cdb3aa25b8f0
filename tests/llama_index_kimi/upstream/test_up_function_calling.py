"""Mirrors llama-index-core/tests/llms/test_function_calling.py and test_predict_and_call.py."""

from __future__ import annotations

from typing import Any

import pytest
from llama_index.core.agent.react.formatter import ReActChatFormatter
from llama_index.core.agent.react.output_parser import ReActOutputParser
from llama_index.core.llms import LLM, ChatMessage
from llama_index.core.program.function_program import get_function_tool
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel, Field
from scripted_kimi import NEW_CORE, ScriptedKimi

from kimi_api._warn import KimiWarning
from kimi_emulator import Reply, ToolCall


class Person(BaseModel):
    name: str = Field(description="Person name")


PERSON = get_function_tool(Person)
MAKE = Reply(reasoning="A person.", tool_calls=[ToolCall("Person", {"name": "Ada"})])
EMPTY = Reply(reasoning="A person.", tool_calls=[ToolCall("Person", {})])


def test_predict_and_call(scripted: ScriptedKimi, model: str) -> None:
    response = scripted([MAKE], model=model).predict_and_call([PERSON], "Make a person")
    assert [source.raw_output for source in response.sources] == [Person(name="Ada")]


def test_predict_and_call_throws_if_error_on_tool(scripted: ScriptedKimi) -> None:
    llm = scripted([EMPTY])
    assert llm.predict_and_call([PERSON], "Make a person").sources[0].is_error
    with pytest.raises(ValueError):
        llm.predict_and_call([PERSON], "Make a person", error_on_tool_error=True)


async def test_apredict_and_call(scripted: ScriptedKimi, model: str) -> None:
    response = await scripted([MAKE], model=model).apredict_and_call([PERSON], "Make a person")
    assert [source.raw_output for source in response.sources] == [Person(name="Ada")]


async def test_apredict_and_call_throws_if_error_on_tool(scripted: ScriptedKimi) -> None:
    llm = scripted([EMPTY])
    with pytest.raises(ValueError):
        await llm.apredict_and_call([PERSON], "Make a person", error_on_tool_error=True)


async def test_one_call_of_two_is_run_unless_parallel_calls_are_allowed(scripted: ScriptedKimi) -> None:
    """Core raises "Invalid" where a model's second call is not cut off."""
    both = Reply(tool_calls=[ToolCall("Person", {"name": "Ada"}), ToolCall("Person", {"name": "Bo"})])
    llm = scripted([both])
    with pytest.warns(KimiWarning, match="kept the call of Person"):
        one = llm.predict_and_call([PERSON], "Make two", allow_parallel_tool_calls=False)
    two = await llm.apredict_and_call([PERSON], "Make two", allow_parallel_tool_calls=True)
    assert [source.raw_output for source in one.sources] == [Person(name="Ada")]
    assert [source.raw_output for source in two.sources] == [Person(name="Ada"), Person(name="Bo")]


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


async def test_chat_with_tools_and_its_three_twins(scripted: ScriptedKimi, model: str) -> None:
    llm = scripted([MAKE], model=model)
    responses: list[Any] = [
        llm.chat_with_tools([PERSON], "x"),
        await llm.achat_with_tools([PERSON], "x"),
        list(llm.stream_chat_with_tools([PERSON], "x"))[-1],
        [r async for r in await llm.astream_chat_with_tools([PERSON], "x")][-1],
    ]
    for response in responses:
        (selection,) = llm.get_tool_calls_from_response(response)
        assert (selection.tool_name, selection.tool_kwargs) == ("Person", {"name": "Ada"})
        assert response.message.blocks[0].content == "A person."
