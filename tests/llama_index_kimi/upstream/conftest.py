"""Scripted models in place of core's mock classes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from scripted_kimi import ScriptedKimi


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
