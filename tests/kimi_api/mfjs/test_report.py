"""The report on the corpus: each schema passes all filters and keeps its meaning, or is refused as expected."""

from __future__ import annotations

import json

import pytest

from scripts import mfjs_report


@pytest.fixture(scope="module")
def report() -> dict:
    return mfjs_report.report(instances=6)


def test_the_corpus_has_every_source_and_far_more_than_300_schemas(report):
    assert report["schemas"] >= 300
    assert {
        "pydantic",
        "type-adapter",
        "langchain",
        "langchain-typeddict",
        "langchain-function",
        "llama-index",
        "llama-index-function",
        "openai-strict",
        "fastmcp",
        "mcp-zod",
        "by-hand",
        "root",
    } <= set(report["sources"])


def test_no_result_has_a_problem_in_any_filter(report):
    assert report["with_problems"] == []


def test_what_was_valid_before_is_valid_afterwards(report):
    assert report["with_lost_instances"] == []
    assert report["schemas_with_instances"] > 0.9 * report["schemas"]
    assert report["instances"] > 5_000


def test_schemas_without_a_type_are_the_only_ones_narrowed(report):
    assert {line["name"].rsplit("-", 1)[0] for line in report["narrowed"]} == {"typeless-object", "typeless-array"}


def test_a_refusal_is_expected_and_names_the_place_and_the_way_out(report):
    assert report["refused"]
    for line in report["refused"]:
        assert line["expected"], line
        assert "What to do:" in line["refused"]


def test_the_command_prints_its_totals_and_writes_the_rest(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(mfjs_report, "corpus", lambda: [mfjs_report.Case("here", "one", {"type": "object"})])
    out = tmp_path / "report.json"
    assert mfjs_report.main(["--instances", "2", "--out", str(out)]) == 0
    totals = json.loads(capsys.readouterr().out)
    assert totals["schemas"] == totals["accepted"] == 1
    assert json.loads(out.read_text())["lines"][0]["name"] == "one"


def test_the_command_fails_when_something_was_refused_that_should_not_be(capsys, monkeypatch):
    monkeypatch.setattr(mfjs_report, "corpus", lambda: [mfjs_report.Case("here", "no", False)])
    assert mfjs_report.main(["--instances", "0"]) == 1
    assert not json.loads(capsys.readouterr().out)["refused"][0]["expected"]
