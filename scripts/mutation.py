"""Alters lines of the code that decides about requests and answers, and shows that some test then fails.

`make mutation` (about 20 minutes on two cores) draws `--count` alterations of mutmut's by `--seed`, evenly over the
families that `[tool.mutmut]` in pyproject.toml names. One that all tests let pass is a survivor: it is a missing test,
or it changes nothing that anybody can see. The second kind stands in `scripts/survivors.toml`, with the reason; any
other makes the exit code 1.

mutmut knows which tests call a function, and runs only those. A function that thousands of tests call is drawn only
where these take less than `--longest` seconds together; how many are left out for it is printed.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import time
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MUTANTS = ROOT / "mutants"
SURVIVORS = Path(__file__).with_name("survivors.toml")
MUTMUT = Path(sys.executable).with_name("mutmut")
# A function with few alterations: mutmut makes all alterations, and notes who calls what, before it runs these.
FIRST = "kimi_api.chat._demand.x_is_only_offered__mutmut_*"
KILLED = frozenset({1, 3, 36, -24, 24, 152, 255})  # mutmut's: a test failed, pytest broke, or the time ran out
SURVIVED, UNTESTED = 0, 33


@dataclass(frozen=True)
class Mutant:
    """One altered line: its name at mutmut, the family that it belongs to, and the seconds that its tests take."""

    name: str
    family: str
    seconds: float


def main() -> int:
    """Draw, run, report. 0: every alteration was noticed or is explained."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=180, help="how many alterations to try")
    parser.add_argument("--longest", type=float, default=30.0, help="seconds that the tests of one may take together")
    parser.add_argument("names", nargs="*", help="mutmut's names of alterations to try instead")
    options = parser.parse_args()

    began = time.monotonic()
    run([FIRST])
    names = options.names
    if not names:
        mutants = list(known_mutants())
        quick = [mutant for mutant in mutants if 0 < mutant.seconds <= options.longest]
        unreached = sum(mutant.seconds == 0 for mutant in mutants)
        slow = sum(mutant.seconds > options.longest for mutant in mutants)
        print(
            f"{len(mutants)} alterations; no test of these reaches {unreached}; the tests of {slow} take over "
            f"{options.longest:g} s"
        )
        names = draw(quick, options.count, options.seed)
    run(names)
    codes = {name: code for name, code in exit_codes().items() if name in set(names)}
    print(
        f"seed {options.seed}: {len(names)} tried in {time.monotonic() - began:.0f} s, "
        f"{sum(code in KILLED for code in codes.values())} noticed"
    )
    unexplained = list(report(codes, explanations()))
    print(f"{len(unexplained)} survivors without an explanation")
    return 1 if unexplained else 0


def draw(mutants: Sequence[Mutant], count: int, seed: int) -> list[str]:
    """Names of `count` mutants, as many of each family as of the others. The same seed draws the same."""
    families: dict[str, list[str]] = defaultdict(list)
    for mutant in mutants:
        families[mutant.family].append(mutant.name)
    dice = random.Random(seed)  # noqa: S311 - a sample, no secret
    for names in families.values():
        names.sort()
        dice.shuffle(names)
    drawn: list[str] = []
    while len(drawn) < count and any(families.values()):
        for family in sorted(families):
            if families[family] and len(drawn) < count:
                drawn.append(families[family].pop())
    return drawn


def known_mutants() -> Iterable[Mutant]:
    """What mutmut made, with what it noted about the tests."""
    notes = json.loads((MUTANTS / "mutmut-stats.json").read_text(encoding="utf-8"))
    tests: Mapping[str, Sequence[str]] = notes["tests_by_mangled_function_name"]
    seconds: Mapping[str, float] = notes["duration_by_test"]
    for name in exit_codes():
        callers = tests.get(name.rpartition("__mutmut_")[0], ())
        family = ".".join(name.split(".")[1:-1][:1]) or name.split(".")[1]
        yield Mutant(name, family, sum(seconds.get(test, 0.0) for test in callers))


def exit_codes() -> dict[str, int | None]:
    """By mutant, how its tests ended; None where they have not run."""
    codes: dict[str, int | None] = {}
    for path in sorted(MUTANTS.rglob("*.meta")):
        codes.update(json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"])
    return codes


def explanations() -> dict[tuple[str, ...], str]:
    """By changed lines, why an alteration that survives is no missing test."""
    entries = tomllib.loads(SURVIVORS.read_text(encoding="utf-8")).get("survivor", [])
    return {(entry["function"], *entry["change"]): entry["why"] for entry in entries}


def report(codes: Mapping[str, int | None], explained: Mapping[tuple[str, ...], str]) -> Iterable[str]:
    """Print the survivors; yields those without an explanation."""
    for name, code in sorted(codes.items()):
        if code in KILLED:
            continue
        function = name.rpartition("__mutmut_")[0]
        lines = changed_lines(name)
        why = explained.get((function, *lines)) or wording(lines)
        outcome = {SURVIVED: "survived", UNTESTED: "no test"}.get(code, f"exit code {code}")  # type: ignore[arg-type]
        print(f"\n{name}: {outcome}" + (f" ({why})" if why else ""))
        print("\n".join(f"    {line}" for line in lines))
        if not why:
            yield name


def wording(lines: Sequence[str]) -> str:
    """The reason where only the letters of a sentence differ: its words are free."""
    texts = [line[2:] for line in lines]
    same = len(texts) == 2 and texts[0].casefold() == texts[1].casefold()
    return "the wording of a sentence" if same and " " in texts[0].strip("\"',") else ""


def changed_lines(name: str) -> list[str]:
    """The lines that an alteration takes away and puts there."""
    shown = subprocess.run(  # noqa: S603 - our own tool
        [MUTMUT, "show", name], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    return [
        f"{line[0]} {line[1:].strip()}"
        for line in shown.splitlines()
        if line[:1] in "+-" and line[:1] and not line.startswith(("+++", "---"))
    ]


def run(names: Sequence[str]) -> None:
    """Let mutmut try these; its progress goes to `mutants/log.txt`."""
    MUTANTS.mkdir(exist_ok=True)
    log = MUTANTS / "log.txt"
    with log.open("w", encoding="utf-8") as sink:
        code = subprocess.run(  # noqa: S603 - our own tool
            [MUTMUT, "run", *names], cwd=ROOT, stdout=sink, stderr=subprocess.STDOUT, check=False
        ).returncode
    if code:
        ending = log.read_text(encoding="utf-8", errors="replace").replace("\r", "\n").splitlines()[-60:]
        raise SystemExit("mutmut did not run:\n" + "\n".join(line for line in ending if "Running" not in line))


if __name__ == "__main__":
    raise SystemExit(main())
