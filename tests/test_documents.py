"""README.md and docs/: the code in them runs as it stands, their links lead somewhere, their tables are current."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kimi_emulator import Emulator
from scripts.docs_tables import DOCS, TABLES, fill_tables

ROOT = DOCS.parent
PAGES = [
    ROOT / "README.md",
    ROOT / "cassettes" / "README.md",
    *sorted(ROOT.glob("packaging/*/README.md")),
    *sorted(DOCS.rglob("*.md")),
]


def blocks() -> list[object]:
    """Each Python block of each page."""
    return [
        pytest.param(code, id=f"{page.relative_to(ROOT)}:{number}")
        for page in PAGES
        for number, code in enumerate(re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.M | re.S), 1)
    ]


@pytest.mark.parametrize("code", blocks())
def test_the_code_runs_as_it_stands(
    code: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Emulator() as kimi:
        monkeypatch.setenv("MOONSHOT_API_KEY", kimi.api_key)
        monkeypatch.setenv("MOONSHOT_BASE_URL", kimi.base_url)
        exec(compile(code, "document", "exec", dont_inherit=True), {"__name__": "__main__"})
    assert capsys.readouterr().out.strip()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text("utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", TABLES)
def test_the_table_is_current(page: str) -> None:
    assert (DOCS / page).read_text("utf-8") == fill_tables(page), "run python -m scripts.docs_tables"


def test_the_readme_examples_are_short() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    for code in re.findall(r"^```python\n(.*?)^```", readme, re.M | re.S):
        assert len([line for line in code.splitlines() if line.strip()]) <= 20
