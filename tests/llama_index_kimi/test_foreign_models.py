"""Models of other hosts that are no Kimi: what core plans with."""

from __future__ import annotations

import pytest
from llama_index.core.constants import DEFAULT_CONTEXT_WINDOW

from kimi_api import KimiWarning
from llama_index_kimi import Kimi


@pytest.mark.parametrize("dialect", ["openai", "vllm"])
def test_an_unknown_window_is_cores_default_with_a_hint(dialect: str) -> None:
    llm = Kimi(model=f"qwen3-{dialect}", dialect=dialect, api_key="sk-test-x", base_url="http://localhost:1/v1")
    with pytest.warns(KimiWarning, match="Set context_window"):
        metadata = llm.metadata
    assert (metadata.context_window, metadata.num_output) == (DEFAULT_CONTEXT_WINDOW, DEFAULT_CONTEXT_WINDOW // 4)


def test_a_window_that_was_set_holds_without_a_hint(recwarn: pytest.WarningsRecorder) -> None:
    url = "http://localhost:1/v1"
    llm = Kimi(model="qwen3-set", dialect="vllm", api_key="sk-test-x", base_url=url, context_window=32_000)
    assert (llm.metadata.context_window, llm.metadata.num_output) == (32_000, 8_000)
    assert [str(each.message) for each in recwarn if "qwen3-set" in str(each.message)] == []
