"""Tools of an MCP server, through LangChain's own adapter: their schemas, their results, their failures."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import mcp_server
import pytest
import uvicorn
from langchain.agents import create_agent
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import BaseTool
from langchain_mcp_adapters.client import MultiServerMCPClient
from langchain_mcp_adapters.tools import load_mcp_tools
from langgraph.checkpoint.memory import InMemorySaver

from kimi_emulator import Emulator, Reply, ToolCall
from langchain_kimi import ChatKimi, KimiDynamicToolsMiddleware

Make = Callable[..., ChatKimi]
MODELS = pytest.mark.parametrize("model", ["kimi-k3", "kimi-k2.6", "kimi-k2.7-code"])
STREAMED = pytest.mark.parametrize("streaming", [False, True], ids=["plain", "streamed"])
BOOKING = {
    "arrival": "2026-12-24",
    "room": {"kind": "double", "beds": [{"width": 1.4}, {"width": 0.9}], "adjoining": []},
    "nights": 3,
    "pay_by": "arrival",
}


@pytest.fixture(scope="module")
def hotel() -> Iterator[str]:
    """The server's address. In a thread, since a process of its own takes seconds to start."""
    app = mcp_server.server.streamable_http_app()
    served = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=served.run, daemon=True)
    thread.start()
    while not served.started:
        assert thread.is_alive()
        time.sleep(0.01)
    port = served.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}/mcp"
    served.should_exit = served.force_exit = True
    thread.join(10)


@asynccontextmanager
async def mcp_tools(url: str | None = None) -> AsyncIterator[dict[str, BaseTool]]:
    """Tools of the server at `url`, or of one in a process of its own, spoken to over its standard input and output."""
    over: Any = {"transport": "streamable_http", "url": url}
    if url is None:
        over = {"transport": "stdio", "command": sys.executable, "args": [str(Path(mcp_server.__file__))]}
    async with MultiServerMCPClient({"hotel": over}).session("hotel") as session:
        yield {tool.name: tool for tool in await load_mcp_tools(session)}


@pytest.fixture(autouse=True)
def _nothing_forbidden(kimi: Emulator) -> Iterator[None]:
    yield
    assert kimi.report == []
    assert kimi.refusals == []


@MODELS
@STREAMED
async def test_an_agent_calls_a_tool_with_an_awkward_schema(
    kimi: Emulator, make: Make, hotel: str, model: str, streaming: bool
) -> None:
    kimi.script(
        Reply(reasoning="Book it.", tool_calls=[ToolCall("book_room", BOOKING)]), Reply(content="It is booked.")
    )
    async with mcp_tools(hotel) as tools:
        agent: Any = create_agent(make(model=model, streaming=streaming), list(tools.values()))
        state = await agent.ainvoke({"messages": [HumanMessage("A double for Christmas, please.")]})
    assert state["messages"][-1].text == "It is booked."
    result = kimi.chats[-1]["messages"][-1]
    words = "booked a double from 2026-12-24 for 3 nights, 2 beds, pay arrival"
    assert result["content"] in (words, [{"type": "text", "text": words}])
    assert kimi.chats[-1]["messages"][1]["reasoning_content"] == "Book it."


async def test_the_schema_goes_out_in_moonshots_dialect_and_keeps_its_meaning(
    kimi: Emulator, make: Make, hotel: str
) -> None:
    async with mcp_tools(hotel) as tools:
        schema: Any = tools["book_room"].args_schema
        make().bind_tools(list(tools.values())).invoke("Hello")
    (sent,) = (t["function"] for t in kimi.chats[0]["tools"] if t["function"]["name"] == "book_room")
    assert "$defs" in schema  # else the test would show nothing
    assert schema["properties"]["nights"]["exclusiveMinimum"] == 0
    properties = sent["parameters"]["properties"]
    assert set(properties) == set(schema["properties"])
    assert sent["parameters"]["required"] == ["arrival", "room", "nights"]
    assert (properties["nights"]["minimum"], properties["nights"]["maximum"]) == (1, 30)
    assert properties["arrival"]["type"] == "string"
    assert "date" in str(properties["arrival"])
    assert "anyOf" in properties["pay_by"]
    assert "type" not in properties["pay_by"]
    room = sent["parameters"]["$defs"]["Room"]["properties"]
    assert room["adjoining"]["items"] == {"$ref": "#/$defs/Room"}  # core's converter would leave {} of a recursion
    assert "greater than 0.5" in room["beds"]["items"]["properties"]["width"]["description"]
    assert "exclusiveM" not in str(sent)


@pytest.mark.parametrize("model", ["kimi-k3", "kimi-k2.6"])
@STREAMED
async def test_a_result_of_words_and_a_picture_reaches_the_model(
    kimi: Emulator, make: Make, hotel: str, model: str, streaming: bool
) -> None:
    kimi.script(Reply(tool_calls=[ToolCall("floor_plan", {"floor": 2})]), Reply(content="Three rooms."))
    async with mcp_tools(hotel) as tools:
        agent: Any = create_agent(make(model=model, streaming=streaming), list(tools.values()))
        await agent.ainvoke({"messages": [HumanMessage("Show me floor 2.")]})
    assert kimi.chats[-1]["messages"][-1]["content"] == [
        {"type": "text", "text": "Floor 2 has three rooms."},
        {"type": "image_url", "image_url": {"url": mcp_server.PICTURE}},
    ]


@MODELS
async def test_a_failure_of_the_server_is_told_to_the_model(kimi: Emulator, make: Make, hotel: str, model: str) -> None:
    kimi.script(Reply(tool_calls=[ToolCall("cancel_booking", {"number": "A7"})]), Reply(content="I cannot."))
    async with mcp_tools(hotel) as tools:
        agent: Any = create_agent(make(model=model), list(tools.values()))
        state = await agent.ainvoke({"messages": [HumanMessage("Cancel A7")]})
    failed = next(m for m in state["messages"] if isinstance(m, ToolMessage))
    assert failed.status == "error"
    assert "there is no booking A7" in str(kimi.chats[-1]["messages"][-1]["content"])
    assert state["messages"][-1].text == "I cannot."


async def test_a_server_on_standard_input_and_output(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(tool_calls=[ToolCall("book_room", BOOKING)]), Reply(content="Done."))
    async with mcp_tools() as tools:
        agent: Any = create_agent(make(), list(tools.values()))
        state = await agent.ainvoke({"messages": [HumanMessage("Go")]})
    assert "booked a double" in state["messages"][-2].text


async def test_two_tools_of_a_server_in_one_turn(kimi: Emulator, make: Make, hotel: str) -> None:
    kimi.script(
        Reply(tool_calls=[ToolCall("floor_plan", {"floor": 1}), ToolCall("book_room", BOOKING)]),
        Reply(content="Done."),
    )
    async with mcp_tools(hotel) as tools:
        agent: Any = create_agent(make(), list(tools.values()))
        await agent.ainvoke({"messages": [HumanMessage("Go")]})
    _, first, second = kimi.chats[-1]["messages"][1:]
    assert first["content"][1]["type"] == "image_url"
    assert "booked" in str(second["content"])


async def test_tools_of_a_server_can_be_loaded_while_the_agent_works(kimi: Emulator, make: Make, hotel: str) -> None:
    kimi.script(
        Reply(tool_calls=[ToolCall("load_tools", {"query": "book a room in a hotel"})]),
        Reply(tool_calls=[ToolCall("book_room", BOOKING)]),
        Reply(content="It is booked."),
    )
    async with mcp_tools(hotel) as tools:
        agent: Any = create_agent(make(), middleware=[KimiDynamicToolsMiddleware(list(tools.values()))])
        state = await agent.ainvoke({"messages": [HumanMessage("A double for Christmas, please.")]})
    assert [t["function"]["name"] for t in kimi.chats[-1]["tools"]] == ["load_tools"]
    assert "booked a double" in state["messages"][-2].text


@pytest.mark.filterwarnings("ignore:document content of the result of a tool:kimi_api._warn.KimiWarning")
@pytest.mark.filterwarnings("ignore:image content of the result of a tool:kimi_api._warn.KimiWarning")
@pytest.mark.parametrize("over", ["stdio", "http"])
@MODELS
async def test_links_and_embedded_files_of_a_server_end_no_thread(
    kimi: Emulator, make: Make, hotel: str, model: str, over: str
) -> None:
    kimi.script(
        Reply(tool_calls=[ToolCall("brochure", {"season": "winter"})]),
        Reply(content="Breakfast is at seven."),
        Reply(content="You are welcome."),
    )
    async with mcp_tools(hotel if over == "http" else None) as tools:
        agent: Any = create_agent(make(model=model), list(tools.values()), checkpointer=InMemorySaver())
        thread: Any = {"configurable": {"thread_id": "t"}}
        await agent.ainvoke({"messages": [HumanMessage("When is breakfast?")]}, thread)
        state = await agent.ainvoke({"messages": [HumanMessage("Thank you.")]}, thread)
    assert state["messages"][-1].text == "You are welcome."
    first, second = kimi.chats[-2]["messages"], kimi.chats[-1]["messages"]
    assert second[: len(first)] == first  # the cached prefix
    assert [part["text"] for part in first[-1]["content"]] == [
        "For the winter:",
        "[document: menu.pdf, https://hotel.example/menu.pdf, application/pdf; its content is not included]",
        "[image: https://hotel.example/pool.png, image/png; its content is not included]",
        "[document: terms, https://hotel.example/terms; its content is not included]",
        "single,90",
        f"[document document.pdf]\n{mcp_server.BROCHURE}\n[end of document.pdf]",
        "[document: application/zip; its content is not included]",
    ]
    assert kimi.files == {}
    assert sum(request.path == "/v1/files" and request.method == "POST" for request in kimi.requests) == 1
