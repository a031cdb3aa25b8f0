"""Whether anything is left behind: 10,000 calls and 1,000 open streams on one event loop, threads, forks, many loops.

    python -m benchmarks.soak [--calls 10000] [--streams 1000] [--threads 50] [--forks 50] [--loops 200]

Each case of each adapter runs in a process of its own against the pre-rendered server. Sockets, open files, threads,
tasks, objects known to the garbage collector and memory are counted when it has warmed up and at its end; between the
two they must not grow. Every tenth call is cancelled under way, every tenth has a model of its own. Exits with 1 if
something grew.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import psutil

from benchmarks.server import release, running
from kimi_api import AccountLimits

KEY = "sk-test-benchmark"
AT_ONCE = 50
KEPT_OPEN = 100
"""Idle connections that the SDK's HTTP client keeps, at most."""

OBJECTS, MEMORY = 0.02, 8.0
"""By how much objects (as a share) and memory (in MB) may differ at the end: caches that fill up, the allocator."""


@dataclass
class Gauge:
    """What a process holds."""

    sockets: int
    files: int
    threads: int
    tasks: int
    objects: int
    mb: float

    @classmethod
    def take(cls) -> Gauge:
        for _ in range(2):  # finalizers may make garbage of their own
            gc.collect()
        process = psutil.Process()
        try:
            tasks = len(asyncio.all_tasks())
        except RuntimeError:
            tasks = 0
        return cls(
            len(process.net_connections("inet")),
            process.num_fds(),
            process.num_threads(),
            tasks,
            len(gc.get_objects()),
            round(process.memory_info().rss / 1e6, 1),
        )


class LangChain:
    """`ChatKimi` in its four ways."""

    name = "ChatKimi"

    def model(self, url: str, wish: str) -> Any:
        from langchain_kimi import ChatKimi

        limits = AccountLimits(concurrency=2_000)
        return ChatKimi(base_url=url, api_key=KEY, extra_body={"user": wish}, account_limits=limits)

    def call(self, llm: Any) -> None:
        llm.invoke("x")

    async def acall(self, llm: Any) -> None:
        await llm.ainvoke("x")

    def stream(self, llm: Any) -> Iterator[Any]:
        return llm.stream("x")

    async def astream(self, llm: Any) -> AsyncIterator[Any]:
        return llm.astream("x")


class LlamaIndex:
    """`Kimi` in its four ways."""

    name = "Kimi"

    def __init__(self) -> None:
        from llama_index.core.llms import ChatMessage

        self.messages = [ChatMessage("x")]

    def model(self, url: str, wish: str) -> Any:
        from llama_index_kimi import Kimi

        limits = AccountLimits(concurrency=2_000)
        return Kimi(base_url=url, api_key=KEY, extra_body={"user": wish}, account_limits=limits)

    def call(self, llm: Any) -> None:
        llm.chat(self.messages)

    async def acall(self, llm: Any) -> None:
        await llm.achat(self.messages)

    def stream(self, llm: Any) -> Iterator[Any]:
        return llm.stream_chat(self.messages)

    async def astream(self, llm: Any) -> AsyncIterator[Any]:
        return await llm.astream_chat(self.messages)


ADAPTERS: dict[str, Callable[[], Any]] = {"ChatKimi": LangChain, "Kimi": LlamaIndex}

Figures = tuple[Gauge, Gauge, str]
"""Warmed up, at the end, and what else is worth saying."""


# ------------------------------------------------------------------------------------------------- the cases


def calls_on_one_loop(adapter: Any, url: str, options: argparse.Namespace) -> Figures:
    """Calls on one event loop, fifty at a time."""

    async def run() -> tuple[Gauge, Gauge]:
        shared = adapter.model(url, "text:20")
        room = asyncio.Semaphore(AT_ONCE)

        async def one(number: int) -> None:
            async with room:
                llm = adapter.model(url, "text:20") if number % 10 == 1 else shared
                call = asyncio.ensure_future(adapter.acall(llm))
                if number % 10 == 2:
                    await asyncio.sleep(dice.random() / 100)
                    call.cancel()
                    await asyncio.gather(call, return_exceptions=True)
                elif number % 10 == 3:
                    call.cancel()
                    async for _ in await adapter.astream(llm):
                        pass
                    await asyncio.gather(call, return_exceptions=True)
                else:
                    await call

        gauges = []
        for _ in range(10):
            await asyncio.gather(*map(one, range(options.calls // 10)))
            gauges.append(Gauge.take())
        return gauges[2], gauges[-1]

    dice = random.Random(0)
    warm, end = asyncio.run(run())
    after = Gauge.take()
    if after.sockets:
        end.sockets = max(end.sockets, warm.sockets + after.sockets)
    return warm, end, f"{after.sockets} sockets when the loop had ended"


def open_streams(adapter: Any, url: str, options: argparse.Namespace) -> Figures:
    """Streams open at the same time: a third read to its end, a third closed, a third dropped."""

    async def run() -> Figures:
        llm = adapter.model(url, "hold:40")
        room = asyncio.Semaphore(AT_ONCE)

        async def one() -> AsyncIterator[Any]:
            async with room:
                stream = await adapter.astream(llm)
                await anext(stream)
                return stream

        async def drain(stream: Any) -> None:
            async for _ in stream:
                pass

        gauges, most, memory = list[Gauge](), 0, 0.0
        for count in (10, *[options.streams] * 4):  # the first ones load what is loaded once
            streams: list[Any] = await asyncio.gather(*(one() for _ in range(count)))
            held = Gauge.take()
            if gauges:
                most = max(most, held.sockets)
                memory = max(memory, (held.mb - gauges[0].mb) * 1000 / count)
            third = count // 3
            await asyncio.gather(*(stream.aclose() for stream in streams[:third]))
            del streams[: 2 * third]  # the second third is dropped as it is
            gc.collect()
            await asyncio.to_thread(release, url)
            await asyncio.gather(*map(drain, streams))
            streams.clear()
            await asyncio.sleep(0.5)  # the loop closes what was dropped
            gauges.append(Gauge.take())
        if most < options.streams:
            raise RuntimeError(f"only {most} streams were open at the same time")
        return gauges[2], gauges[-1], f"{most} sockets while all are open, {memory:.0f} kB each"

    return asyncio.run(run())


def calls_in_threads(adapter: Any, url: str, options: argparse.Namespace) -> Figures:
    """Blocking calls in threads; every fifth is a stream, half of which are left in the middle."""

    def one(number: int) -> None:
        llm = adapter.model(url, "text:20") if number % 10 == 1 else shared
        if number % 5 == 2:
            for position, _ in enumerate(adapter.stream(llm)):
                if number % 2 and position == 3:
                    break
        else:
            adapter.call(llm)

    shared = adapter.model(url, "text:20")
    gauges = []
    for _ in range(10):
        with ThreadPoolExecutor(options.threads) as pool:
            list(pool.map(one, range(options.calls // 10)))
        gauges.append(Gauge.take())
    return gauges[2], gauges[-1], f"{options.threads} threads"


def forks(adapter: Any, url: str, options: argparse.Namespace) -> Figures:
    """Children of a process that has called, each calling both ways, while a thread of the parent goes on calling."""
    llm = adapter.model(url, "text:20")
    adapter.call(llm)
    over, failures = threading.Event(), []

    def go_on() -> None:
        while not over.is_set():
            try:
                adapter.call(llm)
            except Exception as error:
                failures.append(error)
            time.sleep(0.005)

    def child() -> int:
        signal.alarm(30)
        for _ in range(2):
            adapter.call(llm)
            asyncio.run(adapter.acall(llm))
        return 0

    thread = threading.Thread(target=go_on)
    thread.start()
    gauges, codes = [], []
    for _ in range(options.forks):
        process = os.fork()
        if process == 0:
            code = 1
            try:
                code = child()
            finally:
                os._exit(code)
        codes.append(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
        gauges.append(Gauge.take())
    over.set()
    thread.join()
    if failures or any(codes):
        raise RuntimeError(f"{sum(map(bool, codes))} children failed, and {len(failures)} calls of the parent")
    return gauges[len(gauges) // 4], gauges[-1], f"{len(codes)} children"


def many_loops(adapter: Any, url: str, options: argparse.Namespace) -> Figures:
    """An `asyncio.run` for each call, as scripts and notebooks do."""
    llm = adapter.model(url, "text:20")

    async def run() -> None:
        await adapter.acall(llm)
        await anext(await adapter.astream(llm))  # left open at the loop's end

    gauges = []
    for _ in range(4):
        for _ in range(options.loops // 4):
            asyncio.run(run())
        gauges.append(Gauge.take())
    return gauges[0], gauges[-1], f"{options.loops} loops"


CASES: dict[str, Callable[[Any, str, argparse.Namespace], Figures]] = {
    "calls": calls_on_one_loop,
    "streams": open_streams,
    "threads": calls_in_threads,
    "forks": forks,
    "loops": many_loops,
}


# ------------------------------------------------------------------------------------------------- the report


def growth(case: str, warm: Gauge, end: Gauge) -> list[str]:
    """What is more at the end than it may be."""
    idle = KEPT_OPEN if case in ("calls", "streams", "threads") else 2
    bounds = {
        "sockets": max(warm.sockets, idle),
        "files": max(warm.files, warm.files - warm.sockets + idle),
        "threads": warm.threads,
        "tasks": warm.tasks,
        "objects": warm.objects * (1 + OBJECTS),
        "mb": warm.mb + MEMORY,
    }
    return [name for name, most in bounds.items() if getattr(end, name) > most]


def run_case(name: str, adapter: str, url: str, arguments: Sequence[str]) -> dict[str, Any]:
    """One case in a process of its own."""
    own = ["--case", name, "--adapter", adapter, "--url", url]
    command = [sys.executable, "-m", "benchmarks.soak", *arguments, *own]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        return {"case": name, "adapter": adapter, "failed": run.stderr.strip().splitlines()[-1:] or run.returncode}
    return json.loads(run.stdout.splitlines()[-1])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all, print the table, and say whether nothing grew."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--streams", type=int, default=1_000)
    parser.add_argument("--threads", type=int, default=50)
    parser.add_argument("--forks", type=int, default=50)
    parser.add_argument("--loops", type=int, default=200)
    parser.add_argument("--case", choices=CASES)
    parser.add_argument("--adapter", choices=ADAPTERS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(options.streams * 2 + 1_000, hard), hard))
    if options.url:
        warm, end, note = CASES[options.case](ADAPTERS[options.adapter](), options.url, options)
        result = {"case": options.case, "adapter": options.adapter, "note": note}
        print(json.dumps({**result, "warm": asdict(warm), "end": asdict(end)}))
        return 0
    print(f"{'case':<9}{'adapter':<10}" + "".join(f"{name:>16}" for name in Gauge.__annotations__))
    bad = 0
    with running() as url:
        for case in [options.case] if options.case else CASES:
            for adapter in [options.adapter] if options.adapter else ADAPTERS:
                began = time.monotonic()
                result = run_case(case, adapter, url, arguments)
                if "failed" in result:
                    bad += 1
                    print(f"{case:<9}{adapter:<10} failed: {result['failed']}", flush=True)
                    continue
                warm, end = Gauge(**result["warm"]), Gauge(**result["end"])
                over = growth(case, warm, end)
                bad += bool(over)
                pairs = (f"{getattr(warm, name)} > {getattr(end, name)}" for name in Gauge.__annotations__)
                cells = "".join(f"{pair:>16}" for pair in pairs)
                verdict = f"  <-- grew: {', '.join(over)}" if over else ""
                seconds = time.monotonic() - began
                print(f"{case:<9}{adapter:<10}{cells}  {result['note']}, {seconds:.0f} s{verdict}", flush=True)
    print("nothing grew" if not bad else f"{bad} cases are not as they should be")
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
