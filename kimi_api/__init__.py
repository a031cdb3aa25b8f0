"""The Kimi Open Platform in plain Python: what its models can do, how to speak to it, how to reach it.

Imports no framework, and `openai` only when a request is made or an error class of its family is named.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from kimi_api import _state as _state  # resets after a fork what the packages remember
from kimi_api._warn import KimiWarning
from kimi_api._warn import langchain_kimi_is_ours as _langchain_kimi_is_ours
from kimi_api.catalog import MODELS, ModelSpec, Price, get_model_spec
from kimi_api.client import KimiClient
from kimi_api.errors import (
    KimiBatchError,
    KimiEmptyReplyError,
    KimiError,
    KimiFileError,
    KimiFormulaError,
    KimiIncompleteReplyError,
    KimiInputError,
    KimiKeyError,
    KimiLimitError,
    KimiRefusalError,
    KimiReplyError,
    KimiReplyTooLongError,
    KimiStructuredOutputError,
    KimiToolChoiceError,
)
from kimi_api.messages import dynamic_tools_message, partial_message
from kimi_api.options import ChatOptions

if TYPE_CHECKING:
    from kimi_api.errors import (
        KimiAPIError,
        KimiAuthenticationError,
        KimiBadRequestError,
        KimiConnectionError,
        KimiContentFilterError,
        KimiContextOverflowError,
        KimiDeadlineError,
        KimiNotFoundError,
        KimiOverloadedError,
        KimiPermissionError,
        KimiQuotaError,
        KimiRateLimitError,
        KimiServerError,
        KimiStatusError,
        KimiTimeoutError,
    )
    from kimi_api.limits import AccountLimits
    from kimi_api.mfjs import normalize_schema
    from kimi_api.reply import Reply, ToolCall, Usage
    from kimi_api.request import build_request
    from kimi_api.tokens.tokenizer import KimiTokenizer

__all__ = [
    "MODELS",
    "AccountLimits",
    "ChatOptions",
    "KimiAPIError",
    "KimiAuthenticationError",
    "KimiBadRequestError",
    "KimiBatchError",
    "KimiClient",
    "KimiConnectionError",
    "KimiContentFilterError",
    "KimiContextOverflowError",
    "KimiDeadlineError",
    "KimiEmptyReplyError",
    "KimiError",
    "KimiFileError",
    "KimiFormulaError",
    "KimiIncompleteReplyError",
    "KimiInputError",
    "KimiKeyError",
    "KimiLimitError",
    "KimiNotFoundError",
    "KimiOverloadedError",
    "KimiPermissionError",
    "KimiQuotaError",
    "KimiRateLimitError",
    "KimiRefusalError",
    "KimiReplyError",
    "KimiReplyTooLongError",
    "KimiServerError",
    "KimiStatusError",
    "KimiStructuredOutputError",
    "KimiTimeoutError",
    "KimiTokenizer",
    "KimiToolChoiceError",
    "KimiWarning",
    "ModelSpec",
    "Price",
    "Reply",
    "ToolCall",
    "Usage",
    "build_request",
    "dynamic_tools_message",
    "get_model_spec",
    "normalize_schema",
    "partial_message",
]

if not _langchain_kimi_is_ours():  # PyPI's `langchain-kimi`, a stranger's, overwrites a file of ours
    from kimi_api.doctor import _packages

    _packages.warn_of_damage()

# Loaded when named: each takes milliseconds, and a program that only imports a model's class needs none of them.
_LAZY = {
    "AccountLimits": "limits",
    "KimiTokenizer": "tokens.tokenizer",
    "Reply": "reply",
    "ToolCall": "reply",
    "Usage": "reply",
    "build_request": "request",
    "normalize_schema": "mfjs",
}

if not TYPE_CHECKING:  # a type checker that sees it accepts every name

    def __getattr__(name: str) -> object:
        if name in ("reply", "request", "tools", "usage"):  # modules that came with the package once
            return import_module(f"kimi_api.{name}")
        if name in __all__:
            return getattr(import_module(f"kimi_api.{_LAZY.get(name, 'errors')}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
