"""What the platform takes at most: levels, values, bytes; and work that does not multiply."""

import json

import mfjs_checker as checker
import pytest
from mfjs_results import normal, prop

from kimi_api.errors import KimiInputError
from kimi_api.mfjs import changes, normalize_schema


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
