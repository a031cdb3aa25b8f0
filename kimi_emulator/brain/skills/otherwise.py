"""Says what this is, when no skill fits."""

from kimi_emulator.brain.conversation import Conversation
from kimi_emulator.brain.language import phrase
from kimi_emulator.words import shorten


def say(talk: Conversation) -> str:
    """What the emulator is, and what it was told."""
    return phrase("otherwise", talk.chinese, request=shorten(talk.question or talk.request, 300))
