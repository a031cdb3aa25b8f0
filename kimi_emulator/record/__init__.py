"""``--record``: a proxy in front of the platform that keeps what goes by, and compares it with this emulator."""

from kimi_emulator.record.judge import Verdict
from kimi_emulator.record.proxy import PLATFORM, Recorder

__all__ = ["PLATFORM", "Recorder", "Verdict"]
