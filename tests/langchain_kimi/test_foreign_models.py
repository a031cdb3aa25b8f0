"""Models of other hosts that are no Kimi: what their profile says."""

from __future__ import annotations

import pytest

from langchain_kimi import ChatKimi


@pytest.mark.parametrize("dialect", ["openai", "vllm"])
def test_a_profile_holds_no_window_that_nobody_knows(dialect: str, recwarn: pytest.WarningsRecorder) -> None:
    model = ChatKimi(model="qwen3-32b", dialect=dialect, api_key="sk-test-x", base_url="http://localhost:1/v1")
    assert model.profile is not None
    assert "max_input_tokens" not in model.profile
    assert "max_output_tokens" not in model.profile
    assert [str(each.message) for each in recwarn if "qwen3" in str(each.message)] == []


def test_weights_of_kimi_keep_their_window_there() -> None:
    url = "http://localhost:1/v1"
    model = ChatKimi(model="unsloth/Kimi-K2.6-GGUF", dialect="openai", api_key="sk-test-x", base_url=url)
    assert model.profile is not None
    assert model.profile.get("max_input_tokens") == 262_144
