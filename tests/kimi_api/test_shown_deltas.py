"""What the reader of a stream sees: one call where one is allowed, and the prefix in front."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from copy import deepcopy
from typing import Any

import pytest

from kimi_api import ChatOptions, build_request
from kimi_api.chat._show import ashow, show, shows_all
from kimi_api.reply import ReplyBuilder, ReplyDelta
from kimi_api.request import ChatRequest

BEGUN = [{"role": "user", "content": "JSON?"}, {"role": "assistant", "content": "{", "partial": True}]
JOINED = build_request(ChatOptions(join_prefix=True), BEGUN, stream=True)
ONE_CALL = build_request(ChatOptions(parallel_tool_calls=False), [{"role": "user", "content": "?"}], stream=True)


def stream_deltas(request: ChatRequest, *events: dict[str, Any], end: str | None = "stop") -> list[ReplyDelta]:
    """What is shown of a stream of these deltas, the same in both ways."""
    builder = ReplyBuilder()
    deltas = [builder.feed({"choices": [{"index": 0, "delta": event}]}) for event in events]
    if end:
        builder.feed({"choices": [{"index": 0, "delta": {}, "finish_reason": end}]})

    def come() -> Generator[ReplyDelta, None, None]:
        yield from deepcopy([delta for delta in deltas if delta is not None])

    async def acome() -> AsyncGenerator[ReplyDelta, None]:
        for delta in come():
            yield delta

    async def collect() -> list[ReplyDelta]:
        return [delta async for delta in ashow(acome(), request, builder)]

    blocking = list(show(come(), request, builder))
    assert asyncio.run(collect()) == blocking
    return blocking


def piece(index: int, arguments: str, **first: str) -> dict[str, Any]:
    function = {"arguments": arguments, **({"name": first["name"]} if first else {})}
    return {"index": index, "function": function, **({"id": first["id"]} if first else {})}


@pytest.mark.parametrize("options", [{}, {"join_prefix": False}, {"parallel_tool_calls": True}])
def test_streams_are_shown_as_they_come_as_a_rule(options: dict[str, Any]) -> None:
    assert shows_all(build_request(ChatOptions(**options), BEGUN, stream=True))
    assert not shows_all(JOINED)
    assert not shows_all(ONE_CALL)


def test_nothing_is_joined_where_nothing_was_begun() -> None:
    assert shows_all(build_request(ChatOptions(join_prefix=True), BEGUN[:1], stream=True))
    voice = {"role": "assistant", "content": "", "name": "Kelsier", "partial": True}
    assert shows_all(build_request(ChatOptions(join_prefix=True), [BEGUN[0], voice], stream=True))


def test_the_prefix_begins_the_text_once() -> None:
    deltas = stream_deltas(JOINED, {"reasoning_content": "r"}, {"content": '"a"'}, {"content": ": 1}"})
    assert [(delta.reasoning, delta.content) for delta in deltas] == [("r", ""), (None, '{"a"'), (None, ": 1}")]


def test_the_prefix_stands_before_a_call_and_alone_where_nothing_follows() -> None:
    (delta,) = stream_deltas(JOINED, {"tool_calls": [piece(0, "{}", id="f_0", name="f")]}, end="tool_calls")
    assert (delta.content, delta.tool_calls[0].name) == ("{", "f")
    assert [delta.content for delta in stream_deltas(JOINED)] == ["{"]
    assert [delta.content for delta in stream_deltas(JOINED, {"reasoning_content": "r"}, end="length")] == ["", "{"]


def test_nothing_is_added_to_a_stream_that_ended_early() -> None:
    assert stream_deltas(JOINED, end=None) == []


def test_pieces_of_the_first_call_alone_are_shown() -> None:
    deltas = stream_deltas(
        ONE_CALL,
        {"tool_calls": [piece(0, "{", id="f_0", name="f")]},
        {"tool_calls": [piece(1, "{}", id="g_1", name="g"), piece(0, "}")]},
        {"tool_calls": [piece(1, "")], "content": "and"},
        end="tool_calls",
    )
    assert [[call.arguments for call in delta.tool_calls] for delta in deltas] == [["{"], ["}"], []]
    assert deltas[-1].content == "and"


def test_the_first_call_need_not_have_the_first_index() -> None:
    deltas = stream_deltas(
        ONE_CALL, {"tool_calls": [piece(3, "{}", id="f_3", name="f"), piece(4, "{}", id="g_4", name="g")]}
    )
    assert [call.name for delta in deltas for call in delta.tool_calls] == ["f"]


def test_a_new_call_on_the_index_of_the_first_is_another_one() -> None:
    deltas = stream_deltas(
        ONE_CALL,
        {"tool_calls": [piece(0, "{}", id="f_0", name="f")]},
        {"tool_calls": [piece(0, "{}", id="g_1", name="g")]},
        end="tool_calls",
    )
    assert [call.name for delta in deltas for call in delta.tool_calls] == ["f"]


def test_leaving_a_stream_closes_what_it_is_made_of() -> None:
    closed: list[str] = []

    def endless() -> Generator[ReplyDelta, None, None]:
        try:
            while True:
                yield ReplyDelta(content="a")
        finally:
            closed.append("blocking")

    async def aendless() -> AsyncGenerator[ReplyDelta, None]:
        try:
            while True:
                yield ReplyDelta(content="a")
        finally:
            closed.append("asynchronous")

    async def leave() -> None:
        deltas = ashow(aendless(), JOINED, ReplyBuilder())
        assert (await anext(deltas)).content == "{a"
        await deltas.aclose()

    deltas = show(endless(), JOINED, ReplyBuilder())
    assert next(deltas).content == "{a"
    deltas.close()
    asyncio.run(leave())
    assert closed == ["blocking", "asynchronous"]
