"""A title, key words, a summary, questions: what extractors want of a text."""

from __future__ import annotations

import re
from collections import Counter
from itertools import takewhile

from kimi_emulator.brain.conversation import Conversation
from kimi_emulator.brain.filling import chinese
from kimi_emulator.brain.reading import without_instructions
from kimi_emulator.words import rarity, sentences, stem, words

__all__ = ["say"]

_WORD_AT_END = re.compile(r"\b(title|keywords|summary)[ \t]*:[ \t]*(?:\"{3})?\s*$", re.IGNORECASE)
_QUOTED_FORM = re.compile(r"['\"`](KEYWORDS):\s*<keywords>['\"`]")
_QUESTIONS = re.compile(r"\bgenerate (\d+) questions\b|生成\s*(\d+)\s*个问题", re.IGNORECASE)
_SUMMARIZE = re.compile(
    r"^\s*(?:please\s+)?(?:summari[sz]e|write a (?:concise |short |brief )?summary of"
    r"|give me a summary of)\b[^:\n]*[:\n]\s*(.{40,})"
    r"|^\s*(?:请|帮我)?(?:用[^，,:：\n]{1,10})?(?:总结|概括|概述|摘要)(?:一下)?[^:：\n]{0,20}[:：\n]\s*(.{15,})",
    re.IGNORECASE | re.DOTALL,
)
_METADATA = re.compile(r"^\s*(?:[\w -]{1,30}:\s*\S*|\[[^\n]*\]|[-=]{3,})\s*$")


def say(talk: Conversation) -> str | None:
    """What is asked for of the text in the request, or None for other requests."""
    request = talk.request
    field = _WORD_AT_END.search(request)
    if field:
        return _field(field.group(1).lower(), request)
    form = _QUOTED_FORM.search(request)
    if form:
        return f"{form.group(1)}: {_field('keywords', request)}"
    number_of_questions = _QUESTIONS.search(request)
    if number_of_questions:
        return _questions(request, int(number_of_questions.group(1) or number_of_questions.group(2)))
    summary = _SUMMARIZE.match(request)
    return _summary(summary.group(1) or summary.group(2)) if summary else None


def _field(name: str, request: str) -> str:
    """A title, key words or a summary of the text in the request; sentences about the task itself are no part of it."""
    own = _own_lines(name.rstrip("s")[:5], request)
    if name == "title":
        return re.sub(r"^(?:context:)?[\s#*]*", "", own[0], flags=re.IGNORECASE)[:80].strip(" .") if own else "Untitled"
    if name == "keywords":
        # Names tell most about a text, then long words that come back.
        counts = Counter(word for line in own for word in re.findall(r"[^\W\d_]{4,}", line) if words(word))
        best_first = sorted(counts, key=lambda word: (-counts[word], not word[0].isupper(), -len(word), word))
        once = {stem(word.lower()): word for word in reversed(best_first)}
        number = re.search(r"\b(\d{1,2})\b[^.\n]{0,20}\bkeywords\b", request, re.IGNORECASE)
        return ", ".join(list(reversed(once.values()))[: int(number.group(1)) if number else 5])
    return _summary("\n".join(own))


def _own_lines(mark: str, request: str) -> list[str]:
    ruled = re.search(r"-{5,}\n(.{20,}?)\n-{5,}", request, re.DOTALL)
    return [
        " ".join(chosen)
        for line in (ruled.group(1) if ruled else request).splitlines()
        if not _METADATA.match(line)
        and (chosen := list(takewhile(lambda s: mark not in s.lower() and not s.endswith(":"), sentences(line))))
    ]


def _summary(text: str) -> str:
    """The sentences that tell most, in their order."""
    own = (
        [each for line in text.splitlines() for each in sentences(line)]
        if chinese.is_chinese(text)
        else text.splitlines()
    )
    own = [line for line in own if line.strip()]
    weight = rarity([words(line) for line in own])
    telling = sorted(own, key=lambda line: -sum(weight[word] for word in set(words(line))) / (8 + len(line) / 20))
    chosen = set(telling[:3])
    return ("" if chinese.is_chinese(text) else " ").join(line.strip("# ") for line in own if line in chosen)[:600]


def _questions(request: str, number: int) -> str:
    """Questions that the text answers, one a line, each after the subject of a sentence."""
    text = without_instructions(request)
    own = [each.strip(" .。") for line in _own_lines("question", text) for each in sentences(line) if len(each) > 12]
    number_of_questions: list[str] = []
    for sentence in own:
        subject = re.match(r"(.{2,60}?)\s+(?:is|was|are|were|has|had|can|will|stands|opened)\s+", sentence)
        if chinese.is_chinese(sentence):
            number_of_questions.append(f"关于“{sentence[:12]}”，资料说了什么？")
        else:
            number_of_questions.append(
                f"What does the text say about {subject.group(1) if subject else ' '.join(sentence.split()[:4])}?"
            )
    return "\n".join(
        f"{place}. {question}" for place, question in enumerate(dict.fromkeys(number_of_questions[:number]), 1)
    )
