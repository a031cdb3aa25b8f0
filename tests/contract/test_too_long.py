"""Answers that pass what one may hold: events and keep-alives without end, bodies that are small only while packed."""

from __future__ import annotations

import asyncio
import gzip
import pickle
import time
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from contract_kit import Adapter, Media, Way, user
from langchain_core.exceptions import ModelError
from raw_server import RawServer

from kimi_api import KimiClient, KimiInputError, KimiReplyTooLongError
from kimi_api._transport import connection
from kimi_api._transport.sdk.compat import transport
from kimi_api.errors import KimiServerError, KimiStatusError
from kimi_api.media import _fetch
from kimi_emulator import Emulator

MB = 1024 * 1024
LIMIT = MB
"""Bytes that an answer may hold here; an event an eighth of it."""

Answer = bytes | Callable[[Any], None]


def head(kind: str, packing: str = "", status: int = 200) -> bytes:
    lines = [f"HTTP/1.1 {status} X", "Msh-Request-Id: r-1", "Connection: close", f"Content-Type: {kind}"]
    lines += [f"Content-Encoding: {packing}"] if packing else []
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def without_end(first: bytes, piece: bytes) -> Callable[[Any], None]:
    """An answer that begins with `first` and goes on with `piece` until the client has gone."""

    def answer(connection: Any) -> None:
        connection.sendall(first)
        for _ in range(20 * MB // len(piece)):  # what is not stopped fails all the same
            connection.sendall(piece)

    return answer


def begin_stream(raw: RawServer) -> bytes:
    event = raw.event(delta={"role": "assistant", "content": "Hello ", "reasoning_content": "hm"})
    return head("text/event-stream") + raw.sse(event, done=False).encode()


def pack(data: bytes, packing: str = "gzip") -> bytes:
    if packing == "deflate":
        return zlib.compress(data)
    if packing == "raw deflate":
        return zlib.compress(data)[2:-4]
    once = gzip.compress(data)
    return gzip.compress(once) if packing == "gzip, gzip" else once


def bomb(piece: bytes, packing: str = "gzip", megabytes: int = 4) -> bytes:
    return pack(piece * (megabytes * MB // len(piece)), packing)


def long_streams(raw: RawServer) -> dict[str, tuple[str, Answer]]:
    """Streams by name, each with the bound that it passes. All begin with a part of an answer."""
    event = raw.sse(raw.event(delta={"content": "x" * 300}), done=False).encode()
    first = begin_stream(raw).partition(b"\r\n\r\n")[2]
    return {
        "a line": ("event", without_end(begin_stream(raw) + b"data: ", b"x" * 65536)),
        "lines of one event": ("event", without_end(begin_stream(raw), b"data: " + b"x" * 1000 + b"\n")),
        "lines that end in CR LF": ("event", without_end(begin_stream(raw), b"data: " + b"x" * 1000 + b"\r\n")),
        "keep-alives": ("comments", without_end(begin_stream(raw), b": keep-alive\n\n" * 100)),
        "keep-alives on one line each": ("event", without_end(begin_stream(raw), b": keep-alive\n" * 100)),
        "events without data": ("comments", without_end(begin_stream(raw), b"id: 1\nretry: 5\n\n" * 100)),
        "blank lines": ("comments", without_end(begin_stream(raw), b"\n\n" * 500)),
        "packed events": ("body", head("text/event-stream", "gzip") + pack(first + event * (4 * MB // len(event)))),
    }


STREAMS = list(long_streams(RawServer.__new__(RawServer)))


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_ends_at_its_bound(raw: RawServer, adapter: Adapter, way: Way, name: str) -> None:
    bound, answer = long_streams(raw)[name]
    raw.say(answer)
    chat = adapter.make(way, base_url=raw.base_url, wire="stream", max_retries=2, max_answer_bytes=LIMIT)
    error: Any = chat.attempt("hello").error
    assert isinstance(error, KimiReplyTooLongError)
    assert error.bound == bound
    assert error.limit == (LIMIT if bound == "body" else LIMIT / 8)
    assert raw.base_url in str(error)
    assert "What to do" in str(error)
    assert "max_answer_bytes" in str(error)
    assert error.partial.content.startswith("Hello ")
    assert error.partial.reasoning == "hm"
    assert len(raw.requests) == 1
    twin: Any = pickle.loads(pickle.dumps(error))
    assert (type(twin), str(twin), twin.bound, twin.limit) == (type(error), str(error), error.bound, error.limit)
    if adapter.name == "langchain":
        assert isinstance(error, ModelError)
        assert not error.is_retryable


@pytest.mark.parametrize("name", ["a line", "keep-alives", "packed events"])
@pytest.mark.ways("plain", "astreamed")
def test_a_stream_that_is_too_long_is_not_taken_up(raw: RawServer, adapter: Adapter, way: Way, name: str) -> None:
    raw.say(long_streams(raw)[name][1])
    chat = adapter.make(way, base_url=raw.base_url, wire="stream", resume_streams=2, max_answer_bytes=LIMIT)
    assert isinstance(chat.attempt("hello").error, KimiReplyTooLongError)
    assert len(raw.requests) == 1


@pytest.mark.ways("plain", "astreamed")
@pytest.mark.parametrize("first", [b"", b": hello\n\n"], ids=["at once", "after a comment"])
def test_keep_alives_before_the_first_event_end_too(raw: RawServer, adapter: Adapter, way: Way, first: bytes) -> None:
    raw.say(without_end(head("text/event-stream") + first, b": keep-alive\n\n" * 100))
    chat = adapter.make(way, base_url=raw.base_url, wire="stream", max_retries=2, max_answer_bytes=LIMIT)
    error: Any = chat.attempt("hello").error
    assert isinstance(error, KimiReplyTooLongError)
    assert error.bound == "comments"
    assert len(raw.requests) == 1


def test_slow_keep_alives_end_by_time(
    raw: RawServer, adapter: Adapter, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "LONGEST_SILENCE", 0.2)

    def answer(connection: Any) -> None:
        connection.sendall(begin_stream(raw))
        for _ in range(100):
            time.sleep(0.05)
            connection.sendall(b": keep-alive\n\n")

    raw.say(answer)
    error: Any = adapter.make(way, base_url=raw.base_url, wire="stream", timeout=0.19).attempt("hello").error
    assert isinstance(error, KimiReplyTooLongError)
    assert (error.bound, error.limit) == ("silence", 0.2)
    assert "max_seconds" in str(error)
    assert error.partial.content == "Hello "


def test_after_done_nobody_waits_for_the_end_of_keep_alives(raw: RawServer, adapter: Adapter, way: Way) -> None:
    whole = raw.sse(raw.event(delta={"role": "assistant", "content": "Hello"}), raw.event(finish_reason="stop"))
    raw.say(without_end(head("text/event-stream") + whole.encode(), b": keep-alive\n\n" * 100))
    assert adapter.make(way, base_url=raw.base_url, wire="stream").ask("hello").text == "Hello"


PACKED = {
    "gzip": head("application/json", "gzip") + bomb(b" "),
    "gzip of gzip": head("application/json", "gzip, gzip") + bomb(b" ", "gzip, gzip"),
    "deflate": head("application/json", "deflate") + bomb(b" ", "deflate"),
    "deflate without a header": head("application/json", "deflate") + bomb(b" ", "raw deflate"),
}


@pytest.mark.ways("plain", "astreamed")
@pytest.mark.parametrize("packing", PACKED)
@pytest.mark.parametrize("wire", ["plain", "stream"])
def test_a_body_ends_at_its_bound(raw: RawServer, adapter: Adapter, way: Way, packing: str, wire: str) -> None:
    raw.say(PACKED[packing])
    chat = adapter.make(way, base_url=raw.base_url, wire=wire, max_retries=2, max_answer_bytes=LIMIT)
    error: Any = chat.attempt("hello").error
    assert isinstance(error, KimiReplyTooLongError)
    assert (error.bound, error.limit, error.request_id) == ("body", LIMIT, "r-1")
    assert len(raw.requests) == 1


@pytest.mark.ways("plain", "aplain")
def test_a_body_that_says_how_long_it_is_is_not_read(raw: RawServer, adapter: Adapter, way: Way) -> None:
    raw.say(head("application/json")[:-2] + b"Content-Length: 99999999\r\n\r\n")
    error = adapter.make(way, base_url=raw.base_url, wire="plain", max_answer_bytes=LIMIT).attempt("hello").error
    assert isinstance(error, KimiReplyTooLongError)


@pytest.mark.ways("plain", "astreamed")
@pytest.mark.parametrize("status", [400, 401, 429, 500])
def test_of_an_error_only_the_beginning_is_read(raw: RawServer, adapter: Adapter, way: Way, status: int) -> None:
    words = b'{"error":{"message":"no such thing","type":"odd"}}'
    raw.say(head("application/json", "gzip", status) + pack(words + b" " * (4 * MB)))
    error: Any = adapter.make(way, base_url=raw.base_url, max_retries=0).attempt("hello").error
    assert isinstance(error, KimiStatusError)
    assert error.status_code == status
    assert len(error.response.content) <= MB


@pytest.mark.ways("plain", "aplain")
@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("packing", ["br", "zstd", "gzip, br", "gzip, gzip, gzip, gzip", "nonsense"])
def test_what_was_not_asked_for_is_not_unpacked(
    raw: RawServer, adapter: Adapter, way: Way, packing: str, status: int
) -> None:
    raw.say(head("application/json", packing, status) + b"\x00" * 100)
    error: Any = adapter.make(way, base_url=raw.base_url, wire="plain", max_retries=0).attempt("hello").error
    assert isinstance(error, KimiServerError)
    assert status == 500 or packing in str(error)
    assert b"\r\naccept-encoding: gzip, deflate\r\n" in raw.requests[0].lower()


@pytest.mark.parametrize("packing", ["gzip", "deflate", "raw deflate", "gzip, gzip"])
@pytest.mark.parametrize("wire", ["plain", "stream"])
def test_packed_answers_are_read(raw: RawServer, adapter: Adapter, way: Way, packing: str, wire: str) -> None:
    message = {"role": "assistant", "content": "Hello 你好"}
    whole = {"id": "c", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    body = raw.http(200, whole).partition(b"\r\n\r\n")[2]
    kind = "application/json"
    if wire == "stream":
        kind = "text/event-stream"
        body = raw.sse(raw.event(delta=message), raw.event(finish_reason="stop")).encode()
    raw.say(head(kind, packing.removeprefix("raw ")) + pack(body, packing))
    assert adapter.make(way, base_url=raw.base_url, wire=wire).ask("hello").text == "Hello 你好"


@pytest.mark.ways("plain", "aplain")
def test_a_packed_body_that_is_cut_is_no_answer(raw: RawServer, adapter: Adapter, way: Way) -> None:
    raw.say(head("application/json", "gzip") + gzip.compress(b'{"choices": []}' + bytes(range(256)) * 20)[:-30])
    error = adapter.make(way, base_url=raw.base_url, wire="plain", max_retries=0).attempt("hello").error
    assert "ends too early" in str(error)


@pytest.mark.parametrize("bad", [0, -1, 1.5, True, "many"])
def test_a_wrong_bound_is_an_error(adapter: Adapter, bad: Any) -> None:
    if bad is not True:  # which pydantic reads as a number
        with pytest.raises(KimiInputError, match="max_answer_bytes"):
            adapter.make(max_answer_bytes=bad).ask("hi")
    with pytest.raises(KimiInputError, match="max_answer_bytes"):
        KimiClient(api_key="sk-test-1", max_answer_bytes=bad)


# ---------------------------------------------------------------------------------------------- what is no chat


@pytest.fixture(params=["sync", "async"])
def ask(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """`ask(client, method, path, ...)`: a request of the core's client."""
    if request.param == "sync":
        return lambda client, *args, **more: client.request(*args, **more)
    return lambda client, *args, **more: asyncio.run(client.arequest(*args, **more))


REQUESTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "the list of models": ("GET", "/models", {}),
    "a file's content": ("GET", "/files/f-1/content", {"text": True}),
    "a batch": ("POST", "/batches", {"body": {"input_file_id": "f-1"}}),
    "a file's deletion": ("DELETE", "/files/f-1", {}),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_the_clients_other_answers_end_too(raw: RawServer, ask: Callable[..., Any], name: str) -> None:
    method, path, more = REQUESTS[name]
    raw.say(PACKED["gzip"])
    client = KimiClient(base_url=raw.base_url, api_key="sk-test-1", max_answer_bytes=LIMIT, max_retries=2)
    with pytest.raises(KimiServerError if method == "DELETE" else KimiReplyTooLongError):
        ask(client, method, path, **more)
    assert len(raw.requests) == 1


def test_where_a_file_is_sent_on_to_another_host_its_answer_ends_too(raw: RawServer, ask: Callable[..., Any]) -> None:
    other = RawServer()
    other.say(PACKED["gzip"])
    raw.say(raw.http(302, "", headers={"Location": f"{other.base_url}/elsewhere"}))
    client = KimiClient(base_url=raw.base_url, api_key="sk-test-1", max_answer_bytes=LIMIT)
    with pytest.raises(KimiReplyTooLongError):
        ask(client, "GET", "/files/f-1/content", text=True)
    other.close()


def test_a_loader_and_its_limit(kimi: Emulator, adapter: Adapter, tmp_path: Any) -> None:
    path = tmp_path / "long.txt"
    path.write_text("word " * 10_000)
    settings: dict[str, Any] = {"max_answer_bytes": 10_000}
    if adapter.name == "langchain":
        settings = {"client": KimiClient(base_url=kimi.base_url, api_key=kimi.api_key, **settings)}
    with pytest.raises(KimiReplyTooLongError, match="max_answer_bytes"):
        adapter.loader(path, **settings).load()
    assert adapter.loader(path).load().texts


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine's own address counts as a public one."""
    monkeypatch.setattr(_fetch, "refusal", lambda address: "")


@pytest.mark.usefixtures("public")
@pytest.mark.parametrize("packing", ["gzip", "gzip of gzip", "deflate"])
def test_a_file_from_the_web_ends_at_its_bound(raw: RawServer, packing: str) -> None:
    raw.say(PACKED[packing])
    with pytest.raises(KimiInputError, match="more than 1 MB unpacked"):
        _fetch.fetch(raw.base_url, LIMIT)
    with pytest.raises(KimiInputError, match="more than 1 MB unpacked"):
        asyncio.run(_fetch.afetch(raw.base_url, LIMIT))


@pytest.mark.usefixtures("public")
def test_a_file_from_the_web_that_was_packed_otherwise_is_refused(raw: RawServer) -> None:
    raw.say(head("image/png", "br") + b"\x00")
    with pytest.raises(KimiInputError, match="packed as 'br'"):
        _fetch.fetch(raw.base_url)


@pytest.mark.usefixtures("public")
@pytest.mark.ways("plain", "astreamed")
def test_media_of_a_chat(raw: RawServer, kimi: Emulator, adapter: Adapter, way: Way) -> None:
    raw.say(head("image/png", "gzip") + bomb(b"\x00", megabytes=101))
    image = Media(url=raw.base_url, mime="image/png")
    error = adapter.make(way, fetch_media=True, model="kimi-k2.6").attempt([user("What is it?", image)]).error
    assert isinstance(error, KimiInputError)
    assert "100 MB" in str(error)
    assert kimi.chats == []


# ---------------------------------------------------------------------------------------------- clients of one's own


@pytest.mark.parametrize("status", [200, 500])
def test_a_client_of_ones_own_is_bounded_too(raw: RawServer, adapter: Adapter, way: Way, status: int) -> None:
    raw.say(head("application/json", "gzip", status) + bomb(b" "))
    http: Any = transport()
    seen: list[int] = []
    clients: dict[str, Any] = {"http_client": http.Client(event_hooks={"response": [lambda r: seen.append(1)]})}
    if way.startswith("a"):

        async def note(response: Any) -> None:
            seen.append(1)

        clients = {"async_http_client": http.AsyncClient(event_hooks={"response": [note]})}
    chat = adapter.make(way, base_url=raw.base_url, max_answer_bytes=LIMIT, max_retries=0, **clients)
    error = chat.attempt("hello").error
    assert isinstance(error, KimiReplyTooLongError if status == 200 else KimiServerError)
    assert seen == [1]
