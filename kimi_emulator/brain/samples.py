"""Formats that a prompt asks for in words: a JSON Schema, a sample of the JSON or of the lines, a labelled field.

Nothing here knows a prompt by heart. What is recognised is how prompts show a format: a schema in the text, a sample
behind the same label that the prompt ends with, a sample after the word "example", `LABEL: <what>` in quotes.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any

from kimi_emulator.brain import choices
from kimi_emulator.brain.conversation import Conversation
from kimi_emulator.brain.documents import best
from kimi_emulator.brain.fill import Filler
from kimi_emulator.words import rarity, sentences, stem, words

__all__ = ["answer", "refine"]

_LABEL_AT_END = re.compile(r"(?:^|\n)[ \t]*(<[\w ]{1,40}>|[A-Z][\w ]{1,40}:)\s*$")
_WORD_AT_END = re.compile(r"\b(title|keywords|summary)[ \t]*:[ \t]*(?:\"{3})?\s*$", re.IGNORECASE)
_QUOTED_FORM = re.compile(r"['\"`]([A-Z][A-Z ]{1,30}):\s*<([\w -]{1,40})>['\"`]")
_RATED_LINE = re.compile(r"^[ \t]*(\w{2,20}):[ \t]*\d{1,3},[ \t]*(\w{2,20}):[ \t]*\d{1,3}[ \t]*$", re.MULTILINE)
_SAYS_JSON = re.compile(r"\bJSON\b", re.IGNORECASE)
_EXAMPLE = re.compile(r"\b(?:example|format|sample)\b[^\n:]{0,100}:[^\n]{0,100}\n", re.IGNORECASE)
_CITE = re.compile(r"\bcit(?:e|ation)\b.{0,200}\bnumbers?\b", re.IGNORECASE | re.DOTALL)
_BARE_KEY = re.compile(r"([{,]\s*)([A-Za-z_]\w*)(\s*:)")
_OPENS = re.compile(r"\{\s*[\"\w}]|\[\s*\{")
_DOTS = re.compile(r",?\s*\.\.\.\s*(?=[\]}])")
_METADATA = re.compile(r"^\s*(?:[\w -]{1,30}:\s*\S*|\[[^\n]*\]|[-=]{3,})\s*$")


def answer(talk: Conversation, plain: str) -> str | None:
    """The answer in the format that the request asks for, or None when it shows none. ``said`` is the plain answer."""
    request = talk.request
    schema, rest = _schema_in_words(request)
    if schema is not None:
        filled = Filler([rest, *talk.system], schema, question=talk.question)
        return json.dumps(filled.value("", schema)[0], ensure_ascii=False)
    field = _WORD_AT_END.search(request)
    if field:
        return _field(field.group(1).lower(), request)
    listed = choices.numbered_items(request)
    form = _QUOTED_FORM.search(request)
    if form:
        label, what = form.groups()
        if "number" in what.lower() and listed:
            return f"{label}: " + ", ".join(str(choice.number) for choice in choices.rank(talk.question, listed))
        if "keyword" in what.lower():
            return f"{label}: {_field('keywords', request)}"
    rated = _RATED_LINE.search(request)
    if rated and listed:
        number, rating = rated.groups()
        fitting = choices.rank(talk.question, listed)
        return "\n".join(f"{number}: {choice.number}, {rating}: {choice.relevance}" for choice in fitting)
    if listed and _CITE.search(request):
        quoted = best(talk.question, [choice.text for choice in listed], most=1)
        source = next((choice.number for choice in listed if quoted and quoted in " ".join(choice.text.split())), None)
        return f"{quoted} [{source}]" if source else plain
    return None


# ------------------------------------------------------------------------------------------------- JSON


def _schema_in_words(request: str) -> tuple[Mapping[str, Any] | None, str]:
    """The schema that the request spells out, or that fits the sample it shows; and the request without it."""
    if not _SAYS_JSON.search(request):
        return None, request
    if "{{" in request:  # some templates leave their escapes in the text
        request = request.replace("{{", "{").replace("}}", "}")
    values = list(_json_in(request))
    schemas = [each for each in values if isinstance(each[0], dict) and isinstance(each[0].get("properties"), dict)]
    if schemas:
        schema, start, end = schemas[-1]
        return schema, request[:start] + request[end:]
    shown = _sample(request, values)
    if shown is None:
        return None, request
    sample, start, end = shown
    # Names with descriptions, as `{"tool": "what it is for"}`: where the sample uses such names, so must the answer.
    named = [
        value
        for value, _, _ in values
        if isinstance(value, dict) and value and all(isinstance(each, str) for each in value.values())
    ]
    known = {name for value in named[:-1] or named for name in value}
    return _fitting(sample, named[-1] if named else {}, known), request[:start] + request[end:]


def _sample(request: str, values: Sequence[tuple[Any, int, int]]) -> tuple[Any, int, int] | None:
    """The JSON behind the label that the request ends with, or behind the word "example"."""
    label = _LABEL_AT_END.search(request)
    before = request.rfind(f"\n{label.group(1)}\n", 0, label.start(1) - 1) if label else -1
    places = [before] if before >= 0 else [match.end() for match in _EXAMPLE.finditer(request)]
    return next((each for place in places for each in values if each[1] >= place), None)


def _json_in(text: str) -> Iterator[tuple[Any, int, int]]:
    """Objects and lists of objects in a text, with where they begin and end.

    Samples may be sloppy: keys without quotes, lists that end in dots.
    """
    decoder, place = json.JSONDecoder(), 0
    for _ in range(50):
        match = _OPENS.search(text, place)
        if not match:
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


def _fitting(sample: Any, names: Mapping[str, str], known: set[str]) -> dict[str, Any]:
    """A JSON Schema that the sample fits."""
    if isinstance(sample, dict):
        members = {key: _fitting(value, names, known) for key, value in sample.items()}
        return {"type": "object", "properties": members, "required": list(members)}
    if isinstance(sample, list):
        return {"type": "array", "items": _fitting(sample[0], names, known) if sample else {}, "minItems": 1}
    if isinstance(sample, bool):
        return {"type": "boolean"}
    if isinstance(sample, int | float):
        return {"type": "integer" if isinstance(sample, int) else "number"}
    if isinstance(sample, str) and sample in known and names:
        return {"type": "string", "enum": list(names), "enumDescriptions": dict(names)}
    return {"type": "string"}


# ------------------------------------------------------------------------------------------------- fields


def _field(name: str, request: str) -> str:
    """A title, key words or a summary of the text in the request; sentences about the task itself are no part of it."""
    mark = name.rstrip("s")[:5]
    own = [
        " ".join(chosen)
        for line in request.splitlines()
        if not _METADATA.match(line)
        and (chosen := list(takewhile(lambda s: mark not in s.lower() and not s.endswith(":"), sentences(line))))
    ]
    if name == "title":
        return re.sub(r"^(?:context:)?[\s#*]*", "", own[0], flags=re.IGNORECASE)[:80].strip(" .") if own else "Untitled"
    if name == "keywords":
        # Names tell most about a text, then long words that come back.
        counts = Counter(word for line in own for word in re.findall(r"[^\W\d_]{4,}", line) if words(word))
        best_first = sorted(counts, key=lambda word: (-counts[word], not word[0].isupper(), -len(word), word))
        once = {stem(word.lower()): word for word in reversed(best_first)}
        number = re.search(r"\b(\d{1,2})\b[^.\n]{0,20}\bkeywords\b", request, re.IGNORECASE)
        return ", ".join(list(reversed(once.values()))[: int(number.group(1)) if number else 5])
    weight = rarity([words(line) for line in own])
    telling = sorted(own, key=lambda line: -sum(weight[word] for word in set(words(line))) / (8 + len(line) / 20))
    chosen = set(telling[:3])
    return " ".join(line.strip("# ") for line in own if line in chosen)[:600]


def refine(talk: Conversation) -> str | None:
    """The better of an answer that the request gives and what its new text says, or None when it gives none."""
    original = re.search(
        r"^\s*(?:original|existing) answer\s*:\s*(.+?)\s*$", talk.request, re.IGNORECASE | re.MULTILINE
    )
    if not original:
        return None
    old = original.group(1)
    return best(talk.question, [*talk.documents, old], most=1) or old
