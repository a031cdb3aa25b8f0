"""The two examples on batches run, and leave nothing on the platform."""

from __future__ import annotations

from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatResponse

from examples.langchain import batches as langchain_batches
from examples.llama_index import batches as llama_index_batches
from kimi_emulator import Emulator


def settings(kimi: Emulator) -> dict[str, Any]:
    return {"model": "kimi-k3", "base_url": kimi.base_url, "api_key": kimi.api_key}


def test_langchain_sorts_letters(capsys: pytest.CaptureFixture[str]) -> None:
    with Emulator() as kimi:
        results = langchain_batches.main(settings(kimi))
        assert kimi.files == {}
        assert [batch.status for batch in kimi.batches.values()] == ["completed"]
        assert kimi.report == []
    assert list(results) == list(langchain_batches.LETTERS)
    assert all(isinstance(result, langchain_batches.Letter) for result in results.values())
    printed = capsys.readouterr()
    assert "letter-3: " in printed.out
    assert "3/3" in printed.err


def test_llama_index_summarises_chunks(capsys: pytest.CaptureFixture[str]) -> None:
    with Emulator() as kimi:
        results = llama_index_batches.main(settings(kimi))
        assert kimi.files == {}
        assert len(kimi.replies) == len(results) > 1
        assert kimi.report == []
    assert all(isinstance(result, ChatResponse) for result in results.values())
    printed = capsys.readouterr()
    assert f"chunk-{len(results)}: " in printed.out
    assert "tokens in all" in printed.out
