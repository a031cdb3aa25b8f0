"""The Makefile: each target stands once, and every target that a page names is there."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TARGETS = re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text("utf-8"), re.M)
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")), ROOT / "cassettes" / "README.md"]


def test_a_target_stands_once() -> None:
    assert sorted(TARGETS) == sorted(set(TARGETS))


def test_help_explains_every_target_in_a_sentence() -> None:
    lines = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    explained = dict(re.findall(r"^([a-z-]+) +([A-Z1-9].+)$", lines, re.M))
    assert sorted(explained) == sorted({*TARGETS})


@pytest.mark.parametrize(
    ("tools", "target", "sentence"),
    [
        ({"python3": "3.9.2"}, ".venv/.ready", "make: needs Python 3.11 or newer, and this is 3.9.2. What to do: "),
        ({}, ".mermaid/package/dist/mermaid.min.js", "diagrams: needs npm. What to do: apt-get install npm"),
    ],
)
def test_what_is_missing_on_the_machine_is_said_in_one_sentence(
    tools: dict[str, str], target: str, sentence: str, tmp_path: Path
) -> None:
    for name in ("sh", "mkdir", "test", "tar", "make"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    shutil.copy(ROOT / "Makefile", tmp_path)
    for file in ("pyproject.toml", "constraints.txt"):
        (tmp_path / file).touch()
    for name, version in tools.items():  # the interpreter that runs the tests, under an older version
        lines = f"import sys\nsys.version_info, sys.version = (3, 9, 2), '{version} (main)'\nexec(sys.argv[2])"
        (tmp_path / "old.py").write_text(lines)
        (tmp_path / name).write_text(f'#!/bin/sh\nexec {sys.executable} {tmp_path}/old.py "$@"\n')
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(
        ["make", target], cwd=tmp_path, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[0].startswith(sentence)


def test_every_target_is_run_whether_or_not_a_file_has_its_name() -> None:
    phony = " ".join(re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text("utf-8"), re.M)).split()
    assert sorted(phony) == sorted(TARGETS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_targets_that_a_page_names_are_there(page: Path) -> None:
    names = re.findall(r"(?:`|^)make ([a-z][a-z-]*)", page.read_text("utf-8"), re.M)
    assert [name for name in names if name not in TARGETS] == []
