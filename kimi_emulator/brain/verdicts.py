"""Whether a text supports a statement or answers a question: what graders and evaluators ask."""

from __future__ import annotations

import re
from collections.abc import Sequence

from kimi_emulator.brain.reading import sections, split, without_instructions
from kimi_emulator.words import words

__all__ = ["asks", "holds", "support"]

_ASKS = re.compile(
    r"relevan|support|ground|correct|pass(?:ing|es)?\b|binary|score|grade|valid|match|useful|consistent|faithful"
    r"|相关|支持|正确|符合|通过|一致",
    re.IGNORECASE,
)
_CLAIM = re.compile(
    r"^[ \t]*(?:#+ *)?(?:information|statement|claim|query and response|response|generated answer|llm generation"
    r"|generation|answer|student answer|陈述|观点|回答|说法|结论)[ \t]*(?:[:：]|\n)[ \t]*\n?(.*?)"
    r"(?=^[ \t]*(?:#+ *)?(?:context|documents?|guidelines|reference|facts|上下文|资料|依据)[^\n:：]{0,20}[:：\n]|\Z)",
    re.IGNORECASE | re.MULTILINE | re.DOTALL,
)


def asks(text: str) -> bool:
    """Whether a name or a description wants a verdict."""
    return bool(_ASKS.search(text))


def support(claim: str, context: str) -> float:
    """How much of a claim stands in a text, from 0 to 1. Numbers and names count double; a wrong number breaks it."""
    own, there = set(words(claim)), set(words(context))
    if not own or not there:
        return 0.0
    weights = {word: 2.0 if word.isdigit() else 1.0 for word in own}
    for name in re.findall(r"(?<=[a-z,] )[A-Z][a-z]{2,}", claim):
        weights.update(dict.fromkeys(words(name), 2.0))
    share = sum(weight for word, weight in weights.items() if word in there) / sum(weights.values())
    wrong = any(word.isdigit() and word not in there for word in own)
    return share * (0.4 if wrong else 1.0)


def holds(texts: Sequence[str], question: str) -> bool:
    """The verdict on a prompt of texts: the claim or question in it, held against the context in it."""
    whole = max(texts, key=len, default="")
    cut = sections(whole)
    contexts = [part.text for part in cut if part.kind == "context" and part.text.strip()]
    claims = [part.text for part in cut if part.kind == "answer" and len(part.text.strip()) > 3] or [
        part.text for part in cut if part.kind == "question" and part.text.strip()
    ]
    named = [match.group(1).strip() for match in _CLAIM.finditer(whole) if len(match.group(1).strip()) > 3]
    claim = (named or claims or [question])[-1]
    context = "".join(contexts[-1:]) or split(whole).rest or "\n".join(text for text in texts if text != claim)
    claim = without_instructions(claim).split("\n\n")[0] or claim
    return support(claim, context) >= 0.5
