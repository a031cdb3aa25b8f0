"""How much of an account's limits processes reach together, over a real Redis: `python -m benchmarks.limits`.

Each process has many threads that take a permit, hold it as long as an answer takes, and release it. No request is
sent: what is measured is the queue. "Refused" are the permits that a server with the same limit would have refused,
because as many were out. The store of one process is beside it, for one process.
"""

from __future__ import annotations

import argparse
import multiprocessing
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from itertools import product

from kimi_api import AccountLimits
from kimi_api.limits import RedisStore
from kimi_api.limits._queue import acquire

BODY = {"model": "kimi-k3", "messages": [], "max_completion_tokens": 10}


Span = tuple[float, float]
"""When a permit was taken and when it was given back, in seconds since 1970."""


def work(url: str | None, concurrency: int, answer_seconds: float, threads: int, end: float, spans: object) -> None:
    """One process: hold permits until `end`; report when each was held. `url` None: the store of the process."""
    store = None if url is None else RedisStore(url)
    limits = AccountLimits(concurrency=concurrency, name="bench", store=store)
    own: list[Span] = []

    def answer_calls() -> None:
        while time.time() < end:
            with acquire(limits, str, BODY):
                began = time.time()
                time.sleep(answer_seconds)
                own.append((began, time.time()))

    workers = [threading.Thread(target=answer_calls) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    spans.put(own)  # type: ignore[attr-defined]


def count_refused(spans: Sequence[Span], concurrency: int) -> int:
    """How many permits were taken while `concurrency` others were out."""
    # What ends at the same moment has ended before.
    changes = sorted([(began, 1) for began, _ in spans] + [(ended, -1) for _, ended in spans])
    under_way = refused = 0
    for _, change in changes:
        refused += change > 0 and under_way >= concurrency
        under_way += change
    return refused


def measure(
    url: str | None, processes: int, concurrency: int, answer_seconds: float, seconds: float
) -> tuple[float, int]:
    """Permits a second, all processes together, and how many of all would have been refused."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    begin = time.time() + 3.0
    threads = 2 * concurrency // processes + 1
    own = [
        context.Process(target=work, args=(url, concurrency, answer_seconds, threads, begin + seconds, queue))
        for _ in range(processes)
    ]
    for process in own:
        process.start()
    spans = [span for _ in own for span in queue.get()]
    for process in own:
        process.join()
    taken = sum(begin <= began < begin + seconds for began, _ in spans)
    return taken / seconds, count_refused(spans, concurrency)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--concurrency", type=int, nargs="+", default=[40])
    parser.add_argument("--answer-seconds", type=float, default=1.0)
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    program = shutil.which("redis-server")
    if program is None:
        raise SystemExit("needs redis-server (Debian: apt-get install redis-server)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as home:
        arguments = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", home, "--loglevel", "warning"]
        server = subprocess.Popen([program, *arguments], stdout=subprocess.DEVNULL)
        try:
            time.sleep(0.5)
            redis = f"redis://127.0.0.1:{port}/0"
            print("store   concurrency  processes  a second  allowed  reached  refused")
            for concurrency, processes in product(options.concurrency, options.processes):
                allowed = concurrency / options.answer_seconds
                for store, url in (("memory", None), ("redis", redis)):
                    if url is None and processes > 1:
                        continue  # each would count for itself
                    rate, refused = measure(url, processes, concurrency, options.answer_seconds, options.seconds)
                    print(
                        f"{store:<6}  {concurrency:>11}  {processes:>9}  {rate:>8.1f}  {allowed:>7.1f}  "
                        f"{rate / allowed:>7.0%}  {refused:>7}",
                        flush=True,
                    )
        finally:
            server.terminate()
            server.wait(10)


if __name__ == "__main__":
    main()
