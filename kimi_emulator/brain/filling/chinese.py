"""Values in Chinese texts, which set no spaces: names, numbers, days; Japanese and Korean names as far as that goes."""

import re
from collections.abc import Iterator
from functools import cache

from kimi_emulator.brain.language import load, others, pattern, terms, words_of

FROM, TO = "从由自", "到去往至给成为"
"""Characters behind which a text says where from and where to."""
_SCRIPT = "㐀-鿿々〆ヵヶァ-ヺー가-힯"
_BRACKETS = str.maketrans("（）", "()")


def is_chinese(text: str) -> bool:
    """Whether a text is written in Chinese: in its characters, without Japanese or Korean ones."""
    return bool(re.search(r"[一-鿿]", text)) and not re.search(r"[ぁ-ヺ가-힯]", text)


@cache
def _stops() -> re.Pattern[str]:
    sections = ("tools", "units", "members")
    words = {term for section in sections for head in terms(section) for term in others(section, head)}
    words = {term for term in words if len(term) > 1 and re.search(f"[{_SCRIPT}]", term)} | words_of("between_names")
    return re.compile("|".join(sorted(map(re.escape, words), key=lambda word: -len(word))))


def names(text: str) -> Iterator[tuple[str, int, int]]:
    """What is left of a text without its everyday words: names of two to ten characters."""
    bare = _stops().sub(lambda stop: " " * len(stop[0]), text)
    for run in re.finditer(rf"[{_SCRIPT}ぁ-ゖ]+", bare):
        piece = re.sub(r"^[想要会将有被让]+|[有要会将来正]+$", "", run[0])
        if 2 <= len(piece) <= 10 and not pattern("chinese.only_number").fullmatch(piece):
            place = text.index(piece, run.start())
            yield piece, place, place + len(piece)


def behind(text: str, signs: str) -> Iterator[tuple[str, int, int]]:
    """Names right behind one of the characters: `FROM`, `TO`."""
    return (each for each in names(text) if each[1] and text[each[1] - 1] in signs)


def digits(number: str) -> int:
    """The value of a number below 1,000 in Chinese characters."""
    for sign, value in (("百", 100), ("十", 10)):
        if sign in number:
            head, _, tail = number.partition(sign)
            return value * (digits(head) or 1) + digits(tail.lstrip("零"))
    return load("words")["number_words"].get(number, 0)


def numbers(text: str) -> Iterator[tuple[str, int, int]]:
    """Numbers in Chinese characters in front of a measure word."""
    for match in pattern("chinese.counted").finditer(text):
        yield str(digits(match[1])), match.start(1), match.end(1)


def write_signs(text: str) -> str:
    """The text with signs where it says them: 3加5 and `3 plus 5` are 3+5, the square root of 9 is 9**0.5."""
    signs = load("words")["signs"]
    for spoken, written in load("words")["spoken_sums"].items():
        text = re.sub(spoken, written, text)
    return pattern("chinese.sign").sub(lambda match: signs[match[1].lower()], text).translate(_BRACKETS)
