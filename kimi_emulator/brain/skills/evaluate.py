"""Verdicts in words: does a text support a statement, how good is an answer, which of two is better."""

import re

from kimi_emulator.brain.conversation import Conversation
from kimi_emulator.brain.documents import holds, support
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
    if "## Generated Answer" in whole and (bounds := pattern("evaluate.score").search(whole)):
        return _correctness(talk.request, int(bounds[1]), int(bounds[2]))
    if not pattern("evaluate.yes_no").search(whole) or len(talk.request) <= 60:
        return None
    if existing := capture("evaluate.existing", whole):
        share = support(capture("evaluate.claim", whole), capture("evaluate.ruled", whole))
        so = existing.upper() == "YES" or share >= 0.5
    else:
        so = holds([talk.request], talk.question)
    yes_no = re.search(r"(是)[”\"']?(?:或|还是)[“\"']?(否|不是)|['\"]?(yes)['\"]? or ['\"]?(no)['\"]?", whole)
    forms = [form for form in yes_no.groups() if form] if yes_no else ["YES", "NO"]
    return forms[0] if so else forms[1]


def _points(text: str, is_float: bool) -> str:
    each = int(capture("evaluate.points", text) or 1)
    cut = {part.label.split()[-1]: part.text for part in sections(text) if part.label and part.text.strip()}
    query, held = cut.get("query", ""), cut.get("context") or cut.get("response") or ""
    shared = set(words(query)) & set(words(held))
    verdict = (bool(shared), support(query, held) >= 0.5)
    first, second = ("Yes" if so else "No" for so in verdict)
    score = each * sum(verdict)
    about = ", ".join(sorted(shared)) or "no words"
    return f"1. {first}: they share {about}.\n2. {second}.\n[RESULT] {float(score) if is_float else score}"


def _correctness(request: str, low: int, high: int) -> str:
    parts = dict(re.findall(r"## ([^\n]+)\n\s*(.*?)\s*(?=\n## |\Z)", request, re.DOTALL))
    reference, generated = parts.get("Reference Answer", ""), parts.get("Generated Answer", "")
    has_reference = reference not in ("", "(NO REFERENCE ANSWER SUPPLIED)")
    compared = reference if has_reference else parts.get("User Query", "")
    share = (support(generated, compared) + support(compared, generated)) / 2
    score = round(2 * (low + (high - low) * share)) / 2
    held = "the reference" if has_reference else "the query"
    return f"{float(score)}\nThe generated answer shares {share:.0%} of its words with {held}."


def _better(request: str) -> str:
    named = r"\[(?:The Start of )?(User Question|Reference|Assistant [AB])[^\]]*\]\s*(.*?)\s*(?=\[The )"
    parts = dict(re.findall(named, request, re.DOTALL))
    first, second = parts.get("Assistant A", ""), parts.get("Assistant B", "")
    task = f"{parts.get('User Question', '')} {parts.get('Reference', '')}"
    left, right = support(task, first), support(task, second)
    letter = "C" if left == right else "A" if left > right else "B"
    return f"Answer A takes up {left:.0%} of what is asked ({shorten(first, 60)}), answer B {right:.0%}.\n[[{letter}]]"
