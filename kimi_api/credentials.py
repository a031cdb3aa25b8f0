"""Which key and which host: arguments first, then the environment, never `OPENAI_*`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Literal, Protocol, TypeGuard, runtime_checkable
from urllib.parse import urlsplit

from kimi_api._settings.wrong import wrong_setting
from kimi_api.errors import KimiInputError, KimiKeyError
from kimi_api.errors._masks import mask_ids

__all__ = [
    "BASE_URL_VARIABLES",
    "CHINA",
    "INTERNATIONAL",
    "KEY_VARIABLES",
    "REGIONS",
    "ApiKey",
    "Bearer",
    "Region",
    "Secret",
    "check_key",
    "key_from_environment",
    "other_region",
    "read_key",
    "resolve_base_url",
]

INTERNATIONAL = "https://api.moonshot.ai/v1"
CHINA = "https://api.moonshot.cn/v1"
Region = Literal["international", "china"]
REGIONS: Mapping[str, str] = {"international": INTERNATIONAL, "china": CHINA}
"""The addresses of the platform's two regions. Keys of one are refused (401) by the other."""
KEY_VARIABLES = ("MOONSHOT_API_KEY", "KIMI_API_KEY")
BASE_URL_VARIABLES = ("MOONSHOT_BASE_URL", "MOONSHOT_API_BASE")
PROXY_VARIABLES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
"""What the HTTP library reads; for addresses of this machine it is not asked."""

_CONSOLES = {INTERNATIONAL: "https://platform.kimi.ai/console", CHINA: "https://platform.kimi.com/console"}
_MOONSHOT = ("moonshot.ai", "moonshot.cn", "kimi.com", "kimi.ai")
_HOSTS: Mapping[str, Region] = {"api.moonshot.ai": "international", "api.moonshot.cn": "china"}
_SITES = {"moonshot.ai": INTERNATIONAL, "kimi.ai": INTERNATIONAL, "moonshot.cn": CHINA, "kimi.com": CHINA}
"""Domains of Moonshot's web pages (platform.kimi.ai and the like), and where the API of the same region is."""
_PAGES = frozenset({"", "www", "platform", "kimi", "console"})
"""Prefixes of such a domain that lead to web pages for people, never to an API."""
_LAST_STEP = "/chat/completions"

_QUOTES = "'\"`“”‘’"
_GET_A_KEY = f"create one at {_CONSOLES[INTERNATIONAL]}/api-keys (.ai) or {_CONSOLES[CHINA]}/api-keys (.cn)"


@runtime_checkable
class Secret(Protocol):
    """What pydantic's `SecretStr` looks like from here."""

    def get_secret_value(self) -> str:
        """The text itself."""
        ...


ApiKey = str | Secret | Callable[[], "str | Secret"]
"""A key, a wrapped key, or a function that returns the current key (called before each request)."""


class Bearer(str):
    """The value of an `Authorization` header, which does not show itself where a traceback lists variables."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'Bearer ***'"


def key_from_environment(environ: Mapping[str, str] = os.environ) -> str | None:
    """The first of `MOONSHOT_API_KEY` and `KIMI_API_KEY` that is set and not blank."""
    return _first_set(KEY_VARIABLES, environ)


def resolve_base_url(
    base_url: str | None, environ: Mapping[str, str] = os.environ, *, region: Region | None = None
) -> str:
    """The API address: the argument, else `MOONSHOT_BASE_URL`, else `MOONSHOT_API_BASE`, else that of `region`.

    No region is "international", the .ai platform.

    Blanks and line breaks around an address, as files of settings leave them, are taken off.

    Raises:
        KimiInputError: what cannot be an address; a page of the platform's in place of its API, or another path than
            `/v1` there; a region there is none of; an address of the other region.
    """
    if region is not None and region not in REGIONS:
        raise wrong_setting("region", region)
    if base_url is not None and not isinstance(base_url, str):
        raise KimiInputError("base_url", base_url, "an address is text", f"use {INTERNATIONAL} or {CHINA}")
    own = base_url.strip() if base_url else ""
    url = own or _first_set(BASE_URL_VARIABLES, environ) or REGIONS[region or "international"]
    if not url.startswith(("http://", "https://")):
        raise KimiInputError(
            "base_url", url, "it must start with https:// (or http://)", f"use {INTERNATIONAL} or {CHINA}"
        )
    if region is not None and _region_of(url) not in (None, region):
        source = "base_url" if own else " or ".join(name for name in BASE_URL_VARIABLES if environ.get(name))
        raise KimiInputError(
            "region", region, f"{source} is {url}, which belongs to the other region", f"leave out region or {source}"
        )
    if "@" in url.partition("//")[2].partition("/")[0]:
        raise KimiInputError(
            "base_url",
            mask_ids(url),
            "it must not contain a user and password, because addresses appear in logs and traces",
            "pass http_client=httpx.Client(auth=(user, password)), and async_http_client likewise",
        )
    url = url.rstrip("/")
    if url not in (INTERNATIONAL, CHINA):
        _check_path(url)
    return url


def _check_path(url: str) -> None:
    """Refuse an address that the API cannot be at. Where other hosts have it is their own business.

    Raises:
        KimiInputError: with the address to use.
    """
    if len(url.split()) > 1:
        raise KimiInputError("base_url", url, "an address has no blanks or line breaks in it", "write it without them")
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    region = _region_of(url)
    if region is not None and (parts.path.rstrip("/") != "/v1" or parts.query or parts.fragment):
        raise KimiInputError(
            "base_url", url, "on Moonshot's hosts it must end in /v1, with nothing after it", f"use {REGIONS[region]}"
        )
    labels = host.split(".")
    its_api = _SITES.get(".".join(labels[-2:]))
    if its_api is not None and ".".join(labels[:-2]) in _PAGES:
        raise KimiInputError("base_url", url, "that is a page for people, not the API", f"use {its_api}")
    if parts.path.rstrip("/").endswith(_LAST_STEP):
        shorter = url[: url.rindex(_LAST_STEP)]
        raise KimiInputError("base_url", url, f"it ends before {_LAST_STEP}, which each request adds", f"use {shorter}")


def read_key(api_key: ApiKey | None, environ: Mapping[str, str] = os.environ) -> str:
    """The key to send now.

    Raises:
        KimiKeyError: there is none, or it could not stand in a header. Says which, without showing the key.
    """
    if api_key is None:
        from_environment = key_from_environment(environ)
        if from_environment is None:
            raise KimiKeyError(
                "api_key",
                None,
                f"a key is needed, and neither {' nor '.join(KEY_VARIABLES)} is set",
                f"pass api_key=... or set {KEY_VARIABLES[0]}; {_GET_A_KEY}",
            )
        return check_key(from_environment, source=f"the environment ({' or '.join(KEY_VARIABLES)})")
    if isinstance(api_key, str):
        return check_key(api_key)
    if _is_secret(api_key):
        return check_key(api_key.get_secret_value())
    if not callable(api_key):
        return check_key(api_key)
    returned = api_key()
    return check_key(returned.get_secret_value() if _is_secret(returned) else returned, source="the api_key function")


def _is_secret(key: object) -> TypeGuard[Secret]:
    # Not isinstance: against a protocol it takes six times as long, in each call.
    return callable(getattr(key, "get_secret_value", None))


def key_for(api_key: ApiKey | None, base_url: str, environ: Mapping[str, str] = os.environ) -> str | None:
    """The key to send to `base_url` now; None sends no `Authorization` at all, as hosts without keys want it.

    A key that was passed goes wherever it was passed for. That of the environment goes where it belongs.

    Raises:
        KimiKeyError: as `read_key`.
    """
    if api_key is None and not environment_key_belongs_to(base_url, environ):
        return None
    return read_key(api_key, environ)


def environment_key_belongs_to(base_url: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the environment's key may go to `base_url`: Moonshot's hosts, this machine, and what it names as address.

    Anybody who can set a `base_url` (a configuration file, a stored chain) could read the key otherwise.
    """
    if base_url.rstrip("/") == (_first_set(BASE_URL_VARIABLES, environ) or "").rstrip("/"):
        return True
    parts = urlsplit(base_url)
    return is_loopback(parts.hostname or "") or (is_moonshot(base_url) and parts.scheme == "https")


def is_moonshot(base_url: str) -> bool:
    """Whether an address is at one of Moonshot's own hosts."""
    host = (urlsplit(base_url).hostname or "").rstrip(".")
    return any(host == own or host.endswith(f".{own}") for own in _MOONSHOT)


def is_loopback(host: str) -> bool:
    """Whether a host's name or address is this machine's own."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    import ipaddress  # 2 ms, which an import of the package need not pay

    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return False


def check_key(key: object, *, source: str = "api_key") -> str:
    """`key` if it can be sent as `Authorization: Bearer <key>`, else an error that describes but never shows it."""
    remedy = f"pass the key alone, as the console shows it, or {_GET_A_KEY}"
    if not isinstance(key, str):
        raise KimiKeyError(source, f"a value of type {type(key).__name__}", "a key is text", remedy)
    if not key.strip():
        raise KimiKeyError(source, key, "a key is not empty", remedy)
    described = f"a key of {len(key)} characters"
    if key != key.strip(" \t"):
        raise KimiKeyError(
            source, described + " with a blank before or behind it", "a key has none", "pass it without: key.strip()"
        )
    if "\n" in key or "\r" in key:
        raise KimiKeyError(source, described + " with a line break in it", "a key is one line", remedy + " (strip it)")
    if key[:7].lower() == "bearer ":
        raise KimiKeyError(source, described + ", the word Bearer included", "that word is added by itself", remedy)
    if key[0] in _QUOTES or key[-1] in _QUOTES:
        raise KimiKeyError(source, described + " with a quotation mark around it", "a key has none", remedy)
    if _is_placeholder(key):
        raise KimiKeyError(source, key, "that is the place of a key in an example, not a key", remedy)
    if not key.isascii() or not key.isprintable() or " " in key:
        raise KimiKeyError(
            source, described + " with a blank or unprintable character in it", "a key is one ASCII word", remedy
        )
    return key


def _is_placeholder(key: str) -> bool:
    """Whether it is what examples write in a key's place: "sk-...", "<MOONSHOT_API_KEY>"."""
    return set(key.removeprefix("sk-")) <= set(".…*") or key.strip("$<>{}%") in ("MOONSHOT_API_KEY", "KIMI_API_KEY")


def console_of(base_url: str) -> str:
    """Where the account of one of Moonshot's hosts is kept in a browser; the international one's for any other host."""
    return _CONSOLES.get(base_url.rstrip("/"), _CONSOLES[INTERNATIONAL])


def other_region(base_url: str) -> str | None:
    """The address whose keys are not valid at `base_url`, if `base_url` is one of the platform's two."""
    return {INTERNATIONAL: CHINA, CHINA: INTERNATIONAL}.get(base_url.rstrip("/"))


def _region_of(url: str) -> str | None:
    """The region that an address belongs to, None if it is no host of the platform's."""
    return _HOSTS.get((urlsplit(url).hostname or "").rstrip("."))


def _first_set(names: tuple[str, ...], environ: Mapping[str, str]) -> str | None:
    for name in names:
        value = environ.get(name)
        if value and value.strip():
            return value.strip()
    return None
