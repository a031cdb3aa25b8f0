"""Two JSON Schemas as one: what both allow."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from math import gcd
from typing import Any

from kimi_emulator.content import compact

__all__ = ["KINDS", "Schema", "conjoin", "well_formed"]

Schema = dict[str, Any]

KINDS: Mapping[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("properties", "patternProperties", "$defs", "definitions"), dict),
    **dict.fromkeys(("dependentRequired", "dependentSchemas"), dict),
    **dict.fromkeys(("allOf", "anyOf", "oneOf", "prefixItems", "required", "enum"), list),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"), (int, float)),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems", "minContains", "maxContains"), int),
    **dict.fromkeys(("minProperties", "maxProperties"), int),
    **dict.fromkeys(("items", "contains", "additionalProperties", "propertyNames", "not", "if"), (dict, bool)),
    **dict.fromkeys(("then", "else", "unevaluatedProperties", "unevaluatedItems"), (dict, bool)),
    **dict.fromkeys(("pattern", "format", "$ref"), str),
    **dict.fromkeys(("type",), (str, list)),
    **dict.fromkeys(("uniqueItems",), bool),
}
"""What the values of keywords are. Of others (or `$schema`, which tells of other drafts) nothing is asked."""
_LISTS_OF_SCHEMAS = ("allOf", "anyOf", "oneOf", "prefixItems")
_MAPS_OF_SCHEMAS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_SCHEMAS = ("items", "contains", "additionalProperties", "propertyNames", "not", "if", "then", "else")
_SCHEMAS += ("unevaluatedProperties", "unevaluatedItems")
_NOTHING = object()
_TYPES = ("null", "boolean", "object", "array", "number", "integer", "string")
_NOT_EMPTY = ("allOf", "anyOf", "oneOf", "enum", "type")
_LEFT_OUT = ("$schema", "$id", "$anchor", "$dynamicRef", "$dynamicAnchor")
_LOWER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "maxContains")
_HIGHER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "minContains")


def well_formed(schema: Any, depth: int = 0) -> Any:
    """A copy without what no validator could work with: keywords whose values have the wrong type.

    The platform lets many of them pass.
    """
    if not isinstance(schema, dict) or depth > 100:
        return schema if isinstance(schema, bool) else {}
    copy: Schema = {}
    for keyword, value in schema.items():
        kind = KINDS.get(keyword)
        if kind is not None and (not isinstance(value, kind) or (kind is not bool and _is_stray_bool(value, kind))):
            continue
        content = _clean(keyword, value, depth)
        if keyword not in _LEFT_OUT and content is not _NOTHING and not (content == [] and keyword in _NOT_EMPTY):
            copy[keyword] = content
    return copy


def _clean(keyword: str, value: Any, depth: int) -> Any:
    """The value of a keyword, well-formed inside; _NOTHING where nothing can be made of it."""
    if keyword in _LISTS_OF_SCHEMAS:
        return [well_formed(each, depth + 1) for each in value]
    if keyword in _MAPS_OF_SCHEMAS:
        names = [name for name in value if keyword != "patternProperties" or _compiles(name)]
        return {name: well_formed(value[name], depth + 1) for name in names}
    if keyword in _SCHEMAS:
        return well_formed(value, depth + 1)
    if keyword == "type":
        kinds = [each for each in ([value] if isinstance(value, str) else value) if each in _TYPES]
        return kinds[0] if len(kinds) == 1 else kinds
    if keyword == "required":
        return [each for each in value if isinstance(each, str)]
    if keyword == "dependentRequired":
        lists = {name: each for name, each in value.items() if isinstance(each, list)}
        return {name: [each for each in names if isinstance(each, str)] for name, names in lists.items()}
    if (keyword == "pattern" and not _compiles(value)) or (keyword == "multipleOf" and value <= 0):
        return _NOTHING
    return value


def _compiles(pattern: str) -> bool:
    """Whether Python reads the expression: JSON Schema's are JavaScript's, nearly the same."""
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return False
    return True


def _is_stray_bool(value: Any, kind: type | tuple[type, ...]) -> bool:
    return isinstance(value, bool) and bool not in (kind if isinstance(kind, tuple) else (kind,))


def conjoin(one: Schema, other: Schema) -> Schema | None:
    """The schema of what fits both, or None where their types or values exclude each other."""
    whole = dict(one)
    for keyword, value in other.items():
        if keyword not in whole:
            whole[keyword] = value
            continue
        own = whole[keyword]
        if keyword == "type":
            value = _shared_types(own, value)
            if not value:
                return None
            whole["type"] = value[0] if len(value) == 1 else value
        elif keyword == "enum":
            texts = {compact(each) for each in value}
            whole["enum"] = [each for each in own if compact(each) in texts]
            if not whole["enum"]:
                return None
        elif keyword == "const":
            if compact(own) != compact(value):
                return None
        elif keyword in _LOWER:
            whole[keyword] = min(own, value)
        elif keyword in _HIGHER:
            whole[keyword] = max(own, value)
        elif keyword == "multipleOf":
            whole[keyword] = _multiple(own, value)
        elif keyword == "required":
            whole[keyword] = list(dict.fromkeys([*own, *value]))
        elif keyword == "uniqueItems":
            whole[keyword] = own or value
        elif keyword == "not":
            whole[keyword] = {"anyOf": [own, value]}
        elif keyword in ("properties", "patternProperties", "dependentSchemas"):
            whole[keyword] = {**own, **{name: both(own.get(name, True), each) for name, each in value.items()}}
        elif keyword == "dependentRequired":
            whole[keyword] = {**own, **{name: [*own.get(name, ()), *each] for name, each in value.items()}}
        elif keyword in ("items", "additionalProperties", "propertyNames", "unevaluatedProperties"):
            whole[keyword] = both(own, value)
        elif keyword == "prefixItems":
            whole[keyword] = [both(*pair) for pair in zip(own, value, strict=False)]
            whole[keyword] += own[len(value) :] + value[len(own) :]
    return whole


def both(one: Any, other: Any) -> Any:
    """A schema that demands both; looked into only where it is used."""
    if one is False or other is False:
        return False
    parts = [each for each in (one, other) if each is not True and each != {}]
    return {"allOf": parts} if len(parts) > 1 else parts[0] if parts else True


def _shared_types(one: Any, other: Any) -> list[str]:
    left, right = ([each] if isinstance(each, str) else each for each in (one, other))
    shared = [each for each in left if each in right]
    if "integer" not in shared and {"integer", "number"} <= {*left, *right}:
        shared += ["integer"] if ("integer" in left) is not ("integer" in right) else []
    return shared


def _multiple(one: float, other: float) -> int | float:
    left, right = Fraction(str(one)), Fraction(str(other))
    numerator = left.numerator * right.denominator
    second = right.numerator * left.denominator
    least = Fraction(numerator * second // gcd(numerator, second), left.denominator * right.denominator)
    return int(least) if least.denominator == 1 else float(least)
