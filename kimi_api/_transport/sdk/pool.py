"""The SDK clients of this process: one for blocking calls, one per running event loop for asynchronous ones.

An asynchronous client is bound to the loop it was first used on: with openai 3 a second `asyncio.run` on the same
client raises "Event loop is closed". So clients are shared by all our objects, hold no key (it is sent per request),
and are looked up by the loop that is running. Their certificates are loaded once for all.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import threading
from collections.abc import AsyncGenerator, Callable
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from kimi_api._transport.bodies import ACCEPTED, guard
from kimi_api._transport.sdk.compat import isolating_headers, shared_ssl_context
from kimi_api.credentials import PROXY_VARIABLES, is_loopback
from kimi_api.doctor._packages import warn_of_stranger
from kimi_api.errors import KimiInputError

if TYPE_CHECKING:
    from openai import AsyncOpenAI, OpenAI

# The SDK insists on a key; the real one goes into each request's own Authorization header.
_NO_KEY = "the-key-is-sent-with-each-request"

_SDK = TypeVar("_SDK", "OpenAI", "AsyncOpenAI")
_HTTP = TypeVar("_HTTP")

USER_AGENT = f"kimi-integrations/{version('kimi-integrations')}"

_lock = threading.Lock()
_sync: dict[str, OpenAI] = {}
_by_loop: dict[int, _LoopClients] = {}


class _LoopClients:
    """The asynchronous clients of one event loop, closed together with it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.clients: dict[str, AsyncOpenAI] = {}
        self._closer = self._close_with_loop()

    async def open(self) -> None:
        """Start the generator whose clean-up the loop runs when it shuts down."""
        await anext(self._closer)

    async def _close_with_loop(self) -> AsyncGenerator[None, None]:
        # `asyncio.run` ends with `loop.shutdown_asyncgens()`, which closes every started generator: the one public
        # moment to close connections on the loop that owns them.
        try:
            yield
        finally:
            with _lock:
                if _by_loop.get(id(self.loop)) is self:
                    del _by_loop[id(self.loop)]
            for client in self.clients.values():
                await client.close()


def build(cls: type[_SDK], base_url: str, http_client: object = None, *, bare: bool = False) -> _SDK:
    """An SDK client for `base_url` that takes nothing from `OPENAI_*` variables and never retries by itself.

    Args:
        cls: the SDK's class.
        base_url: the address that it asks.
        http_client: what it sends by.
        bare: see `guard`.
    """
    warn_of_stranger()
    headers = {**isolating_headers(), "User-Agent": USER_AGENT, "Accept-Encoding": ACCEPTED}
    headers.update({name: USER_AGENT for name in headers if name.lower() == "user-agent"})
    if bare:
        headers["Connection"] = "keep-alive"  # as the library's own clients say, whose headers are not merged then
    own: dict[str, Any] = {} if http_client is None else {"http_client": guard(http_client, bare=bare)}
    return cls(api_key=_NO_KEY, base_url=base_url, max_retries=0, default_headers=headers, **own)


def _http_client(cls: Callable[..., _HTTP], base_url: str) -> _HTTP:
    """The HTTP client under an SDK client: through the proxy that the environment names, or directly to this machine.

    A proxy cannot reach what listens here, and a shell that has `HTTP_PROXY` for the world seldom has `NO_PROXY` too.

    Raises:
        KimiInputError: a proxy of a kind that the HTTP library does not know.
    """
    try:
        return cls(verify=shared_ssl_context(), trust_env=not is_loopback(urlsplit(base_url).hostname or ""))
    except (ImportError, ValueError) as error:  # "Using SOCKS proxy, but the 'socksio' package is not installed."
        names = [name for name in PROXY_VARIABLES if os.environ.get(name)]
        if not names:
            raise
        schemes = [f"{name} with {os.environ[name].partition('://')[0]}://" for name in names]
        raise KimiInputError(
            "the proxy of the environment",
            ", ".join(schemes),
            "it must be http://, https://, or (with the package socksio) socks5://",
            "set HTTPS_PROXY to the proxy's HTTP address and unset ALL_PROXY, or: pip install socksio",
        ) from error


def sync_client(base_url: str) -> OpenAI:
    """The process's client for blocking calls to `base_url`."""
    client = _sync.get(base_url)
    if client is None:
        import openai

        with _lock:
            client = _sync.get(base_url)
            if client is None:
                http = _http_client(openai.DefaultHttpxClient, base_url)
                client = _sync[base_url] = build(openai.OpenAI, base_url, http, bare=True)
    return client


async def async_client(base_url: str) -> AsyncOpenAI:
    """The running loop's client for `base_url`."""
    loop = asyncio.get_running_loop()
    loop_clients = _by_loop.get(id(loop))
    if loop_clients is None or loop_clients.loop is not loop:  # ids are used again once a loop is gone
        loop_clients = _LoopClients(loop)
        with _lock:
            for key in [key for key, entry in _by_loop.items() if entry.loop.is_closed()]:
                del _by_loop[key]
            _by_loop[id(loop)] = loop_clients
        await loop_clients.open()
    client = loop_clients.clients.get(base_url)
    if client is None:
        import openai

        http = _http_client(openai.DefaultAsyncHttpxClient, base_url)
        client = loop_clients.clients[base_url] = build(openai.AsyncOpenAI, base_url, http, bare=True)
    return client


_of_parents: list[object] = []


def _after_fork() -> None:  # called by kimi_api._state
    # A child must not write into its parent's connections. They are set aside, neither closed nor collected: both would
    # reach sockets and event loops that the parent is using. Another thread may have held the lock.
    global _lock
    _lock = threading.Lock()
    _of_parents.append((_sync.copy(), _by_loop.copy()))
    _sync.clear()
    _by_loop.clear()


@atexit.register
def _close_at_exit() -> None:
    # openai 2.x would otherwise do it in `__del__`, when half of the interpreter is gone, and complain.
    while _sync:
        _, client = _sync.popitem()
        with contextlib.suppress(Exception):
            client.close()
