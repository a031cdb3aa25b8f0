"""The proxies that the environment names: asked for the world, never for this machine; one of a wrong kind is named."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from contract_kit import Chat
from raw_server import RawServer

from kimi_api import KimiConnectionError, KimiInputError
from kimi_emulator import Emulator

Make = Callable[..., Chat]
_NUMBERS = itertools.count()


def address() -> str:
    """One that no other test has asked: clients of a process are made once for each address."""
    return f"https://behind-a-proxy-{next(_NUMBERS)}.test/v1"


@pytest.mark.ways("plain", "astreamed")
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_the_proxy_of_the_environment_is_asked(
    make: Make, raw: RawServer, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, raw.base_url.removesuffix("/v1"))
    raw.say(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
    base_url = address()
    error = make(base_url=base_url, api_key="sk-test-proxy", max_retries=0).attempt("hi").error
    assert isinstance(error, KimiConnectionError)
    assert f"check the network, the proxy settings ({variable} is set) and base_url" in str(error)
    assert raw.requests[0].startswith(f"CONNECT {base_url[8:-3]}:443".encode())
    assert b"sk-test-proxy" not in raw.requests[0]


@pytest.mark.ways("plain", "astreamed")
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("proxy", ["http://127.0.0.1:9", "socks5://127.0.0.1:9", "socks://127.0.0.1:9"])
def test_this_machine_is_asked_directly(
    kimi: Emulator, make: Make, monkeypatch: pytest.MonkeyPatch, variable: str, proxy: str
) -> None:
    """What listens here cannot be reached through a proxy elsewhere, and few who set one set NO_PROXY too."""
    monkeypatch.setenv(variable, proxy)
    assert make().ask("hi").text
    assert len(kimi.chats) == 1


@pytest.mark.ways("plain", "astreamed")
@pytest.mark.parametrize("variable", ["ALL_PROXY", "all_proxy", "HTTPS_PROXY"])
def test_a_proxy_of_a_kind_that_nobody_knows_is_named(
    make: Make, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """Desktops set `socks://`: "Unknown scheme for proxy URL"."""
    monkeypatch.setenv(variable, "socks://user:not-to-be-shown@127.0.0.1:9/")
    error: Any = make(base_url=address(), api_key="sk-test-proxy").attempt("hi").error
    assert isinstance(error, KimiInputError)
    assert f"{variable} with socks://" in str(error)
    assert "set HTTPS_PROXY to the proxy's HTTP address and unset ALL_PROXY" in str(error)
    assert "not-to-be-shown" not in str(error)
