"""What differs between openai 2.x and 3.x, one function each.

* The transport: 2.x speaks through httpx, 3.x through httpx2. Both put the class in the bases of the public
  `openai.DefaultHttpxClient`.
* A stream that is cut: 3.x raises `openai.APIConnectionError`, 2.x lets the transport's own exception through.
* `OPENAI_CUSTOM_HEADERS` is read by late 2.x and by 3.x; such headers would go to Moonshot, and an `Authorization`
  among them would replace our key.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ssl import SSLContext


@cache
def transport() -> ModuleType:
    """The HTTP library under the installed SDK: the module `httpx` or `httpx2`."""
    import openai

    for base in openai.DefaultHttpxClient.__mro__:
        root = base.__module__.partition(".")[0]
        if root in ("httpx", "httpx2"):
            return sys.modules[root]
    raise ImportError(  # pragma: no cover - reached only when a future SDK changes its transport again
        f"openai {openai.__version__} uses neither httpx nor httpx2. Install openai>=2.0,<4"
    )


_ssl_context: tuple[tuple[str | None, ...], SSLContext] | None = None


def shared_ssl_context() -> SSLContext:
    """The process's SSL context, with the certificates that the HTTP library would load for each client again.

    Loading them costs 18 ms of CPU, and each event loop has a client of its own: without this, each `asyncio.run` would
    pay it. It is loaded again when `SSL_CERT_FILE` or `SSL_CERT_DIR` has changed, which the HTTP library reads.
    """
    global _ssl_context
    source = (os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
    held = _ssl_context
    if held is None or held[0] != source:
        _ssl_context = held = (source, transport().create_ssl_context())
    return held[1]


@cache
def response_class() -> type[Any]:
    """What to pass as `cast_to` to get the HTTP response itself, headers and all."""
    return transport().Response


@cache
def _takes_content() -> bool:
    """Whether the SDK's `post` has `content` for bytes. openai 2.0 takes them as `body`, of which later ones warn."""
    import inspect

    import openai

    return "content" in inspect.signature(openai.OpenAI.post).parameters


def body_argument(data: bytes) -> dict[str, Any]:
    """The argument of the SDK's `post` for a body that is written already."""
    return {"content": data} if _takes_content() else {"body": data}


def transport_errors() -> tuple[type[Exception], ...]:
    """Exceptions of the HTTP libraries in this process that the SDK may let through (httpx may come with the user)."""
    # RequestError is the parent of TransportError and of DecodingError, which a damaged gzip body raises.
    return tuple({module.RequestError for module in _transports()})


def timeout_errors() -> tuple[type[Exception], ...]:
    """The same, for time-outs."""
    return tuple({module.TimeoutException for module in _transports()})


def unsent_errors() -> tuple[type[Exception], ...]:
    """The same, for failures before the request was sent: no connection, or none free in the pool."""
    classes = ((module.ConnectError, module.ConnectTimeout, module.PoolTimeout) for module in _transports())
    return tuple({cls for three in classes for cls in three})


def unreached_errors() -> tuple[type[Exception], ...]:
    """Those of `unsent_errors` where the host could not be reached."""
    return tuple({cls for module in _transports() for cls in (module.ConnectError, module.ConnectTimeout)})


def _transports() -> list[ModuleType]:
    return [transport()] + [sys.modules[name] for name in ("httpx", "httpx2") if name in sys.modules]


_TELEMETRY = ("Lang", "Package-Version", "OS", "Arch", "Runtime", "Runtime-Version", "Async")
_TELEMETRY_OF_A_REQUEST = ("x-stainless-retry-count", "x-stainless-read-timeout")


def omitted_per_request() -> dict[str, Any]:
    """Headers of one request that keep the SDK from adding its own; see `isolating_headers`."""
    from openai import Omit

    return {name: Omit() for name in _TELEMETRY_OF_A_REQUEST}


def isolating_headers() -> dict[str, Any]:
    """Default headers for the SDK client that keep everything meant for OpenAI at home.

    Also what the SDK tells its vendor of this machine (`X-Stainless-OS` and eight more), which no other host asks for.
    """
    from openai import Omit

    omitted: dict[str, Any] = {"OpenAI-Organization": Omit(), "OpenAI-Project": Omit()}
    omitted |= {f"X-Stainless-{name}": Omit() for name in _TELEMETRY}
    for line in os.environ.get("OPENAI_CUSTOM_HEADERS", "").splitlines():
        name = line.partition(":")[0].strip()
        if name:
            omitted[name] = Omit()
    return omitted
