"""Answers taken out of texts, the passages that share the rarest words with the question; and what texts support."""

import heapq
import re
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import NamedTuple

from kimi_emulator.brain.filling.chinese import behind
from kimi_emulator.brain.language import pattern
from kimi_emulator.brain.reading import sections, split, without_instructions
from kimi_emulator.words import rarity, sentences, words

_LIMIT = 200_000
"""Characters cut into passages as they are; of longer texts only the lines with words of the question are."""
_LINES = 3000


class Passage(NamedTuple):
    """A quotable piece of text, with the words of the heading, table head or sentence it belongs to."""

    text: str
    own: Set[str]
    heading: Set[str]
    before: Set[str]
    distance: int
    """Passages since the heading: what stands right below it is more likely about it."""
    is_head: bool
    """Whether it only names what follows: the head of a table."""


def passages(text: str) -> Iterator[Passage]:
    """Cut a text into passages."""
    nothing: frozenset[str] = frozenset()
    heading, last, table, distance = nothing, nothing, nothing, 0
    lines = _join_lines(text)
    for line, following in zip(lines, [*lines[1:], ""], strict=False):
        if re.match(r"^[\s|:=_*-]*$", line):
            table, last = (table, last) if line.strip() else (nothing, nothing)
            continue
        is_row = _is_row(line)
        table = table if is_row else nothing
        if re.match(r"\s*#{1,6}\s+", line) or (len(line) < 60 and line.rstrip().endswith(":")):
            heading, last, distance = frozenset(words(line)), nothing, -1
        for sentence in [line.strip()] if is_row else sentences(line):
            own = frozenset(words(sentence))
            before = table if is_row else last
            is_head = is_row and not table and _is_row(following)
            yield Passage(sentence, own, heading - own, before - own, distance, is_head)
            distance, last = distance + 1, own
        table = table or (frozenset(words(line)) if is_row else nothing)


def _is_row(line: str) -> bool:
    """Whether a line is a row of a table, in pipes or as comma-separated values."""
    return "|" in line or (line.count(",") >= 2 and not re.search(r",\s", line.strip()))


def _join_lines(text: str) -> list[str]:
    """The lines of a text; a sentence that was broken at the margin is one again."""
    lines: list[str] = []
    for piece in text.splitlines():
        before = lines[-1] if lines else ""
        if len(before) > 60 and (before[-1].islower() or before[-1] in ",;") and piece[:1].islower():
            lines[-1] += f" {piece}"
        else:
            lines.append(piece)
    return lines


def _thin_out(text: str, stems: Set[str]) -> str:
    """The lines of a long text that hold the most words of the question."""
    if len(text) <= _LIMIT:
        return text
    lines = text.replace(". ", ".\n").splitlines()
    hits = {place: sum(each in line.lower() for each in stems) for place, line in enumerate(lines)}
    chosen = heapq.nlargest(_LINES, (place for place in hits if hits[place]), key=lambda place: (hits[place], -place))
    return "\n".join(lines[place] for place in sorted(chosen))


def best(question: str, texts: Sequence[str], *, most: int = 2) -> str | None:
    """The best one or two passages for a question, verbatim, or None when nothing fits."""
    stems = set(words(question))
    pieces = [piece for text in texts for piece in passages(_thin_out(text, stems)) if piece.own]
    # The question itself is no answer.
    pieces = [piece for piece in pieces if len(piece.text) <= 8 or piece.text.strip(" \"'") not in question]
    if not stems or not pieces:
        return None
    # A number in a question says which of several alike is meant.
    weight = {word: each * (1.5 if word.isdigit() else 1.0) for word, each in rarity([p.own for p in pieces]).items()}
    # Words that stand nowhere in the texts count less: they may be mere phrasing ("how long").
    whole = sum(weight.get(word, 0.7 * max(weight.values())) for word in stems)
    scores = [_score(piece, stems, weight) for piece in pieces]
    if (top := max(scores)) < 0.3 * whole:
        return None
    first = sorted(heapq.nlargest(most, range(len(pieces)), key=scores.__getitem__))
    fitting = [place for place in first if scores[place] >= (0.8 if stems & pieces[place].own else 1.0) * top]
    return " ".join(dict.fromkeys(pieces[place].text for place in fitting))


def _score(piece: Passage, stems: Set[str], weight: Mapping[str, float]) -> float:
    """How well a passage fits the words of a question."""
    groups = (piece.own, piece.heading, piece.before)
    hit, above, before = (sum(weight.get(word, 0) for word in stems & group) for group in groups)
    # Long passages match by chance; a heading of nothing but question words, the head of a table and another question
    # say nothing.
    ending = piece.text.rstrip()[-1:]
    silent = piece.is_head or ending in "?？" or (not piece.own - stems and ending not in ".。!！")
    score = hit + 0.6 * above / (1 + 0.1 * piece.distance) + (0.45 * before if hit else 0)
    return score * (0.3 if silent else 1.0) / (1 + len(piece.own) / 200)


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
    claims = [text for match in pattern("documents.claim").finditer(whole) if len(text := match[1].strip()) > 3]
    claim = (claims or answers or questions or [question])[-1]
    context = "".join(contexts[-1:]) or split(whole).rest or "\n".join(text for text in texts if text != claim)
    claim = without_instructions(claim).split("\n\n")[0] or claim
    return support(claim, context) >= 0.5
