"""What the published checker refuses in one object of a schema, and the platform in part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kimi_emulator.platform.mfjs.schema import ROOT_ONLY, WORDS, Problem, below, keys_in, kinds_of, target_of

_RESERVED = ("$defs", "$ref", "anyOf", "required", "additionalProperties")
_MAX_BRANCHES, _MAX_ENUM = 500, 1_000


def check_object(path: str, node: Mapping[str, Any], root: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with the object at `path`. `root`: the whole schema, for references."""
    kinds = kinds_of(node)
    yield from _type(path, node, kinds)
    yield from _any_of(path, node)
    yield from _object(path, node)
    yield from _ref(path, node, root)
    yield from _enum(path, node, kinds)
    yield from _defs(path, node)
    yield from _annotations(path, node)


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
        for key in node.keys() - WORDS - {"type"} - (frozenset() if path else ROOT_ONLY):
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
            yield Problem("boolean_schema", below(path, "anyOf"), "schema in anyOf must be an object")
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
        yield Problem("items_array", below(path, "items"), "items must be an object")
    elif "items" in node and not isinstance(node["items"], dict):
        yield Problem("boolean_schema", below(path, "items"), "items must be an object")
    properties = node.get("properties", {})
    if not isinstance(properties, dict):
        yield Problem("object", path, "properties must be an object")
        properties = {}
    for name, child in properties.items():
        if not isinstance(child, dict):
            text = f"property schema for '{name}' must be an object"
            yield Problem("boolean_schema", below(path, "properties"), text)
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
    target = target_of(ref, root)
    if target is None:
        yield Problem("ref", path, f"$defs not found for reference: {ref}")
        return
    siblings = node.keys() - WORDS - {"$ref"} - (frozenset() if path else ROOT_ONLY)
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
        text = _enum_problem(value, kinds)
        if kinds and text:
            yield Problem("enum", path, text)


def _enum_problem(value: Any, kinds: list[str]) -> str | None:
    """The error for a value of an enum, or None. Types are tried in order; a numeric one that does not fit ends it."""
    for kind in kinds:
        if _is(value, kind):
            return None
        if kind in ("integer", "number"):
            return f"not a valid {kind}"
    value_text = "<nil>" if value is None else value
    return f"enum value ({value_text}) does not match any type in [{' '.join(kinds)}]"


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
        for key in (name, *keys_in(child)):
            if "/" in key:
                yield Problem("defs", path, f"$defs property name '{key}' cannot contain '/' character")


def _annotations(path: str, node: Mapping[str, Any]) -> Iterator[Problem]:
    for key in ("description", "pattern", "$id"):
        if key in node and not isinstance(node[key], str) and (key == "description" or node[key] is not None):
            yield Problem("annotation", path, f"{key} must be a string")
    for key in ("default", "title"):  # the checker looks for references even in plain data
        if "$ref" in keys_in(node.get(key)):
            yield Problem("annotation", path, "only local references are supported")
