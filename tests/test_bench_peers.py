"""`make bench-peers`: what it measures runs, and its page says what was measured."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import floors
from benchmarks.peers import report
from benchmarks.peers.__main__ import lower
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


def test_ours_stand_beside_their_floors_with_goals(tmp_path: Path) -> None:
    row = {"case": "text chunk", "ours": "ChatKimi", "floor": "LangChain's floor", "took": 18.0, "least": 15.0}
    path = tmp_path / "floors.json"
    path.write_text(json.dumps({"measured": "today", "rows": [{**row, "goal": 1.15}, {**row, "goal": None}]}))
    assert "| text chunk, ChatKimi | 18.0 | 1.20 | LangChain's floor | 1.15 |" in report.beside_floors(path)
    assert "| text chunk, ChatKimi | 18.0 | 1.20 | LangChain's floor |  |" in report.beside_floors(path)
    assert report.beside_floors(tmp_path / "none.json") == ""


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


def test_of_two_passes_the_lower_figures_are_kept() -> None:
    first = {"figures": {"a": 1.0, "b": 3.0, "c": 1.0, "d": "failed"}, **SAID}
    second = {"figures": {"a": 2.0, "b": 2.0, "c": "failed", "d": 5.0, "e": 6.0}, **SAID, "load": 1.5}
    merged = lower(first, second)
    assert merged["figures"] == {"a": 1.0, "b": 2.0, "c": 1.0, "d": 5.0, "e": 6.0}
    assert (merged["repeat"], merged["load"]) == (10, 1.5)
    assert lower({**first, "versions": {"openai": "2.0.0"}}, second) == second


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


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_each_case_is_measured_beside_its_floor(url: str) -> None:
    rows = floors.measure(url, 1)
    assert len(rows) == 2 * len(floors.CASES)
    assert all(row.took > 0 and row.least > 0 for row in rows)
    assert {row.goal for row in rows if row.case == "200 messages + 20 tools"} == {1.3}
