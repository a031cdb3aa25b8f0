"""Warnings that are worth saying, each said once."""

from __future__ import annotations

import functools
import os
import sys
import threading
import warnings
import weakref
from collections.abc import Callable
from contextvars import ContextVar, Token
from types import FrameType
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
        "tenacity",
        "pydantic",
        "contextlib",
        "importlib",
    }
)
_RUNNERS = frozenset({"asyncio", "concurrent", "threading", "uvloop"})
"""What runs tasks and threads: no caller stands behind it, only the one who runs the program."""

_SourceLine = tuple[str, int, str, dict[Any, Any]]
"""A place in a program: file, line, module, and the module's memory of warnings it has shown."""
_line_of_caller: ContextVar[_SourceLine | None] = ContextVar("kimi_line_of_caller", default=None)
_warned_keys: set[tuple[str, ...]] = set()
_keys_by_answer: dict[int, tuple[weakref.ref[object], set[str]]] = {}
"""By `id()` of a living object, the keys of warnings about it. Pydantic's models, which answers are, have no hash."""
_MOST_KEYS = 4_096
_lock = threading.Lock()
_FIRST_LINE = b'"""Kimi (Moonshot AI) for LangChain."""'


class KimiWarning(UserWarning):
    """Something was asked of Kimi that it cannot do; the request went out without it."""


def warn_once(key: tuple[str, ...], text: str) -> None:
    """Warn `text` the first time this process meets `key`, pointing at the first caller outside our packages."""
    with _lock:
        if key in _warned_keys:
            return
        if len(_warned_keys) >= _MOST_KEYS:  # after that many keys a program may see a warning twice
            _warned_keys.clear()
        _warned_keys.add(key)
    _warn_at_callers_line(text)


def warn_once_of(answer: object, key: str, text: str) -> None:
    """Warn `text` once for this `answer` and `key`, however often the same object is looked at."""
    place = id(answer)
    with _lock:
        answer_of_keys, keys = _keys_by_answer.get(place) or (None, set[str]())
        if answer_of_keys is None or answer_of_keys() is not answer:
            keys = set[str]()
            _keys_by_answer[place] = (weakref.ref(answer, lambda _: _keys_by_answer.pop(place, None)), keys)
        if key in keys:
            return
        keys.add(key)
    _warn_at_callers_line(text)


def warn(text: str) -> None:
    """Warn `text` about one answer; nothing of it is remembered."""
    _warn_at_callers_line(text)


def former_name(old: str, function: _F) -> _F:
    """`function` under the name `old` that it had before: it warns once per place of use (`DeprecationWarning`)."""

    @functools.wraps(function)
    def renamed(*args: object, **kwargs: object) -> object:
        warnings.warn(f"{old} is now called {function.__name__}", DeprecationWarning, stacklevel=2)
        return function(*args, **kwargs)

    return cast("_F", renamed)


def langchain_kimi_is_ours(file: str | None = None) -> bool:
    """Whether `langchain_kimi/__init__.py`, by default the one beside this package, is the one that we wrote.

    True where there is none because `langchain_kimi` is not there at all.
    """
    path = file or os.path.join(os.path.dirname(os.path.dirname(__file__)), "langchain_kimi", "__init__.py")
    try:
        with open(path, "rb") as source:
            return source.read(len(_FIRST_LINE)) == _FIRST_LINE
    except OSError:
        return not os.path.isdir(os.path.dirname(path))


def forget_warnings() -> None:
    """Let every warning be said once more (for tests and long-lived notebooks)."""
    with _lock:
        _warned_keys.clear()
        _keys_by_answer.clear()


def _warn_at_callers_line(text: str) -> None:
    caller = _outermost_of_call(sys._getframe(2), _PACKAGES)
    if _package(caller) in _RUNNERS or caller.f_back is None:  # a thread or task of a framework's: its stack ends here
        line = _line_of_caller.get() or _line_at(_outermost_of_call(caller, _PACKAGES | _RUNNERS))
    else:
        line = _line_at(caller)
    filename, number, module, registry = line
    warnings.warn_explicit(text, KimiWarning, filename, number, module, registry)


def remember_caller() -> Token[_SourceLine | None]:
    """Note the user's own line, before a framework goes on in a task of its own, whose stack does not show it.

    Give the token to `forget_caller` when the call is over.
    """
    line = _line_of_caller.get() or _line_at(_outermost_of_call(sys._getframe(1), _PACKAGES))
    return _line_of_caller.set(line)


forget_caller = _line_of_caller.reset


def _outermost_of_call(frame: FrameType, inside: frozenset[str]) -> FrameType:
    """The first frame outside the packages `inside`, or the last there is."""
    while frame.f_back is not None and _package(frame) in inside:
        frame = frame.f_back
    return frame


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def _line_at(frame: FrameType) -> _SourceLine:
    registry = frame.f_globals.setdefault("__warningregistry__", {})
    return frame.f_code.co_filename, frame.f_lineno, str(frame.f_globals.get("__name__", "")), registry
