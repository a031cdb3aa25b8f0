"""The root of a schema: always one object, whatever it was; other values are wrapped."""

import pytest
from mfjs_results import normal
from pydantic import RootModel

from kimi_api.errors import KimiInputError
from kimi_api.mfjs import normalize_schema, unwrap


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
