"""Choices out of numbered lists: selectors, rerankers, citations."""

from __future__ import annotations

import re

from kimi_emulator.brain import choices
from kimi_emulator.brain.conversation import Conversation
from kimi_emulator.brain.documents import best
from kimi_emulator.brain.filling import Filler
from kimi_emulator.brain.language import capture, pattern
from kimi_emulator.content import text_of


def say(talk: Conversation) -> str | None:
    """The choice in the form that the prompt shows, or None where it shows none."""
    request = talk.request
    classes = pattern("choose.classes").search(request)
    if classes or (classes := pattern("choose.classes").search(talk.frame)):
        text = request[classes.end() :] if classes.string is request else request
        return _class(next(names for names in classes.groups() if names), text)
    if pattern("choose.ranking").search(request):
        return _ranking(talk)
    items = choices.numbered_items(request)
    if not items:
        return None
    fitting = choices.rank(talk.question, items)
    if form := pattern("choose.quoted_form").search(request):
        chosen = fitting if form[2].endswith("s") else fitting[:1]
        return f"{form[1]}: " + ", ".join(str(choice.number) for choice in chosen)
    if rated := pattern("choose.rated_line").search(request):
        return "\n".join(f"{rated[1]}: {choice.number}, {rated[2]}: {choice.relevance}" for choice in fitting)
    if pattern("choose.cite").search(request):
        quoted = best(talk.question, [choice.text for choice in items], most=1)
        source = next((choice.number for choice in items if quoted and quoted in " ".join(choice.text.split())), None)
        return f"{quoted} [{source}]" if source else None
    return str(fitting[0].number) if pattern("choose.number").search(request) else None


def _class(names: str, text: str) -> str | None:
    """The one of the names that a prompt lists which fits the text."""
    members = [name.strip(" '\"`“”*") for name in pattern("choose.listed").split(names)]
    text = capture("choose.classified", text) or text
    return Filler([text], {"enum": members}, question=text).whole()[0] if text.strip() else None


def _ranking(talk: Conversation) -> str | None:
    """`[2] > [1]`: passages by number, given in messages of their own or in this one."""
    texts = [text_of(m.get("content")) for m in talk.messages if m.get("role") == "user"]
    pieces = [piece for text in texts for piece in re.split(r"\n(?=\[\d{1,3}\] )", text)]
    passages = [match for piece in pieces if (match := pattern("choose.passage").match(piece))]
    options = [choices.Choice(int(match[1]), match[2]) for match in passages]
    query = capture("choose.searched", talk.request) or talk.question
    best_first = dict.fromkeys(choice.number for choice in [*choices.rank(query, options), *options])
    return " > ".join(f"[{number}]" for number in best_first) or None
