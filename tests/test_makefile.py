"""The Makefile: each target stands once, and every target that a page names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TARGETS = re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text("utf-8"), re.M)
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")), ROOT / "cassettes" / "README.md"]


def test_a_target_stands_once() -> None:
    assert sorted(TARGETS) == sorted(set(TARGETS))


def test_every_target_is_run_whether_or_not_a_file_has_its_name() -> None:
    phony = " ".join(re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text("utf-8"), re.M)).split()
    assert sorted(phony) == sorted(TARGETS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_targets_that_a_page_names_are_there(page: Path) -> None:
    names = re.findall(r"(?:`|^)make ([a-z][a-z-]*)", page.read_text("utf-8"), re.M)
    assert [name for name in names if name not in TARGETS] == []
