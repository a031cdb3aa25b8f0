"""Replies -> messages, and back to the very same wire message."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs.chat_generation import merge_chat_generation_chunks

from kimi_api import Reply, ToolCall, Usage
from kimi_api.reply import ReplyBuilder, parse_reply
from langchain_kimi._from_reply import delta_to_chunk, last_chunk, message_to_reply, reply_to_message, usage_metadata
from langchain_kimi._to_wire import assistant_to_wire

UNREADABLE = "unreadable_arguments"
texts = st.text(max_size=40)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
spelt = st.builds(
    lambda value, indent, ascii_only: json.dumps(value, indent=indent, ensure_ascii=ascii_only),
    st.dictionaries(texts, values, max_size=4),
    st.sampled_from([None, 1]),
    st.booleans(),
)
broken = texts.filter(bool)
calls = st.lists(
    st.fixed_dictionaries({"name": st.sampled_from(["f", "$web_search"]), "arguments": spelt | broken}),
    max_size=3,
)


@st.composite
def wire_messages(draw: Any) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": draw(texts)}
    if draw(st.booleans()):
        message[draw(st.sampled_from(["reasoning_content", "reasoning"]))] = draw(texts)
    functions = draw(calls)
    if functions:
        kinds = ["function", "builtin_function"]
        message["tool_calls"] = [
            {"id": f"{c['name']}_{i}", "type": draw(st.sampled_from(kinds)), "function": c}
            for i, c in enumerate(functions)
        ]
    return message


def sent_back(raw: dict[str, Any]) -> dict[str, Any]:
    """A turn as it goes back: what nobody can read stands inside an object, and no arguments are an empty one."""

    def text(arguments: str) -> str:
        if arguments.isspace():
            return "{}"
        try:
            value = json.loads(arguments, strict=False)
        except ValueError:
            value = None
        return arguments if isinstance(value, dict) else json.dumps({UNREADABLE: arguments}, ensure_ascii=False)

    tool_calls = [
        {**call, "function": {**call["function"], "arguments": text(call["function"]["arguments"])}}
        for call in raw.get("tool_calls", [])
    ]
    return {**raw, **({"tool_calls": tool_calls} if tool_calls else {})}


def without_ids(wire: dict[str, Any]) -> dict[str, Any]:
    calls = [{**call, "id": None} for call in wire.get("tool_calls", [])]
    return {**wire, **({"tool_calls": calls} if calls else {})}


@settings(deadline=None)
@given(wire_messages())
def test_raw_to_message_to_raw_is_the_same_but_for_ids(raw: dict[str, Any]) -> None:
    reply = parse_reply({"id": "chatcmpl-1", "choices": [{"message": raw, "finish_reason": "stop"}]})
    message = reply_to_message(reply)
    field = "reasoning" if "reasoning" in raw else "reasoning_content"
    assert without_ids(assistant_to_wire(message, reasoning_field=field)) == without_ids(sent_back(raw))
    ids = [call["id"] for call in [*message.tool_calls, *message.invalid_tool_calls]]
    assert len(set(ids)) == len(ids)


@settings(deadline=None)
@given(wire_messages(), st.integers(1, 7))
def test_streamed_it_is_the_same_too(raw: dict[str, Any], size: int) -> None:
    for call in raw.get("tool_calls", []):
        try:
            json.loads(call["function"]["arguments"])
        except ValueError:
            return  # core closes the brackets of arguments that were cut, see test_streaming.py
    builder = ReplyBuilder()
    chunks = []

    def feed(delta: dict[str, Any]) -> None:
        delta_shown = builder.feed({"id": "chatcmpl-1", "choices": [{"delta": delta}]})
        if delta_shown is not None:
            chunks.append(delta_to_chunk(delta_shown))

    for name in ("reasoning_content", "reasoning", "content"):
        text = raw.get(name)
        if text == "" and name != "content":
            feed({name: ""})
        for start in range(0, len(text or ""), size):
            feed({name: text[start : start + size]})
    for index, call in enumerate(raw.get("tool_calls", [])):
        text = call["function"]["arguments"]
        feed(
            {"tool_calls": [{**call, "index": index, "function": {"name": call["function"]["name"], "arguments": ""}}]}
        )
        for start in range(0, len(text), size):
            feed({"tool_calls": [{"index": index, "function": {"arguments": text[start : start + size]}}]})
    if (rest := builder.feed({"choices": [{"delta": {}, "finish_reason": "stop"}]})) is not None:
        chunks.append(delta_to_chunk(rest))
    chunks.append(last_chunk(builder.finish(), model="kimi-k3"))
    merged = merge_chat_generation_chunks(chunks)
    assert merged is not None
    message = merged.message
    assert isinstance(message, AIMessageChunk)
    field = "reasoning" if "reasoning" in raw else "reasoning_content"
    wire = assistant_to_wire(message, reasoning_field=field)
    assert without_ids(wire) == without_ids(sent_back(raw))


def test_usage_details() -> None:
    assert usage_metadata(None) is None
    assert usage_metadata(Usage(100, 40, 140, cached_tokens=60, cache_write_tokens=30, reasoning_tokens=25)) == {
        "input_tokens": 100,
        "output_tokens": 40,
        "total_tokens": 140,
        "input_token_details": {"cache_read": 60, "cache_creation": 30},
        "output_token_details": {"reasoning": 25},
    }


def test_arguments_that_are_no_object_are_invalid_calls() -> None:
    message = reply_to_message(Reply(tool_calls=[ToolCall(0, "c0", "f", "[1]"), ToolCall(1, "c1", "g", '{"a": ')]))
    assert message.tool_calls == []
    assert [(c["name"], c["args"]) for c in message.invalid_tool_calls] == [("f", "[1]"), ("g", '{"a": ')]


def test_nothing_is_kept_that_could_be_made_again() -> None:
    message = reply_to_message(Reply(reasoning="R", tool_calls=[ToolCall(0, "c0", "f", '{"a": 1}')]))
    assert message.additional_kwargs == {"reasoning_content": "R"}


def test_a_message_gives_its_answer_back() -> None:
    reply = Reply(
        id="chatcmpl-1",
        model="kimi-k3",
        content="Look.",
        reasoning="R",
        tool_calls=[ToolCall(0, "c0", "f", '{ "a" :1}'), ToolCall(1, "c1", "g", '{"a": ')],
        finish_reason="tool_calls",
        usage=Usage(100, 40, 140, cached_tokens=60, cache_write_tokens=30, reasoning_tokens=25),
        system_fingerprint="fp",
        request_id="r",
        trace_id="t",
    )
    assert message_to_reply(reply_to_message(reply)) == reply
    assert message_to_reply(reply_to_message(Reply())) == Reply()
