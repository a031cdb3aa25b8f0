"""What holds for every test: no network but loopback, no settings from outside, every warning said anew."""

from __future__ import annotations

import gc
import os
import socket
import sys
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import pytest_socket

from kimi_api._warn import forget_warnings
from kimi_emulator import Emulator

# How long one example takes says more about the machine's load than about us.
hypothesis.settings.register_profile("kimi", deadline=None)
hypothesis.settings.load_profile("kimi")

LOOPBACK = ("127.0.0.1", "::1", "localhost")
_SETTINGS = (
    "MOONSHOT_",
    "KIMI_",
    "OPENAI_",
    "LANGCHAIN_",
    "LANGSMITH_",
    "LC_OUTPUT_VERSION",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
)
_resolve = socket.getaddrinfo


def _resolve_loopback_only(host: Any, *args: Any, **kwargs: Any) -> Any:
    name = host.decode() if isinstance(host, bytes) else host
    if name not in (None, "", "0.0.0.0", *LOOPBACK):
        raise pytest_socket.SocketConnectBlockedError(list(LOOPBACK), name)
    return _resolve(host, *args, **kwargs)


# Read before any test's clean environment: recording from the platform is the one cassette test that needs a network.
_RECORDING_LIVE = bool(os.environ.get("KIMI_RECORD") and os.environ.get("MOONSHOT_API_KEY"))


def _is_live(item: Any) -> bool:
    if item.get_closest_marker("live") is not None:
        return True
    return _RECORDING_LIVE and item.get_closest_marker("cassette") is not None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Refuse every connection and every name look-up that leaves this machine, from the first fixture on."""
    if not _is_live(item):
        pytest_socket.socket_allow_hosts(list(LOOPBACK[:2]), allow_unix_socket=True)
        socket.getaddrinfo = _resolve_loopback_only  # type: ignore[assignment]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Live tests need a key, and are skipped without one."""
    if not os.environ.get("MOONSHOT_API_KEY"):
        skip = pytest.mark.skip(reason="needs MOONSHOT_API_KEY")
        for item in items:
            if item.get_closest_marker("live"):
                item.add_marker(skip)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say which tests of LangChain's standard suite were skipped, and why.

    Here and not in tests/standard, because xdist's main process, which writes the summary, loads no deeper conftest.
    """
    reports = [
        report
        for outcome in ("passed", "failed", "skipped")
        for report in terminalreporter.stats.get(outcome, ())
        if report.nodeid.startswith("tests/standard/") and (report.when == "call" or report.skipped)
    ]
    if not reports:
        return
    reasons: dict[str, set[str]] = {}
    for report in reports:
        if report.skipped:
            _, _, reason = report.longrepr
            reasons.setdefault(report.nodeid.rpartition("::")[2], set()).add(
                reason.removeprefix("Skipped: ").rstrip(".")
            )
    skipped = "; ".join(f"{name}: {' / '.join(sorted(why))}" for name, why in sorted(reasons.items()))
    ran = sum(not report.skipped for report in reports)
    terminalreporter.write_line(f"langchain-tests: {ran} ran, {len(reports) - ran} skipped ({skipped or 'none'})")


@pytest.fixture(scope="module", autouse=True)
def _garbage_stays_with_its_module() -> Iterator[None]:
    """What a module leaves to the garbage collector is collected at its end.

    Some of it is sockets of the frameworks' and peers' making (a blocking call of LlamaIndex inside a running loop has
    a loop of its own, which core closes under the client). Without this they are found in the middle of whichever
    test collects next, and fail that one. Tests about our own leaks collect for themselves.
    """
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    gc.freeze()  # what is left stays: modules, caches, reports. The next collection need not look at it again


@pytest.fixture(autouse=True)
def _core_settings() -> Iterator[None]:
    """LlamaIndex keeps settings for the whole process; what a test or an example sets there goes with it."""
    core = sys.modules.get("llama_index.core")
    held = (dict(vars(core.Settings)), core.global_tokenizer) if core is not None else None
    yield
    core = sys.modules.get("llama_index.core")
    if core is not None:
        before, tokenizer = held or (dict(vars(type(core.Settings)())), None)
        vars(core.Settings).clear()
        vars(core.Settings).update(before)
        core.global_tokenizer = tokenizer


@pytest.fixture(scope="session")
def _private_places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where tests keep what would go into the developer's own state and cache directories."""
    return tmp_path_factory.mktemp("private")


@pytest.fixture(autouse=True)
def _clean_settings(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, _private_places: Path) -> None:
    """Nothing of the developer's own environment reaches a test, nor a test's notes the developer or another test."""
    if not _is_live(request.node):
        for name in list(os.environ):
            if name.upper().startswith(_SETTINGS):
                monkeypatch.delenv(name)
    own = _private_places / uuid.uuid4().hex  # made by whoever writes there, which few do
    monkeypatch.setenv("KIMI_STATE_DIR", str(own / "state"))
    monkeypatch.setenv("KIMI_CACHE_DIR", str(own / "cache"))


@pytest.fixture(autouse=True)
def _warn_anew() -> Iterator[None]:
    """`warn_once` forgets, so that tests do not depend on their order."""
    forget_warnings()
    yield
    forget_warnings()


@pytest.fixture(autouse=True)
def _extract_anew() -> Iterator[None]:
    """Texts of documents in messages are forgotten, so that tests may send the same ones."""
    yield
    if (documents := sys.modules.get("kimi_api.media._documents")) is not None:
        documents.forget_documents()


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    """One emulator for the whole run; tests take `kimi`."""
    with Emulator() as running:
        yield running


@pytest.fixture
def kimi(emulator: Emulator) -> Emulator:
    """The emulator, wiped clean."""
    emulator.reset()
    return emulator
