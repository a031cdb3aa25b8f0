"""Search and the platform's official tools, as LlamaIndex tool specs.

`KimiWebSearchToolSpec` is the built-in `$web_search`: the platform searches between two requests, and the tool only
has to exist. `KimiFormulaToolSpec` gives official tools ("formulas", a web search among them) that the platform runs
on call.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from llama_index.core.tools import FunctionTool
from llama_index.core.tools.tool_spec.base import BaseToolSpec
from llama_index.core.tools.types import ToolMetadata
from pydantic import BaseModel, ConfigDict, SecretStr

from kimi_api._arguments import verbatim
from kimi_api.client import KimiClient
from kimi_api.formulas import alist_tools, arun_fiber, formula_uri, list_tools, run_fiber
from kimi_api.tools import WireTool

__all__ = ["KimiFormulaToolSpec", "KimiWebSearchToolSpec"]

WEB_SEARCH = "$web_search"


class KimiWebSearchToolSpec(BaseToolSpec):
    """The platform's built-in web search, `$web_search`. For K2.x models, thinking or not.

        FunctionAgent(llm=Kimi("kimi-k2.6"), tools=KimiWebSearchToolSpec().to_tool_list())

    The model's call holds the id of a search that the platform has made; the platform puts the result in the place of
    the tool message, and its text is billed as input tokens of the next request, besides a fee per search. `Kimi`
    declares the tool as the built-in one and sends the call's arguments back byte for byte, as the platform demands:
    given anything else, the model makes up an answer. Other LLM classes cannot use it. For K3 models Moonshot
    recommends `KimiFormulaToolSpec("web-search")` instead.

    https://platform.kimi.ai/docs/guide/use-web-search
    """

    spec_functions: list[Any] = [("web_search", "aweb_search")]  # noqa: RUF012 - as core declares it

    def web_search(self, **arguments: Any) -> str:
        """Search the web. The platform does it itself."""
        return json.dumps(arguments, ensure_ascii=False)

    async def aweb_search(self, **arguments: Any) -> str:
        """Search the web. The platform does it itself."""
        return self.web_search(**arguments)

    def to_tool_list(
        self,
        spec_functions: Any = None,
        func_to_metadata_mapping: dict[str, ToolMetadata] | None = None,
    ) -> list[FunctionTool]:
        """The one tool, under the platform's name."""
        metadata = ToolMetadata(
            name=WEB_SEARCH, description=str(self.web_search.__doc__), fn_schema=_schema(WEB_SEARCH, {})
        )
        return super().to_tool_list(spec_functions, {"web_search": metadata, **(func_to_metadata_mapping or {})})


class KimiFormulaToolSpec(BaseToolSpec):
    """Tools of the platform's formulas, which it runs itself: web search, date, unit conversion and others.

        FunctionAgent(llm=Kimi(), tools=KimiFormulaToolSpec("web-search", "date").to_tool_list())

    Results of some formulas (web search) are sealed: text that only the platform can read, passed on untouched. A
    function that fails raises `KimiFormulaError`; agents give its text to the model.

    Args:
        formulas: names or URIs; a bare name means Moonshot's own in its latest version
            ("web-search" is "moonshot/web-search:latest"). None given means web search.
        client: a connection to use instead of one made from the next three.
        api_key, base_url, timeout: as for `Kimi`.

    Raises:
        KimiInputError: not the name of a formula.
        KimiKeyError: no usable API key.

    https://platform.kimi.ai/docs/guide/use-official-tools
    """

    spec_functions: list[Any] = []  # noqa: RUF012 - as core declares it; the platform says which there are, when asked

    def __init__(
        self,
        *formulas: str,
        client: KimiClient | None = None,
        api_key: str | SecretStr | Callable[[], str] | None = None,
        base_url: str | None = None,
        timeout: float | None = None,
    ) -> None:
        self.formulas: tuple[str, ...] = tuple(map(formula_uri, formulas or ("web-search",)))
        self.client: KimiClient = client or KimiClient(api_key=api_key, base_url=base_url, timeout=timeout)

    def to_tool_list(
        self,
        spec_functions: Any = None,
        func_to_metadata_mapping: Mapping[str, ToolMetadata] | None = None,
    ) -> list[FunctionTool]:
        """Every function of the formulas, or those named in `spec_functions`. Asks the platform once for each formula.

        Raises:
            KimiNotFoundError: there is no such formula.
            KimiAPIError: the platform refused the request, or cannot be reached.
        """
        definitions = [(uri, tool) for uri in self.formulas for tool in list_tools(self.client, uri)]
        return self._tools(definitions, spec_functions, func_to_metadata_mapping or {})

    async def to_tool_list_async(
        self,
        spec_functions: Any = None,
        func_to_metadata_mapping: Mapping[str, ToolMetadata] | None = None,
    ) -> list[FunctionTool]:
        """The asynchronous twin of `to_tool_list`."""
        definitions = [(uri, tool) for uri in self.formulas for tool in await alist_tools(self.client, uri)]
        return self._tools(definitions, spec_functions, func_to_metadata_mapping or {})

    def _tools(
        self, definitions: list[tuple[str, WireTool]], names: Any, metadata: Mapping[str, ToolMetadata]
    ) -> list[FunctionTool]:
        return [
            self._tool(uri, tool["function"], metadata.get(tool["function"]["name"]))
            for uri, tool in definitions
            if not names or tool["function"]["name"] in names
        ]

    def _tool(self, uri: str, function: Mapping[str, Any], metadata: ToolMetadata | None) -> FunctionTool:
        name = function["name"]

        def run(**arguments: Any) -> str:
            return run_fiber(self.client, uri, name, verbatim.text_of(name, arguments)).result

        async def arun(**arguments: Any) -> str:
            return (await arun_fiber(self.client, uri, name, verbatim.text_of(name, arguments))).result

        metadata = metadata or ToolMetadata(
            name=name,
            description=function.get("description") or f"{name} of {uri}",
            fn_schema=_schema(name, function.get("parameters") or {}),
        )
        return FunctionTool.from_defaults(fn=run, async_fn=arun, tool_metadata=metadata)


class _Open(BaseModel):
    """Any arguments; the JSON schema is the platform's own."""

    model_config = ConfigDict(extra="allow")
    parameters: ClassVar[Mapping[str, Any]] = {}

    @classmethod
    def model_json_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return {"type": "object", "properties": {}, **cls.parameters}


def _schema(name: str, parameters: Mapping[str, Any]) -> type[BaseModel]:
    """A class with this JSON schema: core asks for a class, the platform gives a schema."""
    return type(name.strip("$"), (_Open,), {"parameters": parameters, "__module__": __name__})
