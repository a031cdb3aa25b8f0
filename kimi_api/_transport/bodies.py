"""The bytes of answers, read and unpacked no further than a bound: half a megabyte of gzip can hold 500.

The HTTP library unpacks whatever comes: httpx as much as a packet holds in one piece, httpx2 in pieces, both without an
end. So compressed bodies are unpacked here, in pieces, from `iter_raw`; others are read as they come, at no cost.
Only gzip and deflate are asked for, since others cannot be unpacked in pieces by what Python 3.11 brings.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, suppress
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from kimi_api._transport.sdk.compat import transport
from kimi_api.errors._masks import copy_response

if TYPE_CHECKING:
    from kimi_api._transport.http import Response

MAX_ANSWER_BYTES = 256 * 1024 * 1024
"""Bytes of one answer's body, where a client says nothing else: the text of a file of 100 MB fits, escaped."""
EVENT_SHARE = 8
"""One event, and what comes without one, may have an eighth of that: 32 MB."""
LONGEST_SILENCE = 7200.0
"""Seconds without an event, whatever else comes: the platform's gateway lets no request take longer."""
ERROR_BYTES = 1024 * 1024
"""Of an answer that says no, its first megabyte is read: an error object is never longer."""

ACCEPTED = "gzip, deflate"

_PIECE = 256 * 1024
_MOST_LAYERS = 3


class Exceeded(Exception):
    """A bound was passed: `kind` is "body", "event", "comments" or "silence". Becomes a `KimiReplyTooLongError`."""

    def __init__(self, kind: str) -> None:
        self.kind: str = kind
        super().__init__(kind)


class UnknownPacking(Exception):
    """A body is packed in a way that was not asked for. Becomes an error about an answer that cannot be read."""


def iter_bytes(response: Response, limit: int) -> Iterator[bytes]:
    """The body of an open response in pieces; of a packed one at most `limit` bytes.

    Raises:
        Exceeded: a packed body holds more.
        DecodingError: the HTTP library's, for a body that is damaged.
        UnknownPacking: it is packed in a way that was not asked for.
    """
    layers = _layers(response)
    return response.iter_bytes() if not layers else _unpack(response, layers, limit)


def aiter_bytes(response: Response, limit: int) -> AsyncIterator[bytes]:
    """The asynchronous twin of `iter_bytes`."""
    layers = _layers(response)
    return response.aiter_bytes() if not layers else _aunpack(response, layers, limit)


def read_body(response: Response, limit: int, longest_silence: float = LONGEST_SILENCE) -> Response:
    """An open response with its body read: itself, or a copy. Closed then, also where this fails.

    Raises:
        Exceeded: the body has more than `limit` bytes (no more were read), or was nothing but white space for so long.
        DecodingError, UnknownPacking: see `iter_bytes`.
    """
    try:
        if _says_how_long(response, limit):
            response.read()
            return response
        content, end = bytearray(), time.monotonic() + longest_silence
        for piece in iter_bytes(response, limit):
            content += piece
            _check(content, limit, end)
        return copy_response(response, response.headers.multi_items(), bytes(content))
    finally:
        response.close()


async def aread_body(response: Response, limit: int, longest_silence: float = LONGEST_SILENCE) -> Response:
    """The asynchronous twin of `read_body`."""
    try:
        if _says_how_long(response, limit):
            await response.aread()
            return response
        content, end = bytearray(), time.monotonic() + longest_silence
        async for piece in aiter_bytes(response, limit):
            content += piece
            _check(content, limit, end)
        return copy_response(response, response.headers.multi_items(), bytes(content))
    finally:
        await response.aclose()


def _check(content: bytearray, limit: int, end: float) -> None:
    if len(content) > limit:
        raise Exceeded("body")
    if time.monotonic() > end and content.isspace():  # some proxies send it to keep a connection open
        raise Exceeded("silence")


def _says_how_long(response: Response, limit: int) -> bool:
    """Whether the body is here already, or says that it is short enough. Raises `Exceeded`: it says that it is not."""
    if response.is_stream_consumed or response.is_closed:
        return True
    length = response.headers.get("content-length", "")
    if not length.isascii() or not length.isdecimal() or _layers(response):
        return False
    if int(length[:20]) > limit:
        raise Exceeded("body")
    return True


# ------------------------------------------------------------------------------------------------ unpacking


class _Layer:
    """One packing that is taken off, in pieces of bounded size."""

    def __init__(self, wbits: int) -> None:
        self._wbits = wbits
        self._inflate = zlib.decompressobj(wbits)
        self._begun = False

    @property
    def is_incomplete(self) -> bool:
        return self._begun and not self._inflate.eof

    def unpack(self, data: bytes) -> Iterator[bytes]:
        if self._inflate.eof:  # what follows the end is no part of the body
            return
        try:
            piece = self._inflate.decompress(data, _PIECE)
        except zlib.error:
            if self._begun or self._wbits != zlib.MAX_WBITS:
                raise
            self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)  # "deflate" without its header, as some servers send it
            piece = self._inflate.decompress(data, _PIECE)
        self._begun = True
        while piece:
            yield piece
            piece = self._inflate.decompress(self._inflate.unconsumed_tail, _PIECE)


def _layers(response: Response) -> list[_Layer]:
    """How a body is packed, outermost last; empty: not at all, or the response has been read.

    Raises:
        UnknownPacking: in a way that was not asked for, or too often.
    """
    encoding = response.headers.get("content-encoding")
    if not encoding or response.is_stream_consumed:
        return []
    names = [name.strip().lower() for name in encoding.split(",")]
    packings = [name for name in names if name not in ("identity", "")]
    if len(packings) > _MOST_LAYERS or any(name not in ("gzip", "x-gzip", "deflate") for name in packings):
        encoding_text = encoding if len(encoding) < 40 else f"{encoding[:40]}..."
        raise UnknownPacking(f"the body is packed as {encoding_text!r}, and only {ACCEPTED} were asked for")
    return [_Layer(zlib.MAX_WBITS if name == "deflate" else zlib.MAX_WBITS | 16) for name in packings]


class _Account:
    """Unpacks a body and counts what it is, packed and unpacked."""

    def __init__(self, layers: list[_Layer], limit: int) -> None:
        self._layers = layers
        self._limit = limit
        self._packed = self._unpacked = 0

    def unpack(self, data: bytes) -> Iterator[bytes]:
        self._packed += len(data)  # nothing may come out of it
        try:
            for piece in _peel(data, self._layers):
                self._unpacked += len(piece)
                if self._unpacked > self._limit:
                    break
                yield piece
        except zlib.error as error:
            raise transport().DecodingError(str(error)) from None
        if max(self._packed, self._unpacked) > self._limit:
            raise Exceeded("body")

    def check_end(self) -> None:
        if any(layer.is_incomplete for layer in self._layers):
            raise transport().DecodingError("the packed body ends too early")


def _peel(data: bytes, layers: list[_Layer]) -> Iterator[bytes]:
    if not layers:
        yield data
        return
    for piece in layers[-1].unpack(data):
        yield from _peel(piece, layers[:-1])


def _unpack(response: Response, layers: list[_Layer], limit: int) -> Iterator[bytes]:
    account = _Account(layers, limit)
    for data in response.iter_raw():
        yield from account.unpack(data)
    account.check_end()


async def _aunpack(response: Response, layers: list[_Layer], limit: int) -> AsyncIterator[bytes]:
    account = _Account(layers, limit)
    async for data in response.aiter_raw():
        for piece in account.unpack(data):
            yield piece
    account.check_end()


# ------------------------------------------------------------------------------------------------ what the SDK reads


def guard(client: object, *, bare: bool = False) -> object:
    """An HTTP client for the SDK that sends by `client`, and bounds what the SDK reads by itself.

    The SDK reads the body of every answer that is no success, and of every one that is not opened as a stream, without
    a bound. It requires a client of its library's class, and uses only the members that are defined here.

    Args:
        client: the client that sends.
        bare: whether it adds nothing of its own to a request: no headers, parameters or base address.
    """
    for family in type(client).__mro__:
        if family.__module__.partition(".")[0] in ("httpx", "httpx2"):
            guarded = _guard_class(family)(client)
            if bare:
                guarded.build_request = _plain_builder(client)
            return guarded
    return client  # no HTTP client: the SDK says so


def _plain_builder(client: Any) -> Callable[..., Any]:  # noqa: ANN401 - of either library
    """The `build_request` of a client that adds nothing to a JSON request but cookies.

    The library's own reads the address anew, and merges headers and parameters that are not there (`make bench`).
    """
    library, build_in_full = transport(), client.build_request
    read_address = lru_cache(maxsize=100)(library.URL)

    def build_request(
        *,
        method: str,
        url: object,
        headers: object,
        timeout: Any,  # noqa: ANN401 - the library's own
        content: object = None,
        **others: object,
    ) -> object:
        is_json = content.__class__ is bytes and not any(others.values())
        if client.cookies or not is_json or not isinstance(timeout, library.Timeout):
            return build_in_full(method, url, headers=headers, content=content, timeout=timeout, **others)
        times = {"timeout": timeout.as_dict()}
        return library.Request(method, read_address(url), headers=headers, content=content, extensions=times)

    return build_request


@cache
def _guard_class(family: type[Any]) -> type[Any]:
    asynchronous = hasattr(family, "aclose")

    class Guard(family):
        """See `guard`. It has no connections of its own: `client` has."""

        def __init__(self, inner: object) -> None:
            client: Any = inner
            self.client = client
            self.build_request = client.build_request
            if asynchronous:
                self.send, self.aclose = self._asend, client.aclose
            else:
                self.send, self.close = self._send, client.close

        def __getattr__(self, name: str) -> object:
            return getattr(self.__dict__["client"], name)

        timeout = property(lambda self: self.client.timeout)
        is_closed = property(lambda self: self.client.is_closed)

        def _send(self, request: object, *, stream: bool = False, **options: object) -> Response:
            response = self.client.send(request, stream=True, **options)
            if stream and response.is_success:
                return response
            with closing(response):
                return _beginning(response, _collect(response))

        async def _asend(self, request: object, *, stream: bool = False, **options: object) -> Response:
            response = await self.client.send(request, stream=True, **options)
            if stream and response.is_success:
                return response
            try:
                return _beginning(response, await _acollect(response))
            finally:
                await response.aclose()

    return Guard


def _collect(response: Response) -> bytearray:
    content = bytearray()
    with suppress(Exceeded, UnknownPacking):  # what was read is enough for an error's text
        for piece in iter_bytes(response, ERROR_BYTES):
            content += piece
            if len(content) > ERROR_BYTES:
                break
    return content


async def _acollect(response: Response) -> bytearray:
    content = bytearray()
    with suppress(Exceeded, UnknownPacking):
        async for piece in aiter_bytes(response, ERROR_BYTES):
            content += piece
            if len(content) > ERROR_BYTES:
                break
    return content


def _beginning(response: Response, content: bytearray) -> Response:
    return copy_response(response, response.headers.multi_items(), bytes(content[:ERROR_BYTES]))
