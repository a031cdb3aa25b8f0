"""What importing the package loads, and what it and a model cost."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

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


def test_the_import_adds_little_to_core(tmp_path: Path) -> None:
    """Compiled, as an installed package is; and what few programs need comes when it is used."""
    code = (
        "import sys, time, llama_index.core.llms, llama_index.core.readers.base, llama_index.core.tools\n"
        f"sys.pycache_prefix, sys.dont_write_bytecode = {str(tmp_path)!r}, False\n"
        "t = time.process_time(); import llama_index_kimi; print((time.process_time() - t) * 1000)\n"
        "print(*sys.modules)"
    )
    _, *runs = [_in_a_fresh_process(code).splitlines() for _ in range(3)]  # the first one compiles
    assert min(float(took) for took, _ in runs) < 60  # 30 ms on a machine of one's own
    loaded = set(runs[0][1].split())
    assert loaded.isdisjoint({"kimi_api.costs", "kimi_api._content.documents", "kimi_api.mfjs", "kimi_api.media"})


def test_construction_is_cheap(make: Callable[..., Kimi]) -> None:
    import time

    make()
    start = time.thread_time()
    for _ in range(50):
        make()
    assert (time.thread_time() - start) / 50 < 0.002
