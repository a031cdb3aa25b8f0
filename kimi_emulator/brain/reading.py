"""The parts of a prompt: what is asked, the texts it is asked about, and what only tells how to answer."""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from kimi_emulator.brain.language import pattern
from kimi_emulator.words import sentences

_LONG = 20_000
"""Characters in which instructions are looked for: those of a longer text stand at its beginning."""
_OPENS = re.compile(r"\{\s*[\"\w}]|\[\s*\{")
_BARE_KEY = re.compile(r"([{,]\s*)([A-Za-z_]\w*)(\s*:)")
_DOTS = re.compile(r",?\s*\.\.\.\s*(?=[\]}])")


class Section(NamedTuple):
    """What follows a label; ``kind`` is question, context, answer or "" (before the first label)."""

    kind: str
    label: str
    text: str


class Parts(NamedTuple):
    """A question, and the text around it."""

    question: str
    rest: str


def sections(text: str) -> list[Section]:
    """The text cut at its labels."""
    matches = [match for name in ("label", "inline") for match in pattern(f"reading.{name}").finditer(text)]
    heads: list[re.Match[str]] = []
    for match in sorted(matches, key=lambda match: match.start()):
        if not heads or match.start() >= heads[-1].end():
            heads.append(match)
    ends = [*(head.start() for head in heads), len(text)]
    cut = [Section("", "", text[: ends[0]])]
    for head, end in zip(heads, ends[1:], strict=True):
        cut.append(Section(str(head.lastgroup), head[0].strip(" \t#*:：【】[]<>").lower(), text[head.end() : end]))
    return cut


def split(text: str) -> Parts:
    """The question in a prompt, and what is left without it."""
    if refine := pattern("reading.refine").search(text):
        return Parts(refine[1].strip(), text[refine.end() :])
    question_tag, context_tag = pattern("reading.question_tag"), pattern("reading.context_tag")
    contexts = [match[2] for match in context_tag.finditer(text)]
    tagged = [match[2] for match in question_tag.finditer(text)]
    if contexts or tagged:
        outside = context_tag.sub("\n", question_tag.sub("\n", text)).strip()
        question = tagged[-1] if tagged else split(outside).question if outside else ""
        return Parts(question, "\n\n".join(contexts) or outside)
    marked = [(match.start(), match[1]) for match in pattern("reading.open_tag").finditer(text)]
    marked += [(match.start(), match[2]) for match in pattern("reading.quoted").finditer(text)]
    if marked:
        start, question = max(marked)
        return Parts(question, text[:start])
    return _by_labels(text) or _by_place(text)


def _asks(line: str) -> bool:
    return line.rstrip().endswith(("?", "？"))


def _by_labels(text: str) -> Parts | None:
    cut = sections(text)
    places = [place for place, part in enumerate(cut) if part.kind == "question" and part.text.strip()]
    contexts = [part.text for part in cut if part.kind == "context" and part.text.strip()]
    if not places:
        # A question without a label, before the texts or behind them.
        around = [cut[0].text.strip(), *contexts[-1].strip().splitlines()[-1:]] if contexts else []
        asking = [line.splitlines()[-1] for line in around if _asks(line) and len(line) < 300]
        return Parts(asking[0], "\n".join(contexts).replace(asking[0], "", 1)) if asking else None
    chosen, before = cut[places[-1]], cut[: places[-1]]
    # Its first line; what follows a bare heading, its first paragraph.
    question = chosen.text.lstrip().split("\n\n")[0] if chosen.text[:1] == "\n" else chosen.text.split("\n", 1)[0]
    # The question first, then the texts; or the texts first.
    behind = [part.text for part in cut[places[-1] + 1 :] if part.kind == "context"]
    ahead = [part.text for part in before if part.kind == "context" and before[-1].kind == "context"]
    others = [f"{part.text}\n" for part in before if part.kind != "answer" or len(part.text) > 40]
    rest = "\n".join(behind or ahead or others)
    return Parts(question.strip(), rest) if len(rest.strip()) > 5 or len(text) > len(question) + 20 else None


def _by_place(text: str) -> Parts:
    apart = re.split(r"\n\s*\n", text.strip())
    # A text and a question, with an empty line between.
    asking = [each for each in (apart[-1], apart[0]) if _asks(each) and "\n" not in each] if len(apart) > 1 else []
    rest = "\n\n".join(each for each in apart if each not in asking[:1])
    if asking and len(rest) > 20 and not _asks(rest):
        return Parts(asking[0].strip(), rest)
    lines = [line for line in text.splitlines() if line.strip() and not pattern("reading.lead").match(line)]
    points = pattern("reading.points").search(text)
    if len(lines) > 1 and (points or len(text) >= 200):
        question = next((line for line in (lines[-1], lines[0]) if _asks(line)), lines[-1])
        return Parts(question.strip(), text.replace(question, "", 1))
    pieces = sentences(text.strip()) if points else []
    asking = [piece for piece in pieces if _asks(piece)]
    strong = pattern("reading.strong")
    bare = [re.sub(r"^[^：:]{2,30}：", "", piece) if strong.match(piece) else piece for piece in pieces]
    statements = [piece for piece in bare if piece not in asking and not strong.match(piece)]
    if len(asking) == 1 and sum(map(len, statements)) >= 10:
        return Parts(pattern("reading.according").sub("", asking[0]), " ".join(statements))
    return Parts(text.strip(), "")


def without_instructions(text: str) -> str:
    """The text without sentences that tell a model who it is and how to answer: they are no documents."""
    lines: list[str] = []
    telling = False
    end = text.find("\n", _LONG)
    text, rest = (text[:end], text[end:]) if end >= 0 else (text, "")
    for line in text.splitlines():
        own = sentences(line)
        texts: list[str] = []
        for place, sentence in enumerate(own):
            bare = re.sub(r"^[\s\d.)*•-]+", "", sentence)
            if pattern("reading.strong").match(bare) or (telling and pattern("reading.weak").match(bare)):
                telling = True
                # `Use this context: The mill ...`, `Answer the question: "Who ...?"`: what follows is no instruction.
                head, _, behind = sentence.partition(": ")
                if len(head) < 200 and (len(behind) > 60 or behind.startswith(("'", '"', "“"))):
                    texts.append(behind)
                continue
            telling = telling and place > 0 and len(sentence) < 40
            texts.append(sentence)
        lines.append(line if len(texts) == len(own) else " ".join(texts))
    return ("\n".join(lines) + rest).strip()


def json_in(text: str) -> Iterator[tuple[Any, int, int]]:
    """Objects and lists of objects in a text, with where they begin and end.

    Samples may be sloppy: keys without quotes, lists that end in dots.
    """
    decoder, place = json.JSONDecoder(), 0
    for _ in range(50):
        if not (match := _OPENS.search(text, place)):
            return
        start = match.start()
        try:
            value, place = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            try:
                value = decoder.raw_decode(_BARE_KEY.sub(r'\1"\2"\3', _DOTS.sub("", text[start : start + 4000])))[0]
            except (ValueError, RecursionError):
                place = start + 1
                continue
            close = text.find("]" if text[start] == "[" else "}", start)
            place = close + 1 if close > 0 else len(text)
        yield value, start, place
