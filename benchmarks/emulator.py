"""What the emulator costs as a server: its own CPU per streamed chunk, and memory and answers with 1,000 open streams.

    python -m benchmarks.emulator [--chunks 20000] [--streams 1000]

The emulator runs in a process of its own, whose CPU time and memory are read from outside, so the client's own work is
in neither figure.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import resource
import statistics
import time
from typing import Any

import psutil

CPU_GOAL = 15.0  # microseconds of its own per streamed chunk
KEY = "sk-test-benchmark"


def serve(pipe: Any, words: int, streams: int) -> None:
    """The server process: answers `words` long, the first so many of which fall silent in the middle."""
    from kimi_emulator import Emulator, Reply

    class Long:
        def answer(self, request: Any, context: Any) -> Reply:
            return Reply(reasoning="", content="word " * words)

    with Emulator(api_key=KEY, brain=Long()) as kimi:
        if streams:
            kimi.fail(*["stall.mid_stream"] * streams)
        pipe.send(kimi.base_url)
        pipe.recv()


class Server:
    """The server process and its figures."""

    def __init__(self, words: int, streams: int = 0) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, words, streams), daemon=True)

    def __enter__(self) -> Server:
        self._process.start()
        host, _, port = self._pipe.recv().removeprefix("http://").removesuffix("/v1").partition(":")
        self.address = (host, int(port))
        self._seen = psutil.Process(self._process.pid)
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.send(None)
        self._process.join(10)

    def cpu(self) -> float:
        times = self._seen.cpu_times()
        return times.user + times.system

    def memory(self) -> float:
        return self._seen.memory_info().rss / 1e6


def request(text: str) -> bytes:
    body = json.dumps(
        {
            "model": "kimi-k2.6",
            "messages": [{"role": "user", "content": text}],
            "stream": True,
            "stream_options": {"include_usage": True},
        }
    ).encode()
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {KEY}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def drain(address: tuple[str, int]) -> int:
    """Read one streamed answer to its end; how many events it had."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(request("go on"))
    events, tail = 0, b""
    while b"data: [DONE]" not in tail:
        piece = await reader.read(1 << 20)
        if not piece:
            raise RuntimeError("the answer ended early")
        events += piece.count(b"data: {")
        tail = tail[-32:] + piece
    writer.close()
    await writer.wait_closed()
    return events


async def open_streams(address: tuple[str, int], count: int) -> list[Any]:
    """So many streams, each read until its first event is there."""

    async def one(number: int) -> Any:
        async with gate:
            reader, writer = await asyncio.open_connection(*address)
            writer.write(request(f"stream {number}"))
            await reader.readuntil(b"data: {")
            return writer

    gate = asyncio.Semaphore(50)
    return await asyncio.gather(*map(one, range(count)))


def per_chunk(chunks: int, repeat: int) -> tuple[float, int]:
    """Microseconds of the server's CPU per chunk (median), and how many chunks an answer had."""
    figures, seen = [], 0
    with Server(chunks) as server:
        asyncio.run(drain(server.address))
        for _ in range(repeat):
            before = server.cpu()
            seen = asyncio.run(drain(server.address))
            figures.append((server.cpu() - before) / seen * 1e6)
    return statistics.median(figures), seen


async def with_many_open(server: Server, count: int) -> dict[str, float]:
    """Memory of so many open streams, and how long another client then waits for a whole answer."""
    await drain_plain(server.address)
    before = server.memory()
    began = time.perf_counter()
    writers = await open_streams(server.address, count)
    opened = time.perf_counter() - began
    grown = server.memory() - before
    began = time.perf_counter()
    await drain_plain(server.address)
    waited = time.perf_counter() - began
    for writer in writers:
        writer.close()
    return {"memory_mb": grown, "opened_s": opened, "answer_ms": waited * 1000, "open": len(writers)}


async def drain_plain(address: tuple[str, int]) -> None:
    """A question that is not a chat: it is answered whatever the streams do."""
    reader, writer = await asyncio.open_connection(*address)
    head = f"GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {KEY}\r\n\r\n"
    writer.write(head.encode())
    await reader.readuntil(b"\r\n\r\n")
    writer.close()


def main() -> int:
    """Print both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=20_000)
    parser.add_argument("--streams", type=int, default=1_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = options.streams * 2 + 200
    if soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(needed, hard), hard))
    cost, chunks = per_chunk(options.chunks, options.repeat)
    with Server(200, options.streams) as server:
        many = asyncio.run(with_many_open(server, options.streams))
    figures = {"cpu_us_per_chunk": round(cost, 2), "chunks": chunks, **{k: round(v, 1) for k, v in many.items()}}
    if options.json:
        print(json.dumps(figures))
    else:
        over = "" if cost <= CPU_GOAL else "  <-- over"
        print(f"own CPU per streamed chunk, {chunks} chunks   {cost:8.2f} us   goal {CPU_GOAL:g} us{over}")
        print(f"memory of {many['open']} open streams              {many['memory_mb']:8.1f} MB")
        print(f"  opened in {many['opened_s']:.2f} s; another request then waits {many['answer_ms']:.1f} ms")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
