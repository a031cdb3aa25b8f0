"""What hosts send in place of a stream: whole answers as JSON, errors that do not call themselves so, cut bodies."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest

from kimi_api import KimiClient, KimiError, KimiReplyError, Reply, chat, errors
from kimi_api.options import ChatOptions
from kimi_api.reply import ReplyBuilder
from kimi_api.request import build_request

RawServer = Ways = Any  # the fixtures `raw` and `ways` of conftest.py
CALL = {"index": 0, "id": "f_0", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5, "prompt_tokens_details": {"cached_tokens": 1}}
TOOL = {
    "type": "function",
    "function": {"name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "array"}}}},
}
MESSAGE = {"role": "assistant", "content": "hello", "reasoning_content": "hm", "tool_calls": [CALL]}
BODY = {
    "id": "c1",
    "object": "chat.completion",
    "created": 1,
    "model": "kimi-k3",
    "system_fingerprint": "fp",
    "choices": [{"index": 0, "message": MESSAGE, "finish_reason": "tool_calls"}],
    "usage": USAGE,
}
REQUEST = build_request(ChatOptions(), [{"role": "user", "content": "hello"}], stream=True)


def event(delta: Any = None, *, finish: str | None = None, **members: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": {} if delta is None else delta, "finish_reason": finish}
    return {
        "id": "c1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "kimi-k3",
        "choices": [choice],
        **members,
    }


EVENTS = [
    event({"role": "assistant", "content": ""}),
    event({"reasoning_content": "hm"}),
    event({"content": "hel"}),
    event({"content": "lo"}),
    event({"tool_calls": [CALL]}),
    event({"tool_calls": [{"index": 0, "function": {"arguments": " "}}]}),
    event(finish="tool_calls"),
    {"id": "c1", "choices": [], "usage": USAGE},
]


def build(events: list[Any], *, watched: bool = True) -> Reply:
    builder = ReplyBuilder(watched=watched)
    builder.request_body = {"tools": [TOOL]}
    for each in events:
        builder.feed(each)
        assert all(isinstance(call.arguments, str) for call in builder.tool_calls)
    return builder.finish()


@pytest.mark.parametrize(
    "odd", [{"object": "error", "message": "busy", "code": 500}, {"message": "busy"}, {"detail": "busy"}], ids=str
)
def test_an_error_that_does_not_call_itself_one_keeps_its_words(odd: Any) -> None:
    builder = ReplyBuilder()
    builder.feed(EVENTS[2])
    with pytest.raises(KimiReplyError, match="busy") as caught:
        builder.feed(odd)
    assert caught.value.partial.content == "hel"
    assert str(caught.value).startswith("the host broke off its answer: busy. Send the request again")


def test_an_error_without_words_is_quoted() -> None:
    with pytest.raises(KimiReplyError) as caught:
        ReplyBuilder().feed({"object": "error", "code": 500})
    assert str(caught.value).startswith("the host broke off its answer: {'object': 'error', 'code': 500}. Send")


# ---------------------------------------------------------------------------------------------------- over the wire


@pytest.mark.parametrize(
    "framing",
    [
        ("application/json", "{}"),
        ("application/json; charset=utf-8", "\ufeff{}"),
        ("application/json", "data: {}\n\ndata: [DONE]\n\n"),
        ("text/event-stream", "{}"),
        ("text/event-stream", "{}\n\n"),
        ("text/event-stream", "data: {}\n\ndata: [DONE]\n\n"),
        ("text/event-stream", "data: {}"),
        ("text/plain", "\n{}"),
        ("", "{}"),
    ],
    ids=str,
)
@pytest.mark.parametrize("indent", [None, 1])
def test_a_whole_answer_in_place_of_a_stream_is_used(
    ways: Ways, raw: RawServer, raw_client: KimiClient, framing: tuple[str, str], indent: int | None
) -> None:
    kind, frame = framing
    if indent and "data:" in frame:
        pytest.skip("a data field has one line")
    body = {
        **BODY,
        "choices": [{**BODY["choices"][0], "message": {**MESSAGE, "tool_calls": None}, "finish_reason": "stop"}],
    }  # type: ignore[dict-item]
    raw.say(raw.http(200, frame.replace("{}", json.dumps(body, indent=indent)), kind=kind))
    builder = ReplyBuilder()
    deltas = ways.collect(chat.stream, chat.astream, raw_client, REQUEST, builder)
    assert [(delta.reasoning, delta.content) for delta in deltas] == [("hm", "hello")]
    reply = chat.settle(builder, REQUEST)
    assert reply == ways.call(chat.complete, chat.acomplete, raw_client, REQUEST)
    assert (reply.content, reply.reasoning, reply.usage and reply.usage.completion_tokens) == ("hello", "hm", 2)
    assert len(raw.requests) == 2


def test_a_whole_answer_with_calls_is_shown_as_a_stream_is() -> None:
    twice = {**CALL, "index": 0, "function": {"name": "f", "arguments": json.dumps({"a": "[1]"})}}
    builder = ReplyBuilder()
    builder.request_body = {"tools": [TOOL]}
    delta = builder.feed({"choices": [{"message": {"content": "x", "tool_calls": [CALL, twice]}}]})
    assert delta is not None
    texts = {index: "".join(p.arguments for p in delta.tool_calls if p.index == index) for index in (0, 1)}
    assert texts == {0: '{"a": 1}', 1: '{"a": [1]}'}
    assert [call.arguments for call in builder.finish().tool_calls] == list(texts.values())


def test_a_message_that_repeats_what_came_in_pieces_is_not_read_twice() -> None:
    last = {"id": "c1", "choices": [{"message": {"content": "hello"}, "finish_reason": "stop"}]}
    assert build([*EVENTS[:4], last]).content == "hello"


def test_a_whole_answer_after_pieces_is_one_that_a_continued_stream_got() -> None:
    """It says itself that it is whole: the second request of a continued answer may be answered at once."""
    whole = {"object": "chat.completion", "choices": [{"message": {"content": "lo"}, "finish_reason": "stop"}]}
    assert build([*EVENTS[:3], whole]).content == "hello"


@pytest.mark.parametrize("body", [{"choices": [{}]}, {"choices": []}, {"answer": "hello"}, [], 7, "hello"], ids=str)
def test_json_without_an_answer_is_no_stream_and_not_asked_for_again(
    ways: Ways, raw: RawServer, raw_client: KimiClient, body: Any
) -> None:
    raw.say(raw.http(200, body))
    with pytest.raises(errors.KimiServerError, match="expected an event stream, got application/json") as caught:
        ways.collect(chat.stream, chat.astream, raw_client, REQUEST, ReplyBuilder())
    assert json.dumps(body)[1:5] in str(caught.value)
    assert len(raw.requests) == 1


def test_a_whole_answer_that_is_cut_is_paid_for_and_not_asked_for_again(
    ways: Ways, raw: RawServer, raw_client: KimiClient
) -> None:
    text = json.dumps(BODY)
    raw.say(f"{raw.OK_HEAD}Content-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n{text[:50]}")
    with pytest.raises(errors.KimiConnectionError):
        ways.collect(chat.stream, chat.astream, raw_client, REQUEST, ReplyBuilder())
    assert len(raw.requests) == 1


@pytest.mark.parametrize("text", ["[" * 100_000, '{"id": ' + "1" * 5_000 + "}"], ids=["deep", "digits"])
@pytest.mark.parametrize("streamed", [False, True])
def test_json_that_python_will_not_read_is_our_error(
    ways: Ways, raw: RawServer, raw_client: KimiClient, waits: list[float], text: str, streamed: bool
) -> None:
    raw.say(raw.SSE_HEAD + f"data: {text}\n\n" if streamed else raw.http(200, text))
    send = ways.stream if streamed else partial(ways.request, method="POST")
    with pytest.raises(KimiError, match="not JSON"):
        send(raw_client, path="/chat/completions", body={"model": "kimi-k3"})
