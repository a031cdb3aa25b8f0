"""What is sent again, how often, after how long: counted where the requests arrive."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import sys
import time
import weakref
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kimi_api import KimiClient, chat, errors, retry
from kimi_api._transport.sdk.compat import transport
from kimi_api.options import ChatOptions
from kimi_api.reply import ReplyBuilder
from kimi_api.request import ChatRequest, build_request

RawServer = Ways = Any  # the fixtures `raw` and `ways` of conftest.py
CHAT = "/chat/completions"
BODY = {"model": "kimi-k3", "messages": [{"role": "user", "content": "hello"}]}
ANSWER = {"id": "c1", "choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]}


def refusal(kind: str, message: str = "no") -> dict[str, Any]:
    return {"error": {"message": message, "type": kind}}


def send(ways: Ways, client: KimiClient, streamed: bool, **call: Any) -> Any:
    if streamed:
        return ways.stream(client, CHAT, body=BODY, **call)
    return ways.request(client, "POST", CHAT, body=BODY, **call)


# ---------------------------------------------------------------------------------------------------- how often


@pytest.mark.parametrize("retries", [0, 1, 2, 5])
def test_n_retries_are_n_plus_one_requests(
    ways: Ways, raw: RawServer, raw_client: KimiClient, waits: list[float], retries: int
) -> None:
    raw.say(raw.http(429, refusal("engine_overloaded_error")))
    with pytest.raises(errors.KimiOverloadedError):
        ways.request(raw_client, "POST", CHAT, body=BODY, max_retries=retries)
    assert len(raw.requests) == retries + 1


def test_the_clients_own_number_counts_where_the_call_names_none(
    ways: Ways, raw: RawServer, waits: list[float]
) -> None:
    client = KimiClient(api_key="sk-x", base_url=raw.base_url, max_retries=1)
    raw.say(raw.http(503, {}))
    with pytest.raises(errors.KimiServerError):
        ways.stream(client, CHAT, body=BODY)
    assert len(raw.requests) == 2


def test_a_success_ends_the_tries(ways: Ways, raw: RawServer, raw_client: KimiClient, waits: list[float]) -> None:
    raw.say(
        raw.http(500, refusal("server_error")),
        raw.http(429, refusal("rate_limit_reached_error")),
        raw.http(200, ANSWER),
    )
    assert ways.request(raw_client, "POST", CHAT, body=BODY).body == ANSWER
    assert len(raw.requests) == 3


@pytest.mark.parametrize(
    ("status", "kind", "message"),
    [
        (429, "exceeded_current_quota_error", "suspended due to insufficient balance"),
        (403, "exceeded_current_quota_error", "not active"),
        (429, "rate_limit_reached_error", "request reached organization TPD rate limit, current: 1, limit: 1"),
        (400, "invalid_request_error", "bad"),
        (401, "invalid_authentication_error", "bad"),
        (404, "resource_not_found_error", "bad"),
        (413, "invalid_request_error", "Request exceeds the maximum size"),
        (500, "", "extract task failed: failed"),
        (504, "", "Gateway Time-out"),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_what_would_fail_or_cost_again_is_sent_once(
    ways: Ways, raw: RawServer, raw_client: KimiClient, status: int, kind: str, message: str, streamed: bool
) -> None:
    raw.say(raw.http(status, refusal(kind, message)))
    with pytest.raises(errors.KimiStatusError):
        send(ways, raw_client, streamed)
    assert len(raw.requests) == 1


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 529])
def test_what_passes_is_sent_again(
    ways: Ways, raw: RawServer, raw_client: KimiClient, waits: list[float], status: int
) -> None:
    raw.say(raw.http(status, {}), raw.http(200, ANSWER))
    assert ways.request(raw_client, "POST", CHAT, body=BODY).body == ANSWER


# ---------------------------------------------------------------------------------------------------- time-outs


def silence(sock: socket.socket) -> None:
    time.sleep(1.2)


@pytest.mark.parametrize("streamed", [False, True])
def test_a_read_timeout_is_not_repeated_because_the_answer_may_have_been_paid_for(
    ways: Ways, raw: RawServer, raw_client: KimiClient, streamed: bool
) -> None:
    raw.say(silence)
    with pytest.raises(errors.KimiTimeoutError, match="no answer in time") as caught:
        send(ways, raw_client, streamed, timeout=0.3)
    assert not caught.value.retryable
    assert "stream long calls" in caught.value.hint
    assert len(raw.requests) == 1


@pytest.mark.parametrize("name", ["ConnectTimeout", "ConnectError", "PoolTimeout"])
def test_where_no_connection_was_had_nothing_can_be_paid_twice(
    ways: Ways, raw: RawServer, waits: list[float], name: str
) -> None:
    library = transport()
    tries = []

    def handle(request: Any) -> Any:
        tries.append(request)
        if len(tries) < 3:
            raise getattr(library, name)("not today", request=request)
        return library.Response(200, json=ANSWER)

    mock = library.MockTransport(handle)
    client = KimiClient(
        api_key="sk-x",
        base_url="https://h/v1",
        http_client=library.Client(transport=mock),
        async_http_client=library.AsyncClient(transport=mock),
    )
    assert ways.request(client, "POST", CHAT, body=BODY).body == ANSWER
    assert len(tries) == 3


def test_a_connection_that_breaks_before_the_answer_is_tried_again(
    ways: Ways, raw: RawServer, raw_client: KimiClient, waits: list[float]
) -> None:
    raw.say(lambda sock: sock.close(), raw.http(200, ANSWER))
    assert ways.request(raw_client, "POST", CHAT, body=BODY).body == ANSWER
    assert len(raw.requests) == 2


# ---------------------------------------------------------------------------------------------------- how long


@given(st.integers(1, 5000), st.none() | st.floats(0, 100), st.floats(0, 1))
def test_a_wait_grows_to_a_minute_and_is_never_shorter_than_asked(
    attempt: int, retry_after: float | None, jitter: float
) -> None:
    wait = retry.wait_seconds(attempt, retry_after, jitter)
    assert wait >= (retry_after or 0)
    assert wait <= max(retry.LONGEST_WAIT, retry_after or 0)
    assert wait >= min(retry.FIRST_WAIT * 2 ** min(attempt - 1, 20), retry.LONGEST_WAIT) / 2


def test_waits_grow() -> None:
    assert [retry.wait_seconds(n, jitter=0.0) for n in range(1, 9)] == [0.5, 1, 2, 4, 8, 16, 32, 60]


def test_retry_after_is_honoured(ways: Ways, raw: RawServer, raw_client: KimiClient, waits: list[float]) -> None:
    headers = {"Retry-After": "7"}
    raw.say(raw.http(429, refusal("rate_limit_reached_error"), headers=headers), raw.http(200, ANSWER))
    ways.request(raw_client, "POST", CHAT, body=BODY)
    assert waits == [7.0]


@pytest.mark.parametrize("seconds", ["3600", "inf"])
def test_a_server_that_asks_for_hours_is_not_waited_for(
    ways: Ways, raw: RawServer, raw_client: KimiClient, seconds: str
) -> None:
    raw.say(raw.http(429, refusal("rate_limit_reached_error"), headers={"Retry-After": seconds}))
    with pytest.raises(errors.KimiRateLimitError) as caught:
        ways.request(raw_client, "POST", CHAT, body=BODY)
    assert caught.value.retry_after == float(seconds)
    assert len(raw.requests) == 1


def test_waiting_really_waits(raw: RawServer, raw_client: KimiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.2)
    raw.say(raw.http(503, {}), raw.http(200, ANSWER))
    began = time.monotonic()
    raw_client.request("POST", CHAT, body=BODY)
    assert time.monotonic() - began >= 0.1


def test_an_asynchronous_wait_lets_other_tasks_run(
    raw: RawServer, raw_client: KimiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.3)
    raw.say(raw.http(503, {}), raw.http(200, ANSWER))

    async def run() -> int:
        task = asyncio.create_task(raw_client.arequest("POST", CHAT, body=BODY))
        ticks = 0
        while not task.done():
            await asyncio.sleep(0.01)
            ticks += 1
        await task
        return ticks

    assert asyncio.run(run()) > 5


# ---------------------------------------------------------------------------------------------------- streams


def test_a_stream_is_sent_again_while_nothing_came(
    ways: Ways, raw: RawServer, raw_client: KimiClient, waits: list[float]
) -> None:
    cut = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    overloaded = raw.SSE_HEAD + raw.sse({"error": {"type": "engine_overloaded_error", "message": "busy"}})
    whole = raw.SSE_HEAD + raw.sse(raw.event(delta={"content": "hi"}), raw.event(finish_reason="stop"))
    raw.say(raw.http(503, {}), cut, whole)
    assert len(ways.stream(raw_client, CHAT, body=BODY)) == 2
    raw.say(overloaded, whole)
    assert len(ways.stream(raw_client, CHAT, body=BODY)) == 2
    assert len(raw.requests) == 2


def chunked_body(*texts: str, end: bool) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    parts = [text.encode() for text in texts]
    return head + b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + (b"0\r\n\r\n" if end else b"")


def test_a_stream_is_not_sent_again_once_an_event_came(ways: Ways, raw: RawServer, raw_client: KimiClient) -> None:
    raw.say(chunked_body(raw.sse(raw.event(delta={"content": "hi"}), done=False), end=False))
    with pytest.raises(errors.KimiConnectionError):
        ways.stream(raw_client, CHAT, body=BODY)
    assert len(raw.requests) == 1


REQUEST: ChatRequest = build_request(ChatOptions(), [{"role": "user", "content": "hello"}], stream=True)


def test_an_answer_that_has_finished_is_whole_whatever_follows(
    ways: Ways, raw: RawServer, raw_client: KimiClient
) -> None:
    usage = {"id": "c1", "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}}
    text = raw.sse(raw.event(delta={"content": "hi"}), raw.event(finish_reason="stop"), done=False)
    after = [
        chunked_body(text, end=False),  # the connection breaks
        chunked_body(text, end=True),  # no usage, no [DONE]
        chunked_body(text + raw.sse(usage, done=False), end=False),
        chunked_body(text + raw.sse({"error": {"message": "too late", "type": "server_error"}}), end=True),
        chunked_body(text + "data: {broken\n\n", end=True),
    ]
    for answer in after:
        raw.say(answer)
        builder = ReplyBuilder()
        deltas = ways.collect(chat.stream, chat.astream, raw_client, REQUEST, builder)
        reply = chat.settle(builder, REQUEST)
        assert (reply.content, reply.finish_reason) == ("hi", "stop")
        assert [delta.content for delta in deltas] == ["hi"]
        assert len(raw.requests) == 1
        assert (reply.usage is not None) == (b"prompt_tokens" in answer)


def test_a_stream_that_ends_early_is_incomplete(ways: Ways, raw: RawServer, raw_client: KimiClient) -> None:
    for ending in (
        raw.sse(raw.event(delta={"content": "hi"})),
        raw.sse(raw.event(delta={"content": "hi"}), done=False),
    ):
        raw.say(chunked_body(ending, end=True))
        builder = ReplyBuilder()
        ways.collect(chat.stream, chat.astream, raw_client, REQUEST, builder)
        with pytest.raises(errors.KimiIncompleteReplyError, match="2 characters"):
            chat.settle(builder, REQUEST)
        assert len(raw.requests) == 1


EMPTY_STREAMS = ["", "data: [DONE]\n\n", ": ping\n\n", "data: null\n\n", "data: null\n\ndata: [DONE]\n\n", "\ufeff\n\n"]


@pytest.mark.parametrize("nothing", EMPTY_STREAMS)
def test_a_stream_that_ends_before_its_first_event_is_asked_for_again(
    ways: Ways, raw: RawServer, raw_client: KimiClient, waits: list[float], nothing: str
) -> None:
    answer = raw.sse(raw.event(delta={"content": "hi"}), raw.event(finish_reason="stop"))
    raw.say(raw.SSE_HEAD + nothing, raw.SSE_HEAD + nothing, raw.SSE_HEAD + answer)
    builder = ReplyBuilder()
    ways.collect(chat.stream, chat.astream, raw_client, REQUEST, builder, max_retries=2)
    assert (chat.settle(builder, REQUEST).content, len(raw.requests), len(waits)) == ("hi", 3, 2)
    raw.say(raw.SSE_HEAD + nothing, raw.SSE_HEAD + answer)
    assert ways.call(chat.complete, chat.acomplete, raw_client, REQUEST).content == "hi"


@pytest.mark.parametrize("options", [{}, {"resume_streams": 2}, {"auto_continue": 2}])
def test_streams_without_any_event_are_an_error_in_the_end(
    ways: Ways, raw: RawServer, raw_client: KimiClient, waits: list[float], options: dict[str, int]
) -> None:
    raw.say(raw.SSE_HEAD)
    request = replace(REQUEST, **options)  # type: ignore[arg-type]
    with pytest.raises(
        errors.KimiIncompleteReplyError, match=r"before its first event.*Send the request again"
    ) as caught:
        ways.collect(chat.stream, chat.astream, raw_client, request, ReplyBuilder(), max_retries=1)
    assert (caught.value.request_id, caught.value.partial, len(raw.requests)) == ("req-1", None, 2)
    with pytest.raises(errors.KimiIncompleteReplyError, match="before its first event"):
        ways.call(chat.complete, chat.acomplete, raw_client, request, max_retries=0)


# ---------------------------------------------------------------------------------------------------- odd packets

TEXT = "想\u2028法 \u0085 line\u2029end 🌕"


def odd_streams(raw: RawServer) -> dict[str, bytes]:
    events = [raw.event(delta={"content": TEXT}), raw.event(finish_reason="stop")]
    text = raw.sse(*events)
    return {
        "plain": text.encode(),
        "crlf": text.replace("\n", "\r\n").encode(),
        "cr": text.replace("\n", "\r").encode(),
        "no space": text.replace("data: ", "data:").encode(),
        "comments": (": keep-alive\n\n" + text.replace("\n\n", "\n\n: ping\n\n")).encode(),
        "event names": ("event: message\nid: 1\nretry: 5\n" + text).encode(),
        "no blank line at the end": text.rstrip("\n").encode() + b"\n\n",
        "escaped": raw.sse(*[json.dumps(item) for item in events]).encode(),
    }


@pytest.mark.parametrize("size", [1, 7, 100_000], ids=lambda size: f"{size} bytes a packet")
def test_separators_comments_and_split_characters_change_nothing(
    ways: Ways, raw: RawServer, raw_client: KimiClient, size: int
) -> None:
    for name, data in odd_streams(raw).items():

        def send(sock: socket.socket, data: bytes = data) -> None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.sendall(raw.SSE_HEAD.encode())
            for start in range(0, len(data), size):
                sock.sendall(data[start : start + size])

        raw.say(send)
        builder = ReplyBuilder()
        ways.collect(chat.stream, chat.astream, raw_client, REQUEST, builder)
        assert chat.settle(builder, REQUEST).content == TEXT, name


# ---------------------------------------------------------------------------------------------------- the loop itself


def run(ways: Ways, outcomes: list[Any], retries: retry.Retries) -> tuple[Any, int]:
    """What `retry.run` makes of work with these outcomes, and how often it was done."""
    calls: list[int] = []

    def work() -> Any:
        calls.append(1)
        outcome = outcomes.pop(0)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    async def awork() -> Any:
        return work()

    if ways.name == "sync":
        return retry.run(work, retries), len(calls)
    return asyncio.run(retry.arun(awork, retries)), len(calls)


def passing(text: str = "busy") -> errors.KimiError:
    error = errors.KimiReplyError(text)
    error.retryable = True
    return error


def test_work_that_succeeds_needs_no_retry_library(ways: Ways, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tenacity", None)
    assert run(ways, ["done"], retry.Retries(2)) == ("done", 1)


@pytest.mark.parametrize("failures", [1, 2, 5])
def test_each_failure_uses_up_one_retry(ways: Ways, waits: list[float], failures: int) -> None:
    retries = retry.Retries(5)
    assert run(ways, [*(passing() for _ in range(failures)), "done"], retries) == ("done", failures + 1)
    assert (retries.used, retries.left) == (failures, 5 - failures)
    assert len(waits) == failures


def test_the_last_failure_is_the_one_that_is_raised(ways: Ways, waits: list[float]) -> None:
    with pytest.raises(errors.KimiReplyError, match="third") as caught:
        run(ways, [passing("first"), passing("second"), passing("third")], retry.Retries(2))
    assert caught.value.__context__ is None


@pytest.mark.parametrize("failure", [ValueError("bad"), KeyboardInterrupt(), errors.KimiReplyError("final")])
def test_a_failure_that_does_not_pass_is_raised_at_once(ways: Ways, waits: list[float], failure: BaseException) -> None:
    with pytest.raises(type(failure)) as caught:
        run(ways, [failure, "never"], retry.Retries(2))
    assert caught.value is failure
    assert waits == []


def test_the_first_failure_is_not_kept_alive_after_a_success(waits: list[float]) -> None:
    error = passing()
    watcher = weakref.ref(error)
    outcomes: list[Any] = [error, "done"]
    del error

    def work() -> Any:
        outcome = outcomes.pop(0)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    assert retry.run(work, retry.Retries(1)) == "done"
    gc.collect()
    assert watcher() is None
