"""The emulator as the server of benchmarks: what a chunk costs it, and a thousand streams at once."""

from __future__ import annotations

import asyncio
import resource

import pytest

from benchmarks import emulator as bench


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
        figures = asyncio.run(bench.with_many_open(server, 1_000))
    assert figures["open"] == 1_000
    assert figures["memory_mb"] < 200
    assert figures["answer_ms"] < 5_000
