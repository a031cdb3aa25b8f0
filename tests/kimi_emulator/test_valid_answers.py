"""Every generated object or argument is valid for its schema: over all keywords, with and without text to take from."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schema_table import SCHEMAS, hard

from kimi_emulator import BrainContext
from kimi_emulator.brain import DefaultBrain
from kimi_emulator.schemas import Grammar, generate, wishes
from kimi_emulator.schemas.conjoin import well_formed

TEXT = (
    "Ada Lovelace, 28 years old, wrote 3 mails to bob@example.com about lunch in Paris on 2026-05-03. "
    "She likes red and blue; her order A-17 costs 12.50 dollars. See https://example.com/menu."
)
CHECK = jsonschema.Draft202012Validator.FORMAT_CHECKER


def faults(value: Any, schema: Any) -> list[str]:
    validator = jsonschema.Draft202012Validator(well_formed(schema), format_checker=CHECK)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def answer(schema: Any, text: str, **fields: Any) -> Any:
    request: dict[str, Any] = {"model": "kimi-k3", "messages": [{"role": "user", "content": text}], **fields}
    return DefaultBrain().answer(request, BrainContext("kimi-k3", True, request.get("tools", ())))


def ask_in_schema(schema: Any, text: str) -> Any:
    response_format = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    return json.loads(answer(schema, text, response_format=response_format).content)


def ask_with_tool(schema: Any, text: str) -> Any:
    function = {"name": "save", "description": "Saves it.", "parameters": schema}
    reply = answer(schema, text, tools=[{"type": "function", "function": function}], tool_choice="required")
    return json.loads(reply.tool_calls[0].arguments_text)


@pytest.mark.parametrize("text", ["Go.", TEXT], ids=["no text", "text"])
@pytest.mark.parametrize("schema", [each for _, each in SCHEMAS], ids=[about for about, _ in SCHEMAS])
def test_an_answer_fits_its_schema(schema: Any, text: str):
    assert faults(ask_in_schema(schema, text), schema) == []


@pytest.mark.parametrize("schema", [each for _, each in SCHEMAS], ids=[about for about, _ in SCHEMAS])
def test_arguments_fit_their_schema(schema: Any):
    definitions = {"$defs": schema["$defs"]} if "$defs" in schema else {}
    inner = {keyword: value for keyword, value in schema.items() if keyword not in ("$defs", "$schema", "$id")}
    if '"#"' in json.dumps(inner):
        inner = {"type": "string"}  # the root itself: it is another one here
    parameters = {
        "type": "object",
        "properties": {"it": inner, "note": {"type": "string"}},
        "required": ["it"],
        **definitions,
    }
    assert faults(ask_with_tool(parameters, TEXT), parameters) == []


@pytest.mark.parametrize("schema", [each for _, each in hard()], ids=[about for about, _ in hard()])
def test_big_forms_fit(schema: Any):
    assert faults(ask_with_tool(schema, TEXT), schema) == []


def test_the_table_is_large_and_names_every_keyword():
    keywords = """enum const minLength maxLength pattern format minimum maximum exclusiveMinimum exclusiveMaximum
        multipleOf items minItems maxItems uniqueItems prefixItems contains properties required additionalProperties
        minProperties maxProperties propertyNames patternProperties dependentRequired dependentSchemas anyOf oneOf allOf
        not if then else $ref $defs default""".split()  # noqa: SIM905
    written = json.dumps([schema for _, schema in SCHEMAS])
    assert [keyword for keyword in keywords if f'"{keyword}"' not in written] == []
    assert len(SCHEMAS) >= 150


def test_a_seed_gives_other_values_of_the_same_form():
    schema = {"type": "string", "pattern": "^[A-Z]{4}-\\d{4}$"}
    grammar = Grammar(schema)
    values = {generate(grammar, schema, seed=seed) for seed in range(5)}
    assert len(values) > 1
    assert generate(grammar, schema, seed=3) == generate(grammar, schema, seed=3)
    assert all(faults(value, schema) == [] for value in values)


def test_a_bound_alone_makes_a_number_of_the_text():
    assert ask_in_schema({"minimum": 3}, "She is 28 years old.") == 28


def test_no_reference_is_fetched():
    schema = {"type": "object", "properties": {"a": {"$ref": "https://example.com/elsewhere.json"}}, "required": ["a"]}
    assert set(ask_in_schema(schema, "Go.")) == {"a"}  # a look-up would end the test: no network but loopback


@pytest.mark.parametrize(
    ("description", "kind", "expected"),
    [
        ("When. Format: date.", "string", {"format": "date"}),
        ("Format: date-time.", "string", {"format": "date-time"}),
        ("Must match the regular expression `^a+$`.", "string", {"pattern": "^a+$"}),
        ("Must be greater than 0. Must be a multiple of 0.25.", "number", {"exclusiveMinimum": 0, "multipleOf": 0.25}),
        ("Must be less than 5.", "number", {"exclusiveMaximum": 5}),
        ("Items must be unique.", "array", {"uniqueItems": True}),
        ('Must be exactly: "x".', "string", {"enum": ["x"]}),
        ("The day, as YYYY-MM-DD", "string", {"format": "date"}),
        ("A city", "string", {}),
        ("Format: date.", "number", {}),
    ],
)
def test_sentences_of_descriptions_are_understood(description: str, kind: str, expected: dict[str, Any]):
    assert wishes({"type": kind, "description": description}, kind) == expected


def test_wishes_of_our_own_descriptions_are_kept_to():
    schema = {
        "type": "object",
        "properties": {
            "day": {"type": "string", "description": "Format: date."},
            "price": {
                "type": "number",
                "minimum": 0,
                "description": "Must be greater than 0. Must be a multiple of 0.25.",
            },
            "code": {"type": "string", "description": "Must match the regular expression `^[A-Z]{2}\\d{2}$`."},
            "amount": {
                "anyOf": [
                    {
                        "type": "string",
                        "description": "Must match the regular expression `^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$`.",
                    },
                    {"type": "null"},
                ]
            },
        },
        "required": ["day", "price", "code", "amount"],
    }
    values = ask_in_schema(schema, "Nothing of it is said here.")
    strict = {
        "properties": {
            "day": {"format": "date"},
            "price": {"exclusiveMinimum": 0, "multipleOf": 0.25},
            "code": {"pattern": "^[A-Z]{2}\\d{2}$"},
            "amount": {"anyOf": [{"pattern": "^[+-]?\\d*\\.?\\d*$"}, {"type": "null"}]},
        }
    }
    assert faults(values, strict) == []
    assert ask_in_schema(schema, "The day is 3 May 2027, and the price is 12.5.") | {"code": "", "amount": None} == {
        "day": "2027-05-03",
        "price": 12.5,
        "code": "",
        "amount": None,
    }


# -- schemas at random ----------------------------------------------------------------------------------------------

SCALARS = st.one_of(
    st.builds(
        lambda low, more: {"type": "string", "minLength": low, "maxLength": low + more},
        st.integers(0, 9),
        st.integers(0, 9),
    ),
    st.sampled_from(
        [{"type": "string", "format": form} for form in ("date", "date-time", "uuid", "email", "uri", "duration")]
    ),
    st.sampled_from(
        [{"type": "string", "pattern": pattern} for pattern in ("^[a-c]{2,3}$", "\\d{2}", "^x|y$", "^A\\w*Z$")]
    ),
    st.builds(
        lambda low, more: {"type": "integer", "minimum": low, "maximum": low + more},
        st.integers(-50, 50),
        st.integers(0, 9),
    ),
    st.builds(
        lambda low, step: {"type": "integer", "exclusiveMinimum": low, "multipleOf": step},
        st.integers(-9, 99),
        st.integers(1, 9),
    ),
    st.builds(
        lambda low, more: {"type": "number", "exclusiveMinimum": low / 8, "exclusiveMaximum": (low + more) / 8},
        st.integers(-50, 50),
        st.integers(1, 9),
    ),
    st.builds(
        lambda values: {"enum": values, "type": "string"},
        st.lists(st.text("abcxyz", max_size=4), min_size=1, max_size=4, unique=True),
    ),
    st.sampled_from(
        [{"type": "boolean"}, {"type": "null"}, {"const": 3}, {"const": "c"}, {"type": ["string", "null"]}]
    ),
)


def wider(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Schemas made of schemas."""

    def one_object(members: dict[str, Any], required: set[int], more: int) -> dict[str, Any]:
        names = list(members)
        required_names = [name for place, name in enumerate(names) if place in required]
        depending = {names[0]: [names[-1]]} if more == 2 and names else {}
        schema: dict[str, Any] = {"type": "object", "properties": members, "required": required_names}
        if depending:
            schema["dependentRequired"] = depending
        return {**schema, **({"additionalProperties": False} if more == 1 else {})}

    def one_array(items: Any, least: int, more: int) -> dict[str, Any]:
        return {"type": "array", "items": items, "minItems": least, "maxItems": least + more}

    return st.one_of(
        st.builds(
            one_object,
            st.dictionaries(st.sampled_from(["name", "age", "city", "tags", "when", "x", "note"]), inner, max_size=4),
            st.sets(st.integers(0, 3)),
            st.integers(0, 2),
        ),
        st.builds(one_array, inner, st.integers(0, 3), st.integers(0, 3)),
        st.builds(
            lambda heads: {"type": "array", "prefixItems": heads, "minItems": len(heads), "items": False},
            st.lists(inner, min_size=1, max_size=3),
        ),
        st.builds(lambda branches: {"anyOf": branches}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda one: {"allOf": [one, {"description": "also"}]}, inner),
        st.builds(
            lambda values, least: {"type": "object", "additionalProperties": values, "minProperties": least},
            inner,
            st.integers(0, 2),
        ),
    )


DRAWN = st.recursive(SCALARS, wider, max_leaves=8)
SAID = st.sampled_from(["Go.", TEXT, "张三，28岁，明天去上海。"])


@given(schema=DRAWN, text=SAID)
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_drawn_schemas_are_met(schema: Any, text: str):
    assert faults(ask_in_schema(schema, text), schema) == []


@pytest.mark.slow
@given(schema=DRAWN, text=SAID)
@settings(max_examples=1500, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_many_drawn_schemas_are_met(schema: Any, text: str):
    assert faults(ask_in_schema(schema, text), schema) == []
