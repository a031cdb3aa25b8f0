"""How much of an account's limits processes reach together, over a real Redis: `python -m benchmarks.limits`.

Each process has many threads that take a permit, hold it as long as an answer takes, and release it. No request is
sent: what is measured is the queue.
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

from kimi_api import AccountLimits
from kimi_api.limits import RedisStore
from kimi_api.limits._queue import acquire

BODY = {"model": "kimi-k3", "messages": [], "max_completion_tokens": 10}


def work(
    url: str, concurrency: int, answer_seconds: float, threads: int, begin: float, end: float, counts: object
) -> None:
    """One process: hold permits until `end`; report how many were taken from `begin` on."""
    limits = AccountLimits(concurrency=concurrency, name="bench", store=RedisStore(url))
    taken: list[float] = []

    def answer_calls() -> None:
        while time.time() < end:
            with acquire(limits, str, BODY):
                taken.append(time.time())
                time.sleep(answer_seconds)

    workers = [threading.Thread(target=answer_calls) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    counts.put(sum(begin <= at < end for at in taken))  # type: ignore[attr-defined]


def measure(url: str, processes: int, concurrency: int, answer_seconds: float, seconds: float) -> float:
    """Permits a second, all processes together."""
    context = multiprocessing.get_context("spawn")
    counts = context.Queue()
    begin = time.time() + 3.0
    threads = 2 * concurrency // processes + 1
    own = [
        context.Process(target=work, args=(url, concurrency, answer_seconds, threads, begin, begin + seconds, counts))
        for _ in range(processes)
    ]
    for process in own:
        process.start()
    total = sum(counts.get() for _ in own)
    for process in own:
        process.join()
    return total / seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--concurrency", type=int, default=40)
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
            allowed = options.concurrency / options.answer_seconds
            print(f"{'processes':>9}  {'a second':>8}  {'allowed':>7}  {'reached':>7}")
            for processes in options.processes:
                rate = measure(
                    f"redis://127.0.0.1:{port}/0",
                    processes,
                    options.concurrency,
                    options.answer_seconds,
                    options.seconds,
                )
                print(f"{processes:>9}  {rate:>8.1f}  {allowed:>7.1f}  {rate / allowed:>7.0%}", flush=True)
        finally:
            server.terminate()
            server.wait(10)


if __name__ == "__main__":
    main()
