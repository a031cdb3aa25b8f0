"""The pytest plugin: fixtures ``kimi`` and ``kimi_env``, and the markers ``kimi`` and ``kimi_sweep``.

pytest loads this module in every run, also where nobody uses it and the extra ``emulator`` is not installed. So it
imports nothing beyond pytest and Python; the server is imported by the fixture.
"""

from __future__ import annotations

import inspect
from collections.abc import Generator, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from kimi_emulator import Emulator

__all__ = ["kimi", "kimi_env"]

_RUNNING = pytest.StashKey["Emulator"]()
_MARKER = (
    "kimi(script=..., faults=..., model=..., limits=..., **settings): what the emulator of the fixture `kimi` answers "
    "(a text, a Reply, a Failure, or a list of them), which faults it gets (ids of FAULTS), the one model it serves, "
    "its limits (a tier, RateLimits or Limits), and any other setting of Emulator"
)
_SWEEP_MARKER = (
    "kimi_sweep(faults=..., steps=..., known=..., explained=..., timeout=...): run the test under every fault at every "
    "step; it fails when one is silent, crashes or hangs, and has no reason in explained={fault: reason}"
)


def pytest_configure(config: pytest.Config) -> None:
    """Make the markers known."""
    config.addinivalue_line("markers", _MARKER)
    config.addinivalue_line("markers", _SWEEP_MARKER)


@pytest.fixture
def kimi(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    """A fresh Kimi emulator on a free port of this machine, made as the test's marker ``kimi`` says."""
    from kimi_emulator import Emulator

    wishes = _wishes(request.node)
    script, faults = _many(wishes.pop("script", ())), _many(wishes.pop("faults", ()))
    settings = _settings(wishes)
    is_swept = request.node.get_closest_marker("kimi_sweep") is not None
    if is_swept:
        from kimi_emulator.chaos import Rehearsal

        if faults:
            raise pytest.UsageError("kimi_sweep brings the faults itself: kimi_sweep(faults=...), not kimi(faults=...)")
        settings["brain"], script = Rehearsal(settings.get("brain"), map(_reply, script)), []
    with Emulator(**settings) as running:
        request.node.stash[_RUNNING] = running
        running.script(*map(_reply, script))
        running.fail(*faults)
        yield running


@pytest.fixture
def kimi_env(kimi: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """The fixture `kimi`, with ``MOONSHOT_API_KEY`` and ``MOONSHOT_BASE_URL`` set to it for code that reads them.

    Other variables that name a key, a host or a proxy do not reach the test.
    """
    for name in ("KIMI_API_KEY", "MOONSHOT_API_BASE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MOONSHOT_API_KEY", kimi.api_key)
    monkeypatch.setenv("MOONSHOT_BASE_URL", kimi.base_url)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1,localhost")
    return kimi


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test with the marker ``kimi_sweep`` once without a fault, and then under each of them."""
    marker = pyfuncitem.get_closest_marker("kimi_sweep")
    if marker is None:
        return None
    if _RUNNING not in pyfuncitem.stash:
        raise pytest.UsageError("kimi_sweep sweeps what goes to the fixture kimi or kimi_env, which this test lacks")
    from kimi_emulator.chaos import sweep_over

    # Under the wrapping of pytest-asyncio stands the test itself; each of its runs gets a loop of its own.
    test = inspect.unwrap(pyfuncitem.obj)
    names = inspect.signature(test).parameters
    arguments = {name: value for name, value in pyfuncitem.funcargs.items() if name in names}
    result = sweep_over(pyfuncitem.stash[_RUNNING], lambda: test(**arguments), **marker.kwargs)
    pyfuncitem.add_report_section("call", "Kimi sweep", str(result))
    if not result.rows:
        pytest.fail("no fault applies to what this test sends", pytrace=False)
    if result.unexplained:
        rows = "\n".join(f"{row.fault} at step {row.step}: {row.outcome} {row.detail}" for row in result.unexplained)
        pytest.fail(
            f"{len(result.unexplained)} of {len(result.rows)} runs under a fault went wrong:\n{rows}", pytrace=False
        )
    return True


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
