"""Ours beside what nobody can save, in turn in one process: `python -m benchmarks.floors [--rounds 40] [--write]`.

Figures of two processes, minutes apart, differ by a third where a machine is shared. Here each round measures the floor
and ours one after the other, in CPU time, and the least of all rounds counts for both: load only ever adds.

* A chunk's floor is httpx, `json` and the smallest class that the framework takes.
* A call's floor is the SDK's `post` of a body that is ready, under the same class: ours send through the SDK.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.peers.models import PEERS
from benchmarks.run import drain, history, wire_tools
from benchmarks.server import running

RESULTS = Path(__file__).with_name("floors.json")
CHUNKS = 1_000
CALLS = 5


@dataclass(frozen=True)
class Row:
    """What one case took: ours, and its floor in the same rounds; microseconds."""

    case: str
    ours: str
    floor: str
    took: float
    least: float
    goal: float | None

    @property
    def ratio(self) -> float:
        return self.took / self.least

    def __str__(self) -> str:
        goal = "" if self.goal is None else f"  goal <= {self.goal}" + ("" if self.ratio <= self.goal else "  <-- over")
        return f"{self.case:<28} {self.ours:<9} {self.took:8.1f} us, {self.ratio:.2f} x {self.floor}{goal}"


Work = Callable[[], Any]


def prepare_stream(kind: str) -> Callable[[str, str], tuple[Work, int]]:
    def prepare(name: str, url: str) -> tuple[Work, int]:
        peer = PEERS[name]()
        model = peer.open(f"{url}/{kind}-{CHUNKS}")
        return lambda: drain(peer.stream(model)), CHUNKS

    return prepare


def prepare_call(messages: int, tools: int) -> Callable[[str, str], tuple[Work, int]]:
    def prepare(name: str, url: str) -> tuple[Work, int]:
        peer = PEERS[name]()
        call = peer.call(peer.open(url), history(messages)[-messages:], wire_tools(tools))
        return lambda: [call() for _ in range(CALLS)], CALLS

    return prepare


CASES: Sequence[tuple[str, Callable[[str, str], tuple[Work, int]], str, float | None, float | None]] = (
    ("text chunk", prepare_stream("text"), "'s floor", 1.15, 1.25),
    ("tool chunk", prepare_stream("tool"), "'s floor", None, None),
    ("1 message", prepare_call(1, 0), " over post", None, None),
    ("200 messages", prepare_call(200, 0), " over post", None, None),
    ("20 tools", prepare_call(1, 20), " over post", None, None),
    ("200 messages + 20 tools", prepare_call(200, 20), " over post", 1.3, 1.3),
)
"""Each case, how to prepare it, which floor it has, and the design's goals for LangChain and LlamaIndex."""


def measure(url: str, rounds: int) -> list[Row]:
    """All rows."""
    rows = []
    for case, prepare, floor, *goals in CASES:
        for framework, ours, goal in (("LangChain", "ChatKimi", goals[0]), ("LlamaIndex", "Kimi", goals[1])):
            works = [prepare(name, url) for name in (framework + floor, ours)]
            least, took = (seconds * 1e6 for seconds in in_turn(works, rounds))
            rows.append(Row(case, ours, framework + floor, round(took, 2), round(least, 2), goal))
    return rows


def in_turn(works: Sequence[tuple[Work, int]], rounds: int) -> list[float]:
    """The least CPU seconds of each work, divided by how many things it does."""
    for work, _ in works:
        work()
        work()
    gc.collect()
    gc.freeze()
    taken: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for (work, count), times in zip(works, taken, strict=True):
            before = time.process_time()
            work()
            times.append((time.process_time() - before) / count)
    return [min(times) for times in taken]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the rows; `--write` keeps them for `docs/speed.md`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args(arguments)
    with running() as url:
        rows = measure(url, options.rounds)
    for row in rows:
        print(row)
    if options.write:
        import openai

        record = {
            "measured": f"{time.strftime('%Y-%m-%d', time.gmtime())}, python -m benchmarks.floors --write, least of "
            f"{options.rounds} rounds, openai {openai.__version__}, Python {sys.version.split()[0]}",
            "rows": [asdict(row) for row in rows],
        }
        RESULTS.write_text(json.dumps(record, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
