"""Partial mode: the rest of an answer that was begun, JSON or text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from kimi_emulator.brain.skills import speech, structured
from kimi_emulator.brain.task import Task
from kimi_emulator.script import Reply

__all__ = ["answer"]


def answer(task: Task) -> Reply | None:
    """Only the continuation, or None when nothing was begun."""
    prefix = task.context.prefix
    if prefix is None:
        return None
    whole = structured.in_format(task)
    if whole and not prefix.strip():
        return Reply(content=json.dumps(whole[0], ensure_ascii=False))
    if whole or prefix.rstrip().rsplit("\n", 1)[-1].lstrip("`jsonJSON \n").startswith(("{", "[")):
        members = whole[0] if whole else structured.in_words(task)
        rest = continue_json(prefix, members if isinstance(members, dict) else {})
        if rest is not None:
            return Reply(content=rest)
    plain = speech.say(task.talk)
    if plain.startswith(prefix):
        return Reply(content=plain[len(prefix) :])
    return Reply(content=plain if prefix[-1:].isspace() or not prefix else f" {plain}")


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
