"""Values that have a fair chance to satisfy a JSON Schema: whoever asks throws away those that do not."""

from __future__ import annotations

import copy
import math
import random
from collections.abc import Sequence
from typing import Any

SCALARS = [None, True, False, 0, 1, -3, 2.5, 7, "", "a", "ab", "2026-01-01", 10**20, 2**53 + 1]
WORDS = ["", "a", "ab", "abb", "b", "xxxxx", "xxx", "AB", "12345", "a@b", "only"]


def candidate(
    schema: Any, root: Any, rng: random.Random, left: int = 6, names: Sequence[str] = ("a", "b", "extra")
) -> Any:
    """A value for `schema`, `left` levels deep at most. `names` are tried as further properties."""

    def again(part: Any) -> Any:
        return candidate(part, root, rng, left - 1, names)

    if not isinstance(schema, dict) or left == 0 or rng.random() < 0.04:
        return copy.deepcopy(rng.choice([*SCALARS, [], {}, ["a"], {"a": 1}]))
    if schema.get("enum"):
        return rng.choice(schema["enum"])
    if "const" in schema:
        return schema["const"]
    if "$ref" in schema:
        return again(_target(schema["$ref"], root))
    parts = [part for keyword in ("anyOf", "oneOf", "allOf") for part in schema.get(keyword, [])]
    if parts and rng.random() < (0.7 if "type" in schema else 1):
        value = again(rng.choice(parts))
        if isinstance(value, dict) and schema.get("type") == "object":
            own = again({k: v for k, v in schema.items() if k != "anyOf"})
            return {**own, **value} if isinstance(own, dict) else value
        return value
    kind = schema.get("type") or rng.choice(["string", "object", "integer"])
    kind = rng.choice(kind) if isinstance(kind, list) else kind
    if kind == "object":
        return _object(schema, rng, names, again)
    if kind == "array":
        return _array(schema, rng, again)
    if kind == "string":
        return rng.choice(WORDS)
    if kind in ("integer", "number"):
        near = [schema[k] for k in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum") if k in schema]
        value = rng.choice([*near, 0, 1, 2, 3, 6]) + rng.choice([0, 1, -1, 0.5])
        return math.floor(value) if kind == "integer" and abs(value) < 1e17 else value
    return {"boolean": rng.choice([True, False])}.get(kind)


def _object(schema: dict[str, Any], rng: random.Random, names: Sequence[str], again: Any) -> dict[str, Any]:
    properties = schema.get("properties", {})
    required = schema.get("required") or []
    chosen = [*(name for name in properties if name in required or rng.random() < 0.6), *required]
    if schema.get("additionalProperties") is not False and rng.random() < 0.5:
        chosen.append(rng.choice(names))
    extra = schema.get("additionalProperties", {})
    extra = schema.get("patternProperties", {}).get("^[ab]", extra)
    return {name: again(properties.get(name, extra)) for name in chosen}


def _array(schema: dict[str, Any], rng: random.Random, again: Any) -> list[Any]:
    items = schema.get("items", {})
    first = items if isinstance(items, list) else schema.get("prefixItems", [])
    length = max(schema.get("minItems", 0), min(rng.choice([0, 1, 2, 3, len(first)]), schema.get("maxItems", 9)))
    rules = [*first, *[{} if isinstance(items, list) else items] * length][:length]
    return [again(rule) for rule in rules]


def _target(reference: str, root: Any) -> Any:
    """What a local reference leads to."""
    for step in reference.removeprefix("#").split("/")[1:]:
        root = root.get(step) if isinstance(root, dict) else None
    return root
