"""Keys and ids of accounts leave by none of the ways that `tests/support/ways_out.py` lists, in either framework."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from contract_kit import Adapter
from raw_server import RawServer
from ways_out import PAGE, SECRETS, WAYS, Way, World, fill


@pytest.fixture
def world(
    adapter: Adapter,
    raw: RawServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[World]:
    other = RawServer()
    other.say("")
    yield World(adapter, raw, other, tmp_path, monkeypatch, caplog, capsys)
    other.close()


@pytest.mark.slow
@pytest.mark.usefixtures("waits")
@pytest.mark.parametrize("way_out", WAYS, ids=lambda each: each.name)
def test_a_way_out_shows_what_the_page_says(world: World, way_out: Way) -> None:
    seen = way_out.look(world)
    assert seen
    assert {name for name, secret in SECRETS.items() if secret in seen} == way_out.shows


def test_the_page_lists_every_way_out() -> None:
    page = PAGE.read_text("utf-8")
    assert page == fill(page), "run python tests/support/ways_out.py"
    assert len(WAYS) >= 40
    assert all(bool(each.shows) == bool(each.why) for each in WAYS)
