"""One peer's figures as JSON, in a process of its own: `python -m benchmarks.peers.measure "ChatKimi" URL`.

CPU time of this process, the least of several runs; the server has its own. Only the delay of the first token is real
time.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import resource
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import psutil

from benchmarks.peers.models import PEERS, Peer, on_loop
from benchmarks.run import cpu, drain, history, wire_tools
from benchmarks.server import release

TURNS = 20


@dataclass(frozen=True)
class Sizes:
    """How large the cases are."""

    chunks: int = 2_000
    of_stream: int = 20
    streams: Sequence[int] = (1, 100, 1_000)
    messages: Sequence[int] = (1, 200, 2_000)
    tools: Sequence[int] = (0, 20, 100)
    held: int = 200


QUICK = Sizes(chunks=50, of_stream=10, streams=(1, 20), messages=(1, 8), tools=(0, 3), held=20)

Figures = dict[str, float]


def measure_cases(peer: Peer, url: str, repeat: int, sizes: Sizes) -> dict[str, float | str]:
    """Each case of the peer: its figure, or in which words it failed."""
    figures: dict[str, float | str] = {}
    cases: list[tuple[str, Callable[[], Figures]]] = [
        (
            "memory",
            lambda: memory(peer, url, sizes),
        ),  # first: what was freed before would be used again, and not counted
        ("chunk", lambda: chunks(peer, url, repeat, sizes)),
        ("first", lambda: first_token(peer, url, repeat, sizes)),
        ("messages", lambda: conversations(peer, url, repeat, sizes)),
        ("tools", lambda: toolboxes(peer, url, repeat, sizes)),
        ("agent", lambda: agents(peer, url, repeat, sizes)),
        ("streams", lambda: at_once(peer, url, repeat, sizes)),
    ]
    for name, work in cases:
        if name in peer.lacks:
            continue
        try:
            figures |= work()
        except Exception as error:  # a peer's failure is its result
            figures[name] = f"{type(error).__name__}: {error}"[:200]
    return figures


def chunks(peer: Peer, url: str, repeat: int, sizes: Sizes) -> Figures:
    """Microseconds of a streamed chunk: text, and arguments of a tool call."""
    figures = {}
    for kind in ("text", "tool"):
        model = peer.open(f"{url}/{kind}-{sizes.chunks}")
        figures[f"{kind} chunk, us"] = cpu(lambda model=model: drain(peer.stream(model)), repeat) / sizes.chunks * 1e6
    return figures


def first_token(peer: Peer, url: str, repeat: int, sizes: Sizes) -> Figures:
    """Milliseconds of real time until the first piece of a stream is there; the median of many."""
    model = peer.open(f"{url}/text-20")
    delays = []
    for _ in range(20 + 20 * repeat):
        begun = time.perf_counter()
        stream = iter(peer.stream(model))
        next(stream)
        delays.append(time.perf_counter() - begun)
        drain(stream)
    return {"first token, ms": statistics.median(delays[20:]) * 1e3}


def per_call(work: Callable[[], Any], repeat: int, times: int) -> float:
    return cpu(lambda: [work() for _ in range(times)], repeat) / times * 1e3


def conversations(peer: Peer, url: str, repeat: int, sizes: Sizes) -> Figures:
    """Milliseconds of a call with so many messages."""
    figures = {}
    for count in sizes.messages:
        work = peer.call(peer.open(url), history(count)[-count:], [])
        figures[f"{count} messages, ms"] = per_call(work, repeat, max(2, 40 // count))
    return figures


def toolboxes(peer: Peer, url: str, repeat: int, sizes: Sizes) -> Figures:
    """Milliseconds of a call with so many tools; and with 200 messages and 20 tools."""
    figures = {}
    for messages, count in (*((1, count) for count in sizes.tools), (200, 20)):
        work = peer.call(peer.open(url), history(messages)[-messages:], wire_tools(count))
        name = f"{count} tools, ms" if messages == 1 else f"{messages} messages + {count} tools, ms"
        figures[name] = per_call(work, repeat, 10 if messages == 1 else 4)
    return figures


def agents(peer: Peer, url: str, repeat: int, sizes: Sizes) -> Figures:
    """Milliseconds of a turn of an agent that takes so many."""
    work = peer.agent(peer.open(f"{url}/agent-{TURNS}"))
    return {f"agent of {TURNS} turns: a turn, ms": cpu(work, repeat) / TURNS * 1e3}


def at_once(peer: Peer, url: str, repeat: int, sizes: Sizes) -> Figures:
    """Microseconds of a chunk, with so many streams on one event loop."""
    figures = {}
    for count in sizes.streams:
        model = peer.open(f"{url}/text-{sizes.of_stream}")

        async def one(model: Any = model) -> None:
            async for _ in peer.astream(model):
                pass

        async def all_of_them(count: int = count, one: Any = one) -> None:
            await asyncio.gather(*(one() for _ in range(count)))

        times = 10 if count == 1 else 1
        work = cpu(
            lambda times=times, run=all_of_them: [on_loop(run()) for _ in range(times)],
            min(repeat, 3) if count == sizes.streams[-1] else repeat,
        )
        figures[f"{count} streams: a chunk, us"] = work / times / count / sizes.of_stream * 1e6
    return figures


def memory(peer: Peer, url: str, sizes: Sizes) -> Figures:
    """Kilobytes that each open stream holds."""

    async def run() -> float:
        model = peer.open(f"{url}/hold-40")
        grown = 0.0
        for count in (10, sizes.held):
            gc.collect()
            before = psutil.Process().memory_info().rss
            streams: list[Any] = [peer.astream(model) for _ in range(count)]
            await asyncio.gather(*(anext(stream) for stream in streams))
            gc.collect()
            grown = (psutil.Process().memory_info().rss - before) / count / 1e3
            await asyncio.to_thread(release, url)
            await asyncio.gather(*(stream.aclose() for stream in streams))
        return grown

    return {"an open stream, kB": on_loop(run())}


def import_time(peer: Peer, repeat: int) -> float:
    """CPU milliseconds of the import, in fresh processes."""
    code = f"from time import process_time as t; a = t(); {peer.imports}; print(t() - a)"
    runs = []
    for _ in range(repeat + 1):
        run = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
        runs.append(float(run.stdout.split()[-1]))
    return statistics.median(runs[1:]) * 1e3


def versions(peer: Peer) -> dict[str, str]:
    by_package = {}
    for package in peer.packages:
        try:
            by_package[package] = version(package)
        except PackageNotFoundError:
            by_package[package] = "not installed"
    return by_package


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("url")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8_192, hard), hard))
    peer = PEERS[options.peer]()
    figures: dict[str, Any] = {"import, ms": import_time(peer, options.repeat)}
    figures |= measure_cases(peer, options.url, options.repeat, QUICK if options.quick else Sizes())
    print(json.dumps({"peer": options.peer, "versions": versions(peer), "figures": figures}))


if __name__ == "__main__":
    main()
