"""The page and what it asks for. Only for this machine, unless the emulator listens on other addresses too."""

from __future__ import annotations

import asyncio
import ipaddress
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from kimi_emulator.inspector import view
from kimi_emulator.inspector.board import Board
from kimi_emulator.inspector.masking import DEFAULT_KEYS, mask_header
from kimi_emulator.inspector.traffic import Traffic
from kimi_emulator.platform.state import State

__all__ = ["routes"]

_STATIC = Path(__file__).parent / "static"
_FILES = {
    name: f"text/{kind}"
    for name, kind in (
        ("inspector.css", "css"),
        ("inspector.js", "javascript"),
        ("list.js", "javascript"),
        ("detail.js", "javascript"),
        ("elements.js", "javascript"),
    )
}
_SECURE = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_PAUSE = 0.15  # seconds between two looks at what changed, while a page is open


_IMAGES = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF8", "gif"),
    (b"BM", "bmp"),
    (b"RIFF", "webp"),
)


def routes(state: State, traffic: Traffic) -> list[Route]:
    """The page at ``/`` and what it asks for."""
    board = Board(state, traffic)

    def only_here(answer: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def answer_here(request: Request) -> Response:
            return _refuse_foreign_page(request) or await answer(request)

        return answer_here

    @only_here
    async def page(request: Request) -> Response:
        return FileResponse(_STATIC / "index.html", headers=_SECURE)

    async def static(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in _FILES:
            return PlainTextResponse("no such file", 404)
        return FileResponse(_STATIC / name, media_type=_FILES[name], headers=_SECURE)

    @only_here
    async def settings(request: Request) -> Response:
        key = state.settings.api_key
        key_text = key if key in DEFAULT_KEYS else mask_header("authorization", key)
        return JSONResponse(
            {"base_url": _base(request), "api_key": key_text, "whole_key": key_text == key}, headers=_SECURE
        )

    @only_here
    async def events(request: Request) -> Response:
        return StreamingResponse(_changes(board, traffic, request), media_type="text/event-stream", headers=_SECURE)

    @only_here
    async def exchange(request: Request) -> Response:
        record = traffic.get(request.path_params["id"])
        if record is None:
            return PlainTextResponse("This request is not kept any more.", 404)
        detail = await asyncio.to_thread(view.detail, record, state, board, _base(request))
        return JSONResponse(detail, headers=_SECURE)

    @only_here
    async def script(request: Request) -> Response:
        text = await asyncio.to_thread(view.thread_script, request.path_params["id"], state, board, traffic)
        return PlainTextResponse(text, headers=_SECURE)

    @only_here
    async def search(request: Request) -> Response:
        words = request.query_params.get("words", "").split()
        return JSONResponse(await asyncio.to_thread(board.search, words), headers=_SECURE)

    @only_here
    async def image(request: Request) -> Response:
        """A stored image, of a kind that a browser only draws."""
        stored = state.files.get(request.path_params["id"])
        if stored is None or stored.purpose != "image":
            return PlainTextResponse("no such image", 404)
        with stored.path.open("rb") as source:
            start = source.read(16)
        kind = next((kind for signature, kind in _IMAGES if start.startswith(signature)), None)
        if kind is None:
            return PlainTextResponse("no image that a browser draws", 404)
        return FileResponse(stored.path, media_type=f"image/{kind}", headers=_SECURE)

    @only_here
    async def clear(request: Request) -> Response:
        traffic.clear()
        return Response(status_code=204)

    return [
        Route("/", page),
        Route("/_inspector/settings", settings),
        Route("/_inspector/events", events),
        Route("/_inspector/search", search),
        Route("/_inspector/exchanges/{id:int}", exchange),
        Route("/_inspector/exchanges/{id:int}/script", script),
        Route("/_inspector/images/{id}", image),
        Route("/_inspector/exchanges", clear, methods=["DELETE"]),
        Route("/_inspector/{name}", static),
    ]


def _base(request: Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc}/v1"


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


async def _changes(board: Board, traffic: Traffic, request: Request) -> AsyncIterator[bytes]:
    """Server-sent events: ``clear``, and ``change`` with what is new, each time a request begins, is answered or ends.

    Rows are made in a thread of their own, so that clients of the emulator do not wait for those who watch them.
    """
    seen, cleared = 0, -1  # begins with a ``clear``: a page may remember an emulator that ran here before
    while not await request.is_disconnected():
        if traffic.cleared > cleared:
            cleared = seen = traffic.cleared
            yield b"event: clear\ndata: {}\n\n"
        if seen < traffic.version:
            seen, news = await asyncio.to_thread(board.changes, seen)
            if news["rows"]:
                yield f"event: change\ndata: {json.dumps(news)}\n\n".encode()
                continue
        await asyncio.sleep(_PAUSE)
