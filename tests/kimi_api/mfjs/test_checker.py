"""The checker that the other tests ask: texts that Moonshot's own gives for these schemas."""

import mfjs_checker as checker
import pytest
from mfjs_results import normal


def at_property(schema):
    return {"type": "object", "properties": {"x": schema}}


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        (at_property({"type": "string", "anyOf": [{"type": "string"}]}), "when using anyOf, type should be defined"),
        (at_property({"type": "array", "items": [{}]}), "items must be an object"),
        (at_property(True), "property schema for 'x' must be an object"),
        (at_property({"enum": ["a"]}), "type is not defined"),
        (at_property({"type": "string", "enum": ["a", None]}), "does not match any type"),
        (at_property({"type": ["integer", "null"], "enum": [1, None]}), "not a valid integer"),
        (at_property({"type": ["string", "null"], "default": "a"}), "keyword default is not allowed in combination"),
        (at_property({"type": "any"}), "invalid type"),
        (at_property({"type": []}), "type array cannot be empty"),
        (at_property({"anyOf": []}), "anyOf must have 1-500 items"),
        (at_property({"anyOf": [True]}), "schema in anyOf must be an object"),
        (at_property({"items": {}, "anyOf": [{"items": {}}]}), "conflicting keywords found in anyOf with parent"),
        (at_property({"$ref": "#/properties/x"}), "references must start with #/$defs/"),
        (at_property({"$ref": "#/$defs/A"}), "invalid $ref path"),
        ({**at_property({"$ref": "#/$defs/A", "type": "null"}), "$defs": {"A": {}}}, "when using $ref, type should"),
        ({**at_property({"$ref": "#/$defs/A", "default": 1}), "$defs": {"A": {"default": 1}}}, "after $ref expansion"),
        ({"type": "object", "$defs": {"A": {"properties": {"x/y": {}}}}}, "cannot contain '/'"),
        ({"type": "object", "required": ["a"]}, "required property 'a' is not defined"),
        ({"type": "object", "required": None}, "required must be an array"),
        (at_property({"additionalProperties": None}), "additionalProperties must be a boolean or an object"),
        ({"type": "object", "properties": {"$ref": {}}}, "property name '$ref' is reserved"),
        ({"type": "object", "properties": {"anyOf": {}}}, "property name 'anyOf' is reserved"),
        ({"type": "object", "properties": {"{x}": {"type": "string", "enum": ["a"]}}}, "invalid path: properties.{x}"),
        (at_property({"description": None}), "description must be a string"),
        (at_property({"default": {"$ref": "x"}}), "only local references are supported"),
        (
            {
                **at_property({"$ref": "#/$defs/A"}),
                "$defs": {
                    "A": {
                        "type": "object",
                        "properties": {"c": {"type": "array", "items": {"$ref": "#/$defs/A"}}},
                        "required": ["c"],
                    }
                },
            },
            "detected infinite recursion",
        ),
    ],
)
def test_checker_at_strict(schema, text):
    assert any(text in problem for problem in checker.problems(schema, "strict")), checker.problems(schema, "strict")
    if "$ref" not in text and "$defs" not in text:
        normal(schema)


@pytest.mark.parametrize(
    "schema",
    [
        at_property({"type": "string", "format": "date"}),
        at_property({"oneOf": [{"type": "string"}]}),
        at_property({"const": 1}),
        at_property({"type": "integer", "minLength": 1}),
        at_property({"anyOf": [{"type": "string"}], "default": None}),
        at_property({"type": "integer", "minimum": 5, "maximum": 1}),
        at_property({"type": "object", "$defs": {}}),
        at_property({"type": "array", "minItems": -1}),
        at_property({"type": "object", "enum": [{}]}),
        {"type": "object", "properties": {"": {}}},
        {"type": "object", "properties": {"a": {}}, "required": ["a", "a"]},
        {"type": "object", "$schema": "x"},
    ],
)
def test_checker_at_ultra(schema):
    assert checker.problems(schema, "strict") == []
    assert checker.problems(schema, "ultra")
    normal(schema)
