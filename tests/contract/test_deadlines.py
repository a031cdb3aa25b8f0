"""`max_seconds`: the end of the time that a call may take as a whole, from the call to the last byte."""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from contract_kit import Adapter, Chat, Media, Way, user
from contract_langchain import LangChainLoader
from langchain_core.exceptions import ModelTimeoutError
from raw_server import RawServer

from kimi_api import AccountLimits, KimiClient, KimiInputError, KimiRateLimitError, KimiTimeoutError, files, media
from kimi_api.errors import KimiDeadlineError
from kimi_emulator import Emulator, Failure, Reply
from langchain_kimi import KimiFileLoader

Make = Callable[..., Chat]
ALLOWED = 1.0


@pytest.fixture(scope="module", autouse=True)
def _warm() -> None:
    """What the first call of a process loads is no part of what is measured here."""
    server = RawServer()
    server.say(server.http(200, {"data": []}))
    client = KimiClient(base_url=server.base_url, api_key="sk-test-1")
    client.request("GET", "/models")
    asyncio.run(client.arequest("GET", "/models"))
    server.close()


@contextlib.contextmanager
def in_time() -> Iterator[None]:
    """What takes long on a busy machine may, but nothing like the time the server would take."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < 7


def drip(head: str, every: str = "x", first: str = "") -> Callable[[Any], None]:
    """An answer that begins with `head`, and then gives a little every 50 ms, for 20 seconds."""

    def answer(connection: Any) -> None:
        connection.sendall((head + first).encode())
        for _ in range(400):
            time.sleep(0.05)
            connection.sendall(every.encode())

    return answer


def events(raw: RawServer) -> str:
    return raw.sse(raw.event(delta={"role": "assistant", "content": "Hello "}), done=False)


ENDLESS: dict[str, Callable[[RawServer], Callable[[Any], None]]] = {
    "headers": lambda raw: drip("HTTP/1.1 200 OK\r\nX-Long: "),
    "no first event": lambda raw: drip(raw.SSE_HEAD, ": ping\n\n"),
    "events": lambda raw: drip(raw.SSE_HEAD, raw.sse(raw.event(delta={"content": "x"}), done=False), events(raw)),
    "one event": lambda raw: drip(raw.SSE_HEAD, "x", events(raw) + "data: "),
    "comments": lambda raw: drip(raw.SSE_HEAD, ": ping\n\n", events(raw)),
    "a body": lambda raw: drip(raw.OK_HEAD + "Content-Type: application/json\r\nContent-Length: 9999\r\n\r\n", " "),
    "a body without length": lambda raw: drip(raw.OK_HEAD + "Content-Type: application/json\r\n\r\n", " "),
    "an error": lambda raw: drip(
        "HTTP/1.1 500 No\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n", " "
    ),
    "silence": lambda raw: lambda connection: time.sleep(8),
}


@pytest.mark.parametrize("kind", ENDLESS)
@pytest.mark.parametrize("per_call", [False, True], ids=["field", "call"])
def test_what_drips_ends(raw: RawServer, adapter: Adapter, way: Way, kind: str, per_call: bool) -> None:
    raw.say(ENDLESS[kind](raw))
    limit = {"max_seconds": ALLOWED}
    chat = adapter.make(way, base_url=raw.base_url, wire="stream", max_retries=2, **({} if per_call else limit))
    with in_time():
        error: Any = chat.attempt("hello", **(limit if per_call else {})).error
    assert isinstance(error, KimiDeadlineError)
    assert isinstance(error, KimiTimeoutError)
    assert isinstance(error, openai.APITimeoutError)
    assert "max_seconds=1" in str(error)
    assert error.hint in str(error)
    assert not error.retryable
    assert len(raw.requests) == 1
    if adapter.name == "langchain":
        assert isinstance(error, ModelTimeoutError)
        assert not error.is_retryable
    if kind in ("events", "one event", "comments"):
        assert error.partial.content.startswith("Hello ")
    twin: Any = pickle.loads(pickle.dumps(error))
    assert (type(twin), str(twin)) == (type(error), str(error))


@pytest.mark.parametrize("kind", ["a body", "headers", "an error", "silence"])
@pytest.mark.ways("plain", "aplain")
def test_one_body_that_drips_ends_too(raw: RawServer, adapter: Adapter, way: Way, kind: str) -> None:
    raw.say(ENDLESS[kind](raw))
    chat = adapter.make(way, base_url=raw.base_url, wire="plain", max_seconds=ALLOWED)
    with in_time():
        assert isinstance(chat.attempt("hello").error, KimiDeadlineError)


def test_a_call_that_is_in_time_notices_nothing(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply("Hello", reasoning="hm"), Reply("Hello", reasoning="hm"))
    assert make(max_seconds=60).ask("hi").text == make().ask("hi").text == "Hello"


def test_retries_count(kimi: Emulator, make: Make) -> None:
    kimi.script(*[Failure(429, "rate_limit_reached_error", "slow", headers={"Retry-After": "30"})] * 5)
    with in_time():
        error: Any = make(max_seconds=ALLOWED, max_retries=4).attempt("hi").error
    assert isinstance(
        error, KimiRateLimitError
    )  # what went wrong is worth more than that there is no time to repeat it
    assert any("max_seconds=1" in note for note in error.__notes__)
    assert len(kimi.chats) == 1


def test_waiting_for_limits_counts(kimi: Emulator, adapter: Adapter, way: Way) -> None:
    limits = AccountLimits(rpm=1, name=f"deadline-{adapter.name}-{way}")
    adapter.make(account_limits=limits).ask("hi")
    with in_time():
        error = adapter.make(way, account_limits=limits, max_seconds=ALLOWED).attempt("hi").error
    assert isinstance(error, KimiDeadlineError)
    assert len(kimi.chats) == 1


def test_continuations_count(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply("One, ", finish_reason="length"), Reply("two", fault="stall.before_headers"))
    with in_time():
        outcome = make(max_seconds=2.5, auto_continue=1).attempt("Count")
    assert outcome.text == "One, "
    assert "stays incomplete" in "".join(outcome.warnings)


def test_the_requests_of_one_call_share_its_time(raw: RawServer, make: Make) -> None:
    """Each would be in time by itself; the second ends after the call's time."""

    def late(text: str, reason: str) -> Callable[[Any], None]:
        def answer(connection: Any) -> None:
            time.sleep(1.3)
            body = raw.sse(raw.event(delta={"content": text}), raw.event(finish_reason=reason))
            connection.sendall((raw.SSE_HEAD + body).encode())

        return answer

    raw.say(late("One, ", "length"), late("two", "stop"))
    with in_time():
        outcome = make(base_url=raw.base_url, wire="stream", max_seconds=2.0, auto_continue=1).attempt("Count")
    assert outcome.text == "One, "
    assert len(raw.requests) == 2
    assert "stays incomplete" in "".join(outcome.warnings)


def test_a_broken_stream_is_not_taken_up_after_it(raw: RawServer, make: Make) -> None:
    raw.say(ENDLESS["events"](raw))
    with in_time():
        outcome = make(base_url=raw.base_url, wire="stream", max_seconds=ALLOWED, resume_streams=3).attempt("Count")
    assert isinstance(outcome.error, KimiDeadlineError)
    assert len(raw.requests) == 1


@pytest.mark.parametrize("bad", [0, -1, "60", True, [1]])
def test_a_wrong_value_is_an_error(kimi: Emulator, adapter: Adapter, bad: Any) -> None:
    if bad not in ("60", True):  # which pydantic reads as numbers
        with pytest.raises(KimiInputError, match="max_seconds"):
            adapter.make(max_seconds=bad).ask("hi")
    with pytest.raises(KimiInputError, match="max_seconds"):
        adapter.make().ask("hi", max_seconds=bad)
    assert kimi.requests == []


def test_the_clients_other_requests_end_too(raw: RawServer) -> None:
    raw.say(ENDLESS["a body"](raw))
    client = KimiClient(base_url=raw.base_url, api_key="sk-test-1", max_seconds=ALLOWED)
    with in_time(), pytest.raises(KimiDeadlineError):
        client.request("GET", "/models")
    with in_time(), pytest.raises(KimiDeadlineError):
        asyncio.run(client.arequest("GET", "/models"))


def test_uploads_within_a_call_count(raw: RawServer, adapter: Adapter, way: Way) -> None:
    raw.say(ENDLESS["silence"](raw))
    image = Media(data=b"\x89PNG\r\n\x1a\n" + bytes(64), mime="image/png")
    chat = adapter.make(way, base_url=raw.base_url, inline_media_bytes=0, max_seconds=ALLOWED, model="kimi-k2.6")
    with in_time():
        error = chat.attempt([user("What is it?", image)]).error
    assert isinstance(error, KimiDeadlineError)
    assert raw.requests[0].startswith(b"POST /v1/files ")


def test_a_file_is_one_call_and_leaves_nothing_on_the_platform(
    kimi: Emulator, adapter: Adapter, way: Way, tmp_path: Path
) -> None:
    kimi.fail("files.pending")
    path = tmp_path / "a.txt"
    path.write_text(f"{adapter.name} {way}")
    if adapter.name == "langchain":
        client = KimiClient(**adapter.host, max_seconds=ALLOWED)
        loader: Any = LangChainLoader(KimiFileLoader([path], client=client), [path], way)
    else:
        loader = adapter.loader([path], way, max_seconds=ALLOWED)
    with in_time(), pytest.raises(KimiDeadlineError, match="max_seconds=1,"):
        loader.load()
    assert len([request for request in kimi.requests if request.method == "POST"]) == 1  # begun once
    assert kimi.files == {}


IMAGE = b"\x89PNG\r\n\x1a\n" + bytes(64)
UPLOADS: dict[str, Callable[[KimiClient], Any]] = {
    "extract": lambda client: files.extract(client, b"text", name="a.txt"),
    "aextract": lambda client: asyncio.run(files.aextract(client, b"text", name="a.txt")),
    "upload": lambda client: files.upload(client, b"text", "file-extract", name="b.txt"),
    "aupload": lambda client: asyncio.run(files.aupload(client, b"text", "file-extract", name="b.txt")),
    "upload_media": lambda client: media.upload_media(client, IMAGE),
    "aupload_media": lambda client: asyncio.run(media.aupload_media(client, IMAGE)),
}


@pytest.mark.parametrize("kind", UPLOADS)
def test_an_upload_and_what_is_asked_about_it_are_one_call(raw: RawServer, kind: str) -> None:
    raw.say(ENDLESS["a body"](raw))
    client = KimiClient(base_url=raw.base_url, api_key="sk-test-1", max_seconds=ALLOWED)
    with in_time(), pytest.raises(KimiDeadlineError):
        UPLOADS[kind](client)
    assert len(raw.requests) == 1  # what else would be asked has no time of its own
