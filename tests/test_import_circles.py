"""`scripts.import_circles`: which imports make a circle, and what it says of one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("grimp")  # comes with import-linter, which only developers have

from scripts.import_circles import PACKAGES, main


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Writes a package of these modules where it can be imported from; gives its name."""

    def write(name: str, **modules: str) -> str:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "__init__.py").touch()
        for module, source in modules.items():
            (folder / f"{module}.py").write_text(source)
        return name

    monkeypatch.syspath_prepend(tmp_path)
    yield write
    for name in [name for name in sys.modules if name.startswith("circles_")]:
        del sys.modules[name]


@pytest.mark.parametrize(
    "back",
    [
        "import {0}.a",
        "from {0} import a",
        "from {0}.a import name",
        "def late():\n    from {0} import a",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from {0}.a import name",
        "from . import a",
    ],
)
def test_a_circle_is_told_with_its_lines(package, capsys: pytest.CaptureFixture[str], back: str):
    name = package("circles_two", a="from circles_two import b", b=back.format("circles_two"), c="import circles_two.a")
    assert main([name]) == 1
    output = capsys.readouterr().out
    assert "a circle of 2 modules:\n" in output
    assert "  circles_two.a:1: from circles_two import b\n" in output
    assert f"  circles_two.b:{back.count(chr(10)) + 1}: {back.splitlines()[-1].strip().format(name)}\n" in output
    assert "circles_two.c" not in output
    assert output.endswith("4 modules, 1 import circles\n")


def test_circles_are_told_apart_and_long_ones_whole(package, capsys: pytest.CaptureFixture[str]):
    package(
        "circles_many",
        a="from circles_many import b, p",
        b="from circles_many import c",
        c="from circles_many import a",
        p="from circles_many import q",
        q="from circles_many import p",
    )
    assert main(["circles_many"]) == 1
    output = capsys.readouterr().out
    assert output.count("a circle of 3 modules:") == output.count("a circle of 2 modules:") == 1
    assert "circles_many.a:1: from circles_many import b, p\n" in output
    assert output.endswith("6 modules, 2 import circles\n")


def test_a_circle_across_packages(package, capsys: pytest.CaptureFixture[str]):
    package("circles_left", a="import circles_right.a")
    package("circles_right", a="import circles_left.a")
    assert main(["circles_left"]) == 0
    assert main(["circles_left", "circles_right"]) == 1


def test_no_circle_is_said_too(package, capsys: pytest.CaptureFixture[str]):
    package("circles_none", a="from circles_none import b, c", b="from circles_none import c", c="import json")
    assert main(["circles_none"]) == 0
    assert capsys.readouterr().out == "4 modules, 0 import circles\n"


@pytest.mark.parametrize("name", PACKAGES)
def test_our_packages_have_none(name: str, capsys: pytest.CaptureFixture[str]):
    assert main([name]) == 0, capsys.readouterr().out
