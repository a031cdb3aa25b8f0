"""What importing the package loads, and what it and a model cost."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

from llama_index_kimi import Kimi


def _in_a_fresh_process(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_the_import_loads_neither_openai_nor_langchain_nor_the_emulator() -> None:
    code = (
        "import sys, llama_index_kimi as k; k.Kimi(api_key='sk-x'); k.KimiFileReader(api_key='sk-x');"
        "print(*{m.partition('.')[0] for m in sys.modules})"
    )
    loaded = set(_in_a_fresh_process(code).split())
    assert loaded.isdisjoint({"openai", "langchain", "langchain_core", "langchain_kimi", "kimi_emulator"})


def test_construction_is_cheap(make: Callable[..., Kimi]) -> None:
    import time

    make()
    start = time.thread_time()
    for _ in range(50):
        make()
    assert (time.thread_time() - start) / 50 < 0.002
