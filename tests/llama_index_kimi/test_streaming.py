"""Streams: what each response holds while an answer grows."""

from __future__ import annotations

import time
from typing import Any

import pytest
from llama_index.core.base.llms.types import TextBlock, ThinkingBlock, ToolCallBlock
from llama_index.core.llms import ChatMessage, ChatResponse

from kimi_api.reply import ReplyBuilder
from kimi_emulator import Emulator, Reply, ToolCall
from llama_index_kimi import Kimi
from llama_index_kimi._streaming import Accumulator

HI = [ChatMessage("hi")]
TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}
    for name in ("f", "g")
]


def piece(index: int, arguments: str, **first: Any) -> dict[str, Any]:
    name = first.pop("name", None)
    function = {"arguments": arguments, **({"name": name} if name else {})}
    return {"index": index, "function": function, **first}


def grow(events: list[dict[str, Any]], **settings: Any) -> list[ChatResponse]:
    """Responses for deltas that come as given, without a server."""
    builder = ReplyBuilder()
    accumulator = Accumulator(builder, **settings)
    responses = []
    for delta in events:
        added = builder.feed({"id": "c1", "model": "m", "choices": [{"index": 0, "delta": delta}]})
        if added is not None:
            responses.append(accumulator.add(added))
    builder.feed({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    return [*responses, accumulator.last(builder.finish())]


def arguments_of(response: ChatResponse) -> list[str]:
    return [block.tool_kwargs for block in response.message.blocks if isinstance(block, ToolCallBlock)]  # type: ignore[misc]


async def every(llm: Kimi, how: str, **options: Any) -> list[ChatResponse]:
    if how == "sync":
        return list(llm.stream_chat(HI, **options))
    return [response async for response in await llm.astream_chat(HI, **options)]


@pytest.mark.parametrize("how", ["sync", "async"])
async def test_each_response_holds_everything_so_far(kimi: Emulator, llm: Kimi, how: str) -> None:
    kimi.script(Reply(content="Well hello there", reasoning="Greet them warmly"))
    responses = await every(llm, how)
    thought = content = ""
    for response in responses[:-1]:
        thought += response.additional_kwargs.get("thinking_delta", "")
        content += response.delta or ""
        by_kind = {type(block): block for block in response.message.blocks}
        assert by_kind[ThinkingBlock].content == thought  # type: ignore[union-attr]
        assert (response.message.content or "") == content
        assert "thinking_delta" not in response.message.additional_kwargs
    assert (thought, content) == ("Greet them warmly", "Well hello there")
    last = responses[-1]
    assert last.delta == ""
    assert [type(block) for block in last.message.blocks] == [ThinkingBlock, TextBlock]
    assert last.raw["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("how", ["sync", "async"])
async def test_thinking_in_a_first_chunk_with_null_content_is_kept(kimi: Emulator, llm: Kimi, how: str) -> None:
    pieces = [{"content": None, "reasoning_content": "FIRST "}, {"reasoning_content": "second"}, {"content": "a"}]
    kimi.script(Reply(content="a", reasoning="FIRST second", pieces=pieces))
    last = (await every(llm, how))[-1]
    assert last.message.blocks[0].content == "FIRST second"  # type: ignore[union-attr]


@pytest.mark.parametrize("how", ["sync", "async"])
async def test_arguments_grow_as_text_in_blocks_and_dicts(kimi: Emulator, llm: Kimi, how: str) -> None:
    cut = [piece(0, "", id="f_0", name="f"), piece(0, '{"a'), piece(0, '":'), piece(0, "1}")]
    kimi.script(Reply(tool_calls=[ToolCall("f", {"a": 1})], pieces=[{"tool_calls": [p]} for p in cut]))
    responses = await every(llm, how, tools=TOOLS)
    growing = [arguments_of(response)[0] for response in responses if arguments_of(response)]
    assert growing[:4] == ["", '{"a', '{"a":', '{"a":1}']
    for response in responses:
        stored = [call["function"]["arguments"] for call in response.message.additional_kwargs.get("tool_calls", [])]
        assert stored == arguments_of(response)


def test_several_calls_in_one_chunk_stay_whole() -> None:
    both = [piece(0, '{"a":1}', id="f_0", name="f"), piece(1, '{"b":2}', id="g_1", name="g")]
    responses = grow([{"tool_calls": both}])
    for response in responses:
        assert arguments_of(response) == ['{"a":1}', '{"b":2}']
        assert len({b.tool_call_id for b in response.message.blocks}) == 2  # type: ignore[union-attr]


def test_interleaved_calls_stay_whole() -> None:
    events = [
        {"tool_calls": [piece(0, '{"a"', id="f_0", name="f")]},
        {"tool_calls": [piece(1, '{"b"', id="g_1", name="g")]},
        {"tool_calls": [piece(0, ":1}")]},
        {"tool_calls": [piece(1, ":2}")]},
    ]
    responses = grow(events)
    assert arguments_of(responses[-2]) == arguments_of(responses[-1]) == ['{"a":1}', '{"b":2}']
    assert arguments_of(responses[2]) == ['{"a":1}', '{"b"']


def test_responses_given_out_before_do_not_change() -> None:
    responses = grow(
        [
            {"reasoning_content": "r"},
            {"content": "a"},
            {"content": "b"},
            {"tool_calls": [piece(0, "{", id="f_0", name="f")]},
            {"tool_calls": [piece(0, "}")]},
        ]
    )
    assert [r.message.content for r in responses[:3]] == [None, "a", "ab"]
    assert arguments_of(responses[3]) == ["{"]
    assert responses[3].message.additional_kwargs["tool_calls"][0]["function"]["arguments"] == "{"


def test_cost_per_chunk_does_not_grow_with_the_stream() -> None:
    def seconds(count: int) -> float:
        events = [{"tool_calls": [piece(0, '{"a": "', id="f_0", name="f")]}]
        events += [{"tool_calls": [piece(0, "abcd")]} for _ in range(count)]
        best = float("inf")
        for _ in range(3):
            start = time.thread_time()
            grow(events)
            best = min(best, time.thread_time() - start)
        return best / count

    seconds(50)
    assert seconds(4000) < 3 * seconds(500)
