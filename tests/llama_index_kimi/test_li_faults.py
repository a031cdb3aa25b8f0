"""Arguments that were cut or encoded twice: what a tool of LlamaIndex is given."""

from __future__ import annotations

from typing import Any

import pytest
from llama_index.core.llms import ChatMessage, ChatResponse

from kimi_api._warn import KimiWarning
from kimi_emulator import Emulator, Reply, ToolCall
from llama_index_kimi import Kimi

CALLS = Reply(reasoning="r", tool_calls=[ToolCall("weather", {"city": city}) for city in ("北京", "Turku")])
TOOL = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}
HI = [ChatMessage("hi")]
HOWS = ("chat", "achat", "stream_chat", "astream_chat")


async def run(llm: Kimi, how: str) -> ChatResponse:
    """The (last) response."""
    if how == "chat":
        return llm.chat(HI, tools=[TOOL])
    if how == "achat":
        return await llm.achat(HI, tools=[TOOL])
    if how == "stream_chat":
        return list(llm.stream_chat(HI, tools=[TOOL]))[-1]
    return [response async for response in await llm.astream_chat(HI, tools=[TOOL])][-1]


def calls_of(llm: Kimi, response: ChatResponse) -> list[tuple[str, dict[str, Any]]]:
    return [(call.tool_name, call.tool_kwargs) for call in llm.get_tool_calls_from_response(response)]


@pytest.mark.parametrize("how", HOWS)
async def test_no_tool_runs_with_arguments_that_were_cut(kimi: Emulator, llm: Kimi, how: str) -> None:
    kimi.script(CALLS)
    kimi.fail("calls.arguments_cut")
    response = await run(llm, how)
    with pytest.warns(KimiWarning, match="no tool is run for it; .*raise max_tokens"):
        first, second = calls_of(llm, response)
    assert first[0] == second[0] == "weather (unreadable arguments)"
    assert first[1]["unreadable_arguments"].startswith('{"city')


@pytest.mark.parametrize("how", HOWS)
async def test_arguments_encoded_twice_are_read(kimi: Emulator, llm: Kimi, how: str) -> None:
    kimi.script(CALLS)
    kimi.fail("calls.arguments_twice")
    response = await run(llm, how)
    assert calls_of(llm, response) == [("weather", {"city": "北京"}), ("weather", {"city": "Turku"})]
