"""How an SDK exception, or an error body, becomes an error of ours.

Kimi classifies by `error.type`, not by status: https://platform.kimi.ai/docs/api/errors. The sentence on what to do is
ours. Account and key ids that the platform puts into its messages ("Your account org-...<ak-...>") are masked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import openai

from kimi_api._transport.bodies import EVENT_SHARE, Exceeded, UnknownPacking
from kimi_api._transport.context import RequestContext
from kimi_api._transport.errors.hints import hint_for, hint_unreached
from kimi_api._transport.errors.kinds import FINAL_WORDS, class_for, read_error_object, read_retry_after, status_for
from kimi_api._transport.redirects import explain as explain_redirect
from kimi_api._transport.sdk.compat import timeout_errors, transport_errors, unreached_errors, unsent_errors
from kimi_api.credentials import is_moonshot
from kimi_api.errors._base import KimiError, KimiInputError, KimiReplyTooLongError
from kimi_api.errors._masks import mask, mask_ids, mask_response, secrets_of
from kimi_api.errors._sdk import (
    ErrorTypes,
    KimiAPIError,
    KimiConnectionError,
    KimiDeadlineError,
    KimiStatusError,
    KimiTimeoutError,
)

if TYPE_CHECKING:
    from kimi_api._transport.http import Request, Response


_Status = TypeVar("_Status", bound=KimiStatusError)
_Ours = TypeVar("_Ours", bound=KimiError)


def from_sdk(
    error: BaseException, context: RequestContext, types: ErrorTypes | None = None, response: Response | None = None
) -> KimiAPIError | None:
    """The error of this module for an exception of the SDK or its transport; None for anything else.

    `response` is the open stream's, if it got that far: its headers hold the request id.
    """
    if isinstance(error, KimiAPIError):
        return error
    if context.deadline is not None:
        broken = isinstance(error, (openai.APIConnectionError, *transport_errors())) and context.deadline.has_passed()
        if broken or isinstance(error, TimeoutError):
            return deadline_error(context, types, response)
    if isinstance(error, openai.APIStatusError):
        return from_response(error.status_code, error.body, error.response, context, types)
    if isinstance(error, (openai.APITimeoutError, *timeout_errors())):
        return _connection_error(KimiTimeoutError, error, context, types, response)
    if isinstance(error, (openai.APIConnectionError, *transport_errors())):
        return _connection_error(KimiConnectionError, error, context, types, response)
    if isinstance(error, openai.APIError):  # an error event inside a stream: HTTP said 200
        return from_body({"error": error.body or error.message}, response, error.request, context, types)
    if response is not None and isinstance(error, UnknownPacking):
        unreadable = {"message": f"{error}: find out which proxy packs it", "type": "unexpected_output"}
        ours = from_body({"error": unreadable}, response, response.request, context, types)
        ours.retryable = False
        return ours
    if response is not None and isinstance(error, (json.JSONDecodeError, UnicodeDecodeError)):
        # Seen: two events glued together on one line.
        broken = {"message": "an event of the stream is not JSON", "type": "unexpected_output"}
        return from_body({"error": broken}, response, response.request, context, types)
    return None


_TOO_LONG = {
    "body": "the body of an answer of {host} is longer than {limit} unpacked",
    "event": "one event of a stream of {host} is longer than {limit}, and has not ended",
    "comments": "a stream of {host} sent {limit} of comments, and no event",
    "silence": "{host} sent nothing but signs of life for {limit}",
}


def too_long_error(
    exceeded: Exceeded, context: RequestContext, types: ErrorTypes | None = None, response: Response | None = None
) -> KimiReplyTooLongError:
    """The error for an answer that passed a bound."""
    kind, limit = exceeded.kind, context.max_bytes
    if kind == "silence":
        bound, limit_text = context.longest_silence, f"{context.longest_silence:g} seconds"
        hint = "set max_seconds to give up sooner, or timeout to more seconds than that to wait longer"
    else:
        bound = limit if kind == "body" else limit // EVENT_SHARE
        share = "" if kind == "body" else f", of which {bound:,} may come without an event,"
        limit_text = f"{bound / 1024 / 1024:,.4g} MB"
        hint = f"find out who answers there; if it is right, raise max_answer_bytes ({limit:,}{share} today)"
    headers = getattr(response, "headers", None) or {}
    return _framework_class(KimiReplyTooLongError, types)(
        f"{_TOO_LONG[kind].format(host=context.base_url, limit=limit_text)}. What to do: {hint}",
        bound=kind,
        limit=bound,
        request_id=headers.get("msh-request-id") or headers.get("x-request-id"),
    )


def not_unicode(what: str, error: UnicodeEncodeError, body: Mapping[str, Any] | None = None) -> KimiInputError:
    """The error for a text that cannot be encoded, with what stands around the place: of `body`, if it is there."""
    if error.encoding == "ascii":  # the HTTP library's, of a header
        remedy = "send it in ASCII, e.g. by urllib.parse.quote(value)"
        value_text = f"a value of {len(error.object)} characters that are not all ASCII"  # it may be a secret
        return KimiInputError("headers", value_text, "the value of a header is ASCII text", remedy)
    from kimi_api._content.unsendable import no_text, unsendable

    return (None if body is None else unsendable(body)) or no_text(what, error)


_UNWRITABLE = (TypeError, ValueError, RecursionError)


def wrong_value(error: Exception, body: Mapping[str, Any]) -> KimiInputError | None:
    """The error for a body that could not be written as JSON; None where that is not what went wrong.

    `json` says "Object of type set is not JSON serializable", and not where. openai 2.0 puts its own error around that.
    """
    if not isinstance(error, _UNWRITABLE) and not isinstance(error.__cause__, _UNWRITABLE):
        return None
    from kimi_api._content.unsendable import unsendable

    return unsendable(body)


def wrong_client(error: Exception) -> KimiInputError | None:
    """The error for an HTTP client of the caller's that cannot send any more; None where that is not what went wrong.

    "Cannot send a request, as the client has been closed." is the HTTP library's, "Event loop is closed" and "... is
    bound to a different event loop" are Python's.
    """
    text = str(error)
    if not isinstance(error, RuntimeError):
        return None
    if "client has been closed" in text:
        return KimiInputError(
            "http_client or async_http_client",
            "a client that is closed",
            "it must stay open for as long as the model is used",
            "close it later, or leave it out: the process then has clients of its own",
        )
    if "Event loop is closed" in text or "different event loop" in text or "different loop" in text:
        return KimiInputError(
            "async_http_client",
            "a client of another event loop",
            "it works only on the event loop that it was first used on",
            "leave it out: each loop, so each asyncio.run, then has a client of its own",
        )
    return None


def deadline_error(
    context: RequestContext, types: ErrorTypes | None = None, response: Response | None = None
) -> KimiDeadlineError:
    """The error for a call whose time is over."""
    seconds = 0.0 if context.deadline is None else context.deadline.seconds
    what = "no answer from" if response is None else "no complete answer from"
    hint = "raise max_seconds, or ask for less at a time (max_tokens); what came is in `partial`"
    error_class = _framework_class(KimiDeadlineError, types)
    error = error_class.__new__(error_class)
    text = f"{what} {context.base_url} within max_seconds={seconds:g}, waiting and retries included"
    openai.APIError.__init__(error, f"{text}. What to do: {hint}.", None, body=None)  # type: ignore[arg-type]
    error.hint = hint
    _note_ids(error, response)
    return error


def from_response(
    status: int, body: object, response: Response, context: RequestContext, types: ErrorTypes | None = None
) -> KimiStatusError:
    """The error that an HTTP status and body mean."""
    secrets = secrets_of(response.request)
    body = mask(body, secrets)
    kind, message = read_error_object(body)
    sent_on, remedy = explain_redirect(response, context.base_url)
    if sent_on:
        kind, message = None, mask_ids(sent_on, secrets)
    message = message or f"HTTP {status} without a readable error"
    cls = class_for(status, kind, message)
    other = _other_host(context, response)
    text = _text(cls, status, kind, message, context, other, remedy)
    error = _framework_class(cls, types)(text, response=mask_response(response, secrets), body=body)
    error.status_code = status
    error = _fill_in(error, cls, kind, response, context, message)
    error.hint = remedy or error.hint
    return error


def from_body(
    body: object,
    response: Response | None,
    request: Request | None,
    context: RequestContext,
    types: ErrorTypes | None = None,
) -> KimiAPIError:
    """The error that arrived where an answer was expected: in a stream, or with HTTP 200."""
    secrets = secrets_of(request)
    body = mask(body, secrets)
    kind, message = read_error_object(body)
    status = status_for(kind, body)
    cls = class_for(status, kind, message)
    error_class = _framework_class(cls, types)
    error = error_class.__new__(error_class)
    other = _other_host(context, response)
    openai.APIError.__init__(error, _text(cls, None, kind, message, context, other), request, body=body)  # type: ignore[arg-type]
    error.response = None if response is None else mask_response(response, secrets)  # type: ignore[assignment]
    error.status_code = status
    return _fill_in(error, cls, kind, response, context, message)


def from_line(
    status: int, body: object, context: RequestContext, types: ErrorTypes | None = None, request_id: str | None = None
) -> KimiStatusError:
    """The error of one request of a batch: the class that the same status and body mean for a live call.

    It has no HTTP response: the answer came as a line of a file.
    """
    body = mask(body)
    kind, message = read_error_object(body)
    cls = class_for(status, kind, message)
    error_class = _framework_class(cls, types)
    error = error_class.__new__(error_class)
    openai.APIError.__init__(error, _text(cls, status, kind, message, context, ""), None, body=body)  # type: ignore[arg-type]
    error.response = None  # type: ignore[assignment]
    error.status_code = status
    error = _fill_in(error, cls, kind, None, context, message)
    error.request_id = request_id or None
    return error


def is_error_body(body: object) -> bool:
    """Whether a decoded JSON body is an error object, whatever its HTTP status."""
    return isinstance(body, dict) and bool(body.get("error")) and "choices" not in body


def _fill_in(
    error: _Status,
    cls: type[KimiStatusError],
    kind: str | None,
    response: Response | None,
    context: RequestContext,
    message: str,
) -> _Status:
    error.type = kind
    other = "" if response is None else _other_host(context, response)
    error.hint = hint_for(cls, kind, message, context, other)
    error.retry_after = read_retry_after(_note_ids(error, response))
    # 408 and 409 say that nothing was done. A 504 comes after 900 s in which the model may have answered: like a read
    # time-out, it could be paid twice.
    passing = (cls.retryable or error.status_code in (408, 409)) and error.status_code != 504
    error.retryable = passing and not FINAL_WORDS.search(message)
    return error


def _note_ids(error: KimiAPIError, response: Response | None) -> Mapping[str, str]:
    headers = getattr(response, "headers", None) or {}
    error.request_id = headers.get("msh-request-id") or headers.get("x-request-id")
    error.trace_id = headers.get("x-msh-trace-id") or headers.get("x-trace-id")
    return headers


def _connection_error(
    cls: type[KimiConnectionError],
    error: BaseException,
    context: RequestContext,
    types: ErrorTypes | None,
    response: Response | None,
) -> KimiAPIError:
    cause = error.__cause__ or error
    request = error.request if isinstance(error, openai.APIError) else getattr(error, "_request", None)
    detail = mask_ids(str(cause) or type(cause).__name__, secrets_of(request)).rstrip(".")
    unsent = isinstance(cause, unsent_errors())  # there was no connection, so nothing reached the platform
    hint = (
        "the model may still be working: stream long calls (wire='stream'), or raise timeout (the gateway waits 900 s)"
        if cls is KimiTimeoutError and not unsent
        else hint_unreached(detail, context.base_url, connected=not unsent)
    )
    error_class = _framework_class(cls, types)
    translated = error_class.__new__(error_class)
    verb = "no answer in time from" if cls is KimiTimeoutError else "cannot reach"
    if response is not None:
        verb = "no more bytes in time from" if cls is KimiTimeoutError else "lost the connection to"
        if cls is not KimiTimeoutError:
            hint = "what came is not the whole answer: send the request again, and you pay for it again"
    text = f"{verb} {context.base_url}: {detail}"
    openai.APIError.__init__(translated, f"{text}. What to do: {hint}.", request, body=None)  # type: ignore[arg-type]
    translated.hint = hint
    translated.retryable = cls.retryable or unsent
    if isinstance(translated, KimiConnectionError):
        translated.unreached = isinstance(cause, unreached_errors())
    _note_ids(translated, response)
    return translated


def _framework_class(cls: type[_Ours], types: ErrorTypes | None) -> type[_Ours]:
    return (types or {}).get(cls, cls)  # type: ignore[return-value]


def _other_host(context: RequestContext, response: Response | None) -> str:
    """The address that answered, if that is not Moonshot's platform; "" where it is.

    On loopback and behind a proxy it shows in the headers: every answer of the platform has a `Msh-Request-Id`.
    """
    if not context.base_url or is_moonshot(context.base_url):
        return ""
    headers = getattr(response, "headers", None) or {}
    return "" if "msh-request-id" in headers else context.base_url


def _text(
    cls: type[KimiStatusError],
    status: int | None,
    kind: str | None,
    message: str,
    context: RequestContext,
    other: str,
    remedy: str = "",
) -> str:
    words = message.rstrip(" .") or "no message"
    who = other or "Kimi"
    where = f"{who} answered 200, but with an error" if status is None else f"{who} answered {status}"
    hint = remedy or hint_for(cls, kind, message, context, other)
    return f"{where}{f' {kind}' if kind else ''}: {words}. What to do: {hint}."
