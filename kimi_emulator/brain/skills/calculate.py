"""Sums in signs, worked out: 2+2."""

from __future__ import annotations

import ast

from kimi_emulator.brain.arithmetic import sums, value_of
from kimi_emulator.brain.conversation import Conversation
from kimi_emulator.brain.filling.chinese import write_signs
from kimi_emulator.brain.language import pattern

__all__ = ["say"]


def say(talk: Conversation) -> str | None:
    """Each sum of a short question that is about nothing else, with what it comes to."""
    question = talk.question
    if (
        len(question) >= 100
        or talk.documents
        or not pattern("arithmetic.asked").search(question + write_signs(question))
    ):
        return None
    trees = sums(question)
    try:
        values = [value_of(tree) for tree in trees]
    except ArithmeticError:
        return None
    lines = [f"{ast.unparse(tree)} = {value:.12g}" for tree, value in zip(trees, values, strict=True)]
    return "\n".join(lines) or None
