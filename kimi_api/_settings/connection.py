"""What a user says about a connection: the settings of a client and of one call, and the check of each value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from kimi_api._settings.names import ALIASES
from kimi_api._settings.wrong import wrong_setting
from kimi_api._transport.bodies import MAX_ANSWER_BYTES
from kimi_api._warn import warn_once
from kimi_api.credentials import is_loopback
from kimi_api.errors import KimiInputError

if TYPE_CHECKING:
    from typing import Literal

    from kimi_api.limits import AccountLimits
    from kimi_api.settings import CallOptions

BeforeSend = Callable[[dict[str, Any]], Mapping[str, Any] | None]
"""Sees the JSON body of each request, and gives back the one to send; raises to refuse it."""

SETTINGS = (
    "api_key",
    "base_url",
    "region",
    "timeout",
    "max_seconds",
    "max_answer_bytes",
    "max_retries",
    "account_limits",
    "default_headers",
    "http_client",
    "async_http_client",
    "before_send",
    "catalog",
)
"""What a user says about a connection; both frameworks' models have fields of these names."""

_OF_A_CALL: Mapping[str, Literal["headers", "timeout", "max_seconds", "max_retries", "account_limits"]] = {
    "headers": "headers",
    "extra_headers": "headers",
    "timeout": "timeout",
    "max_seconds": "max_seconds",
    "request_timeout": "timeout",
    "max_retries": "max_retries",
    "account_limits": "account_limits",
}
_OF_THE_MODEL = (
    frozenset({*SETTINGS, "tokenizer"} | {alias for alias, name in ALIASES.items() if name in SETTINGS})
    - _OF_A_CALL.keys()
)


def take_transport(arguments: dict[str, Any]) -> CallOptions:
    """Move what concerns the HTTP request of one call out of its keyword arguments.

    Args:
        arguments: a call's own copy; `headers`, `extra_headers` (both may be given: they are merged), `timeout`,
            `max_retries` and `account_limits` are removed from it.

    Returns:
        Arguments for `KimiClient.stream` and the like.

    Raises:
        KimiInputError: a setting that one call cannot change, such as the key. Its value is not shown.
    """
    taken: CallOptions = {}
    for name in _OF_A_CALL:
        if name not in arguments:
            continue
        if _OF_A_CALL[name] == "headers":
            if arguments[name] is not None:
                taken["headers"] = {**(taken.get("headers") or {}), **_check_headers(arguments[name])}
        else:
            taken[_OF_A_CALL[name]] = arguments[name]
        del arguments[name]
    for name in arguments.keys() & _OF_THE_MODEL:
        raise KimiInputError(
            "argument", name, "it is a setting of the model, not of one call", "create another model with it"
        )
    return taken


def as_limits(value: AccountLimits | Mapping[str, Any] | None) -> AccountLimits | None:
    """An account's limits, also from the dict that a stored model holds. Raises `KimiInputError`: neither."""
    if value is None:
        return None
    from kimi_api.limits import AccountLimits  # which few programs need

    return AccountLimits.of(value)


def plain_limits(value: object) -> object:
    """The limits as plain data, for dumps; a model's field may hold the dict that somebody assigned.

    What is none is given back as it is: a call refuses it, and older cores of LlamaIndex dump the model before that.
    """
    try:
        limits = as_limits(cast("AccountLimits | Mapping[str, Any] | None", value))
    except KimiInputError:
        return value
    return None if limits is None else limits.as_dict()


def seconds(timeout: object) -> object:
    """The time without a byte that a `timeout` of the OpenAI-like classes asks for.

    They also take a pair (connecting, reading) and an `httpx.Timeout`; reading is what takes long. Other values are
    given back as they are.
    """
    if isinstance(timeout, tuple) and len(timeout) > 1:
        return timeout[1]
    return getattr(timeout, "read", timeout)


def warn_of_plain_http(base_url: str) -> None:
    parts = urlsplit(base_url)
    host = parts.hostname or ""  # in lower case
    if parts.scheme == "http" and not is_loopback(host):
        warn_once(
            ("plain http", host),
            f"{base_url} is plain http: key, prompts and answers can be read on their way to {host}. Use https://, "
            "or a tunnel to this machine.",
        )


def check_timeout(timeout: object) -> float | None:
    timeout = seconds(timeout)
    if timeout is None or (isinstance(timeout, int | float) and not isinstance(timeout, bool) and timeout > 0):
        return timeout
    raise wrong_setting("timeout", timeout)


def check_seconds(setting: object) -> float | None:
    if setting is None or (isinstance(setting, int | float) and not isinstance(setting, bool) and setting > 0):
        return setting
    raise wrong_setting("max_seconds", setting)


def check_bytes(setting: object) -> int:
    if setting is None:
        return MAX_ANSWER_BYTES
    if isinstance(setting, int) and not isinstance(setting, bool) and setting > 0:
        return setting
    raise wrong_setting("max_answer_bytes", setting)


def check_retries(retries: object) -> int:
    if isinstance(retries, int) and not isinstance(retries, bool) and retries >= 0:
        return retries
    raise wrong_setting("max_retries", retries)


def check_http_client(name: str, client: object) -> object:
    """`client` if it can be the setting `name`: None, or a client of the HTTP library that is asynchronous or not."""
    if client is None:
        return None
    is_http = any(family.__module__.partition(".")[0] in ("httpx", "httpx2") for family in type(client).__mro__)
    if not is_http or hasattr(client, "aclose") != (name == "async_http_client"):
        raise wrong_setting(name, client)
    return client


def without_authorization(headers: Mapping[str, str]) -> dict[str, str]:
    """`headers` without one that would stand beside our own key; header names may be in upper or lower case."""
    return {name: value for name, value in _check_headers(headers).items() if name.lower() != "authorization"}


def _check_headers(headers: object) -> Mapping[str, str]:
    if not isinstance(headers, Mapping):
        raise KimiInputError("headers", headers, "they are a dict from names to values", "pass e.g. {'X-Trace': 'a1'}")
    for part in (*headers, *headers.values()):
        if not isinstance(part, str | bytes):
            # The HTTP library's own error does not name the header. Its value is not shown: it may be a secret.
            value_text = f"a value of type {type(part).__name__}"
            rule = "they are a dict from names to values, all of them text"
            raise KimiInputError("headers", value_text, rule, "pass e.g. {'X-Trace': 'a1'}")
    return headers
