"""Tries alterations: the tests are collected once, then a forked process for each alteration runs the tests named.

The altered function gets its new code in place (`function.__code__`), so nothing stands between it and its callers,
whatever decorates it. A fork costs milliseconds where a new interpreter with both frameworks and all tests costs ten
seconds.
"""

from __future__ import annotations

import ast
import functools
import gc
import importlib
import json
import os
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest

from . import PYTEST, ROOT, SCRATCH, altered_files

NOTICED, SURVIVED, TIMED_OUT, NOT_APPLIED = "noticed", "survived", "timed out", "not applied"
MEMORY = 4 << 30
LOG = SCRATCH / "trial.log"


@dataclass(frozen=True)
class Trial:
    """An alteration (none, where `path` is empty: a check of the tests), the tests to run, and a limit in seconds."""

    name: str
    tests: Sequence[str]
    limit: float
    path: str = ""
    function: str = ""
    source: str = ""


@dataclass(frozen=True)
class Outcome:
    """How a trial ended, the test that noticed, and after how long."""

    name: str
    result: str
    test: str
    seconds: float


class Trials:
    """A process of pytest that has collected tests and tries what it is told, a batch at a time."""

    def __init__(self, files: Sequence[str], processes: int) -> None:
        tasks, answers = os.pipe(), os.pipe()
        environment = {**os.environ, "KIMI_MUTATION_TRIAL": f"{tasks[0]},{answers[1]},{processes}"}
        command = [sys.executable, "-m", "pytest", *PYTEST, "-p", "scripts.mutation.trial", *files]
        with LOG.open("wb") as sink:
            self._process = subprocess.Popen(  # noqa: S603 - our own tests
                command,
                cwd=ROOT,
                env=environment,
                stdout=sink,
                stderr=subprocess.STDOUT,
                pass_fds=(tasks[0], answers[1]),
            )
        os.close(tasks[0])
        os.close(answers[1])
        self._tasks = os.fdopen(tasks[1], "w", encoding="utf-8")
        self._answers = os.fdopen(answers[0], "r", encoding="utf-8")

    def run(self, trials: Sequence[Trial], tell: Callable[[Outcome], None]) -> dict[str, Outcome]:
        """Outcomes by the trials' names; `tell` hears of each at once."""
        for trial in trials:
            self._tasks.write(json.dumps(asdict(trial)) + "\n")
        self._tasks.write("\n")
        self._tasks.flush()
        outcomes: dict[str, Outcome] = {}
        while len(outcomes) < len(trials):
            line = self._answers.readline()
            if not line:
                raise SystemExit(f"pytest ended early, see {LOG.relative_to(ROOT)}")
            outcome = Outcome(**json.loads(line))
            outcomes[outcome.name] = outcome
            tell(outcome)
        return outcomes

    def close(self) -> None:
        """End the process."""
        self._tasks.close()
        self._process.wait()
        self._answers.close()


class _Loop:
    """The plugin: instead of running all tests, wait for trials."""

    def __init__(self, tasks: int, answers: int, processes: int) -> None:
        self._tasks = tasks
        self._answers = answers
        self._processes = processes
        self._items: dict[str, pytest.Item] = {}
        self._caches: list[Any] = []
        self._failed = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._failed = report.nodeid

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self._items = {item.nodeid: item for item in session.items}
        for module in altered_files():
            importlib.import_module(module)
        functions, self._caches = _functions(), _filled_caches()  # before `gc.freeze`, which hides them
        if threading.active_count() > 1:
            raise RuntimeError("collecting tests has begun threads; a fork would inherit their locks")
        gc.collect()
        gc.freeze()
        places = Path(tempfile.mkdtemp(prefix="mt-"))
        with os.fdopen(self._tasks, encoding="utf-8") as tasks, os.fdopen(self._answers, "w") as answers:
            while batch := _read_batch(tasks):
                for outcome in self._try(batch, functions, places):
                    answers.write(json.dumps(asdict(outcome)) + "\n")
                    answers.flush()
        shutil.rmtree(places, ignore_errors=True)
        return True

    def _try(
        self, batch: Sequence[Trial], functions: dict[tuple[str, str, int], list[FunctionType]], places: Path
    ) -> Iterator[Outcome]:
        """Several children at once; each tells through a pipe which test noticed."""
        waiting = deque(batch)
        running: dict[int, tuple[int, Trial, float]] = {}  # by the pipe's end: process, trial, began
        while waiting or running:
            while waiting and len(running) < self._processes:
                trial = waiting.popleft()
                ours, theirs = os.pipe()
                pid = os.fork()
                if pid == 0:
                    os.close(ours)
                    self._be_child(trial, functions, theirs, places / str(os.getpid()))
                os.close(theirs)
                running[ours] = (pid, trial, time.monotonic())
            now = time.monotonic()
            ends = min(began + trial.limit for _, trial, began in running.values())
            ready = set(select.select(list(running), [], [], max(0.0, ends - now))[0])
            for pipe, (pid, trial, began) in list(running.items()):
                seconds = time.monotonic() - began
                if pipe not in ready and seconds < trial.limit:
                    continue
                del running[pipe]
                text = os.read(pipe, 10_000).decode() if pipe in ready else ""
                os.close(pipe)
                _end_group(pid)
                shutil.rmtree(places / str(pid), ignore_errors=True)
                result, _, test = (text or f"{TIMED_OUT if pipe not in ready else NOTICED}\n").partition("\n")
                yield Outcome(trial.name, result, test, round(seconds, 2))

    def _be_child(
        self, trial: Trial, functions: dict[tuple[str, str, int], list[FunctionType]], pipe: int, place: Path
    ) -> None:
        """Never returns: what comes after a fork belongs to the parent alone."""
        try:
            os.setpgid(0, 0)
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))  # an altered loop may collect for ever
            place.mkdir()
            os.environ |= {"PYTEST_DEBUG_TEMPROOT": str(place), "TMPDIR": str(place)}
            tempfile.tempdir = str(place)
            answer = self._run_tests(trial, functions)
        except BaseException as error:  # whatever it is, it ends here
            answer = f"{NOTICED}\nended by {type(error).__name__}"
        os.write(pipe, answer.encode())
        os._exit(0)

    def _run_tests(self, trial: Trial, functions: dict[tuple[str, str, int], list[FunctionType]]) -> str:
        if trial.path:
            try:
                _apply(trial, functions)
            except (LookupError, SyntaxError, ValueError) as error:
                return f"{NOT_APPLIED}\n{type(error).__name__}: {error}"
            for cache in self._caches:
                cache.cache_clear()
        items = [self._items[test] for test in trial.tests]
        for item, following in zip(items, [*items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if self._failed:
                return f"{NOTICED}\n{self._failed}"
        return f"{SURVIVED}\n"


def _read_batch(tasks: Any) -> list[Trial]:
    lines: list[Trial] = []
    while line := tasks.readline().strip():
        lines.append(Trial(**json.loads(line)))
    return lines


def _end_group(pid: int) -> None:
    """End a child with what it started, servers and workers too."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)  # before its setpgid
    os.waitpid(pid, 0)


def _functions() -> dict[tuple[str, str, int], list[FunctionType]]:
    """The living functions of what is altered, by file, name and first line."""
    files = {str(path) for path in altered_files().values()}
    living: dict[tuple[str, str, int], list[FunctionType]] = defaultdict(list)
    for candidate in gc.get_objects():
        if type(candidate) is FunctionType and candidate.__code__.co_filename in files:
            code = candidate.__code__
            living[code.co_filename, code.co_qualname, code.co_firstlineno].append(candidate)
    return living


def _filled_caches() -> list[Any]:
    """What `functools.cache` and its like keep for our functions: results that an alteration would change."""
    kind = type(functools.lru_cache(_filled_caches))
    return [one for one in gc.get_objects() if type(one) is kind and str(one.__module__).startswith("kimi_api")]


def _apply(trial: Trial, functions: dict[tuple[str, str, int], list[FunctionType]]) -> None:
    """Give the living functions the altered code and the altered defaults."""
    original = Path(trial.path).read_text(encoding="utf-8")
    pairs = list(zip(_codes(original, trial), _codes(trial.source, trial), strict=True))
    altered = 0
    for old, new in pairs:
        if (old.co_qualname, old.co_firstlineno) != (new.co_qualname, new.co_firstlineno):
            continue  # inside a function, where a line or a lambda went
        for function in functions.get((trial.path, old.co_qualname, old.co_firstlineno), ()):
            function.__code__ = new
            altered += 1
    for old_node, new_node in zip(_definitions(original, trial), _definitions(trial.source, trial), strict=True):
        line = min([old_node.lineno, *(one.lineno for one in old_node.decorator_list)])
        for function in functions.get((trial.path, trial.function, line), ()):
            _set_defaults(function, old_node.args, new_node.args)
    if not altered:
        raise LookupError(f"no living function {trial.function}")


def _codes(source: str, trial: Trial) -> list[CodeType]:
    """The functions with the trial's name; a property's getter and setter share one."""
    return [code for code in _walk(compile(source, trial.path, "exec")) if code.co_qualname == trial.function]


def _walk(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _walk(constant)


def _definitions(source: str, trial: Trial) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    *classes, name = trial.function.split(".")
    bodies: list[ast.stmt] = ast.parse(source).body
    for cls in classes:
        bodies = [one for node in bodies if isinstance(node, ast.ClassDef) and node.name == cls for one in node.body]
    return [node for node in bodies if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name]


def _set_defaults(function: FunctionType, old: ast.arguments, new: ast.arguments) -> None:
    def value(node: ast.expr) -> Any:
        return eval(compile(ast.Expression(node), "<default>", "eval"), function.__globals__)  # noqa: S307

    defaults = list(function.__defaults__ or ())
    for place, (before, after) in enumerate(zip(old.defaults, new.defaults, strict=True)):
        if ast.dump(before) != ast.dump(after):
            defaults[place] = value(after)
    function.__defaults__ = tuple(defaults) or None
    named = function.__kwdefaults__ or {}
    for argument, before, after in zip(old.kwonlyargs, old.kw_defaults, new.kw_defaults, strict=True):
        if before is not None and after is not None and ast.dump(before) != ast.dump(after):
            named[argument.arg] = value(after)


def pytest_configure(config: pytest.Config) -> None:
    """Where `Trials` asks for it, wait for trials."""
    if arguments := os.environ.pop("KIMI_MUTATION_TRIAL", ""):
        config.pluginmanager.register(_Loop(*map(int, arguments.split(","))))
