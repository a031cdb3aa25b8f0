"""Numbered lists in a request, and which of their items a question is about.

Frameworks let a model choose among data sources, rank documents and cite sources by numbers:
`(1) minutes of meetings`, `Document 3:`, `Source 2:`.
"""

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

from kimi_emulator.brain.language import pattern, words_of
from kimi_emulator.brain.naming import members, parts
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
    items: list[Choice] = []
    for head, following in zip_longest(heads, heads[1:]):
        number = int(head[1] or head[2])
        items = [] if number == 1 else items
        if number == len(items) + 1:
            end = following or pattern("choices.end").search(text, head.end())
            items.append(Choice(number, text[head.end() : end.start() if end else None].strip()))
    return items


def rank(question: str, choices: Sequence[Choice]) -> list[Choice]:
    """The items that fit a question, best first; of items that fit equally badly, the first one."""
    own = [set(words(choice.text)) for choice in choices]
    weight = rarity(own)
    scores = [sum(weight[word] for word in each & set(words(question))) for each in own]
    if not (top := max(scores, default=0.0)):
        return [replace(choice, relevance=1) for choice in choices[:1]]
    best_first = sorted(zip(scores, choices, strict=True), key=lambda pair: (-pair[0], pair[1].number))
    fitting = [(score, each) for score, each in best_first if score >= 0.6 * top]
    return [replace(each, relevance=max(1, round(10 * score / top))) for score, each in fitting]


def about(choice: Choice, schema: Mapping[str, Any]) -> dict[str, Any]:
    """What an object schema wants to know of an item; {} for a schema without a whole number that names the item."""
    values: dict[str, Any] = {}
    is_counted = False
    for name, member in members(schema).items():
        kind = member.get("type")
        if kind == "integer" and not is_counted and parts(name) & words_of("numbers_of_items"):
            values[name], is_counted = choice.number, True
        elif kind in ("integer", "number") and parts(name) & words_of("rates_of_items"):
            values[name] = choice.relevance
        elif kind == "string":
            values[name] = f"It says: {shorten(choice.text, 120)}"
    return values if is_counted else {}


def described_by(question: str, texts: Mapping[Any, Any]) -> Any:
    """The key of the text that fits a question best."""
    items = [Choice(place, f"{key} {text}") for place, (key, text) in enumerate(texts.items())]
    return list(texts)[rank(question, items)[0].number]


def with_names_of(description: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Parameters of a function, one of them limited to the names that its description lists with what each is for.

    `Available agents: {'billing': 'Knows invoices'}` limits a parameter called `to_agent` or `agents`.
    """
    items = re.search(r"([^\n:]{1,80}):\s*(\{[^{}]{1,5000}\})", description)
    try:
        names = ast.literal_eval(items[2]) if items else None
    except (ValueError, SyntaxError, RecursionError):
        names = None
    if not items or not isinstance(names, dict) or not all(isinstance(name, str) for name in names):
        return parameters
    announced = set(words(items[1]))
    for name, schema in members(parameters).items():
        if schema.get("type") == "string" and "enum" not in schema and announced & {*words(name.replace("_", " "))}:
            limited = {**schema, "enum": list(names), "enumDescriptions": names}
            return {**parameters, "properties": {**parameters["properties"], name: limited}}
    return parameters


def assign(question: str, schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Parts of the question, each with the name (of several, which have descriptions) that fits it best.

    For schemas of a free text and a name: `{"sub_question": ..., "tool_name": ...}`. [] for other schemas.
    """
    properties = members(schema)
    enums = [key for key, member in properties.items() if "enumDescriptions" in member]
    free = [key for key, member in properties.items() if member == {"type": "string"}]
    if len(enums) != 1 or len(free) != 1 or len(properties) != 2:
        return []
    described = properties[enums[0]]["enumDescriptions"]
    ends = question.rstrip()[-1:] if question.rstrip()[-1:] in "?？" else ""
    questions = [part.strip().rstrip("?？ ") + ends for part in clauses(question)]
    return [{free[0]: each[:1].upper() + each[1:], enums[0]: described_by(each, described)} for each in questions]
