"""What became of the alterations: a table by file, and the survivors with or without a reason."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from . import SURVIVORS
from .trial import NOT_APPLIED, NOTICED, SURVIVED, TIMED_OUT

UNREACHED, EXPLAINED = "unreached", "explained"
COLUMNS = (NOTICED, TIMED_OUT, EXPLAINED, SURVIVED, UNREACHED, NOT_APPLIED)


class Row(NamedTuple):
    """One alteration that was tried. `detail`: the test that noticed, the reason, or how many tests let it pass."""

    module: str
    name: str
    result: str
    detail: str
    change: Sequence[str]


def explanations(path: Path = SURVIVORS) -> Mapping[tuple[str, ...], str]:
    """By function and changed lines, why an alteration that survives is no missing test."""
    entries = tomllib.loads(path.read_text(encoding="utf-8")).get("survivor", [])
    return {(entry["function"], *entry["change"]): entry["why"] for entry in entries}


def explain(row: Row, reasons: Mapping[tuple[str, ...], str]) -> Row:
    """The row with its reason, where `scripts/survivors.toml` has one."""
    reason = reasons.get((row.name.partition("#")[0], *row.change))
    return row._replace(result=EXPLAINED, detail=reason) if reason and row.result in (SURVIVED, UNREACHED) else row


def table(rows: Sequence[Row]) -> Iterator[str]:
    """Markdown: a line per file, and all together."""
    modules = sorted({row.module for row in rows})
    counts = {module: Counter(row.result for row in rows if row.module == module) for module in modules}
    counts["all"] = Counter(row.result for row in rows)
    columns = [column for column in COLUMNS if column != NOT_APPLIED or counts["all"][column]]
    yield "| file | tried | " + " | ".join(columns) + " |"
    yield "|---|" + "---:|" * (len(columns) + 1)
    for module, count in counts.items():
        name = module.removeprefix("kimi_api.")
        yield f"| {name} | {count.total()} | " + " | ".join(str(count[column]) for column in columns) + " |"


def listing(rows: Sequence[Row], *results: str) -> Iterator[str]:
    """The alterations that ended so, with their lines."""
    for row in rows:
        if row.result in results:
            yield f"\n{row.name}: {row.result}" + (f" ({row.detail})" if row.detail else "")
            yield from (f"    {line}" for line in row.change)
