"""Answers taken out of texts: the sentence, line or table row that shares the rarest words with the question."""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kimi_emulator.words import rarity, sentences, words

__all__ = ["best"]

_RULE_LINE = re.compile(r"^[\s|:=_*-]*$")
_HEADING = re.compile(r"^\s*#{1,6}\s+")
_LIMIT = 200_000
"""Characters cut into passages as they are; of longer texts only the lines with words of the question are."""
_LINES = 3000


@dataclass(frozen=True)
class Passage:
    """A quotable piece of text, with the words of the heading, table head or sentence it belongs to."""

    text: str
    own: frozenset[str]
    heading: frozenset[str] = frozenset()
    before: frozenset[str] = frozenset()
    distance: int = 0
    """Passages since the heading: what stands right below it is more likely about it."""
    names: bool = False
    """Whether it only names what follows: the head of a table."""


def passages(text: str) -> list[Passage]:
    """Cut a text into passages."""
    pieces: list[Passage] = []
    heading: frozenset[str] = frozenset()
    distance = 0
    table: frozenset[str] | None = None
    last: frozenset[str] = frozenset()
    lines = _join_lines(text)
    for number, line in enumerate(lines):
        if _RULE_LINE.match(line):
            if not line.strip():
                table, last = None, frozenset()
            continue
        is_row = _is_row(line)
        if not is_row:
            table = None
        if _HEADING.match(line) or (len(line) < 60 and line.rstrip().endswith(":")):
            heading, last, distance = frozenset(words(line)), frozenset(), -1
        head = is_row and table is None and number + 1 < len(lines) and _is_row(lines[number + 1])
        for sentence in [line.strip()] if is_row else sentences(line):
            own = frozenset(words(sentence))
            before = (table or frozenset()) if is_row else last
            pieces.append(Passage(sentence, own, heading - own, before - own, distance, head))
            distance += 1
            last = own
        if is_row and table is None:
            table = frozenset(words(line))
    return pieces


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


def _thin_out(text: str, stems: Iterable[str]) -> str:
    """The lines of a long text that hold the most words of the question."""
    if len(text) <= _LIMIT:
        return text
    lines = text.replace(". ", ".\n").splitlines()
    hits = [(sum(stem in line.lower() for stem in stems), place) for place, line in enumerate(lines)]
    chosen = heapq.nlargest(_LINES, (hit for hit in hits if hit[0]), key=lambda hit: (hit[0], -hit[1]))
    return "\n".join(lines[place] for _, place in sorted(chosen, key=lambda hit: hit[1]))


def best(question: str, texts: Sequence[str], *, most: int = 2) -> str | None:
    """The best one or two passages for a question, verbatim, or None when nothing fits."""
    question_words = set(words(question))
    pieces = [piece for text in texts for piece in passages(_thin_out(text, question_words))]
    pieces = [p for p in pieces if p.own and not _echoes(p.text, question)]
    if not question_words or not pieces:
        return None
    weight = rarity([piece.own for piece in pieces])
    # A number in a question says which of several alike is meant.
    weight = {word: each * (1.5 if word.isdigit() else 1.0) for word, each in weight.items()}
    unknown = max(weight.values())
    # Words that stand nowhere in the texts count less: they may be mere phrasing ("how long").
    whole = sum(weight.get(word, 0.7 * unknown) for word in question_words)
    scored: list[tuple[float, int]] = []
    for place, piece in enumerate(pieces):
        hit = sum(weight[word] for word in question_words & piece.own)
        above = sum(weight[word] for word in question_words & piece.heading)
        before = sum(weight[word] for word in question_words & piece.before if word in weight)
        if hit or above:
            # Long passages match by chance; one of nothing but question words (a heading), the head of a table and
            # another question say nothing.
            silent = piece.names or not piece.own - question_words or piece.text.rstrip().endswith(("?", "？"))
            news = 0.3 if silent else 1.0
            score = hit + 0.6 * above / (1 + 0.1 * piece.distance) + (0.45 * before if hit else 0)
            scored.append((score * news / (1 + len(piece.own) / 200), place))
    if not scored:
        return None
    scored.sort(key=lambda item: (-item[0], item[1]))
    top = scored[0][0]
    if top < 0.3 * whole:
        return None
    chosen = [
        place
        for score, place in scored[:most]
        if score == top or (score >= 0.8 * top and question_words & pieces[place].own)
    ]
    return " ".join(dict.fromkeys(pieces[place].text for place in sorted(chosen)))


def _echoes(text: str, question: str) -> bool:
    """Whether a passage is the question itself."""
    return len(text) > 8 and text.strip(" \"'") in question
