"""Answers in shapes that no host should send: passed over, read for what they mean, or refused in our own words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given, settings

from kimi_api.errors import KimiError, KimiReplyError
from kimi_api.reply import Reply, ReplyBuilder, ReplyDelta, parse_reply
from tests.support.odd_json import odd

LOOKUP = {"id": "lookup_0", "type": "function", "function": {"name": "lookup", "arguments": '{"a": [1]}'}}
USAGE = {"prompt_tokens": 4, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 2}}
BODY = {
    "id": "chatcmpl-1",
    "model": "kimi-k3",
    "created": 1,
    "system_fingerprint": "fp",
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "It is 5.",
                "reasoning_content": "Hm.",
                "tool_calls": [LOOKUP, {**LOOKUP, "id": "lookup_1"}],
            },
            "finish_reason": "tool_calls",
        }
    ],
    "usage": USAGE,
}
REQUEST = {
    "tools": [
        {
            "type": "function",
            "function": {
                "name": "lookup",
                "parameters": {"type": "object", "properties": {"a": {"type": "array"}}},
            },
        }
    ]
}


def event(delta: Any, **choice: Any) -> dict[str, Any]:
    """One event of a stream."""
    return {
        "id": "chatcmpl-1",
        "model": "kimi-k3",
        "created": 1,
        "system_fingerprint": "fp",
        "choices": [{"index": 0, "delta": delta, **choice}],
    }


CALLS = [
    {"index": 0, **LOOKUP, "function": {"name": "lookup", "arguments": '{"a": '}},
    {"index": 1, **LOOKUP, "id": "lookup_1"},
]
STREAM = [
    event({"role": "assistant", "content": ""}),
    event({"reasoning_content": "Hm."}),
    event({"content": "It is "}),
    event({"content": "5."}),
    event({"tool_calls": CALLS}),
    event({"tool_calls": [{"index": 0, "function": {"arguments": "[1]}"}}]}),
    event({}, finish_reason="tool_calls", usage=USAGE),
]


def read(events: list[Any], *, watched: bool = True) -> tuple[Reply, list[ReplyDelta]]:
    """The reply, and what was shown of it."""
    builder = ReplyBuilder(watched=watched)
    builder.request_body = REQUEST
    deltas = [delta for each in events if (delta := builder.feed(each)) is not None]
    return builder.finish(), deltas


def with_types_as_promised(reply: Reply) -> None:
    """What adapters build on."""
    texts = (reply.id, reply.model, reply.content, reply.reasoning_field)
    assert all(isinstance(text, str) for text in texts), texts
    optional = (reply.reasoning, reply.finish_reason, reply.system_fingerprint)
    assert all(text is None or isinstance(text, str) for text in optional), optional
    assert reply.created is None or isinstance(reply.created, int)
    for call in reply.tool_calls:
        assert isinstance(call.index, int)
        assert all(isinstance(text, str) for text in (call.id, call.name, call.arguments, call.type))


@contextmanager
def our_error_alone() -> Iterator[None]:
    """Let an error of ours pass; it shows no id of an account."""
    text = ""
    try:
        yield
    except KimiError as error:
        text = str(error)
    assert "org-abcdefgh" not in text


def only_our_errors_plain(body: Any) -> None:
    """What every plain answer is held against."""
    reply = None
    with our_error_alone():
        reply = parse_reply(body, request_body=REQUEST)
    if reply is not None:
        with_types_as_promised(reply)


def only_our_errors_streamed(events: Any, watched: bool) -> None:
    """What every stream is held against."""
    if not isinstance(events, list):
        events = [events]
    reply = None
    with our_error_alone():
        reply, _ = read(events, watched=watched)
    if reply is not None:
        with_types_as_promised(reply)


@settings(max_examples=300)
@given(body=odd(BODY))
def test_a_plain_answer_of_any_json_is_read_or_ends_in_our_error(body: Any) -> None:
    only_our_errors_plain(body)


@settings(max_examples=300)
@given(events=odd(STREAM))
def test_a_stream_of_any_json_is_read_or_ends_in_our_error(events: Any) -> None:
    only_our_errors_streamed(events, watched=True)


@pytest.mark.slow
@pytest.mark.timeout(600)
@settings(max_examples=20_000)
@given(body=odd(BODY))
def test_20000_plain_answers_of_any_json_are_read_or_end_in_our_error(body: Any) -> None:
    only_our_errors_plain(body)


@pytest.mark.slow
@pytest.mark.timeout(600)
@settings(max_examples=20_000)
@given(events=odd(STREAM))
def test_20000_streams_of_any_json_are_read_or_end_in_our_error(events: Any) -> None:
    only_our_errors_streamed(events, watched=True)
    only_our_errors_streamed(events, watched=False)


# ------------------------------------------------------------------------------------------------- passed over


@pytest.mark.parametrize(
    "between", [None, 0, 1, True, "", [], {}, {"choices": None}, {"choices": [None]}, {"choices": 7}]
)
def test_what_says_nothing_between_events_is_passed_over(between: Any) -> None:
    plain, _ = read(STREAM)
    odd_one, _ = read([between, *STREAM[:3], between, *STREAM[3:], between])
    assert odd_one == plain


@pytest.mark.parametrize("pieces", [[None, *CALLS], [*CALLS, None], [*CALLS, {}]])
def test_a_tool_call_that_is_null_is_passed_over(pieces: list[Any]) -> None:
    reply, _ = read([*STREAM[:4], event({"tool_calls": pieces}), *STREAM[5:]])
    assert [call.name for call in reply.tool_calls] == ["lookup", "lookup"]


def test_null_tool_calls_of_a_plain_answer_are_passed_over() -> None:
    body = {
        **BODY,
        "choices": [None, {"message": {"content": "x", "tool_calls": [None, LOOKUP]}, "finish_reason": "stop"}],
    }
    reply = parse_reply(body)
    assert (reply.content, [call.name for call in reply.tool_calls]) == ("x", ["lookup"])


# ------------------------------------------------------------------------------------------- read for what it means


def test_text_where_a_number_belongs_is_read_as_the_number() -> None:
    pieces = [{"index": "0", **LOOKUP, "function": {"name": "lookup", "arguments": '{"a": '}}]
    rest = [{"index": "0", "function": {"arguments": "[1]}"}}]
    reply, _ = read([event({"tool_calls": pieces}), event({"tool_calls": rest}), STREAM[-1]])
    assert [(call.index, call.arguments) for call in reply.tool_calls] == [(0, '{"a": [1]}')]


def test_a_number_where_text_belongs_is_read_as_text() -> None:
    reply = parse_reply({"id": 17, "model": 2.5, "created": "9", "choices": [{"message": {"content": 42}}]})
    assert (reply.id, reply.model, reply.created, reply.content) == ("17", "2.5", 9, "42")


def test_one_choice_and_one_call_need_no_list() -> None:
    reply = parse_reply({"choices": {"message": {"content": "x", "tool_calls": LOOKUP}, "finish_reason": "stop"}})
    assert (reply.content, [call.name for call in reply.tool_calls]) == ("x", ["lookup"])


def test_parts_of_content_that_are_bare_texts_or_null_are_read() -> None:
    reply, _ = read([event({"content": ["a", None, {"text": "b"}, {"text": 5}]}), event({}, finish_reason="stop")])
    assert reply.content == "ab"


def test_an_odd_event_adds_its_text_once() -> None:
    odd_call = {"index": [0], "id": 5, "type": 7, "function": {"name": "lookup", "arguments": {"a": [1]}}}
    reply, deltas = read([event({"content": "x", "tool_calls": [odd_call]}), event({}, finish_reason="tool_calls")])
    assert reply.content == "x"
    assert [(call.name, call.arguments, call.type) for call in reply.tool_calls] == [
        ("lookup", '{"a": [1]}', "function")
    ]
    assert "".join(delta.content for delta in deltas) == "x"


def test_a_whole_answer_in_place_of_events_is_used() -> None:
    reply, deltas = read([BODY])
    assert (reply.content, reply.reasoning, reply.finish_reason) == ("It is 5.", "Hm.", "tool_calls")
    assert [call.name for call in reply.tool_calls] == ["lookup", "lookup"]
    assert deltas[0].content == "It is 5."


# ------------------------------------------------------------------------------------------------- refused


@pytest.mark.parametrize(
    "bad",
    [
        "free text",
        ["a list"],
        {"choices": "text"},
        {"choices": ["text"]},
        event("text"),
        event(["text"]),
        event({"tool_calls": "text"}),
        event({"tool_calls": ["text"]}),
        event({"tool_calls": [{"index": 2, "function": "text"}]}),
        event({"tool_calls": [{"index": 2, "function": {"name": {"a": 1}}}]}),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_had_come(bad: Any) -> None:
    builder = ReplyBuilder({"msh-request-id": "req-1"})
    for each in STREAM[:4]:
        builder.feed(each)
    with pytest.raises(KimiReplyError, match="cannot be read") as caught:
        builder.feed(bad)
    assert (caught.value.partial.content, caught.value.partial.reasoning) == ("It is 5.", "Hm.")
    assert caught.value.request_id == "req-1"


def test_what_cannot_be_read_is_shown() -> None:
    with pytest.raises(KimiReplyError, match="tool_calls of the answer cannot be read: odd words"):
        ReplyBuilder().feed(event({"tool_calls": "odd words"}))


def test_ids_of_accounts_and_keys_are_masked_in_what_is_shown_of_a_body() -> None:
    with pytest.raises(KimiReplyError, match="no choices") as caught:
        parse_reply({"message": "Your account org-0123456789abcdef<ak-fedcba9876543210> is odd"})
    assert "0123456789abcdef" not in str(caught.value)
    assert "fedcba9876543210" not in str(caught.value)
