"""Schemas as pydantic, TypedDict, functions and MCP servers write them, and what Kimi gets."""

import copy
import dataclasses
import datetime
import decimal
import enum
import json
import os
import pickle
import subprocess
import sys
import uuid
from types import MappingProxyType
from typing import Annotated, Any, Generic, Literal, NotRequired, Optional, TypeVar

import mfjs_checker as checker
import pytest
from pydantic import BaseModel, ConfigDict, Field, RootModel, TypeAdapter
from typing_extensions import TypedDict

from kimi_api.errors import KimiInputError
from kimi_api.mfjs import NormalizedCache, changes, normalize_schema, normalize_tool, unwrap

T = TypeVar("T")


def normal(schema):
    """The result, after everything that must hold for any schema was checked."""
    before = copy.deepcopy(schema)
    result = normalize_schema(schema)
    assert schema == before
    assert checker.all_filters(result) == []
    assert json.dumps(normalize_schema(result)) == json.dumps(result)
    assert json.dumps(normalize_schema(before)) == json.dumps(result)
    return result


def prop(schema, **root):
    """What becomes of one property."""
    return normal({"type": "object", "properties": {"x": schema}, **root})["properties"].get("x")


# --- the checker itself: texts that Moonshot's own gives for these ---


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


# --- each trap by itself ---


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        pytest.param({"type": "string", "title": "X"}, {"type": "string"}, id="title that repeats the name"),
        pytest.param(
            {"type": "string", "title": "Postal code of the sender"},
            {"type": "string", "description": "Postal code of the sender"},
            id="title that says more",
        ),
        pytest.param(
            {"type": "string", "anyOf": [{"minLength": 3}, {"enum": ["a"]}]},
            {"anyOf": [{"type": "string", "minLength": 3}, {"type": "string", "enum": ["a"]}]},
            id="type beside anyOf",
        ),
        pytest.param(
            {"type": "array", "items": [{"type": "integer"}, {"type": "string"}]},
            {"type": "array", "description": "Items in order: integer, string."},
            id="tuple items, open end",
        ),
        pytest.param(
            {"type": "array", "items": [{"type": "integer"}, {"type": "string"}], "additionalItems": False},
            {
                "type": "array",
                "maxItems": 2,
                "items": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
                "description": "Items in order: integer, string.",
            },
            id="tuple items, closed",
        ),
        pytest.param(
            {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "integer"}], "minItems": 2, "items": False},
            {
                "type": "array",
                "minItems": 2,
                "maxItems": 2,
                "items": {"type": "integer"},
                "description": "Items in order: integer, integer.",
            },
            id="prefixItems beside items false",
        ),
        pytest.param({"type": "array", "items": False}, {"type": "array", "maxItems": 0}, id="items false"),
        pytest.param({"type": "array", "items": True}, {"type": "array", "items": {}}, id="items true"),
        pytest.param(True, {}, id="true"),
        pytest.param(False, None, id="false"),
        pytest.param(None, {}, id="null"),
        pytest.param("string", {"type": "string"}, id="bare type name"),
        pytest.param({"type": "int"}, {"type": "integer"}, id="type by another name"),
        pytest.param({"type": "file"}, {}, id="unknown type"),
        pytest.param({"type": []}, {}, id="empty type list"),
        pytest.param({"type": ["string"]}, {"type": "string"}, id="type list of one"),
        pytest.param({"enum": ["a", "b"]}, {"type": "string", "enum": ["a", "b"]}, id="enum without type"),
        pytest.param({"enum": []}, {}, id="empty enum"),
        pytest.param({"enum": None, "type": "string"}, {"type": "string"}, id="enum null"),
        pytest.param(
            {"enum": ["a", 1, None]},
            {"anyOf": [{"type": "string", "enum": ["a"]}, {"type": "integer", "enum": [1]}, {"type": "null"}]},
            id="enum of three types",
        ),
        pytest.param(
            {"type": ["integer", "null"], "enum": [1, None]},
            {"anyOf": [{"type": "integer", "enum": [1]}, {"type": "null"}]},
            id="integer enum with null",
        ),
        pytest.param(
            {"type": "integer", "enum": [1.0, 2]}, {"type": "integer", "enum": [1, 2]}, id="1.0 is an integer"
        ),
        pytest.param({"enum": [2, 3.3]}, {"type": "number", "enum": [2, 3.3]}, id="mixed numbers"),
        pytest.param(
            {"enum": [2, 3.3, "a"], "type": ["integer", "string"]},
            {"anyOf": [{"type": "integer", "enum": [2]}, {"type": "string", "enum": ["a"]}]},
            id="values of a type that is not declared",
        ),
        pytest.param({"enum": [True, False]}, {"type": "boolean"}, id="both booleans"),
        pytest.param(
            {"enum": [True, 1]},
            {"anyOf": [{"type": "boolean", "enum": [True]}, {"type": "integer", "enum": [1]}]},
            id="true is not 1",
        ),
        pytest.param({"type": "object", "enum": ["a"]}, {"type": "string", "enum": ["a"]}, id="type contradicts enum"),
        pytest.param({"const": "a"}, {"type": "string", "enum": ["a"]}, id="const"),
        pytest.param({"const": None}, {"type": "null"}, id="const null"),
        pytest.param(
            {"const": {"a": 1}}, {"type": "object", "description": 'Must be exactly: {"a":1}.'}, id="const object"
        ),
        pytest.param(
            {"type": ["string", "integer"], "minLength": 2, "minimum": 0},
            {"anyOf": [{"type": "string", "minLength": 2}, {"type": "integer", "minimum": 0}]},
            id="type list with keywords",
        ),
        pytest.param(
            {"type": "string", "nullable": True}, {"anyOf": [{"type": "string"}, {"type": "null"}]}, id="nullable"
        ),
        pytest.param(
            {"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 9.5},
            {"type": "integer", "minimum": 1, "maximum": 9},
            id="open bounds of an integer",
        ),
        pytest.param(
            {"type": "number", "exclusiveMinimum": 0},
            {"type": "number", "minimum": 0, "description": "Must be greater than 0."},
            id="open bound of a number",
        ),
        pytest.param(
            {"type": "integer", "minimum": 0, "exclusiveMinimum": True},
            {"type": "integer", "minimum": 1},
            id="draft 4 open bound",
        ),
        pytest.param(
            {"type": "integer", "minimum": 5, "maximum": 1},
            {"type": "integer", "description": "At least 5, at most 1."},
            id="bounds crossed",
        ),
        pytest.param({"type": "string", "minLength": -1}, {"type": "string"}, id="negative length"),
        pytest.param({"type": "integer", "minLength": 3}, {"type": "integer"}, id="keyword of another type"),
        pytest.param(
            {"type": "integer", "maximum": 2**63 - 1}, {"type": "integer", "maximum": 2**63}, id="rounded outward"
        ),
        pytest.param({"type": "number", "maximum": float("inf")}, {"type": "number"}, id="infinity"),
        pytest.param(
            {"enum": [2**53 + 1]},
            {"type": "integer", "description": f"Must be exactly: {2**53 + 1}."},
            id="integer beyond a double",
        ),
        pytest.param(
            {"type": "string", "format": "date-time", "pattern": "^2"},
            {"type": "string", "description": "Must match the regular expression `^2`. Format: date-time."},
            id="format and pattern",
        ),
        pytest.param(
            {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
            {"type": "array", "items": {"type": "string"}, "description": "Items must be unique."},
            id="uniqueItems",
        ),
        pytest.param(
            {"type": "object", "propertyNames": {"enum": ["a"]}, "minProperties": 1},
            {"type": "object", "description": 'Number of properties: at least 1. Property names: "a".'},
            id="names and number of properties",
        ),
        pytest.param(
            {"type": "object", "patternProperties": {"^x": {"type": "integer"}}, "additionalProperties": False},
            {
                "type": "object",
                "additionalProperties": {"type": "integer"},
                "description": 'Names matching ^x hold: {"type":"integer"}.',
            },
            id="patternProperties",
        ),
        pytest.param(
            {"type": "object", "dependentRequired": {"a": ["b", "c"]}},
            {"type": "object", "description": "With a, also give: b, c."},
            id="dependentRequired",
        ),
        pytest.param(
            {"type": "string", "not": {"const": "x"}},
            {"type": "string", "description": 'Must not match: {"const":"x"}.'},
            id="not",
        ),
        pytest.param(
            {"type": "object", "if": {"required": ["a"]}, "then": {"required": ["b"]}},
            {
                "type": "object",
                "description": 'If it matches {"required":["a"]}, must also match {"required":["b"]}.',
            },
            id="if then",
        ),
        pytest.param(
            {"description": "Anything"},
            {"type": ["null", "boolean", "object", "array", "number", "string"], "description": "Anything"},
            id="description alone",
        ),
        pytest.param({"type": "string", "description": None}, {"type": "string"}, id="description null"),
        pytest.param(
            {"type": "array", "items": {"type": "string"}, "default": []},
            {"type": "array", "items": {"type": "string"}, "description": "Default: []."},
            id="default that is no scalar",
        ),
        pytest.param(
            {"type": "object", "default": {"$ref": "http://x"}},
            {"type": "object", "description": 'Default: {"$ref":"http://x"}.'},
            id="$ref inside a default",
        ),
        pytest.param(
            {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
            {"anyOf": [{"type": "string"}, {"type": "null"}]},
            id="default null",
        ),
        pytest.param(
            {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "null"}], "default": 3, "description": "Count."},
            {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "null"}], "description": "Count. Default: 3."},
            id="default beside anyOf",
        ),
        pytest.param(
            {"anyOf": [{"type": "string", "description": "a date"}, {"type": "integer", "description": "days"}]},
            {
                "anyOf": [{"type": "string"}, {"type": "integer"}],
                "description": "string: a date. integer: days",
            },
            id="descriptions of branches",
        ),
        pytest.param(
            {"oneOf": [{"const": "a", "title": "First of all"}, {"const": "b"}]},
            {"type": "string", "enum": ["a", "b"], "description": '"a": First of all'},
            id="oneOf of constants",
        ),
        pytest.param({"anyOf": [{}, {"type": "string"}]}, {}, id="a branch that takes anything"),
        pytest.param({"anyOf": [False, {"type": "string"}]}, {"type": "string"}, id="a branch that takes nothing"),
        pytest.param(
            {"allOf": [{"type": "string", "minLength": 2}, {"minLength": 3, "maxLength": 9}]},
            {"type": "string", "minLength": 3, "maxLength": 9},
            id="allOf",
        ),
        pytest.param(
            {"type": ["string", "null"], "allOf": [{"minLength": 2}]},
            {"anyOf": [{"type": "string", "minLength": 2}, {"type": "null"}]},
            id="a type only implied does not narrow a declared one",
        ),
        pytest.param({"minLength": 2}, {"type": "string", "minLength": 2}, id="type implied by a keyword"),
        pytest.param(
            {"$schema": "s", "$comment": "c", "x-order": 1, "readOnly": False, "type": "null"},
            {"type": "null"},
            id="unknown keywords",
        ),
    ],
)
def test_one_property(schema, expected):
    assert prop(schema) == expected


def test_required_is_cleaned():
    result = normal({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a", "a", "b", 3]})
    assert result["required"] == ["a", "b"]
    assert result["properties"]["b"] == {}
    assert "required" not in normal({"type": "object", "properties": {}, "required": None})


def test_required_property_that_allows_nothing_is_left_out():
    result = normal({"type": "object", "properties": {"a": False}, "required": ["a"]})
    assert result == {"type": "object", "properties": {}}


def test_names_that_the_dialect_reserves():
    names = ["$ref", "anyOf", "required", "additionalProperties", "$defs", ""]
    result = normal(
        {
            "type": "object",
            "properties": {**{name: {"type": "string"} for name in names}, "type": {"type": "integer"}},
            "required": ["$ref", "type"],
            "additionalProperties": False,
        }
    )
    assert list(result["properties"]) == ["type"]
    assert result["required"] == ["type"]
    assert "additionalProperties" not in result
    assert 'Also takes "$ref" (required): {"type":"string"}.' in result["description"]


def test_properties_with_the_names_of_other_keywords_stay():
    names = ["type", "properties", "items", "enum", "const", "default", "title", "description", "$id", "oneOf", "not"]
    result = normal({"type": "object", "properties": {name: {"type": "string"} for name in names}})
    assert list(result["properties"]) == names


def test_names_with_braces_keep_their_type_only():
    result = prop({"type": "object", "properties": {"{id}": {"enum": ["a", None]}, "{n}": {"type": "integer"}}})
    assert result["properties"]["{n}"] == {"type": "integer"}
    assert result["properties"]["{id}"]["type"] == ["string", "null"]
    assert '"enum":["a"]' in result["properties"]["{id}"]["description"]


def test_additional_properties():
    assert prop({"type": "object", "additionalProperties": {"type": "string", "description": "A path"}}) == {
        "type": "object",
        "additionalProperties": {"type": "string"},
        "description": "Values: A path",
    }
    assert prop({"type": "object", "additionalProperties": None}) == {"type": "object"}
    assert prop({"type": "object", "additionalProperties": {}}) == {"type": "object", "additionalProperties": True}


def test_all_of_closed_objects_keeps_every_property():
    one = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
    two = {"type": "object", "properties": {"b": {"type": "integer"}}, "additionalProperties": False}
    assert prop({"allOf": [one, two]}) == {
        "type": "object",
        "properties": {"a": {"type": "string"}, "b": {"type": "integer"}},
        "required": ["a"],
        "additionalProperties": False,
    }


def test_what_stands_beside_any_of_moves_into_each_branch():
    result = prop(
        {
            "type": "object",
            "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
            "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
        }
    )
    assert [branch["required"] for branch in result["anyOf"]] == [["a"], ["b"]]
    assert all(list(branch["properties"]) == ["a", "b"] for branch in result["anyOf"])


def test_contradicting_parts_keep_the_first():
    assert prop({"allOf": [{"type": "string"}, {"type": "integer"}]}) == {"type": "string"}


# --- the root ---


@pytest.mark.parametrize("schema", [None, {}, True, {"properties": {}}, {"type": "object"}])
def test_no_parameters(schema):
    assert normal(schema) == {"type": "object", "properties": {}}


def test_root_without_a_type():
    assert normal({"properties": {"a": {"type": "string"}}, "required": ["a"]}) == {
        "type": "object",
        "properties": {"a": {"type": "string"}},
        "required": ["a"],
    }


def test_union_at_the_root_becomes_one_object():
    result = normal(
        {
            "oneOf": [
                {
                    "type": "object",
                    "properties": {"kind": {"const": "cat"}, "lives": {"type": "integer"}},
                    "required": ["kind", "lives"],
                },
                {
                    "type": "object",
                    "properties": {"kind": {"const": "dog"}, "name": {"type": "string"}},
                    "required": ["kind"],
                },
            ]
        }
    )
    assert result == {
        "type": "object",
        "description": 'Pass one of these combinations: {kind: "cat", lives} or {kind: "dog", name?}.',
        "properties": {
            "kind": {"type": "string", "enum": ["cat", "dog"]},
            "lives": {"type": "integer"},
            "name": {"type": "string"},
        },
        "required": ["kind"],
    }


def test_type_beside_any_of_at_the_root():
    result = normal(
        {
            "type": "object",
            "properties": {"id": {"type": "string"}, "name": {"type": "string"}},
            "anyOf": [{"required": ["id"]}, {"required": ["name"]}],
        }
    )
    assert list(result["properties"]) == ["id", "name"]
    assert "required" not in result
    assert result["description"] == "Pass one of these combinations: {id, name?} or {id?, name}."


def test_optional_object_at_the_root():
    result = normal({"anyOf": [{"type": "object", "properties": {"a": {"type": "null"}}}, {"type": "null"}]})
    assert result == {"type": "object", "properties": {"a": {"type": "null"}}}


class Numbers(RootModel[list[int]]):
    pass


def test_a_value_that_is_no_object_is_wrapped_and_unwrapped():
    schema = Numbers.model_json_schema()
    assert normal(schema) == {
        "type": "object",
        "properties": {"root": {"type": "array", "items": {"type": "integer"}}},
        "required": ["root"],
    }
    assert Numbers.model_validate(unwrap(schema, {"root": [1, 2]})).root == [1, 2]
    own = {"type": "object", "properties": {"root": {"type": "integer"}}}
    assert unwrap(own, {"root": 1}) == {"root": 1}


@pytest.mark.parametrize("schema", [False, {"anyOf": [False]}, {"$ref": "#/$defs/A", "$defs": {"A": False}}])
def test_a_root_that_allows_nothing(schema):
    with pytest.raises(KimiInputError, match="it allows no value at all"):
        normalize_schema(schema)


# --- references ---


def test_references_in_every_local_spelling():
    result = normal(
        {
            "type": "object",
            "properties": {
                "defs": {"$ref": "#/$defs/A"},
                "definitions": {"$ref": "#/definitions/B"},
                "property": {"$ref": "#/properties/plain"},
                "plain": {"type": "boolean"},
                "anchor": {"$ref": "#here"},
                "escaped": {"$ref": "#/$defs/x~1y"},
                "encoded": {"$ref": "#/$defs/a%20b"},
                "nested": {
                    "type": "object",
                    "properties": {"deep": {"$ref": "#/$defs/Inner"}},
                    "$defs": {"Inner": {"type": "null"}},
                },
                "by_id": {"$ref": "https://example.org/c"},
            },
            "$defs": {
                "A": {"type": "string"},
                "x/y": {"type": "number"},
                "a b": {"type": "integer"},
                "C": {"$id": "https://example.org/c", "type": "array"},
            },
            "definitions": {"B": {"$anchor": "here", "type": "integer"}},
        }
    )
    assert {name: sub["type"] for name, sub in result["properties"].items()} == {
        "defs": "string",
        "definitions": "integer",
        "property": "boolean",
        "plain": "boolean",
        "anchor": "integer",
        "escaped": "number",
        "encoded": "integer",
        "nested": "object",
        "by_id": "array",
    }
    assert result["properties"]["nested"]["properties"]["deep"] == {"type": "null"}


def test_what_stands_beside_a_reference_is_merged():
    schema = {"$ref": "#/$defs/A", "type": "string", "maxLength": 5, "description": "A short one.", "default": "abc"}
    assert prop(schema, **{"$defs": {"A": {"type": "string", "minLength": 2, "description": "A name."}}}) == {
        "type": "string",
        "minLength": 2,
        "maxLength": 5,
        "default": "abc",
        "description": "A short one. A name.",
    }


@pytest.mark.parametrize(
    ("ref", "rule", "remedy"),
    [
        ("#/$defs/Gone", "nothing is there", "add the missing definition"),
        ("https://example.org/other.json", "inside the schema only", "copy the remote schema under"),
        ("other.json#/A", "inside the schema only", "copy the remote schema under"),
    ],
)
def test_a_reference_that_leads_nowhere(ref, rule, remedy):
    schema = {"type": "object", "properties": {"a": {"items": {"$ref": ref}}}}
    with pytest.raises(KimiInputError) as caught:
        normalize_schema(schema, where="tool 'search'")
    assert caught.value.what == "tool 'search', $ref at properties.a.items"
    assert caught.value.value == ref
    assert rule in caught.value.rule
    assert remedy in caught.value.remedy


def test_a_reference_in_data_is_no_reference():
    assert prop({"enum": [{"$ref": "#/nowhere"}]})["type"] == "object"
    assert prop({"type": "string", "examples": [{"$ref": "#/nowhere"}]})["type"] == "string"


def test_an_unused_definition_may_be_broken():
    assert "$defs" not in normal({"type": "object", "$defs": {"A": {"$ref": "#/$defs/Gone"}}})


class Node(BaseModel):
    """A node."""

    value: int
    children: list["Node"] = []


def test_recursion_stays_a_reference():
    result = normal(Node.model_json_schema())
    assert result["properties"]["children"]["items"] == {"$ref": "#/$defs/Node"}
    assert result["$defs"]["Node"]["required"] == ["value"]


class Tree(BaseModel):
    children: list["Tree"]


def test_recursion_that_only_the_checker_calls_endless():
    result = normal(Tree.model_json_schema())
    assert "required" not in result["$defs"]["Tree"]
    assert result["$defs"]["Tree"]["description"] == "Always give: children."
    assert result["required"] == ["children"]


def test_recursion_through_a_list_alone():
    result = prop({"$ref": "#/$defs/L"}, **{"$defs": {"L": {"type": "array", "items": {"$ref": "#/$defs/L"}}}})
    assert result == {"type": "array", "description": "Each item is again such a list."}


def test_recursion_to_the_root():
    result = normal({"type": "object", "properties": {"next": {"$ref": "#"}, "id": {"type": "string"}}})
    assert result["properties"]["next"] == {"$ref": "#/$defs/Root"}
    assert result["$defs"]["Root"]["properties"]["next"] == {"$ref": "#/$defs/Root"}


@pytest.mark.parametrize(
    "definitions",
    [
        {"A": {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "required": ["a"]}},
        {"A": {"$ref": "#/$defs/A"}},
        {"A": {"$ref": "#/$defs/B"}, "B": {"anyOf": [{"$ref": "#/$defs/A"}]}},
        {"A": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/A"}}},
    ],
)
def test_recursion_without_an_end(definitions):
    with pytest.raises(KimiInputError, match=r"schema, definition '[AB]': .*(itself|reference back)"):
        normalize_schema({"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": definitions})


def test_mutual_recursion_with_constraints_beside_the_references():
    schema = {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/A", "properties": {"x": {"type": "string"}}}},
        "$defs": {
            "A": {"allOf": [{"$ref": "#/$defs/B"}, {"properties": {"b": {"$ref": "#/$defs/B", "required": ["a"]}}}]},
            "B": {"type": "object", "properties": {"a": {"$ref": "#/$defs/A", "maxProperties": 3}}},
        },
    }
    assert normal(schema)["properties"]["a"]["properties"]["x"] == {"type": "string"}


def test_many_definitions_that_know_each_other():
    defs = {
        f"D{n}": {
            "type": "object",
            "properties": {"value": {"type": "string"}, "next": {"$ref": f"#/$defs/D{(n + 1) % 20}"}},
        }
        for n in range(20)
    }
    result = normal({"type": "object", "properties": {"start": {"$ref": "#/$defs/D0"}}, "$defs": defs})
    assert result["$defs"] == defs


def test_fan_out_does_not_multiply():
    level = {
        "type": "object",
        "properties": {"description of something": {"type": "string", "description": "long " * 40}},
    }
    defs = {"L0": level}
    for n in range(1, 11):
        ref = {"$ref": f"#/$defs/L{n - 1}"}
        defs[f"L{n}"] = {"type": "object", "properties": {"left": ref, "right": ref}}
    result = normal({"type": "object", "properties": {"top": {"$ref": "#/$defs/L10"}}, "$defs": defs})
    assert len(json.dumps(result)) < 8_000


def test_descriptions_beside_a_reference_and_in_its_definition():
    class Folder(BaseModel):
        """A folder of files."""

        name: str
        parent: Optional["Folder"] = Field(None, description="The folder above.")
        twin: "Folder" = Field(description="Its mirror.", default=None)

    result = normal(Folder.model_json_schema())
    assert result["properties"]["twin"]["description"] == "Its mirror."
    assert result["$defs"]["Folder"]["description"] == "A folder of files."


def test_definition_names_are_made_printable():
    class Box(BaseModel, Generic[T]):
        inner: Optional["Box[T]"] = None
        value: T

    schema = Box[int].model_json_schema()
    assert all(name.isidentifier() for name in normal(schema)["$defs"])
    slashed = {"a/b.c": {"type": "object", "properties": {"x/y": {"$ref": "#/$defs/a~1b.c"}}, "required": ["x/y"]}}
    slashed["a/b.c"]["properties"]["end"] = {"type": "string"}
    slashed["a/b.c"]["required"] = ["end"]
    result = normal({"type": "object", "properties": {"p": {"$ref": "#/$defs/a~1b.c"}}, "$defs": slashed})
    assert list(result.get("$defs", {})) in ([], ["b_c"], ["a_b_c"])


# --- pydantic, TypedDict, dataclasses ---


class Color(enum.Enum):
    red = "red"
    blue = "blue"


class Level(enum.IntEnum):
    low = 1
    high = 2


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = Field(gt=0, le=9)


class Dog(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kind: Literal["dog"] = "dog"
    name: str = Field(min_length=1, pattern="^[A-Z]")


class Point(TypedDict):
    x: float
    y: NotRequired[float]


@dataclasses.dataclass
class Span:
    start: datetime.date
    end: datetime.date | None = None


class Everything(BaseModel):
    optional: int | None = None
    described: str | None = Field(None, description="May be missing")
    union: int | str | list[float]
    literal: Literal["a", "b"] = "a"
    mixed: Literal["a", 1, None, True]
    color: Color = Color.red
    level: Level
    pet: Annotated[Cat | Dog, Field(discriminator="kind")]
    pets: list[Cat | Dog]
    mapping: dict[str, Cat]
    by_color: dict[Color, int]
    pair: tuple[int, str]
    triple: tuple[int, ...]
    fixed: tuple[()]
    ids: set[uuid.UUID]
    amount: decimal.Decimal
    ratio: float = Field(0.5, ge=0, lt=1)
    count: int = Field(4, gt=0, lt=10, multiple_of=2)
    big: int = Field(0, ge=-(2**63), le=2**63 - 1)
    when: datetime.datetime
    lasts: datetime.timedelta = datetime.timedelta(seconds=5)
    raw: bytes = b""
    anything: Any = None
    point: Point
    span: Span
    node: Node
    tree: Tree
    aliased: int = Field(alias="$ref", default=1)


def test_a_pydantic_model_with_everything():
    schema = Everything.model_json_schema()
    result = normal(schema)
    properties = result["properties"]
    assert properties["pet"]["anyOf"][0]["properties"]["kind"] == {"type": "string", "enum": ["cat"]}
    assert properties["pet"]["anyOf"][1]["additionalProperties"] is False
    assert properties["level"] == {"type": "integer", "enum": [1, 2]}
    assert properties["color"] == {"type": "string", "enum": ["red", "blue"], "default": "red"}
    assert (properties["count"]["minimum"], properties["count"]["maximum"]) == (1, 9)
    assert properties["when"]["description"] == "Format: date-time."
    assert properties["described"]["description"] == "May be missing"
    assert "aliased" not in properties
    assert '"$ref"' in result["description"]
    values = {
        "union": [1.5],
        "mixed": None,
        "level": 2,
        "pet": {"kind": "dog", "name": "Rex"},
        "pets": [],
        "mapping": {"a": {"kind": "cat", "lives": 9}},
        "by_color": {"red": 1},
        "pair": [1, "a"],
        "triple": [],
        "fixed": [],
        "ids": [],
        "amount": "1.5",
        "when": "2026-01-01T00:00:00Z",
        "point": {"x": 1},
        "span": {"start": "2026-01-01", "end": None},
        "node": {"value": 1, "children": [{"value": 2}]},
        "tree": {"children": []},
    }
    Everything.model_validate(values)
    assert checker.valid(result, values)
    assert not checker.valid(result, {**values, "level": 3})
    assert not checker.valid(result, {**values, "pet": {"kind": "dog", "name": "Rex", "age": 3}})


@pytest.mark.parametrize("kind", [Point, Span, list[int], int | str, Color, tuple[int, str], dict[str, Point], bool])
def test_types_that_are_no_models(kind):
    normal(TypeAdapter(kind).json_schema())


def test_values_that_are_not_json_are_made_so():
    schema = MappingProxyType({"type": "object", "properties": {"a": {"enum": (Color.red, Color.blue)}}})
    assert normalize_schema(schema)["properties"]["a"]["enum"] == ["red", "blue"]


def test_a_schema_that_is_no_schema():
    circular: dict[str, Any] = {}
    circular["properties"] = {"a": circular}
    with pytest.raises(KimiInputError, match=r"tool 'x': .* is a JSON document"):
        normalize_schema(circular, where="tool 'x'")
    with pytest.raises(KimiInputError, match="a schema is an object"):
        normalize_schema(["string"])


# --- MCP servers ---


def test_mcp_severity_of_lean_lsp():
    assert prop({"type": "string", "anyOf": [{"enum": ["error", "warning"]}, {"type": "null"}], "default": None}) == {
        "type": "string",
        "enum": ["error", "warning"],
    }


def test_mcp_zod_tuple_and_record():
    result = normal(
        {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "type": "object",
            "properties": {
                "range": {
                    "type": "array",
                    "minItems": 2,
                    "maxItems": 2,
                    "items": [{"type": "number"}, {"type": "number"}],
                },
                "filter": {"type": "object", "additionalProperties": {}, "propertyNames": {"type": "string"}},
                "path": {
                    "anyOf": [{"type": "string"}, {"type": "array", "items": {"$ref": "#/properties/path/anyOf/0"}}]
                },
                "raw": {},
                "url": {"type": "string", "format": "uri", "const": "https://x"},
            },
            "required": ["range"],
            "additionalProperties": False,
        }
    )
    assert result["properties"]["range"]["items"] == {"type": "number"}
    assert result["properties"]["path"]["anyOf"][1]["items"] == {"type": "string"}
    assert result["properties"]["url"] == {"type": "string", "enum": ["https://x"]}
    assert result["additionalProperties"] is False


# --- limits ---


def nested_schema(levels, leaf=None):
    schema = leaf or {"type": "string"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"a": schema}, "required": ["a"]}
    return schema


def test_thirty_levels_pass_and_more_are_cut():
    assert normal(nested_schema(30)) == nested_schema(30)
    assert checker.depth(normal(nested_schema(40)), {}, ()) == 30
    assert "no longer spelled out" in changes(nested_schema(40))[-1]


def test_a_long_cycle_loses_only_its_far_end():
    defs = {
        f"D{n}": {
            "type": "object",
            "properties": {
                "value": {"type": "string"},
                "next": {"anyOf": [{"$ref": f"#/$defs/D{(n + 1) % 40}"}, {"type": "null"}]},
            },
        }
        for n in range(40)
    }
    result = normal({"type": "object", "properties": {"start": {"$ref": "#/$defs/D0"}}, "$defs": defs})
    assert 20 <= json.dumps(result).count('"value"') <= 30


def test_deep_nesting_of_other_kinds():
    schema = {"type": "string"}
    for _ in range(150):
        schema = {"type": "array", "items": schema}
    prop(schema)


def test_large_enums_and_unions():
    assert len(prop({"enum": [f"v{n}" for n in range(1000)]})["enum"]) == 1000
    wide = prop({"enum": [f"v{n}" for n in range(1200)]})
    assert wide["type"] == "string"
    assert wide["description"].startswith('One of: "v0","v1"')
    many = prop({"anyOf": [{"type": "string", "minLength": n} for n in range(600)]})
    assert many == {"type": "string"}


def test_too_many_bytes_and_properties():
    long = {"type": "object", "properties": {f"p{n}": {"type": "string", "description": "<" * 900} for n in range(150)}}
    assert len(normal(long)["properties"]) == 150
    wide = {f"p{n}": nested_schema(4) for n in range(1000)}
    for properties in (wide, {f"p{n}": {} for n in range(3001)}):
        with pytest.raises(KimiInputError, match=r"at most 120,000 bytes and 3,000 properties"):
            normalize_schema({"type": "object", "properties": properties})


def test_many_combinations_are_not_multiplied():
    either = {"anyOf": [{"type": "object", "properties": {f"p{n}": {"type": "string"}}} for n in range(30)]}
    prop({"allOf": [either, either, {"anyOf": [{"type": "object"}, *either["anyOf"]]}]})


# --- tools, cache, command line ---


def tool(n=0):
    return {
        "type": "function",
        "function": {
            "name": f"tool_{n}",
            "description": "Look up",
            "strict": True,
            "parameters": {"type": "object", "description": "All in SI units.", "properties": {"a": {"const": n}}},
        },
    }


def test_words_about_all_parameters_move_to_the_function():
    function = normalize_tool(tool())["function"]
    assert function["description"] == "Look up. All in SI units."
    assert "description" not in function["parameters"]
    assert function["strict"] is True
    assert normalize_tool(normalize_tool(tool())) == normalize_tool(tool())


def test_tools_without_parameters_and_tools_of_other_kinds():
    assert normalize_tool({"type": "function", "function": {"name": "now"}})["function"]["parameters"] == {
        "type": "object",
        "properties": {},
    }
    builtin = {"type": "builtin_function", "function": {"name": "$web_search"}}
    assert normalize_tool(builtin) == builtin


def test_errors_name_the_tool():
    bad = {"type": "function", "function": {"name": "search", "parameters": {"$ref": "#/$defs/Gone"}}}
    with pytest.raises(KimiInputError, match=r"^tool 'search', \$ref at root: got '#/\$defs/Gone'"):
        normalize_tool(bad)


def test_the_cache_sees_objects_equal_objects_and_changed_objects():
    cache = NormalizedCache(size=3)
    first = tool()
    [result] = cache.tools([first])
    assert result == normalize_tool(first)
    assert cache.tools([first])[0] is result
    assert cache.tools([tool()])[0] is result
    first["function"]["parameters"]["properties"]["a"]["const"] = "changed"
    assert cache.tools([first])[0]["function"]["parameters"]["properties"]["a"]["enum"] == ["changed"]
    assert pickle.loads(pickle.dumps(cache)).tools([first]) == copy.deepcopy(cache).tools([first])
    many = [tool(n) for n in range(10)]
    assert cache.tools(many) == [normalize_tool(one) for one in many] == cache.tools(many)


def test_a_result_belongs_to_its_caller():
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    normalize_schema(schema)["properties"].clear()
    assert normalize_schema(schema) == schema


def test_changes_are_listed_with_their_path():
    schema = {"type": "object", "properties": {"a": {"type": "array", "items": {"const": 1, "title": "A"}}}}
    assert changes(schema) == ["properties.a.items: const became an enum of one value"]
    assert changes(normalize_schema(schema)) == []


def test_command_line(tmp_path):
    path = tmp_path / "schema.json"
    path.write_text(json.dumps({"type": "object", "properties": {"a": {"const": "名"}}}), encoding="utf-8")
    command = [sys.executable, "-m", "kimi_api.cli", "schema"]
    done = subprocess.run([*command, str(path)], capture_output=True, text=True, encoding="utf-8", check=True)
    assert json.loads(done.stdout)["properties"]["a"] == {"type": "string", "enum": ["名"]}
    assert done.stderr == "properties.a: const became an enum of one value\n"
    piped = subprocess.run([*command, "-"], input="false", capture_output=True, text=True, check=False)
    assert piped.returncode == 2
    assert "it allows no value at all" in piped.stderr


def test_every_process_gets_the_same_text(tmp_path):
    path = tmp_path / "schema.json"
    path.write_text(json.dumps(Everything.model_json_schema()), encoding="utf-8")
    command = [sys.executable, "-m", "kimi_api.cli", "schema", str(path)]
    texts = {
        subprocess.run(command, capture_output=True, check=True, env={**os.environ, "PYTHONHASHSEED": seed}).stdout
        for seed in ("1", "2")
    }
    assert len(texts) == 1


def test_short_words_are_not_lost_in_longer_ones():
    assert prop({"description": "maximum", "allOf": [{"type": "integer", "description": "max"}]}) == {
        "type": "integer",
        "description": "maximum. max",
    }
