"""The calls of the SDK that send a request: each gives an open stream of plain objects, or the awaitable of one.

Answers that are not streamed are opened in the same way, since only so it is known whether a broken connection broke
before the answer or within it: an answer of which the headers came has been made, and is paid for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, overload

from kimi_api._json import encode_json
from kimi_api._transport.sdk.compat import body_argument

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from typing import Literal

    from openai import AsyncOpenAI, AsyncStream, OpenAI, Stream

    from kimi_api._transport.http import Response
    from kimi_api._transport.upload import FilePart, Upload


@overload
def send_json(
    sdk: OpenAI, stream_cls: Literal["Stream"], path: str, body: Mapping[str, Any], options: dict[str, Any]
) -> Stream[object]: ...


@overload
def send_json(
    sdk: AsyncOpenAI, stream_cls: Literal["AsyncStream"], path: str, body: Mapping[str, Any], options: dict[str, Any]
) -> Awaitable[AsyncStream[object]]: ...


def send_json(
    sdk: OpenAI | AsyncOpenAI, stream_cls: str, path: str, body: Mapping[str, Any], options: Any
) -> Stream[object] | Awaitable[AsyncStream[object]]:
    """The call that sends a JSON body.

    Args:
        sdk: the client to send with.
        stream_cls: the name of its class of streams.
        path: below the base address.
        body: the JSON body.
        options: `Connection.options`.
    """
    return sdk.post(path, options=options, **body_argument(encode_json(body)), **_as_stream(stream_cls))


@overload
def send_bare(
    sdk: OpenAI,
    stream_cls: Literal["Stream"],
    method: str,
    path: str,
    upload: Upload | None,
    files: list[FilePart] | None,
    options: dict[str, Any],
) -> Stream[object] | Response: ...


@overload
def send_bare(
    sdk: AsyncOpenAI,
    stream_cls: Literal["AsyncStream"],
    method: str,
    path: str,
    upload: Upload | None,
    files: list[FilePart] | None,
    options: dict[str, Any],
) -> Awaitable[AsyncStream[object] | Response]: ...


def send_bare(
    sdk: OpenAI | AsyncOpenAI,
    stream_cls: str,
    method: str,
    path: str,
    upload: Upload | None,
    files: list[FilePart] | None,
    options: Any,
) -> object:
    """The call of a request without JSON: "GET", "DELETE", or "POST" with a file or nothing; arguments as above.

    A DELETE, whose answer is a line, gives a response that has been read: the SDK opens none as a stream.
    """
    from kimi_api._transport.sdk.compat import response_class

    if method == "DELETE":
        return sdk.delete(path, cast_to=response_class(), options=options)
    stream = _as_stream(stream_cls)
    if method == "GET":
        return sdk.get(path, options=options, **stream)
    if upload is None:
        return sdk.post(path, options=options, **stream)
    options["headers"]["Content-Type"] = "multipart/form-data"  # the SDK adds the boundary
    return sdk.post(path, body=upload.fields, files=files, options=options, **stream)


def response_of(sent: Stream[object] | AsyncStream[object] | Response) -> Response:
    """The response that came of `send_bare`."""
    response: Any = getattr(sent, "response", sent)
    return response


@contextmanager
def open_files(upload: Upload | None) -> Iterator[list[FilePart] | None]:
    """The SDK's `files` argument, open for one try. An open file is streamed; a path would be read whole."""
    if upload is None:
        yield None
        return
    with upload.open() as opened:
        yield [("file", (upload.name, opened, upload.mime))]


@cache
def _as_stream(stream_cls: str) -> dict[str, Any]:
    """What makes the SDK give an open stream of plain objects. `stream_cls`: its class, "Stream" or "AsyncStream"."""
    import openai

    return {"cast_to": object, "stream": True, "stream_cls": getattr(openai, stream_cls)[object]}
