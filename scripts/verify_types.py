"""How much of each package's public interface has a known type: `pyright --verifytypes`, and the least that must.

python -m scripts.verify_types        # scores; the symbols that miss, and exit code 1, where a package is below
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LEAST: dict[str, float] = {"kimi_api": 1.0, "langchain_kimi": 1.0, "llama_index_kimi": 1.0, "kimi_emulator": 1.0}
"""The share of exported symbols whose type is known, by package."""


def verify(package: str, root: Path = ROOT) -> dict[str, Any]:
    """The `typeCompleteness` part of pyright's report on a package below `root`."""
    command = [sys.executable, "-m", "pyright", "--verifytypes", package, "--ignoreexternal", "--outputjson"]
    # Pyright looks for the package, and for what it imports, among installed ones only.
    # An editable install does not count, PYTHONPATH does.
    path = os.pathsep.join([str(root), sysconfig.get_path("purelib")])
    report = subprocess.run(  # noqa: S603
        command, cwd=root, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    try:
        completeness = json.loads(report.stdout)["typeCompleteness"]
    except (ValueError, KeyError):
        raise SystemExit(f"pyright --verifytypes {package} gave no report:\n{report.stdout}{report.stderr}") from None
    if not completeness.get("packageRootDirectory"):
        raise SystemExit(f"pyright --verifytypes did not find {package} in {root}")
    return completeness


def missing(completeness: dict[str, Any]) -> list[str]:
    """One line for each thing without a known type."""
    lines: list[str] = []
    for symbol in completeness["symbols"]:
        for diagnostic in symbol["diagnostics"]:
            if diagnostic["severity"] != "error":
                continue
            place = diagnostic.get("range", {}).get("start", {}).get("line")
            file = diagnostic.get("file", "")
            where = f"{file}:{place + 1}: " if file and place is not None else ""
            lines.append(f"{where}{symbol['name']}: {' '.join(diagnostic['message'].split())}")
    return lines


def main() -> int:
    """Print the scores; 0 where every package has what it must."""
    failed = False
    with ThreadPoolExecutor(2) as pool:
        for (package, least), completeness in zip(LEAST.items(), pool.map(verify, LEAST), strict=True):
            score = completeness["completenessScore"]
            print(f"{package:<17} {score:7.2%} of the public interface has a known type (at least {least:.0%})")
            if score < least:
                failed = True
                print("\n".join(missing(completeness)))
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
