"""Bytes of an event stream -> events, however they are cut and whatever ends their lines."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kimi_api import errors
from kimi_api._transport.context import RequestContext
from kimi_api._transport.events import Splitter, aread_events, read_events
from kimi_api._transport.sdk.compat import transport

EVENTS = [{"id": "1", "n": 1}, {"text": "蓝 before\u2028after\u0085end \r\n"}, {"n": [None, True]}]


class Response(transport().Response):
    """An open response that gives its body in the given pieces, and then may fail."""

    def __init__(self, *pieces: bytes, failure: Exception | None = None) -> None:
        super().__init__(200, stream=(), request=transport().Request("POST", "http://127.0.0.1/v1"))
        self.pieces = pieces
        self.failure = failure
        self.read = 0

    def iter_bytes(self, chunk_size: int | None = None) -> Iterator[bytes]:
        for piece in self.pieces:
            self.read += 1
            yield piece
        if self.failure is not None:
            raise self.failure

    async def aiter_bytes(self, chunk_size: int | None = None) -> AsyncIterator[bytes]:
        for piece in self.iter_bytes():
            yield piece


def events_of(response: Response) -> list[Any]:
    """The events, the same from both twins."""

    async def aread() -> list[Any]:
        return [event async for event in aread_events(response, RequestContext(), None)]

    try:
        events = list(read_events(response, RequestContext(), None))
    except Exception as error:
        with pytest.raises(type(error)) as again:
            asyncio.run(aread())
        assert str(again.value) == str(error)  # noqa: PT017 - the twins agree
        raise
    assert asyncio.run(aread()) == events
    return events


def body(ends: str = "\n", field: str = "data: ", before: str = "", done: bool = True) -> bytes:
    lines = [f"{before}{field}{json.dumps(event, ensure_ascii=False)}{ends}{ends}" for event in EVENTS]
    return "".join(lines).encode() + (f"data: [DONE]{ends}{ends}".encode() if done else b"")


def cut(data: bytes, places: list[int]) -> list[bytes]:
    at = sorted(place % (len(data) + 1) for place in places)
    return [data[a:b] for a, b in zip([0, *at], [*at, len(data)], strict=True)]


@given(
    ends=st.sampled_from(["\n", "\r\n", "\r"]),
    field=st.sampled_from(["data: ", "data:"]),
    before=st.sampled_from(["", ": ping\n\n", ": ping\n", "event: message\n", "id: 7\nretry: 3\n", "\n\n"]),
    mark=st.booleans(),
    done=st.booleans(),
    places=st.lists(st.integers(0, 10_000), max_size=12),
)
def test_however_a_stream_is_cut_the_events_are_the_same(
    ends: str, field: str, before: str, mark: bool, done: bool, places: list[int]
) -> None:
    data = body(ends, field, before.replace("\n", ends), done)
    assert events_of(Response(*cut(b"\xef\xbb\xbf" * mark + data, places))) == EVENTS


def test_a_mark_may_stand_before_any_event() -> None:
    bom = b"\xef\xbb\xbf"
    assert events_of(Response(b": ping\n\n", bom + body(done=False), bom + body())) == EVENTS * 2


def test_plain_json_is_an_event() -> None:
    for data in (b'{"a": 1}', b'{"a": 1}\n\n', b'\n\n {\r\n"a":\r\n1}\r\n', b'\xef\xbb\xbf{"a": 1}'):
        assert events_of(Response(data)) == [{"a": 1}]
        assert events_of(Response(*(bytes([byte]) for byte in data))) == [{"a": 1}]


def test_byte_by_byte() -> None:
    assert events_of(Response(*(bytes([byte]) for byte in b"\xef\xbb\xbf" + body("\r\n")))) == EVENTS


def test_data_in_several_lines_is_one() -> None:
    assert Splitter().split(b'data: {"a":\ndata:  1}\nevent: x\n\ndata\n\n') == [("x", '{"a":\n 1}'), ("", "")]


def test_a_stream_is_read_to_the_end_of_its_body() -> None:
    response = Response(body(), b": bye\n\n", b"data: not looked at\n\n")
    assert list(read_events(response, RequestContext(), None)) == EVENTS  # type: ignore[arg-type]
    assert response.read == 3


def test_what_fails_behind_the_end_is_not_raised() -> None:
    assert events_of(Response(body(), failure=ConnectionResetError("gone"))) == EVENTS
    with pytest.raises(ConnectionResetError):
        events_of(Response(body(done=False), failure=ConnectionResetError("gone")))


def test_a_last_event_may_lack_its_blank_line() -> None:
    data = body(done=False)
    assert events_of(Response(data.removesuffix(b"\n\n"))) == EVENTS
    assert events_of(Response(data.removesuffix(b"\n"))) == EVENTS
    assert events_of(Response(data[:-6])) == EVENTS[:-1]  # cut short: no event


def test_an_event_that_is_no_json_is_an_error() -> None:
    with pytest.raises(json.JSONDecodeError):
        events_of(Response(b'data: {"a": 1}data: {"b": 2}\n\n'))
    with pytest.raises(UnicodeDecodeError):
        events_of(Response(b'data: {"a": "\xe4"}\n\n'))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b'data: {"error": {"message": "busy", "type": "engine_overloaded_error"}}\n\n', "busy"),
        (b'event: error\ndata: {"error": {"message": "busy"}}\n\n', "busy"),
        (b'event: error\ndata: {"message": "busy"}\n\n', "busy"),
        (b'event: error\ndata: "busy"\n\n', "busy"),
        (b"event: error\ndata: the engine is busy\n\n", "the engine is busy"),
        (b'data: {"error": "busy"}\n\n', "busy"),
        (b'event: error\ndata: {"error": null, "message": "busy"}\n\n', "busy"),
        (b'event: error\ndata: {"detail": "busy"}\n\n', "busy"),
        (b'event: error\ndata: ["busy"]\n\n', "busy"),
        (b'event: error\ndata: {"error": ["busy"]}\n\n', "busy"),
        (b'event: error\ndata: {"code": 4711}\n\n', "4711"),
        (b"event: error\ndata: null\n\n", "null"),
        (b"event: error\ndata: busy", "busy"),
        (b"data: busy\r\nevent: error\r", "busy"),  # cut within the end of a line
        (b'data: {"error": {"message": "busy"}}', "busy"),
    ],
)
def test_an_error_keeps_its_words(data: bytes, words: str) -> None:
    with pytest.raises(errors.KimiAPIError, match=words):
        events_of(Response(body(done=False), data))


@pytest.mark.parametrize("member", ["message", "detail"])
def test_an_errors_words_are_shown_without_the_object_around_them(member: str) -> None:
    event = json.dumps({member: "busy"}).encode()
    with pytest.raises(errors.KimiAPIError) as caught:
        events_of(Response(body(done=False), b"event: error\ndata: " + event + b"\n\n"))
    assert "{" not in str(caught.value)


@pytest.mark.parametrize("odd", [b"null", b"[]", b"7", b'"text"', b'{"error": null}', b'{"error": {}}'])
def test_other_shapes_are_passed_on(odd: bytes) -> None:
    assert events_of(Response(b"data: " + odd + b"\n\n")) == [json.loads(odd)]
