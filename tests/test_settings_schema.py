"""The classes that hold settings say what each setting is, at run time too: for forms, docs and configuration files."""

from __future__ import annotations

import inspect
import json
import warnings
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from langchain_kimi import ChatKimi, KimiLLM
from llama_index_kimi import Kimi, KimiFileReader

CLASSES: list[type[BaseModel]] = [ChatKimi, KimiLLM, Kimi, KimiFileReader]
MODES = ("validation", "serialization")


@pytest.fixture(params=CLASSES, ids=lambda cls: cls.__name__)
def cls(request: pytest.FixtureRequest) -> type[BaseModel]:
    return request.param


def test_every_field_of_ours_has_a_description(cls: type[BaseModel]) -> None:
    of_the_framework = {name for base in cls.__mro__ if "kimi" not in base.__module__ for name in _fields(base)}
    bare = {name for name, field in cls.model_fields.items() if not field.description}

    assert bare - of_the_framework == set()


@pytest.mark.parametrize("mode", MODES)
def test_the_json_schema_is_valid_and_given_without_a_warning(cls: type[BaseModel], mode: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        schema = cls.model_json_schema(mode=mode)

    Draft202012Validator.check_schema(json.loads(json.dumps(schema)))


def test_the_json_schema_names_what_json_can_hold(cls: type[BaseModel]) -> None:
    properties = cls.model_json_schema()["properties"]

    if cls is not KimiLLM:
        assert {"api_key", "base_url", "timeout", "max_retries"} <= properties.keys()
    for name in properties.keys() & cls.model_fields.keys():
        assert properties[name].get("description") == cls.model_fields[name].description
    assert "custom_get_token_ids" not in properties


def test_a_functions_place_is_left_out_of_a_choice() -> None:
    choices = ChatKimi.model_json_schema()["properties"]["api_key"]["anyOf"]

    assert [choice["type"] for choice in choices] == ["string", "string", "null"]


def test_settings_fit_the_schema_and_wrong_ones_do_not(cls: type[BaseModel]) -> None:
    check = Draft202012Validator(cls.model_json_schema())
    settings = {"api_key": "sk-test-1", "timeout": 5.5, "max_retries": 1}
    settings = {"chat": settings} if cls is KimiLLM else settings
    wrong = {"max_retries": "many"}

    assert check.is_valid(settings)
    assert not check.is_valid({"chat": wrong} if cls is KimiLLM else wrong)


def test_a_generator_of_ones_own_is_used(cls: type[BaseModel]) -> None:
    class Own(GenerateJsonSchema):
        def generate(self, schema: Any, mode: Any = "validation") -> dict[str, Any]:
            return {"own": mode}

    assert cls.model_json_schema(schema_generator=Own) == {"own": "validation"}
    assert cls.model_json_schema(True, "#/{model}", Own, "serialization") == {"own": "serialization"}


def _fields(base: type) -> set[str]:
    return set(inspect.get_annotations(base))
