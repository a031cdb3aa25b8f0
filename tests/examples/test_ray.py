"""The examples on Ray Data, small. `make ray` runs them whole, in the environment that it makes for them."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def python() -> str:
    """A Python that has Ray."""
    if importlib.util.find_spec("ray") is not None:
        return sys.executable
    own = ROOT / ".ray" / "bin" / "python"
    if not (ROOT / ".ray" / ".ready").exists():
        pytest.skip("needs Ray: `make ray` makes an environment with it")
    return str(own)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("example", "says"),
    [("ray_chat", ["60 rows", "refused 0"]), ("ray_extract", ["60 files", "left on the platform 0"])],
)
def test_a_worker_that_is_killed_loses_no_row(python: str, example: str, says: list[str]) -> None:
    if example == "ray_chat" and shutil.which("redis-server") is None:
        pytest.skip("needs redis-server (Debian: apt-get install redis-server)")
    command = [python, "-m", f"examples.{example}", "--rows", "60", "--batch", "10", "--workers", "2", "--kill-one"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=280, check=False)
    assert run.returncode == 0, run.stdout + run.stderr[-2000:]
    assert "1 of them killed" in run.stdout
    for text in says:
        assert text in run.stdout
