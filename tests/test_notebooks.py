"""The notebooks: what is committed is what a run shows, and holds nothing of the machine that ran it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from scripts import notebooks

NOTEBOOKS = sorted(notebooks.FOLDER.glob("*.ipynb"))
LARGEST, LARGEST_OUTPUT = 100_000, 20_000  # bytes
PRIVATE = re.compile(
    r"sk-[\w-]{6}|Bearer |api_key=['\"]|/(?:root|home|tmp|Users|work|var)/|[A-Z]:\\\\|127\.0\.0\.1|localhost|"
    r"site-packages|ipykernel_\d|file-[0-9a-f]{8}|batch-[0-9a-f]{8}"
)
each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text("utf-8"))


def code_cells(path: Path) -> list[dict[str, Any]]:
    return [cell for cell in read(path)["cells"] if cell["cell_type"] == "code"]


def outputs(path: Path) -> list[dict[str, Any]]:
    return [output for cell in code_cells(path) for output in cell["outputs"]]


def test_there_are_two() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["anatomy_of_an_agent_run", "rag_over_pdfs"]


@each
def test_it_was_run_from_top_to_bottom(path: Path) -> None:
    cells = code_cells(path)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert [
        output for output in outputs(path) if output["output_type"] == "error" or output.get("name") == "stderr"
    ] == []


@each
def test_it_shows_a_table_and_a_plot_of_costs(path: Path) -> None:
    kinds = {kind for output in outputs(path) for kind in output.get("data", {})}
    assert kinds == {"text/plain", "text/html", "image/svg+xml"}


@each
def test_it_holds_no_secrets_and_nothing_of_the_machine(path: Path) -> None:
    assert PRIVATE.findall(json.dumps(outputs(path))) == []
    assert set(read(path)["metadata"]) == {"kernelspec", "language_info"}
    assert all(cell["metadata"] == {} for cell in read(path)["cells"])


@pytest.mark.parametrize("text", ["/root/x.py", "sk-test-123456", "http://127.0.0.1:4711/v1", "C:\\\\Users"])
def test_the_search_for_secrets_can_find_something(text: str) -> None:
    assert PRIVATE.search(text)


@each
def test_it_is_small(path: Path) -> None:
    assert path.stat().st_size < LARGEST
    assert max(len(json.dumps(output)) for output in outputs(path)) < LARGEST_OUTPUT


@each
def test_its_links_lead_somewhere(path: Path) -> None:
    text = "".join("".join(cell["source"]) for cell in read(path)["cells"] if cell["cell_type"] == "markdown")
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", text)
    assert targets
    assert [target for target in targets if not (path.parent / target).exists()] == []


def test_the_pdfs_say_what_their_text_says(tmp_path: Path) -> None:
    from pypdf import PdfReader

    def words(path: Path) -> list[str]:
        return " ".join(page.extract_text() for page in PdfReader(path).pages).split()

    notebooks.make_papers(tmp_path)
    assert sorted(path.name for path in notebooks.PAPERS.iterdir()) == sorted(notebooks.FERRY)
    for name in notebooks.FERRY:
        assert words(notebooks.PAPERS / name) == words(tmp_path / name)


def test_no_key_no_address_and_no_proxy_reaches_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MOONSHOT_API_KEY", "KIMI_API_KEY", "MOONSHOT_BASE_URL", "OPENAI_API_KEY", "https_proxy"):
        monkeypatch.setenv(name, "sk-test-of-an-account")
    assert "sk-test-of-an-account" not in notebooks._environment().values()


class Node(dict[str, Any]):
    """As nbformat reads a notebook: members of a dict as attributes too."""

    __getattr__, __setattr__ = dict.__getitem__, dict.__setitem__


def test_what_only_a_running_kernel_can_show_is_left_out() -> None:
    bar = Node(output_type="display_data", data={notebooks.LIVE_ONLY: {}, "text/plain": "0%"})
    printed = [Node(output_type="stream", name=name, text=name) for name in ("stdout", "stdout", "stderr")]
    cell = Node(cell_type="code", outputs=[printed[0], bar, *printed[1:]], metadata={"execution": "12:00"})
    cleaned = notebooks.keep_what_stays(Node(cells=[cell], metadata={"widgets": {"a": 1}}))
    assert [output.text for output in cleaned.cells[0].outputs] == ["stdoutstdout", "stderr"]
    assert cleaned.cells[0].metadata == {}
    assert "widgets" not in cleaned.metadata


# ------------------------------------------------------------------------------------------------- run


@pytest.mark.slow
@each
def test_a_new_run_shows_what_is_committed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("nbclient")
    monkeypatch.setenv("MOONSHOT_API_KEY", "sk-test-of-an-account")  # would be refused, or paid for
    cells = [cell for cell in notebooks.run(path).cells if cell.cell_type == "code"]
    for known, new in zip(code_cells(path), cells, strict=True):
        assert [_plain(output) for output in new.outputs] == [_plain(output) for output in known["outputs"]]


def _plain(output: Any) -> Any:
    """An output whose texts are not split into lines."""
    text = output.get("text", "")
    data = {kind: "".join(value) for kind, value in output.get("data", {}).items()}
    return output["output_type"], output.get("name"), "".join(text), data


BARS = """
from kimi_emulator import Emulator
from langchain_kimi import KimiFileLoader
from llama_index_kimi import KimiFileReader

kimi = Emulator().start()
host = {"base_url": kimi.base_url, "api_key": kimi.api_key}
paths = sorted(pathlib.Path("papers").iterdir())
"""


@pytest.mark.slow
def test_bars_are_widgets_in_a_kernel_and_absent_where_they_are_not_asked_for(tmp_path: Path) -> None:
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    sources = [
        f"import pathlib\n{BARS}",
        "d = KimiFileLoader(paths, show_progress=True, **host).load()",
        "d = [page async for page in KimiFileLoader(paths, show_progress=True, **host).alazy_load()]",
        "d = KimiFileReader(show_progress=True, **host).load_data(paths)",
        "d = await KimiFileReader(show_progress=True, **host).aload_data(paths)",
        "d = KimiFileLoader(paths, **host).load(), KimiFileReader(**host).load_data(paths)",
        "kimi.stop()",
    ]
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    book = nbformat.v4.new_notebook(cells=cells)
    client = nbclient.NotebookClient(
        book, timeout=60, resources={"metadata": {"path": str(notebooks.FOLDER)}}, extra_arguments=["--log-level=ERROR"]
    )
    client.execute(env=notebooks._environment())
    live_only = [[notebooks.LIVE_ONLY in output.get("data", {}) for output in cell.outputs] for cell in book.cells]
    assert live_only == [[], [True], [True], [True], [True], [], []]
    states = list(client.widget_state.values())
    assert [(bar["value"], bar["bar_style"]) for bar in states if "bar_style" in bar] == [(3.0, "success")] * 4
