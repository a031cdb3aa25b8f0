"""The emulator against the published OpenAPI document; the long run is `make conformance`."""

from __future__ import annotations

import re

import pytest

from scripts import conformance

CITED = re.compile(r"kimi-api\.md \d(\.\d)?|wire/\w+\.json")


def test_every_known_difference_says_what_contradicts_the_document():
    known = conformance.deviations()
    for each in known:
        assert CITED.fullmatch(each.cites), each
        assert each.because.endswith("."), each
        assert each.operation, "an entry names the calls that it is about"
        assert each.status, "and the answers"
    assert len({(each.check, each.operation, each.status, each.says, each.about) for each in known}) == len(known)


@pytest.mark.skipif(not conformance.DOCUMENT.exists(), reason="the document is not at hand")
def test_cited_recordings_exist():
    for each in conformance.deviations():
        if each.cites.startswith("wire/"):
            assert (conformance.DOCUMENT.parent / each.cites).exists()


def test_a_finding_that_no_entry_covers_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    known = conformance.Finding("GET /v1/batches", "status_code_conformance", 400, "", "limit must be an integer", "")
    news = conformance.Finding("GET /v1/models", "response_schema_conformance", 200, "wrong", "{}", "GET /v1/models")
    monkeypatch.setattr(conformance, "run", lambda *_: [known, news])
    assert conformance.main(["--document", __file__]) == 1
    assert "2 findings, 1 outside" in capsys.readouterr().out
    monkeypatch.setattr(conformance, "run", lambda *_: [known])
    assert conformance.main(["--document", __file__]) == 0


def test_without_the_document_there_is_nothing_to_compare_with(capsys: pytest.CaptureFixture[str]):
    assert conformance.main(["--document", "nowhere.json"]) == 0
    assert "nothing to compare with" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.skipif(not conformance.DOCUMENT.exists(), reason="the document is not at hand")
def test_the_emulator_does_what_the_document_says():
    assert conformance.main(["--seed", "7", "--examples", "20"]) == 0
