"""What the packages remember for a whole process is listed in `kimi_api._state`, bounded, and reset after a fork."""

from __future__ import annotations

import ast
import asyncio
import importlib
import inspect
import io
import itertools
import os
import pkgutil
import queue
import random
import subprocess
import sys
import threading
from collections import OrderedDict
from collections.abc import Iterator, MutableMapping, MutableSequence, MutableSet
from concurrent.futures import Executor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from kimi_api import _state, _warn
from kimi_api._arguments import verbatim
from kimi_api._state import CLEAR, KEEP, NEW_LOCK, STATES
from kimi_api.media import _fetch

PACKAGES = ("kimi_api", "langchain_kimi", "llama_index_kimi")
MUTABLE = (
    *(MutableMapping, MutableSequence, MutableSet, Executor, bytearray, io.IOBase, random.Random, itertools.count),
    *(type(threading.Lock()), type(threading.RLock()), threading.Condition, threading.Semaphore, threading.Event),
    *(
        threading.Thread,
        threading.local,
        queue.Queue,
        queue.SimpleQueue,
        asyncio.Queue,
        asyncio.Lock,
        asyncio.Semaphore,
    ),
)
# Built once when the module is loaded and configured by nobody afterwards: the command line, and LlamaIndex's own.
SET_UP_AT_IMPORT = {"app", "dispatcher", "__all__"}
CHANGES = {"append", "add", "update", "pop", "popitem", "clear", "setdefault", "extend", "insert", "remove", "discard"}


def _modules() -> Iterator[tuple[str, ast.Module]]:
    for package in PACKAGES:
        root = importlib.import_module(package)
        for info in pkgutil.walk_packages(root.__path__, f"{package}."):
            spec = importlib.util.find_spec(info.name)
            assert spec is not None
            assert spec.origin is not None
            yield info.name, ast.parse(Path(spec.origin).read_text("utf-8"))


def _assigned_names(tree: ast.Module) -> set[str]:
    """Names that a module assigns, in its body or by `global`."""
    names: set[str] = set()
    for node in tree.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        names |= {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
    return names | {name for node in ast.walk(tree) if isinstance(node, ast.Global) for name in node.names}


def _is_state(name: str, value: object, tree: ast.Module) -> bool:
    if name in SET_UP_AT_IMPORT or name.lstrip("_").isupper():
        return False  # constants have a test of their own
    rebound = any(name in node.names for node in ast.walk(tree) if isinstance(node, ast.Global))
    ours = type(value).__module__.startswith(PACKAGES) and "__setattr__" not in vars(type(value))  # not frozen
    return rebound or isinstance(value, MUTABLE) or (ours and not isinstance(value, tuple))


def _states(name: str, tree: ast.Module) -> set[tuple[str, str]]:
    try:
        module = importlib.import_module(name)
    except ImportError as error:  # an optional dependency that is not installed here
        pytest.skip(f"{name}: {error}")
    states = {(name, each) for each in _assigned_names(tree) if _is_state(each, getattr(module, each, None), tree)}
    caches = {(name, each) for each, value in vars(module).items() if _is_cache(value, module)}
    return states | caches | {each for each in SET_FROM_OUTSIDE if each[0] == name}


def _set_from_outside() -> Iterator[tuple[str, str]]:
    """What a module assigns in another one: `_observer.observer = ...`."""
    for name, tree in MODULES.items():
        targets = [target for node in ast.walk(tree) if isinstance(node, ast.Assign) for target in node.targets]
        for target in targets:
            if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
                owner = vars(importlib.import_module(name)).get(target.value.id)
                if isinstance(owner, ModuleType):
                    yield owner.__name__, target.attr


def _is_cache(value: Any, module: ModuleType) -> bool:
    return hasattr(value, "cache_clear") and getattr(value, "__module__", None) == module.__name__


LISTED = {(state.module, state.name) for state in STATES}
MODULES = dict(_modules())
SET_FROM_OUTSIDE = set(_set_from_outside())


@pytest.mark.parametrize("name", MODULES)
def test_every_object_of_a_module_that_changes_is_listed(name: str) -> None:
    states = _states(name, MODULES[name])
    assert states == {each for each in LISTED if each[0] == name}


@pytest.mark.parametrize(
    "source",
    [
        "_it = {}",
        "_it: list[int] = []",
        "import collections\n_it = collections.deque()",
        "import weakref\n_it = weakref.WeakKeyDictionary()",
        "import threading\n_it = threading.Lock()",
        "import threading\n_it = threading.BoundedSemaphore(2)",
        "import threading\n_it = threading.local()",
        "import itertools\n_it = itertools.count()",
        "import queue\n_it = queue.Queue()",
        "import random\n_it = random.Random(1)",
        "from concurrent.futures import ThreadPoolExecutor\n_it = ThreadPoolExecutor(1)",
        "from functools import cache\n@cache\ndef _it():\n    return 1",
        "_it = None\ndef change():\n    global _it\n    _it = 1",
        "def begin():\n    global _it\n    _it = 1",
        "class Counter:\n    n = 0\n_it = Counter()",
    ],
)
def test_a_new_object_that_changes_is_noticed(monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    module = ModuleType("kimi_api.new")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(source, vars(module))
    assert _states(module.__name__, ast.parse(source)) == {("kimi_api.new", "_it")}


@pytest.mark.parametrize("name", MODULES)
def test_constants_are_changed_by_nobody(name: str) -> None:
    constants = {each for each in _assigned_names(MODULES[name]) if each.lstrip("_").isupper()}
    changed = set()
    for node in ast.walk(MODULES[name]):
        if isinstance(node, ast.Global):
            changed |= constants & set(node.names)
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
            changed |= {node.value.id} & constants if isinstance(node.value, ast.Name) else set()
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGES:
            changed |= {node.func.value.id} & constants if isinstance(node.func.value, ast.Name) else set()
    assert changed == set()


@pytest.mark.parametrize("state", STATES, ids=lambda state: f"{state.module}.{state.name}")
def test_each_entry_says_what_it_holds_its_bound_and_what_a_fork_does(state: _state.State) -> None:
    module = importlib.import_module(state.module)
    value = getattr(module, state.name)
    assert state.holds
    assert state.bound
    if state.after_fork == CLEAR:
        assert callable(getattr(value, "cache_clear", None) or getattr(value, "clear", None))
    elif state.after_fork == NEW_LOCK:
        assert isinstance(value, type(threading.Lock()))
    elif state.after_fork != KEEP:
        assert inspect.isfunction(getattr(module, state.after_fork))


def test_warnings_that_were_given_are_forgotten_when_they_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_warn, "_warned_keys", set())
    monkeypatch.setattr(_warn, "_MOST_KEYS", 3)
    for number in range(10):
        with pytest.warns(_warn.KimiWarning):
            _warn.warn_once(("key", str(number)), "text")
        assert len(_warn._warned_keys) <= 3


def test_names_of_official_tools_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verbatim, "_watched", set())
    verbatim.watch(f"tool_{number}" for number in range(5_000))
    assert len(verbatim._watched) == 1_024


def test_fetched_pages_are_bounded_by_number_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_fetch, "_pages", OrderedDict())
    monkeypatch.setattr(_fetch, "_FETCHED_PAGES", 5)
    monkeypatch.setattr(_fetch, "fetch", lambda url: (b"", "text/plain"))
    from kimi_api._transport.steps import drive

    for number in range(20):
        drive(object(), _fetch.fetch_remembered(f"https://example.com/{number}"))  # type: ignore[arg-type]
    assert list(_fetch._pages) == [f"https://example.com/{number}" for number in range(15, 20)]


_FORK = """
import os, sys, threading
from kimi_api import _state, _warn
from kimi_api.files import _upload_lock
from kimi_api.tokens import _count, count_text

count_text("counted by the parent")
_upload_lock._under_way.add(("scope", "image", "sha"))
held = [_warn._lock, _count._lock, _upload_lock._under_way_lock]
for lock in held:
    lock.acquire()  # as a thread of the parent might at the moment of the fork
child = os.fork()
if child == 0:
    _warn.warn_once(("a",), "said by the child")
    count_text("counted by the child")
    os._exit(0 if len(_count._counts) == 1 and not _upload_lock._under_way else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert _upload_lock._under_way and _count._counts and all(lock.locked() for lock in held)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_process_waits_for_no_lock_of_its_parent_and_starts_empty() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _FORK], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
