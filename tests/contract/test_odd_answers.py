"""Answers of odd shapes through both adapters: an answer, or an error of ours, whatever a host sends.

The shapes themselves are tested in `tests/kimi_api/test_odd_answers.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from contract_kit import Adapter, Chat, Way, user
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kimi_api import KimiError, KimiIncompleteReplyError, KimiReplyError
from kimi_api._transport.sdk.compat import transport

Make = Callable[..., Chat]
CALL = {"index": 0, "id": "f_0", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
ODD: list[Any] = [
    None,
    True,
    7,
    1.5,
    "",
    "odd",
    "\ufeff",
    [],
    [None],
    ["odd"],
    {},
    {"text": "odd"},
    {"text": 7},
    {"x": {}},
]
POSITIONS = ["id", "model", "created", "usage", "system_fingerprint", "choices", "choice", "finish_reason", "part",
             "content", "reasoning_content", "tool_calls", "call", "index", "call_id", "type", "function", "name",
             "arguments"]  # fmt: skip


def answer(part: str, changes: dict[str, Any], finish: str | None = "tool_calls") -> Any:
    """A body (`part` "message") or an event ("delta") with odd values in some positions."""
    take = changes.get
    function = take("function", {"name": take("name", "f"), "arguments": take("arguments", '{"a": 1}')})
    call = {
        "index": take("index", 0),
        "id": take("call_id", "f_0"),
        "type": take("type", "function"),
        "function": function,
    }
    message = {
        "role": "assistant",
        "content": take("content", "hello"),
        "reasoning_content": take("reasoning_content", "hm"),
        "tool_calls": take("tool_calls", [take("call", call)]),
    }
    choice = {"index": 0, part: take("part", message), "finish_reason": take("finish_reason", finish)}
    return {
        "id": take("id", "c1"),
        "object": "chat.completion" if part == "message" else "chat.completion.chunk",
        "created": take("created", 1),
        "model": take("model", "kimi-k3"),
        "system_fingerprint": take("system_fingerprint", "fp"),
        "choices": take("choices", [take("choice", choice)]),
        "usage": take("usage", {"prompt_tokens": 3, "completion_tokens": 2}),
    }


def host(adapter: Adapter, way: Way, wire: str, kind: str, text: str) -> Chat:
    """A model whose host gives this answer to everything."""

    def handle(request: Any) -> Any:
        return transport().Response(200, content=text.encode(), headers={"content-type": kind})

    mock = transport().MockTransport(handle)
    client: Any = {"http_client": transport().Client(transport=mock)}
    if way.startswith("a"):
        client = {"async_http_client": transport().AsyncClient(transport=mock)}
    return adapter.make(way, wire=wire, max_retries=0, **client)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    changes=st.dictionaries(st.sampled_from(POSITIONS), st.sampled_from(ODD), max_size=3),
    kind=st.sampled_from(["stream", "whole", "plain"]),
)
def test_no_shape_ends_in_a_foreign_error(adapter: Adapter, way: Way, changes: dict[str, Any], kind: str) -> None:
    if kind == "stream":
        events = [answer("delta", {}, None), answer("delta", changes, None), answer("delta", {"tool_calls": []})]
        text = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
        chat = host(adapter, way, "stream", "text/event-stream", text)
    else:
        wire = "plain" if kind == "plain" else "stream"
        chat = host(adapter, way, wire, "application/json", json.dumps(answer("message", changes)))
    error = chat.attempt([user("hi")], tools=[]).error
    assert error is None or isinstance(error, KimiError), repr(error)


@pytest.mark.parametrize("indent", [None, 1])
def test_a_whole_answer_in_place_of_a_stream_is_used(adapter: Adapter, way: Way, indent: int | None) -> None:
    text = json.dumps(answer("message", {"tool_calls": None}, "stop"), indent=indent)
    outcome = host(adapter, way, "stream", "application/json", text).ask([user("hi")])
    assert (outcome.text, outcome.reasoning, outcome.finish_reason) == ("hello", "hm", "stop")
    assert outcome.usage is not None
    assert outcome.usage.completion_tokens == 2


def test_a_piece_of_an_answer_that_cannot_be_read_is_an_error_with_what_came(adapter: Adapter, way: Way) -> None:
    events = [answer("delta", {"tool_calls": None}, None), answer("delta", {"part": "lost"}, None)]
    text = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
    error = host(adapter, way, "stream", "text/event-stream", text).attempt([user("hi")]).error
    assert isinstance(error, KimiReplyError)
    assert "lost" in str(error)
    assert error.partial.content == "hello"


def test_a_stream_without_an_event_is_asked_for_again(adapter: Adapter, way: Way, waits: list[float]) -> None:
    chat = host(adapter, way, "stream", "text/event-stream", "")
    error = chat.attempt([user("hi")], max_retries=2).error
    assert isinstance(error, KimiIncompleteReplyError)
    assert "before its first event" in str(error)
    assert len(waits) == 3
