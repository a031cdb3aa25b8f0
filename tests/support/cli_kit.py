"""`kimi-tools` in this process, against the emulator."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from kimi_api import cli, retry
from kimi_emulator import Emulator


class Ran(NamedTuple):
    """One run in this process: its exit code and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


class Screen(io.StringIO):
    """What a terminal shows."""

    def isatty(self) -> bool:
        return True


def in_terminal(monkeypatch: pytest.MonkeyPatch, width: int, *arguments: str) -> str:
    """What a run in a terminal of this width shows, stdout and stderr in their order."""
    screen = Screen()
    with monkeypatch.context() as patch:
        for name, value in {"COLUMNS": str(width), "LINES": "50", "TERM": "xterm"}.items():
            patch.setenv(name, value)
        patch.delenv("NO_COLOR", raising=False)
        patch.setattr("sys.stdout", screen)
        patch.setattr("sys.stderr", screen)
        assert cli.main(arguments) == 0, screen.getvalue()
    return screen.getvalue()


Tools = Callable[..., Ran]


def runner(kimi: Emulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tools:
    """Run a command line against the emulator."""
    monkeypatch.setenv("MOONSHOT_API_KEY", kimi.api_key)
    monkeypatch.setenv("MOONSHOT_BASE_URL", kimi.base_url)
    monkeypatch.setattr(retry, "wait_seconds", lambda *args, **kwargs: 0.0)

    def run(*arguments: str) -> Ran:
        capsys.readouterr()
        code = cli.main(arguments)
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        assert kimi.api_key not in captured.out + captured.err
        return Ran(code, captured.out, captured.err)

    return run
