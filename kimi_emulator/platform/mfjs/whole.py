"""Sizes of a whole schema, how deep it is, and recursion without an end."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from kimi_emulator.platform.mfjs.schema import WORDS, Problem, nodes_of, target_of

_MAX_DEPTH, _MAX_BYTES, _MAX_KEYS = 30, 120_000, 3_000


def check_whole(schema: Mapping[str, Any]) -> Iterator[Problem]:
    """Sizes, and recursion without an end; asked of schemas that are sound otherwise."""
    try:
        text = json.dumps(schema, ensure_ascii=False, separators=(",", ":"))
    except RecursionError:
        yield Problem("limits", "", f"schema depth exceeds maximum limit of {_MAX_DEPTH}")
        return
    # Go writes these five as escapes of six bytes; the last two have three bytes in UTF-8.
    size = len(text.encode("utf-8", "surrogatepass"))
    size += 5 * sum(map(text.count, "<>&")) + 3 * sum(map(text.count, "\u2028\u2029"))
    if size > _MAX_BYTES:
        yield Problem("limits", "", "schema exceeds maximum allowed size")
    nodes = list(nodes_of(schema))
    keys = sum(len(node["properties"]) for _, node in nodes if "properties" in node)
    if keys > _MAX_KEYS:
        text = f"total number of properties keys({keys}) across all objects exceeds maximum limit of {_MAX_KEYS}"
        yield Problem("limits", "", text)
    try:
        if _deeper_than(_MAX_DEPTH, schema, schema, ()):
            yield Problem("limits", "", f"schema depth exceeds maximum limit of {_MAX_DEPTH}")
        for path, node in nodes:
            if "$ref" in node and not _ends(node, schema, frozenset()):
                yield Problem("recursion", path, "detected infinite recursion without termination condition")
    except RecursionError:
        yield Problem("limits", "", f"schema depth exceeds maximum limit of {_MAX_DEPTH}")


def _inner(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from node.get("anyOf", ())
    for key in ("items", "additionalProperties"):
        if isinstance(node.get(key), dict):
            yield node[key]


def _deeper_than(levels: int, node: Mapping[str, Any], root: Mapping[str, Any], seen: tuple[str, ...]) -> bool:
    """Whether ``properties`` nest deeper than so many levels; references are followed once."""
    if levels < 0:
        return True
    ref = node.get("$ref")
    if ref is not None and ref not in seen:
        target = target_of(ref, root)
        if target is not None and _deeper_than(levels, target, root, (*seen, ref)):
            return True
    below = node.get("properties", {}).values()
    return any(_deeper_than(levels - 1, child, root, seen) for child in below) or any(
        _deeper_than(levels, child, root, seen) for child in _inner(node)
    )


def _ends(node: Mapping[str, Any], root: Mapping[str, Any], seen: frozenset[str]) -> bool:
    """Whether the checker believes that a value of this schema can end (it does not think of an empty array)."""
    kind = node.get("type")
    if kind == "array":
        return not node.get("items") or _ends(node["items"], root, seen)
    if kind == "object":
        required = node.get("required")
        return not required or any(_ends(node["properties"][name], root, seen) for name in required)
    if kind is not None:
        return True
    if "anyOf" in node:
        return any(_ends(branch, root, seen) for branch in node["anyOf"])
    ref = node.get("$ref")
    if ref is None:
        return not node.keys() - WORDS
    target = target_of(ref, root)
    return ref not in seen and target is not None and _ends(target, root, seen | {ref})
