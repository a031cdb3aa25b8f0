"""Which of our error classes a status, a type and a message mean, on the platform and on hosts of open weights."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from email.utils import mktime_tz, parsedate_tz

from kimi_api.errors._sdk import (
    KimiAuthenticationError,
    KimiBadRequestError,
    KimiContentFilterError,
    KimiContextOverflowError,
    KimiNotFoundError,
    KimiOverloadedError,
    KimiPermissionError,
    KimiQuotaError,
    KimiRateLimitError,
    KimiServerError,
    KimiStatusError,
)

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
FINAL_WORDS = re.compile(r"\bTPD\b|extract task failed")
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


def class_for(status: int, kind: str | None, message: str) -> type[KimiStatusError]:
    """The class that a status, an `error.type` and a message mean; the type goes before the status."""
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


def status_for(kind: str | None, body: object) -> int:
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


def read_error_object(body: object) -> tuple[str | None, str]:
    """`(type, message)` of an error body, unwrapping what gateways put around it."""
    if isinstance(body, str):
        return None, " ".join(re.sub(r"<[^>]*>", " ", body).split())[:300]
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
            return read_error_object(inner)
    kind = error.get("type") or error.get("code")
    if error.get("code") == "context_length_exceeded":  # OpenAI's type, "invalid_request_error", says less
        kind = error["code"]
    # vLLM and other FastAPI servers say `detail`.
    return (kind if isinstance(kind, str) else None), str(error.get("message") or error.get("detail") or "")


def read_retry_after(headers: Mapping[str, str]) -> float | None:
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
