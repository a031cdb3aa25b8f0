"""Keywords that the written dialect lacks, or has at other places, although the platform takes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kimi_emulator.platform.mfjs.schema import ROOT_ONLY, WORDS, Problem, kinds_of, target_of

_OWN = {
    "object": {"properties", "required", "additionalProperties", "default"},
    "array": {"items", "minItems", "maxItems", "default"},
    "string": {"minLength", "maxLength", "pattern", "enum", "default"},
    "number": {"minimum", "maximum", "enum", "default"},
    "integer": {"minimum", "maximum", "enum", "default"},
    "boolean": {"enum", "default"},
    "null": {"enum", "default"},
}
_KNOWN = frozenset().union(*_OWN.values()) | WORDS | ROOT_ONLY | {"type", "anyOf", "$ref"}


def check_keywords(path: str, node: Mapping[str, Any], root: Mapping[str, Any]) -> Iterator[Problem]:
    """What stands wrongly in the object at `path`. `root`: the whole schema, for references."""
    yield from _keywords(path, node, kinds_of(node))
    yield from _twice(path, node, root)


def _keywords(path: str, node: Mapping[str, Any], kinds: list[str]) -> Iterator[Problem]:
    unknown = sorted(node.keys() - _KNOWN)
    if unknown:
        yield Problem("keyword", path, f"unsupported keywords: {', '.join(unknown)}")
    at_root = frozenset[str]() if path else ROOT_ONLY
    for key in sorted((node.keys() & ROOT_ONLY) - at_root):
        yield Problem("keyword", path, f"keyword {key} must be at root level")
    for owner in ("anyOf", "$ref"):
        for key in sorted(node.keys() & _KNOWN - WORDS - at_root - {owner, "type"}) if owner in node else ():
            yield Problem("keyword", path, f"keyword '{key}' is not allowed at the same level as {owner}")
    if kinds:
        misplaced = sorted((node.keys() & _KNOWN) - _OWN[kinds[0]] - WORDS - ROOT_ONLY - {"type", "anyOf", "$ref"})
        if misplaced:
            yield Problem("keyword", path, f"invalid keywords: {', '.join(misplaced)}")
    if len(set(kinds)) < len(kinds):
        yield Problem("keyword", path, "duplicate types in type array")
    names = node.get("required")
    if isinstance(names, list) and all(isinstance(name, str) for name in names) and len(set(names)) < len(names):
        yield Problem("keyword", path, "duplicate items in required array")
    if isinstance(node.get("properties"), dict) and "" in node["properties"]:
        yield Problem("keyword", path, "property name cannot be empty")
    yield from _ranges(path, node)


def _twice(path: str, node: Mapping[str, Any], root: Mapping[str, Any]) -> Iterator[Problem]:
    """Words (a description, a title) that stand beside ``anyOf`` or ``$ref`` and once more behind it."""
    branches, ref = node.get("anyOf"), node.get("$ref")
    behind = branches if isinstance(branches, list) else []
    behind = [*behind, target_of(ref, root) if isinstance(ref, str) else None]
    for other in behind:
        both = sorted(node.keys() & WORDS & other.keys()) if isinstance(other, dict) else []
        if both:
            yield Problem("keyword", path, f"conflicting keywords found: {', '.join(both)}")


def _ranges(path: str, node: Mapping[str, Any]) -> Iterator[Problem]:
    for low, high in (("minLength", "maxLength"), ("minItems", "maxItems"), ("minimum", "maximum")):
        ends = [node[key] for key in (low, high) if node.get(key) is not None]
        if not all(isinstance(end, int | float) and not isinstance(end, bool) for end in ends):
            yield Problem("keyword", path, f"{low} and {high} must be numbers")
        elif low != "minimum" and any(end < 0 for end in ends):
            yield Problem("keyword", path, f"{low} must be non-negative")
        elif len(ends) == 2 and ends[0] > ends[1]:
            yield Problem("keyword", path, f"{low} ({ends[0]}) cannot be greater than {high} ({ends[1]})")
