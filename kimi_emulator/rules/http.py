"""Rules that look at the request before its meaning."""

from __future__ import annotations

from kimi_emulator.errors import NOT_FOUND
from kimi_emulator.platform.checks import HttpCheck
from kimi_emulator.rules.registry import rule


@rule(
    "auth.bearer",
    subject="http",
    status=401,
    type="invalid_authentication_error",
    source="recorded 401; also what a key of the other region gets",
)
def bearer(check: HttpCheck) -> str | None:
    """The key stands in ``Authorization: Bearer``."""
    scheme, _, key = check.headers.get("authorization", "").partition(" ")
    settings = check.state.settings
    if settings.dialect.keyless or (scheme.lower() == "bearer" and key.strip() == settings.api_key):
        return None
    return "Invalid Authentication"


@rule(
    "endpoint.legacy_completions",
    subject="http",
    status=403,
    type="permission_denied_error",
    source="users' report of the live answer to `complete()`",
    section="6.6",
)
def legacy_completions(check: HttpCheck) -> str | None:
    """There are no completions without messages, as old frameworks ask for them."""
    return "no open api access" if check.path.rstrip("/") == "/v1/completions" else None


@rule("endpoint.unknown", subject="http", status=404, type=NOT_FOUND, source="wording ours")
def endpoint(check: HttpCheck) -> str | None:
    """Only the endpoints of the platform that are emulated exist."""
    return None if check.allowed else f"Not found the endpoint {check.method} {check.path}"


@rule("endpoint.method", subject="http", status=405, source="wording ours; `Allow` as HTTP asks for it")
def method(check: HttpCheck) -> str | None:
    """An endpoint takes the methods that are documented for it."""
    if check.method in check.allowed:
        return None
    return f"Invalid request: {check.path} does not take the method {check.method}"


@rule("body.size", subject="http", status=413, source="troubleshooting page: bodies are at most 100 MB", section="3.2")
def size(check: HttpCheck) -> str | None:
    """A request body has at most 100 MB (uploads are judged by their file)."""
    if check.path.rstrip("/") != "/v1/files" and check.length > check.state.settings.limits.body_bytes:
        return "Request exceeds the maximum size"
    return None


@rule("body.json", subject="http", source="wording ours")
def json_body(check: HttpCheck) -> str | None:
    """The body of a POST is a JSON object."""
    return "Invalid request: the request body is not a JSON object" if check.broken_json else None
