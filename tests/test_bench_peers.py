"""`make bench-peers`: what it measures runs, and its page says what was measured."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from xml.etree import ElementTree

import pytest

from benchmarks.peers import report
from benchmarks.peers.measure import QUICK, measure_cases
from benchmarks.peers.models import PEERS
from benchmarks.server import running

SAID = {"versions": {"openai": "3.57.0"}, "date": "2026-11-28", "repeat": 5, "load": 0.2}
MACHINE = {"processor": "2 x Some CPU", "system": "Linux 6.1, Python 3.11.7"}
RESULTS = {
    "LangChain's floor": {"figures": {"text chunk, us": 20.0, "200 messages, ms": 1.5}, **SAID, **MACHINE},
    "ChatKimi": {"figures": {"text chunk, us": 30.0, "200 messages, ms": 3.0}, **SAID, **MACHINE},
    "ChatOpenAI": {"figures": {"text chunk, us": 150.0, "agent": "ValueError: no <agent>"}, **SAID, **MACHINE},
}


def test_the_table_has_the_floor_and_how_many_times_it_each_figure_is() -> None:
    page = report.page(RESULTS)
    assert "| | LangChain's floor | ChatKimi | ChatOpenAI |" in page
    assert "| text chunk, µs | 20.0 | **30.0** (1.5) | 150 (7.5) |" in page
    assert "| 200 messages, ms | 1.50 | **3.00** (2.0) | - |" in page


def test_calls_of_ours_are_set_beside_the_floor_of_whoever_sends_through_the_sdk() -> None:
    page = report.page({**RESULTS, "LangChain over post": {"figures": {"200 messages, ms": 2.0}, **SAID, **MACHINE}})
    assert "| | ChatKimi / LangChain over post |\n|---|---|\n" in page
    assert "| 200 messages | 1.50 |" in page
    assert "over post |" not in report.page(RESULTS)


def test_what_a_peer_could_not_do_is_said_in_its_words() -> None:
    assert "* ChatOpenAI, agent: `ValueError: no <agent>`" in report.page(RESULTS)


def test_versions_load_and_machine_are_named() -> None:
    page = report.page(RESULTS)
    assert "| ChatKimi | openai 3.57.0 | 2026-11-28, 5 runs | 0.2 |" in page
    assert "* 2 x Some CPU; Linux 6.1, Python 3.11.7" in page


def test_plots_are_well_formed_and_have_a_bar_for_each_figure() -> None:
    drawn = {look: ElementTree.fromstring(report.plot(RESULTS, look)) for look in report.LOOKS}
    space = "{http://www.w3.org/2000/svg}"
    for look, picture in drawn.items():
        ground, *bars = picture.findall(f"{space}rect")
        assert ground.get("fill") == report.LOOKS[look]["ground"]
        assert len(bars) == 2, "ChatKimi's and ChatOpenAI's chunk; floors are lines"
        assert len(picture.findall(f"{space}path")) == 2
        lengths = [float(bar.get("width", "0")) for bar in bars]
        assert lengths[1] == pytest.approx(lengths[0] * 5, rel=0.01)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running() as address:
        yield address
    gc.unfreeze()  # the benchmark freezes what was there


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "peer",
    [
        *("httpx + json", "httpx2 + json", "openai SDK, post", "openai SDK"),
        *("LangChain's floor", "LangChain over post", "ChatKimi"),
        *("LlamaIndex's floor", "LlamaIndex over post", "Kimi"),
    ],
)
def test_every_case_of_ours_and_of_the_floors_is_measured(peer: str, url: str) -> None:
    figures = measure_cases(PEERS[peer](), url, 1, QUICK)
    assert [name for name, figure in figures.items() if not isinstance(figure, float)] == []
    has_agent = "agent" not in PEERS[peer]().lacks
    assert len(figures) == 11 + has_agent
