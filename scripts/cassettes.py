"""Each recorded exchange by origin, age and test: `python -m scripts.cassettes` (`make cassettes`).

Exit code 1 when a file belongs to no test, or a test's file is missing.
"""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "cassettes"


class _Marks:
    """Collects which test plays which cassette."""

    def __init__(self) -> None:
        self.tests: dict[str, list[str]] = defaultdict(list)

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        for item in items:
            marker = item.get_closest_marker("cassette")
            if marker is not None:
                self.tests[marker.args[0]].append(item.nodeid.removeprefix("tests/cassettes/"))


def tests_by_cassette() -> dict[str, list[str]]:
    """The tests that play each cassette, by its name."""
    marks = _Marks()
    silence = io.StringIO()
    with contextlib.redirect_stdout(silence):
        code = pytest.main(
            ["--collect-only", "-q", "-p", "no:cacheprovider", str(ROOT / "tests" / "cassettes")], [marks]
        )
    if code != 0:
        raise SystemExit(f"the tests cannot be collected:\n{silence.getvalue()}")
    return dict(marks.tests)


def recording_day(path: Path) -> str:
    """When a cassette was last recorded: the day of its last commit, today if it is not committed."""
    day = subprocess.run(  # noqa: S603 - git, with a path of our own
        ["git", "log", "-1", "--format=%cs", "--", str(path)],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    return day or str(datetime.now(UTC).date())


def main() -> int:
    """Print the list."""
    tests = tests_by_cassette()
    files = {path.stem: path for path in sorted(FOLDER.glob("*.yaml"))}
    today = datetime.now(UTC).date()
    for name, path in files.items():
        stored = yaml.safe_load(path.read_text("utf-8"))
        age = (today - datetime.fromisoformat(recording_day(path)).date()).days
        played = ", ".join(tests.get(name, ())) or "no test"
        print(f"{name:<36} {stored['origin']:<28} {age:>4} d {len(stored['interactions']):>3} exchanges  {played}")
    lost = sorted(set(files) - set(tests))
    missing = sorted(set(tests) - set(files))
    print(f"{len(files)} cassettes, {sum(map(len, tests.values()))} tests")
    for name in lost:
        print(f"no test plays {name}: delete cassettes/{name}.yaml", file=sys.stderr)
    for name in missing:
        print(f"cassettes/{name}.yaml is missing: make record", file=sys.stderr)
    return int(bool(lost or missing))


if __name__ == "__main__":
    raise SystemExit(main())
