"""Runs that end in the middle: the platform sees the connection close, and the thread that was stored goes on."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from itertools import pairwise
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import BaseModel

from kimi_api import KimiInputError
from kimi_api.messages import CANCELLED
from kimi_emulator import Emulator, Fault, Reply, ToolCall
from kimi_emulator.faults.wire import place
from kimi_emulator.http import transport
from kimi_emulator.script import Wire
from langchain_kimi import ChatKimi, KimiLLM

Make = Callable[..., ChatKimi]
WHERE = pytest.mark.parametrize("where", ["thinking", "answer", "arguments"])
THREAD: Any = {"configurable": {"thread_id": "1"}}


def question(text: str) -> Any:
    return {"messages": [HumanMessage(text)]}


def silent_in(where: str) -> Reply:
    """An answer that falls silent in the middle of its thinking, its text or its calls' arguments."""

    def wire(events: list[bytes]) -> Wire:
        there = [n for n, event in enumerate(events) if place(event) == where]
        return Wire(events[: there[len(there) // 2] + 1], "stall")

    call = ToolCall("get_weather", {"city": "a city with a rather long name, " * 5})
    return Reply(
        reasoning="A thought. " * 10,
        content="A word. " * 10,
        tool_calls=[call] if where == "arguments" else [],
        fault=Fault("test.silent", "Silent in the middle.", "here", wire=wire),
    )


def has_reached(where: str, chunk: Any) -> bool:
    if not isinstance(chunk, AIMessageChunk):
        return False
    if where == "thinking":
        return bool(chunk.additional_kwargs.get("reasoning_content"))
    return bool(chunk.tool_call_chunks if where == "arguments" else chunk.content)


@pytest.fixture
def left(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set when the emulator sees that a client has closed the connection of an unfinished answer."""
    seen = threading.Event()
    disconnected = transport.wait_for_disconnect

    async def note_receive(receive: Any) -> None:
        await disconnected(receive)
        seen.set()

    monkeypatch.setattr(transport, "wait_for_disconnect", note_receive)
    monkeypatch.setattr("kimi_emulator.http.delivery.wait_for_disconnect", note_receive)
    return seen


async def was_left(left: threading.Event) -> bool:
    return await asyncio.to_thread(left.wait, 5)


@pytest.fixture(autouse=True)
def _nothing_forbidden(kimi: Emulator) -> Iterator[None]:
    yield
    assert kimi.report == []
    assert kimi.refusals == []


async def cancelled_at(chunks: AsyncIterator[Any], enough: Callable[[Any], bool]) -> None:
    """Read in a task of its own, which is cancelled when enough was read."""
    there = asyncio.Event()

    async def read() -> None:
        async for chunk in chunks:
            if enough(chunk):
                there.set()

    task = asyncio.create_task(read())
    await asyncio.wait_for(there.wait(), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def wait_for_request(kimi: Emulator) -> None:
    deadline = time.monotonic() + 10
    while not kimi.chats and time.monotonic() < deadline:
        time.sleep(0.01)


async def read_all(chunks: AsyncIterator[Any]) -> None:
    async for _ in chunks:
        pass


# ------------------------------------------------------------------------------------------- the model by itself


@WHERE
@pytest.mark.parametrize("how", ["closed", "aclosed", "cancelled", "timed out"])
async def test_a_stream_that_is_left_closes_its_connection(
    kimi: Emulator, llm: ChatKimi, left: threading.Event, where: str, how: str
) -> None:
    kimi.script(silent_in(where))
    bound = llm.bind_tools([get_weather])
    if how == "closed":
        stream: Any = bound.stream("?")
        assert next(chunk for chunk in stream if has_reached(where, chunk))
        stream.close()
    elif how == "aclosed":
        async with aclosing(bound.astream("?")) as chunks:  # type: ignore[type-var]
            async for chunk in chunks:
                if has_reached(where, chunk):
                    break
    elif how == "cancelled":
        await cancelled_at(bound.astream("?"), lambda chunk: has_reached(where, chunk))
    else:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(read_all(bound.astream("?")), 0.5)
    assert await was_left(left)
    assert (await llm.ainvoke("Still there?")).text


@pytest.mark.parametrize("streaming", [False, True])
async def test_a_cancelled_call_closes_its_connection(
    kimi: Emulator, make: Make, left: threading.Event, streaming: bool
) -> None:
    kimi.fail("stall.before_headers")
    task = asyncio.create_task(make(streaming=streaming).ainvoke("?"))
    await asyncio.to_thread(wait_for_request, kimi)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await was_left(left)
    assert len(kimi.chats) == 1  # a cancelled call is not sent again


class City(BaseModel):
    name: str


async def test_objects_and_texts_that_are_left_close_their_connections(
    kimi: Emulator, make: Make, left: threading.Event
) -> None:
    # Asynchronously: core reads a chain that is closed synchronously to the end of the answer, for its trace.
    kimi.script(Reply(content='{"name": "Turku and many more", "x": 1}', fault=silent_in("answer").fault))
    chain = make().with_structured_output(City.model_json_schema())
    await cancelled_at(chain.astream("?"), lambda value: value is not None)
    assert await was_left(left)
    left.clear()
    kimi.script(silent_in("answer"))
    pieces: Any = KimiLLM(chat=make()).stream("?")
    assert next(pieces)
    pieces.close()
    assert await was_left(left)
    left.clear()
    kimi.script(silent_in("answer"))
    await cancelled_at(KimiLLM(chat=make()).astream("?"), bool)
    assert await was_left(left)


# ------------------------------------------------------------------------------------------- agents with a checkpointer


def get_weather(city: str) -> str:
    """Current weather of a city."""
    return f"{city}: 7 degrees"


@WHERE
@pytest.mark.parametrize("how", ["aclosed", "cancelled"])
@pytest.mark.parametrize("later", [False, True], ids=["first turn", "second turn"])
async def test_an_agent_that_is_cancelled_leaves_a_thread_that_goes_on(
    kimi: Emulator, make: Make, left: threading.Event, where: str, how: str, later: bool
) -> None:
    agent: Any = create_agent(make(), [get_weather], checkpointer=InMemorySaver())
    if later:
        kimi.script(Reply(tool_calls=[ToolCall("get_weather", {"city": "Turku"})]), Reply(content="7 degrees."))
        await agent.ainvoke(question("Turku?"), THREAD)
    before = agent.get_state(THREAD).values.get("messages", [])
    kimi.script(silent_in(where))
    events = agent.astream(question("And then?"), THREAD, stream_mode="messages")
    if how == "aclosed":
        async with aclosing(events):
            async for chunk, _ in events:
                if has_reached(where, chunk):
                    break
    else:
        await cancelled_at(events, lambda event: has_reached(where, event[0]))
    assert await was_left(left)
    stored = agent.get_state(THREAD).values["messages"]
    assert [m.text for m in stored] == [*(m.text for m in before), "And then?"]  # half an answer is no turn

    kimi.script(Reply(tool_calls=[ToolCall("get_weather", {"city": "Oulu"})]), Reply(content="Done."))
    state = await agent.ainvoke(question("Go on."), THREAD)
    assert state["messages"][-1].text == "Done."
    assert state["messages"][-2].text == "Oulu: 7 degrees"


@WHERE
def test_a_sync_agent_that_is_closed_ends_with_its_request_and_goes_on(
    kimi: Emulator, make: Make, left: threading.Event, where: str
) -> None:
    """LangGraph waits for the thread that the model is called in, and that one for its next byte or its time-out."""
    agent: Any = create_agent(make(timeout=0.3, max_retries=0), [get_weather], checkpointer=InMemorySaver())
    kimi.script(silent_in(where))
    events = agent.stream(question("Hello"), THREAD, stream_mode="messages")
    assert next(chunk for chunk, _ in events if has_reached(where, chunk))
    events.close()
    assert left.wait(5)
    assert [m.text for m in agent.get_state(THREAD).values["messages"]] == ["Hello"]
    kimi.script(Reply(content="Done."))
    assert agent.invoke(question("Go on."), THREAD)["messages"][-1].text == "Done."


class _Slow:
    """A tool that does not come back for one city."""

    def __init__(self) -> None:
        self.runs = 0
        self.started = asyncio.Event()
        self.rested = False

    async def weather(self, city: str) -> str:
        """Current weather of a city."""
        self.runs += 1
        if city == "Oulu" and not self.rested:
            self.started.set()
            await asyncio.sleep(60)
        return f"{city}: 7 degrees"


async def cancel_between(kimi: Emulator, agent: Any, tool: _Slow, *cities: str) -> list[str]:
    """A thread cancelled between calls and results; the ids of its calls."""
    kimi.script(Reply(reasoning="Ask.", tool_calls=[ToolCall("weather", {"city": city}) for city in cities]))
    task = asyncio.create_task(agent.ainvoke(question("Weather?"), THREAD))
    await asyncio.wait_for(tool.started.wait(), 10)
    await asyncio.sleep(0.1)  # for the other call's result to be stored
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    tool.rested = True
    turn = next(m for m in agent.get_state(THREAD).values["messages"] if isinstance(m, AIMessage))
    return [str(call["id"]) for call in turn.tool_calls]


@pytest.mark.filterwarnings("ignore:.*cancelled:kimi_api.KimiWarning")
@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("model", ["kimi-k3", "kimi-k2.6"])
async def test_between_call_and_result_the_error_names_calls_and_remedy(
    kimi: Emulator, make: Make, model: str, streaming: bool
) -> None:
    tool, saver = _Slow(), InMemorySaver()
    agent: Any = create_agent(make(model=model, streaming=streaming), [tool.weather], checkpointer=saver)
    (call_id,) = await cancel_between(kimi, agent, tool, "Oulu")
    sent = len(kimi.chats)
    with pytest.raises(KimiInputError) as caught:
        await agent.ainvoke(question("Never mind. What is 1 + 1?"), THREAD)
    for word in (f"weather ({call_id})", "every tool call needs", 'repair="full"'):
        assert word in str(caught.value)
    assert len(kimi.chats) == sent

    # The same thread, its questions included, with the remedy.
    agent = create_agent(make(model=model, streaming=streaming, repair="full"), [tool.weather], checkpointer=saver)
    kimi.script(Reply(content="2"))
    state = await agent.ainvoke(question("1 + 1?"), THREAD)
    assert state["messages"][-1].text == "2"
    wire = kimi.chats[-1]["messages"]
    assert [m["role"] for m in wire] == ["user", "assistant", "tool", "user", "user"]
    assert (wire[2]["tool_call_id"], wire[2]["content"]) == (call_id, CANCELLED)
    assert wire[1]["reasoning_content"] == "Ask."
    assert tool.runs == 1


@pytest.mark.filterwarnings("ignore:.*cancelled:kimi_api.KimiWarning")
async def test_every_call_of_a_turn_is_answered_when_one_was_cancelled(kimi: Emulator, make: Make) -> None:
    tool = _Slow()
    agent: Any = create_agent(make(repair="full"), [tool.weather], checkpointer=InMemorySaver())
    ids = await cancel_between(kimi, agent, tool, "Oulu", "Turku")
    kimi.script(Reply(content="Fine."))
    await agent.ainvoke(question("Never mind."), THREAD)
    results = {m["tool_call_id"]: m["content"] for m in kimi.chats[-1]["messages"] if m["role"] == "tool"}
    # What becomes of the other call's result is LangGraph's affair: a new question makes 1.2 forget it.
    assert results.keys() == set(ids)
    assert results[ids[0]] == CANCELLED
    assert [m["role"] for m in kimi.chats[-1]["messages"]] == ["user", "assistant", "tool", "tool", "user"]


async def test_a_thread_that_is_resumed_runs_the_call_and_needs_no_remedy(kimi: Emulator, make: Make) -> None:
    tool = _Slow()
    agent: Any = create_agent(make(), [tool.weather], checkpointer=InMemorySaver())
    await cancel_between(kimi, agent, tool, "Oulu", "Turku")
    kimi.script(Reply(content="7 degrees."))
    state = await agent.ainvoke(None, THREAD)
    assert state["messages"][-1].text == "7 degrees."
    results = [m["content"] for m in kimi.chats[-1]["messages"][-2:]]
    assert results == ["Oulu: 7 degrees", "Turku: 7 degrees"]
    assert tool.runs == 3  # the call that had come back is not made again


@pytest.mark.parametrize("repair", ["safe", "full"])
@pytest.mark.filterwarnings("ignore:.*cancelled:kimi_api.KimiWarning")
async def test_a_thread_that_went_on_after_a_repair_keeps_working(kimi: Emulator, make: Make, repair: Any) -> None:
    """The made-up result is not stored, so the same prefix is made of the thread in every later turn."""
    tool, saver = _Slow(), InMemorySaver()
    agent: Any = create_agent(make(repair="full"), [tool.weather], checkpointer=saver)
    await cancel_between(kimi, agent, tool, "Oulu")
    for n in range(2):
        kimi.script(Reply(tool_calls=[ToolCall("weather", {"city": "Turku"})]), Reply(content="Fine."))
        await agent.ainvoke(question(f"Number {n}"), THREAD)
    for earlier, later in pairwise(kimi.chats[1:]):
        assert later["messages"][: len(earlier["messages"])] == earlier["messages"]
    if repair == "safe":
        agent = create_agent(make(), [tool.weather], checkpointer=saver)
        with pytest.raises(KimiInputError, match="every tool call"):
            await agent.ainvoke(question("Without it"), THREAD)
