"""Objects for JSON Schemas out of texts: tool arguments and structured answers, always valid."""

from kimi_emulator.brain.filling.fill import Filler
from kimi_emulator.brain.filling.scalars import LIKELY
from kimi_emulator.brain.filling.values import Source

__all__ = ["LIKELY", "Filler", "Source"]
