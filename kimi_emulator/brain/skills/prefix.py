"""Partial mode: the rest of an answer that was begun, JSON or text."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from kimi_emulator.brain.conversation import Task
from kimi_emulator.brain.skills import speech, structured
from kimi_emulator.script import Reply

_STRING = r'"(?:[^"\\]|\\.)*"'
_OPEN_KEY = re.compile(r'"((?:[^"\\]|\\.)*)"\s*:\s*(?:"((?:[^"\\]|\\.)*))?$')
_CUT_WORDS = [word[length:] for word in ("true", "false", "null") for length in range(1, len(word))]
_ENDINGS = ("", '"', '": ""', ': ""', '""', "null", '"": null', "0", *_CUT_WORDS)


def answer(task: Task) -> Reply | None:
    """Only the continuation, or None when nothing was begun."""
    if (prefix := task.context.prefix) is None:
        return None
    whole = structured.in_format(task)
    if whole and not prefix.strip():
        return Reply(content=json.dumps(whole[0], ensure_ascii=False))
    if whole or prefix.rstrip().rsplit("\n", 1)[-1].lstrip("`jsonJSON \n").startswith(("{", "[")):
        members = whole[0] if whole else structured.in_words(task)
        if (rest := continue_json(prefix, members if isinstance(members, dict) else {})) is not None:
            return Reply(content=rest)
    plain = speech.say(task.talk)
    space = "" if prefix[-1:].isspace() else " "
    return Reply(content=plain[len(prefix) :] if plain.startswith(prefix) else space + plain)


def continue_json(prefix: str, members: Mapping[str, Any]) -> str | None:
    """The rest that makes ``prefix`` a JSON text holding the ``members``, or None if it cannot be one."""
    if not (start := re.search(r"[{\[]", prefix)):
        return None
    begun = prefix[start.start() :]
    open_brackets = re.sub(r"[^][{}]", "", re.sub(rf"{_STRING}|\"[^\n]*$", "", begun))
    while (fewer := re.sub(r"\{\}|\[\]", "", open_brackets)) != open_brackets:
        open_brackets = fewer
    brackets = open_brackets[::-1].translate(str.maketrans("{[", "}]"))
    for ending in (*_ways_on(begun, members), *_ENDINGS) if brackets else ():
        try:
            value = json.loads(begun + ending + brackets)
        except ValueError:
            continue
        rest = ending + brackets
        if isinstance(value, dict):
            more = {key: each for key, each in members.items() if key not in value}
            text = json.dumps(more, ensure_ascii=False)[1:-1]
            rest = rest[:-1] + (", " if value and text else "") + text + "}"
        return rest + ("\n```" if "```" in prefix[: start.start()] else "")
    return None if brackets else ""


def _ways_on(begun: str, members: Mapping[str, Any]) -> Iterator[str]:
    """How the members go on: with the rest of a value, with a value, with the next member."""
    if begun.rstrip().endswith(","):
        missing = [key for key in members if f'"{key}"' not in begun]
        yield from (f"{json.dumps(key)}: {json.dumps(members[key], ensure_ascii=False)}" for key in missing[:1])
    open_key = _OPEN_KEY.search(begun)
    value = members.get(open_key[1]) if open_key else None
    if open_key and value is not None:
        text, typed = json.dumps(value, ensure_ascii=False), open_key[2]
        if typed is None:
            yield text
        elif isinstance(value, str):
            yield (text[1 + len(typed) : -1] if text[1:].startswith(typed) else "") + '"'
