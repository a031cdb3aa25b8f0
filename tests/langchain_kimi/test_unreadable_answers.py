"""Answers that LangChain cannot read: what becomes of calls and objects that were cut or encoded twice."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk
from pydantic import BaseModel

from kimi_api._warn import KimiWarning
from kimi_emulator import Emulator, Reply, ToolCall
from langchain_kimi import ChatKimi
from langchain_kimi import errors as ours

CALLS = Reply(reasoning="r", tool_calls=[ToolCall("weather", {"city": city}) for city in ("北京", "Turku")])
SCHEMA = {
    "title": "City",
    "description": "A city.",
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
}
HOWS = ("invoke", "ainvoke", "stream", "astream")
STREAMS = HOWS[2:]


def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


async def run(model: Any, how: str, messages: Any = "hi") -> AIMessage:
    if how == "invoke":
        return model.invoke(messages)
    if how == "ainvoke":
        return await model.ainvoke(messages)
    chunks: list[AIMessageChunk] = []
    if how == "stream":
        chunks.extend(model.stream(messages))
    else:
        chunks.extend([chunk async for chunk in model.astream(messages)])
    total = chunks[0]
    for chunk in chunks[1:]:
        total += chunk
    return total


@pytest.fixture
def with_tools(llm: ChatKimi) -> Any:
    return llm.bind_tools([weather])


@pytest.mark.parametrize("how", HOWS)
async def test_arguments_that_were_cut_are_invalid_calls(kimi: Emulator, with_tools: Any, how: str) -> None:
    kimi.script(CALLS)
    kimi.fail("calls.arguments_cut")
    with pytest.warns(KimiWarning, match="the token budget ended within them. Raise max_tokens") as caught:
        message = await run(with_tools, how)
    assert len(caught) == 2
    assert ("then runs with a part" in str(caught[0].message)) == (how in STREAMS)
    assert message.response_metadata["finish_reason"] == "length"
    if how not in STREAMS:  # core mends what it can in merged chunks
        assert message.tool_calls == []
        assert len(message.invalid_tool_calls) == 2


class City(BaseModel):
    """A city."""

    city: str


@pytest.mark.parametrize("how", ["invoke", "ainvoke"])
@pytest.mark.parametrize("schema", [City, SCHEMA])
async def test_json_that_ends_early_is_an_error(kimi: Emulator, llm: ChatKimi, how: str, schema: Any) -> None:
    kimi.script(Reply(content='{"city": "Turku"}'))
    kimi.fail("answer.truncated_json")
    with pytest.raises(ours.KimiStructuredOutputError, match="does not fit the schema"):
        await run(llm.with_structured_output(schema), how)
