"""Usage: every count, exact in every way of calling, counted once; and what a call costs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from contract_kit import Adapter, Chat, Way

from kimi_api import KimiRateLimitError, Price, Usage
from kimi_api.costs import cost
from kimi_emulator import Emulator, Failure, Reply

Make = Callable[..., Chat]
TOLD = {
    "prompt_tokens": 100,
    "completion_tokens": 40,
    "total_tokens": 140,
    "cached_tokens": 60,
    "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 8},
    "completion_tokens_details": {"reasoning_tokens": 25},
}
COUNTED = Usage(100, 40, 140, cached_tokens=60, cache_write_tokens=8, reasoning_tokens=25)
PRICED = cost(TOLD, "kimi-k3")
assert PRICED is not None


def test_every_count_stands_where_the_framework_looks(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(content="Fine.", reasoning="r", usage=TOLD))
    assert make().ask("?").usage == COUNTED


@pytest.mark.parametrize("fault", ["usage.missing", "usage.null"])
def test_counts_that_never_came_are_none_and_not_nought(kimi: Emulator, make: Make, fault: str) -> None:
    kimi.script(Reply(content="Fine."))
    kimi.fail(fault)
    assert make().ask("?").usage is None


def test_counts_that_cannot_be_are_made_possible(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(content="Fine."))
    kimi.fail("usage.absurd")
    usage = make().ask("?").usage
    assert usage is not None
    assert usage.reasoning_tokens <= usage.completion_tokens
    assert usage.cached_tokens <= usage.prompt_tokens


def test_tokens_from_the_cache_are_counted(kimi: Emulator, make: Make) -> None:
    chat = make()
    question = "Tell me of tides. " * 60
    first, second = chat.ask(question), chat.ask(question)
    assert first.usage is not None
    assert second.usage is not None
    assert first.usage.cached_tokens == 0
    assert 0 < second.usage.cached_tokens <= second.usage.prompt_tokens


# ---------------------------------------------------------------------------------------------------- costs


def test_each_answer_counts_once_however_it_came(kimi: Emulator, make: Make, adapter: Adapter) -> None:
    kimi.script(*[Reply(content="Yes.", usage=TOLD)] * 3)
    chat = make()
    with adapter.costs() as costs:
        for _ in range(3):
            chat.ask("?")
    assert (costs.tally.calls, costs.tally.uncounted_calls) == (3, 0)
    assert costs.tally.usage == Usage(300, 120, 420, cached_tokens=180, cache_write_tokens=24, reasoning_tokens=75)
    assert costs.total_cost == pytest.approx(3 * PRICED.total)
    assert str(costs).startswith("3 calls, 300 tokens in (180 cached")


@pytest.mark.usefixtures("waits")
def test_requests_that_were_sent_again_are_one_call(kimi: Emulator, make: Make, adapter: Adapter) -> None:
    kimi.script(Failure(429, "engine_overloaded_error", "busy"), Reply(content="Yes.", usage=TOLD))
    with adapter.costs() as costs:
        make().ask("?")
    assert len(kimi.requests) == 2
    assert (costs.tally.calls, costs.tally.uncounted_calls) == (1, 0)


def test_a_call_that_fails_is_named_and_does_not_count(kimi: Emulator, make: Make, adapter: Adapter) -> None:
    kimi.script(Failure(429, "engine_overloaded_error", "busy"), Reply(content="Yes.", usage=TOLD))
    chat = make(max_retries=0)
    with adapter.costs() as costs:
        assert isinstance(chat.attempt("?").error, KimiRateLimitError)
        chat.ask("?")
    assert (costs.tally.calls, costs.tally.uncounted_calls) == (1, 1)
    assert "1 without counts" in str(costs)


def test_prices_of_another_host_are_given(kimi: Emulator, make: Make, adapter: Adapter) -> None:
    kimi.script(Reply(content="Yes.", usage={**TOLD, "prompt_tokens_details": None}))
    with adapter.costs(prices={"kimi-k3": Price(0.0, 20.0, 0.0)}, currency="CNY") as costs:
        make().ask("?")
    assert costs.cost.as_dict() == {
        "input": pytest.approx(40 * 20e-6),
        "cached": 0.0,
        "write": 0.0,
        "output": 0.0,
        "currency": "CNY",
        "total": pytest.approx(40 * 20e-6),
    }


def test_blocks_inside_each_other_count_their_own(kimi: Emulator, adapter: Adapter, way: Way) -> None:
    kimi.script(*[Reply(content="Yes.", usage=TOLD)] * 3)
    chat: Any = adapter.make(way)
    with adapter.costs() as outer:
        chat.ask("?")
        with adapter.costs() as inner:
            chat.ask("?")
        chat.ask("?")
    assert (outer.tally.calls, inner.tally.calls) == (3, 1)


def test_a_notebook_shows_a_table_and_a_plot_of_a_run(kimi: Emulator, make: Make, adapter: Adapter) -> None:
    kimi.script(*[Reply(content="Yes.", usage=TOLD)] * 2)
    chat = make()
    with adapter.costs() as costs:
        chat.ask("?")
        chat.ask("?")
    table, svg = costs._repr_html_(), costs.plot().svg
    assert repr(costs) == f"{type(costs).__name__}({costs})"  # where no HTML is shown
    assert ">kimi-k3<" in table
    assert ">120 (60%)<" in table
    assert f">{2 * PRICED.total:.6f} USD<" in table
    assert svg.count("<title>call 2 (kimi-k3)") == 3
    assert [call.usage for call in costs.tally.recent_calls] == [COUNTED] * 2
