"""The HTTP request that leaves: built without the library's detours, and the same as with them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kimi_api import KimiClient
from kimi_api._transport.bodies import guard
from kimi_api._transport.sdk import pool
from kimi_api._transport.sdk.compat import transport
from kimi_emulator import Emulator

Ways = Any  # the fixture `ways` of conftest.py

URL = "https://host.example/v1/chat/completions"
HEADERS = [
    ("Accept", "application/json"),
    ("User-Agent", "u"),
    ("Accept-Encoding", "gzip"),
    ("Connection", "keep-alive"),
]
BODY = {"model": "kimi-k3", "messages": [{"role": "user", "content": "Hello"}]}


@pytest.fixture
def http() -> Iterator[Any]:
    with transport().Client() as client:
        yield client


def build(client: Any, **changes: Any) -> Any:
    arguments = {
        "method": "POST",
        "url": URL,
        "headers": HEADERS,
        "timeout": transport().Timeout(30, connect=5),
        "content": b'{"a":1}',
        "params": None,
        "files": None,
        **changes,
    }
    return client.build_request(**arguments)


def facts(request: Any) -> dict[str, Any]:
    return {
        "method": request.method,
        "url": str(request.url),
        "headers": dict(request.headers.items()),
        "body": request.read(),
        "timeout": request.extensions["timeout"],
    }


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"headers": dict(HEADERS)},
        {"content": None},
        {"content": b""},
        {"params": {"q": "a b"}},
        {"files": {"file": ("a.txt", b"x")}, "content": None},
        {"data": {"purpose": "file-extract"}, "content": None},
        {"timeout": 5.0},
        {"method": "GET", "content": None},
    ],
    ids=lambda changes: ",".join(changes) or "json",
)
def test_a_bare_clients_request_is_the_one_that_the_library_builds(http: Any, changes: dict[str, Any]) -> None:
    guarded = guard(http, bare=True)
    boundary = (
        {"headers": [*HEADERS, ("Content-Type", "multipart/form-data; boundary=x")]} if "files" in changes else {}
    )
    for _ in range(2):  # the second time the address is known
        assert facts(build(guarded, **changes, **boundary)) == facts(build(http, **changes, **boundary))


def test_cookies_that_a_gateway_has_set_go_back_to_it(http: Any) -> None:
    guarded = guard(http, bare=True)
    assert "cookie" not in build(guarded).headers
    http.cookies.set("session", "a1")
    assert build(guarded).headers["cookie"] == "session=a1"


def test_addresses_are_remembered_up_to_a_bound(http: Any) -> None:
    guarded = guard(http, bare=True)
    for number in range(300):
        assert str(build(guarded, url=f"https://host.example/v1/{number}").url).endswith(f"/{number}")


def test_what_a_users_own_client_adds_is_sent(kimi: Emulator) -> None:
    with transport().Client(headers={"X-Gateway": "g1"}) as client:
        ours = KimiClient(api_key=kimi.api_key, base_url=kimi.base_url, http_client=client)
        ours.request("POST", "/chat/completions", body=BODY)
    assert kimi.requests[-1].headers["x-gateway"] == "g1"


def test_nothing_is_told_of_the_machine_that_asks(ways: Ways, kimi: Emulator, client: KimiClient) -> None:
    ways.request(client, "POST", "/chat/completions", body=BODY)
    ways.stream(client, "/chat/completions", body=BODY)
    ways.request(client, "GET", "/models")
    assert len(kimi.requests) == 3
    for request in kimi.requests:
        assert not [name for name in request.headers if name.lower().startswith(("x-stainless", "openai"))]
        assert request.headers["user-agent"] == pool.USER_AGENT
        assert request.headers["connection"] == "keep-alive"
