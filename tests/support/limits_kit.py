"""A clock that moves when told, a Redis server process, and calls at the same time."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from kimi_api import ChatOptions, KimiClient, build_request, chat

HI = [{"role": "user", "content": "say hi"}]
BODY = build_request(ChatOptions(max_tokens=100), HI).body


class Time:
    """A clock that moves when told."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class RedisServer:
    """A Redis server process of our own."""

    def __init__(self, home: Path) -> None:
        program = shutil.which("redis-server")
        if program is None:
            pytest.skip("needs redis-server (Debian: apt-get install redis-server)")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        arguments = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(home)]
        self.process = subprocess.Popen([program, *arguments, "--loglevel", "warning"], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait(10)


def at_once(client: KimiClient, calls: int, way: str, **call: Any) -> list[Any]:
    """So many calls at the same time, by threads or on one event loop; what came of each."""
    request = build_request(ChatOptions(max_tokens=100), HI)
    if way == "threads":
        with ThreadPoolExecutor(calls) as pool:
            futures = [pool.submit(chat.complete, client, request, **call) for _ in range(calls)]
            return [future.exception() or future.result() for future in futures]

    async def run() -> list[Any]:
        return await asyncio.gather(
            *(chat.acomplete(client, request, **call) for _ in range(calls)), return_exceptions=True
        )

    return asyncio.run(run())
