"""The platform's addresses: one entry for each address and method, with the endpoint that answers."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.responses import Response
from starlette.routing import Match, Route

from kimi_emulator.http import batches, chat, files
from kimi_emulator.http.calls import Call
from kimi_emulator.platform import formulas
from kimi_emulator.platform.checks import FormulaCheck
from kimi_emulator.platform.models import available
from kimi_emulator.rules import enforce

__all__ = ["ROUTES", "Address", "find"]

Endpoint = Callable[..., Awaitable[Response]]


class Address(Route):
    """A route of one method, whose endpoint gets a ``Call`` and the parts of the path that its pattern names."""

    def __init__(self, method: str, path: str, endpoint: Endpoint) -> None:
        super().__init__(path, endpoint, methods=[method])
        self.method = method
        # A line break is a character like any other here; Starlette lets one follow, and no `path` may hold one.
        pattern = self.path_regex.pattern.replace(".*", ".+").removesuffix("$")
        self.path_regex: re.Pattern[str] = re.compile(pattern + r"\Z", re.DOTALL)


async def _show_models(call: Call) -> Response:
    fault, settings = call.fault("models"), call.state.settings
    models = available(settings.day(), retired=settings.retired)
    entries = [model.entry() for model in models if settings.models is None or model.id in settings.models]
    return call.answer({"object": "list", "data": entries}, fault)


async def _show_balance(call: Call) -> Response:
    return call.answer({"code": 0, "data": call.state.account.statement(), "scode": "0x0", "status": True})


async def _show_tools(call: Call, uri: str) -> Response:
    functions = formulas.FORMULAS.get(uri, {})
    enforce("formula", FormulaCheck(uri, tuple(functions)))
    return call.answer({"object": "list", "tools": [function.tool() for function in functions.values()]})


async def _run_tool(call: Call, uri: str) -> Response:
    body = await call.json()
    enforce("formula", FormulaCheck(uri, tuple(formulas.FORMULAS.get(uri, ())), body))
    fiber, fault = formulas.run(call.state.settings, uri, body), call.fault("fiber")
    return call.answer(fiber if fault is None or fault.fiber is None else fault.fiber(fiber), fault)


ROUTES = (
    Address("POST", "/v1/chat/completions", chat.complete),
    Address("POST", "/v1/tokenizers/estimate-token-count", chat.estimate),
    Address("GET", "/v1/models", _show_models),
    Address("GET", "/v1/users/me/balance", _show_balance),
    Address("GET", "/v1/files", files.show_all),
    Address("POST", "/v1/files", files.upload),
    Address("GET", "/v1/files/{file_id}", files.show),
    Address("DELETE", "/v1/files/{file_id}", files.delete),
    Address("GET", "/v1/files/{file_id}/content", files.show_content),
    Address("GET", "/v1/batches", batches.show_page),
    Address("POST", "/v1/batches", batches.create),
    Address("GET", "/v1/batches/{batch_id}", batches.show),
    Address("POST", "/v1/batches/{batch_id}/cancel", batches.cancel),
    Address("GET", "/v1/formulas/{uri:path}/tools", _show_tools),
    Address("POST", "/v1/formulas/{uri:path}/fibers", _run_tool),
)


def find(method: str, path: str) -> tuple[dict[str, Address], dict[str, Any]]:
    """The routes of an address by their methods, and the parts of the path that they name; none where it is unknown."""
    routes: dict[str, Address] = {}
    parts: dict[str, Any] = {}
    for route in ROUTES:
        match, scope = route.matches({"type": "http", "method": method, "path": path.rstrip("/")})
        if match is not Match.NONE:
            routes[route.method], parts = route, scope["path_params"]
    return routes, parts
