"""Answers out of the texts at hand: sentences, lines and table rows, word for word."""

from __future__ import annotations

import re

from kimi_emulator.brain.conversation import Conversation
from kimi_emulator.brain.documents import best
from kimi_emulator.words import clauses, shorten

__all__ = ["say"]

_OLD = re.compile(
    r"^\s*(?:original|existing) answer\s*:\s*(.+?)\s*$|\bexisting answer:\s*(.+?)\s*$|已有(?:的)?(?:回答"
    r"|答案)\s*[:：]\s*(.+?)\s*$",
    re.IGNORECASE | re.MULTILINE,
)


def say(talk: Conversation) -> str | None:
    """The passage that answers the question; that there is none, where there are texts; else None."""
    text = _refine(talk) or _each_part(talk) or best(talk.question, talk.documents)
    if text is None:
        text = best(talk.question, [*talk.system, *talk.earlier])
    if text is None and talk.documents and talk.question:
        question = shorten(talk.question, 300)
        text = (
            f"给定的资料中没有相关内容：{question}"
            if talk.chinese
            else f"I find nothing about that in the given texts: {question}"
        )
    return text


def _refine(talk: Conversation) -> str | None:
    """The better of an answer that the request gives and what its new text says, or None when it gives none."""
    original = _OLD.search(talk.request)
    if not original:
        return None
    old = next(group for group in original.groups() if group)
    return best(talk.question, [*talk.documents, old], most=1) or old


def _each_part(talk: Conversation) -> str | None:
    """The answers to the parts of a question, or None when it has one part or a part finds nothing."""
    questions = clauses(talk.question) if talk.documents else []
    answers = [best(part, talk.documents, most=1) for part in questions] if len(questions) > 1 else []
    if len(answers) < 2 or None in answers or len(set(answers)) < 2:
        return None
    return " ".join(dict.fromkeys(text for text in answers if text))
