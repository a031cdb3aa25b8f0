"""Tries the emulator against the published OpenAPI document, with requests that Schemathesis makes up from it.

Run `python -m scripts.conformance --seed 1`. The document is looked for beside the checkout
(`../shared/reference/kimi-openapi.json`) or given by `--document`; without one there is nothing to compare with, which
is said and is no failure. Where the document and what was recorded of the platform differ, the emulator follows the
platform: each such difference is an entry in `tests/conformance/deviations.toml`, and says what contradicts the
document. The exit code is 1 when there is a finding outside that list.
"""

from __future__ import annotations

import argparse
import base64
import json
import logging
import re
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from kimi_emulator import Emulator

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT.parent / "shared" / "reference" / "kimi-openapi.json"
DEVIATIONS = ROOT / "tests" / "conformance" / "deviations.toml"
TODAY = date(2026, 8, 17)
"""The day of the newest copy of the document, which lists models that have gone since."""


@dataclass(frozen=True)
class Finding:
    """One answer that the document does not foresee."""

    operation: str
    check: str
    status: int
    reason: str
    """What the check says about the request."""
    body: str
    """The beginning of the answer."""
    request: str


@dataclass(frozen=True)
class Deviation:
    """A known difference.

    ``about`` is searched in what the check says of the request, ``says`` in the body, ``sent`` in the request; empty
    members fit anything.
    """

    check: str
    cites: str
    because: str
    operation: str = ""
    status: int = 0
    about: str = ""
    says: str = ""
    sent: str = ""

    def covers(self, finding: Finding) -> bool:
        """Whether this difference explains the finding."""
        return (
            self.check == finding.check
            and (not self.operation or re.fullmatch(self.operation, finding.operation) is not None)
            and self.status in (0, finding.status)
            and re.search(self.about, finding.reason, re.DOTALL) is not None
            and re.search(self.says, finding.body, re.DOTALL) is not None
            and re.search(self.sent, finding.request, re.DOTALL) is not None
        )


def deviations(path: Path = DEVIATIONS) -> list[Deviation]:
    """The known differences."""
    return [Deviation(**entry) for entry in tomllib.loads(path.read_text("utf-8"))["deviation"]]


def findings(events: Path) -> Iterator[Finding]:
    """The failed checks of a run, from Schemathesis's own record of it."""
    for line in events.read_text("utf-8").splitlines():
        recorder = json.loads(line).get("ScenarioFinished", {}).get("recorder", {})
        for case, checks in recorder.get("checks", {}).items():
            for check in checks:
                if check["status"] == "failure":
                    yield _finding(recorder, case, check)


def _finding(recorder: dict[str, Any], case: str, check: dict[str, Any]) -> Finding:
    exchange = recorder.get("interactions", {}).get(case) or {}
    response, request = exchange.get("response") or {}, exchange.get("request") or {}
    failure = check["failure_info"]["failure"]
    value = recorder["cases"][case]["value"]
    return Finding(
        f"{value['method']} {value['path']}",
        check["name"],
        response.get("status_code", 0),
        f"{failure.get('title', '')}: {failure.get('message', '').partition('Hint:')[0].strip()}",
        _text(response.get("content")),
        f"{request.get('method')} {request.get('uri')} {_text(request.get('body'))}",
    )


def _text(content: Any) -> str:
    encoded = (content or {}).get("$base64", "")
    return base64.b64decode(encoded).decode("utf-8", "replace")


def run(document: Path, seed: int, examples: int) -> list[Finding]:
    """All findings of one run against an emulator of its own."""
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # it warns of each broken form
    with tempfile.TemporaryDirectory() as folder, Emulator(today=TODAY, pending_polls=0) as kimi:
        events = Path(folder) / "events.ndjson"
        command = [
            *(sys.executable, "-m", "schemathesis.cli", "run", str(document)),
            *("--url", kimi.base_url.removesuffix("/v1"), "--header", f"Authorization: Bearer {kimi.api_key}"),
            *("--seed", str(seed), "--max-examples", str(examples), "--continue-on-failure", "--no-shrink"),
            *("--phases", "examples,coverage,fuzzing", "--checks", "all", "--warnings", "off"),
            *("--report", "ndjson", "--report-ndjson-path", str(events)),
        ]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603
        if not events.exists():
            raise RuntimeError(done.stdout + done.stderr)
        print(_summary(done.stdout))
        return list(findings(events))


def _summary(output: str) -> str:
    return next((line.strip() for line in output.splitlines() if "generated" in line), output[-500:])


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what was found outside the known differences."""
    parser = argparse.ArgumentParser("conformance", description=__doc__)
    parser.add_argument("--document", type=Path, default=DOCUMENT)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--examples", type=int, default=150, help="requests made up for each operation")
    options = parser.parse_args(arguments)
    if not options.document.exists():
        print(f"nothing to compare with: {options.document} is not there")
        return 0
    known = deviations()
    met: Counter[Deviation] = Counter()
    outside: dict[tuple[str, str, int], list[Finding]] = {}
    every = run(options.document, options.seed, options.examples)
    for finding in every:
        deviation = next((each for each in known if each.covers(finding)), None)
        if deviation is not None:
            met[deviation] += 1
        else:
            outside.setdefault((finding.operation, finding.check, finding.status), []).append(finding)
    for (operation, check, status), group in outside.items():
        print(f"\n{operation}: {check}, {status}, {len(group)} times")
        for one in {(f.reason, re.sub(r"\d+|'[^']*'", "", f.body)[:120]): f for f in group}.values():
            print(f"  {one.reason[:600]}\n    {one.body[:300]}\n    {one.request[:600]}")
    count = sum(map(len, outside.values()))
    print(
        f"seed {options.seed}: {len(every)} findings, {count} outside {len(known)} known differences ({len(met)} met)"
    )
    return 1 if count else 0


if __name__ == "__main__":
    raise SystemExit(main())
