"""References and recursion: what they become, and which lead nowhere."""

import json
from typing import Generic, Optional, TypeVar

import pytest
from mfjs_models import Node, Tree
from mfjs_results import normal, prop
from pydantic import BaseModel, Field

from kimi_api.errors import KimiInputError
from kimi_api.mfjs import normalize_schema

T = TypeVar("T")


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


def test_recursion_stays_a_reference():
    result = normal(Node.model_json_schema())
    assert result["properties"]["children"]["items"] == {"$ref": "#/$defs/Node"}
    assert result["$defs"]["Node"]["required"] == ["value"]


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
