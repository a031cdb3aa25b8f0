"""The pytest plugin: fixtures ``kimi`` and ``kimi_env``, and the marker ``kimi``.

pytest loads this module in every run, also where nobody uses it and the extra ``emulator`` is not installed. So it
imports nothing beyond pytest and Python; the server is imported by the fixture.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from kimi_emulator import Emulator

__all__ = ["kimi", "kimi_env"]

_RUNNING = pytest.StashKey["Emulator"]()
_MARKER = (
    "kimi(script=..., faults=..., model=..., limits=..., **settings): what the emulator of the fixture `kimi` answers "
    "(a text, a Reply, a Failure, or a list of them), which faults befall it (ids of FAULTS), the one model it serves, "
    "its limits (a tier, RateLimits or Limits), and any other setting of Emulator"
)


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", _MARKER)


@pytest.fixture
def kimi(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    """A fresh Kimi emulator on a free port of this machine, made as the test's marker ``kimi`` says."""
    from kimi_emulator import Emulator

    wishes = _wishes(request.node)
    script, faults = _many(wishes.pop("script", ())), _many(wishes.pop("faults", ()))
    with Emulator(**_settings(wishes)) as running:
        request.node.stash[_RUNNING] = running
        running.script(*map(_reply, script))
        running.fail(*faults)
        yield running


@pytest.fixture
def kimi_env(kimi: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """The same, in ``MOONSHOT_API_KEY`` and ``MOONSHOT_BASE_URL``: code that takes its settings from there calls it.

    Other variables that name a key, a host or a proxy do not reach the test.
    """
    for name in ("KIMI_API_KEY", "MOONSHOT_API_BASE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MOONSHOT_API_KEY", kimi.api_key)
    monkeypatch.setenv("MOONSHOT_BASE_URL", kimi.base_url)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1,localhost")
    return kimi


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Generator[None, Any, None]:
    """Add the exchanges, and the rules that they broke, to the report of a test that failed."""
    outcome = yield
    report: pytest.TestReport = outcome.get_result()
    running = item.stash.get(_RUNNING, None)
    if report.failed and running is not None:
        report.sections.append(("Kimi emulator", running.transcript or "no request came"))


def _wishes(node: pytest.Item) -> dict[str, Any]:
    """The keywords of all markers that hold for a test; those nearest to it win."""
    wishes: dict[str, Any] = {}
    for marker in reversed(list(node.iter_markers("kimi"))):
        if marker.args:
            raise pytest.UsageError(f"the marker kimi takes keywords only, such as script=..., not {marker.args[0]!r}")
        wishes.update(marker.kwargs)
    return wishes


def _settings(wishes: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of ``Emulator``."""
    from kimi_emulator import Limits

    settings = dict(wishes)
    if "model" in settings:
        settings["models"] = [settings.pop("model")]
    if "limits" in settings and not isinstance(settings["limits"], Limits):
        settings["tier"] = settings.pop("limits")
    return settings


def _many(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _reply(item: Any) -> Any:
    from kimi_emulator import Reply

    return Reply(content=item) if isinstance(item, str) else item
