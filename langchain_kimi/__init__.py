"""Kimi (Moonshot AI) for LangChain."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

try:
    import langchain_core as _
except ModuleNotFoundError as _error:
    if _error.name != "langchain_core":
        raise
    raise ModuleNotFoundError(
        "langchain_kimi needs langchain-core, which is not installed. "
        "What to do: pip install 'kimi-integrations[langchain]'",
        name="langchain_core",
    ) from None

from kimi_api import KimiWarning
from langchain_kimi.chat_models import ChatKimi
from langchain_kimi.errors import KimiStructuredOutputError
from langchain_kimi.messages import dynamic_tools_message, partial_message
from langchain_kimi.registry import register

if TYPE_CHECKING:
    from langchain_kimi.batches import KimiBatch
    from langchain_kimi.document_loaders import KimiFileLoader
    from langchain_kimi.document_parsers import KimiBlobParser
    from langchain_kimi.llms import KimiLLM
    from langchain_kimi.middleware import KimiDynamicToolsMiddleware as KimiDynamicToolsMiddleware
    from langchain_kimi.middleware import KimiPromptCachingMiddleware as KimiPromptCachingMiddleware
    from langchain_kimi.tools import KimiFormulaToolkit, KimiWebSearch
    from langchain_kimi.usage import KimiCostCallbackHandler, get_kimi_cost_callback

__all__ = [
    "ChatKimi",
    "KimiBatch",
    "KimiBlobParser",
    "KimiCostCallbackHandler",
    "KimiFileLoader",
    "KimiFormulaToolkit",
    "KimiLLM",
    "KimiStructuredOutputError",
    "KimiWarning",
    "KimiWebSearch",
    "dynamic_tools_message",
    "get_kimi_cost_callback",
    "partial_message",
    "register",
]

# The middleware is not in `__all__`: it needs `langchain` (the extra "agents"), which `import *` must not load.
# Loaded when named: a chat model alone should not pay for them (core's base class of LLMs alone takes 50 ms, for yaml).
_LAZY = {
    "KimiBatch": "batches",
    "KimiBlobParser": "document_parsers",
    "KimiCostCallbackHandler": "usage",
    "KimiDynamicToolsMiddleware": "middleware",
    "KimiFileLoader": "document_loaders",
    "KimiFormulaToolkit": "tools",
    "KimiLLM": "llms",
    "KimiPromptCachingMiddleware": "middleware",
    "KimiWebSearch": "tools",
    "get_kimi_cost_callback": "usage",
}

# The first constructions of a class fill caches of `typing`, `abc`, pydantic and the interpreter (0.5 ms against 0.04).
# That is done here, where nobody's event loop waits for it; nothing is connected to or kept.
for _ in range(4):
    ChatKimi(api_key="not-a-key", base_url="https://api.moonshot.ai/v1")

if not TYPE_CHECKING:  # a type checker that sees it accepts every name

    def __getattr__(name: str) -> object:
        if name in _LAZY:
            return getattr(import_module(f"langchain_kimi.{_LAZY[name]}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
