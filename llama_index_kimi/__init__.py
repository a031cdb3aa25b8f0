"""Kimi (Moonshot AI) for LlamaIndex: `Kimi`, the language model, a reader for files, and tool specs for web search."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

try:
    import llama_index.core as _  # noqa: F401 - only to say what to install
except ModuleNotFoundError as _error:
    if _error.name not in ("llama_index", "llama_index.core"):
        raise
    raise ModuleNotFoundError(
        "llama_index_kimi needs llama-index-core, which is not installed. "
        "What to do: pip install 'kimi-integrations[llama-index]'",
        name=_error.name,
    ) from None

from llama_index_kimi.llm import Kimi

if TYPE_CHECKING:
    from llama_index_kimi.batches import KimiBatch
    from llama_index_kimi.memory import KimiChatMemoryBuffer, KimiMemory
    from llama_index_kimi.messages import dynamic_tools_message, partial_message
    from llama_index_kimi.reader import KimiFileReader
    from llama_index_kimi.tools import KimiFormulaToolSpec, KimiWebSearchToolSpec
    from llama_index_kimi.usage import KimiCostCallbackHandler, KimiCostEventHandler, get_kimi_costs

__all__ = [
    "Kimi",
    "KimiBatch",
    "KimiChatMemoryBuffer",
    "KimiCostCallbackHandler",
    "KimiCostEventHandler",
    "KimiFileReader",
    "KimiFormulaToolSpec",
    "KimiMemory",
    "KimiWebSearchToolSpec",
    "dynamic_tools_message",
    "get_kimi_costs",
    "partial_message",
]


# Loaded when named: most programs use the model or the reader.
_LAZY = {
    "KimiBatch": "batches",
    "KimiChatMemoryBuffer": "memory",
    "KimiCostCallbackHandler": "usage",
    "KimiCostEventHandler": "usage",
    "KimiFileReader": "reader",
    "KimiFormulaToolSpec": "tools",
    "KimiMemory": "memory",
    "KimiWebSearchToolSpec": "tools",
    "dynamic_tools_message": "messages",
    "get_kimi_costs": "usage",
    "partial_message": "messages",
}

if not TYPE_CHECKING:  # a type checker that sees it accepts every name

    def __getattr__(name: str) -> object:
        if name in _LAZY:
            return getattr(import_module(f"llama_index_kimi.{_LAZY[name]}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
