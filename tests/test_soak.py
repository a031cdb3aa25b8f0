"""Nothing is left behind, small. `make soak` is the whole: 10,000 calls, 1,000 open streams."""

from __future__ import annotations

import pytest

from benchmarks import soak


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("case", soak.CASES)
@pytest.mark.parametrize("adapter", soak.ADAPTERS)
def test_sockets_tasks_and_memory_stay_flat(case: str, adapter: str, capfd: pytest.CaptureFixture[str]) -> None:
    few = ["--calls", "200", "--streams", "60", "--threads", "10", "--forks", "4", "--loops", "12"]
    assert soak.main([*few, "--case", case, "--adapter", adapter]) == 0, capfd.readouterr().out
    captured = capfd.readouterr()
    assert "nothing grew" in captured.out
    assert captured.err == ""


def test_what_grew_is_named() -> None:
    warm = soak.Gauge(sockets=10, files=20, threads=2, tasks=1, objects=100_000, mb=100.0)
    assert soak.growth("loops", warm, warm) == []
    more = soak.Gauge(sockets=11, files=21, threads=3, tasks=2, objects=103_000, mb=110.0)
    assert soak.growth("loops", warm, more) == ["sockets", "files", "threads", "tasks", "objects", "mb"]
