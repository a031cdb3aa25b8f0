"""Balance, models, and a catalogue brought up to date with the server's own list."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest

from kimi_api import MODELS, ChatOptions, KimiAuthenticationError, KimiClient, KimiReplyError, build_request
from kimi_api._warn import forget_warnings
from kimi_api.account import (
    Balance,
    ModelInfo,
    abalance,
    amodels,
    arefresh,
    balance,
    merge_models,
    models,
    parse_balance,
    parse_model,
    refresh,
)
from kimi_api.catalog import Catalog, get_model_spec, set_process_catalog
from kimi_emulator import Emulator

# As GET /v1/models gave it for an account in July 2026, the documented fields and those seen live.
LIVE_K3 = {
    "id": "kimi-k3",
    "object": "model",
    "created": 1784160000,
    "owned_by": "moonshot",
    "context_length": 1048576,
    "supports_image_in": True,
    "supports_video_in": True,
    "supports_reasoning": True,
    "supports_dynamic_tools": True,
    "think_efforts": {"support": True, "valid_efforts": ["low", "high", "max"], "default_effort": "max"},
    "supports_thinking_type": "only",
}


@pytest.fixture(autouse=True)
def _catalogue_as_it_was() -> Iterator[None]:
    yield
    set_process_catalog({})
    forget_warnings()


# ------------------------------------------------------------------------------------------------- balance


def test_balance(ways: Any, client: KimiClient) -> None:
    amounts = ways.call(balance, abalance, client)
    assert amounts == Balance(available=49.58894, voucher=46.58893, cash=3.00001, currency=None)


@pytest.mark.parametrize(
    ("host", "currency"),
    [("https://api.moonshot.ai/v1", "USD"), ("https://api.moonshot.cn/v1/", "CNY"), ("https://x.example/v1", None)],
)
def test_the_currency_is_that_of_the_platform(host: str, currency: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    from kimi_api._transport.answers import Answer

    body = {"data": {"available_balance": -1.5, "voucher_balance": 0, "cash_balance": -1.5}}
    monkeypatch.setattr(KimiClient, "request", lambda *args, **kwargs: Answer(body))
    amounts = balance(KimiClient(api_key="k", base_url=host))
    assert amounts == Balance(-1.5, 0.0, -1.5, currency)


def test_what_is_missing_from_a_balance() -> None:
    assert parse_balance({"data": {"available_balance": 3}}) == Balance(3.0, 0.0, 0.0, None)
    for body in (None, [], {}, {"data": None}, {"data": {}}, {"data": {"available_balance": "much"}}):
        assert parse_balance(body) is None


@pytest.mark.parametrize("body", [{"code": 5, "data": None}, [], {"data": {"available_balance": None}}])
def test_an_answer_without_a_balance_is_an_error(ways: Any, raw: Any, raw_client: KimiClient, body: Any) -> None:
    raw.say(raw.http(200, body, headers={"Msh-Request-Id": "r-1"}))
    with pytest.raises(KimiReplyError, match="without a balance") as caught:
        ways.call(balance, abalance, raw_client)
    assert caught.value.request_id == "r-1"


def test_a_wrong_key_is_told(ways: Any, kimi: Emulator) -> None:
    client = KimiClient(api_key="sk-other", base_url=kimi.base_url)
    for sync, twin in ((balance, abalance), (models, amodels), (refresh, arefresh)):
        with pytest.raises(KimiAuthenticationError):
            ways.call(sync, twin, client)


# ------------------------------------------------------------------------------------------------- models


def test_models(ways: Any, client: KimiClient) -> None:
    infos = {info.id: info for info in ways.call(models, amodels, client)}
    k3 = infos["kimi-k3"]
    assert k3.context_window == 1_048_576
    assert k3.efforts == ("low", "high", "max")
    assert k3.thinking == "always"
    assert k3.dynamic_tools is True
    assert k3.created is not None
    k26 = infos["kimi-k2.6"]
    assert (k26.thinking, k26.efforts, k26.images) == ("switchable", None, True)


def test_a_live_entry() -> None:
    assert parse_model(LIVE_K3) == ModelInfo(
        id="kimi-k3",
        created=1784160000,
        owned_by="moonshot",
        context_window=1048576,
        images=True,
        videos=True,
        reasoning=True,
        thinking="always",
        efforts=("low", "high", "max"),
        dynamic_tools=True,
    )


def test_what_an_entry_does_not_say_is_none() -> None:
    assert parse_model({"id": "m"}) == ModelInfo("m")
    odd = {
        "id": "m",
        "created": "now",
        "owned_by": 3,
        "context_length": 0,
        "supports_image_in": "yes",
        "supports_thinking_type": "sometimes",
        "think_efforts": {"valid_efforts": [1]},
    }
    assert parse_model(odd) == ModelInfo("m")


def test_the_default_effort_stands_last() -> None:
    effort = {"support": True, "valid_efforts": ["max", "low", "high"], "default_effort": "low"}
    assert parse_model({"id": "m", "reasoning_efforts": effort}).efforts == ("max", "high", "low")
    assert parse_model({"id": "m", "think_efforts": {"support": False, "valid_efforts": ["low"]}}).efforts == ()


@pytest.mark.parametrize("body", [{}, {"data": {}}, [], {"data": None}])
def test_an_answer_without_a_list_is_an_error(ways: Any, raw: Any, raw_client: KimiClient, body: Any) -> None:
    raw.say(raw.http(200, body))
    with pytest.raises(KimiReplyError, match="without a list of models"):
        ways.call(models, amodels, raw_client)


def test_entries_without_an_id_are_passed_over(raw: Any, raw_client: KimiClient) -> None:
    raw.say(raw.http(200, {"data": [{"id": "a"}, {}, "b", {"id": ""}]}))
    assert [info.id for info in models(raw_client)] == ["a"]


# ------------------------------------------------------------------------------------------------- the merge


def test_a_live_entry_changes_nothing_that_the_catalogue_knows() -> None:
    assert merge_models([parse_model(LIVE_K3)]) == dict(MODELS)
    assert merge_models([]) == dict(MODELS)


def test_the_emulators_list_changes_nothing_either(client: KimiClient) -> None:
    assert merge_models(models(client)) == dict(MODELS)


def test_the_servers_facts_win_and_the_rest_stays() -> None:
    info = ModelInfo(
        "kimi-k3", context_window=500_000, images=False, videos=False, efforts=("low", "max"), dynamic_tools=False
    )
    spec = merge_models([info])["kimi-k3"]
    assert (spec.context_window, spec.max_output, spec.default_output) == (500_000, 500_000, 131_072)
    assert (spec.images, spec.videos, spec.efforts, spec.dynamic_tools) == (False, False, ("low", "max"), False)
    unchanged = {"price", "released", "fixed_sampling", "refused", "tool_choices", "thinking", "template", "known"}
    for name in unchanged:
        assert getattr(spec, name) == getattr(MODELS["kimi-k3"], name)
    assert MODELS["kimi-k3"].context_window == 1_048_576


def test_a_small_window_bounds_the_output_budget() -> None:
    spec = merge_models([ModelInfo("kimi-k3", context_window=65_536)])["kimi-k3"]
    assert (spec.default_output, spec.max_output) == (65_536, 65_536)


def test_a_model_that_learns_to_switch_may_be_switched() -> None:
    spec = merge_models([ModelInfo("kimi-k3", thinking="switchable")])["kimi-k3"]
    assert (spec.thinking, spec.thinking_field) == ("switchable", {"enabled", "disabled"})
    spec = merge_models([ModelInfo("kimi-k2.6", thinking="always")])["kimi-k2.6"]
    assert (spec.thinking, spec.thinking_field, spec.keep_field) == ("always", frozenset(), False)
    assert merge_models([ModelInfo("kimi-k2.6", reasoning=False)])["kimi-k2.6"].thinking == "none"


@pytest.mark.parametrize(
    ("info", "like"),
    [
        (ModelInfo("new", thinking="always", efforts=("low", "max"), dynamic_tools=True), "kimi-k3.1-pro"),
        (ModelInfo("new", thinking="always", dynamic_tools=False), "kimi-k2.7-code"),
        (ModelInfo("new", thinking="switchable"), "kimi-k2.6"),
        (ModelInfo("new", thinking="none"), "moonshot-v1-8k"),
        (ModelInfo("new", reasoning=False), "moonshot-v1-8k"),
        (ModelInfo("new"), "kimi-k3.1-pro"),
    ],
)
def test_a_new_id_takes_the_rules_of_the_row_most_like_it(info: ModelInfo, like: str) -> None:
    spec = merge_models([info])["new"]
    row = MODELS[like]
    assert spec.known
    assert (spec.id, spec.price, spec.retires, spec.successor) == ("new", None, None, None)
    for name in ("fixed_sampling", "refused", "tool_choices", "thinking", "thinking_field", "template"):
        assert getattr(spec, name) == getattr(row, name)
    assert merge_models([info], {"kimi-k3": MODELS["kimi-k3"]})["new"].known  # also over a smaller base


def test_the_merge_is_pure() -> None:
    base = {"kimi-k3": MODELS["kimi-k3"]}
    merge_models([ModelInfo("kimi-k3", images=False), ModelInfo("new")], base)
    assert base == {"kimi-k3": MODELS["kimi-k3"]}
    assert dataclasses.replace(MODELS["kimi-k3"]) == MODELS["kimi-k3"]


# ------------------------------------------------------------------------------------------------- put to use


def test_a_refresh_is_known_to_the_client_that_asked(ways: Any, raw: Any, raw_client: KimiClient) -> None:
    raw.say(
        raw.http(
            200,
            {
                "data": [
                    {**LIVE_K3, "think_efforts": {"support": True, "valid_efforts": ["low", "mid"]}},
                    {"id": "kimi-k9", "context_length": 9_000, "supports_thinking_type": "both"},
                ]
            },
        )
    )
    specs = ways.call(refresh, arefresh, raw_client)
    assert raw_client.catalog is specs
    assert get_model_spec("kimi-k3", catalog=specs).efforts == ("low", "mid")
    # Known now: no warning, which is an error.
    assert get_model_spec("moonshotai/Kimi-K9:free", catalog=specs).context_window == 9_000
    body = build_request(
        ChatOptions(model="kimi-k9", thinking="disabled", catalog=specs), [{"role": "user", "content": "x"}]
    ).body
    assert body["thinking"] == {"type": "disabled"}
    assert get_model_spec("kimi-k3") == MODELS["kimi-k3"]
    set_process_catalog(specs)
    assert get_model_spec("kimi-k3").efforts == ("low", "mid")


def test_a_refresh_that_fails_leaves_the_catalogue(ways: Any, raw: Any, raw_client: KimiClient) -> None:
    raw_client.catalog = catalog = Catalog(merge_models([ModelInfo("kimi-k3", images=False)]))
    raw.say(raw.http(200, {"data": "none"}))
    with pytest.raises(KimiReplyError):
        ways.call(refresh, arefresh, raw_client)
    assert raw_client.catalog is catalog
