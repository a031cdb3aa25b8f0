"""Says what this is, when no skill fits."""

from __future__ import annotations

from kimi_emulator.brain.conversation import Conversation
from kimi_emulator.words import shorten

__all__ = ["say"]


def say(talk: Conversation) -> str:
    """What the emulator is, and what it was told."""
    request = shorten(talk.question or talk.request, 300)
    if talk.chinese:
        return f"这是本地的 Kimi 模拟器，按规则回答，背后没有模型。你说的是：{request}"
    return f"This is the local Kimi emulator, which answers by rules and not by a model. You wrote: {request}"
