"""Answers out of the texts at hand: sentences, lines and table rows, word for word."""

from __future__ import annotations

from collections.abc import Sequence

from kimi_emulator.brain.conversation import Conversation
from kimi_emulator.brain.documents import best
from kimi_emulator.brain.language import capture, pattern, phrase
from kimi_emulator.words import clauses, shorten, words


def say(talk: Conversation) -> str | None:
    """The passage that answers the question; a sentence that no passage does, if there are texts; else None."""
    if pattern("otherwise.writes").match(talk.question):
        return None  # a joke or a poem stands in no text
    old = capture("quote.old", talk.request)
    if old:  # an answer to be refined by a new text
        return best(talk.question, [*talk.documents, old], most=1) or old
    if pattern("quote.my_name").search(talk.question):
        name = next((name for text in talk.earlier[::-1] if (name := capture("quote.called", text))), "")
        if name:
            return phrase("my_name", talk.chinese, called=name)
    texts = talk.documents or talk.earlier
    if texts and (subject := capture("quote.mentioned", talk.question)):
        return _is_mentioned(subject, texts, talk.chinese)
    text = _each_part(talk) or best(talk.question, talk.documents) or best(talk.question, [*talk.system, *talk.earlier])
    if text is None and talk.documents and talk.question:
        return phrase("nothing", talk.chinese, question=shorten(talk.question, 300))
    return text


def _is_mentioned(subject: str, texts: Sequence[str], chinese: bool) -> str:
    """Yes, with the passage about the subject, or no."""
    stems = {*words(subject)}
    mentions = any(subject.lower() in text.lower() or (stems and stems <= {*words(text)}) for text in texts)
    passage = best(subject, texts, most=1) or ""
    return phrase("mentioned" if mentions else "not_mentioned", chinese, subject=subject, passage=passage)


def _each_part(talk: Conversation) -> str | None:
    """The answers to the parts of a question, or None when it has one part or a part finds nothing."""
    questions = clauses(talk.question) if talk.documents else []
    answers = dict.fromkeys(best(part, talk.documents, most=1) for part in questions) if len(questions) > 1 else {}
    return " ".join(text for text in answers if text) if len(answers) > 1 and None not in answers else None
