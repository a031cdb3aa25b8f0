"""Tools of an MCP server, through llama-index-tools-mcp, in agents over the emulator."""

from __future__ import annotations

import gc
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent, ToolCallResult
from llama_index.core.base.llms.types import DocumentBlock, TextBlock
from llama_index.core.tools import FunctionTool
from scripted_kimi import NEW_CORE

from kimi_api import KimiWarning
from kimi_emulator import Emulator, Reply, ToolCall
from llama_index_kimi import Kimi, KimiChatMemoryBuffer

pytest.importorskip("llama_index.tools.mcp")
mcp_server_li = pytest.importorskip("mcp_server_li")


# mcp leaves its in-memory streams to the garbage collector, which is to find them while this module runs.
pytestmark = pytest.mark.filterwarnings("ignore:Unclosed <MemoryObject:ResourceWarning")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with mcp_server_li.serving() as url:
        yield url


async def tools_of(*server: Any, **settings: Any) -> list[FunctionTool]:
    from llama_index.tools.mcp import BasicMCPClient, McpToolSpec

    return await McpToolSpec(BasicMCPClient(*server, **settings)).to_tool_list_async()


@pytest.fixture
async def tools(address: str) -> AsyncIterator[list[FunctionTool]]:
    """All tools of the server."""
    async with httpx.AsyncClient() as client:  # the one that BasicMCPClient makes is closed by nobody
        yield await tools_of(address, http_client=client)
    gc.collect()


SCRIPT = {
    "find": {"wish": {"kind": "person", "tags": {"era": ["新", "old"]}, "period": {"first": 1900, "last": None}}},
    "archive_count": {},
    "anything": {"value": "7", "options": {"deep": {"er": [1, None]}}},
    "broken": {"city": "Oslo"},
}


def results_sent(kimi: Emulator) -> list[str]:
    """The results that went to the model."""
    return [m["content"] for m in kimi.chats[-1]["messages"] if m["role"] == "tool"]


def check_results(results: list[str]) -> None:
    matches, counted, stored, failed = results
    assert "5 records of kind person {'era': ['新', 'old']} None" in matches
    assert "42" in counted
    assert "kept '7'" in stored
    assert "no records of Oslo" in failed


@pytest.mark.parametrize("model", ["kimi-k3", "kimi-k2.6", "kimi-k2.7-code"])
@pytest.mark.parametrize("streaming", [True, False], ids=["streamed", "plain"])
async def test_an_agent_uses_every_tool_of_a_server(
    kimi: Emulator, make: Callable[..., Kimi], tools: list[FunctionTool], model: str, streaming: bool
) -> None:
    turns = [
        Reply(reasoning=f"Use {name}.", tool_calls=[ToolCall(name, arguments)]) for name, arguments in SCRIPT.items()
    ]
    kimi.script(*turns, Reply(content="Done."))
    agent = FunctionAgent(tools=list(tools), llm=make(model=model), streaming=streaming)
    handler = agent.run("Use all of them")
    called = [e.tool_name async for e in handler.stream_events() if isinstance(e, ToolCallResult)]
    assert str(await handler) == "Done."
    # By their own names, though a dot cannot go over the wire.
    assert called == ["find", "archive.count", "anything", "broken"]
    check_results(results_sent(kimi))
    sent = kimi.chats[-1]["messages"]
    assert [m["reasoning_content"] for m in sent if m.get("tool_calls")] == [turn.reasoning for turn in turns]
    assert kimi.report == []
    assert kimi.refusals == []


async def test_schemas_of_a_server_are_made_fit_for_the_platform(
    kimi: Emulator, make: Callable[..., Kimi], tools: list[FunctionTool]
) -> None:
    """The emulator applies the platform's rules to them; here is what must be left of their meaning."""
    make().chat_with_tools(tools, "x")
    find, count, *_ = (tool["function"] for tool in kimi.chats[0]["tools"])
    wish = find["parameters"]["properties"]["wish"]
    if "$ref" in wish:
        wish = find["parameters"]["$defs"][wish["$ref"].rpartition("/")[2]]
    assert wish["required"] == ["kind"]
    assert wish["properties"]["kind"]["enum"] == ["person", "place"]
    assert wish["properties"]["tags"]["additionalProperties"]["items"] == {"type": "string"}
    assert find["parameters"]["required"] == ["wish"]
    assert {"old", "new"} <= set(str(find["parameters"]["properties"]["order"]).replace("'", " ").split())
    assert count["name"] == "archive_count"
    assert kimi.report == []


async def test_the_emulators_own_model_finds_its_way_through_the_schemas(
    kimi: Emulator, make: Callable[..., Kimi], tools: list[FunctionTool]
) -> None:
    """Not scripted: whatever it fills in from the schema, the server must take."""
    llm = make()
    [find] = [tool for tool in tools if tool.metadata.name == "find"]
    response = await llm.achat_with_tools([find], "Find records of kind place.", tool_required=True)
    (call,) = llm.get_tool_calls_from_response(response)
    result = await find.acall(**call.tool_kwargs)
    assert "records of kind" in str(result)


async def test_a_server_over_stdio(kimi: Emulator, make: Callable[..., Kimi]) -> None:
    kimi.script(Reply(reasoning="Count.", tool_calls=[ToolCall("archive_count")]), Reply(content="There are 42."))
    tools = await tools_of(sys.executable, args=[mcp_server_li.__file__])
    assert str(await FunctionAgent(tools=list(tools), llm=make()).run("How many records?")) == "There are 42."
    assert "42" in results_sent(kimi)[-1]


async def test_tools_of_a_server_inside_a_workflow_of_agents(
    kimi: Emulator, make: Callable[..., Kimi], tools: list[FunctionTool]
) -> None:
    handoff = ToolCall("handoff", {"to_agent": "archivist", "reason": "records"})
    kimi.script(
        Reply(reasoning="Not mine.", tool_calls=[handoff]),
        Reply(reasoning="Count.", tool_calls=[ToolCall("archive_count")]),
        Reply(content="There are 42."),
    )
    desk = FunctionAgent(name="desk", description="Takes questions", llm=make(), can_handoff_to=["archivist"])
    archivist = FunctionAgent(name="archivist", description="Knows the records", tools=list(tools), llm=make())
    workflow = AgentWorkflow(agents=[desk, archivist], root_agent="desk")
    assert str(await workflow.run("How many records?")) == "There are 42."
    assert "42" in results_sent(kimi)[-1]


async def test_a_link_and_an_embedded_file_of_a_server_end_no_thread(kimi: Emulator, make: Callable[..., Kimi]) -> None:
    """llama-index-tools-mcp makes one text of whatever a server gives, the file's base64 included."""
    kimi.script(Reply(tool_calls=[ToolCall("deed", {"year": 1901})]), Reply(content="In 1901."), Reply(content="Bye."))
    tools = await tools_of(sys.executable, args=[mcp_server_li.__file__])
    memory = KimiChatMemoryBuffer.from_defaults(token_limit=100_000)
    agent = FunctionAgent(tools=list(tools), llm=make())
    assert str(await agent.run("When was it sold?", memory=memory)) == "In 1901."
    assert str(await agent.run("Thank you", memory=memory)) == "Bye."
    assert "https://archive.example/deed.pdf" in results_sent(kimi)[0]


@pytest.mark.skipif(not NEW_CORE, reason="this core makes text of a document that a tool gives")
async def test_what_a_server_embeds_is_read_where_a_tool_gives_it_as_a_block(
    kimi: Emulator, make: Callable[..., Kimi]
) -> None:
    from llama_index.tools.mcp import BasicMCPClient

    client = BasicMCPClient(sys.executable, args=[mcp_server_li.__file__])

    async def read_deed(year: int) -> list[Any]:
        """A deed, as blocks."""
        text, link, scan = (await client.call_tool("deed", {"year": year})).content
        return [
            TextBlock(text=text.text),
            DocumentBlock(url=str(link.uri), title=link.name, document_mimetype=link.mimeType),
            DocumentBlock(data=scan.resource.blob.encode(), document_mimetype=scan.resource.mimeType),
        ]

    kimi.script(Reply(tool_calls=[ToolCall("deed", {"year": 1901})]), Reply(content="In 1901."))
    agent = FunctionAgent(tools=[FunctionTool.from_defaults(async_fn=read_deed, name="deed")], llm=make())
    with pytest.warns(KimiWarning, match="document content of the result of a tool goes out as a short text"):
        assert str(await agent.run("When was it sold?")) == "In 1901."
    assert [part["text"] for part in kimi.chats[-1]["messages"][-1]["content"]] == [
        "One deed.",
        "[document: deed.pdf, https://archive.example/deed.pdf, application/pdf; its content is not included]",
        "[document document.pdf]\nSold in 1901.\n[end of document.pdf]",
    ]
    assert kimi.files == {}
    assert kimi.report == kimi.refusals == []
