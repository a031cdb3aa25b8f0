"""Spoils each rule of the emulator in turn and shows that some test then fails.

Run `python -m scripts.rules_mutation` (about two minutes), or with ids to look at some rules only. A rule is spoilt in
these ways: switched off, refusing everything, with another status, another error type and, where the text was
published, another text. The tests that speak for a rule are those with a parameter `rule_id`; a spoilt rule that all of
them let pass is a survivor, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import contextlib
import io
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from kimi_emulator.rules import RULES, Rule, altered

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests" / "kimi_emulator" / "test_rules.py"


def _off(rule: Rule) -> dict[str, Any]:
    return {"check": lambda _: None}


def _always(rule: Rule) -> dict[str, Any]:
    return {"check": lambda _: "Invalid request: always"}


def _status(rule: Rule) -> dict[str, Any]:
    return {"status": 418} if rule.refuses else {}


def _type(rule: Rule) -> dict[str, Any]:
    return {"type": "another_error"} if rule.refuses else {}


def _text(rule: Rule) -> dict[str, Any]:
    """Texts of our own wording are free to change; those that were published are not."""
    if not rule.refuses or "wording" in rule.source:
        return {}

    def check(target: Any) -> str | None:
        message = rule.check(target)
        return None if message is None else f"{message}, or so"

    return {"check": check}


MUTANTS: dict[str, Callable[[Rule], dict[str, Any]]] = {
    "off": _off,
    "always": _always,
    "status": _status,
    "type": _type,
    "text": _text,
}


class Spoiler:
    """A pytest plugin: runs only the tests that speak for one rule, each with that rule spoilt."""

    def __init__(self, kind: str, ids: Sequence[str]) -> None:
        self.kind, self.ids = kind, ids
        self.killed: dict[str, bool] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep the tests with a rule that can be spoilt in this way."""
        items[:] = [item for item in items if self._spoils(self._rule(item))]

    def _rule(self, item: pytest.Item) -> str | None:
        spec = getattr(item, "callspec", None)
        return None if spec is None else spec.params.get("rule_id")

    def _spoils(self, rule_id: str | None) -> bool:
        return rule_id in self.ids and bool(MUTANTS[self.kind](RULES[str(rule_id)]))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Run a test with its rule spoilt, and note whether it failed."""
        rule_id = str(self._rule(item))
        self.killed.setdefault(rule_id, False)
        with altered(rule_id, **MUTANTS[self.kind](RULES[rule_id])):
            try:
                return (yield)
            except BaseException:
                self.killed[rule_id] = True
                raise


def survivors(kind: str, ids: Sequence[str]) -> tuple[int, list[str]]:
    """How many rules were spoilt in this way, and which of them no test missed."""
    spoilt = [id for id in ids if MUTANTS[kind](RULES[id])]
    if not spoilt:
        return 0, []  # pytest takes a run without a test for an error
    spoiler = Spoiler(kind, ids)
    output = io.StringIO()
    arguments = [
        str(TESTS),
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "--tb=no",
        "--assert=plain",
        "--rootdir",
        str(ROOT),
    ]
    with contextlib.redirect_stdout(output):
        code = pytest.main(arguments, plugins=[spoiler])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise RuntimeError(output.getvalue())
    return len(spoilt), [id for id in spoilt if not spoiler.killed.get(id)]


def report(ids: Sequence[str], kinds: Sequence[str]) -> Iterator[str]:
    """One line for each way to spoil a rule, with its survivors."""
    for kind in kinds:
        count, alive = survivors(kind, ids)
        yield f"{kind:7} {count:4} rules spoilt, {len(alive)} survivors" + "".join(f"\n  {id}" for id in alive)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the report; 1 when a spoilt rule survived."""
    parser = argparse.ArgumentParser("rules_mutation", description=__doc__)
    parser.add_argument("ids", nargs="*", help="rules to spoil (default: all)")
    parser.add_argument("--kind", action="append", choices=MUTANTS, help="ways to spoil them (default: all)")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.ids) - set(RULES))
    if unknown:
        parser.error(f"there is no rule {', '.join(unknown)}")
    alive = 0
    for line in report(options.ids or list(RULES), options.kind or list(MUTANTS)):
        print(line, flush=True)
        alive += line.count("\n")
    print(f"{alive} survivors")
    return 1 if alive else 0


if __name__ == "__main__":
    raise SystemExit(main())
