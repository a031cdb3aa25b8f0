"""Bodies and events -> one `Reply`, whatever shape they come in."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kimi_api import KimiReplyError, Reply, Usage
from kimi_api.errors import KimiIncompleteReplyError
from kimi_api.reply import ReplyBuilder, ReplyDelta, ToolCall, parse_reply, parse_usage, unique_id
from kimi_api.reply._odd import tidy_piece

WIRE = Path(__file__).resolve().parents[3] / "shared" / "reference" / "wire"
HEADERS = {"msh-request-id": "req-9", "x-msh-trace-id": "trace-9"}

PLAIN = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1787762060,
    "model": "kimi-k3",
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "",
                "reasoning_content": "I should look.",
                "tool_calls": [
                    {
                        "index": 0,
                        "id": "look_0",
                        "type": "function",
                        "function": {"name": "look", "arguments": '{"at": "sky"}'},
                    }
                ],
            },
            "finish_reason": "tool_calls",
        }
    ],
    "usage": {
        "prompt_tokens": 191,
        "completion_tokens": 97,
        "total_tokens": 288,
        "cached_tokens": 93,
        "prompt_tokens_details": {"cached_tokens": 93},
        "completion_tokens_details": {"reasoning_tokens": 44},
    },
}


def chunk(delta: Any = None, *, finish: str | None = None, **members: Any) -> dict[str, Any]:
    choice: dict[str, Any] = {"index": 0, "delta": {} if delta is None else delta, "finish_reason": finish}
    if "choice_usage" in members:
        choice["usage"] = members.pop("choice_usage")
    return {"id": "chatcmpl-1", "created": 1787762060, "model": "kimi-k3", "choices": [choice], **members}


def build(*events: dict[str, Any]) -> Reply:
    builder = ReplyBuilder(HEADERS)
    for event in events:
        builder.feed(event)
    return builder.finish()


def calls_of(*deltas: Any) -> list[tuple[str, str]]:
    reply = build(*[chunk({"tool_calls": pieces}) for pieces in deltas], chunk(finish="tool_calls"))
    assert len({call.id for call in reply.tool_calls}) == len(reply.tool_calls)
    assert all(call.id for call in reply.tool_calls)
    return [(call.name, call.arguments) for call in reply.tool_calls]


def piece(arguments: Any = None, *, index: int | None = None, **members: Any) -> dict[str, Any]:
    function = {k: v for k, v in {"name": members.pop("name", None), "arguments": arguments}.items() if v is not None}
    call = {**members, "function": function}
    return call if index is None else {"index": index, **call}


# ---------------------------------------------------------------------------------------------------- plain bodies


def test_a_plain_answer() -> None:
    reply = parse_reply(PLAIN, HEADERS)
    assert (reply.id, reply.model, reply.created) == ("chatcmpl-1", "kimi-k3", 1787762060)
    assert (reply.content, reply.reasoning, reply.reasoning_field) == ("", "I should look.", "reasoning_content")
    assert reply.finish_reason == "tool_calls"
    assert reply.tool_calls[0].name == "look"
    assert reply.tool_calls[0].arguments == '{"at": "sky"}'
    assert reply.usage == Usage(191, 97, 288, cached_tokens=93, reasoning_tokens=44)
    assert (reply.request_id, reply.trace_id) == ("req-9", "trace-9")
    assert not reply.out_of_budget


def test_a_call_stands_in_a_wire_message_without_the_index() -> None:
    call = parse_reply(PLAIN).tool_calls[0]
    assert call.as_dict() == {
        "id": unique_id("look_0", "chatcmpl-1"),
        "type": "function",
        "function": {"name": "look", "arguments": '{"at": "sky"}'},
    }


def answer(message: dict[str, Any], **choice: Any) -> Reply:
    return parse_reply({"id": "x", "choices": [{"message": message, "finish_reason": "stop", **choice}]})


@pytest.mark.parametrize(
    ("message", "reasoning"), [({}, None), ({"reasoning_content": ""}, ""), ({"reasoning_content": None}, None)]
)
def test_no_thinking_and_empty_thinking_are_told_apart(message: dict[str, Any], reasoning: str | None) -> None:
    assert answer({"content": "hi", **message}).reasoning == reasoning


def test_thinking_under_the_other_name_is_remembered_with_its_name() -> None:
    reply = answer({"content": "4", "reasoning": "2+2", "reasoning_content": None})
    assert (reply.reasoning, reply.reasoning_field) == ("2+2", "reasoning")


def test_content_may_come_in_parts() -> None:
    assert answer({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}).content == "ab"
    assert answer({"content": None}).content == ""


def test_an_answer_that_ended_in_its_thinking_is_out_of_budget() -> None:
    assert answer({"content": "", "reasoning_content": "hm"}, finish_reason="length").out_of_budget
    assert not answer({"content": "a"}, finish_reason="length").out_of_budget


def test_each_entry_of_a_plain_answer_is_a_call_of_its_own() -> None:
    entries = [{"function": {"name": "f", "arguments": "{}"}}, {"index": 0, "function": {"name": "g", "arguments": {}}}]
    reply = answer({"content": None, "tool_calls": [*entries, {"index": 0, "id": None, **entries[0]}]})
    assert [(call.index, call.name, call.arguments) for call in reply.tool_calls] == [
        (0, "f", "{}"),
        (1, "g", "{}"),
        (2, "f", "{}"),
    ]
    assert len({call.id for call in reply.tool_calls}) == 3


@pytest.mark.parametrize("body", [{}, {"choices": []}, {"choices": None}, [], "text", None])
def test_a_body_without_an_answer_is_an_error(body: Any) -> None:
    with pytest.raises(KimiReplyError, match="no choices") as caught:
        parse_reply(body, HEADERS)
    assert caught.value.request_id == "req-9"


# ---------------------------------------------------------------------------------------------------- usage


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14, "cached_tokens": 4},
        {"prompt_tokens": 9, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4}},
        {"prompt_tokens": 9, "completion_tokens": 5, "cached_tokens": 4, "prompt_tokens_details": {"cached_tokens": 4}},
        {"prompt_tokens": 9, "completion_tokens": 5, "cached_tokens": 4, "prompt_tokens_details": None},
    ],
)
def test_cached_tokens_are_found_in_either_place(usage: dict[str, Any]) -> None:
    assert parse_usage(usage) == Usage(9, 5, 14, cached_tokens=4)


def test_nothing_cached_is_nothing_said() -> None:
    assert parse_usage({"prompt_tokens": 9, "completion_tokens": 5}) == Usage(9, 5, 14)
    assert parse_usage(None) is None
    assert parse_usage([]) is None


def test_thinking_is_never_more_than_the_whole_answer() -> None:
    usage = parse_usage({"completion_tokens": 6000, "completion_tokens_details": {"reasoning_tokens": 6001}})
    assert usage is not None
    assert usage.reasoning_tokens == 6000


def test_cached_and_written_tokens_are_parts_of_the_prompt() -> None:
    details = {"cached_tokens": 700, "cache_write_tokens": 900}
    usage = parse_usage({"prompt_tokens": 1000, "prompt_tokens_details": details})
    assert usage == Usage(1000, 0, 1000, cached_tokens=700, cache_write_tokens=300)


@pytest.mark.parametrize("bad", [None, "many", -5, float("nan"), float("inf"), [], {}, 1e300])
@pytest.mark.parametrize("name", ["prompt_tokens", "completion_tokens", "total_tokens", "cached_tokens"])
def test_counts_that_make_no_sense_count_as_nothing(name: str, bad: Any) -> None:
    usage = parse_usage({"prompt_tokens": 9, "completion_tokens": 5, name: bad})
    assert usage is not None
    assert all(0 <= value < 20 for value in (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens))


@given(
    st.recursive(
        st.none() | st.integers() | st.floats() | st.text(max_size=3),
        lambda inner: st.dictionaries(
            st.sampled_from(
                [
                    "prompt_tokens",
                    "completion_tokens",
                    "cached_tokens",
                    "prompt_tokens_details",
                    "completion_tokens_details",
                    "reasoning_tokens",
                    "cache_write_tokens",
                ]
            ),
            inner,
        ),
        max_leaves=8,
    )
)
def test_no_usage_object_breaks_an_answer(usage: Any) -> None:
    counts = parse_usage(usage)
    if counts is not None:
        assert counts.cached_tokens + counts.cache_write_tokens <= counts.prompt_tokens
        assert counts.reasoning_tokens <= counts.completion_tokens
        assert parse_usage(counts.as_dict()) == counts or counts.total_tokens == 0


USAGE = {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}


@pytest.mark.parametrize(
    "events",
    [
        [chunk({"content": "OK"}), chunk(finish="stop", choice_usage=USAGE)],
        [
            chunk({"content": "OK"}),
            chunk(finish="stop", choice_usage=USAGE),
            {"id": "x", "choices": [], "usage": USAGE},
        ],
        [chunk({"content": "OK"}, finish="stop", usage=USAGE)],
        [
            chunk({"content": "OK"}, usage={"prompt_tokens": 10}),
            chunk(finish="stop", usage=None),
            {"choices": [], "usage": USAGE},
        ],
        [chunk({"content": "OK"}, usage=None), chunk(finish="stop", usage=None), {"choices": None, "usage": USAGE}],
    ],
    ids=["in the choice", "twice", "at the top", "growing", "after the end"],
)
def test_usage_is_counted_once_wherever_it_stands(events: list[dict[str, Any]]) -> None:
    reply = build(*events)
    assert reply.usage == Usage(10, 2, 12)
    assert reply.content == "OK"


def test_without_a_usage_event_usage_is_unknown() -> None:
    assert build(chunk({"content": "OK"}, finish="stop")).usage is None


# ---------------------------------------------------------------------------------------------------- streams


def test_a_stream_in_the_recorded_order() -> None:
    builder = ReplyBuilder()
    builder.note_headers(HEADERS)
    deltas = [
        builder.feed(event)
        for event in [
            chunk({"role": "assistant", "content": ""}, system_fingerprint="fpv0_1"),
            chunk({"reasoning_content": "The"}),
            chunk({"reasoning_content": ""}),
            chunk({"content": "Hi"}),
            chunk({"content": "!"}),
            chunk(finish="stop", choice_usage=USAGE),
            {"id": "chatcmpl-1", "choices": [], "usage": USAGE},
        ]
    ]
    assert deltas == [
        None,
        ReplyDelta(reasoning="The"),
        ReplyDelta(reasoning=""),
        ReplyDelta("Hi"),
        ReplyDelta("!"),
        None,
        None,
    ]
    assert builder.complete
    reply = builder.finish()
    assert (reply.content, reply.reasoning, reply.finish_reason) == ("Hi!", "The", "stop")
    assert (reply.system_fingerprint, reply.request_id, reply.trace_id) == ("fpv0_1", "req-9", "trace-9")
    assert builder.finish() == reply


def test_null_members_are_no_news() -> None:
    nothing = {"role": None, "content": None, "reasoning_content": None, "reasoning": None, "tool_calls": None}
    builder = ReplyBuilder()
    assert builder.feed(chunk(nothing)) is None
    assert builder.feed({**chunk(), "choices": [{"delta": None, "finish_reason": None}]}) is None
    assert builder.feed(chunk(nothing, finish="stop")) is None
    assert builder.finish().reasoning is None


def test_the_other_name_of_thinking_is_read_in_streams_too() -> None:
    reply = build(chunk({"reasoning": "hm", "content": ""}), chunk({"content": "4"}), chunk(finish="stop"))
    assert (reply.reasoning, reply.reasoning_field, reply.content) == ("hm", "reasoning", "4")


def test_a_call_goes_back_with_the_arguments_that_the_model_wrote() -> None:
    corrected = ToolCall(0, "a", "look", '{"at": ["sky"]}', "function", '{"at": "[\\"sky\\"]"}')
    assert corrected.as_dict()["function"]["arguments"] == '{"at": "[\\"sky\\"]"}'
    assert ToolCall(0, "a", "look", '{"at": "sky"}').as_dict()["function"]["arguments"] == '{"at": "sky"}'


@pytest.mark.parametrize("word", ["stop", "length", "tool_calls", "content_filter", "brand_new"])
def test_any_finish_reason_passes_through(word: str) -> None:
    assert build(chunk(finish=word)).finish_reason == word


def test_a_stream_without_a_finish_reason_is_an_error_that_says_how_much_came() -> None:
    builder = ReplyBuilder(HEADERS)
    builder.feed(chunk({"reasoning_content": "abc"}))
    builder.feed(chunk({"content": "de"}))
    with pytest.raises(KimiIncompleteReplyError, match="after 5 characters") as caught:
        builder.finish()
    assert caught.value.request_id == "req-9"
    assert builder.reply.content == "de"
    for error in (caught.value, pickle.loads(pickle.dumps(caught.value)), copy.copy(caught.value)):
        assert (error.partial.reasoning, error.partial.content, error.partial.request_id) == ("abc", "de", "req-9")


def test_a_builder_that_nobody_watches_makes_no_deltas_and_holds_nothing() -> None:
    builder = ReplyBuilder(watched=False)
    twice = json.dumps('{"x": 1}')
    first = piece("", index=0, id="a_0", name="f")
    events = [chunk({"content": "OK", "reasoning_content": "So."}), chunk({"tool_calls": [first]})]
    events += [chunk({"tool_calls": [piece(letter, index=0)]}) for letter in twice]
    events += [chunk({"tool_calls": [{"index": 1}]}), chunk({"tool_calls": [piece("", index=1, name="late")]})]
    assert [builder.feed(event) for event in [*events, chunk(finish="tool_calls")]] == [None] * (len(events) + 1)
    reply = builder.finish()
    assert (reply.content, reply.reasoning) == ("OK", "So.")
    assert [(call.name, call.arguments) for call in reply.tool_calls] == [("f", '{"x": 1}'), ("late", "")]


# ---------------------------------------------------------------------------------------------------- tool calls


def test_calls_are_joined_by_index() -> None:
    first = [piece("", index=0, id="a_0", name="f")]
    assert calls_of(first, [piece('{"x"', index=0)], [piece(":1}", index=0)]) == [("f", '{"x":1}')]


def test_pieces_of_two_calls_may_come_in_turn() -> None:
    assert calls_of(
        [piece("{", index=0, id="a", name="f")],
        [piece("[", index=1, id="b", name="g")],
        [piece("}", index=0)],
        [piece("]", index=1)],
    ) == [("f", "{}"), ("g", "[]")]


def test_several_calls_may_come_in_one_event_and_out_of_order() -> None:
    assert calls_of([piece("[]", index=1, id="b", name="g"), piece("{}", index=0, id="a", name="f")]) == [
        ("f", "{}"),
        ("g", "[]"),
    ]


def test_without_an_index_an_id_begins_a_call_and_its_absence_goes_on_with_it() -> None:
    assert calls_of([piece("{", id="a", name="f")], [piece("}")], [piece("[", id="b", name="g")], [piece("]")]) == [
        ("f", "{}"),
        ("g", "[]"),
    ]


def test_without_an_index_a_known_id_without_a_name_goes_on_with_its_call() -> None:
    assert calls_of(
        [piece("{", id="a", name="f"), piece("[", id="b", name="g")], [piece("}", id="a")], [piece("]", id="b")]
    ) == [("f", "{}"), ("g", "[]")]


def test_without_index_and_id_a_second_name_begins_a_second_call() -> None:
    assert calls_of([piece("{}", name="f"), piece("[]", name="g")]) == [("f", "{}"), ("g", "[]")]


@pytest.mark.parametrize("call_id", [None, "", "same_0"])
def test_blank_and_repeated_ids_become_distinct(call_id: str | None) -> None:
    assert calls_of([piece("{}", index=0, id=call_id, name="f")], [piece("[]", index=1, id=call_id, name="f")]) == [
        ("f", "{}"),
        ("f", "[]"),
    ]


def test_a_name_may_come_late() -> None:
    assert calls_of([piece("", index=0, id="a")], [piece("{}", index=0, name="f")]) == [("f", "{}")]
    assert calls_of([piece("{", id="a")], [piece("}", name="f")]) == [("f", "{}")]


def test_arguments_may_be_an_object() -> None:
    assert calls_of([piece({"城": 1}, index=0, id="a", name="f")]) == [("f", '{"城": 1}')]
    assert calls_of([piece({}, index=0, id="a", name="f")]) == [("f", "{}")]


def test_only_a_calls_first_piece_carries_its_id_and_name() -> None:
    builder = ReplyBuilder()
    first = builder.feed(chunk({"tool_calls": [piece("{", index=0, id="a", name="f", type="builtin_function")]}))
    later = builder.feed(chunk({"tool_calls": [piece("}", index=0)]}))
    assert first is not None
    assert later is not None
    assert (first.tool_calls[0].id, first.tool_calls[0].name) == (unique_id("a", "chatcmpl-1"), "f")
    assert (later.tool_calls[0].id, later.tool_calls[0].name, later.tool_calls[0].arguments) == ("", "", "}")
    assert builder.tool_calls[0].arguments == "{}"
    assert builder.tool_calls[0].type == "builtin_function"


def test_the_same_answer_gives_the_same_ids_and_another_turn_gives_others() -> None:
    again = {**PLAIN, "id": "chatcmpl-2"}
    assert parse_reply(PLAIN).tool_calls[0].id == parse_reply(PLAIN).tool_calls[0].id
    assert parse_reply(PLAIN).tool_calls[0].id != parse_reply(again).tool_calls[0].id


def test_answers_without_an_id_of_their_own_give_distinct_ids_too() -> None:
    anonymous = {**PLAIN, "id": ""}
    assert parse_reply(anonymous).tool_calls[0].id != parse_reply(anonymous).tool_calls[0].id


@given(st.text(max_size=80), st.text(min_size=1, max_size=40))
def test_an_id_has_at_most_64_characters(call_id: str, reply_id: str) -> None:
    assert len(unique_id(call_id, reply_id)) <= 64


# ---------------------------------------------------------------------------------------------------- both ways alike

names = st.sampled_from(["look", "get_weather", "$web_search"])
wire_calls = st.lists(
    st.tuples(st.sampled_from(["look_0", "t-1", "", "look_0"]), names, st.text(max_size=12)), max_size=3
)


def cut(data: st.DataObject, text: str) -> list[str]:
    at = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=4)))
    return [text[a:b] for a, b in zip([0, *at], [*at, len(text)], strict=True)]


@settings(deadline=None)
@given(
    data=st.data(),
    content=st.text(max_size=30),
    reasoning=st.none() | st.text(max_size=30),
    calls=wire_calls,
    finish=st.sampled_from(["stop", "length", "tool_calls", "odd"]),
    usage=st.none() | st.just(PLAIN["usage"]),
    in_choice=st.booleans(),
    interleave=st.booleans(),
)
def test_however_an_answer_is_cut_into_deltas_the_reply_is_the_same(
    data: st.DataObject,
    content: str,
    reasoning: str | None,
    calls: list[tuple[str, str, str]],
    finish: str,
    usage: Any,
    in_choice: bool,
    interleave: bool,
) -> None:
    message: dict[str, Any] = {"role": "assistant", "content": content}
    if reasoning is not None:
        message["reasoning_content"] = reasoning
    if calls:
        message["tool_calls"] = [
            {"index": i, "id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
            for i, (call_id, name, arguments) in enumerate(calls)
        ]
    body = {"id": "chatcmpl-1", "created": 1787762060, "model": "kimi-k3"}
    plain = parse_reply({**body, "choices": [{"message": message, "finish_reason": finish}], "usage": usage})

    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    if reasoning is not None:
        deltas += [{"reasoning_content": text} for text in cut(data, reasoning)]
    deltas += [{"content": text} for text in cut(data, content)]
    firsts = [
        [{"index": i, "id": call_id, "type": "function", "function": {"name": name, "arguments": ""}}]
        for i, (call_id, name, _) in enumerate(calls)
    ]
    rests = [
        [[{"index": i, "function": {"arguments": text}}] for text in cut(data, arguments)]
        for i, (_, _, arguments) in enumerate(calls)
    ]
    if interleave:
        longest = max((len(rest) for rest in rests), default=0)
        pieces = firsts + [rest[k] for k in range(longest) for rest in rests if k < len(rest)]
    else:
        pieces = [p for first, rest in zip(firsts, rests, strict=True) for p in [first, *rest]]
    deltas += [{"tool_calls": p} for p in pieces]
    events = [chunk(delta) for delta in deltas]
    events.append(chunk(finish=finish, **({"choice_usage": usage} if usage and in_choice else {})))
    if usage:
        events.append({**body, "choices": [], "usage": usage})

    builder = ReplyBuilder()
    visible = [delta for delta in map(builder.feed, events) if delta is not None]
    streamed = builder.finish()
    assert streamed == plain
    unwatched = ReplyBuilder(watched=False)
    assert [unwatched.feed(event) for event in events] == [None] * len(events)
    assert unwatched.finish() == plain
    assert "".join(delta.content for delta in visible) == content
    assert "".join(delta.reasoning or "" for delta in visible) == (reasoning or "")
    assert len([p for delta in visible for p in delta.tool_calls if p.id]) == len(calls)


# ---------------------------------------------------------------------------------------------------- recordings

RECORDINGS = sorted(WIRE.glob("*.json")) if WIRE.is_dir() else []


@pytest.mark.skipif(not RECORDINGS, reason="the recordings are not on this machine")
@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_recorded_answers_are_read_whole(path: Path) -> None:
    recorded = json.loads(path.read_text("utf-8"))
    if "sse_lines" in recorded:
        builder = ReplyBuilder()
        events = [
            json.loads(line[5:]) for line in recorded["sse_lines"] if line.startswith("data:") and "[DONE]" not in line
        ]
        for event in events:
            builder.feed(event)
        reply = builder.finish()
        assert reply.content or reply.tool_calls
    elif "choices" in (recorded.get("response_body") or {}):
        reply = parse_reply(recorded["response_body"])
        message = recorded["response_body"]["choices"][0]["message"]
        assert reply.content == (message.get("content") or "")
        assert reply.reasoning == message.get("reasoning_content", message.get("reasoning"))
        assert len(reply.tool_calls) == len(message.get("tool_calls") or [])
        assert reply.usage is not None
        assert reply.usage.prompt_tokens > 0
    else:
        return
    assert reply.finish_reason
    for call in reply.tool_calls:
        json.loads(call.arguments)


def test_a_body_without_choices_is_quoted() -> None:
    with pytest.raises(KimiReplyError, match=r"holds no choices: \{'message': 'no such route'\}"):
        parse_reply({"message": "no such route"})


def test_a_whole_body_that_calls_its_message_delta_is_read() -> None:
    assert parse_reply({"choices": [{"delta": {"content": "x"}, "finish_reason": "stop"}]}).content == "x"


@pytest.mark.parametrize(
    ("piece", "text"),
    [
        (5, "a tool call of the answer cannot be read: 5."),
        ({"function": 5}, "the function of a tool call of the answer cannot be read: 5."),
        ({"function": {"name": 5}}, "the name of a tool call of the answer cannot be read: 5."),
    ],
)
def test_what_cannot_be_read_of_a_tool_call_is_quoted(piece: Any, text: str) -> None:
    with pytest.raises(KimiReplyError) as caught:
        tidy_piece(piece)
    assert str(caught.value).startswith(text)


def test_a_piece_with_an_odd_index_keeps_its_kind() -> None:
    search = {"index": "0", "id": "a", "type": "builtin_function", "function": {"name": "$web_search"}}
    (one,) = build(chunk({"tool_calls": [search]}), chunk(finish="tool_calls")).tool_calls
    assert (one.index, one.type) == (0, "builtin_function")


@pytest.mark.parametrize("name", ["x-msh-trace-id", "x-trace-id"])
def test_the_trace_id_is_read_under_either_name(name: str) -> None:
    builder = ReplyBuilder()
    builder.note_headers({name: "trace-1"})
    assert builder.reply.trace_id == "trace-1"
