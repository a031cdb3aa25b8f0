"""The page and what it asks for. Only for whoever sits at this machine, unless the emulator listens elsewhere too."""

from __future__ import annotations

import asyncio
import ipaddress
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from kimi_emulator.inspector import view
from kimi_emulator.inspector.traffic import Traffic
from kimi_emulator.platform.state import State

__all__ = ["routes"]

_STATIC = Path(__file__).parent / "static"
_FILES = {"inspector.css": "text/css", "inspector.js": "text/javascript"}
_SECURE = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_PAUSE = 0.15  # seconds between two looks at what changed, while a page is open


def routes(state: State, traffic: Traffic) -> list[Route]:
    """The page at ``/``, its files, the list of exchanges as it changes, and one exchange."""

    async def page(request: Request) -> Response:
        return _refuse_foreign_page(request) or FileResponse(_STATIC / "index.html", headers=_SECURE)

    async def static(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in _FILES:
            return PlainTextResponse("no such file", 404)
        return FileResponse(_STATIC / name, media_type=_FILES[name], headers=_SECURE)

    async def events(request: Request) -> Response:
        return _refuse_foreign_page(request) or StreamingResponse(
            _changes(state, traffic, request), media_type="text/event-stream", headers=_SECURE
        )

    async def exchange(request: Request) -> Response:
        record = traffic.get(request.path_params["id"])
        if record is None:
            return PlainTextResponse("this exchange is not kept any more", 404)
        base = f"{request.url.scheme}://{request.url.netloc}/v1"
        return _refuse_foreign_page(request) or JSONResponse(view.detail(record, state, base), headers=_SECURE)

    async def clear(request: Request) -> Response:
        refused = _refuse_foreign_page(request)
        if refused is None:
            traffic.clear()
        return refused or Response(status_code=204)

    return [
        Route("/", page),
        Route("/_inspector/events", events),
        Route("/_inspector/exchanges/{id:int}", exchange),
        Route("/_inspector/exchanges", clear, methods=["DELETE"]),
        Route("/_inspector/{name}", static),
    ]


def _refuse_foreign_page(request: Request) -> Response | None:
    """403 for a page of somebody else's that got its own name to mean this machine (DNS rebinding)."""
    server = (request.scope.get("server") or ("",))[0]
    if _is_loopback(server) and not _is_loopback(request.url.hostname or ""):
        return PlainTextResponse(
            f"the inspector is for this machine: open it as http://127.0.0.1, not as {request.url.hostname}", 403
        )
    return None


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


async def _changes(state: State, traffic: Traffic, request: Request) -> AsyncIterator[bytes]:
    """Server-sent events: ``clear``, and ``exchange`` with a summary each time one begins, is answered or ends."""
    seen, cleared = 0, -1  # begins with a ``clear``: a page may remember an emulator that ran here before
    while not await request.is_disconnected():
        if traffic.cleared > cleared:
            cleared = seen = traffic.cleared
            yield b"event: clear\ndata: {}\n\n"
        for exchange in traffic.since(seen):
            seen = max(seen, exchange.version)
            yield _event(view.summary(exchange, state))
        await asyncio.sleep(_PAUSE)


def _event(data: Any) -> bytes:
    return f"event: exchange\ndata: {json.dumps(data, ensure_ascii=True)}\n\n".encode()
