"""The texts of many files at a time, from a service that fails again and again, and across a crash.

    python -m examples.bulk_extract --files 500 --faults 0.1 --seed 7
    python -m examples.bulk_extract --files 500 --faults 0.1 --seed 7 --kill-at 250

The files are made up from the seed. A process of its own extracts them, so that its memory is its own and it can be
killed; here it is checked. On the emulator a share of the uploads meets trouble: errors, lost answers, files that are
never parsed or that somebody else deletes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from examples.console import say
from kimi_api import KimiClient
from kimi_api.bulk import extract_many, find_files
from kimi_api.credentials import key_from_environment
from kimi_api.files import list_files
from kimi_api.files.cache import FileCache
from kimi_api.files.ledger import Ledger

FAULTS = (
    *("http.500", "http.502_html", "http.503", "http.504_html", "http.408_text", "http.200_error", "http.529"),
    *("http.429_overloaded", "close.before_headers", "close.after_headers", "close.mid_event"),
    *("files.pending", "files.failed", "files.extraction_500", "files.content_404", "files.other_keys"),
    "files.deleted",
)
WORDS = ("snow", "valley", "winch", "motor", "shutter", "night", "asteroid", "cable", "sledge", "station", "雪", "été")
SUFFIXES = (".txt", ".md", ".csv", ".json", ".log", ".py")
PARSE_SECONDS = 3.0


@dataclass
class Outcome:
    """What one run of the worker reported."""

    lines: list[dict[str, Any]] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)
    """Bytes in use after each file."""

    def ok(self) -> set[str]:
        """The names of the files whose text came."""
        return {line["name"] for line in self.lines if line["ok"]}

    def growth(self) -> float:
        """MB that the memory grew from file 100 (or a fifth of the way) to the last one."""
        start = min(100, len(self.memory) // 5)
        return (self.memory[-1] - self.memory[start]) / 1024 / 1024 if self.memory else 0.0


def write_documents(folder: Path, count: int, seed: int) -> dict[str, str]:
    """Make the files; their texts by name."""
    dice = random.Random(seed)  # noqa: S311 - the same files each time
    texts: dict[str, str] = {}
    for number in range(count):
        name = f"document-{number:04}{SUFFIXES[number % len(SUFFIXES)]}"
        lines = (" ".join(dice.choices(WORDS, k=dice.randint(5, 12))) for _ in range(dice.randint(5, 200)))
        texts[name] = f"Document {number}\n" + "\n".join(lines)
        (folder / name).write_bytes(texts[name].encode())
    return texts


def work(folder: Path, state: Path, at_once: int) -> None:
    """The worker: extract what is in `folder` and print a line of JSON for each file."""
    client = KimiClient(timeout=10, max_retries=3)
    cache, ledger = FileCache.on_disk(state / "cache"), Ledger(state / "ledger")
    for result in extract_many(
        client, find_files(folder), at_once=at_once, cache=cache, ledger=ledger, timeout=PARSE_SECONDS
    ):
        line = {
            "name": Path(result.label).name,
            "ok": result.ok,
            "cached": result.cached,
            "text": hashlib.sha256(result.file.text.encode()).hexdigest() if result.file else None,
            "error": None if result.error is None else f"{type(result.error).__name__}: {result.error}",
            "memory": memory_in_use(),
        }
        print(json.dumps(line), flush=True)


def memory_in_use() -> int:
    """Bytes of physical memory of this process; its peak where the present figure is not to be had."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def run_worker(folder: Path, state: Path, at_once: int, env: dict[str, str], kill_at: int = 0) -> Outcome:
    """Run the worker to its end, or kill it after so many results."""
    outcome = Outcome()
    command = [sys.executable, "-m", "examples.bulk_extract", "--worker", str(folder), str(state)]
    with subprocess.Popen(  # noqa: S603 - ourselves
        [*command, "--at-once", str(at_once)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **env},
        cwd=Path(__file__).resolve().parent.parent,
    ) as worker:
        assert worker.stdout is not None
        for text in worker.stdout:
            line = json.loads(text)
            outcome.memory.append(line.pop("memory"))
            outcome.lines.append(line)
            if len(outcome.lines) == kill_at:
                worker.kill()  # SIGKILL: nothing can be tidied up
                break
    if not kill_at and worker.returncode:
        raise RuntimeError(f"the worker ended with {worker.returncode}")
    return outcome


@contextmanager
def service(faults: float, seed: int) -> Iterator[tuple[Any, dict[str, str]]]:
    """The emulator with its faults and how to reach it; None and nothing where there is a key for the platform."""
    if key_from_environment():
        say("Running on the Kimi platform; --faults is for the emulator and does nothing here.", "bold")
        yield None, {}
        return
    from kimi_emulator import Emulator

    with Emulator() as kimi:
        say("No MOONSHOT_API_KEY is set, so this runs on the local Kimi emulator.", "bold")
        if faults:
            kimi.fail_at_rate(faults, *FAULTS, seed=seed)
        yield kimi, {"MOONSHOT_API_KEY": kimi.api_key, "MOONSHOT_BASE_URL": kimi.base_url}


def uploads(kimi: Any, start: int = 0) -> list[str]:
    """The hashes of the contents that were sent to the emulator, from a request on."""
    return [request.form["sha256"] for request in kimi.requests[start:] if request.form and "sha256" in request.form]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print what came out, and return 0 if all that must hold held."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=100)
    parser.add_argument("--faults", type=float, default=0.0, help="share of the uploads that meet trouble, 0 to 1")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--at-once", type=int, default=8)
    parser.add_argument(
        "--kill-at", type=int, default=0, help="kill the worker after so many files, and start it again"
    )
    parser.add_argument("--worker", nargs=2, metavar=("FOLDER", "STATE"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.worker:
        work(Path(options.worker[0]), Path(options.worker[1]), options.at_once)
        return 0
    with tempfile.TemporaryDirectory() as place, service(options.faults, options.seed) as (kimi, env):
        folder, state = Path(place) / "documents", Path(place) / "state"
        folder.mkdir()
        texts = write_documents(folder, options.files, options.seed)
        hashes = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()}
        begun, there = 0, set[str]()  # what had been sent when the worker was killed
        if options.kill_at:
            first = run_worker(folder, state, options.at_once, env, options.kill_at)
            say(f"killed after {len(first.lines)} results, {len(first.ok())} of them texts")
            if kimi is not None:
                begun = len(kimi.requests)
                there = {hashes[name] for name in first.ok()}
                there |= {file.sha256 for file in kimi.files.values() if not file.vanishes}
                say(f"copies left on the platform by the crash: {len(kimi.files)}")
        outcome = run_worker(folder, state, options.at_once, env)
        twice = len(there.intersection(uploads(kimi, begun))) if kimi is not None else 0
        ok = [line for line in outcome.lines if line["ok"]]
        failed = [line for line in outcome.lines if not line["ok"]]
        wrong = [line["name"] for line in ok if line["text"] != hashes[line["name"]]]
        in_order = [line["name"] for line in outcome.lines] == sorted(texts)
        client = KimiClient(api_key=env.get("MOONSHOT_API_KEY"), base_url=env.get("MOONSHOT_BASE_URL"))
        left = len(list_files(client)) if kimi is not None else len(Ledger(state / "ledger").entries())
    for reason, count in Counter(_reason(line["error"]) for line in failed).most_common():
        say(f"  {count} failed: {reason}", "dim")
    say(f"ok {len(ok)} + failed {len(failed)} = {len(ok) + len(failed)}")
    say(f"results in the order of the files: {'yes' if in_order else 'no'}")
    say(f"wrong text {len(wrong)}")
    say(f"remote files left {left}")
    say(f"from the cache {sum(line['cached'] for line in outcome.lines)}")
    if options.kill_at:
        say(f"uploaded twice {twice}")
    say(f"memory grew by {outcome.growth():.1f} MB from file {min(100, options.files // 5)} to file {options.files}")
    return 0 if len(outcome.lines) == options.files and in_order and not wrong and not left and not twice else 1


def _reason(error: str) -> str:
    """An error without what differs from file to file."""
    return error.partition(": ")[0] + ": " + error.rpartition("/")[2].partition(": ")[2][:100]


if __name__ == "__main__":
    sys.exit(main())
