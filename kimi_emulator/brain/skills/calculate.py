"""Sums in signs, worked out: 2+2."""

from __future__ import annotations

import ast

from kimi_emulator.brain.arithmetic import sums, value_of
from kimi_emulator.brain.conversation import Conversation

__all__ = ["say"]


def say(talk: Conversation) -> str | None:
    """Each sum of a short question that is about nothing else, with what it comes to."""
    trees = sums(talk.question) if len(talk.question) < 100 and not talk.documents else []
    try:
        values = [value_of(tree) for tree in trees]
    except ArithmeticError:
        return None
    lines = [f"{ast.unparse(tree)} = {value:.12g}" for tree, value in zip(trees, values, strict=True)]
    return "\n".join(lines) or None
