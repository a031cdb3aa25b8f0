"""Answers that are JSON: after a schema, after the words of the request, or as the rest of something begun."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from kimi_emulator.brain.fill import Filler
from kimi_emulator.brain.values import Source
from kimi_emulator.words import sentences

__all__ = ["continue_json", "from_schema", "from_words"]

_KEYS = re.compile(r"(?:keys?|fields?|propert(?:y|ies)|members?|attributes?|entries)\b", re.IGNORECASE)
_NUMERIC = re.compile(r"age$|count|number|year|price|total|amount|quantity|score", re.IGNORECASE)
_ABOUT_FORMAT = re.compile(r"\bJSON\b.*\b(?:key|field|format|object|nothing|only)|nothing other than", re.IGNORECASE)
_QUOTED_KEY = re.compile(r"[\"'`]([A-Za-z_][\w-]{0,60})[\"'`]")
_BARE_KEYS = re.compile(
    r"(?:keys?|fields?|properties|members?|attributes?|JSON(?: object)? with)\b\s*(?:are|named|called|:)?\s*"
    r"((?:[a-z_][\w]*\s*(?:,|and)+\s*)*[a-z_]\w*)",
)


def from_schema(schema: Mapping[str, Any], texts: Sequence[str], question: str) -> dict[str, Any]:
    """An object that is valid for the schema, with values from the texts where names match."""
    filled = Filler(texts, schema, question=question)
    resolved = filled.resolve(schema)
    branches = resolved.get("anyOf") or resolved.get("oneOf")
    if "properties" not in resolved and isinstance(branches, list) and branches:
        resolved = branches[0]
    return filled.object(resolved)[0]


def from_words(request: str, texts: Sequence[str], question: str, answer: str) -> dict[str, Any]:
    """An object with the keys that the request names; without any, the answer under "answer"."""
    keys: list[str] = []
    if _KEYS.search(request) or "{" in request or "JSON" in request:
        keys = [key for key in _QUOTED_KEY.findall(request) if key.lower() not in ("json", "key", "keys")]
    if not keys:
        bare = _BARE_KEYS.search(request)
        keys = re.split(r"\s*(?:,|\band\b)\s*", bare.group(1)) if bare else []
    keys = [key for key in dict.fromkeys(keys) if key]
    if not keys:
        return {"answer": answer}
    # What is said about the format itself holds no values.
    own = [
        " ".join(s for line in text.splitlines() for s in sentences(line) if not _ABOUT_FORMAT.search(s)) or text
        for text in texts
    ]
    spoken = Source("\n".join(own))
    kinds = {key: {"type": "number" if _NUMERIC.search(key) or spoken.number_near(key) else "string"} for key in keys}
    schema = {"type": "object", "properties": kinds, "required": keys}
    return Filler(own, schema, question=question).object(schema)[0]


_OPEN_KEY = re.compile(r'"((?:[^"\\]|\\.)*)"\s*:\s*(?:"((?:[^"\\]|\\.)*))?$')
_ENDINGS = (
    *("", '"', '": ""', ': ""', '""', "null", '"": null', "0"),
    *("e", "ue", "rue", "alse", "lse", "se", "ull", "ll", "l"),
)


def _closers(text: str) -> tuple[str, bool]:
    """The brackets that are still open, innermost first, and whether the text ends inside a string."""
    stack: list[str] = []
    inside = escaped = False
    for sign in text:
        if inside:
            if escaped:
                escaped = False
            elif sign == "\\":
                escaped = True
            elif sign == '"':
                inside = False
        elif sign == '"':
            inside = True
        elif sign in "{[":
            stack.append("}" if sign == "{" else "]")
        elif sign in "}]" and stack:
            stack.pop()
    return "".join(reversed(stack)), inside


def continue_json(prefix: str, members: Mapping[str, Any]) -> str | None:
    """The rest that makes ``prefix`` a JSON text holding the ``members``, or None if it cannot be one."""
    start = re.search(r"[{\[]", prefix)
    if not start:
        return None
    begun = prefix[start.start() :]
    brackets, inside = _closers(begun)
    if not brackets:
        return ""
    candidates: list[str] = list(_ENDINGS)
    open_key = _OPEN_KEY.search(begun)
    if open_key and (inside or not begun.rstrip().endswith('"')):
        value = members.get(open_key.group(1))
        if inside and isinstance(value, str):
            escaped = json.dumps(value, ensure_ascii=False)[1:-1]
            typed = open_key.group(2) or ""
            candidates.insert(0, (escaped[len(typed) :] if escaped.startswith(typed) else "") + '"')
        elif not inside and value is not None:
            candidates.insert(0, json.dumps(value, ensure_ascii=False))
    if begun.rstrip().endswith(","):
        missing = [key for key in members if f'"{key}"' not in begun]
        if missing:
            candidates.insert(0, f"{json.dumps(missing[0])}: {json.dumps(members[missing[0]], ensure_ascii=False)}")
    for ending in candidates:
        try:
            value = json.loads(begun + ending + brackets)
        except ValueError:
            continue
        rest = ending + brackets
        if isinstance(value, dict):
            more = {key: each for key, each in members.items() if key not in value}
            text = json.dumps(more, ensure_ascii=False)[1:-1]
            if text:
                rest = rest[:-1] + (", " if value else "") + text + "}"
        return rest + ("\n```" if "```" in prefix[: start.start()] else "")
    return None
