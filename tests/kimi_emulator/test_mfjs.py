"""The emulator's reading of Moonshot's schema dialect, beside the one that the client's tests go by.

The two were written apart, so a misreading in one of them shows.
"""

from __future__ import annotations

from typing import Any

import mfjs_checker
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mfjs_corpus import Case, corpus

from kimi_emulator.platform import mfjs

CASES = [case for case in corpus() if isinstance(case.schema, dict)]
NAMES = st.sampled_from(["a", "b", "required"])
VALUES = st.sampled_from([None, True, 1, 2.5, "x", "y", [], {}])
TYPES = st.sampled_from(["null", "boolean", "object", "array", "number", "integer", "string", "any"])
REFS = st.sampled_from(["#", "#/$defs/a", "#/$defs/b", "#/properties/a", 7])


def _nodes(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(
        {},
        optional={
            "type": TYPES | st.lists(TYPES, max_size=3, unique=True) | st.just(5),
            "properties": st.dictionaries(NAMES, inner | st.booleans(), max_size=2),
            "required": st.lists(NAMES, max_size=2),
            "items": inner | st.lists(inner, max_size=1) | st.booleans(),
            "additionalProperties": inner | st.booleans() | st.none(),
            "anyOf": st.lists(inner | st.booleans(), max_size=2),
            "enum": st.lists(VALUES, max_size=2),
            "$ref": REFS,
            "description": st.sampled_from(["about", None]),
            "default": VALUES,
            "format": st.just("date"),
        },
    )


SCHEMAS = st.tuples(
    st.recursive(_nodes(st.just({})), _nodes, max_leaves=8), st.dictionaries(NAMES, _nodes(st.just({})), max_size=2)
).map(lambda both: both[0] | ({"$defs": both[1]} if both[1] else {}))


def refuses(schema: dict[str, Any], level: str) -> bool:
    return next(mfjs.problems(schema, level), None) is not None


@pytest.mark.parametrize("level", ["strict", "ultra"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.source}-{case.name}")
def test_the_two_readings_agree_on_schemas_of_all_makers(case: Case, level: str):
    ours = [f"{problem.path or 'root'}: {problem.message}" for problem in mfjs.problems(case.schema, level)]
    theirs = mfjs_checker.problems(case.schema, level)
    assert bool(ours) == bool(theirs), (ours, theirs)


@settings(max_examples=500, derandomize=True)
@given(schema=SCHEMAS)
def test_the_two_readings_agree_on_any_schema(schema: dict[str, Any]):
    ours = [f"{problem.path or 'root'}: {problem.message}" for problem in mfjs.problems(schema, "strict")]
    theirs = mfjs_checker.problems(schema, "strict")
    assert bool(ours) == bool(theirs), (ours, theirs)


@settings(max_examples=200, derandomize=True)
@given(schema=SCHEMAS)
def test_each_level_refuses_what_the_one_before_does(schema: dict[str, Any]):
    live, strict, ultra = (refuses(schema, level) for level in ("live", "strict", "ultra"))
    assert live <= strict <= ultra


def test_nesting_without_end_is_no_crash():
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(2000):
        schema = {"type": "array", "items": schema}
    assert refuses(schema, "strict")
