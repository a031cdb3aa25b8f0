"""A package whose extra is not installed says what to install, in one sentence."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys
for name in sys.argv[2].split(","):
    sys.modules[name] = None  # as if it were not installed
try:
    exec(sys.argv[1])
except ModuleNotFoundError as error:
    print(error)
else:
    print("imported")
"""


@pytest.mark.parametrize(
    ("program", "missing", "extra"),
    [
        ("import langchain_kimi", "langchain_core", "langchain"),
        ("from langchain_kimi import ChatKimi", "langchain_core", "langchain"),
        ("from langchain_kimi.document_loaders import KimiFileLoader", "langchain_core", "langchain"),
        ("import llama_index_kimi", "llama_index", "llama-index"),
        ("from llama_index_kimi import KimiFileReader", "llama_index.core", "llama-index"),
        ("from kimi_emulator import Emulator", "uvicorn", "emulator"),
        ("from kimi_emulator import Emulator", "starlette", "emulator"),
        ("from kimi_emulator import Reply, Emulator", "pypdf,uvicorn", "emulator"),
    ],
)
def test_the_error_names_the_extra(program: str, missing: str, extra: str) -> None:
    command = [sys.executable, "-c", PROGRAM, program, missing]
    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert f"pip install 'kimi-integrations[{extra}]'" in output
    assert output.count("\n") == 1


def test_the_emulator_package_itself_needs_nothing() -> None:
    command = [sys.executable, "-c", PROGRAM, "import kimi_emulator", "uvicorn,starlette,pypdf,docx,openpyxl,pptx,bs4"]
    assert subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout == "imported\n"


def test_another_missing_module_is_named_as_it_is() -> None:
    command = [sys.executable, "-c", PROGRAM, "import langchain_kimi", "langchain_core.messages"]
    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert "langchain_core.messages" in output
    assert "kimi-integrations" not in output


def test_the_emulator_as_a_program_says_it_too() -> None:
    code = "import sys, runpy; sys.modules['uvicorn'] = None; runpy.run_module('kimi_emulator', run_name='__main__')"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 1
    assert "pip install 'kimi-integrations[emulator]'" in result.stderr.splitlines()[-1]
