"""Schemas over all keywords that the platform accepts, by the keyword that each is about."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["SCHEMAS", "hard"]

S, I, N, B, NULL = ({"type": kind} for kind in ("string", "integer", "number", "boolean", "null"))  # noqa: E741
A, O = {"type": "array"}, {"type": "object"}  # noqa: E741
NODE = {
    "type": "object",
    "properties": {"value": I, "next": {"anyOf": [{"$ref": "#/$defs/Node"}, NULL]}},
    "required": ["value", "next"],
}
TREE = {
    "type": "object",
    "properties": {"name": S, "children": {"type": "array", "items": {"$ref": "#/$defs/Tree"}}},
    "required": ["name", "children"],
}
CAT = {
    "type": "object",
    "properties": {"kind": {"const": "cat"}, "lives": {"type": "integer", "minimum": 1, "maximum": 9}},
    "required": ["kind", "lives"],
}
DOG = {"type": "object", "properties": {"kind": {"const": "dog"}, "tricks": {**A, "items": S}}, "required": ["kind"]}


def obj(_more: dict[str, Any] | None = None, /, **members: Any) -> dict[str, Any]:
    return {"type": "object", "properties": members, "required": list(members), **(_more or {})}


def text(**keywords: Any) -> dict[str, Any]:
    return {"type": "string", **keywords}


def whole(**keywords: Any) -> dict[str, Any]:
    return {"type": "integer", **keywords}


def real(**keywords: Any) -> dict[str, Any]:
    return {"type": "number", **keywords}


def array(items: Any = None, **keywords: Any) -> dict[str, Any]:
    return {"type": "array", **({} if items is None else {"items": items}), **keywords}


VALUES: dict[str, list[Any]] = {
    "type": [S, I, N, B, NULL, A, O, {}, {"type": ["string", "null"]}, {"type": ["integer", "string"]}],
    "type list": [
        {"type": ["null", "boolean"]},
        {"type": ["string", "integer", "number", "boolean", "null", "array", "object"]},
        {"type": ["string"]},
    ],
    "enum": [
        text(enum=["red", "green", "blue"]),
        whole(enum=[1, 2, 3]),
        real(enum=[0.5, 1.5]),
        {"type": "boolean", "enum": [True]},
        {"type": ["string", "null"], "enum": ["a", None]},
        text(enum=[""]),
        {"type": "object", "enum": [{"a": 1}, {"b": 2}]},
        {"type": "array", "enum": [[1], [2, 3]]},
        text(enum=["x"], default="x"),
        text(enum=["new york", "los angeles"]),
    ],
    "const": [
        {"const": "fixed"},
        {"const": 7},
        {"const": None},
        {"const": False},
        {"const": {"a": [1]}},
        text(const="x"),
    ],
    "string lengths": [
        text(minLength=1),
        text(minLength=30),
        text(maxLength=2),
        text(maxLength=0),
        text(minLength=5, maxLength=5),
        text(minLength=120, maxLength=140),
    ],
    "pattern": [
        text(pattern=pattern)
        for pattern in (
            *("^[A-Z]{3}-\\d{2}$", "^\\d{5}(-\\d{4})?$", "^#[0-9a-fA-F]{6}$", "^(cat|dog)s?$", "^[a-z]+@[a-z]+\\.com$"),
            *("\\d", "^$", "^.{3,5}$", "^[^aeiou]+$", "^\\+?[1-9]\\d{1,14}$", "^(?:[01]\\d|2[0-3]):[0-5]\\d$"),
            *(
                "^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$",
                "^v\\d+\\.\\d+\\.\\d+$",
                "^[A-Z][a-z]+( [A-Z][a-z]+)*$",
                "^\\w+$",
                "^x{3}y*z?$",
            ),
            *(
                "^https://",
                "\\.pdf$",
                "^([0-9a-f]{2}:){5}[0-9a-f]{2}$",
                "^(?=.*[A-Z])(?=.*\\d).{4,}$",
                "^(\\w)\\1$",
                "^[一-龥]{2,4}$",
            ),
        )
    ],
    "pattern and length": [
        text(pattern="^[a-z]*$", minLength=12),
        text(pattern="^\\d+$", minLength=4, maxLength=6),
        text(pattern="[A-Z]", minLength=10),
        text(pattern="^[a-z]+$", maxLength=1),
    ],
    "format": [
        text(format=form)
        for form in (
            *(
                "date-time",
                "date",
                "time",
                "duration",
                "uuid",
                "email",
                "uri",
                "hostname",
                "ipv4",
                "ipv6",
                "uri-reference",
            ),
            *(
                "iri",
                "json-pointer",
                "regex",
                "idn-email",
                "uri-template",
                "relative-json-pointer",
                "int64",
                "binary",
                "password",
            ),
        )
    ],
    "format and more": [
        text(format="date", pattern="^2026"),
        text(format="email", minLength=40),
        text(format="uri", pattern="^https://"),
        text(format="uri", minLength=50),
        text(format="uuid", minLength=36, maxLength=36),
        {"type": ["string", "null"], "format": "date-time"},
    ],
    "bounds": [
        whole(minimum=5),
        whole(maximum=-5),
        whole(minimum=3, maximum=3),
        real(minimum=0.1, maximum=0.2),
        whole(exclusiveMinimum=5),
        whole(exclusiveMaximum=0),
        whole(exclusiveMinimum=3, exclusiveMaximum=5),
        real(exclusiveMinimum=0, exclusiveMaximum=1),
        real(exclusiveMinimum=0.999, maximum=1),
        real(minimum=-1.5, exclusiveMaximum=-1.25),
        whole(minimum=10**12),
        whole(minimum=0.5, maximum=1.5),
        real(minimum=1e-9, maximum=2e-9),
        {"minimum": 3},
    ],
    "multipleOf": [
        whole(multipleOf=7),
        whole(multipleOf=7, minimum=50),
        real(multipleOf=0.25),
        real(multipleOf=0.01, minimum=0.1),
        whole(multipleOf=5, exclusiveMinimum=10, maximum=15),
        real(multipleOf=2.5, exclusiveMinimum=0),
        whole(multipleOf=100, maximum=-1),
        real(multipleOf=1.5, minimum=-3, exclusiveMaximum=0),
    ],
    "items": [
        array(S),
        array(I, minItems=3),
        array(S, maxItems=0),
        array(array(N, minItems=2), minItems=2),
        array(obj(name=S), minItems=1),
        array(text(format="date"), minItems=2),
        array({"anyOf": [S, I]}, minItems=2),
        array({"anyOf": [text(format="uuid"), obj(a=I)]}, minItems=3),
        array(text(enum=["a", "b"]), minItems=4),
        array(NULL, minItems=1),
        array({}, minItems=2),
        {"items": I, "minItems": 1},
    ],
    "uniqueItems": [
        array(text(enum=["a", "b", "c"]), minItems=3, uniqueItems=True),
        array(I, minItems=5, uniqueItems=True),
        array(S, minItems=8, uniqueItems=True),
        array(B, minItems=2, uniqueItems=True),
        array(text(format="date"), minItems=4, uniqueItems=True),
        array(obj(id=I), minItems=3, uniqueItems=True),
        array(whole(minimum=1, maximum=4), minItems=4, uniqueItems=True),
        array(text(pattern="^[A-Z]\\d$"), minItems=3, uniqueItems=True),
    ],
    "prefixItems": [
        array(prefixItems=[I, S]),
        array(prefixItems=[I, S], minItems=2, maxItems=2),
        array(False, prefixItems=[N, N], minItems=2),
        array(B, prefixItems=[S], minItems=4),
        array(prefixItems=[text(format="email"), obj(a=I)], minItems=2),
        array(prefixItems=[{"const": "point"}, N, N], minItems=3, maxItems=3),
    ],
    "contains": [
        array(contains={"const": "x"}),
        array(I, contains=whole(minimum=10), minItems=3),
        array(S, contains=text(pattern="^a"), minContains=2),
        array(contains=obj(a=I), maxItems=2),
    ],
    "properties": [
        obj(),
        obj(name=S, age=I),
        obj({"required": []}, name=S),
        obj(a=obj(b=obj(c=obj(d=text(format="date"))))),
        obj(**{"type": S, "properties": S, "items": I, "enum": S, "default": S, "姓名": S, "a b": I}),
        obj({"required": ["a", "b"]}, a=S, b=S, c=S),
        {"properties": {"a": I}, "required": ["a"]},
        {"type": "object", "required": ["undeclared"]},
    ],
    "additionalProperties": [
        obj({"additionalProperties": False}, a=S),
        {**O, "additionalProperties": I},
        {**O, "additionalProperties": text(format="date"), "minProperties": 2},
        {**O, "additionalProperties": obj(x=N), "minProperties": 1},
        {**O, "additionalProperties": {"anyOf": [S, NULL]}, "minProperties": 3},
        obj({"additionalProperties": I, "minProperties": 3}, a=S),
        {**O, "additionalProperties": {}},
        {**O, "additionalProperties": array(S, minItems=1), "minProperties": 1},
    ],
    "numbers of properties": [
        {**O, "minProperties": 2},
        {**O, "maxProperties": 0},
        obj({"required": [], "minProperties": 1}, a=S, b=I),
        obj({"required": ["a"], "minProperties": 2, "additionalProperties": False}, a=S, b=I),
        obj({"maxProperties": 2}, a=S, b=I),
    ],
    "names of properties": [
        {**O, "propertyNames": {"pattern": "^[a-z]{2}$"}, "minProperties": 2},
        {**O, "patternProperties": {"^x_": I}, "additionalProperties": False, "minProperties": 1},
        {**O, "patternProperties": {"^n": N, "^s": S}, "minProperties": 2},
        {**O, "propertyNames": text(enum=["a", "b"]), "minProperties": 2, "additionalProperties": I},
        obj({"patternProperties": {"^a": whole(minimum=5)}}, a=I),
    ],
    "dependent keywords": [
        obj({"required": ["card"], "dependentRequired": {"card": ["address"]}}, card=I, address=S),
        obj({"required": ["a"], "dependentRequired": {"a": ["b"], "b": ["c"]}}, a=S, b=S, c=S),
        obj({"required": ["a"], "dependentSchemas": {"a": {"required": ["b"], "properties": {"b": I}}}}, a=S),
        obj({"required": ["a"], "dependentSchemas": {"a": {"properties": {"a": whole(minimum=9)}}}}, a=I),
        {**O, "required": ["x"], "dependentRequired": {"x": ["y"]}},
    ],
    "anyOf": [
        {"anyOf": [S, NULL]},
        {"anyOf": [I, S]},
        {"anyOf": [CAT, DOG]},
        {"anyOf": [text(format="date"), text(format="date-time")]},
        {"anyOf": [{"anyOf": [I, NULL]}, {"anyOf": [B, NULL]}]},
        {"anyOf": [array(S, minItems=1), obj(a=S)]},
        obj(a={"anyOf": [{"type": "number"}, text(pattern="^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$")]}),
        {"anyOf": [{"const": 1}, {"const": "a"}], "description": "One of two."},
        {"type": "object", "properties": {"a": I, "b": S}, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
        {"anyOf": [{}, S]},
    ],
    "oneOf": [
        {"oneOf": [CAT, DOG]},
        {"oneOf": [whole(minimum=5), whole(multipleOf=3)]},
        {"oneOf": [S, N, NULL]},
        {"oneOf": [obj(a=S), obj(b=S)]},
        {"oneOf": [text(maxLength=3), text(pattern="^a")]},
        {"type": "object", "oneOf": [{"required": ["a"]}, {"required": ["b"]}], "properties": {"a": I, "b": I}},
    ],
    "allOf": [
        {"allOf": [obj(a=S), obj(b=I)]},
        {"allOf": [whole(minimum=3), whole(maximum=5)]},
        {"allOf": [text(minLength=5), text(pattern="^[a-z]+$")]},
        {"allOf": [{"$ref": "#/$defs/Node"}, obj(extra=S)], "$defs": {"Node": NODE}},
        {"allOf": [{"anyOf": [S, I]}, {"anyOf": [I, B]}]},
        {"allOf": [whole(multipleOf=4), whole(multipleOf=6, minimum=1)]},
        {"allOf": [S], "description": "The one."},
        {"allOf": [obj(a=obj(x=I)), obj(a=obj(y=I))]},
    ],
    "not, if, then": [
        {"not": S},
        {"type": "integer", "not": {"enum": [0, 1, 2]}},
        {"type": "string", "not": {"pattern": "^s"}},
        obj({"if": {"properties": {"k": {"const": "p"}}}, "then": {"required": ["v"]}}, k=text(enum=["p", "q"]), v=I),
        {"type": "integer", "if": {"minimum": 5}, "then": {"multipleOf": 5}, "else": {"multipleOf": 2}},
        {"type": "object", "not": {"required": ["a"]}},
        obj({"not": {"properties": {"a": {"const": "sample"}}}}, a=S),
    ],
    "$ref": [
        {"$ref": "#/$defs/Node", "$defs": {"Node": NODE}},
        obj({"$defs": {"Tree": TREE}}, tree={"$ref": "#/$defs/Tree"}),
        {**TREE, "$defs": {"Tree": TREE}},
        obj(
            {"$defs": {"Kind": text(enum=["a", "b"])}},
            one={"$ref": "#/$defs/Kind"},
            two={"$ref": "#/$defs/Kind", "description": "2"},
        ),
        obj({"$defs": {"A": obj(b={"$ref": "#/$defs/B"}), "B": obj(c=I)}}, a={"$ref": "#/$defs/A"}),
        {"type": "object", "properties": {"self": {"anyOf": [{"$ref": "#"}, NULL]}}, "required": ["self"]},
        obj(
            {"$defs": {"Cat": CAT, "Dog": DOG}},
            pets=array({"anyOf": [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Dog"}]}, minItems=3),
        ),
        obj({"$defs": {"Json": {"anyOf": [S, N, array({"$ref": "#/$defs/Json"})]}}}, value={"$ref": "#/$defs/Json"}),
        {"$ref": "#/$defs/Deep", "$defs": {"Deep": obj(down={"anyOf": [{"$ref": "#/$defs/Deep"}, obj(end=B)]})}},
        obj({"$defs": {"E": text(format="email")}}, to=array({"$ref": "#/$defs/E"}, minItems=2, uniqueItems=True)),
    ],
    "default and notes": [
        obj({"required": ["n"]}, n=whole(default=5, minimum=1)),
        obj(n=whole(default=0, minimum=1)),
        obj(s=text(default="abc", title="S", examples=["x"], deprecated=True, readOnly=True)),
        obj(
            {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "$id": "https://example.com/x",
                "$comment": "c",
            },
            a=S,
        ),
        obj(
            a=text(description="Format: date."),
            b=real(description="Must be greater than 0. Must be a multiple of 0.5."),
        ),
    ],
    "wrong in ways the platform lets pass": [
        obj(a=text(minLength=-1)),
        obj(a=text(pattern="[")),
        obj(a={"type": "integer", "exclusiveMinimum": True, "minimum": 3}),
        obj(a=text(pattern="^\\p{L}+$")),
        obj(a={"type": "string", "nullable": True, "x-order": 3}),
        obj(a=array(I, uniqueItems="yes")),
    ],
}

SCHEMAS: list[tuple[str, Any]] = [
    (f"{about} {number}", each) for about, group in VALUES.items() for number, each in enumerate(group)
]


def hard() -> Iterator[tuple[str, Any]]:
    """Big forms: every group's schemas as members of one object."""
    for about, group in VALUES.items():
        plain = [each for each in group if "$defs" not in each and "#" not in str(each.get("$ref", ""))]
        yield about, obj(**{f"member{number}": each for number, each in enumerate(plain) if "$ref" not in str(each)})
