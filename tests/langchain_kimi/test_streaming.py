"""Streams: what is said once comes once, in every path through LangChain."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler, UsageMetadataCallbackHandler
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage

from kimi_api import KimiIncompleteReplyError, KimiWarning
from kimi_emulator import Emulator, Reply, ToolCall
from langchain_kimi import ChatKimi

USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 40,
    "total_tokens": 140,
    "cached_tokens": 60,
    "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 8},
    "completion_tokens_details": {"reasoning_tokens": 25},
}
COUNTED = {
    "input_tokens": 100,
    "output_tokens": 40,
    "total_tokens": 140,
    "input_token_details": {"cache_read": 60, "cache_creation": 8},
    "output_token_details": {"reasoning": 25},
}
ANSWER = Reply(reasoning="Let me see.", content="Fine, thanks.", usage=USAGE)
CALLS = Reply(
    reasoning="Two calls.",
    content="One moment.",
    tool_calls=[ToolCall("a", {"x": 1}), ToolCall("b", {"城": "北京"})],
)
TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}
    for name in ("a", "b")
]


def invoke(llm: Any, prompt: Any = "How are you?") -> AIMessage:
    return llm.invoke(prompt)


def stream(llm: Any, prompt: Any = "How are you?") -> AIMessage:
    chunks = list(llm.stream(prompt))
    return sum(chunks[1:], chunks[0])


def invoked_through_a_stream(llm: Any, prompt: Any = "How are you?") -> AIMessage:
    return llm.bind(stream=True).invoke(prompt)


def through_v3_events(llm: Any, prompt: Any = "How are you?") -> AIMessage:
    return llm.stream_events(prompt, version="v3").output


def ainvoke(llm: Any, prompt: Any = "How are you?") -> AIMessage:
    return asyncio.run(llm.ainvoke(prompt))


def astream(llm: Any, prompt: Any = "How are you?") -> AIMessage:
    async def collect() -> AIMessage:
        chunks = [chunk async for chunk in llm.astream(prompt)]
        return sum(chunks[1:], chunks[0])

    return asyncio.run(collect())


def through_async_v3_events(llm: Any, prompt: Any = "How are you?") -> AIMessage:
    async def collect() -> AIMessage:
        return await (await llm.astream_events(prompt, version="v3")).output

    return asyncio.run(collect())


PATHS = [
    invoke,
    stream,
    invoked_through_a_stream,
    through_v3_events,
    ainvoke,
    astream,
    through_async_v3_events,
]
pytestmark = pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("output_version", ["v0", "v1"])
def test_answer_is_the_same_on_every_path(
    kimi: Emulator, make: Callable[..., ChatKimi], path: Any, output_version: str
) -> None:
    kimi.script(ANSWER)
    message = path(make(output_version=output_version))
    assert message.text == "Fine, thanks."
    assert message.additional_kwargs["reasoning_content"] == "Let me see."
    assert message.usage_metadata == COUNTED
    metadata = message.response_metadata
    assert metadata["finish_reason"] == "stop"
    assert metadata["model_name"] == "kimi-k3"
    assert metadata["model_provider"] == "kimi"
    assert metadata["id"].startswith("chatcmpl-")
    assert metadata["request_id"]
    kinds = [(b["type"], b.get("reasoning") or b.get("text")) for b in message.content_blocks]
    assert kinds == [("reasoning", "Let me see."), ("text", "Fine, thanks.")]
    assert isinstance(message.content, list) == (
        output_version == "v1" or path in (through_v3_events, through_async_v3_events)
    )


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("output_version", ["v0", "v1"])
def test_thinking_text_and_several_calls_stay_whole(
    kimi: Emulator, make: Callable[..., ChatKimi], path: Any, output_version: str
) -> None:
    kimi.script(CALLS)
    message = path(make(output_version=output_version).bind_tools(TOOLS))
    assert [(c["name"], c["args"]) for c in message.tool_calls] == [("a", {"x": 1}), ("b", {"城": "北京"})]
    blocks = [{k: v for k, v in block.items() if k != "index"} for block in message.content_blocks]
    assert blocks == [
        {"type": "reasoning", "reasoning": "Two calls."},
        {"type": "text", "text": "One moment."},
        *({"type": "tool_call", "name": c["name"], "args": c["args"], "id": c["id"]} for c in message.tool_calls),
    ]


def test_everything_said_once_stands_in_the_last_chunk(kimi: Emulator, llm: ChatKimi) -> None:
    kimi.script(ANSWER)
    *earlier, last = list(llm.stream("?"))
    assert isinstance(last, AIMessageChunk)
    assert last.chunk_position == "last"
    assert last.usage_metadata == COUNTED
    for chunk in earlier:
        assert isinstance(chunk, AIMessageChunk)
        assert chunk.chunk_position is None
        assert chunk.usage_metadata is None
        assert chunk.response_metadata == {"model_provider": "kimi"}
    assert len({chunk.id for chunk in [*earlier, last]}) == 1


def test_tool_call_pieces_carry_their_index(kimi: Emulator, llm: ChatKimi) -> None:
    kimi.script(CALLS)
    pieces = [piece for chunk in llm.bind_tools(TOOLS).stream("?") for piece in chunk.tool_call_chunks]  # type: ignore[attr-defined]
    assert {piece["index"] for piece in pieces} == {0, 1}
    assert sum(piece["id"] is not None for piece in pieces) == 2
    assert sum(piece["name"] is not None for piece in pieces) == 2


def test_usage_callback_counts_once(kimi: Emulator, llm: ChatKimi) -> None:
    kimi.script(ANSWER, ANSWER)
    counter = UsageMetadataCallbackHandler()
    llm.invoke("?", config={"callbacks": [counter]})
    list(llm.stream("?", config={"callbacks": [counter]}, stream_usage=True))
    assert counter.usage_metadata["kimi-k3"]["total_tokens"] == 280


def test_new_tokens_reach_callbacks(kimi: Emulator, llm: ChatKimi) -> None:
    tokens: list[str] = []

    class Listener(BaseCallbackHandler):
        def on_llm_new_token(self, token: Any, **kwargs: Any) -> None:
            tokens.append(token)

    kimi.script(ANSWER)
    list(llm.stream("?", config={"callbacks": [Listener()]}))
    assert "".join(tokens) == "Fine, thanks."


def test_a_stream_that_breaks_has_no_last_chunk(kimi: Emulator, llm: ChatKimi) -> None:
    kimi.script(ANSWER)
    kimi.fail("close.ends_early")
    chunks: list[Any] = []
    with pytest.raises(KimiIncompleteReplyError):
        chunks.extend(llm.stream("?"))
    assert chunks
    assert not any(chunk.chunk_position == "last" for chunk in chunks)


def test_arguments_cut_off_in_a_stream_do_not_break_the_history(kimi: Emulator, llm: ChatKimi) -> None:
    kimi.script(Reply(tool_calls=[ToolCall("a", '{"x": [1, 2')], finish_reason="length"), Reply(content="ok"))
    with pytest.warns(KimiWarning, match="then runs with a part of its arguments"):
        turn: Any = stream(llm.bind_tools(TOOLS))
    assert turn.tool_calls[0]["args"] == {"x": [1, 2]}  # core closes the brackets
    result = ToolMessage("r", tool_call_id=turn.tool_calls[0]["id"])
    llm.bind_tools(TOOLS).invoke([HumanMessage("?"), turn, result])
    assert kimi.chats[-1]["messages"][1]["tool_calls"][0]["function"]["arguments"] == '{"x": [1, 2]}'
