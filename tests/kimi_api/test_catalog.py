"""What each model can do, as far as the platform has said."""

from __future__ import annotations

import dataclasses
import datetime
import warnings

import pytest

from kimi_api import MODELS, KimiInputError, KimiWarning, Price, Usage, get_model_spec
from kimi_api.catalog import DEFAULT_MODEL, closest_model, current_models, find_model

DAY = datetime.date(2026, 11, 22)
K3_FAMILY = ["kimi-k3.1-pro", "kimi-k3.1-pro-highspeed", "kimi-k3"]
K2_FAMILY = ["kimi-k2.7-code", "kimi-k2.7-code-highspeed", "kimi-k2.6"]


def test_the_six_models_of_november_2026_are_served_newest_first() -> None:
    assert current_models(DAY) == [*K3_FAMILY, *K2_FAMILY]


def test_a_model_is_served_from_the_day_of_its_release_on() -> None:
    """So a row may be there before."""
    day = datetime.date(2027, 2, 1)
    early = {"kimi-k3.2": dataclasses.replace(MODELS["kimi-k3.1-pro"], id="kimi-k3.2", released=day)}
    assert "kimi-k3.2" not in current_models(day - datetime.timedelta(days=1), catalog=early)
    assert "kimi-k3.2" in current_models(day, catalog=early)


def test_the_default_model_is_one_that_stays() -> None:
    assert get_model_spec(DEFAULT_MODEL).retires is None


@pytest.mark.parametrize("model", K3_FAMILY)
def test_the_k3_family_always_thinks_and_takes_an_effort(model: str) -> None:
    spec = MODELS[model]
    assert (spec.context_window, spec.default_output, spec.max_output) == (1_048_576, 131_072, 1_048_576)
    assert spec.thinking == "always"
    assert spec.thinking_field == frozenset()
    assert spec.efforts == ("low", "high", "max")
    assert spec.tool_choices == {"auto", "none", "required"}
    assert spec.dynamic_tools
    assert spec.keeps_thinking
    assert spec.images
    assert spec.videos


@pytest.mark.parametrize("model", K2_FAMILY)
def test_the_k2_line_has_a_quarter_of_the_window_and_ends_with_2026(model: str) -> None:
    spec = MODELS[model]
    assert (spec.context_window, spec.default_output) == (262_144, 32_768)
    assert spec.efforts == ()
    assert spec.tool_choices == {"auto", "none"}
    assert not spec.dynamic_tools
    assert spec.blank_reasoning_refused
    assert not spec.retired(datetime.date(2026, 12, 31))
    assert spec.retired(datetime.date(2027, 1, 1))
    assert spec.successor == "kimi-k3"


def test_only_k2_6_of_those_served_can_stop_thinking() -> None:
    assert [model for model in current_models(DAY) if MODELS[model].thinking == "switchable"] == ["kimi-k2.6"]
    assert MODELS["kimi-k2.6"].thinking_field == {"enabled", "disabled"}
    assert not MODELS["kimi-k2.6"].keeps_thinking
    assert MODELS["kimi-k2.7-code"].thinking_field == {"enabled"}
    assert MODELS["kimi-k2.7-code"].keeps_thinking


@pytest.mark.parametrize("model", [*K3_FAMILY, *K2_FAMILY, "kimi-k2.5"])
def test_sampling_is_fixed_while_thinking(model: str) -> None:
    assert MODELS[model].fixed_sampling == {
        "temperature": 1,
        "top_p": 0.95,
        "n": 1,
        "presence_penalty": 0,
        "frequency_penalty": 0,
    }
    assert MODELS[model].refused == {"logit_bias", "logprobs", "top_logprobs"}


@pytest.mark.parametrize("model", ["kimi-k2.6", "kimi-k2.5"])
def test_the_one_temperature_is_lower_while_not_thinking(model: str) -> None:
    assert MODELS[model].fixed_sampling_plain["temperature"] == 0.6


@pytest.mark.parametrize("model", [model for model in MODELS if model.startswith("moonshot-v1")])
def test_moonshot_v1_took_free_sampling_and_did_not_think(model: str) -> None:
    spec = MODELS[model]
    assert not spec.fixed_sampling
    assert spec.thinking == "none"
    assert spec.images is model.endswith("vision-preview")
    assert spec.retires == datetime.date(2026, 8, 31)


@pytest.mark.parametrize(
    ("model", "price"),
    [
        ("kimi-k3.1-pro", Price(0.20, 2.00, 10.00, 2.00, 4.00)),
        ("kimi-k3.1-pro-highspeed", Price(0.20, 4.00, 20.00, 4.00, 8.00)),
        ("kimi-k3", Price(0.30, 3.00, 15.00, 3.00, 6.00)),
        ("kimi-k2.7-code", Price(0.19, 0.95, 4.00)),
        ("kimi-k2.7-code-highspeed", Price(0.38, 1.90, 8.00)),
        ("kimi-k2.6", Price(0.16, 0.95, 4.00)),
        ("kimi-k2.5", Price(0.10, 0.60, 3.00)),
        ("moonshot-v1-128k", Price(2.00, 2.00, 5.00)),
    ],
)
def test_prices_are_the_published_ones(model: str, price: Price) -> None:
    assert MODELS[model].price == price


@pytest.mark.parametrize(
    ("model", "last_day"),
    [
        ("kimi-k2.5", datetime.date(2026, 8, 30)),
        ("moonshot-v1-auto", datetime.date(2026, 8, 30)),
        ("kimi-k2-0905-preview", datetime.date(2026, 5, 24)),
        ("kimi-k2-0711-preview", datetime.date(2026, 5, 24)),
        ("kimi-k2-turbo-preview", datetime.date(2026, 5, 24)),
        ("kimi-k2-thinking", datetime.date(2026, 5, 24)),
        ("kimi-k2-thinking-turbo", datetime.date(2026, 5, 24)),
        ("kimi-latest", datetime.date(2026, 1, 27)),
        ("kimi-thinking-preview", datetime.date(2025, 11, 10)),
    ],
)
def test_a_model_is_retired_from_its_end_date_on(model: str, last_day: datetime.date) -> None:
    assert not MODELS[model].retired(last_day)
    assert MODELS[model].retired(last_day + datetime.timedelta(days=1))
    assert MODELS[MODELS[model].successor or ""].retires is None


def test_an_unknown_id_gets_the_newest_rules_and_one_warning() -> None:
    with pytest.warns(KimiWarning, match="kimi-k4-mega") as caught:
        spec, _ = get_model_spec("kimi-k4-mega"), get_model_spec("kimi-k4-mega")
    assert len(caught) == 1
    assert not spec.known
    assert spec.price is None
    assert (spec.id, spec.efforts) == ("kimi-k4-mega", MODELS["kimi-k3.1-pro"].efforts)


def test_the_warning_suggests_the_nearest_model_and_points_here() -> None:
    with pytest.warns(KimiWarning, match=r"did you mean 'kimi-k3\.1-pro'") as caught:
        get_model_spec("kimi-k3.1-por")
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    "spelling", ["moonshotai/Kimi-K2.6", "moonshotai/kimi-k2.6", "KIMI-K2.6", "a/b/kimi-k2.6", "x/kimi-k2.6:free"]
)
def test_other_hosts_spellings_mean_the_same_weights(spelling: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert get_model_spec(spelling) is MODELS["kimi-k2.6"]


@pytest.mark.parametrize(
    ("spelling", "model"),
    [
        ("unsloth/Kimi-K2.6-GGUF", "kimi-k2.6"),
        ("Kimi-K2.6-UD-Q2_K_XL.gguf", "kimi-k2.6"),
        ("/models/Kimi-K3-Q4_K_M-00001-of-00012.gguf", "kimi-k3"),
        ("nvidia/Kimi-K2.5-NVFP4", "kimi-k2.5"),
        ("mlx-community/Kimi-K2.6-4bit", "kimi-k2.6"),
        ("RedHatAI/Kimi-K2.5-quantized.w4a16", "kimi-k2.5"),
        ("kimi-k2.7-code-fp8", "kimi-k2.7-code"),
        ("moonshotai/Kimi-K2-Instruct-0905", "kimi-k2-0905-preview"),
        ("moonshotai/Kimi-K2-Instruct", "kimi-k2-0711-preview"),
        ("moonshotai/Kimi-K2-Thinking", "kimi-k2-thinking"),
        ("oai-kimi-k2.6", "kimi-k2.6"),
        ("azure_ai/team.kimi-k2.5", "kimi-k2.5"),
    ],
)
def test_names_of_weights_and_proxies_mean_the_model(spelling: str, model: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert get_model_spec(spelling) is MODELS[model]


@pytest.mark.parametrize(
    "other", ["kimi-k3.2-pro", "kimi-k3-mini", "mykimi-k3", "kimi-k2.6-thinking", "kimi-k2", "q4_k_m"]
)
def test_another_model_is_not_taken_for_a_variant_of_weights(other: str) -> None:
    assert find_model(other) is None


@pytest.mark.parametrize("model", ["", " ", " kimi-k3", "kimi k3", "kimi-k3\n", None, 3])
def test_an_id_is_a_word(model: object) -> None:
    with pytest.raises(KimiInputError) as caught:
        get_model_spec(model)  # type: ignore[arg-type]
    assert caught.value.what == "model"
    assert caught.value.value == model
    assert caught.value.remedy


def test_a_retired_or_strange_id_has_its_nearest_living_one() -> None:
    assert closest_model("moonshotai/kimi-k2.6-thinking") == "kimi-k2.6"
    assert closest_model("zzz") is None


def test_cost_counts_each_kind_of_token_at_its_own_price() -> None:
    usage = Usage(prompt_tokens=1_000_000, completion_tokens=100_000, cached_tokens=400_000, cache_write_tokens=100_000)
    cost = MODELS["kimi-k3"].cost(usage)
    assert cost == pytest.approx(0.5 * 3.00 + 0.4 * 0.30 + 0.1 * 3.00 + 0.1 * 15.00)


def test_writes_cost_as_input_where_no_price_for_them_is_published() -> None:
    usage = Usage(prompt_tokens=1_000_000, cache_write_tokens=1_000_000)
    assert MODELS["kimi-k2.6"].cost(usage) == pytest.approx(0.95)


def test_thinking_is_not_billed_twice() -> None:
    assert MODELS["kimi-k3"].cost(Usage(completion_tokens=10, reasoning_tokens=10)) == pytest.approx(150e-6)


def test_nothing_is_said_of_a_cost_without_a_price() -> None:
    assert MODELS["kimi-latest"].cost(Usage(prompt_tokens=5)) is None


def test_counts_that_do_not_add_up_never_give_a_negative_cost() -> None:
    cost = MODELS["kimi-k3"].cost(Usage(prompt_tokens=1, cached_tokens=5, cache_write_tokens=5))
    assert cost is not None
    assert cost >= 0
