"""How an SDK exception, or an error body, becomes an error of ours.

Kimi classifies by `error.type`, not by status: https://platform.kimi.ai/docs/api/errors. The sentence on what to do is
ours. Account and key ids that the platform puts into its messages ("Your account org-...<ak-...>") are masked.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import mktime_tz, parsedate_tz
from typing import TYPE_CHECKING, TypeVar

import openai

from kimi_api._transport.bodies import EVENT_SHARE, LONGEST_SILENCE, MAX_ANSWER_BYTES, Exceeded, UnknownPacking
from kimi_api._transport.deadline import Deadline
from kimi_api._transport.redirects import explain as explain_redirect
from kimi_api._transport.sdk_compat import timeout_errors, transport_errors, unreached_errors, unsent_errors
from kimi_api.catalog import closest_model, current_models, find_model
from kimi_api.credentials import console_of, environment_key_belongs_to, is_moonshot, other_region
from kimi_api.errors._base import KimiError, KimiReplyTooLongError
from kimi_api.errors._masks import mask, mask_ids, mask_response, secrets_of
from kimi_api.errors._sdk import (
    ErrorTypes,
    KimiAPIError,
    KimiAuthenticationError,
    KimiBadRequestError,
    KimiConnectionError,
    KimiContentFilterError,
    KimiContextOverflowError,
    KimiDeadlineError,
    KimiNotFoundError,
    KimiOverloadedError,
    KimiPermissionError,
    KimiQuotaError,
    KimiRateLimitError,
    KimiServerError,
    KimiStatusError,
    KimiTimeoutError,
)

if TYPE_CHECKING:
    from kimi_api._transport.http import Request, Response


@dataclass(frozen=True, slots=True)
class RequestContext:
    """What of the request an error message needs to be useful."""

    base_url: str = ""
    model: str | None = None
    max_tokens: int | None = None
    deadline: Deadline | None = None
    max_bytes: int = MAX_ANSWER_BYTES
    longest_silence: float = LONGEST_SILENCE


_Status = TypeVar("_Status", bound=KimiStatusError)
_Ours = TypeVar("_Ours", bound=KimiError)

_QUOTA_WORDS = re.compile(
    r"exceeded (your )?current (token )?quota|check your account balance|insufficient balance|recharge your account"
    r"|account is in arrears",
    re.IGNORECASE,
)
# The platform: "Your request exceeded model token limit: 262144 (requested: 269030)", "Input token length too long",
# "prompt tokens + max_tokens exceeds the model specification". vLLM and OpenAI: "This model's maximum context length is
# 262144 tokens." llama.cpp: "the request exceeds the available context size, try increasing it". SGLang: "The input
# (300000 tokens) is longer than the model's context length (262144 tokens)", "Requested token count exceeds the model's
# maximum context length". Ollama: "input length exceeds the context length", "prompt too long; exceeded max context
# length by 4021 tokens". Later vLLM: "You passed 98305 input tokens ... the model's context length is only 131072
# tokens".
# The Kimi Code host: "total message size 2306631 exceeds limit 2097152". LiteLLM puts the name of its own class,
# ContextWindowExceededError, before the words of whichever vendor is behind it.
_OVERFLOW_WORDS = re.compile(
    r"exceeded model token limit|token length too long|exceeds the model specification|model max length exceeded"
    r"|max(imum)? context length|model's context length is only|total message size \d+ exceeds"
    r"|exceeds? the (available )?context (size|length|window)"
    r"|longer than the (model's|maximum) (maximum )?(context|model) length|context[_ ]length[_ ]exceeded"
    r"|ContextWindowExceededError",
    re.IGNORECASE,
)
# A day's token budget (TPD) does not come back within a retry, nor does a file become readable:
# "extract task failed: failed" comes as HTTP 500 with an empty type.
_FINAL_WORDS = re.compile(r"\bTPD\b|extract task failed")
_GATEWAY_TIMEOUT = re.compile(r"\b504\b|gateway time-?out", re.IGNORECASE)
_LOST_FILE = re.compile(r"\bfile \S+ (was )?not found", re.IGNORECASE)
# llama.cpp and vLLM read the arguments of calls in histories: "Failed to parse tool call arguments as JSON".
_UNREADABLE_CALLS = re.compile(r"parse tool call arguments", re.IGNORECASE)
# OpenRouter and LiteLLM say it with 400: "nobody is not a valid model ID", "Invalid model name passed in model=nobody".
_UNKNOWN_MODEL = re.compile(r"not a valid model ID|Invalid model name", re.IGNORECASE)
_BY_TYPE: dict[str, type[KimiStatusError]] = {
    "content_filter": KimiContentFilterError,
    "invalid_authentication_error": KimiAuthenticationError,
    "incorrect_api_key_error": KimiAuthenticationError,
    "no_db_connection": KimiAuthenticationError,  # LiteLLM without a data base, which cannot look a wrong key up
    "permission_denied_error": KimiPermissionError,
    "access_terminated_error": KimiPermissionError,
    "resource_not_found_error": KimiNotFoundError,
    "engine_overloaded_error": KimiOverloadedError,
    "rate_limit_reached_error": KimiRateLimitError,
    "exceeded_current_quota_error": KimiQuotaError,
    "exceed_context_size_error": KimiContextOverflowError,  # llama.cpp
    "context_length_exceeded": KimiContextOverflowError,  # OpenAI, where it is the code
}
_BY_STATUS: dict[int, type[KimiStatusError]] = {
    400: KimiBadRequestError,
    401: KimiAuthenticationError,
    403: KimiPermissionError,
    404: KimiNotFoundError,
    429: KimiRateLimitError,
}


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
        bound, shown = context.longest_silence, f"{context.longest_silence:g} seconds"
        hint = "set max_seconds to give up sooner, or timeout to more seconds than that to wait longer"
    else:
        bound = limit if kind == "body" else limit // EVENT_SHARE
        share = "" if kind == "body" else f", of which {bound:,} may come without an event,"
        shown = f"{bound / 1024 / 1024:,.4g} MB"
        hint = f"find out who answers there; if it is right, raise max_answer_bytes ({limit:,}{share} today)"
    headers = getattr(response, "headers", None) or {}
    return _framework_class(KimiReplyTooLongError, types)(
        f"{_TOO_LONG[kind].format(host=context.base_url, limit=shown)}. What to do: {hint}",
        bound=kind,
        limit=bound,
        request_id=headers.get("msh-request-id") or headers.get("x-request-id"),
    )


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
    kind, message = _error_object(body)
    sent_on, remedy = explain_redirect(response, context.base_url)
    if sent_on:
        kind, message = None, mask_ids(sent_on, secrets)
    message = message or f"HTTP {status} without a readable error"
    cls = _class_for(status, kind, message)
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
    kind, message = _error_object(body)
    status = _status_for(kind, body)
    cls = _class_for(status, kind, message)
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
    kind, message = _error_object(body)
    cls = _class_for(status, kind, message)
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
    error.hint = _hint(cls, kind, message, context, other)
    error.retry_after = _retry_after(_note_ids(error, response))
    # 408 and 409 say that nothing was done. A 504 comes after 900 s in which the model may have answered: like a read
    # time-out, it could be paid twice.
    passing = (cls.retryable or error.status_code in (408, 409)) and error.status_code != 504
    error.retryable = passing and not _FINAL_WORDS.search(message)
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
        else "check the network, the proxy settings and base_url"
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


def _class_for(status: int, kind: str | None, message: str) -> type[KimiStatusError]:
    if status in (403, 429) and _QUOTA_WORDS.search(message):
        return KimiQuotaError
    if kind in _BY_TYPE:
        return _BY_TYPE[kind]
    if kind == "invalid_request_error" and not 400 <= status < 500:  # a gateway put its own status over it
        status = 400
    # Servers of open weights say it with 413, 422 or 500 too, and not always with a type.
    if status in (400, 413, 422, 500) and _OVERFLOW_WORDS.search(message):
        return KimiContextOverflowError
    if status >= 500:
        return KimiServerError
    return _BY_STATUS.get(status, KimiStatusError)


def _status_for(kind: str | None, body: object) -> int:
    """The status that an error inside a 200 would have had: by its type, else its numeric code, as gateways give."""
    error = body.get("error") if isinstance(body, dict) else None
    code = error.get("code") if isinstance(error, dict) else None
    return {
        "invalid_request_error": 400,
        "content_filter": 400,
        "invalid_authentication_error": 401,
        "incorrect_api_key_error": 401,
        "permission_denied_error": 403,
        "resource_not_found_error": 404,
        "engine_overloaded_error": 429,
        "rate_limit_reached_error": 429,
        "exceeded_current_quota_error": 429,
    }.get(kind or "", code if isinstance(code, int) and 400 <= code < 600 else 500)


def _error_object(body: object) -> tuple[str | None, str]:
    """`(type, message)` of an error body, unwrapping what gateways put around it."""
    if isinstance(body, (bytes, str)):
        text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
        return None, " ".join(re.sub(r"<[^>]*>", " ", text).split())[:300]
    error = body.get("error", body) if isinstance(body, dict) else None
    if isinstance(error, str):
        return None, error
    if not isinstance(error, dict):
        return None, ""
    raw = (error.get("metadata") or {}).get("raw") if isinstance(error.get("metadata"), dict) else None
    if isinstance(raw, str):
        try:
            inner = json.loads(raw)
        except (ValueError, RecursionError):
            inner = None
        if isinstance(inner, dict) and "error" in inner:
            return _error_object(inner)
    kind = error.get("type") or error.get("code")
    if error.get("code") == "context_length_exceeded":  # OpenAI's type, "invalid_request_error", says less
        kind = error["code"]
    # vLLM and other FastAPI servers say `detail`.
    return (kind if isinstance(kind, str) else None), str(error.get("message") or error.get("detail") or "")


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
    hint = remedy or _hint(cls, kind, message, context, other)
    return f"{where}{f' {kind}' if kind else ''}: {words}. What to do: {hint}."


def _hint(cls: type[KimiStatusError], kind: str | None, message: str, context: RequestContext, other: str) -> str:
    if cls is KimiAuthenticationError and context.base_url and not environment_key_belongs_to(context.base_url):
        return (
            f"check the key: pass api_key=... with a key of {context.base_url}. A key from the environment is sent "
            f"only to Moonshot's hosts, to this machine, and to the address in MOONSHOT_BASE_URL"
        )
    if other and (hint := _hint_elsewhere(cls, message, context.model, other)):
        return hint
    if cls is KimiAuthenticationError:
        region = other_region(context.base_url)
        return f"check the key, and its region: keys of {context.base_url or 'one region'} are not valid elsewhere" + (
            f"; if yours is from the other console, pass base_url={region!r}" if region else ""
        )
    if cls is KimiNotFoundError and "model" in message:
        return _model_hint(context.model)
    if cls is KimiNotFoundError and "endpoint" in message:
        return f"base_url is {context.base_url}: on Moonshot's hosts it must end in /v1, with nothing after it"
    if cls is KimiNotFoundError:
        return f"check the id and base_url ({context.base_url})"
    if cls is KimiQuotaError:
        if context.base_url and not is_moonshot(context.base_url):
            return f"recharge the account at {context.base_url}, or use another key; repeating does not help"
        return f"recharge the account at {console_of(context.base_url)}, or use another key; repeating does not help"
    if cls is KimiContextOverflowError:
        return "send fewer tokens (trim or summarise the history) or ask for fewer (max_tokens)"
    if cls is KimiContentFilterError:
        return "change the wording; the same text will be refused again"
    if cls is KimiOverloadedError:
        return "try again later; raise max_retries to repeat it automatically for longer"
    if cls is KimiRateLimitError:
        budget = f"max_tokens={context.max_tokens}" if context.max_tokens else "the default max_tokens (131,072 on K3)"
        return (
            "slow down, or recharge to a higher tier. The limiter counts the prompt plus the requested output, so "
            f"{budget} counts in full on every call: set a smaller max_tokens on low tiers"
        )
    if cls is KimiPermissionError:
        return "check that the key's account may use this API (a Kimi Code key, sk-kimi-..., works only in Kimi Code)"
    if cls is KimiServerError and ("not JSON: '<" in message or "got text/html" in message):
        return f"the answer did not come from the API: check base_url ({context.base_url}), proxies and login pages"
    if cls is KimiServerError and _GATEWAY_TIMEOUT.search(message):
        return (
            "stream long calls (wire='stream'): the gateway gives up after 900 s without a byte, and after 7,200 s "
            "in all. Ask for less at a time, with a smaller max_tokens and auto_continue"
        )
    if cls is KimiServerError:
        return "try again; raise max_retries to repeat it automatically for longer"
    if "exceeds the maximum size" in message:
        return "a request has at most 100 MB: upload images and videos, and refer to them as ms://<file id>"
    if "reasoning_content is missing" in message:
        return "send each assistant turn back as it came, with its reasoning_content"
    if message.startswith("Request Timeout"):  # 408, mostly a gateway's
        return "try again: nothing was done; raise max_retries to repeat it automatically for longer"
    if _LOST_FILE.search(message):
        return "upload the image or video again: it was deleted, or belongs to another account"
    if kind == "invalid_request_error" or cls is KimiBadRequestError:
        return "change the request as the message says; see https://platform.kimi.ai/docs/api/errors"
    return "see https://platform.kimi.ai/docs/api/errors"


def _hint_elsewhere(cls: type[KimiStatusError], message: str, model: str | None, other: str) -> str:
    """What to do about an answer of another host, where that differs from the platform's; "" where it does not."""
    if cls is KimiAuthenticationError:
        return f"check the key: it must be one that {other} knows"
    if cls is KimiNotFoundError and "model" in message:
        return f"check model={model!r}: GET {other}/models lists the names that are served there"
    if cls is KimiNotFoundError:
        return f"check base_url ({other}): on most hosts it must end in /v1, with nothing after it"
    if cls is KimiQuotaError:
        return f"raise the limit or the credit of this key at {other}, or use another key; repeating does not help"
    if cls is KimiPermissionError:
        return f"check what this key may do at {other}"
    if cls is KimiRateLimitError:
        return f"slow down, or raise the limits of this key at {other}"
    if cls is KimiServerError and _UNREADABLE_CALLS.search(message):
        return (
            "a tool call in the history has arguments that are not JSON. Set dialect='openai' or 'vllm' for hosts that "
            "parse histories, or remove the call"
        )
    if cls is KimiServerError and _GATEWAY_TIMEOUT.search(message):
        return f"stream long calls (wire='stream'), or raise the time limit of the gateway at {other}"
    if cls is KimiBadRequestError and _UNKNOWN_MODEL.search(message):
        return f"check model={model!r}: GET {other}/models lists the names that are served there"
    if cls in (KimiBadRequestError, KimiStatusError):
        return f"change the request as the message says, or choose another dialect for {other} (docs/hosts.md)"
    return ""


def _model_hint(model: str | None) -> str:
    known = find_model(model) if model else None
    serving = ", ".join(current_models())
    if known is not None and known.retired():
        return f"{model} was retired on {known.retires}; use {known.successor or 'a current one'} (serving: {serving})"
    if known is not None and known.retires is not None:
        # Accounts that were registered after 2026-10-30 get 404 for the K2 series before its last day.
        return (
            f"{model} is planned to end on {known.retires}, and the platform refuses it to this account; use "
            f"{known.successor or 'a current one'}. GET /v1/models lists what your account may use"
        )
    near = closest_model(model) if model else None
    return (
        (f"did you mean {near!r}? " if near and near != model else "")
        + f"models served today: {serving}; "
        + ("GET /v1/models lists what your account may use")
    )


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from the three headers a recorded 429 carried. Proxies may give `Retry-After` as a date.

    LiteLLM passes the headers of the host behind it on under new names, "llm_provider-retry-after".
    """
    names = ("retry-after", "x-retry-after", "msh-cooldown-seconds")
    for name in (*names, *(f"llm_provider-{name}" for name in names)):
        value = headers.get(name)
        seconds = _seconds(value) if value else None
        if seconds is not None:
            return seconds
    return None


def _seconds(value: str) -> float | None:
    """Seconds from now: a number, or a date of any year. None for what is neither, or negative."""
    try:
        seconds = float(value)
    except ValueError:
        try:
            when = parsedate_tz(value)
            seconds = max(mktime_tz(when) - time.time(), 0.0) if when is not None else -1.0
        except (ValueError, OverflowError, TypeError):  # a year that the C library has no time for
            return None
    return seconds if seconds >= 0 else None
