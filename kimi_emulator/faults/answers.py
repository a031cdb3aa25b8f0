"""Faults that are HTTP answers: errors in all the forms in which platform, gateways and proxies give them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kimi_emulator.faults.registry import MODELS, UPLOAD, declare
from kimi_emulator.script import CHAT, Failure, Wire

_ACCOUNT = "Your account org-0123456789abcdef<ak-0123456789abcdef>"
_RPM = f"{_ACCOUNT} request reached organization max RPM: 3, please try again after 1 seconds"
_COOLDOWN = {"Retry-After": "1", "X-Retry-After": "1", "Msh-Cooldown-Seconds": "1"}
_OVERLOADED = "The engine is currently overloaded, please try again later"
_RECHARGE = (
    "Your account org-0123456789abcdef <ak-0123456789abcdef> is suspended due to insufficient balance, "
    "please recharge your account or check your plan and billing details"
)
_QUOTA_2025 = (
    f"{_ACCOUNT} is not active, organization <org-0123456789abcdef> exceeded current quota, "
    "please check your plan and billing details"
)
_HTML = (
    "<html>\r\n<head><title>504 Gateway Time-out</title></head>\r\n<body>\r\n"
    "<center><h1>504 Gateway Time-out</h1></center>\r\n</body>\r\n</html>\r\n"
)
_WRAPPED = (
    '{"error":{"message":"' + _RECHARGE.replace("<", "\\u003c").replace(">", "\\u003e") + '",'
    '"type":"exceeded_current_quota_error"}}'
)


def _error(message: str, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, **more}}


def _answer(
    id: str,
    description: str,
    seen: str,
    status: int,
    body: str | Mapping[str, Any],
    *,
    headers: Mapping[str, str] | None = None,
    silence: float = 0.0,
) -> None:
    failure = Failure(status, headers=headers, body=body)
    declare(id, description, seen, on=CHAT | UPLOAD | MODELS, failure=failure, silence=silence)


_answer("http.504_html", "504 as an HTML page, after 900 s without a byte.", "errors page", 504, _HTML)
_answer("http.408_text", "408 as plain text.", "gateways; retried by the official client", 408, "Request Timeout")
_answer(
    "http.401_string_code",
    "401 whose error has a string `code` and no type.",
    "the Kimi Code host",
    401,
    _error("The API Key appears to be invalid or may have expired.", code="invalid_api_key"),
)
_answer(
    "http.403_quota_2025",
    "An exhausted account as the platform reported it in 2025: with 403.",
    "MoonshotAI/Kimi-K2#5",
    403,
    _error(_QUOTA_2025, type="exceeded_current_quota_error"),
)
_answer(
    "http.413",
    "413: the body is over 100 MB.",
    "troubleshooting guide",
    413,
    _error("Request exceeds the maximum size", type="invalid_request_error"),
)
_answer(
    "http.empty_type",
    "An error whose type is an empty text.",
    "recorded with file extraction",
    400,
    _error("Invalid request: something is wrong with it", type=""),
)
_answer(
    "http.gateway_raw",
    "A gateway's own error; the real one (an empty account) is a JSON text in `metadata.raw`.",
    "anomalyco/opencode#24462",
    429,
    _error("Error from provider: Provider returned error", code=429, metadata={"raw": _WRAPPED}),
)
_answer("http.500", "500 `server_error`.", "errors page", 500, _error("Internal server error", type="server_error"))
_answer(
    "http.502_html", "502 as an HTML page.", "proxies", 502, _HTML.replace("504 Gateway Time-out", "502 Bad Gateway")
)
_answer("http.503", "503 `server_unavailable`.", "errors page", 503, _error("Unavailable", type="server_unavailable"))
_answer("http.529", "529 with an empty body.", "retried by the official client", 529, "")
_answer(
    "http.429_retry_after",
    "429 for too many requests, with `Retry-After: 1` (not enough on the lowest tier), `X-Retry-After` and "
    "`Msh-Cooldown-Seconds`.",
    "recorded on 2026-09-01; five such answers in a row came to a client that obeyed",
    429,
    _error(_RPM, type="rate_limit_reached_error"),
    headers=_COOLDOWN,
)
_answer(
    "http.429_cooldown_only",
    "The same with `Msh-Cooldown-Seconds: 2` as its only header.",
    "the header was recorded beside the others",
    429,
    _error(_RPM, type="rate_limit_reached_error"),
    headers={"Msh-Cooldown-Seconds": "2"},
)
_answer(
    "http.429_overloaded",
    "429 for a busy engine, without `Retry-After`.",
    "recorded on 2026-09-02; one request in three around the launch of K3",
    429,
    _error(_OVERLOADED, type="engine_overloaded_error"),
)
_answer(
    "http.429_quota",
    "429 for an empty account.",
    "the official client's tests",
    429,
    _error(_RECHARGE, type="exceeded_current_quota_error"),
)
_answer(
    "http.overloaded_after_silence",
    "429 for a busy engine, after ten seconds of silence.",
    "users' reports",
    429,
    _error(_OVERLOADED, type="engine_overloaded_error"),
    silence=10.0,
)
_answer(
    "http.200_error",
    "HTTP 200 whose body is an error object.",
    "a file's content in the place of which an error came",
    200,
    _error("Internal server error", type="server_error"),
)
_answer(
    "http.200_html", "HTTP 200 with an HTML page.", "captive portals, proxies", 200, "<html><body>Log in</body></html>"
)

declare(
    "body.truncated",
    "The JSON of the answer (or of an event) ends in the middle, but the HTTP answer is whole.",
    "error JSON cut short behind a proxy",
    wire=lambda events: Wire([*events[: len(events) // 2], _cut_event(events[len(events) // 2])]),
)
declare("models.slow", "`GET /v1/models` takes 30 seconds.", "rikkahub/rikkahub#1537", on=MODELS, silence=30.0)


def _cut_event(event: bytes) -> bytes:
    """Half an event, ended as if it were one; half a body."""
    half = event[: len(event) // 2]
    return half + b"\n\n" if event.endswith(b"\n\n") else half
