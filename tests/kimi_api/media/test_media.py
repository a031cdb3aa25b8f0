"""Images and videos: what may go, what goes inside, what is uploaded once, and what is fetched."""

from __future__ import annotations

import _socket
import asyncio
import base64
import contextlib
import http.server
import io
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kimi_api import ChatOptions, KimiClient, KimiInputError, build_request, chat, errors, media
from kimi_api._media_rules import LocalMedia, media_type, to_upload
from kimi_api.media import _fetch, _place
from kimi_api.reply import ReplyBuilder
from kimi_emulator import Emulator

Ways = Any  # the fixture `ways` of conftest.py
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(100)
MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + bytes(100)
SVG = b"<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'/>"
TIFF = b"II*\x00\x10\x00\x00\x00" + bytes(100)


def data(content: bytes, mime: str = "image/png") -> str:
    return f"data:{mime};base64,{base64.b64encode(content).decode()}"


def request_with(*urls: str, kind: str = "image_url", **options: Any) -> Any:
    parts = [{"type": kind, kind: {"url": url}} for url in urls]
    message = {"role": "user", "content": [{"type": "text", "text": "see"}, *parts]}
    return build_request(ChatOptions(**options), [message])


def placed_urls(ways: Ways, client: KimiClient, request: Any) -> list[str]:
    outgoing = ways.call(media.place_media, media.aplace_media, client, request)
    content = outgoing.body["messages"][-1]["content"]
    return [part[part["type"]]["url"] for part in content if part["type"] != "text"]


# ---------------------------------------------------------------------------------------------------- rules


@pytest.mark.parametrize(
    ("content", "declared", "kind", "expected"),
    [
        (PNG, "image/png", "image", "image/png"),
        (PNG, "image/jpeg", "image", "image/png"),
        (PNG, None, None, "image/png"),
        (PNG, "text/plain", "image", "image/png"),
        (JPEG, "image/jpg", "image", "image/jpg"),
        (MP4, "application/octet-stream", "video", "video/mp4"),
        (b"\x01\x02", "image/heic", "image", "image/heic"),
        (b"\x01\x02", "video/mov", "video", "video/mov"),
    ],
)
def test_the_content_decides_about_the_type(content: bytes, declared: Any, kind: Any, expected: str) -> None:
    assert media_type(content, declared, kind, "x") == expected


@pytest.mark.parametrize(
    ("content", "declared", "kind", "message"),
    [
        (SVG, "image/png", "image", "SVG"),
        (b"\xef\xbb\xbf <svg/>", None, "image", "SVG"),
        (PNG, "image/svg+xml", "image", "SVG"),
        (TIFF, "image/png", "image", "image/tiff, though it is declared as image/png"),
        (MP4, "image/png", "image", "pass it as video"),
        (PNG, "video/mp4", "video", "pass it as image"),
        (b"This is not a picture, whatever it is called.", "image/png", "image", "text/plain"),
        (b"\x01\x02", None, "image", "cannot be read from its content"),
        (b"\x01\x02", "image/x-new", "image", "image/x-new"),
        (b"", "", None, "cannot be read from its content"),
        (b"%PDF-1.4\x00", None, None, "application/pdf"),
    ],
)
def test_what_kimi_does_not_take_is_refused_with_what_it_takes(
    content: bytes, declared: Any, kind: Any, message: str
) -> None:
    with pytest.raises(KimiInputError) as caught:
        media_type(content, declared, kind, "x")
    assert message in str(caught.value)
    assert ("video/mp4" if kind == "video" else "image/png") in caught.value.rule


def test_the_largest_go_up_until_the_body_fits() -> None:
    assert to_upload([10, 500, 20], 100) == {1}
    assert to_upload([10, 500, 20], 500) == set()
    assert to_upload([300, 500, 400], 10**6, rest=0, limit=1000) == {1, 2}
    assert to_upload([300, 500, 400], 10**6, rest=900, limit=1000) == {0, 1, 2}
    assert to_upload([], 0, rest=10**9) == set()


def test_requests_without_media_are_left_alone() -> None:
    request = build_request(ChatOptions(), [{"role": "user", "content": [{"type": "text", "text": "x"}]}])
    assert request.media is None


# ---------------------------------------------------------------------------------------------------- placing


def test_small_ones_stay_inside_and_lying_types_are_corrected(ways: Ways, kimi: Emulator, client: KimiClient) -> None:
    good = data(PNG)
    assert placed_urls(ways, client, request_with(good, data(JPEG), "ms://file")) == [
        good,
        data(JPEG, "image/jpeg"),
        "ms://file",
    ]
    assert kimi.requests == []


def test_large_ones_go_up_once_for_each_content(ways: Ways, kimi: Emulator, client: KimiClient) -> None:
    request = request_with(data(PNG), data(PNG, "image/jpeg"), data(JPEG), inline_media_bytes=10)
    first = placed_urls(ways, client, request)
    assert first == placed_urls(ways, client, request)
    assert first[0] == first[1] != first[2]
    assert sorted(kimi.files) == sorted(url.removeprefix("ms://") for url in set(first))
    assert {file.filename for file in kimi.files.values()} == {"image.png", "image.jpg"}
    assert request.body["messages"][0]["content"][1]["image_url"]["url"] == data(PNG), "the messages are not changed"


def test_media_in_tool_results_and_systems_too(ways: Ways, kimi: Emulator, client: KimiClient) -> None:
    part = {"type": "image_url", "image_url": data(PNG)}  # the bare address is a spelling too
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    history = [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": "", "tool_calls": [call], "reasoning_content": "r"},
        {"role": "tool", "tool_call_id": "c", "content": [part]},
    ]
    request = build_request(ChatOptions(inline_media_bytes=0), history)
    ways.call(chat.complete, chat.acomplete, client, request)
    assert kimi.chats[-1]["messages"][-1]["content"][0]["image_url"] == f"ms://{next(iter(kimi.files))}"
    assert list(kimi.report) == []


def test_a_body_over_the_limit_is_made_to_fit(
    ways: Ways, kimi: Emulator, client: KimiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kimi_api import _media_rules

    monkeypatch.setattr(_media_rules, "_NEAR", 0)
    monkeypatch.setattr(_place, "to_upload", lambda sizes, inline, rest: to_upload(sizes, inline, rest, limit=2000))
    large, small = PNG + bytes(1500), PNG + bytes(200)
    urls = placed_urls(ways, client, request_with(data(small), data(large)))
    assert [url[:5] for url in urls] == ["data:", "ms://"]
    monkeypatch.setattr(_place, "MAX_BODY_BYTES", 10)
    with pytest.raises(KimiInputError, match="at most 100 MB"):
        placed_urls(ways, client, request_with(data(small)))


def test_a_deleted_upload_is_replaced(ways: Ways, kimi: Emulator, client: KimiClient) -> None:
    request = request_with(data(PNG), inline_media_bytes=10)
    ways.call(chat.complete, chat.acomplete, client, request)
    (old,) = kimi.files
    client.request("DELETE", f"/files/{old}")
    ways.call(chat.complete, chat.acomplete, client, request)
    (new,) = kimi.files
    assert new != old
    client.request("DELETE", f"/files/{new}")
    ways.collect(chat.stream, chat.astream, client, asked_stream(), ReplyBuilder())
    assert len(kimi.files) == 1


def asked_stream() -> Any:
    message = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": data(PNG)}}]}
    return build_request(ChatOptions(inline_media_bytes=10), [message], stream=True)


def test_an_address_of_the_users_own_that_is_gone_is_an_error(ways: Ways, kimi: Emulator, client: KimiClient) -> None:
    with pytest.raises(errors.KimiBadRequestError, match="not found"):
        ways.call(chat.complete, chat.acomplete, client, request_with("ms://gone", data(PNG), inline_media_bytes=10))
    assert len(kimi.chats) == 1


@pytest.mark.parametrize("url", ["file:///etc/passwd", "https://example.com/a.png", "a.png", "ftp://x/y"])
def test_other_addresses_are_refused_before_sending(ways: Ways, kimi: Emulator, client: KimiClient, url: str) -> None:
    with pytest.raises(KimiInputError, match="fetch_media"):
        placed_urls(ways, client, request_with(url))
    assert kimi.requests == []


def test_only_files_that_the_program_named_are_read(
    ways: Ways, kimi: Emulator, client: KimiClient, tmp_path: Path
) -> None:
    path = tmp_path / "picture.dat"
    path.write_bytes(PNG)
    assert placed_urls(ways, client, request_with(LocalMedia.of(path))) == [data(PNG)]
    (url,) = placed_urls(ways, client, request_with(LocalMedia.of(path), inline_media_bytes=0))
    assert kimi.files[url.removeprefix("ms://")].filename == "picture.png"
    with pytest.raises(KimiInputError):
        placed_urls(ways, client, request_with(str(LocalMedia.of(path)) + ""))


@pytest.mark.parametrize("bad", [-1, 1.5, True, None])
def test_the_threshold_is_a_number_of_bytes(bad: Any) -> None:
    with pytest.raises(KimiInputError, match="inline_media_bytes"):
        request_with(data(PNG), inline_media_bytes=bad)


def test_other_hosts_get_media_as_they_are(ways: Ways, client: KimiClient) -> None:
    urls = ["https://example.com/a.png", data(TIFF, "image/tiff")]
    assert placed_urls(ways, client, request_with(*urls, dialect="vllm", inline_media_bytes=0)) == urls


# ---------------------------------------------------------------------------------------------------- by hand


@pytest.mark.parametrize("kind", ["path", "str", "bytes", "open file", "BytesIO"])
def test_media_by_hand(ways: Ways, kimi: Emulator, client: KimiClient, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "film"
    path.write_bytes(MP4)
    with path.open("rb") as opened:
        source: Any = {"path": path, "str": str(path), "bytes": MP4, "open file": opened, "BytesIO": io.BytesIO(MP4)}[
            kind
        ]
        assert media.media_part(source) == {"type": "video_url", "video_url": {"url": data(MP4, "video/mp4")}}
        first = ways.call(media.upload_media, media.aupload_media, client, source)
        assert ways.call(media.upload_media, media.aupload_media, client, source).url == first.url
    assert {(f.id, f.purpose, f.filename[-4:]) for f in kimi.files.values()} == {(first.id, "video", ".mp4")}
    with pytest.raises(KimiInputError, match="pass it as video"):
        media.media_part(path, kind="image")


# ---------------------------------------------------------------------------------------------------- fetching


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254"),
        *("100.64.0.1", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1"),
        *("::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "198.18.0.1", "nonsense"),
        *("fec0::1", "feff::1", "192.0.0.1", "192.0.0.9", "192.0.0.170", "64:ff9b:1::1", "::ffff:192.0.0.10"),
        *("192.88.99.1", "3fff::1", "5f00::1", "100:0:0:1::1", "64:ff9b::a83f:8110", "168.63.129.16"),
    ],
)
def test_addresses_that_are_not_public_are_refused(address: str) -> None:
    assert _fetch.refusal(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34"])
def test_public_addresses_are_not(address: str) -> None:
    assert _fetch.refusal(address) == ""


HOSTS = [
    *("2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0", "[::ffff:127.0.0.1]", "[::1%25lo]", "[::]"),
    "\u2460\u2461\u2466.\u24ea.\u24ea.\u2460",  # digits in circles
    *("127.0.0.1:0", "example.com@127.0.0.1", "example.com\\@127.0.0.1", "127.0.0.1%2f@example.com"),
]


@pytest.mark.parametrize("host", HOSTS)
def test_ways_to_write_an_address_of_this_machine_lead_nowhere(
    ways: Ways, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    def read_number(host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        return _socket.getaddrinfo(host.encode("idna"), port, flags=_socket.AI_NUMERICHOST)

    monkeypatch.setattr(_fetch.socket, "getaddrinfo", read_number)  # the system's own, which asks nobody here
    with pytest.raises(KimiInputError, match=r"only public addresses|credentials in an address") as caught:
        fetch_url(ways, f"http://{host}/")
    assert "@" not in str(caught.value.value)


@pytest.mark.parametrize(
    "host", ["a.example:x", "a.example:99999999", "[", "a\u2100b.example", "\ud800.example"], ids=ascii
)
def test_an_error_about_an_address_shows_neither_credentials_nor_query(ways: Ways, host: str) -> None:
    with pytest.raises(KimiInputError) as caught:
        fetch_url(ways, f"http://user:pass-word@{host}/a?signature=abc")
    assert "pass-word" not in str(caught.value)
    assert "abc" not in str(caught.value)
    assert "http://" in str(caught.value)


class Web:
    """A web server on loopback; `answers` by path."""

    def __init__(self) -> None:
        outer = self
        self.seen: list[tuple[str, str | None, str | None]] = []
        self.answers: dict[str, tuple[int, dict[str, str], bytes]] = {}

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.seen.append((self.path, self.headers["Host"], self.headers["Authorization"]))
                status, headers, body = outer.answers.get(self.path, (404, {}, b""))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    self.wfile.write(body)
                except OSError:
                    outer.seen.append(("broken off", None, None))

            def log_message(self, *args: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """The server, known as pictures.example; its loopback address counts as public."""
    server = Web()
    real = _fetch.refusal
    monkeypatch.setattr(_fetch, "refusal", lambda address: "" if address == "127.0.0.1" else real(address))
    resolved: list[str] = []
    server.resolved = resolved  # type: ignore[attr-defined]
    names = {"pictures.example": "127.0.0.1", "inside.example": "10.0.0.1", "rebound.example": "127.0.0.1"}

    def getaddrinfo(host: str, port: int, *args: Any, **kwargs: Any) -> list[Any]:
        resolved.append(host)
        address = names.get(host, host)
        if host == "rebound.example":
            names[host] = "10.0.0.1"  # the next answer would lead inside
        return [(2, 1, 6, "", (address, port))]

    monkeypatch.setattr(_fetch.socket, "getaddrinfo", getaddrinfo)
    _fetch._pages.clear()
    yield server
    server.server.shutdown()
    server.server.server_close()


def fetch_url(ways: Ways, url: str, **how: Any) -> Any:
    return ways.call(_fetch.fetch, _fetch.afetch, url, **how)


def test_a_picture_is_fetched_from_the_address_that_was_checked(ways: Ways, web: Any) -> None:
    web.answers["/a.png?x=1"] = (200, {"Content-Type": "image/png"}, PNG)
    url = f"http://rebound.example:{web.port}/a.png?x=1#part"
    assert fetch_url(ways, url) == (PNG, "image/png")
    assert web.seen == [("/a.png?x=1", f"rebound.example:{web.port}", None)]
    names = [host for host in web.resolved if host != "127.0.0.1"]
    assert names == ["rebound.example"], "asked once; the connection goes to the number"


@pytest.mark.parametrize("target", ["http://inside.example/", "http://169.254.169.254/latest", "//inside.example/x"])
def test_a_redirect_to_the_inside_is_refused(ways: Ways, web: Any, target: str) -> None:
    web.answers["/go"] = (302, {"Location": target}, b"")
    with pytest.raises(KimiInputError, match="only public addresses"):
        fetch_url(ways, f"http://pictures.example:{web.port}/go")
    assert len(web.seen) == 1


@pytest.mark.parametrize("target", ["http://[", "//:99999999/", "http://[::1", "ftp://pictures.example/a", "\\udc80"])
def test_a_broken_redirect_is_our_error(ways: Ways, web: Any, target: str) -> None:
    web.answers["/go"] = (302, {"Location": target}, b"")
    with pytest.raises(KimiInputError):
        fetch_url(ways, f"http://pictures.example:{web.port}/go")


@pytest.mark.parametrize(
    "url", ["http://pictures.example/\ud800", "http://\ud800.example/", "http://a.example:x/", "http://["]
)
def test_an_address_that_is_no_text_is_our_error(ways: Ways, web: Any, url: str) -> None:
    with pytest.raises(KimiInputError):
        fetch_url(ways, url)


def test_a_file_that_drips_ends(ways: Ways, web: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_fetch, "TOTAL_SECONDS", 0.4)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)

        def drip() -> None:
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
                for _ in range(200):
                    connection.sendall(b"x")
                    time.sleep(0.05)

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        began = time.monotonic()
        with pytest.raises(KimiInputError, match=r"longer than 0\.4 seconds"):
            fetch_url(ways, f"http://pictures.example:{server.getsockname()[1]}/a.png")
        assert time.monotonic() - began < 3


def test_a_redirect_to_another_public_place_is_followed(ways: Ways, web: Any) -> None:
    web.answers["/go"] = (301, {"Location": "/a.png"}, b"")
    web.answers["/a.png"] = (200, {}, PNG)
    web.answers["/round"] = (302, {"Location": "/round"}, b"")
    assert fetch_url(ways, f"http://pictures.example:{web.port}/go") == (PNG, None)
    with pytest.raises(KimiInputError, match="redirected more than 5"):
        fetch_url(ways, f"http://pictures.example:{web.port}/round")


def test_a_body_that_is_too_large_is_cut_at_the_limit(ways: Ways, web: Any) -> None:
    web.answers["/big"] = (200, {}, bytes(50_000_000))
    with pytest.raises(KimiInputError, match="more than 1 MB"):
        fetch_url(ways, f"http://pictures.example:{web.port}/big", limit=1024 * 1024)


@pytest.mark.parametrize(
    "url",
    [
        *("http://inside.example/a", "http://10.0.0.1/", "https://[::1]/", "http://user:secret@pictures.example/"),
        *("http://pictures.example:1/", "http:///x", "http://pictures.example:99999/"),
    ],
)
def test_what_is_not_fetched_is_said_without_secrets(ways: Ways, web: Any, url: str) -> None:
    with pytest.raises(KimiInputError) as caught:
        fetch_url(ways, url)
    assert "secret" not in str(caught.value)
    assert web.seen == []


def test_an_error_page_is_no_picture(ways: Ways, web: Any) -> None:
    with pytest.raises(KimiInputError, match="answered 404"):
        fetch_url(ways, f"http://pictures.example:{web.port}/none?signature=hidden")


def test_fetching_is_opt_in_and_done_once(ways: Ways, kimi: Emulator, client: KimiClient, web: Any) -> None:
    web.answers["/a"] = (200, {"Content-Type": "image/jpeg"}, PNG)
    web.answers["/page"] = (200, {"Content-Type": "image/png"}, b"<html><body>Log in to see the picture</body></html>")
    url = f"http://pictures.example:{web.port}/a"
    for _ in range(2):
        assert placed_urls(ways, client, request_with(url, fetch_media=True)) == [data(PNG)]
    (large,) = placed_urls(ways, client, request_with(url, fetch_media=True, inline_media_bytes=10))
    assert large.removeprefix("ms://") in kimi.files
    assert len(web.seen) == 1
    with pytest.raises(KimiInputError, match="fetch_media"):
        placed_urls(ways, client, request_with(url))
    with pytest.raises(KimiInputError, match=r"text/plain|html"):
        placed_urls(ways, client, request_with(f"http://pictures.example:{web.port}/page", fetch_media=True))


def test_fetched_media_are_kept_up_to_a_size_and_the_least_used_is_fetched_again(
    ways: Ways, kimi: Emulator, client: KimiClient, web: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _fetch._FETCHED_BYTES == 64 * 1024 * 1024
    monkeypatch.setattr(_fetch, "_FETCHED_BYTES", 2 * len(PNG) + 1)
    for name in "abc":
        web.answers[f"/{name}"] = (200, {"Content-Type": "image/png"}, PNG)
    for name in "abacaba":  # c drives out b, and then b drives out c
        placed_urls(ways, client, request_with(f"http://pictures.example:{web.port}/{name}", fetch_media=True))
    assert [path for path, _, _ in web.seen] == ["/a", "/b", "/c", "/b"]
    assert sum(len(content) for _, content, _ in _fetch._pages.values()) == 2 * len(PNG)


def test_loopback_is_refused_where_nobody_says_otherwise(ways: Ways) -> None:
    server = Web()
    with pytest.raises(KimiInputError, match="a loopback address"):
        fetch_url(ways, f"http://127.0.0.1:{server.port}/")
    assert server.seen == []
    server.server.shutdown()
    server.server.server_close()


# ---------------------------------------------------------------------------------------------------- frameworks


@pytest.mark.parametrize("threshold", [10, 10**6])
async def test_both_frameworks_send_the_same(kimi: Emulator, tmp_path: Path, threshold: int) -> None:
    from langchain_core.messages import HumanMessage, ToolMessage
    from llama_index.core.base.llms.types import ChatMessage, ImageBlock, VideoBlock

    from langchain_kimi import ChatKimi
    from llama_index_kimi import Kimi

    path = tmp_path / "picture.jpg"  # its name lies
    path.write_bytes(PNG)
    settings = {"base_url": kimi.base_url, "api_key": kimi.api_key, "inline_media_bytes": threshold}
    chat_model, llm = ChatKimi(**settings), Kimi(**settings)
    encoded = base64.b64encode(PNG).decode()
    film = base64.b64encode(MP4).decode()
    human = HumanMessage(
        [
            {"type": "image", "base64": encoded, "mime_type": "image/jpeg"},
            {"type": "video", "base64": film, "mime_type": "video/mp4"},
        ]
    )
    user = ChatMessage(role="user", blocks=[ImageBlock(path=path), VideoBlock(video=MP4)])
    await asyncio.to_thread(chat_model.invoke, [human])
    await chat_model.ainvoke([human])
    assert [chunk async for chunk in chat_model.astream([human])]
    await asyncio.to_thread(llm.chat, [user])
    await llm.achat([user])
    assert [piece async for piece in await llm.astream_chat([user])]
    contents = [body["messages"][-1]["content"] for body in kimi.chats]
    assert len(contents) == 6
    assert all(content == contents[0] for content in contents)
    assert len(kimi.files) == (2 if threshold == 10 else 0)
    tool = ToolMessage([{"type": "image", "base64": encoded, "mime_type": "image/png"}], tool_call_id="c1")
    turn = {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"name": "f", "args": {}, "id": "c1", "type": "tool_call"}],
    }
    await chat_model.ainvoke([("user", "x"), turn, tool])
    sent = kimi.chats[-1]["messages"][-1]["content"][0]["image_url"]["url"]
    assert sent.startswith("ms://" if threshold == 10 else "data:image/png")
    assert list(kimi.report) == []
