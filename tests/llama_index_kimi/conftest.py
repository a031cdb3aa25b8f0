"""Models that talk to the emulator, models with scripts of their own, and a memory that is closed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from llama_index.core.memory import Memory
from scripted_kimi import ScriptedKimi
from sqlalchemy.ext.asyncio import create_async_engine

from kimi_emulator import Emulator
from llama_index_kimi import Kimi


@pytest.fixture
def make(kimi: Emulator) -> Callable[..., Kimi]:
    """Make a `Kimi` that talks to the emulator."""

    def make_llm(**settings: Any) -> Kimi:
        return Kimi(**{"base_url": kimi.base_url, "api_key": kimi.api_key, **settings})

    return make_llm


@pytest.fixture
def llm(make: Callable[..., Kimi]) -> Kimi:
    return make()


@pytest.fixture
async def memory() -> AsyncIterator[Memory]:
    """Core's memory on an engine that is closed afterwards; one that core makes itself is left open (a warning)."""
    engine = create_async_engine("sqlite+aiosqlite:///:memory:")
    yield Memory.from_defaults(session_id="test", token_limit=100_000, async_engine=engine)
    await engine.dispose()


@pytest.fixture(scope="session")
def _scripted() -> Iterator[ScriptedKimi]:
    with ScriptedKimi() as running:
        yield running


@pytest.fixture
def scripted(_scripted: ScriptedKimi) -> Iterator[ScriptedKimi]:
    """`scripted(answers, **settings)` is a `Kimi` that gives these answers. No rule may be bent on the way."""
    _scripted.reset()
    yield _scripted
    assert _scripted.emulator.report == []
    assert _scripted.emulator.refusals == []


@pytest.fixture(params=["kimi-k3", "kimi-k2.6", "kimi-k2.7-code"])
def model(request: pytest.FixtureRequest) -> str:
    """A model of each kind: thinking always, by default, and always without effort levels."""
    return request.param


@pytest.fixture(params=[True, False], ids=["streamed", "plain"])
def streaming(request: pytest.FixtureRequest) -> bool:
    """How an agent asks."""
    return request.param
