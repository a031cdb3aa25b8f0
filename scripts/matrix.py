"""The fast tier of the tests on the ends of our version ranges, one row each.

Each row gets its own environment under `.matrix/`, kept for the next run. `--row NAME` runs one row, arguments after
`--` go to pytest.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
import venv
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".matrix"
SHOWN = ("openai", "langchain-core", "llama-index-core")


@dataclass(frozen=True)
class Row:
    """Requirements on top of our own ranges, and packages to replace afterwards without looking at their pins."""

    name: str
    requirements: tuple[str, ...]
    forced: tuple[str, ...] = ()


ROWS = (
    Row("openai-2.0", ("openai==2.0.0", "langchain-core==1.6.0", "llama-index-core==0.14.5")),
    # With the peer that tests/llama_index_kimi/test_li_findings.py compares with; it wants openai 2.
    Row(
        "openai-2-newest",
        ("openai>=2.0,<3", "langchain-core", "llama-index-core", "llama-index-llms-openai-like<0.8"),
    ),
    # langchain-core >= 1.7.3 asks for a certifi newer than some indexes serve, and pip then silently takes an older
    # core; so the newest one is put in by hand.
    Row(
        "openai-3-newest",
        ("openai>=3.0,<4", "langchain-core", "llama-index-core"),
        forced=("langchain-core>=1.8,<2", "langchain>=1.5,<2"),
    ),
)


def main() -> int:
    """Run the rows; exit 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--row", choices=[row.name for row in ROWS], action="append")
    parser.add_argument("pytest", nargs="*", help="arguments for pytest, after --")
    wanted = parser.parse_args()
    failed = 0
    lines = []
    for row in ROWS:
        if wanted.row and row.name not in wanted.row:
            continue
        started = time.monotonic()
        python = prepare(row)
        arguments = wanted.pytest or ["-n", "2", "--dist", "loadfile", "-m", "not slow and not live"]
        # -p no:cacheprovider: rows must not share what failed last
        ran = subprocess.run(  # noqa: S603 - our own interpreter
            [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if ran.returncode:
            failed += 1
            sys.stdout.write(ran.stdout[-8000:] + ran.stderr[-2000:])
        ending = ran.stdout.strip().splitlines()[-1].strip("= ") if ran.stdout.strip() else "no output"
        seconds = time.monotonic() - started
        verdict = "ok  " if ran.returncode == 0 else "FAIL"
        lines.append(f"{verdict} {row.name:<16} {versions(python)}  {ending}  ({seconds:.0f} s with set-up)")
        sys.stdout.write(lines[-1] + "\n")
        sys.stdout.flush()
    sys.stdout.write("\n" + "\n".join(lines) + "\n")
    return 1 if failed else 0


def prepare(row: Row) -> str:
    """The interpreter of the row's environment, made when it is missing or its recipe changed."""
    home = HOME / row.name
    python = str(home / "bin" / "python")
    stamp = home / ".ready"
    recipe = f"{row}\n{(ROOT / 'pyproject.toml').read_text()}"
    if stamp.exists() and stamp.read_text() == recipe:
        return python
    venv.create(home, with_pip=True, clear=True)
    install = [python, "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    subprocess.run([*install, "--upgrade", "pip>=25.1"], check=True)  # noqa: S603
    subprocess.run(  # noqa: S603
        [*install, "-e", f"{ROOT}[all]", "--group", f"{ROOT / 'pyproject.toml'}:dev", *row.requirements], check=True
    )
    if row.forced:
        subprocess.run([*install, "--no-deps", "--upgrade", *row.forced], check=True)  # noqa: S603
    stamp.write_text(recipe)
    return python


def versions(python: str) -> str:
    """The versions a row is about, as installed."""
    listed = subprocess.run(  # noqa: S603
        [python, "-m", "pip", "list", "--disable-pip-version-check"], capture_output=True, text=True, check=True
    ).stdout
    found = dict(re.findall(r"^(\S+)\s+(\S+)", listed, re.MULTILINE))
    return "  ".join(f"{name} {found.get(name, '-')}" for name in SHOWN)


if __name__ == "__main__":
    sys.exit(main())
