"""Answers that are JSON: after a schema, after a schema or a sample that the prompt shows, or after its words."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from kimi_emulator.brain.conversation import Task
from kimi_emulator.brain.filling.fill import Filler
from kimi_emulator.brain.filling.values import Source
from kimi_emulator.brain.language import capture, pattern
from kimi_emulator.brain.reading import json_in, without_instructions
from kimi_emulator.brain.skills import speech
from kimi_emulator.script import Reply
from kimi_emulator.words import sentences

_LONG = 1000
"""Sentences about a format are shorter."""


def answer(task: Task) -> Reply | None:
    """JSON where the request wants it, else None."""
    frame = task.talk.frame
    values = in_format(task) or _after_form(task, samples=not task.talk.done)
    if not values and "{" not in frame and pattern("structured.demand").search(frame) and _keys(task):
        # Where the whole text describes the format, there is nothing to fill it with.
        is_empty = pattern("structured.about_format").search(_without_format(task.talk.request))
        values = [] if is_empty else [in_words(task)]
    if not values:
        return None
    text = json.dumps(values[0], ensure_ascii=False)
    fenced = pattern("structured.fenced").search(task.talk.request) and not task.response_format
    return Reply(content=f"```json\n{text}\n```" if fenced else text)


def in_format(task: Task) -> list[Any]:
    """The whole answer (as a list of one: it may be null) where ``response_format`` wants JSON, else []."""
    kind = task.response_format.get("type")
    if kind == "json_schema":
        schema = task.response_format["json_schema"].get("schema")
        texts = [_without_format(text) for text in task.texts]
        return [Filler(texts, schema if isinstance(schema, dict) else {}, question=task.talk.question).whole()[0]]
    if kind != "json_object":
        return []
    values = _after_form(task, samples=True)
    return values if values and isinstance(values[0], dict) else [in_words(task)]


def in_words(task: Task) -> dict[str, Any]:
    """An object with the keys that the request names; without any, the answer under "answer"."""
    if not (keys := _keys(task)):
        return {"answer": speech.say(task.talk)}
    # Sentences about the format itself hold no values.
    own = [_without_format(text) for text in task.texts]
    spoken = Source("\n".join(own))
    numeric = [key for key in keys if pattern("structured.numeric").search(key) or spoken.number_near(key)]
    kinds = {key: {"type": "number" if key in numeric else "string"} for key in keys}
    schema = {"type": "object", "properties": kinds, "required": keys}
    return Filler(own, schema, question=_without_format(task.talk.question)).whole()[0]


def _keys(task: Task) -> list[str]:
    """The keys that the request names."""
    request = "\n".join([*task.talk.prompts, task.talk.request])
    quoted = pattern("structured.quoted_key").findall(request) if pattern("structured.keys").search(request) else []
    keys = [key for key in quoted if key.lower() not in ("json", "key", "keys")]
    bare = capture("structured.bare_keys", request) or capture("structured.chinese_keys", request)
    keys = keys or re.split(r"\s*(?:[,，、和及与]|\band\b)\s*", bare)
    return [key.strip() for key in dict.fromkeys(keys) if key.strip()]


def _without_format(text: str) -> str:
    """The text without sentences about the format of the answer."""

    def keep(sentence: str) -> str:
        is_about = len(sentence) <= _LONG and pattern("structured.about_format").search(sentence)
        return capture("structured.behind", sentence) if is_about else sentence

    lines = (" ".join(map(keep, sentences(line))) for line in text.splitlines())
    return "\n".join(line for line in lines if line.strip()) or text


def _after_form(task: Task, *, samples: bool) -> list[Any]:
    """The answer (as a list of one) after a schema or a sample in the prompt; [] when it shows none."""
    talk = task.talk
    for text in (talk.request, *talk.prompts):
        schema, rest = _schema_in_words(text, samples=samples)
        if schema:
            rest = without_instructions(_without_format(rest))
            query = rest if text is talk.request else talk.question
            beside = talk.system if text is talk.request else [rest, *(each for each in talk.system if "{" not in each)]
            texts = [*(done.content for done in talk.done), query, *beside, *talk.earlier]
            # Only its first sentence: later ones may belong to the instructions.
            question = talk.question if "".join(sentences(talk.question)[:1]) in query else query
            return [Filler(texts, schema, question=question).whole()[0]]
    return []


def _schema_in_words(request: str, *, samples: bool) -> tuple[Mapping[str, Any], str]:
    """The schema that the request spells out, or that fits the sample it shows, or {}; and the request without it."""
    if "{{" in request:  # some templates leave their escapes in the text
        request = request.replace("{{", "{").replace("}}", "}")
    values = list(json_in(request)) if pattern("structured.says_json").search(request) else []
    objects = [each for each in values if isinstance(each[0], dict)]
    schemas = [each for each in objects if _is_schema(each[0])]
    sample = schemas[-1] if schemas else _sample(request, values) if samples else None
    if sample is None:
        return {}, request
    value, start, end = sample
    # Names with descriptions, as `{"tool": "what it is for"}`: where the sample uses such names, so must the answer.
    descriptions = [each for each, _, _ in objects if each and all(isinstance(text, str) for text in each.values())]
    known = {name for each in descriptions[:-1] or descriptions for name in each}
    schema = value if schemas else _fitting(value, descriptions[-1] if descriptions else {}, known)
    return schema, request[:start] + request[end:]


def _is_schema(value: Mapping[str, Any]) -> bool:
    return isinstance(value.get("properties"), dict) or ("$defs" in value and ("$ref" in value or "anyOf" in value))


def _sample(request: str, values: Sequence[tuple[Any, int, int]]) -> tuple[Any, int, int] | None:
    """The JSON behind the label that the request ends with, or behind the word "example"."""
    label = pattern("structured.label_at_end").search(request)
    before = request.rfind(f"\n{label[1]}\n", 0, label.start(1) - 1) if label else -1
    places = [before] if before >= 0 else [match.end() for match in pattern("structured.example").finditer(request)]
    return next((each for place in places for each in values if each[1] >= place), None)


def _fitting(sample: Any, names: Mapping[str, str], known: set[str]) -> dict[str, Any]:
    """A JSON Schema that the sample fits."""
    if isinstance(sample, dict):
        fitting = {key: _fitting(value, names, known) for key, value in sample.items()}
        return {"type": "object", "properties": fitting, "required": list(fitting)}
    if isinstance(sample, list):
        return {"type": "array", "items": _fitting(sample[0], names, known) if sample else {}, "minItems": 1}
    if isinstance(sample, str) and sample in known and names:
        return {"type": "string", "enum": list(names), "enumDescriptions": dict(names)}
    kinds = {bool: "boolean", int: "integer", float: "number"}
    return {"type": kinds.get(type(sample), "string")}
