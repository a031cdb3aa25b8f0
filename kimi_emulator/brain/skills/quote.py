"""Answers out of the texts at hand: sentences, lines and table rows, word for word."""

from kimi_emulator.brain.conversation import Conversation
from kimi_emulator.brain.documents import best
from kimi_emulator.brain.language import capture, pattern, phrase
from kimi_emulator.words import clauses, shorten, words


def say(talk: Conversation) -> str | None:
    """The passage that answers the question; a sentence that no passage does, if there are texts; else None."""
    if pattern("otherwise.writes").match(talk.question):
        return None  # a joke or a poem stands in no text
    if old := capture("quote.old", talk.request):  # an answer to be refined by a new text
        return best(talk.question, [*talk.documents, old], most=1) or old
    if pattern("quote.my_name").search(talk.question):
        name = next((name for text in talk.earlier[::-1] if (name := capture("quote.called", text))), "")
        if name:
            return phrase("my_name", talk.chinese, called=name)
    texts = talk.documents or talk.earlier
    if texts and (subject := capture("quote.mentioned", talk.question)):
        stems = {*words(subject)}
        is_there = any(subject.lower() in text.lower() or (stems and stems <= {*words(text)}) for text in texts)
        passage = best(subject, texts, most=1) or ""
        return phrase("mentioned" if is_there else "not_mentioned", talk.chinese, subject=subject, passage=passage)
    parts = [best(part, talk.documents, most=1) for part in clauses(talk.question)] if talk.documents else []
    if len(dict.fromkeys(parts)) > 1 and None not in parts:
        return " ".join(dict.fromkeys(text for text in parts if text))
    text = best(talk.question, talk.documents) or best(talk.question, [*talk.system, *talk.earlier])
    if text is None and talk.documents and talk.question:
        return phrase("nothing", talk.chinese, question=shorten(talk.question, 300))
    return text
