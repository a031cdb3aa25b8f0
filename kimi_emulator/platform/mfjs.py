"""Moonshot Flavored JSON Schema: what can be wrong with a schema, as Moonshot's published checker says it.

https://github.com/MoonshotAI/walle. A problem has a topic, and the topic tells who minds: ``LIVE`` ones were seen
refused by the platform itself, ``STRICT`` ones are refused by the checker at the level that the API's documents
advise, ``ULTRA`` ones are keywords and combinations that the written dialect lacks although the platform takes them.
Keywords the checker does not know (``format``, ``oneOf``, ``$schema``, ...) hide what is below them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

__all__ = ["Problem", "problems"]

LIVE = frozenset({"anyof_type", "items_array", "boolean_schema", "ref_target", "ref_type", "enum_type"})
STRICT = frozenset({"type", "enum", "any_of", "ref", "defs", "object", "annotation", "limits", "recursion"})
ULTRA = frozenset({"keyword"})
LEVELS = {"live": LIVE, "strict": LIVE | STRICT, "ultra": LIVE | STRICT | ULTRA}
"""The topics that each level of strictness minds."""

TYPES = ("null", "boolean", "object", "array", "number", "integer", "string")
WORDS = frozenset({"description", "title"})
_ROOT_ONLY = frozenset({"$defs", "$id"})
_RESERVED = ("$defs", "$ref", "anyOf", "required", "additionalProperties")
_OWN = {
    "object": {"properties", "required", "additionalProperties", "default"},
    "array": {"items", "minItems", "maxItems", "default"},
    "string": {"minLength", "maxLength", "pattern", "enum", "default"},
    "number": {"minimum", "maximum", "enum", "default"},
    "integer": {"minimum", "maximum", "enum", "default"},
    "boolean": {"enum", "default"},
    "null": {"enum", "default"},
}
_KNOWN = frozenset().union(*_OWN.values()) | WORDS | _ROOT_ONLY | {"type", "anyOf", "$ref"}
_MAX_DEPTH, _MAX_BYTES, _MAX_KEYS, _MAX_BRANCHES, _MAX_ENUM = 30, 120_000, 3_000, 500, 1_000


class Problem(NamedTuple):
    """Something wrong at the dotted ``path`` ("" is the root)."""

    topic: str
    path: str
    message: str


def problems(schema: Mapping[str, Any], level: str) -> Iterator[Problem]:
    """What a level minds in a schema, in a fixed order (the real checker reports one, and which one is random)."""
    minded = LEVELS[level]
    any_problem = False
    for path, node in _nodes(schema):
        for problem in _of_node(path, node, schema):
            if problem.topic in minded:
                any_problem = True
                yield problem
    if not any_problem and "limits" in minded:
        yield from _of_whole(schema)


def _nodes(schema: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every schema object that is looked at, with its path."""
    stack: list[tuple[str, Mapping[str, Any]]] = [("", schema)]
    while stack:
        path, node = stack.pop()
        yield path, node
        dot = f"{path}." if path else ""
        for key in ("properties", "$defs"):
            children = node.get(key)
            if isinstance(children, dict):
                stack += [(f"{dot}{key}.{name}", child) for name, child in children.items() if isinstance(child, dict)]
        for key in ("items", "additionalProperties"):
            if isinstance(node.get(key), dict):
                stack.append((f"{dot}{key}", node[key]))
        branches = node.get("anyOf")
        if isinstance(branches, list):  # the live text does not number the branches
            stack += [(f"{dot}anyOf", branch) for branch in branches if isinstance(branch, dict)]


def _of_node(path: str, node: Mapping[str, Any], root: Mapping[str, Any]) -> Iterator[Problem]:
    kinds = _kinds(node)
    yield from _type(path, node, kinds)
    yield from _any_of(path, node)
    yield from _object(path, node)
    yield from _ref(path, node, root)
    yield from _enum(path, node, kinds)
    yield from _defs(path, node)
    yield from _annotations(path, node)
    yield from _keywords(path, node, kinds)
    yield from _twice(path, node, root)


def _kinds(node: Mapping[str, Any]) -> list[str]:
    kind = node.get("type")
    kinds = kind if isinstance(kind, list) else [kind]
    return [each for each in kinds if isinstance(each, str) and each in TYPES]


def _below(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _type(path: str, node: Mapping[str, Any], kinds: list[str]) -> Iterator[Problem]:
    if "type" not in node:
        return
    kind = node["type"]
    if not isinstance(kind, str | list):
        yield Problem("type", path, "type must be string or array of strings")
    elif kind == []:
        yield Problem("type", path, "type array cannot be empty")
    elif len(kinds) != (len(kind) if isinstance(kind, list) else 1):
        yield Problem("type", path, "invalid type in type array" if isinstance(kind, list) else "invalid type")
    elif len(kinds) > 1 and not ("enum" in node and len(kinds) == 2):
        for key in node.keys() - WORDS - {"type"} - (frozenset() if path else _ROOT_ONLY):
            yield Problem("type", path, f"keyword {key} is not allowed in combination with multiple types")


def _any_of(path: str, node: Mapping[str, Any]) -> Iterator[Problem]:
    if "anyOf" not in node:
        return
    if "type" in node:
        text = "when using anyOf, type should be defined in anyOf items instead of the parent schema"
        yield Problem("anyof_type", path, text)
    branches = node["anyOf"]
    if not isinstance(branches, list):
        yield Problem("any_of", path, "anyOf must be an array")
        return
    if not 1 <= len(branches) <= _MAX_BRANCHES:
        yield Problem("limits", path, f"anyOf must have 1-{_MAX_BRANCHES} items")
    for branch in branches:
        if not isinstance(branch, dict):
            yield Problem("boolean_schema", _below(path, "anyOf"), "schema in anyOf must be an object")
            continue
        both = (node.keys() - WORDS - {"anyOf"}) & branch.keys()
        if both:
            names = ", ".join(sorted(both))
            yield Problem(
                "any_of",
                path,
                f"conflicting keywords found in anyOf with parent: keywords ({names}) are defined on the parent schema "
                "and inside anyOf; remove them from the parent or from anyOf branches",
            )


def _object(path: str, node: Mapping[str, Any]) -> Iterator[Problem]:
    if isinstance(node.get("items"), list):
        yield Problem("items_array", _below(path, "items"), "items must be an object")
    elif "items" in node and not isinstance(node["items"], dict):
        yield Problem("boolean_schema", _below(path, "items"), "items must be an object")
    properties = node.get("properties", {})
    if not isinstance(properties, dict):
        yield Problem("object", path, "properties must be an object")
        properties = {}
    for name, child in properties.items():
        if not isinstance(child, dict):
            text = f"property schema for '{name}' must be an object"
            yield Problem("boolean_schema", _below(path, "properties"), text)
        if name in _RESERVED:
            yield Problem("object", path, f"property name '{name}' is reserved for JSON Schema keywords")
    extra = node.get("additionalProperties", True)
    if not isinstance(extra, bool | dict):
        yield Problem("object", path, "additionalProperties must be a boolean or an object")
    required = node.get("required", [])
    if not isinstance(required, list):
        yield Problem("object", path, "required must be an array")
    elif not all(isinstance(name, str) for name in required):
        yield Problem("object", path, "items in required array must be strings")
    else:
        for name in required:
            if name not in properties:
                yield Problem("object", path, f"required property '{name}' is not defined in properties")


def _target(ref: str, root: Mapping[str, Any]) -> Mapping[str, Any] | None:
    if ref == "#":
        return root
    place: Any = root
    for name in ref.removeprefix("#/").split("/"):
        place = place.get(name) if isinstance(place, dict) else None
    return place if isinstance(place, dict) else None


def _ref(path: str, node: Mapping[str, Any], root: Mapping[str, Any]) -> Iterator[Problem]:
    if "$ref" not in node:
        return
    ref = node["$ref"]
    if "type" in node:
        text = "when using $ref, type should be defined in the referenced schema instead of the parent schema"
        yield Problem("ref_type", path, text)
    if not isinstance(ref, str):
        yield Problem("ref", path, "$ref must be a string")
        return
    if ref != "#" and not ref.startswith("#/$defs/"):
        yield Problem("ref_target", path, "references must start with #/$defs/")
        return
    target = _target(ref, root)
    if target is None:
        yield Problem("ref", path, f"$defs not found for reference: {ref}")
        return
    siblings = node.keys() - WORDS - {"$ref"} - (frozenset() if path else _ROOT_ONLY)
    both = siblings & target.keys()
    branches = target.get("anyOf")
    for branch in branches if isinstance(branches, list) else ():
        both |= siblings & branch.keys() if isinstance(branch, dict) else set()
    if both:
        names = ", ".join(sorted(both))
        yield Problem(
            "ref",
            path,
            f'conflicting keywords found after $ref expansion: keywords ({names}) are defined both alongside "$ref" '
            "and in the referenced schema; remove the duplicates",
        )


def _enum(path: str, node: Mapping[str, Any], kinds: list[str]) -> Iterator[Problem]:
    if "enum" not in node:
        return
    values = node["enum"]
    if not isinstance(values, list):
        yield Problem("enum", path, "enum must be an array")
        return
    if not values:
        yield Problem("enum", path, "enum array cannot be empty")
    if len(values) > _MAX_ENUM:
        yield Problem("limits", path, f"enum array cannot have more than {_MAX_ENUM} items")
    if "type" not in node:
        yield Problem("enum_type", path, "type is not defined")
        return
    if len(kinds) > 2 or (len(kinds) == 2 and "null" not in kinds):
        yield Problem(
            "enum",
            path,
            "when type is array and enum is specified, currently only 2 types are supported, one must be null, and the "
            "other can be string/integer/number/boolean",
        )
    elif len(kinds) == 2 and {"object", "array"} & set(kinds):
        yield Problem("enum", path, "object and array cannot be used in combination with multiple types")
    for value in values:
        text = _misfit(value, kinds)
        if kinds and text:
            yield Problem("enum", path, text)


def _misfit(value: Any, kinds: list[str]) -> str | None:
    """What is said of a value of an enum. The types are tried in their order, and a numeric one gives up at once."""
    for kind in kinds:
        if _is(value, kind):
            return None
        if kind in ("integer", "number"):
            return f"not a valid {kind}"
    shown = "<nil>" if value is None else value
    return f"enum value ({shown}) does not match any type in [{' '.join(kinds)}]"


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool) or value is None:
        return kind == ("null" if value is None else "boolean")
    if isinstance(value, int | float):
        return kind == "number" or (kind == "integer" and value == int(value))
    return kind == {str: "string", list: "array", dict: "object"}.get(type(value))


def _defs(path: str, node: Mapping[str, Any]) -> Iterator[Problem]:
    defs = node.get("$defs", {})
    if not isinstance(defs, dict):
        yield Problem("defs", path, "$defs must be an object")
        return
    for name, child in defs.items():
        if not name:
            yield Problem("defs", path, "$defs property name cannot be empty")
        if not isinstance(child, dict):
            yield Problem("defs", path, "$defs schema must be object")
        for key in (name, *_keys(child)):
            if "/" in key:
                yield Problem("defs", path, f"$defs property name '{key}' cannot contain '/' character")


def _keys(value: Any) -> Iterator[str]:
    stack = [value]
    while stack:
        here = stack.pop()
        if isinstance(here, dict):
            yield from here
            stack += here.values()
        elif isinstance(here, list):
            stack += here


def _annotations(path: str, node: Mapping[str, Any]) -> Iterator[Problem]:
    for key in ("description", "pattern", "$id"):
        if key in node and not isinstance(node[key], str) and (key == "description" or node[key] is not None):
            yield Problem("annotation", path, f"{key} must be a string")
    for key in ("default", "title"):  # the checker looks for references even in plain data
        if "$ref" in _keys(node.get(key)):
            yield Problem("annotation", path, "only local references are supported")


def _keywords(path: str, node: Mapping[str, Any], kinds: list[str]) -> Iterator[Problem]:
    """What the written dialect lacks: keywords, and where they stand."""
    unknown = sorted(node.keys() - _KNOWN)
    if unknown:
        yield Problem("keyword", path, f"unsupported keywords: {', '.join(unknown)}")
    at_root = frozenset[str]() if path else _ROOT_ONLY
    for key in sorted((node.keys() & _ROOT_ONLY) - at_root):
        yield Problem("keyword", path, f"keyword {key} must be at root level")
    for owner in ("anyOf", "$ref"):
        for key in sorted(node.keys() & _KNOWN - WORDS - at_root - {owner, "type"}) if owner in node else ():
            yield Problem("keyword", path, f"keyword '{key}' is not allowed at the same level as {owner}")
    if kinds:
        misplaced = sorted((node.keys() & _KNOWN) - _OWN[kinds[0]] - WORDS - _ROOT_ONLY - {"type", "anyOf", "$ref"})
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
    behind = [*behind, _target(ref, root) if isinstance(ref, str) else None]
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


def _of_whole(schema: Mapping[str, Any]) -> Iterator[Problem]:
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
    nodes = list(_nodes(schema))
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
        target = _target(ref, root)
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
    target = _target(ref, root)
    return ref not in seen and target is not None and _ends(target, root, seen | {ref})
