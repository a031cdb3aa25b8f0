"""Search over the shipped pages: BM25 on the stems of words, the title counting three times."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from kimi_emulator.words import words

__all__ = ["as_text", "look_up", "pages"]

_PAGE = re.compile(r"^# (?P<title>.+?)\n\n(?P<url>\S+) (?P<date>\S+)\n\n(?P<text>.+?)(?=\n\n# |\Z)", re.M | re.S)
_K1, _B = 1.5, 0.75  # the usual constants of BM25
_TITLE = 3
_SHARE = 0.4
"""Share of the best page's score that others must reach."""


@dataclass(frozen=True)
class Page:
    """One invented page. ``date`` is ISO."""

    title: str
    url: str
    date: str
    text: str


@dataclass(frozen=True)
class _Index:
    pages: tuple[Page, ...]
    counts: tuple[Counter[str], ...]
    rarity: dict[str, float]
    mean_length: float


def pages() -> tuple[Page, ...]:
    """Every page there is."""
    return _index().pages


def look_up(query: str, most: int = 3) -> list[Page]:
    """The pages that fit a query, best first; [] when none shares a telling word with it."""
    index, query_words = _index(), set(words(query))
    scored: list[tuple[float, int]] = []
    for place, counts in enumerate(index.counts):
        length = _K1 * (1 - _B + _B * counts.total() / index.mean_length)
        score = sum(
            index.rarity[word] * counts[word] * (_K1 + 1) / (counts[word] + length)
            for word in query_words
            if word in counts
        )
        if score > 0:
            scored.append((score, place))
    scored.sort(key=lambda item: (-item[0], item[1]))
    return [index.pages[place] for score, place in scored[:most] if score >= _SHARE * scored[0][0]]


def as_text(query: str, pages: list[Page]) -> str:
    """What a model gets to read of a search."""
    if not pages:
        return f"No page was found for: {query}"
    blocks = [f"# {page.title}\n{page.url} ({page.date})\n{page.text}" for page in pages]
    return "\n\n".join(blocks)


@cache
def _index() -> _Index:
    source = Path(__file__).with_name("pages.md").read_text("utf-8")
    pages = tuple(
        Page(match["title"], match["url"], match["date"], " ".join(match["text"].split()))
        for match in _PAGE.finditer(source)
    )
    counts = tuple(Counter(words(page.title) * _TITLE + words(page.text)) for page in pages)
    holding = Counter(word for each in counts for word in each)
    rarity = {word: math.log(1 + (len(pages) - n + 0.5) / (n + 0.5)) for word, n in holding.items()}
    return _Index(pages, counts, rarity, sum(each.total() for each in counts) / len(pages))
