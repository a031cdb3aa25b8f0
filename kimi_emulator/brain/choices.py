"""Numbered lists in a request, and which of their items a question is about.

Frameworks let a model choose among data sources, rank documents and cite sources by numbers:
`(1) minutes of meetings`, `Document 3:`, `Source 2:`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kimi_emulator.brain.language import pattern, words_of
from kimi_emulator.brain.naming import parts
from kimi_emulator.words import clauses, rarity, shorten, words


@dataclass(frozen=True)
class Choice:
    """An item of a numbered list, and how well it fits the question from 1 to 10 (0: not at all)."""

    number: int
    text: str
    relevance: int = 0


def numbered_items(text: str) -> list[Choice]:
    """The last numbered list of a text: lists before it are examples. [] when there is none."""
    heads = list(pattern("choices.head").finditer(text))
    numbers = [int(head[1] or head[2]) for head in heads]
    first = len(numbers) - 1 - numbers[::-1].index(1) if 1 in numbers else len(numbers)
    ends = [*(head.start() for head in heads[1:]), len(text)]
    items: list[Choice] = []
    for head, number, end in list(zip(heads, numbers, ends, strict=False))[first:]:
        if number != len(items) + 1:
            break
        last = pattern("choices.end").search(text, head.end()) if end == len(text) else None
        items.append(Choice(number, text[head.end() : last.start() if last else end].strip()))
    return items


def rank(question: str, choices: Sequence[Choice]) -> list[Choice]:
    """The items that fit a question, best first; of items that fit equally badly, the first one."""
    own = [set(words(choice.text)) for choice in choices]
    weight = rarity(own)
    scores = [sum(weight[word] for word in each & set(words(question))) for each in own]
    top = max(scores, default=0.0)
    if not top:
        return [replace(choice, relevance=1) for choice in choices[:1]]
    best_first = sorted(zip(scores, choices, strict=True), key=lambda pair: (-pair[0], pair[1].number))
    fitting = [(score, each) for score, each in best_first if score >= 0.6 * top]
    return [replace(each, relevance=max(1, round(10 * score / top))) for score, each in fitting]


def counts_items(schema: Mapping[str, Any]) -> str | None:
    """The whole-number member of an object schema that names an item of a list, or None."""
    properties = schema.get("properties")
    members = properties.items() if isinstance(properties, dict) else ()
    whole = [name for name, member in members if isinstance(member, dict) and member.get("type") == "integer"]
    return next((name for name in whole if parts(name) & words_of("numbers_of_items")), None)


def about(choice: Choice, schema: Mapping[str, Any], counter: str) -> dict[str, Any]:
    """What can be said of an item in the members of an object schema."""
    members: dict[str, Any] = {counter: choice.number}
    for name, member in schema["properties"].items():
        kind = member.get("type") if isinstance(member, dict) and name != counter else None
        if kind in ("integer", "number") and parts(name) & words_of("rates_of_items"):
            members[name] = choice.relevance
        elif kind == "string":
            members[name] = f"It says: {shorten(choice.text, 120)}"
    return members


def with_names_of(description: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Parameters of a function, one of them limited to the names that its description lists with what each is for.

    `Available agents: {'billing': 'Knows invoices'}` limits a parameter called `to_agent` or `agents`.
    """
    match = re.search(r"([^\n:]{1,80}):\s*(\{[^{}]{1,5000}\})", description)
    properties = parameters.get("properties")
    if not match or not isinstance(properties, dict):
        return parameters
    try:
        names = ast.literal_eval(match.group(2))
    except (ValueError, SyntaxError, RecursionError):
        return parameters
    if not isinstance(names, dict) or not names or not all(isinstance(name, str) for name in names):
        return parameters
    announced = set(words(match.group(1)))
    for name, schema in properties.items():
        if schema.get("type") == "string" and "enum" not in schema and set(words(name.replace("_", " "))) & announced:
            limited = {**schema, "enum": list(names), "enumDescriptions": names}
            return {**parameters, "properties": {**properties, name: limited}}
    return parameters


def assign(question: str, schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Parts of the question, each with the name (of several, which have descriptions) that fits it best.

    For schemas of a free text and a name: `{"sub_question": ..., "tool_name": ...}`. [] for other schemas.
    """
    properties: Mapping[str, Any] = schema.get("properties") or {}
    enums = [key for key, member in properties.items() if isinstance(member, dict) and "enumDescriptions" in member]
    free = [key for key, member in properties.items() if member == {"type": "string"}]
    if len(enums) != 1 or len(free) != 1 or len(properties) != 2:
        return []
    described = properties[enums[0]]["enumDescriptions"]
    options = [Choice(place, f"{name} {text}") for place, (name, text) in enumerate(described.items())]
    ends = question.rstrip()[-1:] if question.rstrip()[-1:] in "?？" else ""
    names, rows = list(described), []
    for part in clauses(question):
        part_question = part.strip().rstrip("?？ ") + ends
        name = names[rank(part_question, options)[0].number]
        rows.append({free[0]: part_question[:1].upper() + part_question[1:], enums[0]: name})
    return rows
