"""The emulator as the server of benchmarks: its fast way of writing streams, and a thousand of them at once."""

from __future__ import annotations

import asyncio
import json
import resource

import pytest

from benchmarks import emulator as bench
from kimi_emulator.http import streaming
from kimi_emulator.script import Answer


def answer(**message) -> Answer:
    message = {"role": "assistant", "content": "", **message}
    return Answer("chatcmpl-1", 1, "kimi-k3", message, "stop", {"total_tokens": 3})


@pytest.mark.parametrize("size", [None, 3])
@pytest.mark.parametrize("include_usage", [True, False])
@pytest.mark.parametrize(
    "message",
    [
        {"content": 'Quote " and \\ and \0 and 名 and \ud83d', "reasoning_content": "a b"},
        {"tool_calls": [{"index": 0, "id": "f_0", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
    ],
)
def test_events_are_the_chunks_written_out(message, size, include_usage):
    made = answer(**message)
    *events, last = streaming.events(made, size, include_usage=include_usage)
    read = [json.loads(event.removeprefix(b"data: ").decode("utf-8", "surrogatepass")) for event in events]
    expected = list(streaming.chunks(made, size, include_usage=include_usage))
    for chunk in [*read, *expected]:
        chunk.pop("system_fingerprint", None)
    assert read == expected
    assert all(event.endswith(b"\n\n") and event.count(b"\n") == 2 for event in events)
    assert last == b"data: [DONE]\n\n"


@pytest.mark.slow
def test_a_streamed_chunk_costs_little_of_the_servers_own_time():
    cost, chunks = bench.per_chunk(20_000, repeat=3)
    assert chunks > 20_000
    assert cost < 3 * bench.CPU_GOAL  # the goal itself is for a machine that does nothing else


@pytest.mark.slow
def test_a_thousand_streams_stay_open_and_others_are_answered():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2_200:
        pytest.skip(f"this machine allows {hard} open files, and the test needs 2,200")
    resource.setrlimit(resource.RLIMIT_NOFILE, (2_200 if hard == resource.RLIM_INFINITY else hard, hard))
    with bench.Server(200, 1_000) as server:
        found = asyncio.run(bench.with_many_open(server, 1_000))
    assert found["open"] == 1_000
    assert found["memory_mb"] < 200
    assert found["answer_ms"] < 5_000
