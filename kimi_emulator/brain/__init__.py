"""What answers when no script is queued: the contract of a brain, and the rule-made default."""

from kimi_emulator.brain.contract import Brain, BrainContext
from kimi_emulator.brain.skills import DefaultBrain

__all__ = ["Brain", "BrainContext", "DefaultBrain"]
