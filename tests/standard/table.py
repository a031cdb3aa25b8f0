"""Each test of langchain-tests and its result, as a Markdown table: `.venv/bin/python tests/standard/table.py`.

Runs the suites of this directory. One line for each standard test, with how many of its runs passed (a suite runs on
several kinds of models and tools), and why the others did not run.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections import Counter, defaultdict
from pathlib import Path

HERE = Path(__file__).resolve().parent


def results(report: Path) -> dict[str, Counter[str]]:
    """Outcomes of each test, by its name, from a JUnit report."""
    outcomes: dict[str, Counter[str]] = defaultdict(Counter)
    for case in ElementTree.parse(report).iter("testcase"):
        outcome = "passed"
        for child in case:
            if child.tag == "skipped":
                outcome = f"skipped: {(child.get('message') or '').strip().rstrip('.')}"
            elif child.tag in ("failure", "error"):
                outcome = "FAILED"
        suite = str(case.get("classname")).rpartition(".")[2]
        kind = "tools" if "Search" in suite or "Formula" in suite else "chat"
        kind += ", unit" if suite.startswith("TestUnit") else ", integration"
        outcomes[f"{kind} | `{case.get('name')}`"][outcome] += 1
    return outcomes


def main() -> int:
    """Run, print, and exit as pytest did."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        ran = subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "-q",
                "-n",
                "2",
                "-p",
                "no:cacheprovider",
                str(HERE),
                f"--junitxml={report}",
            ],
            cwd=HERE.parent.parent,
            capture_output=True,
            text=True,
            check=False,
        )
        print("| suite | test | result |\n|---|---|---|")
        for name, outcomes in sorted(results(report).items()):
            print(f"| {name} | " + "; ".join(f"{count} {outcome}" for outcome, count in outcomes.items()) + " |")
        print(ran.stdout.strip().splitlines()[-1])
    return ran.returncode


if __name__ == "__main__":
    sys.exit(main())
