"""Draw, try, report. The exit code is 0 where every alteration was noticed or is explained."""

from __future__ import annotations

import argparse
import os
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from hashlib import sha256

from . import SCRATCH, altered_files, reach, report
from .alterations import Alteration, alterations_of
from .reach import Reach
from .trial import NOTICED, SURVIVED, TIMED_OUT, Outcome, Trial, Trials

SLOWER = 8.0  # how much longer than noted, on a loaded machine
START = 15.0  # seconds on top: the fork, an emulator of its own


def main() -> int:
    """Draw, try, report."""
    parser = argparse.ArgumentParser("mutation", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=240, help="how many alterations to try")
    parser.add_argument("--first", type=float, default=2.0, help="seconds of tests that each is tried with")
    parser.add_argument("--longest", type=float, default=40.0, help="seconds of tests for what survives these")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", default="", help="draw from names that begin so: kimi_api.reply")
    parser.add_argument("--killers", action="store_true", help="list which test noticed what")
    parser.add_argument("names", nargs="*", help="alterations to try instead: kimi_api.request.build_request#290")
    options = parser.parse_args()

    began = time.monotonic()
    SCRATCH.mkdir(exist_ok=True)
    reached = reach.measure(options.processes)
    everything = [one for module, path in altered_files().items() for one in alterations_of(module, path)]
    if options.names:
        drawn = [one for one in everything if one.name in options.names]
    else:
        drawn = draw([one for one in everything if one.name.startswith(options.only)], options.count, options.seed)
    tests = {one.name: reached.tests_of(one.path, one.lines) for one in drawn}
    print(
        f"{len(everything)} alterations, {len(drawn)} drawn by seed {options.seed}; {len(reached.seconds)} tests, "
        f"noted after {time.monotonic() - began:.0f} s",
        flush=True,
    )
    for test in reached.failing:
        print(f"left out, because it fails without an alteration while lines are noted: {test}")
    outcomes = attempt(drawn, tests, reached, options)

    reasons = report.explanations()
    rows: list[report.Row] = []
    for one in sorted(drawn, key=lambda one: (one.module, one.lines[0], one.number)):
        outcome = outcomes.get(one.name) or Outcome(one.name, report.UNREACHED, "", 0.0)
        row = report.Row(one.module, one.name, outcome.result, outcome.test, one.change)
        rows.append(report.explain(row, reasons))
    if options.killers:
        print("\n".join(report.listing(rows, NOTICED)))
    print("\n".join(report.listing(rows, TIMED_OUT, report.EXPLAINED)))
    unexplained = [row for row in rows if row.result not in (NOTICED, TIMED_OUT, report.EXPLAINED)]
    print("\n".join(report.listing(unexplained, *report.COLUMNS)))
    print("\n" + "\n".join(report.table(rows)))
    print(
        f"\nseed {options.seed}: {len(rows)} tried in {time.monotonic() - began:.0f} s; "
        f"{len(unexplained)} neither noticed nor explained"
    )
    return 1 if unexplained else 0


def draw(alterations: Sequence[Alteration], count: int, seed: int) -> list[Alteration]:
    """`count` alterations, as many of each family as of the others. The same seed draws the same.

    Lots are drawn by what is altered and how, so that a change of the code changes the draw for that code alone.
    """
    families: dict[str, list[tuple[str, Alteration]]] = defaultdict(list)
    times: Counter[str] = Counter()
    for one in alterations:
        content = f"{one.family}.{one.content}"
        times[content] += 1  # the same text may be altered at several places of a function
        lot = sha256(f"{seed} {times[content]} {content}".encode()).hexdigest()
        families[one.family].append((lot, one))
    for members in families.values():
        members.sort(key=lambda member: member[0], reverse=True)
    drawn: list[Alteration] = []
    while len(drawn) < count and any(families.values()):
        for family in sorted(families):
            if families[family] and len(drawn) < count:
                drawn.append(families[family].pop()[1])
    return drawn


def order(tests: Sequence[str], seconds: dict[str, float], module: str) -> list[str]:
    """The quickest first; but one case of each test function before the further cases of any.

    Before all others stand the tests of the module: those in a file or a folder that bears a name of its path. A line
    that every call runs is run by thousands of tests, of which only some are tried, and these know most about it.
    """
    names = {name.strip("_") for name in module.split(".")[1:]}
    near = [test for test in tests if _is_near(test, names)]
    far = [test for test in tests if not _is_near(test, names)]
    return [*_quickest_first(near, seconds), *_quickest_first(far, seconds)]


def _quickest_first(tests: Sequence[str], seconds: dict[str, float]) -> list[str]:
    once: dict[str, str] = {}
    quickest = sorted(tests, key=lambda test: seconds[test])
    for test in quickest:
        once.setdefault(test.partition("[")[0], test)
    first = set(once.values())
    return [*once.values(), *(test for test in quickest if test not in first)]


def _is_near(test: str, names: set[str]) -> bool:
    folders = test.partition("::")[0].removesuffix(".py").split("/")[1:]
    return any(folder.removeprefix("test_") in names for folder in folders)


def within(tests: Sequence[str], seconds: dict[str, float], limit: float) -> list[str]:
    """As many tests as fit into the limit; one at least."""
    chosen: list[str] = []
    total = 0.0
    for test in tests:
        total += seconds[test]
        if chosen and total > limit:
            break
        chosen.append(test)
    return chosen


def attempt(
    drawn: Sequence[Alteration], tests: dict[str, list[str]], reached: Reach, options: argparse.Namespace
) -> dict[str, Outcome]:
    """The outcomes by name: a quick round, a long one for what survives it, and a check of the tests that noticed."""
    files = sorted({test.partition("::")[0] for names in tests.values() for test in names})
    by_name = {one.name: one for one in drawn}
    ordered = {name: order(names, reached.seconds, by_name[name].module) for name, names in tests.items() if names}
    trials = Trials(files, options.processes)
    outcomes: dict[str, Outcome] = {}
    unfit: set[str] = set()
    checked: set[str] = set()
    pending = list(ordered)
    while pending:
        for name in pending:
            ordered[name] = [test for test in ordered[name] if test not in unfit]
        ran = {name: within(ordered[name], reached.seconds, options.first) for name in pending if ordered[name]}
        first = [_trial(by_name[name], names, reached.seconds) for name, names in ran.items()]
        outcomes |= trials.run(first, _Progress("tried", len(first)))
        second: list[Trial] = []
        for name, names in ran.items():
            rest = within(ordered[name][len(names) :], reached.seconds, options.longest)
            if outcomes[name].result == SURVIVED and rest:
                ran[name] = rest
                second.append(_trial(by_name[name], rest, reached.seconds))
        outcomes |= trials.run(second, _Progress("tried with more tests", len(second)))
        for name, names in ran.items():
            if outcomes[name].result == SURVIVED:
                tried = ordered[name].index(names[-1]) + 1
                text = f"{tried} of {len(tests[name])} tests"
                outcomes[name] = Outcome(name, SURVIVED, text, outcomes[name].seconds)
        # A test that fails by itself notices nothing: each that noticed runs again, after the same tests, unaltered.
        checks: dict[str, Trial] = {}
        for name, names in ran.items():
            test = outcomes[name].test
            if outcomes[name].result == NOTICED and test in names and test not in checked:
                until = names[: names.index(test) + 1]
                checks.setdefault(test, Trial(test, until, _time_limit(until, reached.seconds)))
        checked |= set(checks)
        passed = trials.run(list(checks.values()), _Progress("checked", len(checks)))
        unfit |= {test for test, outcome in passed.items() if outcome.result != SURVIVED}
        pending = [name for name in ran if outcomes[name].result == NOTICED and outcomes[name].test in unfit]
    trials.close()
    for test in sorted(unfit):
        print(f"left out, because it fails without an alteration in this order: {test}")
    return outcomes


def _trial(one: Alteration, tests: Sequence[str], seconds: dict[str, float]) -> Trial:
    return Trial(one.name, tests, _time_limit(tests, seconds), str(one.path), one.function, one.source)


def _time_limit(tests: Sequence[str], seconds: dict[str, float]) -> float:
    return START + SLOWER * sum(seconds[test] for test in tests)


class _Progress:
    """A line for every twentieth outcome."""

    def __init__(self, what: str, total: int) -> None:
        self._what = what
        self._total = total
        self._done = 0
        self._began = time.monotonic()

    def __call__(self, outcome: Outcome) -> None:
        self._done += 1
        if self._done % 20 == 0 or self._done == self._total:
            print(f"{self._what}: {self._done} of {self._total}, {time.monotonic() - self._began:.0f} s", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
