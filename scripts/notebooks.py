"""Runs the notebooks on the local emulator, from top to bottom, and keeps what they show: `make notebooks`.

No key and no address of the caller's environment reaches them, so what is committed never comes from an account. Times,
bars that live only while a kernel runs, and other things that differ from run to run are left out: a notebook that was
run twice is the same file.

    python -m scripts.notebooks             # all, in place
    python -m scripts.notebooks --papers    # the PDFs that they read, anew
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from examples.documents.make import make_pdf

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
PAPERS = FOLDER / "papers"
SECONDS = 120  # for a cell
LIVE_ONLY = "application/vnd.jupyter.widget-view+json"
_HIDDEN = ("MOONSHOT_", "KIMI_", "OPENAI_", "LANGSMITH_", "LANGCHAIN_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")

FERRY: dict[str, list[tuple[str, list[str]]]] = {
    "timetable.pdf": [
        (
            "Ferry Saga: Timetable and Fares",
            [
                "The ferry Saga crosses from Gull Point to Harrow Island every 90 minutes. The first boat leaves Gull "
                "Point at 06:15, the last one at 21:15. A crossing takes 38 minutes.",
                "From 1 November to 15 March the first boat leaves at 07:45, and there is no boat on Sundays before "
                "noon.",
            ],
        ),
        (
            "Fares",
            [
                "A single crossing costs 7.40 euros. A bicycle costs 2 euros, a car with its driver 24 euros.",
                "Islanders with a green card travel free of charge, and so do children under seven.",
                "Dogs travel free on deck three; they are not allowed in the cafe.",
            ],
        ),
    ],
    "maintenance.pdf": [
        (
            "Ferry Saga: Maintenance Manual",
            [
                "Saga has two diesel engines of 1,120 kilowatts each. They are called Huginn and Muninn.",
                "The oil of both engines is changed every 250 running hours. Use grade 15W-40 from the blue barrels.",
            ],
        ),
        (
            "Bow Door",
            [
                "The seal of the bow door is inspected every Monday before the first boat. A cut longer than 4 "
                "centimetres keeps the ship in harbour.",
                "The hinges are greased with the white marine grease. Two lamps on the bridge show that the door is "
                "locked; both must be green.",
            ],
        ),
        (
            "Lifeboats",
            [
                "There are four lifeboats for 60 people each. They are lowered in the harbour on the first Thursday of "
                "each month.",
            ],
        ),
    ],
    "annual-report.pdf": [
        (
            "Harrow Island Ferries: Annual Report 2025",
            [
                "In 2025 Saga carried 412,600 passengers, 6 per cent more than the year before, and 58,900 cars.",
                "Of 8,030 planned crossings 7,894 were made. Fog was the reason for most of the others.",
            ],
        ),
        (
            "Plans",
            [
                "The board ordered a battery for harbour time from Nordvolt Marine. It costs 1.9 million euros and is "
                "built in during the docking of April 2027.",
                "The captain of the year was Ingrid Solberg, who has served on Saga since 1998.",
            ],
        ),
    ],
}


def make_papers(folder: Path = PAPERS) -> None:
    """The PDFs, about a ferry that does not exist, so that no model knows the answers beforehand."""
    folder.mkdir(exist_ok=True)
    for name, chapters in FERRY.items():
        make_pdf(folder / name, chapters)


def run(path: Path) -> Any:
    """The notebook at `path` as a new run leaves it.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell raised; the error names it.
    """
    import nbclient
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    client = nbclient.NotebookClient(
        notebook,
        timeout=SECONDS,
        kernel_name="python3",
        store_widget_state=False,
        record_timing=False,
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(path.parent)}},
    )
    client.execute(env=_environment())
    return keep_what_stays(notebook)


def _environment() -> dict[str, str]:
    """The caller's, without keys, addresses and proxies; the packages are those of this folder."""
    variables = {name: value for name, value in os.environ.items() if not name.upper().startswith(_HIDDEN)}
    before = [variables["PYTHONPATH"]] if variables.get("PYTHONPATH") else []
    return {**variables, "PYTHONPATH": os.pathsep.join([str(FOLDER.parent), *before])}


def keep_what_stays(notebook: Any) -> Any:
    """`notebook` without what only the running kernel can show, or what names the machine it ran on."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        cell.metadata = {}
        if cell.cell_type == "code":
            outputs = [output for output in cell.outputs if LIVE_ONLY not in output.get("data", {})]
            cell.outputs = _join_streams(outputs)
    return notebook


def _join_streams(outputs: list[Any]) -> list[Any]:
    """What was printed in several pieces, as one: how it comes in pieces differs from run to run."""
    joined: list[Any] = []
    for output in outputs:
        last = joined[-1] if joined else None
        if last is not None and output.output_type == "stream" and last.get("name") == output.name:
            last.text += output.text
        else:
            joined.append(output)
    return joined


def main(paths: list[Path]) -> None:
    """Run each notebook, and write it."""
    import nbformat

    for path in paths:
        nbformat.write(run(path), path)
        print(f"{path.name}: {path.stat().st_size / 1024:.0f} KB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("notebooks", nargs="*", type=Path, help="paths; all of notebooks/ by default")
    parser.add_argument("--papers", action="store_true", help="make the PDFs anew, and run nothing")
    arguments = parser.parse_args()
    if arguments.papers:
        make_papers()
        sys.exit()
    main([path.resolve() for path in arguments.notebooks] or sorted(FOLDER.glob("*.ipynb")))
