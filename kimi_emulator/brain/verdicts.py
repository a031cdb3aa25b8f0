"""Whether a text supports a statement or answers a question: what graders and evaluators ask."""

from __future__ import annotations

import re
from collections.abc import Sequence

from kimi_emulator.brain.filling.chinese import behind
from kimi_emulator.brain.language import pattern
from kimi_emulator.brain.reading import sections, split, without_instructions
from kimi_emulator.words import words


def support(claim: str, context: str) -> float:
    """How much of a claim stands in a text, from 0 to 1. Numbers and names count double; a wrong number breaks it."""
    own, there = set(words(claim)), set(words(context))
    if not own or not there:
        return 0.0
    names = words(" ".join(re.findall(r"(?<=[a-z,] )[A-Z][a-z]{2,}", claim)))
    weights = {word: 2.0 if word.isdigit() or word in names else 1.0 for word in own}
    share = sum(weight for word, weight in weights.items() if word in there) / sum(weights.values())
    wrong = any(word.isdigit() and word not in there for word in own)
    wrong = wrong or any(name not in context for name, _, _ in behind(claim, "在是由叫"))
    return share * (0.4 if wrong else 1.0)


def holds(texts: Sequence[str], question: str) -> bool:
    """The verdict on a prompt of texts: the claim or question in it, held against the context in it."""
    whole = max(texts, key=len, default="")
    cut = [part for part in sections(whole) if part.text.strip()]
    contexts, questions = ([part.text for part in cut if part.kind == kind] for kind in ("context", "question"))
    answers = [part.text for part in cut if part.kind == "answer" and len(part.text.strip()) > 3]
    claims = [text for match in pattern("verdicts.claim").finditer(whole) if len(text := match[1].strip()) > 3]
    claim = (claims or answers or questions or [question])[-1]
    context = "".join(contexts[-1:]) or split(whole).rest or "\n".join(text for text in texts if text != claim)
    claim = without_instructions(claim).split("\n\n")[0] or claim
    return support(claim, context) >= 0.5
