"""Streams: the order of the deltas, what separates them, and the fast way of writing events beside the plain one."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from kimi_emulator import Emulator, Reply, ToolCall
from kimi_emulator.http import streaming
from kimi_emulator.script import Answer

CALL = {"index": 0, "id": "f_0", "type": "function", "function": {"name": "f", "arguments": "{}"}}
BEGUN = {"tool_calls": [{**CALL, "function": {"name": "f", "arguments": ""}}]}
GONE_ON = {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}
SEPARATOR = {"reasoning_content": ""}
THOUGHT, TEXT = {"reasoning_content": "t"}, {"content": "a"}


def answer(model: str = "kimi-k3", **message: Any) -> Answer:
    message = {"role": "assistant", "content": "", **message}
    return Answer("chatcmpl-1", 1, model, message, "stop", {"total_tokens": 3})


def assert_events_are_chunks(answer: Answer, size: int | None, *, include_usage: bool) -> None:
    *events, last = streaming.events(answer, size, include_usage=include_usage)
    read = [json.loads(event.removeprefix(b"data: ").decode("utf-8", "surrogatepass")) for event in events]
    expected = list(streaming.chunks(answer, size, include_usage=include_usage))
    for chunk in [*read, *expected]:
        chunk.pop("system_fingerprint", None)
    assert read == expected
    assert all(event.endswith(b"\n\n") and event.count(b"\n") == 2 for event in events)
    assert last == b"data: [DONE]\n\n"


@pytest.mark.parametrize("size", [None, 3])
@pytest.mark.parametrize("include_usage", [True, False])
@pytest.mark.parametrize(
    "message",
    [
        {"content": 'Quote " and \\ and \0 and 名 and \ud83d', "reasoning_content": "a b"},
        {"tool_calls": [CALL]},
    ],
)
def test_events_are_the_chunks_written_out(message: dict[str, Any], size: int | None, include_usage: bool):
    assert_events_are_chunks(answer(**message), size, include_usage=include_usage)


@pytest.mark.parametrize(
    "model", ["", "delta", '"delta":', "\\u0000delta\\u0000", "data: ", "X", streaming._HERE.strip("\0")]
)
def test_no_model_is_taken_for_the_place_of_the_delta(model: str):
    assert_events_are_chunks(answer(model, content="a b"), None, include_usage=True)


@pytest.mark.parametrize(
    ("reasoning", "content", "calls", "expected"),
    [
        ("t", "a", [], [THOUGHT, SEPARATOR, TEXT]),
        ("t", "", [CALL], [THOUGHT, SEPARATOR, BEGUN, GONE_ON]),
        ("t", "a", [CALL], [THOUGHT, SEPARATOR, TEXT, BEGUN, GONE_ON]),
        ("", "a", [], [SEPARATOR, TEXT]),
        ("", "", [CALL], [SEPARATOR, BEGUN, GONE_ON]),
        ("", "", [], [SEPARATOR]),
        ("t", "", [], [THOUGHT]),  # an answer that ended within its thinking: nothing follows, so nothing is separated
        (None, "a", [], [TEXT]),  # a model that cannot think
        (None, "", [CALL], [BEGUN, GONE_ON]),
        (None, "", [], []),
    ],
)
def test_an_empty_piece_of_thinking_separates_it_from_what_follows(
    reasoning: str | None, content: str, calls: list[Any], expected: list[dict[str, Any]]
):
    message: dict[str, Any] = {"content": content} | ({} if reasoning is None else {"reasoning_content": reasoning})
    message |= {"tool_calls": calls} if calls else {}
    assert list(streaming.deltas(answer(**message), None)) == expected


@pytest.mark.parametrize("settings", [{}, {"dialect": "azure"}, {"dialect": "nvidia"}], ids=str)
@pytest.mark.parametrize("fault", [None, "finish.every_chunk"])
def test_a_blank_line_ends_every_event_however_it_is_written(settings: dict[str, str], fault: str | None):
    """A stream has a fast way, and one for hosts' dialects and faults: both separate events in the same way."""
    with Emulator(**settings) as kimi:
        kimi.script(Reply(reasoning="I think", content="two words", tool_calls=[ToolCall("f", {"a": 1})], fault=fault))
        body = {"model": "kimi-k3", "messages": [{"role": "user", "content": "x"}], "stream": True}
        headers = {"Authorization": f"Bearer {kimi.api_key}"}
        stream = httpx.post(f"{kimi.base_url}/chat/completions", json=body, headers=headers).content
    *events, done, end = stream.split(b"\n\n")
    assert (done, end) == (b"data: [DONE]", b"")
    assert len(events) >= 6
    assert all(event.startswith(b"data: {") and b"\n" not in event for event in events)
    assert all(json.loads(event.removeprefix(b"data: ")) for event in events)
