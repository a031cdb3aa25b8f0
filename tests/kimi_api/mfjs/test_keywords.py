"""Each keyword that Kimi refuses, reads otherwise or drops, by itself: what it becomes."""

import pytest
from mfjs_results import normal, prop


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


def test_short_words_are_not_lost_in_longer_ones():
    assert prop({"description": "maximum", "allOf": [{"type": "integer", "description": "max"}]}) == {
        "type": "integer",
        "description": "maximum. max",
    }
