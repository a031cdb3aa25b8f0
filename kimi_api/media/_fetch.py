"""Getting a file from a web address that somebody else may have chosen, without being led into one's own network.

A name is resolved once, every address it has must be a public one, and the connection is made to exactly the address
that was checked, so that a second answer of the name server (rebinding) changes nothing. Redirects go the same way.
No proxy, no cookies, no credentials.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from kimi_api._transport.bodies import Exceeded, UnknownPacking, aiter_bytes, iter_bytes
from kimi_api._transport.deadline import CURRENT, Deadline, ain_time
from kimi_api._transport.observer import observe
from kimi_api._transport.redirects import redact
from kimi_api._transport.sdk.compat import transport
from kimi_api._transport.steps import Call, Steps
from kimi_api.errors import KimiInputError

if TYPE_CHECKING:
    from kimi_api._transport.http import Response

MAX_BYTES = 100 * 1024 * 1024
MAX_REDIRECTS = 5
TIMEOUT = 30.0
"""Seconds without a byte."""
TOTAL_SECONDS = 600.0
"""Seconds for a whole file, redirects included, where the call has no `max_seconds`: a drip never ends by itself."""

_FETCHED_BYTES = 64 * 1024 * 1024
_FETCHED_PAGES = 4_096
_FETCHED_SECONDS = 3600.0
_pages: OrderedDict[str, tuple[float, bytes, str | None]] = OrderedDict()
_pages_lock = threading.Lock()

_REMEDY = "download the file yourself and pass its bytes"
# https://www.iana.org/assignments/iana-ipv6-special-registry and its twin for IPv4. Which of them `ipaddress` knows
# depends on the version of Python. 168.63.129.16 is, within Azure alone, the host's own service.
_NOT_PUBLIC = tuple(
    map(
        ipaddress.ip_network,
        (
            "192.0.0.0/24",
            "192.88.99.0/24",
            "168.63.129.16/32",
            "64:ff9b:1::/48",
            "100:0:0:1::/64",
            "3fff::/20",
            "5f00::/16",
            "fec0::/10",
        ),
    )
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class _Resolve:
    """Ask for the addresses of a host. Its result is a list of texts."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class _Get:
    """Ask for `url`, whose host is an IP address, in the name of `host`.

    Its result is `(status, location, content type, body)`.
    """

    url: str
    host: str
    header: str


_Steps = Generator[_Resolve | _Get, Any, tuple[bytes, str | None]]


def fetch_remembered(url: str) -> Steps[tuple[bytes, str | None]]:
    """What is at an address, remembered for an hour: a history must not change from turn to turn, nor be slow."""
    with _pages_lock:
        known = _pages.get(url)
        if known is not None and time.monotonic() - known[0] < _FETCHED_SECONDS:
            _pages.move_to_end(url)
            return known[1], known[2]
    content, declared = yield from observe("fetch", _fetch_once(url), {"server.address": _host(url)}, _size)
    with _pages_lock:
        _pages[url] = (time.monotonic(), content, declared)
        while len(_pages) > _FETCHED_PAGES or sum(len(page[1]) for page in _pages.values()) > _FETCHED_BYTES:
            _pages.popitem(last=False)
    return content, declared


def _fetch_once(url: str) -> Steps[tuple[bytes, str | None]]:
    return (yield Call(lambda: fetch(url), lambda: afetch(url)))


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:  # no address; `fetch` says so
        return None


def _size(fetched: tuple[bytes, str | None]) -> dict[str, Any]:
    return {"kimi.fetch.size": len(fetched[0]), "kimi.fetch.type": fetched[1]}


def fetch(url: str, limit: int = MAX_BYTES) -> tuple[bytes, str | None]:
    """The bytes at a web address and the type that its server claims.

    Args:
        url: http or https.
        limit: bytes at most; the body is read no further.

    Raises:
        KimiInputError: not a web address, one that is not public (also after a redirect), no such host, no answer, an
            error instead of a file, more bytes than allowed, or not all of them in time. Nothing was sent to Kimi.
        TimeoutError: the time of the call that needs the file (`max_seconds`) is over.
    """
    try:
        return (CURRENT.get() or Deadline(TOTAL_SECONDS)).run(lambda: _fetch(url, limit))
    except TimeoutError:
        if CURRENT.get() is not None:
            raise
        raise _too_slow(url) from None


def _fetch(url: str, limit: int) -> tuple[bytes, str | None]:
    steps = _fetch_in_steps(url, limit)
    with transport().Client(trust_env=False, timeout=TIMEOUT, follow_redirects=False) as client:
        result: Any = None
        while True:
            try:
                step = steps.send(result)
            except StopIteration as end:
                return end.value
            if isinstance(step, _Resolve):
                try:
                    records: Any = socket.getaddrinfo(step.host, step.port, type=socket.SOCK_STREAM)
                except (OSError, UnicodeError) as error:
                    records = error
                result = _addresses(step, records)
                continue
            try:
                with client.stream("GET", step.url, headers=_headers(step), extensions=_extensions(step)) as response:
                    body = bytearray()
                    for piece in iter_bytes(response, limit) if response.is_success else ():
                        body += piece
                        _check_size(url, len(body), limit)
                    result = _answer(response, body)
            except Exceeded:
                raise _too_large(url, limit) from None
            except (transport().HTTPError, transport().InvalidURL, UnknownPacking, ValueError) as error:
                if isinstance(error, KimiInputError):
                    raise
                raise _unreachable(url, error) from error


async def afetch(url: str, limit: int = MAX_BYTES) -> tuple[bytes, str | None]:
    """The asynchronous twin of `fetch`."""
    try:
        return await ain_time(CURRENT.get() or Deadline(TOTAL_SECONDS), lambda: _afetch(url, limit))
    except TimeoutError:
        if CURRENT.get() is not None:
            raise
        raise _too_slow(url) from None


async def _afetch(url: str, limit: int) -> tuple[bytes, str | None]:
    steps = _fetch_in_steps(url, limit)
    async with transport().AsyncClient(trust_env=False, timeout=TIMEOUT, follow_redirects=False) as client:
        result: Any = None
        while True:
            try:
                step = steps.send(result)
            except StopIteration as end:
                return end.value
            if isinstance(step, _Resolve):
                loop = asyncio.get_running_loop()
                try:
                    records: Any = await loop.getaddrinfo(step.host, step.port, type=socket.SOCK_STREAM)
                except (OSError, UnicodeError) as error:
                    records = error
                result = _addresses(step, records)
                continue
            try:
                async with client.stream(
                    "GET", step.url, headers=_headers(step), extensions=_extensions(step)
                ) as response:
                    body = bytearray()
                    if response.is_success:
                        async for piece in aiter_bytes(response, limit):
                            body += piece
                            _check_size(url, len(body), limit)
                    result = _answer(response, body)
            except Exceeded:
                raise _too_large(url, limit) from None
            except (transport().HTTPError, transport().InvalidURL, UnknownPacking, ValueError) as error:
                if isinstance(error, KimiInputError):
                    raise
                raise _unreachable(url, error) from error


def _fetch_in_steps(url: str, limit: int) -> _Steps:
    here = url
    for _ in range(MAX_REDIRECTS + 1):
        host, port, header = _target(here)
        addresses = [host] if _is_number(host) else (yield _Resolve(host, port))
        for address in addresses:
            reason = refusal(address)
            if reason:
                raise KimiInputError(
                    "url", _redact(here), f"{host} is {address}, {reason}; only public addresses are fetched", _REMEDY
                )
        status, location, mime, body = yield _Get(_at(here, addresses[0], port), host, header)
        if status in (301, 302, 303, 307, 308) and location:
            try:
                here = urljoin(here, location)
            except ValueError as error:  # "Invalid IPv6 URL"
                raise KimiInputError(
                    "url",
                    _redact(url),
                    f"it redirects to {_redact(location)!r}, which is not an address ({error})",
                    "check the address",
                ) from None
            continue
        if not 200 <= status < 300:
            raise KimiInputError("url", _redact(here), f"its server answered {status}", "check the address")
        return body, mime
    raise KimiInputError("url", _redact(url), f"it is redirected more than {MAX_REDIRECTS} times", "check the address")


def refusal(address: str) -> str:
    """Why an IP address is not fetched from; "" if it is a public one."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "which is no IP address"
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return refusal(str(inner))
    # Older versions of Python take some of these for public addresses.
    if any(ip in network for network in _NOT_PUBLIC):
        return "a private address"
    for name in ("loopback", "link_local", "multicast", "unspecified", "private", "reserved"):
        if getattr(ip, f"is_{name}"):
            return f"a {name.replace('_', '-')} address"
    return "" if ip.is_global else "which is not a public address"


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _target(url: str) -> tuple[str, int, str]:
    """Host, port and `Host` header of a web address."""
    try:
        url.encode()
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:  # half a surrogate pair is one, too
        why = str(error).replace(url.partition("://")[2].partition("/")[0], "its host")  # with user and password
        raise KimiInputError("url", _redact(url), f"it is a web address ({why})", "check it") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise KimiInputError("url", _redact(url), "only http and https addresses are fetched", _REMEDY)
    if parts.username is not None or parts.password is not None:
        raise KimiInputError("url", _redact(url), "credentials in an address are not sent", _REMEDY)
    return parts.hostname, port or (443 if parts.scheme == "https" else 80), parts.netloc


def _at(url: str, address: str, port: int) -> str:
    """`url` with the IP address in the place of its host."""
    host = f"[{address.partition('%')[0]}]" if ":" in address else address
    return urlsplit(url)._replace(netloc=f"{host}:{port}", fragment="").geturl()


def _addresses(step: _Resolve, records: Sequence[tuple[Any, ...]] | Exception) -> list[str]:
    """The distinct addresses in what `getaddrinfo` gave or raised. Raises `KimiInputError`: there are none."""
    if isinstance(records, Exception):
        raise KimiInputError("url", step.host, f"no such host is known ({records})", "check the address") from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in records))
    if not addresses:
        raise KimiInputError("url", step.host, "its host has no address", "check the address")
    return addresses


def _headers(step: _Get) -> dict[str, str]:
    return {"Host": step.header, "Accept": "image/*, video/*, application/*, text/*", "Accept-Encoding": "identity"}


def _extensions(step: _Get) -> dict[str, Any]:
    # The connection goes to the checked address, so TLS is told the name that the certificate is for.
    return {"sni_hostname": step.host}


def _answer(response: Response, body: bytearray) -> tuple[int, str | None, str | None, bytes]:
    headers = response.headers
    return response.status_code, headers.get("location"), headers.get("content-type"), bytes(body)


def _check_size(url: str, size: int, limit: int) -> None:
    if size > limit:
        raise _too_large(url, limit)


def _too_large(url: str, limit: int) -> KimiInputError:
    return KimiInputError(
        "url", _redact(url), f"it gives more than {limit / 1024 / 1024:g} MB unpacked, and that is the limit", _REMEDY
    )


def _too_slow(url: str) -> KimiInputError:
    return KimiInputError("url", _redact(url), f"the download takes longer than {TOTAL_SECONDS:g} seconds", _REMEDY)


def _unreachable(url: str, error: Exception) -> KimiInputError:
    return KimiInputError("url", _redact(url), f"it cannot be fetched ({error or type(error).__name__})", _REMEDY)


def _redact(url: str) -> str:
    return redact(url, longest=200)  # a path may be of any length
