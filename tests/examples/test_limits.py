"""The examples on limits run, on an account that would refuse them otherwise."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from examples.langchain import limits as langchain_limits
from examples.llama_index import limits as llama_index_limits
from kimi_api.limits import _queue
from kimi_emulator import Emulator, RateLimits


def settings(kimi: Emulator) -> dict[str, Any]:
    return {"model": "kimi-k3", "base_url": kimi.base_url, "api_key": kimi.api_key, "max_retries": 0}


@pytest.fixture(autouse=True)
def _begin_anew() -> None:
    _queue.reset()


def test_langchain_asks_two_at_a_time(capsys: pytest.CaptureFixture[str]) -> None:
    with Emulator(tier=RateLimits(concurrency=2, rpm=200, tpm=500_000)) as kimi:
        answers = langchain_limits.main(settings(kimi))
        assert all(answers)
        *_, cut, whole = answers
        assert len(whole) > len(cut)
        assert whole.startswith(cut)
        assert kimi.report == []
    out = capsys.readouterr().out
    assert "set max_tokens to" in out
    assert "auto_continue=9: stop" in out


@pytest.mark.parametrize("broken", [False, True])
def test_llama_index_asks_one_at_a_time_and_survives_a_lost_connection(
    broken: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    with Emulator(tier=RateLimits(concurrency=1, rpm=200)) as kimi:
        if broken:
            kimi.fail("cut.answer")  # for the one stream
        answers, text = asyncio.run(llama_index_limits.main(settings(kimi)))
        assert len(answers) == 4
        assert all(answers)
        assert "Count to ten" in text
        assert text.count("You wrote") == 1
        assert len(kimi.chats) == 6 + broken
        assert kimi.report == []
    assert "tpd=4,000" in capsys.readouterr().out
