"""Warnings that are worth saying, each said once."""

from __future__ import annotations

import functools
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any, TypeVar, cast

_F = TypeVar("_F", bound=Callable[..., Any])

# The frameworks stand between us and the line that a warning should point at.
_PACKAGES = frozenset(
    {
        "kimi_api",
        "langchain_kimi",
        "llama_index_kimi",
        "langchain",
        "langchain_core",
        "langgraph",
        "llama_index",
        "llama_index_instrumentation",
        "workflows",
    }
)
_said: set[tuple[str, ...]] = set()
_MOST_KEYS = 4_096
_lock = threading.Lock()


class KimiWarning(UserWarning):
    """Something was asked of Kimi that it cannot do; the request went out without it."""


def warn_once(key: tuple[str, ...], text: str) -> None:
    """Warn `text` the first time this process meets `key`, pointing at the first caller outside our packages."""
    with _lock:
        if key in _said:
            return
        if len(_said) >= _MOST_KEYS:  # a program that meets more names than that may hear of one twice
            _said.clear()
        _said.add(key)
    warnings.warn(text, KimiWarning, stacklevel=_caller_depth())


def warn(text: str) -> None:
    """Warn `text` about one answer; nothing of it is remembered."""
    warnings.warn(text, KimiWarning, stacklevel=_caller_depth())


def former_name(old: str, function: _F) -> _F:
    """`function` under the name `old` that it had before: it warns once per place of use (`DeprecationWarning`)."""

    @functools.wraps(function)
    def renamed(*args: Any, **kwargs: Any) -> Any:
        warnings.warn(f"{old} is now called {function.__name__}", DeprecationWarning, stacklevel=2)
        return function(*args, **kwargs)

    return cast("_F", renamed)


def forget_warnings() -> None:
    """Let every warning be said once more (for tests and long-lived notebooks)."""
    with _lock:
        _said.clear()


def _caller_depth() -> int:
    """How far up the stack the user's own line is, counted as `warnings.warn` counts from `warn_once`."""
    depth = 1
    frame = sys._getframe(1)  # documented for exactly this use; the stack is read, not changed
    while frame.f_back is not None and str(frame.f_globals.get("__name__", "")).split(".", 1)[0] in _PACKAGES:
        frame = frame.f_back
        depth += 1
    return max(depth, 2)
