"""The table of docs/faults.md: every fault of the emulator, in both frameworks and every use."""

from __future__ import annotations

from pathlib import Path

import pytest

from kimi_emulator import FAULTS
from scripts.faults import table
from scripts.faults.cases import USES, Case, Outcome, cases
from scripts.faults.table import failures, fill, run, summary

CASE = Case("cut.answer", "langchain", False, "chat")


def outcomes(names: list[str]) -> dict[tuple[str, str], set[str]]:
    """What each fault and use ends in, over both frameworks, blocking and not."""
    ends: dict[tuple[str, str], set[str]] = {}
    for case, outcome in run(names).items():
        ends.setdefault((case.fault, case.use), set()).add(outcome.detail or outcome.kind)
    return ends


def test_a_few_faults_end_alike_in_both_frameworks() -> None:
    ends = outcomes(["http.529", "cut.answer", "usage.missing"])
    chats = ("chat", "body", "stream", "tools")
    assert ends == {
        **{("http.529", use): {"right"} for use in (*chats, "file")},
        **{("cut.answer", use): {"KimiConnectionError"} for use in ("chat", "stream", "tools")},
        **{("usage.missing", use): {"silent"} for use in chats},
    }


def test_every_fault_has_its_cases() -> None:
    faults = {case.fault for case in cases()}
    assert set(FAULTS) - faults == {"models.slow"}  # no call of a framework asks for the list of models
    assert {case.use for case in cases()} == set(USES)


def test_the_page_names_every_fault() -> None:
    page = table.PAGE.read_text("utf-8")
    assert [name for name in FAULTS if f"`{name}`" not in page] == []
    assert "0 lost without a word, 0 with an error that is not ours." in page


@pytest.mark.parametrize(
    ("outcome", "complaint"),
    [
        (Outcome("foreign", "AttributeError: x"), "not ours: AttributeError"),
        (Outcome("silent", lost=["text"]), "lost without a word: text"),
        (Outcome("error", "KimiConnectionError", ["text"]), "never scripted: text"),
    ],
)
def test_what_must_not_be_is_a_failure(outcome: Outcome, complaint: str) -> None:
    [line] = failures({CASE: outcome})
    assert line.startswith("cut.answer, chat, LangChain, sync: ")
    assert complaint in line
    if outcome.kind != "error":
        assert "1 lost without" in summary({CASE: outcome}) or "1 with an error that is not" in summary({CASE: outcome})


def test_a_loss_with_a_reason_is_no_failure_of_its_own_fault_alone() -> None:
    outcome = Outcome("silent", lost=["usage: none"])
    assert failures({Case("usage.missing", "langchain", False, "chat"): outcome}) == []
    assert failures({CASE: outcome})


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_page_is_what_all_cases_give() -> None:
    results = run()
    assert failures(results) == []
    page: Path = table.PAGE
    assert page.read_text("utf-8") == fill(page.read_text("utf-8"), results), "run `make faults`"
