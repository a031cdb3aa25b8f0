"""What becomes of a schema, checked for all that must hold of any."""

import copy
import json

import mfjs_checker as checker

from kimi_api.mfjs import normalize_schema


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
