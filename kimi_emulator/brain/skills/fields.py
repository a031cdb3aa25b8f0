"""A title, key words, a summary, questions: what extractors want of a text."""

import re
from collections import Counter
from itertools import takewhile

from kimi_emulator.brain.conversation import Conversation
from kimi_emulator.brain.filling.chinese import is_chinese, names
from kimi_emulator.brain.language import capture, pattern, phrase
from kimi_emulator.brain.reading import without_instructions
from kimi_emulator.words import rarity, sentences, stem, words


def say(talk: Conversation) -> str | None:
    """What is asked for of the text in the request, or None for other requests."""
    request = talk.request
    if text := capture("fields.keywords", request):
        return "、".join(dict.fromkeys(name for name, _, _ in names(text)))
    if text := capture("fields.title", request):
        return _field("title", text)
    if field := capture("fields.word_at_end", request):
        return _field(field.lower(), request)
    if form := capture("fields.quoted_form", request):
        return f"{form}: {_field('keywords', request)}"
    if number := capture("fields.questions", request):
        return _questions(request, int(number))
    summary = capture("fields.summarize", request)
    if not summary and pattern("fields.about").search(talk.question):
        summary = "\n".join(talk.documents)
    return _summary(summary, 1 if pattern("fields.brief").search(request) else 3) if summary else None


def _field(name: str, request: str) -> str:
    """A title, key words or a summary of the text in the request; sentences about the task itself are no part of it."""
    own = _own_lines(name.rstrip("s")[:5], request)
    if name == "title":
        return re.sub(r"^(?:context:)?[\s#*]*", "", own[0], flags=re.IGNORECASE)[:80].strip(" .") if own else "Untitled"
    if name == "summary":
        return _summary("\n".join(own))
    # Names tell most about a text, then long words that come back.
    counts = Counter(word for line in own for word in re.findall(r"[^\W\d_]{4,}", line) if words(word))
    best_first = sorted(counts, key=lambda word: (-counts[word], not word[0].isupper(), -len(word), word))
    once = {stem(word.lower()): word for word in reversed(best_first)}
    return ", ".join(list(reversed(once.values()))[: int(capture("fields.number", request) or 5)])


def _own_lines(mark: str, request: str) -> list[str]:
    lines = (capture("fields.ruled", request) or request).splitlines()
    own = [sentences(line) for line in lines if not pattern("fields.metadata").match(line)]
    cut = (takewhile(lambda each: mark not in each.lower() and not each.endswith(":"), line) for line in own)
    return [text for line in cut if (text := " ".join(line))]


def _summary(text: str, most: int = 3) -> str:
    """The sentences that tell most, in their order."""
    own = sentences(text) if is_chinese(text) else text.splitlines()
    skip = pattern("fields.metadata")
    own = [line for line in own if line.strip() and not skip.match(line) and not line.rstrip().endswith((":", "："))]
    weight = rarity([words(line) for line in own])
    telling = sorted(own, key=lambda line: -sum(weight[word] for word in set(words(line))) / (8 + len(line) / 20))
    return ("" if is_chinese(text) else " ").join(line.strip("# ") for line in own if line in telling[:most])[:600]


def _questions(request: str, number: int) -> str:
    """Questions that the text answers, one a line, each after the subject of a sentence."""
    text = "\n".join(_own_lines("question", without_instructions(request)))
    own = [each.strip(" .。") for each in sentences(text) if len(each) > 12]
    subjects = [(capture("fields.subject", each) or " ".join(each.split()[:4]), each[:12]) for each in own[:number]]
    questions = dict.fromkeys(
        phrase("about", is_chinese(text), subject=each, beginning=text) for each, text in subjects
    )
    return "\n".join(f"{place}. {question}" for place, question in enumerate(questions, 1))
