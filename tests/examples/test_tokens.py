"""The two examples on tokens run, and keep within their budgets."""

from __future__ import annotations

from typing import Any

import pytest

from examples.langchain import tokens as langchain_tokens
from examples.llama_index import tokens as llama_index_tokens
from kimi_emulator import Emulator


def settings(kimi: Emulator) -> dict[str, Any]:
    return {"model": "kimi-k3", "base_url": kimi.base_url, "api_key": kimi.api_key}


def test_langchain_trims_offline_and_asks_once(capsys: pytest.CaptureFixture[str]) -> None:
    with Emulator() as kimi:
        ours, theirs = langchain_tokens.main(settings(kimi))
        assert [request.path for request in kimi.requests] == ["/v1/tokenizers/estimate-token-count"]
    assert 500 < ours <= langchain_tokens.BUDGET
    assert theirs > 80
    assert f"about {ours:,} tokens; counted by the endpoint: {theirs:,}" in capsys.readouterr().out


def test_llama_index_keeps_to_the_budget(capsys: pytest.CaptureFixture[str]) -> None:
    with Emulator() as kimi:
        chunks, kept_tokens, cost = llama_index_tokens.main(settings(kimi))
        assert [request.path for request in kimi.requests] == ["/v1/chat/completions"]
    assert chunks > 1
    assert 500 < kept_tokens <= llama_index_tokens.BUDGET + 90  # a memory's budget is without K3's own instructions
    assert cost > 80
    assert f"{cost:,} tokens in" in capsys.readouterr().out
