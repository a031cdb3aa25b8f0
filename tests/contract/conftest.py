"""One suite that both adapters must pass.

`make` gives a model of each framework in each of the four ways of calling (eight tests from one function), or in those
that `@pytest.mark.ways(...)` names: what is only about the request needs two. `adapter` gives each framework once, for
rules that have nothing to do with the way:

    def test_a_budget_goes_out(kimi, make):
        outcome = make(max_tokens=900).ask([system("Be brief."), user("Hi")], stop=["END"])
        assert outcome.text
        assert kimi.chats[0]["max_completion_tokens"] == 900

An `Outcome` may stand in the next history; `attempt` gives errors and warnings as parts of it. See
`tests/support/contract_kit.py`. A known difference is marked with `fails_in("llama_index", "streamed", reason=...)`, a
fault of both with a strict `xfail`; the mark goes when the rule is followed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from contract_kit import WAYS, Adapter, Chat, Way
from contract_langchain import LangChain
from contract_llama_index import LlamaIndex
from raw_server import RawServer

from kimi_api import retry
from kimi_emulator import Emulator

_ADAPTERS: dict[str, type[Adapter]] = {"langchain": LangChain, "llama_index": LlamaIndex}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`@pytest.mark.fails_in("llama_index", "streamed", "astreamed", reason=...)`: must fail there, and only there."""
    for item in items:
        for mark in item.iter_markers("fails_in"):
            name, *ways = mark.args
            parameters: dict[str, Any] = item.callspec.params  # type: ignore[attr-defined]
            if parameters["adapter"] == name and (not ways or parameters["way"] in ways):
                item.add_marker(pytest.mark.xfail(strict=True, **mark.kwargs))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The four ways, or those that `@pytest.mark.ways(...)` names."""
    parametrized = {name for mark in metafunc.definition.iter_markers("parametrize") for name in _names(mark.args[0])}
    if "way" in metafunc.fixturenames and "way" not in parametrized:
        mark = metafunc.definition.get_closest_marker("ways")
        metafunc.parametrize("way", mark.args if mark else WAYS, indirect=True)


def _names(names: str | Sequence[str]) -> Sequence[str]:
    return [name.strip() for name in names.split(",")] if isinstance(names, str) else names


@pytest.fixture(params=list(_ADAPTERS))
def adapter(request: pytest.FixtureRequest, kimi: Emulator) -> Adapter:
    """A framework; its models talk to the emulator."""
    return _ADAPTERS[request.param]({"base_url": kimi.base_url, "api_key": kimi.api_key})


@pytest.fixture
def way(request: pytest.FixtureRequest) -> Way:
    """A way of calling."""
    return request.param


@pytest.fixture
def make(adapter: Adapter, way: Way) -> Callable[..., Chat]:
    """Make a model of a framework, to be asked in a way."""

    def make_chat(**settings: Any) -> Chat:
        return adapter.make(way, **settings)

    return make_chat


@pytest.fixture
def chat(make: Callable[..., Chat]) -> Chat:
    """A model with default settings."""
    return make()


@pytest.fixture
def raw() -> Iterator[RawServer]:
    """A server whose answers are written byte by byte; `raw.say(...)`."""
    server = RawServer()
    yield server
    server.close()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits that the retry policy decided on, none of which is waited."""
    decided: list[float] = []
    decide = retry.wait_seconds

    def wait_seconds(*args: Any, **kwargs: Any) -> float:
        decided.append(decide(*args, **kwargs))
        return 0.0

    monkeypatch.setattr(retry, "wait_seconds", wait_seconds)
    return decided
