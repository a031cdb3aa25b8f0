"""`scripts/survivors.toml`: a reason counts for its lines alone, and these are still there."""

from __future__ import annotations

import pytest

from scripts.mutation import altered_files
from scripts.mutation.report import EXPLAINED, Row, explain, explanations, table
from scripts.mutation.trial import NOTICED, SURVIVED


def test_a_reason_counts_for_its_lines_alone() -> None:
    row = Row("kimi_api.x", "kimi_api.x.f#3", SURVIVED, "4 of 4 tests", ["- a", "+ b"])
    reasons = {("kimi_api.x.f", "- a", "+ b"): "nobody sees it"}
    assert explain(row, reasons) == row._replace(result=EXPLAINED, detail="nobody sees it")
    assert explain(row._replace(change=["- a", "+ c"]), reasons).result == SURVIVED
    assert explain(row._replace(result=NOTICED), reasons).result == NOTICED
    assert list(table([row, row._replace(result=NOTICED)]))[-1] == "| all | 2 | 1 | 0 | 0 | 1 | 0 |"


@pytest.mark.parametrize("entry", explanations(), ids=lambda entry: entry[0].removeprefix("kimi_api."))
def test_the_lines_of_a_reason_are_there(entry: tuple[str, ...]) -> None:
    """A reason for lines that have changed since is taken out."""
    function, *change = entry
    module = max((module for module in altered_files() if function.startswith(f"{module}.")), key=len)
    lines = {line.strip() for line in altered_files()[module].read_text("utf-8").splitlines()}
    assert [line for line in change if line.startswith("- ") and line[2:] not in lines] == []
