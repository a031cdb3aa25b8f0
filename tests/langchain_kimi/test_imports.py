"""What the package exports, and what importing it costs."""

from __future__ import annotations

import inspect
import subprocess
import sys
import time
from typing import get_type_hints

import pytest

import langchain_kimi
from langchain_kimi import ChatKimi, KimiLLM

SCRIPT = """
import sys
import langchain_core.language_models.chat_models, langchain_core.document_loaders
before = set(sys.modules)
import langchain_kimi
rare = {"langchain_core.tools.base", "langchain_core.output_parsers.json", "langchain_kimi._objects"}
print(sorted((set(sys.modules) - before) & rare))
from langchain_kimi import *
langchain_kimi.ChatKimi(api_key="sk-test").bind_tools([]).invoke
new = {name.split(".")[0] for name in set(sys.modules) - before}
heavy = {"openai", "httpx", "httpx2", "kimi_emulator", "llama_index_kimi", "llama_index", "langchain_openai"}
heavy |= {"langchain", "langgraph"}
print(sorted(new & heavy))
"""


def test_import_is_light() -> None:
    """It loads neither what few programs need, nor, with all names taken, another's library."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "[]"]


def test_everything_exported_is_there() -> None:
    assert sorted(langchain_kimi.__all__) == langchain_kimi.__all__
    assert all(hasattr(langchain_kimi, name) for name in langchain_kimi.__all__)


def test_names_come_with_the_package_alone() -> None:
    assert ChatKimi.get_lc_namespace() == ["langchain_kimi", "chat_models"]
    assert ChatKimi.lc_id() == ["langchain_kimi", "chat_models", "ChatKimi"]


@pytest.mark.slow
def test_construction_is_cheap() -> None:
    started = time.process_time()
    for _ in range(100):
        ChatKimi(api_key="sk-test")
    assert (time.process_time() - started) / 100 < 0.001  # ten times the target, for slow machines


@pytest.mark.parametrize("cls", [ChatKimi, KimiLLM])
def test_hints_of_methods_can_be_read_while_a_program_runs(cls: type) -> None:
    """`with_fallbacks` reads them, to see which methods give a Runnable."""
    own = [
        function
        for name in dir(cls)
        if not name.startswith("_") and inspect.isfunction(function := inspect.getattr_static(cls, name))
        if function.__module__.startswith("langchain_kimi")
    ]
    assert own
    for function in own:
        get_type_hints(function)
