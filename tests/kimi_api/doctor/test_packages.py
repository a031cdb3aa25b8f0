"""What is installed beside us: the checks themselves. `tests/packaging/test_stranger.py` plays them for real."""

from __future__ import annotations

import importlib.metadata
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import SimpleNamespace

import pytest

from kimi_api import KimiWarning
from kimi_api._warn import forget_warnings, langchain_kimi_is_ours
from kimi_api.doctor import _packages


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch):
    """Lets a `langchain-kimi` be installed that asks for these requirements."""

    def as_if(*requires: str) -> None:
        package = SimpleNamespace(version="0.1.1", requires=list(requires) or None)
        monkeypatch.setattr(_packages, "distribution", lambda name: package)

    return as_if


@pytest.fixture
def langchain_kimi_at(monkeypatch: pytest.MonkeyPatch):
    """Lets `import langchain_kimi` lead to this file."""

    def at(origin: str | None) -> None:
        spec = ModuleSpec("langchain_kimi", None, origin=origin)
        monkeypatch.setitem(sys.modules, "langchain_kimi", SimpleNamespace(__spec__=spec))

    return at


def test_nothing_of_a_strangers() -> None:
    assert _packages.check_stranger().status == "ok"


def test_a_package_of_that_name_that_brings_ours_is_no_strangers(install) -> None:
    install("kimi-integrations[langchain]>=0.1.0")
    assert _packages.check_stranger().status == "ok"


def test_a_strangers_package_beside_our_file(install) -> None:
    install()
    assert _packages.check_stranger().status == "warning"


@pytest.mark.parametrize("text", ["", "# another\n", '"""Kimi for all."""\n'])
def test_a_file_that_is_not_ours(install, langchain_kimi_at, tmp_path: Path, text: str) -> None:
    (tmp_path / "__init__.py").write_text(text)
    langchain_kimi_at(str(tmp_path / "__init__.py"))
    finding = _packages.check_stranger()
    assert (finding.status, "pip uninstall" in finding.remedy) == ("error", False)
    install("something-else")
    finding = _packages.check_stranger()
    assert (finding.status, "pip uninstall langchain-kimi" in finding.remedy) == ("error", True)


def test_a_file_that_is_gone(langchain_kimi_at) -> None:
    langchain_kimi_at(None)  # what is left is a namespace
    assert _packages.check_stranger().status == "error"


def test_a_compiled_file_cannot_be_told(langchain_kimi_at) -> None:
    langchain_kimi_at("/somewhere/langchain_kimi/__init__.pyc")
    assert _packages.check_stranger().status == "ok"


def test_the_first_connection_of_a_process_looks_once(
    install, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    install()
    forget_warnings()
    _packages.warn_of_stranger.cache_clear()
    with pytest.warns(KimiWarning, match=r"langchain-kimi 0\.1\.1 is not ours"):
        _packages.warn_of_stranger()
    monkeypatch.setattr(_packages, "distribution", None)  # not asked again
    _packages.warn_of_stranger()
    _packages.warn_of_stranger.cache_clear()


def test_what_stands_beside_the_core(tmp_path: Path) -> None:
    assert langchain_kimi_is_ours()
    assert langchain_kimi_is_ours(str(tmp_path / "not there" / "__init__.py"))
    assert not langchain_kimi_is_ours(str(tmp_path / "__init__.py"))  # the folder is there, the file is not
    (tmp_path / "__init__.py").touch()
    assert not langchain_kimi_is_ours(str(tmp_path / "__init__.py"))


def test_no_package_of_that_name_is_installed_where_these_tests_run() -> None:
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        importlib.metadata.distribution("langchain-kimi")
