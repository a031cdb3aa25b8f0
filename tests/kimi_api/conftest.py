"""The emulator, a server that does what a healthy one never would, and waits that take no time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import cli_kit
import pytest
from raw_server import RawServer, http

from kimi_api import KimiClient, retry
from kimi_emulator import Emulator


@pytest.fixture
def client(kimi: Emulator) -> KimiClient:
    return KimiClient(api_key=kimi.api_key, base_url=kimi.base_url)


@pytest.fixture(scope="session")
def _raw_server() -> Iterator[RawServer]:
    server = RawServer()
    yield server
    server.close()


@pytest.fixture
def raw(_raw_server: RawServer) -> RawServer:
    _raw_server.say(http(500, {}))
    return _raw_server


@pytest.fixture
def raw_client(raw: RawServer) -> KimiClient:
    return KimiClient(api_key="sk-raw", base_url=raw.base_url)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits that the retry policy decided on, none of which is waited."""
    decided: list[float] = []
    real = retry.wait_seconds

    def wait_seconds(*args: Any, **kwargs: Any) -> float:
        decided.append(real(*args, **kwargs))
        return 0.0

    monkeypatch.setattr(retry, "wait_seconds", wait_seconds)
    return decided


class Ways:
    """The blocking and the asynchronous twin of a function under one name, both run to the end."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name

    def request(self, client: KimiClient, *args: Any, **kwargs: Any) -> Any:
        return self.call(client.request, client.arequest, *args, **kwargs)

    def stream(self, client: KimiClient, *args: Any, **kwargs: Any) -> list[Any]:
        return self.collect(client.stream, client.astream, *args, **kwargs)

    def call(self, sync: Callable[..., Any], twin: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if self.name == "sync":
            return sync(*args, **kwargs)
        return asyncio.run(twin(*args, **kwargs))

    def collect(self, sync: Callable[..., Any], twin: Callable[..., Any], *args: Any, **kwargs: Any) -> list[Any]:
        if self.name == "sync":
            return list(sync(*args, **kwargs))

        async def run() -> list[Any]:
            return [item async for item in twin(*args, **kwargs)]

        return asyncio.run(run())


@pytest.fixture(params=["sync", "async"])
def ways(request: pytest.FixtureRequest) -> Ways:
    return Ways(request.param)


@pytest.fixture
def tools(kimi: Emulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> cli_kit.Tools:
    """Run a `kimi-tools` command line against the emulator."""
    return cli_kit.runner(kimi, monkeypatch, capsys)
