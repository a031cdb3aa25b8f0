"""PyPI's `langchain-kimi`, a stranger's empty package that overwrites a file of ours, played with a wheel made here."""

from __future__ import annotations

import json
import subprocess
import zipfile
from pathlib import Path

import pytest
from packaging_kit import Environment

from kimi_emulator import Emulator

NAMED = "langchain-kimi 0.1.1"
IMPORT_CORE = "import kimi_api"
IMPORT_ADAPTER = "from langchain_kimi import ChatKimi"
ASK = "from kimi_api import KimiClient; from kimi_api.account import models; print(len(models(KimiClient())))"


@pytest.fixture
def stranger(tmp_path: Path) -> Path:
    """Its wheel, as the index has it: one empty file, and who made it."""
    path = tmp_path / "langchain_kimi-0.1.1-py3-none-any.whl"
    info = "langchain_kimi-0.1.1.dist-info"
    files = {
        "langchain_kimi/__init__.py": "",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: langchain-kimi\nVersion: 0.1.1\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: by hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(name, text)
    return path


@pytest.fixture
def environment(tmp_path: Path, kimi_env: Emulator) -> Environment:
    return Environment(tmp_path / "venv", "langchain", "cli")


def doctor(environment: Environment) -> dict[str, str]:
    done = environment.call("kimi-tools", "doctor", "--no-request", "--json", check=False)
    return next(check for check in json.loads(done.stdout)["checks"] if check["check"] == "langchain-kimi")


def warnings_of(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in done.stderr.splitlines() if "KimiWarning" in line]


@pytest.mark.slow
def test_installed_after_ours_it_is_named_where_our_code_runs_and_the_cure_heals(
    environment: Environment, wheel: Path, stranger: Path
) -> None:
    environment.install(f"{wheel}[langchain,cli]")
    assert doctor(environment)["status"] == "ok"
    assert environment.run(IMPORT_ADAPTER).stderr == ""

    environment.install(stranger)
    assert "cannot import name 'ChatKimi'" in environment.run(IMPORT_ADAPTER, check=False).stderr  # none of ours runs
    [warning] = warnings_of(environment.run(IMPORT_CORE))
    assert f"{NAMED}, which is not ours, has overwritten langchain_kimi/__init__.py" in warning
    assert "<string>:1: KimiWarning" in warning  # the line that imports
    [warning] = warnings_of(environment.run("from langchain_kimi.chat_models import ChatKimi"))
    assert NAMED in warning
    check = doctor(environment)
    assert (check["status"], NAMED in check["detail"]) == ("error", True)

    uninstall, reinstall = check["remedy"].split(", then ")
    assert uninstall == "pip uninstall langchain-kimi"
    environment.pip("uninstall", "-y", "langchain-kimi")  # which deletes the file
    [warning] = warnings_of(environment.run(IMPORT_CORE))
    assert "is not ours or gone" in warning
    assert doctor(environment)["remedy"] == reinstall
    assert reinstall == "pip install --force-reinstall --no-deps kimi-integrations"
    environment.pip("install", "--no-index", *reinstall.split()[2:-1], wheel)
    assert doctor(environment)["status"] == "ok"
    assert environment.run(f"{IMPORT_CORE}; {IMPORT_ADAPTER}").stderr == ""


@pytest.mark.slow
def test_installed_before_ours_it_is_a_danger_that_the_first_connection_names(
    environment: Environment, wheel: Path, stranger: Path
) -> None:
    environment.install(stranger)
    environment.install(f"{wheel}[langchain,cli]")
    assert environment.run(f"{IMPORT_CORE}; {IMPORT_ADAPTER}").stderr == ""
    [warning] = warnings_of(environment.run(ASK))
    assert f"{NAMED} is not ours; an update or its removal destroys langchain_kimi" in warning
    check = doctor(environment)
    assert (check["status"], NAMED in check["detail"]) == ("warning", True)
