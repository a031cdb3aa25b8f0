"""A tool loop in LangChain's own ways: content blocks, event streams, checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, ToolMessage

from kimi_emulator import Emulator, Reply, ToolCall
from langchain_kimi import ChatKimi

MODELS = ["kimi-k3", "kimi-k2.6"]
HOW = ["plain", "streamed"]


def get_weather(city: str) -> str:
    """Current weather of a city."""
    return f"{city}: 7 degrees"


def three_turns(kimi: Emulator) -> None:
    kimi.script(
        Reply(
            reasoning="Zuerst Zürich, 然后北京.",
            tool_calls=[ToolCall("get_weather", '{"city":"Zürich"}'), ToolCall("get_weather", '{ "city": "北京" }')],
        ),
        Reply(reasoning="  One more.\n", tool_calls=[ToolCall("get_weather", '{"city": "Turku"}')]),
        Reply(reasoning="Done.", content="It is 7 degrees everywhere."),
    )


def check_turns(kimi: Emulator, messages: list[BaseMessage]) -> None:
    sent = kimi.chats[-1]["messages"]
    replies = kimi.replies
    turns = [m for m in sent if m["role"] == "assistant"]
    assert len(turns) == len(replies) - 1 == 2
    for turn, reply in zip(turns, replies, strict=False):
        assert turn["reasoning_content"] == reply["reasoning_content"]
        assert [c["function"] for c in turn["tool_calls"]] == [c["function"] for c in reply["tool_calls"]]
    ids = [call["id"] for turn in turns for call in turn["tool_calls"]]
    assert [m["tool_call_id"] for m in sent if m["role"] == "tool"] == ids
    assert len(set(ids)) == 3  # the platform's own are get_weather_0, get_weather_1, get_weather_0
    assert messages[-1].text == "It is 7 degrees everywhere."
    assert kimi.report == []


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("how", HOW)
def test_tool_loop_with_content_blocks(kimi: Emulator, make: Callable[..., ChatKimi], model: str, how: str) -> None:
    three_turns(kimi)
    llm = make(model=model, output_version="v1").bind_tools([get_weather])
    messages: list[BaseMessage] = [HumanMessage("Weather?")]
    while True:
        if how == "streamed":
            chunks = list(llm.stream(messages))
            turn: Any = sum(chunks[1:], chunks[0])
        else:
            turn = llm.invoke(messages)
        messages.append(turn)
        if not turn.tool_calls:
            break
        messages += [ToolMessage(get_weather(**c["args"]), tool_call_id=c["id"]) for c in turn.tool_calls]
    check_turns(kimi, messages)


@pytest.mark.parametrize("model", MODELS)
def test_tool_loop_streamed_by_langgraph_messages_mode(
    kimi: Emulator, make: Callable[..., ChatKimi], model: str
) -> None:
    three_turns(kimi)
    agent = create_agent(make(model=model), tools=[get_weather])
    seen: list[Any] = []
    state: Any = None
    for mode, event in agent.stream({"messages": [HumanMessage("?")]}, stream_mode=["messages", "values"]):
        if mode == "messages":
            seen.append(event[0])  # type: ignore[index]
        else:
            state = event
    assert all(chat["stream"] for chat in kimi.chats)
    chunks = [m for m in seen if isinstance(m, AIMessageChunk)]
    assert "".join(m.additional_kwargs.get("reasoning_content", "") for m in chunks) == "".join(
        reply["reasoning_content"] for reply in kimi.replies
    )
    check_turns(kimi, state["messages"])


@pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")
def test_tool_loop_through_v3_events(kimi: Emulator, make: Callable[..., ChatKimi]) -> None:
    three_turns(kimi)
    llm = make().bind_tools([get_weather])
    messages: list[BaseMessage] = [HumanMessage("Weather?")]
    while True:
        turn: Any = llm.stream_events(messages, version="v3").output  # type: ignore[union-attr]
        messages.append(turn)
        if not turn.tool_calls:
            break
        messages += [ToolMessage(get_weather(**c["args"]), tool_call_id=c["id"]) for c in turn.tool_calls]
    check_turns(kimi, messages)


@pytest.mark.parametrize("model", MODELS)
def test_tool_loop_over_a_checkpoint(kimi: Emulator, make: Callable[..., ChatKimi], model: str) -> None:
    from langgraph.checkpoint.memory import InMemorySaver

    three_turns(kimi)
    saver = InMemorySaver()
    config: Any = {"configurable": {"thread_id": "1"}}
    agent = create_agent(make(model=model), tools=[get_weather], checkpointer=saver, interrupt_before=["tools"])
    state: Any = agent.invoke({"messages": [HumanMessage("Weather?")]}, config)
    while state["messages"][-1].tool_calls if isinstance(state["messages"][-1], AIMessage) else False:
        agent = create_agent(make(model=model), tools=[get_weather], checkpointer=saver, interrupt_before=["tools"])
        state = agent.invoke(None, config)  # type: ignore[arg-type]
    check_turns(kimi, state["messages"])
