"""Follow-up questions as standalone ones, and several search queries out of one."""

import re

from kimi_emulator.brain.conversation import Conversation
from kimi_emulator.brain.language import capture, load, pattern, phrase
from kimi_emulator.words import words


def say(talk: Conversation) -> str | None:
    """The question alone, or variations of it, one a line."""
    if pattern("rephrase.standalone").search(talk.request.rstrip()):
        return talk.question
    if pattern("rephrase.standalone_told").search(talk.frame):
        return talk.question.split("\n")[0].strip()
    if not (demand := pattern("rephrase.queries").search(talk.frame)):
        return None
    number = next((each for each in demand.groups() if each), "3").lower()
    count = int(number) if number.isdigit() else int(load("words")["number_words"].get(number, 3))
    question = capture("rephrase.related", talk.request) or talk.question.strip()
    bare = question.rstrip("?？。. ")
    keys = " ".join(dict.fromkeys(word for word in re.findall(r"[^\W_]+", bare) if words(word)))
    forms = phrase("queries", talk.chinese, question=question, bare=bare, keys=keys).split("\n")
    return "\n".join(list(dict.fromkeys(forms))[: max(1, count)])
