"""What answers when no script is queued: the contract of a brain, and the rule-made default."""

from kimi_emulator.brain.skills import DefaultBrain
from kimi_emulator.script import Brain, BrainContext

__all__ = ["Brain", "BrainContext", "DefaultBrain"]
