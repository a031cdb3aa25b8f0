"""Choices out of numbered lists: selectors, rerankers, citations."""

from __future__ import annotations

import re

from kimi_emulator.brain import choices
from kimi_emulator.brain.conversation import Conversation
from kimi_emulator.brain.documents import best
from kimi_emulator.content import text_of

__all__ = ["say"]

_QUOTED_FORM = re.compile(r"['\"`]([A-Z][A-Z ]{1,30}):\s*<(numbers?)>['\"`]")
_RATED_LINE = re.compile(r"^[ \t]*(\w{2,20}):[ \t]*\d{1,3},[ \t]*(\w{2,20}):[ \t]*\d{1,3}[ \t]*$", re.MULTILINE)
_CITE = re.compile(r"\bcit(?:e|ation)\b.{0,200}\bnumbers?\b", re.IGNORECASE | re.DOTALL)
_NUMBER = re.compile(r"(?:answer|respond|reply|return)\b[^.\n]{0,40}\b(?:only )?(?:with )?the number\b", re.IGNORECASE)
_RANKING = re.compile(r"\[\d?\] > \[\d?\]")
_PASSAGE = re.compile(r"^\[(\d{1,3})\]\s+(.+)", re.DOTALL)
_SEARCHED = re.compile(r"search query:\s*(.+?)\s*\.\s*$", re.IGNORECASE | re.MULTILINE)


def say(talk: Conversation) -> str | None:
    """The choice in the form that the prompt shows, or None where it shows none."""
    request = talk.request
    if _RANKING.search(request):
        return _ranking(talk)
    listed = choices.numbered_items(request)
    if not listed:
        return None
    form, rated = _QUOTED_FORM.search(request), _RATED_LINE.search(request)
    fitting = choices.rank(talk.question, listed)
    if form:
        chosen = fitting if form.group(2).endswith("s") else fitting[:1]
        return f"{form.group(1)}: " + ", ".join(str(choice.number) for choice in chosen)
    if rated:
        number, rating = rated.groups()
        return "\n".join(f"{number}: {choice.number}, {rating}: {choice.relevance}" for choice in fitting)
    if _CITE.search(request):
        quoted = best(talk.question, [choice.text for choice in listed], most=1)
        source = next((choice.number for choice in listed if quoted and quoted in " ".join(choice.text.split())), None)
        return f"{quoted} [{source}]" if source else None
    return str(fitting[0].number) if _NUMBER.search(request) else None


def _ranking(talk: Conversation) -> str | None:
    """`[2] > [1]`: passages by number, given in messages of their own or in this one."""
    texts = [text_of(m.get("content")) for m in talk.messages if m.get("role") == "user"]
    passages = [
        match for text in texts for part in re.split(r"\n(?=\[\d{1,3}\] )", text) if (match := _PASSAGE.match(part))
    ]
    listed = [choices.Choice(int(match.group(1)), match.group(2)) for match in passages]
    query = _SEARCHED.search(talk.request)
    if not listed:
        return None
    fitting = [choice.number for choice in choices.rank(query.group(1) if query else talk.question, listed)]
    rest = [choice.number for choice in listed if choice.number not in fitting]
    return " > ".join(f"[{number}]" for number in [*fitting, *rest])
