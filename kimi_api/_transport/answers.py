"""What came with a 200: an answer, or an error where an answer belongs. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kimi_api._json import decode_json

if TYPE_CHECKING:
    from kimi_api._transport.context import RequestContext
    from kimi_api._transport.http import Response
    from kimi_api.errors import ErrorTypes, KimiAPIError


@dataclass(slots=True)
class Answer:
    """A decoded JSON body (or the text of one that is not JSON) and the response headers, names in lower case."""

    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


def read_answer(response: Response, context: RequestContext, types: ErrorTypes | None, *, text: bool) -> Answer:
    """The answer in a response with status 2xx, as text or decoded.

    Raises:
        KimiAPIError: it is an error object, or no JSON where JSON belongs.
    """
    from kimi_api._transport.errors.translate import from_body, is_error_body

    if text:
        error = _lone_error(response.content)
        if error is not None:
            raise from_body(error, response, response.request, context, types)
        return Answer(response.text, response.headers)
    decoded = _decode(response.content)
    if decoded is _NO_JSON:
        # Seen: a proxy's HTML page, and error JSON cut short, both with HTTP 200.
        raise _unexpected_output(f"the body is not JSON: {response.text[:200]!r}", response, context, types)
    if is_error_body(decoded):
        raise from_body(decoded, response, response.request, context, types)
    return Answer(decoded, response.headers)


def is_json(response: Response) -> bool:
    """Whether a response says that it is plain JSON."""
    return "json" in response.headers.get("content-type", "")


def not_a_stream(response: Response, context: RequestContext, types: ErrorTypes | None) -> KimiAPIError:
    """What came in place of events: an error as plain JSON (then already read), or something else, such as a page."""
    from kimi_api._transport.errors.translate import from_body, is_error_body

    if is_json(response):
        body = _decode(response.content)
        if is_error_body(body):
            return from_body(body, response, response.request, context, types)
    came = response.headers.get("content-type") or "a body without a content type"
    if is_json(response):
        came += f": {response.text[:200]!r}"
    return _unexpected_output(f"expected an event stream, got {came}", response, context, types)


_NO_JSON: Any = object()


def _decode(content: bytes) -> object:
    """Decoded JSON, or `_NO_JSON`. Not the decoder's error: it holds the whole text, and would be the cause of ours."""
    try:
        return decode_json(content)
    except (ValueError, RecursionError):
        return _NO_JSON


ENDED: Any = object()
"""What stands for the first event where there is none."""


def check_first(event: object, response: Response, context: RequestContext, types: ErrorTypes | None) -> None:
    """Look at the first event of a stream, or at `ENDED`.

    Raises:
        KimiIncompleteReplyError: a stream without any event. It may be asked for again: nothing of an answer came.
        KimiAPIError: something else than a stream came, and no whole answer either.
    """
    if event is ENDED and "text/event-stream" in response.headers.get("content-type", ""):
        from kimi_api.errors import KimiIncompleteReplyError

        error = KimiIncompleteReplyError(
            f"the stream from {context.base_url} ended before its first event, so there is no answer. Send the "
            f"request again. If that does not help, check whether a proxy cuts streams off, or pass wire='plain'",
            request_id=response.headers.get("msh-request-id") or response.headers.get("x-request-id"),
        )
        error.retryable = True
        raise error
    if event is ENDED or (is_json(response) and not _is_answer(event)):
        raise not_a_stream(response, context, types)


def _is_answer(event: object) -> bool:
    choices = event.get("choices") if isinstance(event, dict) else None
    first = choices[0] if isinstance(choices, list) and choices else choices
    return isinstance(first, dict) and bool(first.get("message") or first.get("delta"))


def _unexpected_output(
    message: str, response: Response, context: RequestContext, types: ErrorTypes | None
) -> KimiAPIError:
    from kimi_api._transport.errors.translate import from_body

    body = {"error": {"message": message, "type": "unexpected_output"}}
    error = from_body(body, response, response.request, context, types)
    error.retryable = False  # with its 200, an answer cut short is paid for, and a log-in page does not go away
    return error


def _lone_error(content: bytes) -> dict[str, Any] | None:
    """`content` decoded if it is an error object and nothing else.

    Seen: one in the place of a file's content, with HTTP 200 and as application/octet-stream.
    """
    if not content[:16].replace(b" ", b"").startswith(b'{"error":{'):
        return None
    decoded = _decode(content)
    return decoded if isinstance(decoded, dict) and decoded.keys() == {"error"} else None
