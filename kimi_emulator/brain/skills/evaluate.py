"""Verdicts in words: does a text support a statement, how good is an answer, which of two is better."""

from __future__ import annotations

import re

from kimi_emulator.brain import verdicts
from kimi_emulator.brain.conversation import Conversation
from kimi_emulator.brain.reading import sections
from kimi_emulator.words import shorten, words

__all__ = ["say"]

_YES_NO = re.compile(
    r"\b(?:answer with either|options to answer\. Either|answer)\s*[-:]?\s*['\"]?YES['\"]?\s*(?:or|/)\s*['\"]?NO\b"
    r"|\bbinary score\b|['\"]yes['\"] or ['\"]no['\"]|YES/NO answer|still answer YES"
    r"|(?:回答|只回答|输出)[“\"']?是[”\"']?(?:或|还是)[“\"']?(?:否|不是)",
    re.IGNORECASE,
)
_RESULT = re.compile(r"\[RESULT\] followed by the (integer|float)", re.IGNORECASE)
_POINTS = re.compile(r"worth (\d) points?", re.IGNORECASE)
_SCORE = re.compile(r"score (?:has to be|must be|is) between (\d+) and (\d+)", re.IGNORECASE)
_PAIR = re.compile(r"\[\[A\]\].{0,200}\[\[B\]\]", re.DOTALL)
_BETWEEN = r"\[The Start of {0}[^\]]*\]\s*(.*?)\s*\[The End"


def say(talk: Conversation) -> str | None:
    """The verdict in the form that is asked for, or None where none is."""
    whole = talk.frame
    if _PAIR.search(whole):
        return _better(talk.request)
    result = _RESULT.search(whole)
    if result:
        return _points(whole, result.group(1).lower() == "float")
    bounds = _SCORE.search(whole)
    if bounds and "## Generated Answer" in whole:
        return _correctness(talk.request, int(bounds.group(1)), int(bounds.group(2)))
    if _YES_NO.search(whole) and len(talk.request) > 60:
        existing = re.search(r"existing YES/NO answer:\s*(YES|NO)", whole, re.IGNORECASE)
        if existing and existing.group(1).upper() == "YES":
            return "YES"
        so = _refining(whole) if existing else verdicts.holds([talk.request], talk.question)
        if re.search(r"是[”\"']?(?:或|还是)", whole):
            return "是" if so else "否"
        return ("yes" if so else "no") if re.search(r"['\"]yes['\"]", whole) else ("YES" if so else "NO")
    return None


def _refining(text: str) -> bool:
    claim = re.search(r"context information:\s*(.+?)\n", text)
    context = re.search(r"-{4,}\n(.*?)\n-{4,}", text, re.DOTALL)
    return bool(claim and context and verdicts.support(claim.group(1), context.group(1)) >= 0.5)


def _points(text: str, is_float: bool) -> str:
    each = int(points.group(1)) if (points := _POINTS.search(text)) else 1
    cut = {part.label.split()[-1]: part.text for part in sections(text) if part.label and part.text.strip()}
    query, held = cut.get("query", ""), cut.get("context") or cut.get("response") or ""
    shared = set(words(query)) & set(words(held))
    first, second = bool(shared), verdicts.support(query, held) >= 0.5
    score = each * (first + second)
    about = ", ".join(sorted(shared)) or "no words"
    feedback = f"1. {'Yes' if first else 'No'}: they share {about}.\n2. {'Yes' if second else 'No'}.\n"
    return f"{feedback}[RESULT] {float(score) if is_float else score}"


def _correctness(request: str, low: int, high: int) -> str:
    reference, generated = (
        match.group(1).strip() if (match := re.search(rf"## {name}\n(.*?)(?=\n## |\Z)", request, re.DOTALL)) else ""
        for name in ("Reference Answer", "Generated Answer")
    )
    query = match.group(1) if (match := re.search(r"## User Query\n(.*?)(?=\n## |\Z)", request, re.DOTALL)) else ""
    compared = reference if reference and reference != "(NO REFERENCE ANSWER SUPPLIED)" else query
    share = (verdicts.support(generated, compared) + verdicts.support(compared, generated)) / 2
    score = round(2 * (low + (high - low) * share)) / 2
    held = "the reference" if compared is reference else "the query"
    return f"{float(score)}\nThe generated answer shares {share:.0%} of its words with {held}."


def _better(request: str) -> str:
    first, second = (
        match.group(1) if (match := re.search(_BETWEEN.format(f"Assistant {letter}"), request, re.DOTALL)) else ""
        for letter in "AB"
    )
    reference = re.search(_BETWEEN.format("Reference"), request, re.DOTALL)
    question = re.search(r"\[User Question\]\s*(.*?)\n\n", request, re.DOTALL)
    task = " ".join(match.group(1) for match in (question, reference) if match)
    left, right = verdicts.support(task, first), verdicts.support(task, second)
    letter = "C" if left == right else "A" if left > right else "B"
    return f"Answer A takes up {left:.0%} of what is asked ({shorten(first, 60)}), answer B {right:.0%}.\n[[{letter}]]"
