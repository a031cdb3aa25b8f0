"""Search and the platform's official tools, as LangChain tools that work in any agent.

`KimiWebSearch` is the built-in `$web_search`: the platform searches between two requests, and the tool only has to
exist. `KimiFormulaToolkit` gives official tools ("formulas", a web search among them) that the platform runs on call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from langchain_core.tools import BaseTool, BaseToolkit, ToolException
from pydantic import ConfigDict, Field, PrivateAttr, SecretStr

from kimi_api import KimiClient, KimiFormulaError
from kimi_api._arguments import verbatim
from kimi_api._arguments.text import encode
from kimi_api.formulas import alist_tools, arun_fiber, formula_uri, list_tools, run_fiber
from kimi_api.tools import WireTool
from langchain_kimi.errors import CORE_ERRORS, error_types

__all__ = ["KimiFormulaTool", "KimiFormulaToolError", "KimiFormulaToolkit", "KimiWebSearch"]


class KimiWebSearch(BaseTool):
    """The platform's built-in web search, `$web_search`. For K2.x models, thinking or not.

        agent = create_agent(ChatKimi(model="kimi-k2.6"), tools=[KimiWebSearch()])

    The model's call holds the id of a search that the platform has made; the platform puts the result in the place of
    the tool message, and its text is billed as input tokens of the next request, besides a fee per search. `ChatKimi`
    sends the call's arguments back byte for byte, as the platform demands: given anything else, the model makes up
    an answer. For K3 models Moonshot recommends `KimiFormulaToolkit("web-search")` instead.

    https://platform.kimi.ai/docs/guide/use-web-search
    """

    name: str = "$web_search"
    description: str = "Search the web. The platform does it itself."
    # What the model writes is the platform's own affair; no schema of ours is sent.
    args_schema: Any = Field(default={"type": "object", "properties": {}}, repr=False)

    def _run(self, /, **arguments: Any) -> str:
        return encode(arguments)

    async def _arun(self, /, **arguments: Any) -> str:
        return encode(arguments)


class KimiFormulaToolError(KimiFormulaError, ToolException):
    """An official tool failed. Agents give its text to the model (see `KimiFormulaTool.handle_tool_error`)."""


class KimiFormulaTool(BaseTool):
    """One function of a formula, run by the platform. Made by `KimiFormulaToolkit`.

    Results of some formulas (web search) are sealed: text that only the platform can read, passed on untouched.

    Raises:
        KimiFormulaToolError: the function failed, and `handle_tool_error` is False.
        KimiAPIError: the platform refused the request, or cannot be reached.
    """

    formula: str
    """URI of the formula."""
    client: KimiClient = Field(exclude=True, repr=False)
    # Otherwise a wrong argument of the model's would end the agent's run.
    handle_tool_error: Any = True

    @CORE_ERRORS
    def _run(self, /, **arguments: Any) -> str:
        try:
            text = verbatim.text_of(self.name, arguments)
            return run_fiber(self.client, self.formula, self.name, text).result
        except KimiFormulaError as error:
            raise _as_tool_error(error) from error

    async def _arun(self, /, **arguments: Any) -> str:
        try:
            with CORE_ERRORS:
                text = verbatim.text_of(self.name, arguments)
                return (await arun_fiber(self.client, self.formula, self.name, text)).result
        except KimiFormulaError as error:
            raise _as_tool_error(error) from error


class KimiFormulaToolkit(BaseToolkit):
    """Tools of the platform's formulas, which it runs itself: web search, date, unit conversion and others.

        tools = KimiFormulaToolkit("web-search", "date").get_tools()
        agent = create_agent(ChatKimi(), tools=tools)

    Args:
        formulas: names or URIs; a bare name means Moonshot's own in its latest version
            ("web-search" is "moonshot/web-search:latest"). None given means web search.
        client: a connection to use, e.g. `ChatKimi().client`, instead of one made from the next three.
        api_key, base_url, timeout: as for `ChatKimi`.

    Raises:
        KimiInputError: not the name of a formula.
        KimiKeyError: no usable API key.

    https://platform.kimi.ai/docs/guide/use-official-tools
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(arbitrary_types_allowed=True, hide_input_in_errors=True)

    uris: tuple[str, ...] = ()
    """The formulas' URIs."""

    _client: KimiClient = PrivateAttr()

    def __init__(
        self,
        *formulas: str,
        client: KimiClient | None = None,
        api_key: str | SecretStr | Callable[[], str] | None = None,
        base_url: str | None = None,
        timeout: float | None = None,
    ) -> None:
        super().__init__()
        self.uris = tuple(map(formula_uri, formulas or ("web-search",)))
        self._client = client or KimiClient(
            api_key=api_key, base_url=base_url, timeout=timeout, error_types=error_types
        )

    def get_tools(self) -> list[BaseTool]:
        """Every function of the formulas. Asks the platform once for each formula.

        Raises:
            KimiNotFoundError: there is no such formula.
            KimiAPIError: the platform refused the request, or cannot be reached.
        """
        return [_tool(tool, uri, self._client) for uri in self.uris for tool in list_tools(self._client, uri)]

    async def aget_tools(self) -> list[BaseTool]:
        """The asynchronous twin of `get_tools`."""
        return [_tool(tool, uri, self._client) for uri in self.uris for tool in await alist_tools(self._client, uri)]


def _tool(tool: WireTool, uri: str, client: KimiClient) -> KimiFormulaTool:
    function = tool["function"]
    return KimiFormulaTool(
        name=function["name"],
        description=function.get("description") or f"{function['name']} of {uri}",
        args_schema=dict(function.get("parameters") or {"type": "object", "properties": {}}),
        formula=uri,
        client=client,
    )


def _as_tool_error(error: KimiFormulaError) -> KimiFormulaToolError:
    return KimiFormulaToolError(
        error.formula,
        error.name,
        error.status,
        error.reason,
        fiber_id=error.fiber_id,
        request_id=error.request_id,
    )
