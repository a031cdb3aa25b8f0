"""What a notebook shows of a run's costs: a table, and a plot of each call."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from kimi_api import Price, Usage
from kimi_api.costs import CallCost, CostTally, Plot, cost
from kimi_api.costs._plot import MOST_BARS, PARTS, bars

USAGE = Usage(1_000, 500, 1_500, cached_tokens=600, cache_write_tokens=100, reasoning_tokens=200)
SVG = "{http://www.w3.org/2000/svg}"
LOADS = re.compile(r"https?://(?!www\.w3\.org/2000/svg)|url\(|@import|<script|<link|<img|href=|\bon\w+=")


def tally_of(*calls: tuple[str, Usage], **settings: object) -> CostTally:
    tally = CostTally(**settings)  # type: ignore[arg-type]
    for model, usage in calls:
        tally.begin()
        tally.add(model, usage)
    return tally


def cells(html: str) -> list[list[str]]:
    """The rows of a table, as their texts."""
    rows = re.findall(r"<tr>(.*?)</tr>", html)
    return [[re.sub(r"<[^>]+>", "", cell) for cell in re.findall(r"<t[hd][^>]*>.*?</t[hd]>", row)] for row in rows]


def texts(plot: Plot) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(plot.svg).iter(f"{SVG}text")]


def tips(plot: Plot) -> list[str]:
    """What stands at each bar of each panel."""
    return [group.findtext(f"{SVG}title", "") for group in ElementTree.fromstring(plot.svg).iter(f"{SVG}g")]


# ------------------------------------------------------------------------------------------------- the table


def test_the_table_has_a_row_for_each_model_and_their_sum() -> None:
    tally = tally_of(("kimi-k3", USAGE), ("kimi-k3", USAGE), ("kimi-k2.6", USAGE))
    k3, k2 = tally.models["kimi-k3"].cost, tally.models["kimi-k2.6"].cost
    assert k3 is not None
    assert k2 is not None
    assert cells(tally._repr_html_()) == [
        ["model", "calls", "prompt", "from the cache", "answer", "of it thinking", "cost"],
        ["kimi-k3", "2", "2,000", "1,200 (60%)", "1,000", "400", f"{k3.total:.6f} USD"],
        ["kimi-k2.6", "1", "1,000", "600 (60%)", "500", "200", f"{k2.total:.6f} USD"],
        ["all", "3", "3,000", "1,800 (60%)", "1,500", "600", f"{tally.cost.total:.6f} USD"],
    ]


def test_one_model_needs_no_sum() -> None:
    assert len(cells(tally_of(("kimi-k3", USAGE))._repr_html_())) == 2


def test_the_table_says_what_the_sum_leaves_out() -> None:
    tally = tally_of(("kimi-k3", USAGE), ("somebody's", USAGE))
    tally.begin()
    html = tally._repr_html_()
    assert cells(html)[2][-1] == "unknown"
    assert "No known price for somebody&#x27;s: these calls are not in the sum." in html
    assert "1 call gave no counts" in html
    tally.begin()
    assert "2 calls gave no counts" in tally._repr_html_()
    assert "no counts" not in tally_of(("kimi-k3", USAGE))._repr_html_()


def test_nothing_counted_yet_is_a_table_too() -> None:
    assert cells(CostTally()._repr_html_())[1:] == [["all", "0", "0", "0", "0", "0", "0.000000 USD"]]


def test_other_currencies_are_named() -> None:
    tally = tally_of(("m", USAGE), prices={"m": Price(1, 1, 1)}, currency="CNY")
    assert cells(tally._repr_html_())[1][-1].endswith(" CNY")
    assert "Cost per call, CNY" in texts(tally.plot())


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", '"><img src=x onerror=y>', "a & b"])
def test_names_of_models_and_titles_are_escaped(name: str) -> None:
    tally = tally_of((name, USAGE), ("kimi-k3", USAGE))
    assert cells(tally._repr_html_())[1][0] == name.replace("&", "&amp;").replace("<", "&lt;").replace(
        ">", "&gt;"
    ).replace('"', "&quot;")
    plot = tally.plot(name)  # XML that cannot be parsed would raise here
    assert name in texts(plot)
    assert any(name in tip for tip in tips(plot))
    assert "<script" not in plot.svg + tally._repr_html_()


def test_table_and_plot_load_nothing_and_run_nothing() -> None:
    tally = tally_of(("kimi-k3", USAGE))
    assert not LOADS.search(tally._repr_html_())
    assert not LOADS.search(tally.plot().svg)


def test_the_table_brings_no_colours_that_a_dark_notebook_could_hide() -> None:
    html = tally_of(("kimi-k3", USAGE), ("other", USAGE))._repr_html_()
    assert set(re.findall(r"(?<![-\w])color:([^;\"]+)", html)) == {"inherit"}
    assert set(re.findall(r"background:([^;\"]+)", html)) == {"none"}


# ------------------------------------------------------------------------------------------------- the plot


def test_the_plot_has_a_bar_for_each_call_in_three_panels() -> None:
    tally = tally_of(*[("kimi-k3", USAGE)] * 3)
    plot = tally.plot()
    assert {"Tokens per call", "Share of the prompt from the cache", "Cost per call, USD"} <= set(texts(plot))
    assert [tip.split(" (")[0] for tip in tips(plot)] == ["call 1", "call 2", "call 3"] * 3
    paid = cost(USAGE, "kimi-k3")
    assert paid is not None
    assert tips(plot)[0] == (
        "call 1 (kimi-k3): 600 prompt, from the cache, 300 prompt, new, 100 prompt, written to the cache, "
        f"200 thinking, 300 answer; 60% from the cache; {paid.total:.4f} USD"
    )


def test_the_parts_of_a_bar_are_as_high_as_their_counts() -> None:
    root = ElementTree.fromstring(tally_of(("kimi-k3", USAGE)).plot().svg)
    colours = {colour: part for part, _, colour in PARTS}
    tokens, share, paid = [
        {colours[box.attrib["fill"]]: float(box.attrib["height"]) for box in group.iter(f"{SVG}rect")}
        for group in root.iter(f"{SVG}g")
    ]
    assert tokens["cached"] == pytest.approx(2 * tokens["answer"], abs=0.02)
    assert tokens["thinking"] == pytest.approx(2 * tokens["write"], abs=0.02)
    assert sum(tokens.values()) == pytest.approx(150, abs=0.05)  # 1,500 of a scale that ends at 1,500
    assert share == {"cached": pytest.approx(0.6 * 70)}
    assert paid["answer"] == pytest.approx(1.5 * paid["thinking"], abs=0.02)  # output by its tokens


def test_the_parts_of_each_call_add_up() -> None:
    (bar,) = bars([CallCost("kimi-k3", USAGE, cost(USAGE, "kimi-k3"))])
    assert sum(bar.tokens.values()) == USAGE.total_tokens
    assert bar.amounts is not None
    paid = cost(USAGE, "kimi-k3")
    assert paid is not None
    assert sum(bar.amounts.values()) == pytest.approx(paid.total)


def test_a_call_without_a_known_price_is_a_question_mark() -> None:
    plot = tally_of(("kimi-k3", USAGE), ("other", USAGE)).plot()
    assert texts(plot).count("?") == 1
    assert any("call 2 (other)" in tip and tip.endswith("no known price") for tip in tips(plot))


def test_many_calls_are_averages_of_neighbours() -> None:
    calls = [CallCost("kimi-k3", Usage(number, 0, number), None) for number in range(1, 151)]
    groups = bars(calls)
    assert len(groups) == MOST_BARS - 10
    assert (groups[0].first, groups[0].last, groups[0].tokens["input"]) == (1, 3, 2.0)
    assert (groups[-1].first, groups[-1].last) == (148, 150)
    plot = tally_of(*[("kimi-k3", USAGE)] * 150).plot()
    assert "Tokens per call, averages of neighbours" in texts(plot)
    assert any(tip.startswith("calls 1 to 3, on average") for tip in tips(plot))


def test_the_last_thousand_calls_are_kept_and_the_plot_says_so() -> None:
    tally = tally_of(*[("kimi-k3", USAGE)] * 1_200)
    assert len(tally.recent_calls) == 1_000
    assert tally.calls == 1_200
    plot = tally.plot()
    assert "Tokens per call, averages of neighbours (the last 1,000 of 1,200)" in texts(plot)
    assert any(tip.startswith("calls 201 to ") for tip in tips(plot))
    tally.reset()
    assert tally.recent_calls == []


@pytest.mark.parametrize("usage", [Usage(), Usage(10, 0, 10), Usage(0, 10, 10), Usage(5, 3, 8, 5, 5, 9)])
def test_odd_counts_are_drawn(usage: Usage) -> None:
    plot = tally_of(("kimi-k3", usage)).plot()
    for box in ElementTree.fromstring(plot.svg).iter(f"{SVG}rect"):
        assert float(box.attrib["height"].rstrip("%")) >= 0


def test_nothing_counted_yet_is_a_sentence() -> None:
    assert "No call was answered yet." in texts(CostTally().plot())


def test_a_long_title_is_cut_and_kept_whole_for_screen_readers() -> None:
    title = "An agent that looks for the harbour " * 5
    plot = CostTally().plot(title)
    assert texts(plot)[0].endswith("…")
    assert ElementTree.fromstring(plot.svg).findtext(f"{SVG}title") == title


def test_a_notebook_shows_the_plot_and_a_file_holds_it(tmp_path: Path) -> None:
    plot = tally_of(("kimi-k3", USAGE)).plot()
    assert plot._repr_svg_() == plot.svg
    assert plot.save(tmp_path / "run.svg").read_text("utf-8") == plot.svg
    assert len(repr(plot)) < 80


def test_the_plot_is_readable_on_light_and_dark_ground() -> None:
    svg = CostTally().plot().svg
    assert 'class="ground"' in svg
    assert "prefers-color-scheme:dark" in svg
