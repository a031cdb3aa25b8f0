"""Streams: what each response holds while an answer grows."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from llama_index.core.base.llms.types import TextBlock, ThinkingBlock, ToolCallBlock
from llama_index.core.llms import ChatMessage, ChatResponse

from kimi_api._warn import KimiWarning
from kimi_api.errors import KimiAPIError, KimiIncompleteReplyError
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


def grown(events: list[dict[str, Any]], **settings: Any) -> list[ChatResponse]:
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


async def every(llm: Kimi, how: str, **given: Any) -> list[ChatResponse]:
    if how == "sync":
        return list(llm.stream_chat(HI, **given))
    return [response async for response in await llm.astream_chat(HI, **given)]


@pytest.mark.parametrize("how", ["sync", "async"])
async def test_each_response_holds_everything_so_far(kimi: Emulator, llm: Kimi, how: str) -> None:
    kimi.script(Reply(content="Well hello there", reasoning="Greet them warmly"))
    responses = await every(llm, how)
    thought = said = ""
    for response in responses[:-1]:
        thought += response.additional_kwargs.get("thinking_delta", "")
        said += response.delta or ""
        by_kind = {type(block): block for block in response.message.blocks}
        assert by_kind[ThinkingBlock].content == thought  # type: ignore[union-attr]
        assert (response.message.content or "") == said
        assert "thinking_delta" not in response.message.additional_kwargs
    assert (thought, said) == ("Greet them warmly", "Well hello there")
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
    responses = grown([{"tool_calls": both}])
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
    responses = grown(events)
    assert arguments_of(responses[-2]) == arguments_of(responses[-1]) == ['{"a":1}', '{"b":2}']
    assert arguments_of(responses[2]) == ['{"a":1}', '{"b"']


def test_responses_given_out_before_do_not_change() -> None:
    responses = grown(
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


@pytest.mark.parametrize("how", ["sync", "async"])
async def test_only_the_first_call_is_shown_where_only_one_is_allowed(kimi: Emulator, llm: Kimi, how: str) -> None:
    kimi.script(Reply(tool_calls=[ToolCall("f", {"a": 1}), ToolCall("g", {"b": 2})]))
    with pytest.warns(KimiWarning, match="dropped g"):
        responses = await every(llm, how, tools=TOOLS, parallel_tool_calls=False)
    assert {len(arguments_of(response)) for response in responses} <= {0, 1}
    assert arguments_of(responses[-1]) == ['{"a":1}']


def test_a_prefix_stands_in_front_also_when_nothing_follows() -> None:
    assert [r.delta for r in grown([{"content": "b"}, {"content": "c"}], prefix="a")] == ["ab", "c", ""]
    assert [r.delta for r in grown([], prefix="a")] == ["a"]


class Broken:
    """A client whose stream counts how it is closed."""

    def __init__(self, events: int = 1000) -> None:
        self.events = events
        self.given = 0
        self.closed = False

    def _event(self) -> dict[str, Any]:
        self.given += 1
        return {"id": "c", "choices": [{"index": 0, "delta": {"content": "x"}}]}

    def stream(self, *args: Any, **kwargs: Any) -> Iterator[dict[str, Any]]:
        try:
            for _ in range(self.events):
                yield self._event()
        finally:
            self.closed = True

    async def astream(self, *args: Any, **kwargs: Any) -> AsyncIterator[dict[str, Any]]:
        try:
            for _ in range(self.events):
                yield self._event()
        finally:
            self.closed = True


def lend(llm: Kimi, client: Broken) -> Broken:
    """Put `client` in the place of the one that `llm` has made."""
    assert llm._connection is not None
    llm._connection = llm._connection[0], client  # type: ignore[assignment]
    return client


def test_an_abandoned_stream_is_closed(llm: Kimi) -> None:
    client = lend(llm, Broken())
    stream = llm.stream_chat(HI)
    next(stream)
    stream.close()
    del stream
    gc.collect()
    assert client.closed
    assert client.given == 1


async def test_an_abandoned_asynchronous_stream_is_closed(llm: Kimi) -> None:
    client = lend(llm, Broken())
    stream = await llm.astream_chat(HI)
    await anext(stream)
    await stream.aclose()
    del stream
    gc.collect()
    await asyncio.sleep(0.01)
    assert client.closed
    assert client.given == 1


def test_a_stream_that_ends_early_raises(llm: Kimi) -> None:
    lend(llm, Broken(3))
    with pytest.raises(KimiIncompleteReplyError, match="finish_reason"):
        list(llm.stream_chat(HI))


def test_an_error_inside_a_stream_raises_after_what_came(kimi: Emulator, llm: Kimi) -> None:
    with pytest.raises(KimiAPIError):
        list(llm.stream_chat(HI, model="kimi-k2.5", max_retries=0))


def test_cost_per_chunk_does_not_grow_with_the_stream() -> None:
    def seconds(count: int) -> float:
        events = [{"tool_calls": [piece(0, '{"a": "', id="f_0", name="f")]}]
        events += [{"tool_calls": [piece(0, "abcd")]} for _ in range(count)]
        best = float("inf")
        for _ in range(3):
            start = time.thread_time()
            grown(events)
            best = min(best, time.thread_time() - start)
        return best / count

    seconds(50)
    assert seconds(4000) < 3 * seconds(500)


def test_a_thread_may_stream_while_another_chats(kimi: Emulator, make: Callable[..., Kimi]) -> None:
    from concurrent.futures import ThreadPoolExecutor

    llm = make()
    with ThreadPoolExecutor(4) as pool:
        texts = list(pool.map(lambda n: list(llm.stream_complete(f"number {n}"))[-1].text, range(8)))
    assert [text.endswith(f"number {n}") for n, text in enumerate(texts)] == [True] * 8
