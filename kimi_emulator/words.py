"""Words, sentences and how well two texts fit: everything the brain knows about language."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence

__all__ = ["clauses", "rarity", "sentences", "shorten", "stem", "words"]

STOP_WORDS = frozenset(
    """a an and any are as at be been but by can could did do does for from give had has have he her his how i if in
    into is it its just let me my of on or our please she should so some tell than that the their them then there
    these they this those to us use using want was we were what when where which who whom whose why will with would
    you your about also am not no yes s t d ll m re ve whats is many much""".split()  # noqa: SIM905
)
_WORD = re.compile(r"[a-z0-9]+|[㐀-鿿぀-ヿ가-힯]+")
_CJK_STOPS = re.compile(
    "怎么样|为什么|什么|哪里|哪儿|哪个|哪些|哪|多少|多久|多大|多远|怎么|怎样|如何|请问|请|告诉我|[的了吗呢吧啊是在有和与或谁几这那我你您]"
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_CJK = re.compile(r"[㐀-鿿぀-ヿ가-힯]")


def stem(word: str) -> str:
    """A crude stem: plural, -ing, -ed and -ly endings go."""
    if len(word) > 3 and word.endswith("ies"):
        return word[:-3] + "y"
    for ending in ("ingly", "ing", "edly", "ed", "ly", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            word = word[: -len(ending)]
            break
    return word[:-1] if len(word) > 3 and word.endswith("e") else word


def words(text: str) -> list[str]:
    """Stems of the words that carry meaning, in order; Chinese, Japanese and Korean give pairs of characters."""
    stems: list[str] = []
    for word in _WORD.findall(_CAMEL.sub(" ", text).lower().replace("'s ", " ").replace("’s ", " ")):
        if _CJK.match(word):
            for run in _CJK_STOPS.split(word):
                stems += [run] if len(run) == 1 else [run[i : i + 2] for i in range(len(run) - 1)]
        elif word not in STOP_WORDS:
            stems.append(stem(word))
    return stems


_BREAK = re.compile(r"(?<=[.!?])[\"')\]]?\s+(?=[A-Z0-9\"'(\[])|(?<=[。！？])")
_ABBREVIATION = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|No|St|vs|e\.g|i\.e|approx|Prof|Inc|Ltd|[A-Z])\.$")


def sentences(text: str) -> list[str]:
    """The sentences of a text, line by line; a table row is one."""
    pieces: list[str] = []
    for line in text.splitlines():
        is_row = " | " in line or line.lstrip().startswith("|")
        begun = len(pieces)
        for piece in [line] if is_row else _BREAK.split(line):
            if len(pieces) > begun and _ABBREVIATION.search(pieces[-1]):
                pieces[-1] += " " + piece
            elif piece.strip():
                pieces.append(piece.strip())
    return pieces


def rarity(documents: Sequence[Iterable[str]]) -> dict[str, float]:
    """How much a word tells: high for words in few of the documents."""
    counts = Counter(word for document in documents for word in set(document))
    return {word: math.log(1 + len(documents) / count) for word, count in counts.items()}


_CLAUSE = re.compile(
    r"(?:,|;|[.?!])?\s+(?:and then|then|and also|and|also|after that|afterwards)\s+|[;?!]\s+|\.\s+(?=[A-Z])"
)


def clauses(text: str) -> list[str]:
    """The parts of a request that may be requests of their own."""
    return [clause for clause in _CLAUSE.split(text) if clause.strip()]


def shorten(text: str, length: int) -> str:
    """The text on one line; of a longer one its first words, and dots."""
    text = " ".join(text.split())
    return text if len(text) <= length else text[:length].rsplit(" ", 1)[0] + " ..."
