"""Official tools: the platform's formulas, listed and run. Each function has an asynchronous twin.

https://platform.kimi.ai/docs/guide/use-official-tools. A formula such as `moonshot/web-search:latest` is a small set of
functions that the platform runs itself. The program lists them, offers them to the model as tools, runs the calls that
the model makes, and sends the results back as tool messages. Most are free for the time being; a web search is billed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from kimi_api._arguments import verbatim
from kimi_api._transport.observer import observe
from kimi_api._transport.steps import Send, Steps, adrive, drive
from kimi_api.client import KimiClient
from kimi_api.errors import KimiFormulaError, KimiInputError, KimiReplyError
from kimi_api.tools import WireTool, tool_name

__all__ = [
    "WEB_SEARCH",
    "Fiber",
    "alist_tools",
    "arun_fiber",
    "formula_uri",
    "list_tools",
    "parse_fiber",
    "parse_tools",
    "run_fiber",
]

WEB_SEARCH = "moonshot/web-search:latest"

_URI = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+(:[A-Za-z0-9_.-]+)?\Z")
_NAME = re.compile(r"[A-Za-z0-9_-]+\Z")
_SUCCEEDED = "succeeded"

_tool_lists: WeakKeyDictionary[KimiClient, dict[str, list[WireTool]]] = WeakKeyDictionary()
"""Tool lists by connection and formula. They change with a formula's version, and that is part of its name."""


@dataclass(frozen=True, slots=True)
class Fiber:
    """One run of a function. `result` is what the tool message is to hold; sealed text is passed on untouched.

    Attributes:
        id: the platform's id of the run.
        status: "succeeded".
        result: the output: readable, or in a frame that only the platform can open.
        sealed: which of the two.
    """

    id: str
    status: str
    result: str
    sealed: bool


def formula_uri(name: str) -> str:
    """The URI of a formula. A bare name means Moonshot's own in its latest version.

    Raises:
        KimiInputError: it is not a name, nor `namespace/name:version`.
    """
    if isinstance(name, str):
        if _NAME.match(name):
            return f"moonshot/{name}:latest"
        if _URI.match(name) and ".." not in name:
            return name
    raise KimiInputError(
        "formula",
        name,
        "it is a name such as 'web-search', or a URI such as 'moonshot/web-search:latest'",
        "see https://platform.kimi.ai/docs/guide/use-official-tools for the list of formulas",
    )


def list_tools(client: KimiClient, formula: str, *, refresh: bool = False) -> list[WireTool]:
    """The functions of a formula, as the tools of a request. Read them, do not change them.

    Asked for once per client and formula; `refresh` asks again.

    Raises:
        KimiInputError: not the name of a formula.
        KimiNotFoundError: there is no such formula.
        KimiReplyError: the answer is no list of tools.
        KimiAPIError: the platform refused the request, or cannot be reached.
    """
    uri = formula_uri(formula)
    if refresh or uri not in _of(client):
        _of(client)[uri] = drive(client, _list_tools(uri))
    return _watch(_of(client)[uri])


async def alist_tools(client: KimiClient, formula: str, *, refresh: bool = False) -> list[WireTool]:
    """The asynchronous twin of `list_tools`."""
    uri = formula_uri(formula)
    if refresh or uri not in _of(client):
        _of(client)[uri] = await adrive(client, _list_tools(uri))
    return _watch(_of(client)[uri])


def run_fiber(client: KimiClient, formula: str, name: str, arguments: str) -> Fiber:
    """Run a function of a formula and wait for its result.

    Args:
        client: how to reach the platform.
        formula: a name or URI, see `formula_uri`.
        name: which of its functions.
        arguments: the text of the arguments as the model wrote it; it is sent unchanged.

    Raises:
        KimiInputError: `arguments` is not a text; nothing was sent.
        KimiFormulaError: the function failed; says why in the platform's words.
        KimiNotFoundError: there is no such formula.
        KimiAPIError: the platform refused the request, or cannot be reached.
    """
    return drive(client, _run(formula_uri(formula), name, arguments))


async def arun_fiber(client: KimiClient, formula: str, name: str, arguments: str) -> Fiber:
    """The asynchronous twin of `run_fiber`."""
    return await adrive(client, _run(formula_uri(formula), name, arguments))


def _of(client: KimiClient) -> dict[str, list[WireTool]]:
    return _tool_lists.setdefault(client, {})


def _watch(tools: list[WireTool]) -> list[WireTool]:
    verbatim.watch(map(tool_name, tools))
    return list(tools)


# ------------------------------------------------------------------------------------------------- procedures


def _list_tools(uri: str) -> Steps[list[WireTool]]:
    answer = yield Send("GET", f"/formulas/{uri}/tools")
    return parse_tools(answer.body, uri, answer.headers.get("msh-request-id"))


def _run(uri: str, name: str, arguments: str) -> Steps[Fiber]:
    facts = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": name,
        "gen_ai.tool.type": "extension",
        "kimi.formula": uri,
    }
    return observe(f"execute_tool {name}", _run_in_steps(uri, name, arguments), facts)


def _run_in_steps(uri: str, name: str, arguments: str) -> Steps[Fiber]:
    if not isinstance(arguments, str):
        raise KimiInputError(
            "arguments",
            arguments,
            "the platform takes the JSON text that the model wrote",
            "pass the call's own arguments, or json.dumps(...) of yours",
        )
    answer = yield Send("POST", f"/formulas/{uri}/fibers", body={"name": name, "arguments": arguments})
    return parse_fiber(answer.body, uri, name, answer.headers.get("msh-request-id"))


# ------------------------------------------------------------------------------------------------- pure parts


def parse_tools(body: object, uri: str, request_id: str | None = None) -> list[WireTool]:
    """The tools in the answer to a listing."""
    tools = body.get("tools") if isinstance(body, Mapping) else None
    if not isinstance(tools, list) or not all(map(_is_function, tools)):
        raise KimiReplyError(
            f"the tools of {uri} are not a list of functions: {str(body)[:200]}. Check that base_url leads "
            "to the Kimi platform; other hosts have no formulas",
            request_id=request_id,
        )
    return tools


def _is_function(tool: object) -> bool:
    function = tool.get("function") if isinstance(tool, dict) else None
    return isinstance(function, dict) and isinstance(function.get("name"), str) and bool(function["name"])


def parse_fiber(body: object, uri: str, name: str, request_id: str | None = None) -> Fiber:
    """The finished run in `body`: `context.output`, or else `context.encrypted_output` as it is."""
    fiber = body if isinstance(body, Mapping) else {}
    context = fiber.get("context")
    context = context if isinstance(context, Mapping) else {}
    status, fiber_id = str(fiber.get("status") or ""), str(fiber.get("id") or "")
    output, sealed = context.get("output"), False
    if output is None:
        output, sealed = context.get("encrypted_output"), True
    error = context.get("error") or fiber.get("error")
    if status != _SUCCEEDED or (error and output is None):
        reason = _text(error) if error else "the platform gave no reason"
        raise KimiFormulaError(
            uri, name, status or "unknown", reason.rstrip("."), fiber_id=fiber_id or None, request_id=request_id
        )
    return Fiber(fiber_id, status, "" if output is None else _text(output), sealed and output is not None)


def _text(value: object) -> str:
    if isinstance(value, Mapping) and isinstance(value.get("message"), str):
        return value["message"]
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
