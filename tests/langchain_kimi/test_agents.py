"""Agents among LangChain's own middleware and LangGraph's ways of stopping, handing over and going on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import (
    ClearToolUsesEdit,
    ContextEditingMiddleware,
    HumanInTheLoopMiddleware,
    ModelFallbackMiddleware,
    SummarizationMiddleware,
    TodoListMiddleware,
    ToolCallLimitMiddleware,
    ToolRetryMiddleware,
)
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import InjectedToolCallId, tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import InjectedState
from langgraph.types import Command, interrupt

from kimi_api import KimiInputError
from kimi_emulator import Emulator, Failure, Reply, ToolCall
from langchain_kimi import ChatKimi, KimiDynamicToolsMiddleware

Make = Callable[..., ChatKimi]
THREAD: Any = {"configurable": {"thread_id": "1"}}
ODD = '{ "city":"Turku" }'
"""Arguments that encoding the parsed form would not give again."""


@tool
def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"{city}: snow"


@tool
def refund(order: int) -> str:
    """Pay an order back."""
    return f"{order}: paid back"


def human_input(text: str) -> Any:
    return {"messages": [HumanMessage(text)]}


def shape(chat: dict[str, Any]) -> list[str]:
    """Roles of a request: `*` has calls, `+` has thinking, `T` brings tools."""
    marks = (("tool_calls", "*"), ("reasoning_content", "+"), ("tools", "T"))
    return [m["role"] + "".join(mark for key, mark in marks if m.get(key)) for m in chat["messages"]]


def loading(*names: str) -> ToolCall:
    return ToolCall("load_tools", {"names": list(names)})


@pytest.mark.parametrize("streamed", [False, True])
def test_calls_that_a_human_approved_go_back_as_they_came(kimi: Emulator, make: Make, streamed: bool) -> None:
    approval = HumanInTheLoopMiddleware(interrupt_on={"get_weather": True})
    agent: Any = create_agent(make(), [get_weather], middleware=[approval], checkpointer=InMemorySaver())
    calls = [ToolCall("get_weather", ODD), ToolCall("get_weather", {"city": "Oulu"})]
    kimi.script(Reply(reasoning="Look.", tool_calls=calls), Reply(content="Done."))
    for sent in (human_input("Weather?"), Command(resume={"decisions": [{"type": "approve"}, {"type": "reject"}]})):
        if streamed:
            _ = list(agent.stream(sent, THREAD, stream_mode=["messages", "updates"]))
        else:
            agent.invoke(sent, THREAD)
    turn, *results = kimi.chats[-1]["messages"][1:]
    assert turn["reasoning_content"] == "Look."
    assert [call["function"]["arguments"] for call in turn["tool_calls"]] == [ODD, '{"city":"Oulu"}']
    assert {r["tool_call_id"] for r in results} == {call["id"] for call in turn["tool_calls"]}
    assert agent.get_state(THREAD).values["messages"][-1].text == "Done."


def test_a_tool_that_asks_a_human_goes_on_beside_another(kimi: Emulator, make: Make) -> None:
    @tool
    def ask(question: str) -> str:
        """Ask the user."""
        return interrupt(question)

    agent: Any = create_agent(make(), [ask, get_weather], checkpointer=InMemorySaver())
    kimi.script(
        Reply(tool_calls=[ToolCall("ask", {"question": "Sure?"}), ToolCall("get_weather", ODD)]), Reply(content="Done.")
    )
    _ = list(agent.stream(human_input("x"), THREAD, stream_mode="messages"))
    state = agent.invoke(Command(resume="Yes."), THREAD)
    assert [m.text for m in state["messages"][2:]] == ["Yes.", "Turku: snow", "Done."]
    assert shape(kimi.chats[-1]) == ["user", "assistant*+", "tool", "tool"]


def test_an_agent_hands_over_to_one_with_another_model(kimi: Emulator, make: Make) -> None:
    @tool
    def to_clerk(
        tool_call_id: Annotated[str, InjectedToolCallId], state: Annotated[dict[str, Any], InjectedState]
    ) -> Command[Any]:
        """Hand over to the clerk."""
        done = ToolMessage("Handed over.", tool_call_id=tool_call_id, name="to_clerk")
        return Command(goto="clerk", graph=Command.PARENT, update={"messages": [*state["messages"], done]})

    front = create_agent(make(), [to_clerk], name="front")
    clerk = create_agent(make(model="kimi-k2.6"), [get_weather], name="clerk")
    built: Any = StateGraph(MessagesState)
    built.add_node("front", front, destinations=("clerk",))
    built.add_node("clerk", clerk)
    built.add_edge(START, "front")
    graph = built.compile(checkpointer=InMemorySaver())
    kimi.script(
        Reply(reasoning="Not mine.", tool_calls=[ToolCall("to_clerk", {})]),
        Reply(reasoning="Mine.", tool_calls=[ToolCall("get_weather", ODD)]),
        Reply(content="Snow."),
        Reply(content="You are welcome."),
    )
    _ = list(graph.stream(human_input("Weather?"), THREAD, stream_mode="messages", subgraphs=True))
    graph.invoke(human_input("Thanks."), THREAD)
    turns = [m for m in kimi.chats[-1]["messages"] if m["role"] == "assistant"]
    assert [(m["name"], m["reasoning_content"]) for m in turns[:2]] == [("front", "Not mine."), ("clerk", "Mine.")]
    assert turns[1]["tool_calls"][0]["function"]["arguments"] == ODD
    assert shape(kimi.chats[-1]) == ["user", "assistant*+", "tool", "assistant*+", "tool", "assistant+", "user"]


def test_cleared_tool_inputs_are_not_brought_back_from_what_we_keep(kimi: Emulator, make: Make) -> None:
    edit = ClearToolUsesEdit(trigger=10, keep=1, clear_tool_inputs=True)
    agent = create_agent(
        make(), [get_weather], middleware=[ContextEditingMiddleware(edits=[edit], token_count_method="model")]
    )
    odd = Reply(reasoning="Look.", tool_calls=[ToolCall("get_weather", ODD)])
    kimi.script(odd, odd, Reply(content="Done."))
    agent.invoke(human_input("Weather?"))
    first, second = (m for m in kimi.chats[-1]["messages"] if m["role"] == "assistant")
    assert first["tool_calls"][0]["function"]["arguments"] == "{}"
    assert second["tool_calls"][0]["function"]["arguments"] == ODD
    assert first["reasoning_content"] == second["reasoning_content"] == "Look."


def test_calls_beyond_a_limit_are_answered_too(kimi: Emulator, make: Make) -> None:
    agent = create_agent(make(), [get_weather], middleware=[ToolCallLimitMiddleware(run_limit=1)])
    call = ToolCall("get_weather", ODD)
    kimi.script(Reply(tool_calls=[call, call]), Reply(tool_calls=[call]), Reply(content="Done."))
    assert agent.invoke(human_input("x"))["messages"][-1].text == "Done."
    assert shape(kimi.chats[-1]) == ["user", "assistant*+", "tool", "tool", "assistant*+", "tool"]


def test_a_tool_is_tried_again_without_another_request(kimi: Emulator, make: Make) -> None:
    tries: list[str] = []

    @tool
    def flaky(city: str) -> str:
        """Answer at the third try."""
        tries.append(city)
        if len(tries) < 3:
            raise ValueError("busy")
        return "Snow."

    agent = create_agent(make(), [flaky], middleware=[ToolRetryMiddleware(max_retries=2, initial_delay=0)])
    kimi.script(Reply(tool_calls=[ToolCall("flaky", ODD)]), Reply(content="Done."))
    assert agent.invoke(human_input("x"))["messages"][-1].text == "Done."
    assert (len(tries), len(kimi.chats)) == (3, 2)


# ---------------------------------------------------------------- together with KimiDynamicToolsMiddleware


def test_a_loaded_tool_can_wait_for_approval(kimi: Emulator, make: Make) -> None:
    agent: Any = create_agent(
        make(),
        [get_weather],
        middleware=[
            HumanInTheLoopMiddleware(interrupt_on={"refund": True}),
            TodoListMiddleware(),
            KimiDynamicToolsMiddleware([refund]),
        ],
        checkpointer=InMemorySaver(),
    )
    kimi.script(
        Reply(tool_calls=[loading("refund"), ToolCall("write_todos", {"todos": []})]),
        Reply(tool_calls=[ToolCall("refund", {"order": 7})]),
        Reply(content="Done."),
    )
    state = agent.invoke(human_input("Pay 7 back."), THREAD)
    assert [one["name"] for one in state["__interrupt__"][0].value["action_requests"]] == ["refund"]
    state = agent.invoke(Command(resume={"decisions": [{"type": "approve"}]}), THREAD)
    assert [m.text for m in state["messages"][-2:]] == ["7: paid back", "Done."]
    loaded = ["system", "user", "assistant*+", "tool", "tool", "systemT"]
    assert [shape(chat) for chat in kimi.chats[1:]] == [loaded, [*loaded, "assistant*+", "tool"]]


def test_loaded_tools_outlive_a_summary(kimi: Emulator, make: Make) -> None:
    llm = make()
    summaries = SummarizationMiddleware(llm, trigger=("messages", 4), keep=("messages", 1))
    agent = create_agent(llm, [get_weather], middleware=[summaries, KimiDynamicToolsMiddleware([refund])])
    kimi.script(
        Reply(tool_calls=[loading("refund")]),
        Reply(content="Summary."),
        Reply(tool_calls=[ToolCall("refund", {"order": 7})]),
        Reply(content="Summary."),
        Reply(content="Done."),
    )
    state = agent.invoke({"messages": [HumanMessage("Hello."), HumanMessage("Pay 7 back.")]})
    assert [m.text for m in state["messages"][-2:]] == ["7: paid back", "Done."]
    answers = [shape(chat) for chat in kimi.chats if chat.get("tools")]  # the others are the summaries
    assert [roles.count("systemT") for roles in answers] == [0, 1, 1]
    assert len(kimi.chats) == 5


def test_a_fallback_in_front_gets_loaded_tools_in_the_request(kimi: Emulator, make: Make) -> None:
    agent = create_agent(
        make(max_retries=0),
        middleware=[ModelFallbackMiddleware(make(model="kimi-k2.6")), KimiDynamicToolsMiddleware([refund])],
    )
    kimi.script(
        Reply(tool_calls=[loading("refund")]),
        Failure(500),
        Reply(tool_calls=[ToolCall("refund", {"order": 7})]),
        Reply(content="Done."),
    )
    with pytest.warns(match=r"kimi-k2\.6 takes no tools in messages"):
        state = agent.invoke(human_input("Pay 7 back."))
    assert [m.text for m in state["messages"][-2:]] == ["7: paid back", "Done."]
    assert [[t["function"]["name"] for t in chat["tools"]] for chat in kimi.chats] == [
        ["load_tools"],
        ["load_tools"],
        ["load_tools", "refund"],
        ["load_tools"],
    ]


def test_a_fallback_behind_is_told_before_anything_is_sent_to_it(kimi: Emulator, make: Make) -> None:
    agent = create_agent(
        make(max_retries=0),
        middleware=[KimiDynamicToolsMiddleware([refund]), ModelFallbackMiddleware(make(model="kimi-k2.6"))],
    )
    kimi.script(Reply(tool_calls=[loading("refund")]), Failure(500))
    with pytest.raises(KimiInputError, match=r"kimi-k2\.6 takes no tools inside messages"):
        agent.invoke(human_input("Pay 7 back."))
    assert [chat["model"] for chat in kimi.chats] == ["kimi-k3", "kimi-k3"]
