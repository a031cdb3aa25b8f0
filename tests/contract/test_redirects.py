"""Where an answer sends requests on to: prompts, files and headers go to the host of base_url alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from contract_kit import FOR_REQUESTS, Adapter, Chat, Way
from raw_server import RawServer

from kimi_api import KimiClient, KimiConnectionError, KimiStatusError
from kimi_api._transport.sdk.compat import transport

pytestmark = [pytest.mark.ways(*FOR_REQUESTS), pytest.mark.usefixtures("waits")]
Make = Callable[..., Chat]
SECRET = "hostkey_0123456789"


@pytest.fixture
def elsewhere() -> Iterator[RawServer]:
    """Another host (another port is one)."""
    server = RawServer()
    yield server
    server.close()


def sent_on(raw: RawServer, status: int, to: str) -> bytes:
    return raw.http(status, "", headers={"Location": to}, kind="text/plain")


def answer(raw: RawServer, text: str = "Hello") -> str:
    events = [raw.event(delta={"content": text}), raw.event(finish_reason="stop")]
    return raw.SSE_HEAD + raw.sse(*events)


@pytest.fixture(params=["own client", "a user's client that follows"])
def settings(request: pytest.FixtureRequest, way: Way) -> Iterator[dict[str, Any]]:
    """Without and with an HTTP client that would follow everything by itself."""
    if request.param == "own client":
        yield {}
        return
    http = transport()
    with http.Client(follow_redirects=True, headers={"X-Own": SECRET}) as client:
        yield {"http_client": client, "async_http_client": http.AsyncClient(follow_redirects=True)}


@pytest.mark.parametrize("wire", ["stream", "plain"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_prompt_is_not_sent_on_to_another_host(
    raw: RawServer, elsewhere: RawServer, make: Make, settings: dict[str, Any], status: int, wire: str
) -> None:
    there = f"{elsewhere.base_url}/chat/completions"
    raw.say(sent_on(raw, status, f"{there}?signature=abc"))
    elsewhere.say(answer(raw))
    chat = make(base_url=raw.base_url, api_key=SECRET, default_headers={"X-Gateway": SECRET}, wire=wire, **settings)
    error: Any = chat.attempt("my prompt").error
    assert isinstance(error, KimiStatusError)
    assert isinstance(error, openai.APIStatusError)
    assert error.status_code == status
    assert (len(raw.requests), elsewhere.requests) == (1, [])
    assert f"{raw.base_url}/chat/completions" in str(error)
    assert there in str(error)
    assert "signature=abc" not in str(error)
    assert f"base_url='{elsewhere.base_url}'" in error.hint
    assert error.hint in str(error)
    assert not error.retryable


@pytest.mark.parametrize("to", ["https://127.0.0.1:{port}/v1/chat/completions", "http://localhost:{port}/v1/x"])
def test_another_scheme_or_name_is_another_host(raw: RawServer, make: Make, to: str) -> None:
    address = to.format(port=raw.base_url.rpartition(":")[2].partition("/")[0])
    raw.say(sent_on(raw, 307, address))
    error = make(base_url=raw.base_url).attempt("my prompt").error
    assert isinstance(error, KimiStatusError)
    assert address in str(error)
    assert len(raw.requests) == 1


@pytest.mark.parametrize("to", ["", "ftp://x/", "http://[", "//:99999999/", "\\", "mailto:a@b"])
def test_a_broken_redirect_is_our_error(raw: RawServer, make: Make, to: str) -> None:
    raw.say(sent_on(raw, 307, to))
    error = make(base_url=raw.base_url, max_retries=0).attempt("my prompt").error
    assert isinstance(error, KimiStatusError | KimiConnectionError)
    assert len(raw.requests) == 1 + 5 * (to in ("", "\\"))  # the same address again, or one below it


@pytest.mark.parametrize("status", [307, 308])
def test_the_same_host_may_send_a_prompt_on(raw: RawServer, make: Make, status: int) -> None:
    raw.say(sent_on(raw, status, "/v1/chat/completions/"), answer(raw))
    assert make(base_url=raw.base_url).ask("my prompt").text == "Hello"
    first, second = raw.requests
    assert first.split(b"\r\n\r\n")[1] == second.split(b"\r\n\r\n")[1]
    assert second.startswith(b"POST /v1/chat/completions/ ")


def test_the_same_host_may_not_make_a_get_of_a_prompt(raw: RawServer, make: Make) -> None:
    raw.say(sent_on(raw, 302, "/v1/other"))
    error = make(base_url=raw.base_url).attempt("my prompt").error
    assert "as a GET, which would lose its body" in str(error)
    assert len(raw.requests) == 1


def test_a_circle_ends(raw: RawServer, make: Make) -> None:
    raw.say(sent_on(raw, 307, "/v1/chat/completions"))
    assert "again and again" in str(make(base_url=raw.base_url).attempt("my prompt").error)
    assert len(raw.requests) == 6


def test_a_file_is_not_uploaded_elsewhere(
    raw: RawServer, elsewhere: RawServer, adapter: Adapter, way: Way, tmp_path: Path
) -> None:
    raw.say(sent_on(raw, 307, f"{elsewhere.base_url}/files"))
    path = tmp_path / "a.pdf"
    path.write_bytes(b"%PDF-1.4 my text")
    with pytest.raises(Exception, match="nothing was sent there"):
        adapter.loader([path], way, base_url=raw.base_url).load()
    assert elsewhere.requests == []


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_get_may_go_elsewhere_without_our_headers(
    raw: RawServer, elsewhere: RawServer, settings: dict[str, Any], asynchronous: bool, way: Way, adapter: Adapter
) -> None:
    import asyncio

    raw.say(sent_on(raw, 302, f"{elsewhere.base_url}/bucket/file?signature=abc"))
    elsewhere.say(raw.http(200, "the text", kind="text/plain"))
    client = KimiClient(
        base_url=raw.base_url, api_key=SECRET, default_headers={"X-Gateway": SECRET, "Cookie": SECRET}, **settings
    )
    if asynchronous:
        body = asyncio.run(client.arequest("GET", "/files/f/content", text=True)).body
    else:
        body = client.request("GET", "/files/f/content", text=True).body
    assert body == "the text"
    (request,) = elsewhere.requests
    assert request.startswith(b"GET /v1/bucket/file?signature=abc ")
    assert SECRET not in request.decode()
    elsewhere.say(raw.http(403, json.dumps({"error": "expired"})))
    with pytest.raises(KimiStatusError, match="403"):
        client.request("GET", "/files/f/content", text=True)
