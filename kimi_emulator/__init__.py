"""A local emulator of the Kimi Open Platform for tests, demonstrations and offline work.

It is not Moonshot's service. Answers are made by rules, not by a model; shapes, checks and error texts follow
recorded answers of the real platform. It shares no code with the client packages of this distribution: client and
emulator meet only on the wire.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kimi_emulator.brain import Brain, BrainContext
    from kimi_emulator.chaos import Sweep, sweep
    from kimi_emulator.dialects import DIALECTS, Dialect
    from kimi_emulator.faults import FAULTS
    from kimi_emulator.http.server import Emulator
    from kimi_emulator.platform.files import StoredFile
    from kimi_emulator.platform.state import ReceivedRequest, Report
    from kimi_emulator.script import Failure, Fault, Reply, ToolCall
    from kimi_emulator.settings import TIERS, Limits, RateLimits

__all__ = [
    "DIALECTS",
    "FAULTS",
    "TIERS",
    "Brain",
    "BrainContext",
    "Dialect",
    "Emulator",
    "Failure",
    "Fault",
    "Limits",
    "RateLimits",
    "ReceivedRequest",
    "Reply",
    "Report",
    "StoredFile",
    "Sweep",
    "ToolCall",
    "sweep",
]

# Loaded when named: importing this package needs nothing beyond Python.
_LAZY = {
    "Brain": "brain",
    "BrainContext": "brain",
    "DIALECTS": "dialects",
    "Dialect": "dialects",
    "Emulator": "http.server",
    "FAULTS": "faults",
    "Failure": "script",
    "Fault": "script",
    "Limits": "settings",
    "RateLimits": "settings",
    "ReceivedRequest": "platform.state",
    "Reply": "script",
    "Report": "platform.state",
    "StoredFile": "platform.files",
    "Sweep": "chaos",
    "TIERS": "settings",
    "ToolCall": "script",
    "sweep": "chaos",
}

if not TYPE_CHECKING:  # a type checker that sees it accepts every name

    def __getattr__(name: str) -> object:
        if name not in _LAZY:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        try:
            value = getattr(import_module(f"kimi_emulator.{_LAZY[name]}"), name)
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] == "kimi_emulator":
                raise
            raise ModuleNotFoundError(
                f"kimi_emulator needs {error.name}, which is not installed. "
                "What to do: pip install 'kimi-integrations[emulator]'",
                name=error.name,
            ) from None
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
