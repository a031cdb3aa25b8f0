"""Constructor arguments under the names of their fields, the rule that both adapters share."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from kimi_api import KimiInputError
from kimi_api._settings.constructor import constructor_settings
from kimi_api.options import DIALECTS, ChatOptions, budget_of, switches_thinking_off

FIELDS = ("model", "max_tokens", "extra_body")


def read_settings(**settings: Any) -> dict[str, Any]:
    return constructor_settings(settings, FIELDS)


def test_aliases_become_fields_in_the_order_given() -> None:
    assert list(read_settings(max_completion_tokens=5, model_name="kimi-k3").items()) == [
        ("max_tokens", 5),
        ("model", "kimi-k3"),
    ]


def test_a_field_that_is_also_an_alias_counts_as_the_field() -> None:
    assert constructor_settings({"model_name": "a"}, ("model", "model_name")) == {"model_name": "a"}


@pytest.mark.parametrize("settings", [{"model": "a", "model_name": "b"}, {"model_name": "b", "model": "a"}])
def test_two_values_for_one_field_name_both_names(settings: dict[str, str]) -> None:
    with pytest.raises(KimiInputError) as caught:
        read_settings(**settings)
    for word in (*settings, "twice", "pass one of them"):
        assert word in str(caught.value)


def test_the_same_value_twice_is_no_contradiction() -> None:
    assert read_settings(model="a", model_name="a") == {"model": "a"}


def test_bodies_under_several_names_are_merged_and_left_alone() -> None:
    first, second = {"a": {"x": 1}, "b": 1}, {"a": {"y": 2}, "b": 2}
    both = {"extra_body": {"a": {"x": 1, "y": 2}, "b": 1}}
    assert (
        read_settings(extra_body=first, model_kwargs=second)
        == read_settings(model_kwargs=second, extra_body=first)
        == both
    )
    assert (first, second) == ({"a": {"x": 1}, "b": 1}, {"a": {"y": 2}, "b": 2})


@pytest.mark.parametrize("holder", ["model_kwargs", "additional_kwargs"])
def test_settings_among_other_members_of_the_body_are_settings(holder: str) -> None:
    assert read_settings(**{holder: {"model_name": "a", "x": 1}}) == {"model": "a", "extra_body": {"x": 1}}
    assert read_settings(model="b", **{holder: {"model": "a"}}) == {"model": "b"}


def test_a_class_that_keeps_additional_kwargs_gets_them_whole() -> None:
    fields = (*FIELDS, "additional_kwargs")
    for holder in ("model_kwargs", "additional_kwargs"):
        assert constructor_settings({holder: {"model": "a"}}, fields) == {"additional_kwargs": {"model": "a"}}


def test_none_stands_for_the_default_of_a_field_and_other_types_are_left_to_it() -> None:
    assert read_settings(extra_body=None, max_tokens=None) == {}
    assert read_settings(model_kwargs=None, extra_body={"a": 1}) == {"extra_body": {"a": 1}}
    assert read_settings(extra_body=5) == {"extra_body": 5}
    assert read_settings(model=None) == {"model": None}


@pytest.mark.parametrize(("name", "remedy"), [("modle", "did you mean 'model'"), ("zzz", "remove it")])
def test_an_unknown_name_is_refused_with_the_nearest(name: str, remedy: str) -> None:
    with pytest.raises(KimiInputError, match=remedy) as caught:
        read_settings(**{name: 1})
    assert f"extra_body={{'{name}': ...}}" in str(caught.value)


def test_a_class_without_a_body_is_not_advised_to_use_one() -> None:
    with pytest.raises(KimiInputError, match="there is no such option") as caught:
        constructor_settings({"zzz": 1}, ("api_key", "timeout"))
    assert "extra_body" not in str(caught.value)


def test_an_alias_may_be_the_nearest_name() -> None:
    with pytest.raises(KimiInputError, match="did you mean 'max_completion_tokens'"):
        read_settings(max_completion_token=5)


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
def test_each_dialect_is_found_by_its_name(dialect: str) -> None:
    assert ChatOptions(dialect=dialect).host_rules.name == dialect


def test_an_unknown_dialect_names_those_there_are() -> None:
    with pytest.raises(KimiInputError, match="platform, openai, vllm"):
        _ = ChatOptions(dialect="klingon").host_rules


@pytest.mark.parametrize(
    ("wish", "off"),
    [
        (None, False),
        (True, False),
        ("enabled", False),
        ({"type": "enabled", "keep": "all"}, False),
        ({"effort": "low"}, False),
        ({}, False),
        (False, True),
        ("disabled", True),
        ({"type": "disabled"}, True),
    ],
)
def test_thinking_is_off_in_each_form_of_the_wish(wish: Any, off: bool) -> None:
    assert switches_thinking_off(wish) is off


@pytest.mark.parametrize(
    ("body", "budget"),
    [
        ({}, None),
        ({"max_tokens": 5}, 5),
        ({"max_completion_tokens": 7}, 7),
        ({"max_tokens": 5, "max_completion_tokens": 7}, 7),
    ],
)
def test_the_budget_of_a_body_stands_under_either_name(body: dict[str, Any], budget: int | None) -> None:
    assert budget_of(body) == budget


# ------------------------------------------------------------------------------------------------ options in one step

CHANGES: list[dict[str, Any]] = [
    {},
    {"max_tokens": 5, "temperature": 0.5},
    {"model": "kimi-k2.6"},
    {"max_completion_tokens": 7, "extra_body": {"a": {"y": 2}}},
    {"additional_kwargs": {"top_p": 0.5, "metadata": {"k": "v"}}},
    {"seed": 3, "unsupported": "send"},
    {"dialect": "vllm", "logprobs": True},
    {"stop": ["x"], "tools": [{"type": "function", "function": {"name": "a"}}]},
]


@pytest.mark.parametrize("first", CHANGES, ids=lambda changes: ",".join(changes) or "nothing")
@pytest.mark.parametrize("second", CHANGES, ids=lambda changes: ",".join(changes) or "nothing")
def test_options_made_in_one_step_are_those_made_in_several(first: dict[str, Any], second: dict[str, Any]) -> None:
    settings = {"model": "kimi-k3", "catalog_model": "kimi-k3", "extra_body": {"a": {"x": 1}}, "n": 1}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        one_by_one = ChatOptions(**settings).with_changes(first).with_changes(second)
        assert ChatOptions.of(settings, first, second) == one_by_one
    assert settings["extra_body"] == {"a": {"x": 1}}


def test_an_unknown_name_is_refused_in_one_step_too() -> None:
    with pytest.raises(KimiInputError, match="temperature"):
        ChatOptions.of({"model": "kimi-k3"}, {"temprature": 1})
