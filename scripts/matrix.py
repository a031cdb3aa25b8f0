"""The fast tier of the tests on the ends of our version ranges, one row each.

Each row gets its own environment under `.matrix/`, kept for the next run. `--row NAME` runs one row; arguments after
`--` go to pytest beside the usual ones: `python scripts/matrix.py --row lowest -- tests/langchain_kimi`.

pip answers a conflict by silently taking an older version. So the new rows ask for nothing older than constraints.txt
names, and fail where that cannot be had.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".matrix"
SHOWN = ("openai", "langchain-core", "llama-index-core")
USUAL = ("-q", "-rfE", "-n", "4", "--dist", "worksteal", "-m", "not slow and not live")


@dataclass(frozen=True)
class Row:
    """Requirements on top of our own ranges, and packages that must be as new as in constraints.txt, or newer."""

    name: str
    requirements: tuple[str, ...] = ()
    as_pinned: tuple[str, ...] = ()
    group: str = "test"
    python: str = ""
    """Another Python than this one, e.g. "3.13"; the row is left out where it is not installed."""


ROWS = (
    Row("lowest", ("openai==2.0.0", "langchain-core==1.6.0", "llama-index-core==0.14.5")),
    # With the peer that tests/peers/test_llama_index.py compares with; it wants openai 2.
    Row(
        "newest-openai-2",
        ("openai>=2.0,<3", "llama-index-llms-openai-like<0.8"),
        as_pinned=("langchain-core", "langchain", "llama-index-core", "deepagents"),
        group="dev",
    ),
    Row("newest", as_pinned=("openai", "langchain-core", "langchain", "llama-index-core", "deepagents"), group="dev"),
    Row("python-3.12", as_pinned=("openai", "langchain-core", "llama-index-core"), python="3.12"),
    Row("python-3.13", as_pinned=("openai", "langchain-core", "llama-index-core"), python="3.13"),
)


def main() -> int:
    """Run the rows; exit 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--row", choices=[row.name for row in ROWS], action="append")
    parser.add_argument("pytest", nargs="*", help="arguments for pytest, after --")
    options = parser.parse_args()
    failed = 0
    lines = []
    for row in ROWS:
        if options.row and row.name not in options.row:
            continue
        if interpreter(row.python) is None:
            lines.append(f"none {row.name:<15} no Python {row.python} is installed here")
            continue
        started = time.monotonic()
        python = prepare(row)
        # -p no:cacheprovider: rows must not share what failed last
        ran = subprocess.run(  # noqa: S603 - our own interpreter
            [python, "-m", "pytest", *USUAL, "-p", "no:cacheprovider", *options.pytest],
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
        lines.append(f"{verdict} {row.name:<15} {versions(python)}  {ending}  ({seconds:.0f} s with set-up)")
        sys.stdout.write(lines[-1] + "\n")
        sys.stdout.flush()
    sys.stdout.write("\n" + "\n".join(lines) + "\n")
    return 1 if failed else 0


def prepare(row: Row) -> str:
    """The interpreter of the row's environment, made when it is missing or its recipe changed."""
    home = HOME / row.name
    python = str(home / "bin" / "python")
    stamp = home / ".ready"
    requirements = [*row.requirements, *(f"{name}>={pins()[name]}" for name in row.as_pinned)]
    recipe = f"{row.group} {requirements}\n{(ROOT / 'pyproject.toml').read_text()}"
    if stamp.exists() and stamp.read_text() == recipe:
        return python
    create = [interpreter(row.python) or sys.executable, "-m", "venv", "--clear", str(home)]
    subprocess.run(create, check=True)  # noqa: S603
    install = [python, "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    subprocess.run([*install, "--upgrade", "pip>=25.1"], check=True)  # noqa: S603
    subprocess.run(  # noqa: S603
        [*install, "-e", f"{ROOT}[all]", "--group", f"{ROOT / 'pyproject.toml'}:{row.group}", *requirements], check=True
    )
    stamp.write_text(recipe)
    return python


def interpreter(version: str) -> str | None:
    """The path of a Python of this version, from the search path or pyenv; this one for ""; None: there is none."""
    if not version:
        return sys.executable
    shims = Path.home() / ".pyenv" / "versions"
    candidates = [shutil.which(f"python{version}"), *sorted(map(str, shims.glob(f"{version}.*/bin/python")))]
    for path in filter(None, candidates):
        command = [path, "-c", "import sys, venv; print(*sys.version_info[:2], sep='.')"]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if ran.stdout.strip() == version:  # pyenv's shim fails for versions that are not chosen
            return path
    return None


def pins() -> dict[str, str]:
    """The versions that constraints.txt names."""
    return dict(re.findall(r"^([^#\s=]+)==(\S+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE))


def versions(python: str) -> str:
    """The versions a row is about, as installed."""
    freeze = subprocess.run(  # noqa: S603
        [python, "-m", "pip", "list", "--disable-pip-version-check"], capture_output=True, text=True, check=True
    ).stdout
    installed = dict(re.findall(r"^(\S+)\s+(\S+)", freeze, re.MULTILINE))
    return "  ".join(f"{name} {installed.get(name, '-')}" for name in SHOWN)


if __name__ == "__main__":
    sys.exit(main())
