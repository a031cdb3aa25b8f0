"""Environments of their own, in which built files are installed. Nothing is asked of an index."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from importlib.metadata import distribution, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
OURS = "kimi-integrations"


class Environment:
    """A fresh virtual environment with what our wheel asks for, linked from where these tests run, and no more."""

    def __init__(self, home: Path, *extras: str) -> None:
        venv.create(home, with_pip=False, symlinks=True)
        self.home = home
        self.bin = home / "bin"
        self.packages = home / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
        for name in distributions_needed(*extras):
            self._link(name)

    def _link(self, name: str) -> None:
        for file in distribution(name).files or []:
            if file.parts[0] == "..":  # a program of its own
                continue
            link = self.packages / file
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(os.path.abspath(str(file.locate())))

    def pip(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pip", "--python", str(self.bin / "python"), "--disable-pip-version-check"]
        done = subprocess.run([*command, *map(str, arguments)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def install(self, *requirements: str | Path) -> None:
        """Install with what they need, all of which must be here."""
        self.pip("install", "--no-index", *requirements)

    def run(self, code: str, *, check: bool = True, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run a program there, away from the checkout."""
        return self.call("python", "-c", code, check=check, **environ)

    def call(
        self, program: str, *arguments: str, check: bool = True, **environ: str
    ) -> subprocess.CompletedProcess[str]:
        """Run one of its programs."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        done = subprocess.run(
            [str(self.bin / program), *arguments],
            cwd=self.home,
            env={**inherited, **environ},
            capture_output=True,
            text=True,
            check=False,
        )
        if check:
            assert done.returncode == 0, done.stdout + done.stderr
        return done


def distributions_needed(*extras: str) -> list[str]:
    """The distributions that ours asks for with these extras, theirs and so on, without ours."""
    visited: set[tuple[str, str]] = set()
    waiting = [(OURS, extra) for extra in ("", *extras)]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in visited:
            continue
        visited.add((name, extra))
        for requirement in _requirements(name, extra):
            waiting += [(canonicalize_name(requirement.name), part) for part in ("", *requirement.extras)]
    return sorted({name for name, _ in visited} - {OURS})


def _requirements(name: str, extra: str) -> Iterator[Requirement]:
    for line in requires(name) or []:
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            yield requirement
