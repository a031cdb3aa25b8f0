"""The site that `make site` builds: every page has its place, every public name its description."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from scripts import site_hooks
from scripts.diagrams import FOLDER, GROUNDS, THEMES, Diagram, diagrams, is_current

ROOT = Path(__file__).resolve().parents[1]
NAV = (ROOT / "mkdocs.yml").read_text("utf-8")
WRITTEN = sorted(path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md"))


@pytest.mark.parametrize("page", [page for page in WRITTEN if not page.startswith("upstream/")])
def test_every_page_stands_in_the_navigation(page: str) -> None:
    assert re.search(rf": {re.escape(page)}$", NAV, re.M), f"name docs/{page} in the nav of mkdocs.yml"


def test_the_words_of_the_search_are_of_pages_that_are_there() -> None:
    assert set(site_hooks.SEARCH_WORDS) <= {*WRITTEN, *site_hooks.FROM_THE_ROOT}


def test_the_search_weighs_words_above_and_the_reference_below() -> None:
    guide, reference = (
        SimpleNamespace(file=SimpleNamespace(src_uri=page), meta={})
        for page in ("limits.md", "reference/kimi_api.limits.md")
    )
    for page in (guide, reference):
        assert site_hooks.on_page_content("<p>x</p>", page, None, None) == "<p>x</p>"
    assert "TPM" in guide.meta["tags"]
    assert reference.meta == {"search": {"boost": site_hooks.REFERENCE_WEIGHT}}


@pytest.mark.parametrize("package", site_hooks.PACKAGES)
def test_every_public_name_is_described_where_it_is_imported_from(package: str) -> None:
    pages = site_hooks.reference_pages()
    for module, names in site_hooks.public_modules(package).items():
        assert sorted(names) == sorted(importlib.import_module(module).__all__)
        described = set(re.findall(rf"^::: {re.escape(module)}\.(\w+)$", pages[f"reference/{module}.md"], re.M))
        also = set(re.findall(r"`(\w+)`[,;]", pages[f"reference/{module}.md"]))
        assert set(names) <= described | also


def test_a_name_is_described_once_in_its_package() -> None:
    pages = re.findall(r"^::: (\w+)\.\S*?(\w+)$", "\n".join(site_hooks.reference_pages().values()), re.M)
    described = [(package, name) for package, name in pages if re.match("[A-Z]", name)]
    assert len(described) == len(set(described))


DIAGRAMS = [
    diagram
    for page in WRITTEN
    if not page.startswith("upstream/")
    for diagram in diagrams(page, (ROOT / "docs" / page).read_text("utf-8"))
]


@pytest.mark.parametrize("diagram", DIAGRAMS, ids=lambda diagram: diagram.name)
@pytest.mark.parametrize("scheme", THEMES)
def test_a_diagrams_pictures_are_of_its_text_and_load_nothing(diagram: Diagram, scheme: str) -> None:
    picture = FOLDER / diagram.picture(scheme)
    assert is_current(diagram, picture), "run make diagrams"
    drawn = picture.read_text("utf-8")
    assert not re.search(r"""url\(['"]?http|@font-face|@import|href="http|<script|foreignObject""", drawn)
    assert re.match(r'<svg id="diagram" width="\d+" height="\d+"', drawn)  # an image of 100 % has no size


@pytest.mark.parametrize("diagram", DIAGRAMS, ids=lambda diagram: diagram.name)
@pytest.mark.parametrize("scheme", THEMES)
def test_no_arrow_shines_through_the_label_on_it(diagram: Diagram, scheme: str) -> None:
    """Mermaid draws the label's ground half transparent; the last rule for it counts."""
    drawn = (FOLDER / diagram.picture(scheme)).read_text("utf-8")
    red, green, blue = bytes.fromhex(GROUNDS[scheme][1:])
    grounds = re.findall(r"\.edgeLabel rect\s*\{([^}]*)\}", drawn)
    assert re.sub(r"\s", "", grounds[-1]) == f"opacity:1;fill:rgb({red},{green},{blue});"


def test_a_picture_in_two_schemes_follows_the_switch_of_the_site() -> None:
    page = SimpleNamespace(file=SimpleNamespace(src_uri="speed.md"))
    text = (ROOT / "docs" / "speed.md").read_text("utf-8")
    drawn = site_hooks.on_page_markdown(text, page, None, None)
    assert "<picture>" in text
    assert "<picture>" not in drawn
    assert "](speed-light.svg#only-light){ .diagram }" in drawn
    assert "](speed-dark.svg#only-dark){ .diagram }" in drawn


def test_the_inspectors_picture_in_the_chinese_page_follows_the_switch_too() -> None:
    page = SimpleNamespace(file=SimpleNamespace(src_uri="zh.md"))
    text = (ROOT / "README.zh.md").read_text("utf-8")
    drawn = site_hooks.on_page_markdown(text, page, None, None)
    assert "<picture>" in text
    assert "<picture>" not in drawn
    assert "](pictures/inspector-dark.png#only-dark){ .diagram }" in drawn


def test_there_is_no_picture_without_a_diagram() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {d.picture(scheme) for d in DIAGRAMS for scheme in THEMES}


def test_the_site_shows_a_diagrams_two_pictures() -> None:
    page = SimpleNamespace(file=SimpleNamespace(src_uri="rag.md"))
    text = "```mermaid\nflowchart LR\n    accTitle: From here to there\n    a --> b\n```"
    assert site_hooks.on_page_markdown(text, page, None, None) == (
        "![From here to there](diagrams/rag-1-light.svg#only-light){ .diagram }\n"
        "![From here to there](diagrams/rag-1-dark.svg#only-dark){ .diagram }"
    )


def test_a_diagram_says_in_words_what_it_shows() -> None:
    with pytest.raises(ValueError, match=r"rag.md, diagram 1: no accTitle. What to do: add a line"):
        diagrams("rag.md", "```mermaid\nflowchart LR\n    a --> b\n```")


@pytest.mark.parametrize(
    ("here", "link", "there"),
    [
        ("langchain.md", "[a](../examples/langchain)", "[a](REPO/tree/main/examples/langchain)"),
        ("langchain.md", "[a](../tests/test_site.py)", "[a](REPO/blob/main/tests/test_site.py)"),
        ("guides/x.md", "[a](../../README.md#install)", "[a](REPO/blob/main/README.md#install)"),
        ("guides/x.md", "[a](../files.md#cache)", "[a](../files.md#cache)"),
        ("langchain.md", "[a](https://example.com/x)", "[a](https://example.com/x)"),
        ("langchain.md", "[a](#below)", "[a](#below)"),
        ("README.md", "[a](upstream/README.md)", "[a](REPO/blob/main/docs/upstream/README.md)"),
        ("changelog.md", "[a](docs/errors.md#redirects)", "[a](errors.md#redirects)"),
        ("zh.md", "[a](docs/errors.md)", "[a](errors.md)"),
        ("zh.md", "[a](README.md)", "[a](REPO/blob/main/README.md)"),
        ("zh.md", "[a](CHANGELOG.md#unreleased)", "[a](changelog.md#unreleased)"),
        ("zh.md", "[a](docs/overview.zh.md#安装)", "[a](overview.zh.md#安装)"),
        ("overview.zh.md", "[a](../README.zh.md)", "[a](zh.md)"),
        ("changelog.md", "[a](CONTRIBUTING.md)", "[a](REPO/blob/main/CONTRIBUTING.md)"),
        ("testing.md", "```python test\nx\n```", "```python\nx\n```"),
        ("error-list.md", "```python error\nx\n```", "```python\nx\n```"),
        ("migrating.md", "```python before\nx\n```", '```python title="before"\nx\n```'),
    ],
)
def test_links_out_of_the_pages_lead_to_the_repository(here: str, link: str, there: str) -> None:
    page = SimpleNamespace(file=SimpleNamespace(src_uri=here))
    assert site_hooks.on_page_markdown(link, page, None, None) == there.replace("REPO", site_hooks.REPOSITORY)
