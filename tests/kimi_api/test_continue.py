"""Answers that stopped too early are continued, and streams that broke are taken up, without a lost character."""

from __future__ import annotations

import asyncio
import warnings
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kimi_api import (
    AccountLimits,
    ChatOptions,
    KimiClient,
    KimiIncompleteReplyError,
    KimiInputError,
    KimiWarning,
    build_request,
    chat,
    errors,
    partial_message,
)
from kimi_api.chat._continue import continue_request
from kimi_api.limits import MemoryStore
from kimi_api.reply import ReplyBuilder
from kimi_emulator import FAULTS, Emulator, Failure, Fault, Reply, ToolCall
from kimi_emulator.faults.registry import STREAM
from kimi_emulator.script import Wire

TEXT = "One, two; three: four.\n\nFive six 七八 nine \U0001f319 ten, eleven and twelve. The end."
ASK = [{"role": "user", "content": "Count."}]
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {}}}}


@pytest.fixture(autouse=True)
def _no_waits(waits: list[float]) -> None:
    """Resuming waits a moment, which tests need not."""


class Continuing:
    """A brain that writes on from the prefix of what it always says, thinking anew each time."""

    def __init__(self, text: str = TEXT, thinking: str = "Let me think about numbers.") -> None:
        self.text = text
        self.thinking = thinking
        self.prefixes: list[str | None] = []

    def answer(self, request: Any, context: Any) -> Reply:
        self.prefixes.append(context.prefix)
        prefix = context.prefix or ""
        assert self.text.startswith(prefix), f"not the beginning of the text: {prefix!r}"
        return Reply(content=self.text[len(prefix) :], reasoning=self.thinking if context.thinks else None)


def run(ways: Any, client: KimiClient, messages: Any = ASK, *, stream: bool = False, **options: Any) -> Any:
    """The answer, and where it was streamed the deltas too."""
    request = build_request(ChatOptions(**options), messages, stream=stream)
    if not stream:
        return ways.call(chat.complete, chat.acomplete, client, request)
    builder = ReplyBuilder()
    deltas = ways.collect(chat.stream, chat.astream, client, request, builder)
    reply = chat.settle(builder, request)
    assert "".join(delta.content for delta in deltas) == reply.content
    assert "".join(delta.reasoning or "" for delta in deltas).endswith(reply.reasoning or "")
    return reply


def connect(kimi: Emulator, max_retries: int = 0) -> KimiClient:
    return KimiClient(api_key=kimi.api_key, base_url=kimi.base_url, max_retries=max_retries)


def cut_at(position: int, ending: Any = "close") -> Fault:
    """The stream breaks behind so many events."""
    return Fault(f"cut at {position}", "", "", STREAM, wire=lambda events: Wire(events[:position], ending))


# ---------------------------------------------------------------------------------- auto_continue


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", ["kimi-k3", "kimi-k2.6", "kimi-k2.7-code"])
def test_a_cut_off_answer_is_continued_to_its_end(stream: bool, model: str, ways: Any) -> None:
    brain = Continuing(thinking="Hm.")
    with Emulator(brain=brain) as kimi:
        reply = run(ways, connect(kimi), stream=stream, model=model, max_tokens=12, auto_continue=9)
        assert reply.content == TEXT
        assert reply.reasoning == "Hm."  # the first one; a turn has one thinking
        assert reply.finish_reason == "stop"
        assert len(kimi.chats) > 2
        assert kimi.report == []
        last = kimi.chats[-1]["messages"][-1]
        assert last["partial"] is True
        assert last["reasoning_content"] == "Hm."
        assert TEXT.startswith(last["content"])
        assert all(body["messages"][:-1] == ASK for body in kimi.chats[1:])


@pytest.mark.parametrize("stream", [False, True])
def test_the_usage_of_all_requests_is_added_up(kimi: Emulator, client: KimiClient, ways: Any, stream: bool) -> None:
    used = [{"prompt_tokens": 10 * n, "completion_tokens": n, "total_tokens": 11 * n} for n in (1, 2, 3)]
    kimi.script(
        Reply("a", reasoning="t", finish_reason="length", usage=used[0]),
        Reply("b", reasoning="t", finish_reason="length", usage=used[1]),
        Reply("c", reasoning="t", usage=used[2]),
    )
    reply = run(ways, client, stream=stream, auto_continue=5)
    assert reply.content == "abc"
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens, reply.usage.total_tokens) == (60, 6, 66)


def test_a_request_that_is_continued_twice_asks_behind_both_texts() -> None:
    twice = continue_request(continue_request(build_request(ChatOptions(), ASK), "One, ", "Hm."), "two", "Hm, hm.")
    assert twice.prefix == "One, two"
    (last,) = twice.body["messages"][1:]
    assert (last["content"], last["partial"], last["reasoning_content"]) == ("One, two", True, "Hm.")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("times", "text"), [(0, "a"), (1, "ab"), (True, "ab"), (2, "abc")])
def test_it_is_continued_as_often_as_was_said(
    kimi: Emulator, client: KimiClient, ways: Any, stream: bool, times: int, text: str
) -> None:
    kimi.script(*(Reply(letter, reasoning="t", finish_reason="length") for letter in "abc"))
    reply = run(ways, client, stream=stream, auto_continue=times)
    assert reply.content == text
    assert reply.finish_reason == "length"
    assert len(kimi.chats) == len(text)


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_to_a_partial_message_is_continued_behind_its_prefix(
    kimi: Emulator, client: KimiClient, ways: Any, stream: bool
) -> None:
    kimi.script(Reply("b", reasoning="mine", finish_reason="length"), Reply("c", reasoning="t"))
    messages = [*ASK, partial_message("a", name="Kelvin", reasoning_content="yours")]
    assert run(ways, client, messages, stream=stream, auto_continue=1).content == "bc"
    assert kimi.chats[1]["messages"][-1] == {
        "role": "assistant",
        "content": "ab",
        "partial": True,
        "name": "Kelvin",
        "reasoning_content": "yours",
    }


@pytest.mark.parametrize("stream", [False, True])
def test_thinking_that_used_up_the_budget_is_not_continued(
    kimi: Emulator, client: KimiClient, ways: Any, stream: bool
) -> None:
    kimi.script(Reply("", reasoning="long", finish_reason="length"))
    with pytest.warns(KimiWarning, match="used up .* by thinking"):
        reply = run(ways, client, stream=stream, auto_continue=5)
    assert reply.content == ""
    assert len(kimi.chats) == 1


@pytest.mark.parametrize("stream", [False, True])
def test_a_continuation_that_only_thinks_ends_it(kimi: Emulator, client: KimiClient, ways: Any, stream: bool) -> None:
    kimi.script(Reply("a", reasoning="t", finish_reason="length"), Reply("", reasoning="t", finish_reason="length"))
    with pytest.warns(KimiWarning, match="stays incomplete.*thinking. Raise max_tokens"):
        reply = run(ways, client, stream=stream, auto_continue=5)
    assert (reply.content, reply.finish_reason) == ("a", "length")
    assert len(kimi.chats) == 2


@pytest.mark.parametrize("stream", [False, True])
def test_a_continuation_that_is_refused_leaves_what_came(
    kimi: Emulator, client: KimiClient, ways: Any, stream: bool
) -> None:
    kimi.script(Reply("a", reasoning="t", finish_reason="length"), Failure(400, "invalid_request_error", "no partial"))
    with pytest.warns(KimiWarning, match="stays incomplete.*no partial"):
        reply = run(ways, client, stream=stream, auto_continue=5)
    assert (reply.content, reply.finish_reason) == ("a", "length")
    assert reply.usage is not None


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", ["json_object", "json_schema"])
def test_structured_output_is_not_continued_and_it_is_said_once(
    kimi: Emulator, client: KimiClient, ways: Any, stream: bool, kind: str
) -> None:
    form: dict[str, Any] = {"type": kind}
    if kind == "json_schema":
        form["json_schema"] = {"name": "n", "schema": {"type": "object", "properties": {}}}
    kimi.script(*[Reply('{"a":', reasoning="t", finish_reason="length")] * 2)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(2):
            assert run(ways, client, stream=stream, response_format=form, auto_continue=5).content == '{"a":'
    assert len([w for w in caught if "Partial Mode cannot be combined" in str(w.message)]) == 1
    assert len(kimi.chats) == 2


@pytest.mark.parametrize("stream", [False, True])
def test_a_call_that_was_cut_is_not_continued(kimi: Emulator, client: KimiClient, ways: Any, stream: bool) -> None:
    calls = [ToolCall("get_weather", '{"city": "Ber')]
    kimi.script(Reply("Let me look.", reasoning="t", tool_calls=calls, finish_reason="length"))
    with pytest.warns(KimiWarning, match="cut within a tool call"):
        reply = run(ways, client, stream=stream, tools=[TOOL], auto_continue=5)
    assert [call.name for call in reply.tool_calls] == ["get_weather"]
    assert len(kimi.chats) == 1


@pytest.mark.parametrize("stream", [False, True])
def test_a_continuation_may_call_tools(kimi: Emulator, client: KimiClient, ways: Any, stream: bool) -> None:
    kimi.script(
        Reply("Let me ", reasoning="t", finish_reason="length"),
        Reply("look.", reasoning="t", tool_calls=[ToolCall("get_weather", "{}")]),
    )
    reply = run(ways, client, stream=stream, tools=[TOOL], auto_continue=5)
    assert reply.content == "Let me look."
    assert reply.finish_reason == "tool_calls"
    assert [(call.name, call.arguments) for call in reply.tool_calls] == [("get_weather", "{}")]


@pytest.mark.parametrize("name", ["auto_continue", "resume_streams"])
def test_other_hosts_have_no_partial_mode(name: str) -> None:
    with pytest.raises(KimiInputError, match="Partial Mode, which only Moonshot's platform has"):
        build_request(ChatOptions(dialect="vllm", **{name: 1}), ASK)
    build_request(ChatOptions(dialect="vllm", **{name: 0}), ASK)


@pytest.mark.parametrize("name", ["auto_continue", "resume_streams"])
@pytest.mark.parametrize("bad", [-1, 1.5, "2"])
def test_impossible_numbers_are_refused(name: str, bad: Any) -> None:
    with pytest.raises(KimiInputError, match=name):
        build_request(ChatOptions(**{name: bad}), ASK)


def test_continuations_wait_for_their_turn_too(ways: Any) -> None:
    with Emulator(brain=Continuing(thinking="Hm.")) as kimi:
        client = connect(kimi)
        client.account_limits = AccountLimits(rpm=100, store=MemoryStore())
        run(ways, client, max_tokens=12, auto_continue=9)
        counts = client.account_limits.store._accounts[client.scope()]  # type: ignore[union-attr]
        assert len(counts.minute) == len(kimi.chats) > 2


# ---------------------------------------------------------------------------------- resume_streams


def events_of(brain: Continuing) -> int:
    """How many events the whole answer has on the wire, [DONE] included."""
    seen: list[int] = []

    def count(events: list[bytes]) -> Wire:
        seen.append(len(events))
        return Wire(events)

    with Emulator(brain=brain) as kimi:
        kimi.fail(Fault("count", "", "", STREAM, wire=count))
        request = build_request(ChatOptions(), ASK, stream=True)
        list(chat.stream(connect(kimi), request, ReplyBuilder()))
    return seen[0]


@pytest.mark.parametrize("ending", ["close", "reset", "whole"])
def test_cut_behind_any_event_the_text_comes_whole(ending: str, ways: Any) -> None:
    brain = Continuing()
    with Emulator(brain=brain) as kimi:
        client = connect(kimi, max_retries=1)  # a reset may swallow the first events too: then nothing has come
        for position in range(1, events_of(Continuing()) + 1):
            before = len(kimi.chats)
            kimi.fail(cut_at(position, ending))
            reply = run(ways, client, stream=True, resume_streams=1)
            assert reply.content == TEXT, position
            assert reply.finish_reason == "stop"
            assert len(kimi.chats) - before in (1, 2)
        assert kimi.report == []


@pytest.mark.parametrize("size", [1, 3, 7, None])
def test_any_number_of_cuts_and_any_size_of_pieces(size: int | None) -> None:
    with Emulator(brain=Continuing(), chunk_size=size) as kimi:

        @given(cuts=st.lists(st.integers(1, 90), max_size=4), streamed_async=st.booleans())
        def the_text_comes_whole(cuts: list[int], streamed_async: bool) -> None:
            kimi.reset()
            kimi.fail(*(cut_at(position) for position in cuts))
            client = connect(kimi, max_retries=4)  # a connection that closes early may take the first events along
            request = build_request(ChatOptions(resume_streams=len(cuts)), ASK, stream=True)
            builder = ReplyBuilder()
            if streamed_async:

                async def collect() -> list[Any]:
                    return [delta async for delta in chat.astream(client, request, builder)]

                deltas = asyncio.run(collect())
            else:
                deltas = list(chat.stream(client, request, builder))
            assert "".join(delta.content for delta in deltas) == TEXT == chat.settle(builder, request).content
            assert kimi.report == []

        the_text_comes_whole()


_NEVER_BEGAN = ("close.before_headers", "close.after_headers", "stall.before_headers", "sse.error_first")
_WITHOUT_END = ("sse.endless_comments", "sse.endless_event", "body.bomb")


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if "stream" in fault.on and fault.wire])
def test_every_fault_of_the_wire_ends_in_the_whole_text_unless_nothing_came_or_too_much(name: str, ways: Any) -> None:
    with Emulator(brain=Continuing()) as kimi:
        client = KimiClient(api_key=kimi.api_key, base_url=kimi.base_url, max_retries=0, timeout=0.5)
        kimi.fail(name)
        if name in _NEVER_BEGAN:
            with pytest.raises(errors.KimiAPIError):
                run(ways, client, stream=True, resume_streams=2)
            assert len(kimi.chats) == 1
        elif name in _WITHOUT_END:  # a host that sends without end would do so again
            with pytest.raises(errors.KimiReplyTooLongError):
                run(ways, client, stream=True, resume_streams=2)
            assert len(kimi.chats) == 1
        else:
            assert run(ways, client, stream=True, resume_streams=2).content == TEXT


def test_a_stall_in_the_middle_is_taken_up(ways: Any) -> None:
    with Emulator(brain=Continuing()) as kimi:
        client = KimiClient(api_key=kimi.api_key, base_url=kimi.base_url, max_retries=0, timeout=0.3)
        kimi.fail("stall.mid_stream")
        assert run(ways, client, stream=True, resume_streams=1).content == TEXT


@pytest.mark.parametrize("fault", ["sse.error_event", "sse.error_data"])
def test_an_overload_in_the_middle_is_taken_up(fault: str, ways: Any) -> None:
    with Emulator(brain=Continuing()) as kimi:
        kimi.fail(fault)
        assert run(ways, connect(kimi), stream=True, resume_streams=1).content == TEXT
        assert len(kimi.chats) == 2


def test_the_thinking_that_came_goes_back_with_the_text(ways: Any) -> None:
    with Emulator(brain=Continuing(thinking="My thoughts.")) as kimi:
        kimi.fail("cut.answer")
        reply = run(ways, connect(kimi), stream=True, resume_streams=1)
        last = kimi.chats[1]["messages"][-1]
        assert last["reasoning_content"] == reply.reasoning == "My thoughts."
        assert last["partial"] is True
        assert 0 < len(last["content"]) < len(TEXT)


def test_cut_within_its_thinking_an_answer_is_asked_for_anew(ways: Any) -> None:
    with Emulator(brain=Continuing(thinking="My long thoughts.")) as kimi:
        kimi.fail("cut.thinking")
        reply = run(ways, connect(kimi), stream=True, resume_streams=1)
        assert kimi.chats[1] == kimi.chats[0]
        assert reply.content == TEXT
        assert reply.reasoning == "My long thoughts."  # that of the answer, without what was shown of the first


def test_a_stream_breaks_as_before_without_the_option_and_beyond_its_number(ways: Any) -> None:
    with Emulator(brain=Continuing()) as kimi:
        for times, cuts in ((0, 1), (1, 2), (2, 3)):
            before = len(kimi.chats)
            kimi.fail(*[cut_at(12 - 2 * n) for n in range(cuts)])
            with pytest.raises(errors.KimiConnectionError):
                run(ways, connect(kimi), stream=True, resume_streams=times)
            assert len(kimi.chats) - before == cuts
        kimi.fail(cut_at(12, "whole"))
        with pytest.raises(KimiIncompleteReplyError):
            run(ways, connect(kimi), stream=True)


def test_when_taking_up_is_refused_the_error_is_the_one_that_broke_the_stream(
    kimi: Emulator, client: KimiClient, ways: Any
) -> None:
    kimi.fail("cut.answer")
    kimi.script(Reply(TEXT), Failure(400, "invalid_request_error", "partial is not for this model"))
    with pytest.raises(errors.KimiConnectionError) as caught:
        run(ways, client, stream=True, resume_streams=3)
    assert any("partial is not for this model" in note for note in caught.value.__notes__)
    assert len(kimi.chats) == 2


def test_tool_calls_that_have_begun_are_not_taken_up(kimi: Emulator, client: KimiClient, ways: Any) -> None:
    kimi.fail("cut.arguments")
    kimi.script(Reply("Look.", tool_calls=[ToolCall("get_weather", {"city": "Berlin", "unit": "celsius"})]))
    with pytest.raises(errors.KimiConnectionError):
        run(ways, client, stream=True, tools=[TOOL], resume_streams=3)
    assert len(kimi.chats) == 1


def test_a_stream_that_never_began_is_the_retries_business(kimi: Emulator, client: KimiClient, ways: Any) -> None:
    client.max_retries = 1
    kimi.fail("close.after_headers", "close.after_headers")
    with pytest.raises(errors.KimiConnectionError):
        run(ways, client, stream=True, resume_streams=3)
    assert len(kimi.chats) == 2


def test_structured_output_cut_in_its_text_is_not_taken_up(kimi: Emulator, client: KimiClient, ways: Any) -> None:
    kimi.fail("cut.answer")
    kimi.script(Reply('{"a": 1, "b": 2, "c": 3}'))
    with pytest.warns(KimiWarning, match="is not continued"), pytest.raises(errors.KimiConnectionError):
        run(ways, client, stream=True, resume_streams=3, response_format={"type": "json_object"})
    assert len(kimi.chats) == 1


def test_both_together_and_the_usage_that_is_known(ways: Any) -> None:
    with Emulator(brain=Continuing(thinking="Hm.")) as kimi:
        whole = run(ways, connect(kimi), stream=True)
        kimi.fail(cut_at(6))
        reply = run(ways, connect(kimi), stream=True, max_tokens=14, auto_continue=9, resume_streams=1)
        assert reply.content == TEXT
        assert reply.reasoning == "Hm."
        assert reply.usage.completion_tokens > 0
        assert reply.usage.prompt_tokens > whole.usage.prompt_tokens
        assert kimi.report == []


def test_closing_the_stream_closes_the_one_under_way(kimi: Emulator, client: KimiClient) -> None:
    clock = [1_000.0]
    store = MemoryStore(clock=lambda: clock[0], poll_seconds=0.01)
    client.account_limits = AccountLimits(concurrency=1, store=store)
    request = build_request(ChatOptions(resume_streams=1, auto_continue=1), ASK, stream=True)
    stream = chat.stream(client, request, ReplyBuilder())
    next(stream)
    stream.close()
    clock[0] += 2
    assert client.request("POST", "/chat/completions", body=build_request(ChatOptions(), ASK).body)

    async def run_async() -> None:
        deltas = chat.astream(client, request, ReplyBuilder())
        await anext(deltas)
        await deltas.aclose()
        clock[0] += 2
        assert await client.arequest("POST", "/chat/completions", body=build_request(ChatOptions(), ASK).body)

    asyncio.run(run_async())


def test_thinking_in_one_event_with_text_is_kept_out_of_a_continuation() -> None:
    from kimi_api.chat._continue import Continuation
    from kimi_api.reply import ReplyDelta

    builder = ReplyBuilder()
    continuation = Continuation(build_request(ChatOptions(auto_continue=1), ASK, stream=True), builder)
    builder.feed({"id": "1", "choices": [{"delta": {"content": "a"}, "finish_reason": "length"}]})
    assert continuation.continue_after_end()
    assert continuation.filter(ReplyDelta("b", "more thinking")) == ReplyDelta("b")
    assert continuation.filter(ReplyDelta("", "more thinking")) is None
