"""The application: what is recorded of a request, the rules for all requests, and what becomes of errors."""

from __future__ import annotations

import logging

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kimi_emulator import inspector
from kimi_emulator.dialects import PLATFORM, PLATFORM_HEADERS
from kimi_emulator.errors import ApiError, Facts
from kimi_emulator.http.calls import Call, Failed, Service
from kimi_emulator.http.delivery import json_answer, refusal
from kimi_emulator.http.routes import find
from kimi_emulator.inspector.traffic import PLACE
from kimi_emulator.platform import tokens
from kimi_emulator.platform.checks import HttpCheck
from kimi_emulator.platform.state import ReceivedRequest
from kimi_emulator.rules import enforce

__all__ = ["build_app"]

LOOPBACK = r"https?://(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?"
"""Pages of this machine: their scripts may call the emulator. Moonshot's API answers scripts of no page."""

_log = logging.getLogger(__name__)


async def _answer(service: Service, request: Request) -> Response:
    """Record the request, apply the rules for all requests, and hand it to its endpoint."""
    state = service.state
    tokens.VOCABULARY.set(state.vocabulary)
    method, path = request.method, request.scope["path"]  # request.url leaves line breaks out
    headers = {name.lower(): value for name, value in request.headers.items()}
    received = ReceivedRequest(method, path, headers, dict(request.query_params))
    position = request.scope[PLACE] = state.record_request(received)
    routes, parts = find(method, path)
    length = headers.get("content-length", "")
    check = HttpCheck(state, method, path, headers, routes, int(length) if length.isdecimal() else 0)
    call = Call(service, request, received, position, check)
    try:
        enforce("http", check)
        return await routes[method].endpoint(call, **parts)
    except ApiError as error:
        state.record_refusal(error, position)
        if error.status == 405:
            error.headers = {**error.headers, "Allow": ", ".join(routes)}
        if error.status == 401:
            error.facts = Facts(key="authorization" in headers)
        wants_stream = isinstance(received.json, dict) and received.json.get("stream") is True
        return refusal(error, state.settings.dialect, wants_stream=wants_stream)
    except Failed as failed:
        return call.failure(failed)
    except Exception as error:
        # A fault of the emulator or of a test's own brain; the client sees what the platform would say.
        _log.exception("the emulator failed to answer %s %s", method, path)
        return json_answer(ApiError(500, "server_error", f"kimi_emulator: {error!r}").body, 500)


def build_app(service: Service) -> ASGIApp:
    """The application of one emulator: the platform's endpoints, and the inspector's page at ``/``.

    A browser asks before a page's script may send a key. That request has no key, so it is answered before all
    rules, and does not count for the account. What the inspector shows is for its own page alone.
    """
    settings = service.state.settings
    endpoints = _endpoints(service)
    called = CORSMiddleware(
        inspector.watching(endpoints, service.traffic) if settings.inspector else endpoints,
        allow_origins=settings.origins,
        allow_origin_regex=LOOPBACK,
        allow_methods=["*"],
        allow_headers=["*"],
        expose_headers=["*"],
    )
    if not settings.inspector:
        return called
    app = Starlette(routes=inspector.routes(service.state, service.traffic))
    app.router.redirect_slashes = False
    app.router.default = called  # not a route: its pattern would miss addresses with a line break in them
    return app


def _endpoints(service: Service) -> ASGIApp:
    dialect = service.state.settings.dialect

    def add_signature(send: Send) -> Send:
        async def sign(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                request_id = headers.get("msh-request-id", "")
                for name in PLATFORM_HEADERS:
                    del headers[name]
                headers.update(dialect.headers(request_id))
            await send(message)

        return sign

    async def endpoints(scope: Scope, receive: Receive, send: Send) -> None:
        answer = await _answer(service, Request(scope, receive, send))
        await answer(scope, receive, send if dialect == PLATFORM else add_signature(send))

    return endpoints
