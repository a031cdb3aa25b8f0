"""What is masked in all our texts, and in all that a framework records of an error."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kimi_api._transport.http import Request, Response

_SECRET_HEADERS = ("authorization", "cookie", "key", "secret", "token")
_SHORTEST_SECRET = 8  # a shorter one would be found within ordinary words
_DECODED = frozenset({"content-encoding", "content-length", "transfer-encoding"})
_KEPT_EXTENSIONS = ("http_version", "reason_phrase")

SENT: ContextVar[list[Mapping[str, object]] | None] = ContextVar("kimi_sent", default=None)
"""The headers of the request that is made in this context. What is secret in them is masked in every error after it:
an answer that cannot be read is quoted where nothing is known of its request."""


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Ids of accounts and keys; credentials in addresses. Compiled when the first error is made."""
    return (
        # Not within a word ("task-force"). In a raw body an escape may stand right before: "\u003cak-..." was recorded.
        re.compile(
            r"(?:(?<![A-Za-z0-9])|(?<=\\u[0-9A-Fa-f]{4})|(?<=\\[bfnrt])|(?<=%[0-9A-Fa-f]{2}))"
            r"(org|ak|proj|cak|sk)-[A-Za-z0-9*_-]{4,}"
        ),
        re.compile(r"(?<=://)[^/@\s'\"]+@"),  # https://user:password@host, as proxies' addresses are written
    )


def mask_ids(text: str, secrets: Collection[str] = ()) -> str:
    """`text` without ids of accounts and keys, without credentials in addresses, and without `secrets`.

    The platform writes ids into its messages: "Your account org-...<ak-...>" was recorded, with the ids written out.
    Half of a surrogate pair is written out by its code: a log file in UTF-8 could not hold it.
    """
    if not text.isascii():
        text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    for headers in SENT.get() or ():
        secrets = _secrets_in(headers).union(secrets)
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    ids, credentials = _patterns()
    return credentials.sub("***@", ids.sub(r"\1-***", text))


def mask(value: object, secrets: Collection[str] = ()) -> object:
    """A decoded JSON value, or bytes, with every text in it masked; anything else as it is."""
    try:
        return _mask(value, secrets)
    except RecursionError:
        return "(nested too deeply to be shown)"


def _mask(value: object, secrets: Collection[str]) -> object:
    if isinstance(value, str):
        return mask_ids(value, secrets)
    if isinstance(value, bytes):
        return mask_ids(value.decode("utf-8", "surrogateescape"), secrets).encode("utf-8", "surrogateescape")
    if isinstance(value, Mapping):
        return {_mask(name, secrets): _mask(member, secrets) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_mask(member, secrets) for member in value]
    return value


def secrets_of(request: Request | None) -> frozenset[str]:
    """What a request carried in headers that hold keys: servers repeat it ("Incorrect API key provided: ...").

    Keys of other hosts have no form by which `mask_ids` could know them.
    """
    return frozenset() if request is None else _secrets_in(request.headers)


def _secrets_in(headers: Mapping[str, object]) -> frozenset[str]:
    secrets = set()
    for name, value in headers.items():
        if isinstance(value, str) and any(word in name.lower() for word in _SECRET_HEADERS):
            secrets.update(part for part in (str(value), value.rpartition(" ")[2]) if len(part) >= _SHORTEST_SECRET)
    return frozenset(secrets)


def mask_response(response: Response, secrets: Collection[str] = ()) -> Response:
    """A copy of an HTTP response, masked, without cookies; without a body where that was not read.

    LangChain's core records headers and body of `error.response` in its traces.
    """
    headers = [
        (name, mask_ids(value, secrets))
        for name, value in response.headers.multi_items()
        if name.lower() != "set-cookie"
    ]
    try:
        content: Any = mask(response.content, secrets)
    except RuntimeError:  # not read: an event stream
        content = b""
    return copy_response(response, headers, content)


def copy_response(response: Response, headers: Iterable[tuple[str, str]], content: bytes) -> Response:
    """An HTTP response with other headers, and with this content, which is not packed."""
    extensions = {name: response.extensions[name] for name in _KEPT_EXTENSIONS if name in response.extensions}
    # The user's HTTP client may return responses of another class, with another constructor.
    plain = next((each for each in type(response).__mro__ if each.__module__.startswith("httpx")), type(response))
    return plain(
        response.status_code,
        headers=[(name, value) for name, value in headers if name.lower() not in _DECODED],
        content=content,
        request=response.request,
        extensions=extensions,
    )


def mask_causes(error: BaseException, secrets: Collection[str] = ()) -> None:
    """Mask an exception that is not ours, and those that it was raised from, in place.

    Their frames are let go: they hold headers, key included, and tools that show variables would print them.
    """
    each: BaseException | None = error
    seen: set[int] = set()
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        each.__traceback__ = None
        each.args = tuple(mask_ids(arg, secrets) if isinstance(arg, str) else arg for arg in each.args)
        for name, value in list(vars(each).items()):
            if name == "response" and value is not None:
                each.response = mask_response(value, secrets)  # type: ignore[attr-defined]
            elif isinstance(value, str | dict | list):  # the SDK's message, body, param
                setattr(each, name, mask(value, secrets))
        each = each.__cause__
