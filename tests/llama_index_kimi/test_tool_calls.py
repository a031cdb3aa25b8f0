"""Tools: definitions, choices per model, selections from whole and growing answers."""

from __future__ import annotations

import time
from typing import Any

import pytest
from llama_index.core.base.llms.types import ToolCallBlock
from llama_index.core.llms import ChatMessage, ChatResponse
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.tools import FunctionTool

from kimi_api import _warn
from kimi_api._warn import KimiWarning
from kimi_api.errors import KimiInputError
from kimi_emulator import Emulator, Reply, ToolCall
from llama_index_kimi import Kimi
from llama_index_kimi._tool_calls import wire_tools


def search(query: str, limit: int = 3) -> str:
    """Search the archive."""
    return f"{limit} hits for {query}"


def delete(name: str) -> str:
    """Delete a record."""
    return f"{name} is gone"


SEARCH, DELETE = FunctionTool.from_defaults(search), FunctionTool.from_defaults(delete)


def growing(arguments: str) -> ChatResponse:
    block = ToolCallBlock(tool_call_id="1", tool_name="f", tool_kwargs=arguments)
    return ChatResponse(message=ChatMessage(role="assistant", blocks=[block]), raw={"id": "c"})


def final_response(arguments: str, reason: str) -> ChatResponse:
    response = growing(arguments)
    response.raw = {"choices": [{"finish_reason": reason}]}
    return response


# ------------------------------------------------------------------------------------------------- preparing


def test_prepare_chat_with_tools_returns_what_chat_takes(llm: Kimi) -> None:
    prepared = llm._prepare_chat_with_tools([SEARCH], user_msg="Moon?", max_tokens=50)
    (tool,) = prepared.pop("tools")
    assert tool["type"] == "function"
    assert tool["function"]["name"] == "search"
    assert "Search the archive." in tool["function"]["description"]
    assert tool["function"]["parameters"]["required"] == ["query"]
    assert prepared == {"messages": [ChatMessage("Moon?")], "max_tokens": 50, "parallel_tool_calls": False}


@pytest.mark.parametrize(
    ("options", "choice"),
    [
        ({}, None),
        ({"tool_required": False}, None),
        ({"tool_required": True}, "required"),
        ({"tool_required": True, "tool_choice": "auto"}, "auto"),
        ({"tool_choice": "search"}, "search"),
    ],
)
def test_prepare_chat_with_tools_passes_the_wish_on(llm: Kimi, options: dict[str, Any], choice: str | None) -> None:
    assert llm._prepare_chat_with_tools([SEARCH], "x", **options).get("tool_choice") == choice


def test_prepare_chat_with_tools_without_tools_sends_no_choice(kimi: Emulator, llm: Kimi) -> None:
    llm.chat_with_tools([], "x", tool_required=True)
    assert kimi.chats[0].keys() == {"model", "messages", "stream", "stream_options"}


def test_prepare_chat_with_tools_leaves_the_history_alone(llm: Kimi) -> None:
    history = [ChatMessage("first")]
    prepared = llm._prepare_chat_with_tools([SEARCH], "second", chat_history=history, allow_parallel_tool_calls=True)
    assert history == [ChatMessage("first")]
    assert [m.content for m in prepared["messages"]] == ["first", "second"]
    assert "parallel_tool_calls" not in prepared


def test_definitions_are_made_once_per_tool_and_anew_when_it_changes() -> None:
    tool = FunctionTool.from_defaults(search)
    first = wire_tools([tool])
    assert wire_tools([tool])[0] is first[0]
    tool.metadata.description = "Search harder."
    assert wire_tools([tool])[0]["function"]["description"] == "Search harder."


def test_a_long_description_and_raw_definitions_pass() -> None:
    long = FunctionTool.from_defaults(search, name="long", description="x" * 3000)
    raw = {"type": "builtin_function", "function": {"name": "$web_search"}}
    wire = wire_tools([long, raw])
    assert len(wire[0]["function"]["description"]) == 3000
    assert wire[1] == raw


def test_what_is_no_tool_is_refused_with_what_to_do(kimi: Emulator, llm: Kimi) -> None:
    with pytest.raises(KimiInputError, match=r"wrap a function with FunctionTool\.from_defaults"):
        llm.chat_with_tools([search], "Search")  # type: ignore[list-item]
    with pytest.raises(KimiInputError, match="tools: got 'search', but a name is not a tool"):
        llm.chat([ChatMessage("Search")], tools=["search"])
    assert kimi.chats == []


# ------------------------------------------------------------------------------------------------- selections


def test_parallel_calls_come_whole_or_cut_to_one_in_blocks_and_kwargs(kimi: Emulator, llm: Kimi) -> None:
    answer = Reply(tool_calls=[ToolCall("search", {"query": "a"}), ToolCall("search", {"query": "b"})])
    kimi.script(answer, answer)
    both = llm.chat_with_tools([SEARCH], "x", allow_parallel_tool_calls=True)
    assert [s.tool_kwargs for s in llm.get_tool_calls_from_response(both)] == [{"query": "a"}, {"query": "b"}]
    assert len({s.tool_id for s in llm.get_tool_calls_from_response(both)}) == 2
    with pytest.warns(KimiWarning, match="kept the call"):
        one = llm.chat_with_tools([SEARCH], "x")
    assert [b.tool_kwargs for b in one.message.blocks if isinstance(b, ToolCallBlock)] == ['{"query":"a"}']
    assert len(one.message.additional_kwargs["tool_calls"]) == 1


@pytest.mark.parametrize(
    ("arguments", "read"),
    [
        ("", {}),
        ("{", {}),
        ('{"a', {}),
        ('{"a": "tex', {"a": "tex"}),
        ('{"a": [1, 2', {"a": [1, 2]}),
        ("[1]", {}),
        ("null", {}),
        ("nonsense", {}),
        ('{"a": 1}', {"a": 1}),
    ],
)
def test_growing_arguments_are_read_as_far_as_they_have_come(llm: Kimi, arguments: str, read: dict[str, Any]) -> None:
    (selection,) = llm.get_tool_calls_from_response(growing(arguments))
    assert selection.tool_kwargs == read


def test_a_tool_never_runs_with_half_of_its_arguments(llm: Kimi) -> None:
    with pytest.warns(KimiWarning, match="Raise max_tokens"):
        (selection,) = llm.get_tool_calls_from_response(final_response('{"path": "/etc', "length"))
    assert selection.tool_name == "f (unreadable arguments)"
    assert selection.tool_kwargs == {"unreadable_arguments": '{"path": "/etc'}


def test_an_unreadable_call_is_warned_of_once_per_answer(llm: Kimi) -> None:
    """Core asks for the calls of an answer several times; another answer may have a call with the same id."""
    one, other = final_response("{,", "tool_calls"), final_response("{,", "tool_calls")
    with pytest.warns(KimiWarning) as recorded:
        [llm.get_tool_calls_from_response(response) for response in (one, one, other, one, other)]
    assert len(recorded) == 2


def test_two_unreadable_calls_of_an_answer_are_warned_of_though_neither_has_an_id(llm: Kimi) -> None:
    response = final_response("{,", "tool_calls")
    block = ToolCallBlock(tool_call_id=None, tool_name="f", tool_kwargs="{,")
    response.message.blocks = [block, block]
    with pytest.warns(KimiWarning) as recorded:
        llm.get_tool_calls_from_response(response)
    assert len(recorded) == 2


def test_warnings_about_answers_take_no_room_once_these_are_gone(llm: Kimi) -> None:
    with pytest.warns(KimiWarning):
        [llm.get_tool_calls_from_response(final_response("{,", "tool_calls")) for _ in range(20)]
    assert len(_warn._keys_by_answer) <= 1


def test_no_call_is_an_error_only_when_asked_for(llm: Kimi) -> None:
    response = ChatResponse(message=ChatMessage(role="assistant", content="No."))
    with pytest.raises(ValueError, match="at least one tool call"):
        llm.get_tool_calls_from_response(response)
    assert llm.get_tool_calls_from_response(response, error_on_no_tool_call=False) == []


@pytest.mark.parametrize(
    ("reason", "remedy"), [("stop", "tool_required=True"), ("length", "Raise max_tokens"), (None, "tool_required=True")]
)
def test_a_missing_call_says_what_came_and_what_to_do(llm: Kimi, reason: str | None, remedy: str) -> None:
    message = ChatMessage(role="assistant", content="No. " * 900)
    response = ChatResponse(message=message, raw={"choices": [{"finish_reason": reason}]})
    with pytest.raises(ValueError, match=r"kimi-k3 answered with the text 'No\. No\. ") as caught:
        llm.get_tool_calls_from_response(response)
    error_text = str(caught.value)
    assert remedy in error_text
    assert len(error_text) < 500
    assert (f"finish_reason {reason!r}" in error_text) == (reason is not None)


def test_selections_are_read_from_additional_kwargs_too(llm: Kimi) -> None:
    chosen = ToolSelection(tool_id="1", tool_name="f", tool_kwargs={"a": 1})
    stored = {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
    for call in (chosen, stored):
        message = ChatMessage(role="assistant", additional_kwargs={"tool_calls": [call]})
        assert llm.get_tool_calls_from_response(ChatResponse(message=message)) == [chosen]


def test_reading_a_long_growing_argument_takes_microseconds(llm: Kimi) -> None:
    response = growing('{"text": "' + "x" * 32_000)
    start = time.thread_time()
    for _ in range(50):
        llm.get_tool_calls_from_response(response)
    assert (time.thread_time() - start) / 50 < 0.0005


# ------------------------------------------------------------------------------------------------- odd arguments

CUT = Reply(reasoning="r", tool_calls=[ToolCall("weather", {"city": city}) for city in ("北京", "Turku")])
WEATHER = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}
HOWS = ("chat", "achat", "stream_chat", "astream_chat")


async def run(llm: Kimi, how: str) -> ChatResponse:
    """The (last) response."""
    if how == "chat":
        return llm.chat([ChatMessage("hi")], tools=[WEATHER])
    if how == "achat":
        return await llm.achat([ChatMessage("hi")], tools=[WEATHER])
    if how == "stream_chat":
        return list(llm.stream_chat([ChatMessage("hi")], tools=[WEATHER]))[-1]
    return [response async for response in await llm.astream_chat([ChatMessage("hi")], tools=[WEATHER])][-1]


def calls_of(llm: Kimi, response: ChatResponse) -> list[tuple[str, dict[str, Any]]]:
    return [(call.tool_name, call.tool_kwargs) for call in llm.get_tool_calls_from_response(response)]


@pytest.mark.parametrize("how", HOWS)
async def test_no_tool_runs_with_arguments_that_were_cut(kimi: Emulator, llm: Kimi, how: str) -> None:
    kimi.script(CUT)
    kimi.fail("calls.arguments_cut")
    response = await run(llm, how)
    with pytest.warns(KimiWarning, match="no tool is run for it; .*Raise max_tokens"):
        first, second = calls_of(llm, response)
    assert first[0] == second[0] == "weather (unreadable arguments)"
    assert first[1]["unreadable_arguments"].startswith('{"city')
