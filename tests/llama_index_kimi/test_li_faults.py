"""What a LlamaIndex user sees of the faults that matter most; `tests/kimi_api/errors` goes through all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core.base.llms.types import ThinkingBlock, ToolCallBlock
from llama_index.core.llms import ChatMessage, ChatResponse
from llama_index.core.schema import Document

from kimi_api import errors, files, retry
from kimi_api._warn import KimiWarning
from kimi_emulator import FAULTS, Emulator, Reply, ToolCall
from llama_index_kimi import Kimi, KimiFileReader

TEXT, THOUGHT = "你好 hello there my friend", "let me think about it"
CALLS = Reply(
    content="", reasoning=THOUGHT, tool_calls=[ToolCall("weather", {"city": city}) for city in ("北京", "Turku")]
)
TOOL = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}
HI = [ChatMessage("hi")]
HOWS = ("chat", "achat", "stream_chat", "astream_chat")
STREAMS = HOWS[2:]


async def run(llm: Kimi, how: str, messages: Any = HI, shown: list[ChatResponse] | None = None, **given: Any) -> Any:
    """The (last) response; `shown` receives every one as it comes."""
    responses = [] if shown is None else shown
    if how == "chat":
        return llm.chat(messages, **given)
    if how == "achat":
        return await llm.achat(messages, **given)
    if how == "stream_chat":
        for response in llm.stream_chat(messages, **given):
            responses.append(response)
    else:
        async for response in await llm.astream_chat(messages, **given):
            responses.append(response)
    return responses[-1]


def calls_of(llm: Kimi, response: ChatResponse) -> list[tuple[str, dict[str, Any]]]:
    return [(call.tool_name, call.tool_kwargs) for call in llm.get_tool_calls_from_response(response)]


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "wait_seconds", lambda *args, **kwargs: 0.0)
    monkeypatch.setattr(files, "_FIRST_POLL", 0.01)


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize(
    "fault", ["http.429_retry_after", "http.503", "http.408_text", "close.before_headers", "connect.reset"]
)
async def test_what_passes_is_not_seen(kimi: Emulator, llm: Kimi, how: str, fault: str) -> None:
    kimi.script(Reply(content=TEXT), Reply(content=TEXT))
    kimi.fail(fault)
    assert (await run(llm, how)).message.content == TEXT
    assert kimi.pending_faults == []


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize(
    ("fault", "error", "remedy"),
    [
        ("http.429_quota", errors.KimiQuotaError, "recharge the account"),
        ("http.gateway_raw", errors.KimiQuotaError, "recharge the account"),
        ("http.401_string_code", errors.KimiAuthenticationError, "check the key"),
        ("http.504_html", errors.KimiServerError, "stream long calls"),
        ("http.200_html", errors.KimiServerError, "check base_url"),
        ("close.mid_event", errors.KimiConnectionError, "send the request again"),
        ("body.truncated", errors.KimiServerError, "try again"),
    ],
)
async def test_what_does_not_pass_is_an_error_with_a_remedy(
    kimi: Emulator, llm: Kimi, how: str, fault: str, error: type[Exception], remedy: str
) -> None:
    kimi.fail(fault)
    with pytest.raises(error, match=remedy):
        await run(llm, how)
    assert len(kimi.requests) == 1


@pytest.mark.parametrize("how", STREAMS)
@pytest.mark.parametrize("fault", ["cut.thinking", "cut.answer", "sse.error_data", "sse.glued", "close.ends_early"])
async def test_a_stream_that_breaks_shows_its_beginning_and_raises(
    kimi: Emulator, llm: Kimi, how: str, fault: str
) -> None:
    kimi.script(Reply(content=TEXT, reasoning=THOUGHT))
    kimi.fail(fault)
    shown: list[ChatResponse] = []
    with pytest.raises(errors.KimiError):
        await run(llm, how, shown=shown)
    assert shown
    assert TEXT.startswith(shown[-1].message.content or "")
    assert THOUGHT.startswith(shown[-1].message.blocks[0].content or "")  # type: ignore[union-attr]
    assert len(kimi.requests) == 1


@pytest.mark.parametrize("how", STREAMS)
async def test_a_stream_that_falls_silent_is_a_timeout(kimi: Emulator, make: Callable[..., Kimi], how: str) -> None:
    kimi.fail("stall.mid_stream")
    with pytest.raises(errors.KimiTimeoutError, match="raise timeout"):
        await run(make(timeout=0.2), how)
    assert len(kimi.requests) == 1


@pytest.mark.parametrize("how", STREAMS)
@pytest.mark.parametrize(
    "fault",
    ["cut.before_done", "close.without_done", "finish.every_chunk", "usage.late", "usage.float", "keys.unknown"],
)
async def test_odd_endings_change_nothing(kimi: Emulator, llm: Kimi, how: str, fault: str) -> None:
    kimi.script(Reply(content=TEXT, reasoning=THOUGHT))
    kimi.fail(fault)
    response = await run(llm, how)
    assert response.message.content == TEXT
    [thinking] = [block for block in response.message.blocks if isinstance(block, ThinkingBlock)]
    assert thinking.content == THOUGHT
    assert response.raw["choices"][0]["finish_reason"] == "stop"
    assert response.additional_kwargs["prompt_tokens"] > 80
    assert isinstance(response.raw["usage"]["total_tokens"], int)


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("fault", ["answer.empty", "answer.thinking_only"])
async def test_an_empty_answer_is_not_silent(kimi: Emulator, llm: Kimi, how: str, fault: str) -> None:
    kimi.fail(fault)
    with pytest.warns(KimiWarning, match="neither an answer nor a tool call"):
        response = await run(llm, how)
    assert not response.message.content


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("fault", ["calls.none", "calls.markers"])
async def test_calls_that_were_lost_are_not_silent(kimi: Emulator, llm: Kimi, how: str, fault: str) -> None:
    kimi.script(CALLS)
    kimi.fail(fault)
    with pytest.warns(KimiWarning, match="Ask again"):
        response = await run(llm, how, tools=[TOOL])
    assert llm.get_tool_calls_from_response(response, error_on_no_tool_call=False) == []


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("fault", ["calls.name_missing", "calls.name_empty"])
async def test_a_call_without_a_name_raises(kimi: Emulator, llm: Kimi, how: str, fault: str) -> None:
    kimi.script(CALLS)
    kimi.fail(fault)
    with pytest.raises(errors.KimiReplyError, match="without saying which"):
        await run(llm, how, tools=[TOOL])


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
async def test_odd_calls_go_through_a_whole_tool_loop(kimi: Emulator, llm: Kimi, how: str, fault: str) -> None:
    history: list[ChatMessage] = [ChatMessage("Weather in both?")]
    ids: list[str | None] = []
    for _ in range(2):  # two turns, so that ids of one turn could be taken for those of the other
        kimi.script(CALLS)
        kimi.fail(fault)
        response = await run(llm, how, history, tools=[TOOL])
        assert calls_of(llm, response) == [("weather", {"city": "北京"}), ("weather", {"city": "Turku"})]
        made = [block.tool_call_id for block in response.message.blocks if isinstance(block, ToolCallBlock)]
        results = [
            ChatMessage("sunny", role="tool", additional_kwargs={"tool_call_id": call_id, "name": "weather"})
            for call_id in made
        ]
        history += [response.message, *results]
        ids += made
    assert len(set(ids)) == len(ids) == 4
    kimi.script(Reply(content="Sunny in both."))
    assert (await run(llm, how, history, tools=[TOOL])).message.content == "Sunny in both."
    assert kimi.refusals == []
    assert kimi.report == []


@pytest.mark.parametrize("how", HOWS)
async def test_no_tool_runs_with_arguments_that_were_cut(kimi: Emulator, llm: Kimi, how: str) -> None:
    kimi.script(CALLS)
    kimi.fail("calls.arguments_cut")
    response = await run(llm, how, tools=[TOOL])
    with pytest.warns(KimiWarning, match="no tool is run for it; .*raise max_tokens"):
        first, second = calls_of(llm, response)
    assert first[0] == second[0] == "weather (unreadable arguments)"
    assert first[1]["unreadable_arguments"].startswith('{"city')


@pytest.mark.parametrize("how", HOWS)
async def test_arguments_encoded_twice_are_read(kimi: Emulator, llm: Kimi, how: str) -> None:
    kimi.script(CALLS)
    kimi.fail("calls.arguments_twice")
    response = await run(llm, how, tools=[TOOL])
    assert calls_of(llm, response) == [("weather", {"city": "北京"}), ("weather", {"city": "Turku"})]


@pytest.mark.parametrize(
    ("fault", "remedy"),
    [("files.failed", "check that the file opens"), ("files.deleted", "Send it again")],
)
def test_a_file_that_cannot_be_read_is_named(kimi: Emulator, tmp_path: Any, fault: str, remedy: str) -> None:
    path = tmp_path / "report.txt"
    path.write_text("hello")
    kimi.fail(fault)
    with pytest.raises(errors.KimiFileError, match=rf"report.txt.*{remedy}"):
        KimiFileReader(base_url=kimi.base_url, api_key=kimi.api_key).load_data(path)


def test_a_file_whose_text_comes_late_is_read(kimi: Emulator, tmp_path: Any) -> None:
    path = tmp_path / "report.txt"
    path.write_text("hello")
    kimi.fail("files.content_404")
    [document] = KimiFileReader(base_url=kimi.base_url, api_key=kimi.api_key).load_data(path)
    assert isinstance(document, Document)
    assert document.text == "hello"
