"""The examples on costs and on the prefix cache run, and their figures are those of the server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from examples.langchain import costs as langchain_costs
from examples.langchain import prefix_cache as langchain_cache
from examples.llama_index import costs as llama_index_costs
from examples.llama_index import prefix_cache as llama_index_cache
from kimi_emulator import Emulator


def settings(kimi: Emulator) -> dict[str, Any]:
    return {"model": "kimi-k3", "base_url": kimi.base_url, "api_key": kimi.api_key}


def spent_since(kimi: Emulator, start: float) -> float:
    """What the emulator took off the account: its own count of the same calls."""
    assert kimi.balance is not None
    return start - kimi.balance


def test_langchain_costs_are_what_the_account_loses(capsys: pytest.CaptureFixture[str]) -> None:
    with Emulator(balance=50.0) as kimi:
        tally = langchain_costs.main(settings(kimi))
        assert tally.calls == len(kimi.chats) >= 4
        assert tally.cost.total == pytest.approx(spent_since(kimi, 50.0))
        assert kimi.report == []
        users = {chat["safety_identifier"] for chat in kimi.chats}
    out = capsys.readouterr().out
    assert "ada@example.com" not in out
    assert len(users) == 1
    assert "ada" not in users.pop()
    assert "Left on the account: 50.00" in out


def test_llama_index_costs_are_what_the_account_loses() -> None:
    with Emulator(balance=50.0) as kimi:
        together, each = asyncio.run(llama_index_costs.main(settings(kimi)))
        assert together.calls == len(kimi.chats) == sum(tally.calls for tally in each)
        assert together.cost.total == pytest.approx(spent_since(kimi, 50.0))
        assert together.cost.total == pytest.approx(sum(tally.cost.total for tally in each))
        assert kimi.report == []


@pytest.mark.parametrize("framework", ["langchain", "llama_index"])
def test_from_the_third_request_on_nearly_all_input_is_cached(framework: str) -> None:
    with Emulator() as kimi:
        if framework == "langchain":
            shares = langchain_cache.main(settings(kimi))
        else:
            shares = asyncio.run(llama_index_cache.main(settings(kimi)))
        assert len(shares) == len(kimi.chats) >= 5
        assert shares[0] == 0
        assert min(shares[2:]) >= 0.9
        assert {chat["prompt_cache_key"] for chat in kimi.chats} == {"example-travel"}
        assert kimi.report == []
