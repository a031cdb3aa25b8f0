"""Small facts about JSON values and plain schema nodes. See `kimi_api.mfjs`."""

from __future__ import annotations

import json
import math
from typing import Any, TypeGuard

from kimi_api.mfjs._finish import sentences
from kimi_api.mfjs._refs import ALL_TYPES, Node

_TYPES = frozenset([*ALL_TYPES, "integer"])
_SPELLINGS = {
    "int": "integer",
    "long": "integer",
    "float": "number",
    "double": "number",
    "bool": "boolean",
    "str": "string",
    "text": "string",
    "dict": "object",
    "map": "object",
    "list": "array",
    "tuple": "array",
    "none": "null",
}


def kind_of(value: object) -> str:
    """The JSON type of a value; an integral float is an integer, as JSON Schema has it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return "integer"
    if isinstance(value, float):
        return "number"
    return "string" if isinstance(value, str) else "array" if isinstance(value, list) else "object"


def accepts(kinds: list[str], kind: str) -> bool:
    """Whether one of `kinds` takes a value of `kind`: every integer is a number."""
    return kind in kinds or (kind == "integer" and "number" in kinds)


def same(one: object, other: object) -> bool:
    """Equality as JSON has it: 1 and true differ."""
    return one == other and kind_of(one) == kind_of(other)


def within(node: Node, value: object) -> bool:
    """Whether `value` keeps the bounds of `node`."""
    low, high, size = "minimum", "maximum", value
    if isinstance(value, str):
        low, high, size = "minLength", "maxLength", len(value)
    elif not is_number(value):
        return True
    return node.get(low, -math.inf) <= size <= node.get(high, math.inf)


def fits(node: Node, value: object) -> bool:
    """Whether `value` keeps the bounds and the enum of `node`."""
    return within(node, value) and ("enum" not in node or any(same(value, allowed) for allowed in node["enum"]))


def distinct(values: list[Any]) -> list[Any]:
    """`values` without repetitions, in their order."""
    return list(by_json_value(values).values())


def by_json_value(values: list[Any]) -> dict[Any, Any]:
    """Values by what makes them equal in JSON: 1 and 1.0 are, 1 and true are not."""
    by_key: dict[Any, Any] = {}
    for value in values:
        kind = kind_of(value)
        key = value if isinstance(value, str) else json.dumps(int(value) if kind == "integer" else value)
        by_key.setdefault((kind, key), value)
    return by_key


def type_name(kind: str) -> str | None:
    """The JSON Schema name of a type, None for a word that names none."""
    if kind in _TYPES:
        return kind
    kind = kind.strip().lower()
    return kind if kind in _TYPES else _SPELLINGS.get(kind)


def is_number(value: object) -> TypeGuard[float]:
    """Whether `value` is a number, and no boolean."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(as_float(value))


def as_float(value: float) -> float:
    """`value` as a double, infinite where it is too large for one."""
    try:
        return float(value)
    except OverflowError:
        return math.inf


def exact(value: float) -> bool:
    """Whether double precision can hold `value`."""
    # The checker reads numbers as doubles and prints them without an exponent only below 1e21.
    return is_number(value) and float(value) == value and abs(value) < 1e21 and (value == 0 or abs(value) >= 1e-6)


def number_at(schema: Node, keyword: str) -> float | None:
    """The number under `keyword`, None where there is none."""
    value = schema.get(keyword)
    return value if is_number(value) else None


def outward(value: float | None, *, up: bool) -> float | None:
    """The nearest bound that a double can hold, never a tighter one; None where there is none."""
    if value is None or abs(value) >= 1e21 or 0 < abs(value) < 1e-6:
        return None
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    near = int(float(value))
    if near == value:
        return near
    if (near > value) is not up:
        near = int(math.nextafter(near, math.inf if up else -math.inf))
    return near


def strings(value: object) -> list[str]:
    """The strings in a list; nothing where there is no list."""
    return list(dict.fromkeys(v for v in value if isinstance(v, str))) if isinstance(value, list) else []


def is_impossible(declared: object, name: str) -> bool:
    """Whether `name` was declared as impossible."""
    return isinstance(declared, dict) and name in declared


def bare(node: Node, without: str = "description") -> Node:
    """`node` without one of its members."""
    return {key: value for key, value in node.items() if key != without} if without in node else node


def add_description(alternatives: list[Node], text: str) -> list[Node]:
    """`alternatives`, each with `text` as its description."""
    if not text:
        return alternatives
    return [{**node, "description": sentences(node.get("description", ""), text)} for node in alternatives]


def telling_title(schema: Node, name: str) -> str:
    """The title, if it says more than the property's name does."""
    title = schema.get("title")
    if not isinstance(title, str) or " " not in title.strip():
        return ""
    return "" if _letters(title) == _letters(name) else title.strip()


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text)).lower()
