"""What both examples on Ray Data need: workers, a Redis server, and somebody who kills a worker in the middle."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from examples.console import say
from kimi_api.files.cache import FileCache


def options(description: str | None, rows: int, arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line of both."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=rows)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--batch", type=int, default=40, help="rows that a worker gets at a time")
    parser.add_argument("--kill-one", action="store_true", help="kill a worker when half of the rows are done")
    return parser.parse_args(arguments)


@contextmanager
def cluster(workers: int) -> Iterator[Any]:
    """Ray on this machine, with a processor for each worker and one for reading; gives the module `ray.data`."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray  # pyright: ignore[reportMissingImports] - only the environment of `make ray` has it
    from ray.data import DataContext  # pyright: ignore[reportMissingImports]

    ray.init(num_cpus=workers + 1, include_dashboard=False, log_to_driver=False, configure_logging=False)
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = True
    try:
        yield ray.data
    finally:
        ray.shutdown()


@contextmanager
def redis_server() -> Iterator[str]:
    """The address of a Redis server of our own."""
    program = shutil.which("redis-server")
    if program is None:
        raise SystemExit("needs redis-server (Debian: apt-get install redis-server)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as home:
        arguments = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", home, "--loglevel", "warning"]
        server = subprocess.Popen([program, *arguments], stdout=subprocess.DEVNULL)  # noqa: S603
        try:
            deadline = time.monotonic() + 10
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.02)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            server.terminate()
            server.wait(10)


class NotesItsProcess:
    """In front of a callable class: notes the process that it runs in, so that it can be killed."""

    def __init__(self, *, processes: str, **settings: Any) -> None:
        super().__init__(**settings)
        (Path(processes) / str(os.getpid())).touch()


@contextmanager
def killing(processes: Path, done: Callable[[], int], at: int, *, enabled: bool) -> Iterator[list[int]]:
    """While the block runs: kill a worker as soon as `done()` says `at`. Gives the ids of the killed ones."""
    killed: list[int] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            if done() >= at:
                worker = int(next(processes.iterdir()).name)
                os.kill(worker, signal.SIGKILL)  # nothing can be tidied up
                killed.append(worker)
                return

    watcher = threading.Thread(target=watch, daemon=True)
    if enabled:
        watcher.start()
    try:
        yield killed
    finally:
        over.set()
        if enabled:
            watcher.join()


def check(rows: Sequence[dict[str, Any]], keys: Sequence[str]) -> list[str]:
    """What is wrong with the rows that came out."""
    counts = Counter(row["key"] for row in rows)
    wrong = [f"row {key} is there {counts[key]} times" for key in keys if counts[key] != 1]
    if not wrong and [row["key"] for row in rows] != list(keys):
        wrong.append("the rows are not in their order")
    return wrong + [f"row {row['key']}: {row['error']}: {row['error_message']}" for row in rows if row["error"]]


def entries(results: Path) -> int:
    """How many results are kept by now."""
    return len(FileCache.on_disk(results))


def verdict(wrong: Sequence[str]) -> int:
    """Say what is wrong; the program's exit status."""
    for line in wrong[:20]:
        say(f"  wrong: {line}", "red")
    say("all is well" if not wrong else f"{len(wrong)} things are wrong", "bold")
    return 1 if wrong else 0
