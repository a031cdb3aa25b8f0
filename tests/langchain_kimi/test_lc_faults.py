"""What a LangChain user sees of the faults that matter most; `tests/kimi_api/errors` goes through all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core import exceptions as core
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from pydantic import BaseModel

from kimi_api import errors, retry
from kimi_api._warn import KimiWarning
from kimi_emulator import FAULTS, Emulator, Reply, ToolCall
from langchain_kimi import ChatKimi
from langchain_kimi import errors as ours

TEXT, THOUGHT = "你好 hello there my friend", "let me think about it"
CALLS = Reply(
    content="", reasoning=THOUGHT, tool_calls=[ToolCall("weather", {"city": city}) for city in ("北京", "Turku")]
)
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


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "wait_seconds", lambda *args, **kwargs: 0.0)


@pytest.fixture
def with_tools(llm: ChatKimi) -> Any:
    return llm.bind_tools([weather])


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize(
    "fault", ["http.429_retry_after", "http.503", "http.408_text", "close.before_headers", "connect.reset"]
)
async def test_what_passes_is_not_seen(kimi: Emulator, llm: ChatKimi, how: str, fault: str) -> None:
    kimi.script(Reply(content=TEXT), Reply(content=TEXT))
    kimi.fail(fault)
    assert (await run(llm, how)).text == TEXT
    assert kimi.pending_faults == []


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize(
    ("fault", "name", "core_class", "remedy"),
    [
        ("http.429_quota", "Quota", core.ModelRateLimitError, "recharge the account"),
        ("http.gateway_raw", "Quota", core.ModelRateLimitError, "recharge the account"),
        ("http.401_string_code", "Authentication", core.ModelAuthenticationError, "check the key"),
        ("http.504_html", "Server", core.ModelAPIError, "stream long calls"),
        ("http.200_html", "Server", core.ModelAPIError, "check base_url"),
        ("close.mid_event", "Connection", core.ModelConnectionError, "send the request again"),
        ("body.truncated", "Server", core.ModelAPIError, "try again"),
    ],
)
async def test_what_does_not_pass_is_langchains_error_with_a_remedy(
    kimi: Emulator, llm: ChatKimi, how: str, fault: str, name: str, core_class: type[Exception], remedy: str
) -> None:
    kimi.fail(fault)
    with pytest.raises(core_class, match=remedy) as caught:
        await run(llm, how)
    assert type(caught.value) is getattr(ours, f"ChatKimi{name}Error")
    assert len(kimi.requests) == 1


@pytest.mark.parametrize("how", STREAMS)
@pytest.mark.parametrize("fault", ["cut.thinking", "cut.answer", "sse.error_data", "sse.glued", "close.ends_early"])
async def test_a_stream_that_breaks_shows_its_beginning_and_raises(
    kimi: Emulator, llm: ChatKimi, how: str, fault: str
) -> None:
    kimi.script(Reply(content=TEXT, reasoning=THOUGHT))
    kimi.fail(fault)
    shown: list[AIMessageChunk] = []

    async def show() -> None:
        if how == "stream":
            for chunk in llm.stream("hi"):
                shown.append(chunk)
        else:
            async for chunk in llm.astream("hi"):
                shown.append(chunk)

    with pytest.raises(errors.KimiError):
        await show()
    assert shown
    assert TEXT.startswith("".join(chunk.text for chunk in shown))
    assert not any(chunk.chunk_position == "last" for chunk in shown)
    assert len(kimi.requests) == 1


@pytest.mark.parametrize("how", STREAMS)
async def test_a_stream_that_falls_silent_is_a_timeout(kimi: Emulator, make: Callable[..., ChatKimi], how: str) -> None:
    kimi.fail("stall.mid_stream")
    with pytest.raises(core.ModelTimeoutError, match="raise timeout"):
        await run(make(timeout=0.2), how)
    assert len(kimi.requests) == 1


@pytest.mark.parametrize("how", STREAMS)
@pytest.mark.parametrize(
    "fault",
    ["cut.before_done", "close.without_done", "finish.every_chunk", "usage.late", "usage.float", "keys.unknown"],
)
async def test_odd_endings_change_nothing(kimi: Emulator, llm: ChatKimi, how: str, fault: str) -> None:
    kimi.script(Reply(content=TEXT, reasoning=THOUGHT))
    kimi.fail(fault)
    message = await run(llm, how)
    assert message.text == TEXT
    assert message.additional_kwargs["reasoning_content"] == THOUGHT
    assert message.response_metadata["finish_reason"] == "stop"  # not "stopstop"
    assert message.usage_metadata is not None
    assert message.usage_metadata["input_tokens"] > 80
    assert isinstance(message.usage_metadata["total_tokens"], int)


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("fault", ["answer.empty", "answer.thinking_only"])
async def test_an_empty_answer_is_not_silent(kimi: Emulator, llm: ChatKimi, how: str, fault: str) -> None:
    kimi.fail(fault)
    with pytest.warns(KimiWarning, match="neither an answer nor a tool call"):
        message = await run(llm, how)
    assert message.text == ""
    assert message.response_metadata["finish_reason"] == "stop"


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("fault", ["calls.none", "calls.markers"])
async def test_calls_that_were_lost_are_not_silent(kimi: Emulator, with_tools: Any, how: str, fault: str) -> None:
    kimi.script(CALLS)
    kimi.fail(fault)
    with pytest.warns(KimiWarning, match="Ask again"):
        message = await run(with_tools, how)
    assert message.tool_calls == []


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("fault", ["calls.name_missing", "calls.name_empty"])
async def test_a_call_without_a_name_raises(kimi: Emulator, with_tools: Any, how: str, fault: str) -> None:
    kimi.script(CALLS)
    kimi.fail(fault)
    with pytest.raises(errors.KimiReplyError, match="without saying which"):
        await run(with_tools, how)


@pytest.mark.parametrize(
    ("fault", "how"),
    [
        (f"calls.{fault}", how)
        for fault in (
            "duplicate_ids",
            "blank_ids",
            "repeated_ids",
            "no_index",
            "name_late",
            "finish_stop",
            "content_after",
        )
        for how in HOWS
        if how in STREAMS or "plain" in FAULTS[f"calls.{fault}"].on
    ],
)
async def test_odd_calls_go_through_a_whole_tool_loop(kimi: Emulator, with_tools: Any, how: str, fault: str) -> None:
    history: list[Any] = [HumanMessage("Weather in both?")]
    for _ in range(2):  # two turns, so that ids of one turn could be taken for those of the other
        kimi.script(CALLS)
        kimi.fail(fault)
        message = await run(with_tools, how, history)
        assert [(call["name"], call["args"]) for call in message.tool_calls] == [
            ("weather", {"city": "北京"}),
            ("weather", {"city": "Turku"}),
        ]
        results = [ToolMessage(weather(**call["args"]), tool_call_id=call["id"]) for call in message.tool_calls]
        history += [message, *results]
    ids = [call["id"] for message in history for call in getattr(message, "tool_calls", ())]
    assert len(set(ids)) == len(ids) == 4
    kimi.script(Reply(content="Sunny in both."))
    assert (await run(with_tools, how, history)).text == "Sunny in both."
    assert kimi.refusals == []
    assert kimi.report == []


@pytest.mark.parametrize("how", HOWS)
async def test_arguments_that_were_cut_are_invalid_calls(kimi: Emulator, with_tools: Any, how: str) -> None:
    kimi.script(CALLS)
    kimi.fail("calls.arguments_cut")
    with pytest.warns(KimiWarning, match="the token budget ended within them: raise max_tokens") as told:
        message = await run(with_tools, how)
    assert len(told) == 2
    assert ("runs with a part" in str(told[0].message)) == (how in STREAMS)
    assert message.response_metadata["finish_reason"] == "length"
    if how not in STREAMS:  # core mends what it can in merged chunks
        assert message.tool_calls == []
        assert len(message.invalid_tool_calls) == 2


@pytest.mark.parametrize("how", HOWS)
async def test_arguments_encoded_twice_are_read(kimi: Emulator, with_tools: Any, how: str) -> None:
    kimi.script(CALLS)
    kimi.fail("calls.arguments_twice")
    assert [call["args"] for call in (await run(with_tools, how)).tool_calls] == [{"city": "北京"}, {"city": "Turku"}]


@pytest.mark.parametrize("how", HOWS)
async def test_no_arguments_are_an_empty_object(kimi: Emulator, with_tools: Any, how: str) -> None:
    kimi.script(CALLS)
    kimi.fail("calls.arguments_empty")
    message = await run(with_tools, how)
    assert [call["args"] for call in message.tool_calls] == [{}, {}]
    results = [ToolMessage("x", tool_call_id=call["id"]) for call in message.tool_calls]
    await run(with_tools, how, [HumanMessage("?"), message, *results])
    assert kimi.refusals == []


class City(BaseModel):
    """A city."""

    city: str


@pytest.mark.parametrize("how", ["invoke", "ainvoke"])
@pytest.mark.parametrize(
    "schema",
    [
        City,
        SCHEMA,
    ],
)
async def test_json_that_ends_early_is_an_error(kimi: Emulator, llm: ChatKimi, how: str, schema: Any) -> None:
    kimi.script(Reply(content='{"city": "Turku"}'))
    kimi.fail("answer.truncated_json")
    with pytest.raises(ours.KimiStructuredOutputError, match="does not fit the schema"):
        await run(llm.with_structured_output(schema), how)
