"""What holds for every schema: accepted by all filters, never narrower, stable, idempotent, input untouched."""

import json
import random

import mfjs_checker as checker
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from mfjs_instances import SCALARS, candidate

from kimi_api.errors import KimiInputError
from kimi_api.mfjs import normalize_schema

NAMES = ["a", "b", "id", "x/y", "{id}", "$ref", "anyOf", "type", "properties", "default", "items", "名"]
numbers = st.one_of(st.integers(-5, 12), st.sampled_from([0.5, 2.5, -1.5, 2**53 + 1, 1e30]))
words = st.sampled_from(["The thing.", "no full stop", "多行\n说明", "x"])


@st.composite
def annotations(draw):
    schema = {}
    if draw(st.integers(0, 3)) == 0:
        schema["description"] = draw(words)
    if draw(st.integers(0, 3)) == 0:
        schema["title"] = draw(st.sampled_from(["A", "Some Title Words"]))
    if draw(st.integers(0, 5)) == 0:
        schema["default"] = draw(st.sampled_from([*SCALARS, [], {"$ref": "x"}, {"a/b": 1}]))
    if draw(st.integers(0, 9)) == 0:
        schema.update(
            draw(st.sampled_from([{"$comment": "c"}, {"x-order": 1}, {"deprecated": True}, {"examples": [1]}]))
        )
    return schema


@st.composite
def scalars(draw):
    kind = draw(st.sampled_from(["string", "integer", "number", "boolean", "null"]))
    schema = {"type": kind}
    if kind == "string":
        keywords = {
            "minLength": st.integers(0, 4),
            "maxLength": st.integers(0, 6),
            "pattern": st.sampled_from(["^a", "b$", "."]),
            "format": st.sampled_from(["date", "uuid"]),
        }
    elif kind in ("integer", "number"):
        keywords = {
            "minimum": numbers,
            "maximum": numbers,
            "exclusiveMinimum": numbers,
            "exclusiveMaximum": numbers,
            "multipleOf": st.sampled_from([1, 2, 0.5]),
        }
    else:
        keywords = {}
    for keyword, values in keywords.items():
        if draw(st.integers(0, 2)) == 0:
            schema[keyword] = draw(values)
    return schema


@st.composite
def enums(draw):
    values = draw(st.lists(st.sampled_from([*SCALARS, 1.0, ["a"], {"a": 1}]), min_size=1, max_size=5))
    schema = {"enum": values} if draw(st.booleans()) else {"const": values[0]}
    if draw(st.integers(0, 2)) == 0:
        schema["type"] = draw(
            st.sampled_from(["string", "integer", "number", ["string", "null"], ["integer", "string"]])
        )
    return schema


@st.composite
def objects(draw, inner):
    schema = {"type": "object"}
    if draw(st.integers(0, 5)):
        schema["properties"] = draw(st.dictionaries(st.sampled_from(NAMES), inner, max_size=4))
    if draw(st.booleans()):
        schema["required"] = draw(st.lists(st.sampled_from(NAMES[:6]), max_size=3))
    if draw(st.booleans()):
        schema["additionalProperties"] = draw(st.one_of(st.booleans(), inner))
    if draw(st.integers(0, 4)) == 0:
        schema["patternProperties"] = {"^[ab]": draw(inner)}
    if draw(st.integers(0, 5)) == 0:
        schema["minProperties"] = 1
    return schema


@st.composite
def arrays(draw, inner):
    schema = {"type": "array"}
    shape = draw(st.integers(0, 4))
    if shape == 0:
        schema["prefixItems"] = draw(st.lists(inner, min_size=1, max_size=3))
        if draw(st.booleans()):
            schema["items"] = draw(st.one_of(st.booleans(), inner))
    elif shape == 1:
        schema["items"] = draw(st.lists(inner, max_size=3))
        if draw(st.booleans()):
            schema["additionalItems"] = draw(st.booleans())
    elif shape < 4:
        schema["items"] = draw(inner)
    for keyword in ("minItems", "maxItems"):
        if draw(st.integers(0, 2)) == 0:
            schema[keyword] = draw(st.integers(0, 3))
    if draw(st.integers(0, 4)) == 0:
        schema["uniqueItems"] = True
    return schema


@st.composite
def combined(draw, inner):
    """Parts of a combination, with what stands beside them."""
    schema = draw(st.one_of(st.just({}), scalars(), objects(inner), typelists()))
    for keyword in draw(st.lists(st.sampled_from(["anyOf", "oneOf", "allOf"]), min_size=1, max_size=2, unique=True)):
        schema[keyword] = draw(st.lists(inner, min_size=1, max_size=3))
    if draw(st.integers(0, 5)) == 0:
        schema["not"] = draw(inner)
    return schema


@st.composite
def typelists(draw):
    kinds = ["null", "boolean", "object", "array", "number", "integer", "string"]
    schema = {"type": draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=7, unique=True))}
    if draw(st.booleans()):
        schema["minLength"] = 1
    if draw(st.booleans()):
        schema["minimum"] = draw(numbers)
    if draw(st.integers(0, 3)) == 0:
        schema["nullable"] = True
    return schema


@st.composite
def references(draw):
    schema = {"$ref": f"#/$defs/{draw(st.sampled_from(['A', 'B', 'C']))}"}
    if draw(st.integers(0, 3)) == 0:
        schema.update(draw(st.one_of(scalars(), st.just({"type": "object", "required": ["a"]}))))
    return schema


@st.composite
def annotated(draw, strategy):
    schema = draw(strategy)
    return {**schema, **draw(annotations())} if isinstance(schema, dict) else schema


def schemas(leaves):
    return st.recursive(
        leaves,
        lambda inner: annotated(st.one_of(objects(inner), arrays(inner), combined(inner))),
        max_leaves=8,
    )


LEAVES = annotated(st.one_of(scalars(), scalars(), enums(), typelists(), st.booleans(), st.just({})))
FREE = schemas(LEAVES)
REFERRING = schemas(st.one_of(LEAVES, annotated(references())))


@st.composite
def roots(draw):
    schema = draw(annotated(objects(FREE)))
    schema.setdefault("properties", {})
    return schema


@st.composite
def roots_with_defs(draw):
    schema = draw(annotated(objects(REFERRING)))
    schema["properties"] = {**schema.get("properties", {}), "r": draw(references())}
    schema["$defs"] = {name: draw(st.one_of(REFERRING, objects(REFERRING))) for name in "ABC"}
    assume(not loops(schema))
    return schema


def loops(root):
    """A chain of references, unions and conjunctions back to itself: a value that is only itself."""

    def direct(schema):
        if not isinstance(schema, dict):
            return set()
        names = {schema["$ref"][8:]} if "$ref" in schema else set()
        for keyword in ("anyOf", "oneOf", "allOf"):
            for part in schema.get(keyword, []):
                names |= direct(part)
        return names | direct(schema.get("not"))

    edges = {name: direct(sub) for name, sub in root["$defs"].items()}
    for _ in edges:
        edges = {name: to | {far for near in to for far in edges[near]} for name, to in edges.items()}
    return any(name in to for name, to in edges.items())


def judge(schema, seed, tries=30):
    before = json.dumps(schema)
    try:
        result = normalize_schema(schema)
    except KimiInputError as error:
        assume("no value at all" not in error.rule and "requires itself" not in error.rule)
        raise
    assert json.dumps(schema) == before
    assert checker.all_filters(result) == []
    assert type(result) is dict
    assert json.dumps(normalize_schema(json.loads(before))) == json.dumps(result)
    assert json.dumps(normalize_schema(result)) == json.dumps(result)
    rng = random.Random(seed)
    for _ in range(tries):
        value = candidate(schema, schema, rng, names=NAMES)
        if isinstance(value, dict) and checker.valid(schema, value):
            assert checker.valid(result, value), (value, result)


FAST = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


@given(roots(), st.integers(0, 10**6))
@FAST
def test_any_schema(schema, seed):
    judge(schema, seed)


@given(roots_with_defs(), st.integers(0, 10**6))
@FAST
def test_any_schema_with_references(schema, seed):
    judge(schema, seed)
