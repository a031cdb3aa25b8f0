"""Verdicts in words: does a text support a statement, how good is an answer, which of two is better."""

from __future__ import annotations

import re

from kimi_emulator.brain import verdicts
from kimi_emulator.brain.conversation import Conversation
from kimi_emulator.brain.language import capture, pattern
from kimi_emulator.brain.reading import sections
from kimi_emulator.words import shorten, words


def say(talk: Conversation) -> str | None:
    """The verdict in the form that is asked for, or None where none is."""
    whole = talk.frame
    if pattern("evaluate.pair").search(whole):
        return _better(talk.request)
    if kind := capture("evaluate.result", whole):
        return _points(whole, kind.lower() == "float")
    bounds = pattern("evaluate.score").search(whole)
    if bounds and "## Generated Answer" in whole:
        return _correctness(talk.request, int(bounds[1]), int(bounds[2]))
    if not pattern("evaluate.yes_no").search(whole) or len(talk.request) <= 60:
        return None
    existing = capture("evaluate.existing", whole).upper()
    if existing == "YES":
        return "YES"
    so = _refining(whole) if existing else verdicts.holds([talk.request], talk.question)
    yes_no = re.search(r"(是)[”\"']?(?:或|还是)[“\"']?(否|不是)|['\"]?(yes)['\"]? or ['\"]?(no)['\"]?", whole)
    forms = [form for form in yes_no.groups() if form] if yes_no else ["YES", "NO"]
    return forms[0] if so else forms[1]


def _refining(text: str) -> bool:
    claim, context = capture("evaluate.claim", text), capture("evaluate.ruled", text)
    return bool(claim and context) and verdicts.support(claim, context) >= 0.5


def _points(text: str, is_float: bool) -> str:
    each = int(capture("evaluate.points", text) or 1)
    cut = {part.label.split()[-1]: part.text for part in sections(text) if part.label and part.text.strip()}
    query, held = cut.get("query", ""), cut.get("context") or cut.get("response") or ""
    shared = set(words(query)) & set(words(held))
    verdict = (bool(shared), verdicts.support(query, held) >= 0.5)
    first, second = ("Yes" if so else "No" for so in verdict)
    score = each * sum(verdict)
    about = ", ".join(sorted(shared)) or "no words"
    return f"1. {first}: they share {about}.\n2. {second}.\n[RESULT] {float(score) if is_float else score}"


def _correctness(request: str, low: int, high: int) -> str:
    reference, generated, query = (
        _between(rf"## {name}\n", r"\n## |\Z", request)
        for name in ("Reference Answer", "Generated Answer", "User Query")
    )
    has_reference = reference not in ("", "(NO REFERENCE ANSWER SUPPLIED)")
    compared = reference if has_reference else query
    share = (verdicts.support(generated, compared) + verdicts.support(compared, generated)) / 2
    score = round(2 * (low + (high - low) * share)) / 2
    held = "the reference" if has_reference else "the query"
    return f"{float(score)}\nThe generated answer shares {share:.0%} of its words with {held}."


def _better(request: str) -> str:
    first, second, reference = (
        _between(rf"\[The Start of {name}[^\]]*\]", r"\[The End", request)
        for name in ("Assistant A", "Assistant B", "Reference")
    )
    task = _between(r"\[User Question\]", r"\n\n", request) + " " + reference
    left, right = verdicts.support(task, first), verdicts.support(task, second)
    letter = "C" if left == right else "A" if left > right else "B"
    return f"Answer A takes up {left:.0%} of what is asked ({shorten(first, 60)}), answer B {right:.0%}.\n[[{letter}]]"


def _between(start: str, end: str, text: str) -> str:
    match = re.search(rf"{start}\s*(.*?)\s*(?:{end})", text, re.DOTALL)
    return match[1] if match else ""
