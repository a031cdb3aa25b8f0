"""Whether a tag can be released: `python -m scripts.release_check v0.2.0`.

The tag must be `v` and the version in pyproject.toml, CHANGELOG.md must have a section for it and none for changes that
are not released, and the repository must have an address. Prints what is missing; exit code 1 when something is.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def missing(tag: str, root: Path = ROOT) -> list[str]:
    """What keeps `tag` from being released, a sentence each."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    version = project["project"]["version"]
    changes = (root / "CHANGELOG.md").read_text("utf-8")
    sentences = []
    if tag != f"v{version}":
        sentences.append(f"the tag is {tag}, but pyproject.toml says version {version}")
    if not re.search(rf"^## {re.escape(version)} \(\d{{4}}-\d\d-\d\d\)$", changes, re.M):
        sentences.append(f"CHANGELOG.md has no section '## {version} (YYYY-MM-DD)'")
    if re.search(r"^## Unreleased\n+(?!## )\S", changes, re.M):
        sentences.append("CHANGELOG.md has changes under 'Unreleased': move them under the version")
    if "/OWNER/" in project["tool"]["hatch"]["metadata"]["hooks"]["custom"]["repository"]:
        sentences.append("pyproject.toml still says OWNER where the repository's owner belongs")
    return sentences


def main() -> int:
    """Check the tag that the command line names."""
    sentences = missing(sys.argv[1])
    for sentence in sentences:
        print(f"error: {sentence}", file=sys.stderr)
    return 1 if sentences else 0


if __name__ == "__main__":
    sys.exit(main())
