"""Models that talk to the emulator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kimi_emulator import Emulator
from langchain_kimi import ChatKimi


@pytest.fixture
def make(kimi: Emulator) -> Callable[..., ChatKimi]:
    """Make a `ChatKimi` that talks to the emulator."""

    def make_chat(**fields: Any) -> ChatKimi:
        return ChatKimi(**{"base_url": kimi.base_url, "api_key": kimi.api_key, **fields})

    return make_chat


@pytest.fixture
def llm(make: Callable[..., ChatKimi]) -> ChatKimi:
    return make()
