"""Which test runs which line: noted once with coverage.py, and kept until a file changes.

A line's tests are the bits of an integer, by the order of `Reach.tests`. Whoever changed only some tests waits only
for the files that hold them.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from . import PYTEST, ROOT, SCRATCH, TESTS, altered_files

NOTES = SCRATCH / "reach.json"


@dataclass
class Reach:
    """Seconds that each passing test takes, the lines that it runs (by file), and the tests that fail by themselves."""

    seconds: dict[str, float] = field(default_factory=dict)
    failing: list[str] = field(default_factory=list)
    lines: dict[str, dict[int, list[int]]] = field(default_factory=dict)

    def tests_of(self, path: Path, lines: Sequence[int]) -> list[str]:
        """The tests that run the first of these lines, else any of the others."""
        names = list(self.seconds)
        by_line = self.lines.get(str(path.relative_to(ROOT)), {})
        numbers = by_line.get(lines[0]) or sorted({n for line in lines[1:] for n in by_line.get(line, ())})
        return [names[number] for number in numbers]


def measure(processes: int) -> Reach:
    """The notes of an earlier run, and new ones of the test files that changed since; all, where altered code did."""
    code = _digest(altered_files().values())
    stored = json.loads(NOTES.read_text(encoding="utf-8")) if NOTES.exists() else {}
    files = {str(path.relative_to(ROOT)): _digest([path]) for place in TESTS for path in _python(ROOT / place)}
    notes: dict[str, Any] = stored["files"] if stored.get("code") == code else {}
    notes = {name: note for name, note in notes.items() if note["digest"] == files.get(name)}
    stale = [name for name in files if name not in notes and Path(name).name.startswith("test_")]
    if stale:
        print(f"noting which tests of {len(stale)} files run which lines ...", flush=True)
        for answer in _run(stale, processes):
            for name, tests in answer.items():
                notes[name] = {"digest": files[name], "tests": tests}
        NOTES.write_text(json.dumps({"code": code, "files": notes}), encoding="utf-8")
    return _join(notes)


def _join(files: dict[str, Any]) -> Reach:
    reach = Reach()
    for name in sorted(files):
        for test, note in files[name]["tests"].items():
            if note["failed"]:
                reach.failing.append(test)
                continue
            number = len(reach.seconds)
            reach.seconds[test] = note["seconds"]
            for path, lines in note["lines"].items():
                by_line = reach.lines.setdefault(path, {})
                for line in lines:
                    by_line.setdefault(line, []).append(number)
    return reach


def _run(files: Sequence[str], processes: int) -> Iterator[dict[str, Any]]:
    sizes = {name: (ROOT / name).stat().st_size for name in files}
    shares: list[list[str]] = [[] for _ in range(min(processes, len(files)))]
    for name in sorted(files, key=lambda name: -sizes[name]):
        min(shares, key=lambda share: sum(sizes[one] for one in share)).append(name)
    running: list[tuple[subprocess.Popen[bytes], Path, Path]] = []
    for number, share in enumerate(shares):
        answer, log = SCRATCH / f"reach-{number}.json", SCRATCH / f"reach-{number}.log"
        answer.unlink(missing_ok=True)
        command = [sys.executable, "-m", "pytest", *PYTEST, "-p", "scripts.mutation.reach", *share]
        environment = {**os.environ, "KIMI_MUTATION_REACH": str(answer), "COVERAGE_CORE": "ctrace"}
        with log.open("wb") as sink:
            process = subprocess.Popen(  # noqa: S603 - our own tests
                command, cwd=ROOT, env=environment, stdout=sink, stderr=subprocess.STDOUT
            )
        running.append((process, answer, log))
    for process, answer, log in running:
        process.wait()
        if not answer.exists():
            raise SystemExit(f"the tests did not run to their end, see {log.relative_to(ROOT)}")
        yield json.loads(answer.read_text(encoding="utf-8"))


def _python(place: Path) -> list[Path]:
    return [place] if place.is_file() else sorted(place.rglob("*.py"))


def _digest(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(str(path.relative_to(ROOT)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


class _Noting:
    """A plugin of pytest that gives each test a context of coverage.py."""

    def __init__(self, answer: Path) -> None:
        import coverage

        include = [str(path) for path in altered_files().values()]
        self._answer = answer
        self._coverage = coverage.Coverage(data_file=None, include=include, config_file=False)
        self._seconds: dict[str, float] = {}
        self._failed: set[str] = set()

    @pytest.hookimpl
    def pytest_runtestloop(self) -> None:
        self._coverage.start()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._coverage.switch_context(item.nodeid)
        began = time.monotonic()
        outcome = yield
        self._seconds[item.nodeid] = round(time.monotonic() - began, 4)
        return outcome

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._failed.add(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        self._coverage.stop()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # files of which no test runs an altered line
            data = self._coverage.get_data()
        lines: dict[str, dict[str, list[int]]] = defaultdict(dict)
        for path in data.measured_files():
            name = str(Path(path).relative_to(ROOT))
            for line, tests in data.contexts_by_lineno(path).items():
                for test in tests:
                    lines[test].setdefault(name, []).append(line)
        notes: dict[str, dict[str, Any]] = defaultdict(dict)
        for test, seconds in self._seconds.items():
            note = {"seconds": seconds, "failed": test in self._failed, "lines": lines.get(test, {})}
            notes[test.partition("::")[0]][test] = note
        self._answer.write_text(json.dumps(notes), encoding="utf-8")


def pytest_configure(config: pytest.Config) -> None:
    """Where `measure` asks for it, note."""
    if answer := os.environ.get("KIMI_MUTATION_REACH"):
        config.pluginmanager.register(_Noting(Path(answer)))
