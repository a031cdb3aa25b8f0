"""LangChain's own test suite for tools: the built-in search, and official tools that the platform runs.

No test is overridden or expected to fail. `test_init_from_env` has nothing to check: the search needs no settings, and
a formula's function is made by its toolkit.
"""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.tools import BaseTool
from langchain_tests.integration_tests import ToolsIntegrationTests
from langchain_tests.unit_tests import ToolsUnitTests

from kimi_emulator import Emulator
from langchain_kimi import KimiFormulaToolkit, KimiWebSearch


class _WebSearch:
    @property
    def tool_constructor(self) -> type[BaseTool]:
        return KimiWebSearch

    @property
    def tool_invoke_params_example(self) -> dict[str, Any]:
        return {"search_result": {"search_id": "6f"}, "usage": {"total_tokens": 13_046}}


class TestUnitWebSearch(_WebSearch, ToolsUnitTests):
    pass


class TestIntegrationWebSearch(_WebSearch, ToolsIntegrationTests):
    pass


class _Formula:
    """A tool of a toolkit, which asked the platform for its definition."""

    formula = "web-search"
    example: dict[str, Any] = {"query": "When was the first Kimi model released?"}  # noqa: RUF012 - read only

    @pytest.fixture(autouse=True)
    def _of_the_emulator(self, kimi: Emulator) -> None:
        toolkit = KimiFormulaToolkit(self.formula, base_url=kimi.base_url, api_key=kimi.api_key)
        self.made = toolkit.get_tools()[0]

    @property
    def tool_constructor(self) -> BaseTool:
        return self.made

    @property
    def tool_invoke_params_example(self) -> dict[str, Any]:
        return self.example


class TestUnitFormulaWebSearch(_Formula, ToolsUnitTests):
    pass


class TestIntegrationFormulaWebSearch(_Formula, ToolsIntegrationTests):
    pass


class _Date(_Formula):
    formula = "date"
    example: dict[str, Any] = {"timezone": "Europe/Helsinki", "days": 1}  # noqa: RUF012


class TestUnitFormulaDate(_Date, ToolsUnitTests):
    pass


class TestIntegrationFormulaDate(_Date, ToolsIntegrationTests):
    pass
