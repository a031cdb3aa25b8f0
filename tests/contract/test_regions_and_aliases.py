"""`region`: which platform where no address is given; `catalog_model`: which model an alias stands for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from contract_kit import FOR_REQUESTS, Adapter, Chat

from kimi_api import ChatOptions, KimiClient, KimiInputError, KimiWarning, build_request
from kimi_api.costs import cost
from kimi_api.credentials import CHINA, INTERNATIONAL, resolve_base_url
from kimi_emulator import Emulator

pytestmark = pytest.mark.ways(*FOR_REQUESTS)
Make = Callable[..., Chat]
KEY = "sk-test-region"

# ---------------------------------------------------------------------------------------------------- region


@pytest.mark.parametrize(
    ("region", "address"), [(None, INTERNATIONAL), ("international", INTERNATIONAL), ("china", CHINA)]
)
def test_a_region_says_which_platform(adapter: Adapter, tmp_path: Path, region: Any, address: str) -> None:
    native = adapter.model_class(api_key=KEY, region=region)
    assert native.client.base_url == address
    assert KimiClient(api_key=KEY, region=region).base_url == address
    assert adapter.loader(tmp_path, api_key=KEY, base_url=None, region=region).native.region == region


@pytest.mark.parametrize("variable", ["MOONSHOT_BASE_URL", "MOONSHOT_API_BASE"])
def test_an_address_beats_the_region(adapter: Adapter, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    gateway = "https://gateway.test/kimi/v1"
    assert adapter.model_class(api_key=KEY, base_url=gateway, region="china").client.base_url == gateway
    monkeypatch.setenv(variable, gateway)
    assert adapter.model_class(api_key=KEY, region="china").client.base_url == gateway


@pytest.mark.parametrize("where", ["argument", "environment"])
@pytest.mark.parametrize(("region", "address"), [("china", INTERNATIONAL), ("international", f"{CHINA}/")])
def test_an_address_of_the_other_region_is_a_contradiction(
    adapter: Adapter, monkeypatch: pytest.MonkeyPatch, where: str, region: str, address: str
) -> None:
    settings: dict[str, Any] = {"region": region}
    if where == "argument":
        settings["base_url"] = address
    else:
        monkeypatch.setenv("MOONSHOT_BASE_URL", address)
    source = "base_url" if where == "argument" else "MOONSHOT_BASE_URL"
    with pytest.raises(KimiInputError, match=rf"region.*{source} is .*leave out region or {source}"):
        adapter.model_class(api_key=KEY, **settings)


def test_a_region_that_fits_its_address_is_none(adapter: Adapter) -> None:
    assert adapter.model_class(api_key=KEY, region="china", base_url=f"{CHINA}/").client.base_url == CHINA


@pytest.mark.parametrize("region", ["cn", "China", "", 1])
def test_an_unknown_region_is_refused_wherever_it_is_given(adapter: Adapter, region: Any) -> None:
    with pytest.raises(KimiInputError, match="'international' or 'china'"):
        adapter.model_class(api_key=KEY, region=region)
    native = adapter.model_class(api_key=KEY)
    native.region = region
    with pytest.raises(KimiInputError, match="'international' or 'china'"):
        _ = native.client
    with pytest.raises(KimiInputError, match="'international' or 'china'"):
        resolve_base_url(None, {}, region=region)


def test_a_region_is_followed_when_it_is_assigned(adapter: Adapter) -> None:
    native = adapter.model_class(api_key=KEY)
    native.region = "china"
    assert native.client.base_url == CHINA


def test_a_region_belongs_to_the_model_not_to_a_call(kimi: Emulator, make: Make) -> None:
    with pytest.raises(KimiInputError, match="is a setting of the model"):
        make().ask("hi", region="china")
    assert kimi.requests == []


# ---------------------------------------------------------------------------------------------------- catalog_model

ALIAS = {"model": "prod-assistant", "catalog_model": "kimi-k2.6"}


def options(body: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in body.items() if k not in ("messages", "stream", "stream_options")}


def test_an_alias_goes_out_and_gets_the_rules_of_its_model(kimi: Emulator, make: Make) -> None:
    chat = make(**ALIAS, temperature=0.6, thinking="disabled", thinking_keep=None)
    assert chat.attempt("hi").warnings == []  # 0.6 is what kimi-k2.6 takes while it does not think
    assert options(kimi.chats[0]) == {"model": "prod-assistant", "thinking": {"type": "disabled"}}


def test_a_value_that_its_model_refuses_is_left_out(kimi: Emulator, make: Make) -> None:
    (warning,) = make(**ALIAS, reasoning_effort="low").attempt("hi").warnings
    assert "kimi-k2.6 has no reasoning_effort" in warning
    assert options(kimi.chats[0]) == {"model": "prod-assistant"}


def test_without_it_an_alias_is_an_unknown_model(adapter: Adapter) -> None:
    with pytest.warns(KimiWarning, match="'prod-assistant' is not in the catalogue"):
        adapter.make(model="prod-assistant")


def test_evaluations_take_an_alias_whose_model_is_known(kimi: Emulator, make: Make) -> None:
    make(**ALIAS, unsupported="error").attempt("hi")
    assert kimi.chats[0]["model"] == "prod-assistant"


def test_an_alias_has_the_window_of_its_model(adapter: Adapter) -> None:
    assert adapter.window(adapter.make(**ALIAS).native) == 262_144
    assert adapter.window(adapter.make(**ALIAS, context_window=9_000).native) == 9_000
    assert adapter.window(adapter.make(**ALIAS, dialect="openai").native) == 262_144


def test_an_alias_costs_what_its_model_costs(adapter: Adapter) -> None:
    with Emulator(dialect="llama.cpp") as other:
        chat = adapter.make(base_url=other.base_url, api_key=other.api_key, dialect="openai", **ALIAS)
        with adapter.costs() as costs:
            usage = chat.ask("hi").usage
    paid = cost(usage, "kimi-k2.6") if usage else None
    assert paid is not None
    assert costs.tally.unpriced == []
    assert list(costs.tally.models) == ["prod-assistant"]
    assert costs.total_cost == paid.total > 0


def test_tokens_of_an_alias_are_counted_as_those_of_its_model(adapter: Adapter) -> None:
    counts = [adapter.make(**names).count("hi") for names in (ALIAS, {"model": "kimi-k2.6"}, {"model": "kimi-k3"})]
    assert counts[0] == counts[1] != counts[2]


def test_a_call_of_another_model_is_free_of_the_alias(kimi: Emulator, make: Make) -> None:
    make(**ALIAS).ask("hi", model="kimi-k3", reasoning_effort="low")
    make().attempt("hi", **ALIAS, thinking="disabled")
    assert [options(body) for body in kimi.chats] == [
        {"model": "kimi-k3", "reasoning_effort": "low"},
        {"model": "prod-assistant", "thinking": {"type": "disabled"}},
    ]


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning")  # older cores dump the model first
@pytest.mark.parametrize(
    ("wrong", "remedy"), [("kimi-k2.66", "did you mean 'kimi-k2.6'"), ("gpt-4o", "Known today"), (5, "")]
)
def test_a_model_that_the_catalogue_does_not_know_is_refused(
    kimi: Emulator, adapter: Adapter, wrong: Any, remedy: str
) -> None:
    def assign() -> None:
        native = adapter.make().native
        native.catalog_model = wrong
        adapter.chat(native).ask("hi")

    for act in (
        lambda: adapter.make(catalog_model=wrong),
        assign,
        lambda: adapter.make().ask("hi", catalog_model=wrong),
        lambda: build_request(ChatOptions(catalog_model=wrong), [{"role": "user", "content": "hi"}]),
    ):
        with pytest.raises(KimiInputError, match="catalog_model") as caught:
            act()
        assert remedy in str(caught.value)
    assert kimi.requests == []


@pytest.mark.parametrize("spelling", ["moonshotai/Kimi-K2.6", "unsloth/Kimi-K2.6-GGUF", "KIMI-K2.6"])
def test_its_model_may_be_spelled_as_other_hosts_spell_it(kimi: Emulator, make: Make, spelling: str) -> None:
    make(model="prod-assistant", catalog_model=spelling, thinking="disabled").attempt("hi")
    assert options(kimi.chats[0]) == {"model": "prod-assistant", "thinking": {"type": "disabled"}}


def test_plain_python_takes_them_too() -> None:
    request = build_request(ChatOptions(**ALIAS, thinking="disabled"), [{"role": "user", "content": "hi"}])
    assert (request.spec.id, request.body["model"], request.thinking) == ("kimi-k2.6", "prod-assistant", False)
