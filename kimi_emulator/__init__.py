"""A local emulator of the Kimi Open Platform for tests, demonstrations and offline work.

It is not Moonshot's service. Answers are made by rules, not by a model; shapes, checks and error texts follow
recorded answers of the real platform. It shares no code with the client packages of this distribution: client and
emulator meet only on the wire.
"""

from kimi_emulator.brain import Brain, BrainContext
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
    "ToolCall",
]
