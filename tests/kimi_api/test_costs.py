"""What calls cost: one call, many calls, and the stable hash of a user."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from kimi_api import KimiInputError, Price, Usage
from kimi_api.account import cost, safety_identifier
from kimi_api.catalog import MODELS
from kimi_api.costs import Cost, CostTally, price_of
from kimi_api.costs._price import cache_ttl_of

USAGE = Usage(1_000_000, 100_000, 1_100_000, cached_tokens=500_000, cache_write_tokens=200_000, reasoning_tokens=60_000)
SALT = "sixteen bytes and more"


# ------------------------------------------------------------------------------------------------- one call


def test_each_kind_of_token_has_its_own_price() -> None:
    price = cost(USAGE, "kimi-k3")  # 0.30 cached, 3.00 in, 15.00 out, writes 3.00 for five minutes
    assert price is not None
    assert (price.input, price.cached, price.write, price.output) == pytest.approx((0.90, 0.15, 0.60, 1.50))
    assert price.total == pytest.approx(3.15)
    assert price.currency == "USD"


def test_an_hour_of_cache_costs_its_own_price() -> None:
    price = cost(USAGE, "kimi-k3", cache_ttl="1h")
    assert price is not None
    assert price.write == pytest.approx(1.20)
    assert price.input == pytest.approx(0.90)


def test_a_batch_costs_less() -> None:
    live, batched = cost(USAGE, "kimi-k2.6"), cost(USAGE, "kimi-k2.6", batch=True)
    assert live is not None
    assert batched is not None
    assert batched.total == pytest.approx(0.6 * live.total)
    assert batched.output == pytest.approx(0.6 * live.output)


def test_a_model_without_a_price_for_writing_has_writes_in_its_input() -> None:
    price = cost(USAGE, "kimi-k2.6")
    assert price is not None
    assert (price.input, price.write) == pytest.approx((0.5 * 0.95, 0.0))


def test_the_platforms_own_usage_object_will_do() -> None:
    assert cost(USAGE.as_dict(), "kimi-k3") == cost(USAGE, "kimi-k3")


def test_no_tokens_are_counted_twice_or_lost() -> None:
    """All prompt tokens at one price cost the same, however they are split."""
    flat = {"m": Price(1.0, 1.0, 1.0, 1.0, 1.0)}
    for cached, written in [(0, 0), (300, 0), (0, 300), (500, 500), (1_000, 0)]:
        price = cost(Usage(1_000, 50, 1_050, cached, written), "m", prices=flat)
        assert price is not None
        assert price.total == pytest.approx(1_050e-6)


@pytest.mark.parametrize("model", ["moonshotai/kimi-k2.6", "kimi-k2.6:free", "gpt-5", "kimi-latest", ""])
def test_a_model_without_a_known_price_costs_none_rather_than_nothing(
    model: str, recwarn: pytest.WarningsRecorder
) -> None:
    assert cost(USAGE, model) is None
    assert not recwarn.list


def test_own_prices_go_first_and_other_currencies_use_nothing_else() -> None:
    yuan = {"kimi-k3": Price(2.0, 20.0, 100.0, 20.0, 40.0)}
    price = cost(Usage(1_000_000, 0, 1_000_000), "kimi-k3", prices=yuan, currency="CNY")
    assert price == Cost(input=20.0, currency="CNY")
    assert cost(USAGE, "kimi-k2.6", prices=yuan, currency="CNY") is None
    assert price_of("kimi-k2.6", yuan) == MODELS["kimi-k2.6"].price


def test_dollars_and_yuan_are_not_added_up() -> None:
    with pytest.raises(KimiInputError, match="each currency separately"):
        Cost(1.0) + Cost(1.0, currency="CNY")


def test_counts_that_are_none_are_refused() -> None:
    with pytest.raises(KimiInputError, match=r"pass reply\.usage"):
        cost(None, "kimi-k3")  # type: ignore[arg-type]


def test_an_unknown_time_to_live_is_refused() -> None:
    with pytest.raises(KimiInputError, match="'5m' or '1h'"):
        cost(USAGE, "kimi-k3", cache_ttl="2h")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "ttl"),
    [
        ({}, "5m"),
        ({"cache_ttl": None}, "5m"),
        ({"cache_ttl": "1h"}, "1h"),
        ({"prompt_cache_options": {"mode": "implicit", "ttl": "1h"}}, "1h"),
        ({"extra_body": {"prompt_cache_options": {"ttl": "1h"}}}, "1h"),
        ({"extra_body": None}, "5m"),
    ],
)
def test_the_time_to_live_is_read_wherever_it_was_asked_for(options: dict[str, object], ttl: str) -> None:
    assert cache_ttl_of(options) == ttl


# ------------------------------------------------------------------------------------------------- many calls


def test_a_tally_adds_up_by_model_and_names_what_has_no_price() -> None:
    tally = CostTally()
    for model in ("kimi-k3", "kimi-k3", "somebody-elses"):
        tally.begin()
        tally.add(model, USAGE)
    tally.begin()  # fails, or is still under way
    assert tally.calls == 3
    assert tally.models["kimi-k3"].usage == USAGE + USAGE
    assert tally.cost.total == pytest.approx(6.30)
    assert tally.unpriced == ["somebody-elses"]
    assert tally.uncounted_calls == 1
    assert str(tally) == (
        "3 calls, 3,000,000 tokens in (1,500,000 cached), 300,000 out: 6.300000 USD, and no known price for "
        "somebody-elses, and 1 without counts (under way, failed or broken off)"
    )
    report = json.loads(json.dumps(tally.as_dict()))
    assert report["cost"]["total"] == pytest.approx(6.30)
    assert [entry["model"] for entry in report["models"]] == ["kimi-k3", "somebody-elses"]
    assert report["models"][1]["cost"] is None


def test_a_tally_does_not_hold_on_to_the_usage_it_was_given() -> None:
    tally, usage = CostTally(), Usage(1, 1, 2)
    tally.add("kimi-k3", usage)
    usage.prompt_tokens = 1_000
    assert tally.usage.prompt_tokens == 1


def test_a_tally_can_begin_again() -> None:
    tally = CostTally()
    tally.begin()
    tally.add("kimi-k3", USAGE)
    tally.reset()
    assert (tally.calls, tally.cost, tally.uncounted_calls) == (0, Cost(), 0)


def test_threads_lose_no_call() -> None:
    tally = CostTally()

    def many(_: int) -> None:
        for _ in range(500):
            tally.begin()
            tally.add("kimi-k3", Usage(10, 1, 11))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(many, range(8)))
    assert tally.calls == 4_000
    assert tally.usage == Usage(40_000, 4_000, 44_000)
    assert tally.uncounted_calls == 0


# ------------------------------------------------------------------------------------------------- users


def test_a_user_has_one_name_in_every_process() -> None:
    identifier = safety_identifier("ada@example.com", salt=SALT)
    code = f"from kimi_api.account import safety_identifier as s; print(s('ada@example.com', salt={SALT!r}))"
    again = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    # Written down: a release that changed it would make every user a new one.
    assert identifier == again == "50609a6a1accc7f7d9b1cbb362c95587bad605ff78b51f32e30a61cbdadb6fb7"


def test_the_name_is_neither_the_user_nor_a_bare_hash_of_it() -> None:
    identifier = safety_identifier("ada@example.com", salt=SALT)
    assert "ada" not in identifier
    assert identifier != hashlib.sha256(b"ada@example.com").hexdigest()
    assert identifier != safety_identifier("ada@example.com", salt=SALT + "!")
    assert identifier != safety_identifier("bob@example.com", salt=SALT)


def test_spelling_that_means_nothing_makes_no_new_user() -> None:
    assert safety_identifier(" Zoe\u0308 ", salt=SALT) == safety_identifier("Zo\u00eb", salt=SALT.encode())
    assert safety_identifier(42, salt=SALT) == safety_identifier("42", salt=SALT)


@pytest.mark.parametrize("user", ["", "  ", None, True, ["x"]])
def test_no_user_is_refused(user: object) -> None:
    with pytest.raises(KimiInputError, match="your own id of a user"):
        safety_identifier(user, salt=SALT)  # type: ignore[arg-type]


@pytest.mark.parametrize("salt", ["", "short", b"short", None])
def test_a_salt_that_can_be_guessed_is_refused_and_not_shown(salt: object) -> None:
    with pytest.raises(KimiInputError, match=r"at least 16 bytes.*token_hex") as caught:
        safety_identifier("ada@example.com", salt=salt)  # type: ignore[arg-type]
    assert "ada" not in str(caught.value)
    assert "short" not in str(caught.value)
