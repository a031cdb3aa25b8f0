"""README.md and docs/: the code in them runs as it stands, their links lead somewhere, their tables are current."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

import langchain_kimi
from kimi_emulator import Emulator, Reply
from scripts.docs_tables import DOCS, TABLES, fill_tables

ROOT = DOCS.parent
PAGES = [
    *sorted(ROOT.glob("*.md")),
    ROOT / "cassettes" / "README.md",
    DOCS / "upstream" / "README.md",
    *sorted(ROOT.glob("packaging/*/README.md")),
    *sorted(DOCS.rglob("*.md")),
]
DRAFTS = sorted([*DOCS.glob("upstream/*/*.mdx"), *DOCS.glob("upstream/*/*.ipynb")])


def blocks() -> list[object]:
    """Each Python block of each page. The rows of the version matrix have no deepagents, which wants newer cores."""
    no_agents = pytest.mark.skipif(find_spec("deepagents") is None, reason="deepagents is not installed")
    return [
        pytest.param(
            code, id=f"{page.relative_to(ROOT)}:{number}", marks=[no_agents] if "from deepagents" in code else []
        )
        for page in PAGES
        for number, code in enumerate(re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.M | re.S), 1)
    ]


@pytest.fixture
def root_logger() -> Iterator[None]:
    """Puts logging back as it was: WordLlama calls `basicConfig` when it is imported."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.usefixtures("root_logger")
@pytest.mark.parametrize("code", blocks())
def test_the_code_runs_as_it_stands(
    code: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)  # a block may write the file that it reads, so that it runs anywhere
    with Emulator() as kimi:
        monkeypatch.setenv("MOONSHOT_API_KEY", kimi.api_key)
        monkeypatch.setenv("MOONSHOT_BASE_URL", kimi.base_url)
        exec(compile(code, "document", "exec", dont_inherit=True), {"__name__": "__main__"})
    assert capsys.readouterr().out.strip()


@pytest.mark.parametrize(
    ("page", "method", "thinking", "answer"),
    [
        ("langchain.md", "stream", "Thinking: ", "Answer: "),
        ("llama-index.md", "stream_chat", "Thinking: ", "Answer: "),
        ("overview.zh.md", "stream", "思考：", "回答："),
        ("overview.zh.md", "stream_chat", "思考：", "回答："),
    ],
)
def test_pages_show_thinking_and_answer_apart(
    page: str,
    method: str,
    thinking: str,
    answer: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    snippets = re.findall(r"^```python\n(.*?)^```", (DOCS / page).read_text("utf-8"), re.M | re.S)
    [code] = [snippet for snippet in snippets if f").{method}(" in snippet]
    with Emulator() as kimi:
        kimi.script(Reply("Air scatters blue light most.", reasoning="They ask about the sky."))
        monkeypatch.setenv("MOONSHOT_API_KEY", kimi.api_key)
        monkeypatch.setenv("MOONSHOT_BASE_URL", kimi.base_url)
        exec(compile(code, page, "exec", dont_inherit=True), {"__name__": "__main__"})
    output = f"\n{thinking}They ask about the sky.\n{answer}Air scatters blue light most.\n"
    assert capsys.readouterr().out.startswith(output)


def cells(draft: Path) -> list[str]:
    """The Python of a draft for another project's documentation, from top to bottom."""
    text = draft.read_text("utf-8")
    if draft.suffix == ".ipynb":
        sources = ["".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
        return [source for source in sources if not source.startswith("%pip")]
    return re.findall(r"^```python[^\n]*\n(.*?)^```", text, re.M | re.S)


@pytest.mark.parametrize("draft", DRAFTS, ids=lambda draft: draft.name)
def test_a_draft_for_upstream_runs_from_top_to_bottom(
    draft: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__main__"}
    with Emulator() as kimi:
        monkeypatch.setenv("MOONSHOT_API_KEY", kimi.api_key)
        monkeypatch.setenv("MOONSHOT_BASE_URL", kimi.base_url)
        for source in cells(draft):
            exec(compile(source, draft.name, "exec", dont_inherit=True), names)
    assert capsys.readouterr().out.count("\n") >= 2


def test_the_rows_for_langchains_tables_name_classes_and_pages_of_ours() -> None:
    """In the shape that their list has: a name, a distribution, and a page to link to."""
    text = (DOCS / "upstream" / "langchain" / "integration_external_docs.yaml").read_text("utf-8")
    for component, rows in yaml.safe_load(text)["python"].items():
        for row in rows:
            assert hasattr(langchain_kimi, row["name"]), component
            assert row["pypi"] == "kimi-integrations"
            assert (ROOT / row["docs_url"].partition("/blob/main/")[2]).is_file()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text("utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", TABLES)
def test_the_table_is_current(page: str) -> None:
    assert (DOCS / page).read_text("utf-8") == fill_tables(page), "run python -m scripts.docs_tables"


READMES = ["README.md", "README.zh.md"]


@pytest.mark.parametrize("name", READMES)
def test_a_readme_is_short(name: str) -> None:
    assert len((ROOT / name).read_text("utf-8").splitlines()) <= 100


@pytest.mark.parametrize("name", READMES)
def test_the_readme_examples_are_short(name: str) -> None:
    snippets = re.findall(r"^```python\n(.*?)^```", (ROOT / name).read_text("utf-8"), re.M | re.S)
    assert len(snippets) == 3
    for code in snippets:
        assert len([line for line in code.splitlines() if line.strip()]) <= 12


def test_the_chinese_readme_has_the_same_commands_packages_and_pictures() -> None:
    names = ("README.md", "README.zh.md", "docs/README.md", "docs/overview.zh.md")
    english, chinese, pages, overview = ((ROOT / name).read_text("utf-8") for name in names)
    commands, links = r'^(?:pip install "\S+"|\* `make \w+`|python -m \S+)', r"\]\((docs/[\w.-]+)"
    for pattern, here, there in (
        (commands, english, chinese),
        (links, english, chinese),
        (r"docs/pictures/[\w.-]+", english, chinese),
        (r"^\| (`\w*kimi\w*`) \|", pages, overview),
    ):
        parts = re.findall(pattern, here, re.M)
        assert len(parts) > 2
        assert [part for part in parts if part not in there] == []


@pytest.mark.parametrize("page", [page for page in PAGES if "upstream" not in page.parts], ids=lambda page: page.name)
def test_files_and_folders_that_a_page_names_are_there(page: Path) -> None:
    packages = "kimi_api|langchain_kimi|llama_index_kimi|kimi_emulator|tests|scripts|benchmarks|docs|examples|notebooks"
    paths = re.findall(rf"`((?:{packages})/[\w./-]+)`", page.read_text("utf-8"))
    assert [path for path in paths if not (ROOT / path).exists()] == []
