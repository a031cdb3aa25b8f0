"""The proxy: it passes every request to the platform and every answer back, and keeps a masked copy of both."""

from __future__ import annotations

import asyncio
import ipaddress
import queue
import re
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from kimi_emulator.errors import ApiError
from kimi_emulator.faults import FaultQueue
from kimi_emulator.http.serving import Served, Serving
from kimi_emulator.http.transport import close_connection, connection_class, wait_for_disconnect
from kimi_emulator.record.cassettes import HOST, Cassette, Exchange
from kimi_emulator.record.judge import Judge, Verdict
from kimi_emulator.record.masking import hide

__all__ = ["PLATFORM", "Recorder"]

PLATFORM = f"{HOST}/v1"

_PATH = re.compile(rb"(?:/(?P<name>[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}))?/v1(?P<rest>/.*)?", re.DOTALL)
_OF_ONE_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer"}
    | {"transfer-encoding", "upgrade"}
)
_TIMEOUT = httpx.Timeout(7_200, connect=10)
"""The platform's gateway ends a request after 7,200 seconds at the latest."""


class Recorder(Served):
    """A proxy on this machine. ``base_url`` is what a client is given; its own key goes to ``upstream``.

    Exchanges are kept in ``folder``, in one cassette for each run of the proxy. A client that is given
    ``http://127.0.0.1:PORT/NAME/v1`` gets a cassette of its own, ``NAME.yaml``, which replaces an older one.

    * ``test_key`` and ``key``: a request with ``test_key`` is passed on with ``key``, so that your own tests
      may run through the proxy with a fake key.
    * ``say``: is called with each verdict, in a thread of its own.
    * ``settings``: those of ``Emulator``, for the emulator that is compared.

    Raises:
        ValueError: an ``upstream`` that is no address, or one to which a key would travel unencrypted.
    """

    def __init__(
        self,
        folder: str | Path,
        upstream: str = PLATFORM,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        test_key: str = "sk-test-emulator",
        key: str | None = None,
        say: Callable[[Verdict], object] = lambda _: None,
        **settings: Any,
    ) -> None:
        self._upstream, self._folder = _check(upstream), Path(folder)
        self._wanted, self._say, self._settings = (host, port), say, settings
        self.api_key: str = test_key
        self._key = key
        self.verdicts: list[Verdict] = []
        self._seen_keys: set[str] = {key} if key else set()
        self._cassettes: dict[str, Cassette] = {}
        self._run = datetime.now(UTC).strftime("%Y-%m-%d-%H%M%S")
        self._count = 0
        self._client: httpx.AsyncClient | None = None
        self._waiting: queue.SimpleQueue[Exchange | None] = queue.SimpleQueue()
        self._judging: threading.Thread | None = None
        self._serving = Serving(lambda: self._answer, self._close_client, http=connection_class(FaultQueue()))

    @property
    def base_url(self) -> str:
        """The address to give a client."""
        host, port = self._serving.address
        return f"http://{host}:{port}/v1"

    def start(self) -> Self:
        """Listen. OSError where nothing can, or where the folder cannot be written."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._serving.listen(*self._wanted)
        self._judging = threading.Thread(target=self._judge, name="kimi-judge", daemon=True)
        self._judging.start()
        return self

    def stop(self) -> None:
        """Stop; what ended is written and judged then. Harmless when not running."""
        self._serving.close()
        for cassette in self._cassettes.values():
            cassette.close()
        if self._judging is not None:
            self._waiting.put(None)
            self._judging.join()
            self._judging = None

    def summary(self) -> str:
        """How many exchanges there were, by outcome."""
        outcomes = [verdict.outcome for verdict in self.verdicts]
        counts = (f"{outcomes.count(each)} {word}" for each, word in _COUNTED.items())  # type: ignore[arg-type]
        return f"{len(outcomes)} exchanges: {', '.join(counts)}"

    # -- one request ------------------------------------------------------------------------------------------

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        match = _PATH.fullmatch(scope.get("raw_path") or scope["path"].encode())
        if match is None:
            refusal = ApiError(404, "resource_not_found_error", "this proxy serves /v1/... and /NAME/v1/...")
            await JSONResponse(refusal.body, 404)(scope, receive, send)
            return
        cassette = self._cassette((match["name"] or b"").decode())
        self._count += 1
        place = self._count
        cassette.begin(place)
        exchange: Exchange | None = None
        try:
            exchange = await self._pass_on(place, match["rest"] or b"", Request(scope, receive), send)
        except ClientDisconnect:
            pass  # it left in the middle of its request: there is nobody to answer and nothing whole to keep
        except httpx.HTTPError as error:
            text = f"kimi_emulator --record: {self._upstream} did not answer: {type(error).__name__}: {error}"
            await JSONResponse(ApiError(502, "recording_proxy_error", hide(text)).body, 502)(scope, receive, send)
        finally:
            cassette.end(place, exchange)
            if exchange is not None:
                self._waiting.put(exchange)

    async def _pass_on(self, place: int, rest: bytes, request: Request, send: Send) -> Exchange | None:
        """The exchange, if it came to its end; None if the client left before."""
        if self._client is None:
            self._client = httpx.AsyncClient(timeout=_TIMEOUT, follow_redirects=False, limits=httpx.Limits())
        base = httpx.URL(self._upstream)
        query = request.scope["query_string"]
        raw_path = base.raw_path + rest + (b"?" + query if query else b"")
        headers = self._request_headers(request)
        sent, all_sent = bytearray(), asyncio.Event()

        async def body() -> AsyncIterator[bytes]:
            async for piece in request.stream():
                sent.extend(piece)
                yield piece
            all_sent.set()

        has_body = any(name in request.headers for name in ("content-length", "transfer-encoding"))
        outgoing = self._client.build_request(
            request.method,
            base.copy_with(raw_path=raw_path),
            headers=headers,
            content=body() if has_body else None,
        )
        if not has_body:
            all_sent.set()
        response = await _unless_gone(self._client.send(outgoing, stream=True), request, all_sent)
        if response is None:
            return None
        received = bytearray()
        try:
            if not await _relay(response, received, send, request):
                return None
        finally:
            await response.aclose()
        path = "/v1" + rest.decode("latin-1") + (f"?{query.decode('latin-1')}" if query else "")
        plain = {name: value for name, value in request.headers.items() if name != "cookie"}
        return Exchange(
            *(place, request.method, path, plain, bytes(sent)),
            *(response.status_code, response.reason_phrase, dict(response.headers), bytes(received)),
        )

    def _request_headers(self, request: Request) -> list[tuple[bytes, bytes]]:
        """The client's headers, and one that asks for plain bodies. The key is noted, so that copies leave it out."""
        hop_headers = request.headers.get("connection", "").lower().replace(" ", "").split(",")
        dropped = _OF_ONE_HOP | {"host", "accept-encoding", *hop_headers}
        headers = [(name, value) for name, value in request.headers.raw if name.decode("latin-1") not in dropped]
        _, _, key = request.headers.get("authorization", "").partition(" ")
        if self._key and key.strip() == self.api_key:
            headers = [(name, value) for name, value in headers if name != b"authorization"]
            headers.append((b"authorization", f"Bearer {self._key}".encode()))
        elif key.strip():
            self._seen_keys.add(key.strip())
        return [*headers, (b"accept-encoding", b"identity")]

    def _cassette(self, name: str) -> Cassette:
        name = name or self._run
        if name not in self._cassettes:
            day, host = datetime.now(UTC).date(), urlsplit(self._upstream).hostname or ""
            origin = f"live, {day}" if f"https://{host}" == HOST or host.endswith(".moonshot.cn") else f"{host}, {day}"
            self._cassettes[name] = Cassette(self._folder / f"{name}.yaml", origin, self._seen_keys)
        return self._cassettes[name]

    async def _close_client(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    # -- judging ----------------------------------------------------------------------------------------------

    def _judge(self) -> None:
        with Judge(**self._settings) as judge:
            while (exchange := self._waiting.get()) is not None:
                verdict = judge.compare(exchange)
                reasons = tuple(hide(reason, self._seen_keys) for reason in verdict.reasons)
                verdict = replace(verdict, path=hide(verdict.path, self._seen_keys), reasons=reasons)
                self.verdicts.append(verdict)
                self._say(verdict)


_COUNTED = {"same": "answered alike", "differs": "answered otherwise by the emulator", "not compared": "not compared"}


async def _unless_gone(
    sending: Coroutine[Any, Any, httpx.Response], request: Request, all_sent: asyncio.Event
) -> httpx.Response | None:
    """What comes of ``sending``; None if the client has left: then the platform need not continue."""
    answering = asyncio.ensure_future(sending)

    async def watch() -> None:
        await all_sent.wait()  # until then, reading the request notices a client that leaves
        await wait_for_disconnect(request.receive)

    leaving = asyncio.ensure_future(watch())
    try:
        await asyncio.wait((answering, leaving), return_when=asyncio.FIRST_COMPLETED)
        return await answering if answering.done() else None
    finally:
        leaving.cancel()
        answering.cancel()


async def _relay(response: httpx.Response, received: bytearray, send: Send, request: Request) -> bool:
    """Pass an answer on as it comes; whether the client took it to its end."""
    headers = MutableHeaders(raw=[(name.lower(), value) for name, value in response.headers.raw])
    packed = "content-encoding" in headers  # though it was asked not to be: what is passed on is unpacked
    for name in (*_OF_ONE_HOP, "content-encoding", *(["content-length"] if packed else [])):
        del headers[name]
    gone = asyncio.ensure_future(wait_for_disconnect(request.receive))
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers.raw})
    try:
        async for piece in response.aiter_bytes():
            received.extend(piece)
            if gone.done():
                return False
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    except httpx.HTTPError:
        # The platform broke off: so does the proxy, and the client sees what it would have seen.
        close_connection(request.scope)
        await gone
        return False
    finally:
        gone.cancel()
    await send({"type": "http.response.body", "body": b"", "more_body": False})
    return True


def _check(upstream: str) -> str:
    parts = urlsplit(upstream)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"upstream is an address such as {PLATFORM}, not {upstream!r}")
    if parts.scheme == "http" and not _is_this_machine(parts.hostname):
        raise ValueError(f"upstream is https, so that nobody on the way reads the key, not {upstream!r}")
    return upstream.rstrip("/")


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
