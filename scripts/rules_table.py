"""Prints the emulator's rules by section of the API fact sheet, each with the tests that speak for it.

Run `python -m scripts.rules_table`. The exit code is 1 when a rule has no request that it accepts, none that it
refuses, or no section.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kimi_emulator.rules import RULES, Rule

ROOT = Path(__file__).resolve().parent.parent
SECTIONS: Mapping[str, str] = {
    "1.2": "Endpoints",
    "1.3": "Keys and request headers",
    "2.2": "Models that are gone",
    "2.3": "What each model takes",
    "2.4": "Sampling and other fields with one legal value",
    "2.5": "Reasoning effort",
    "2.6": "The thinking switch",
    "2.8": "What an account may see",
    "3.1": "Fields of a chat request",
    "3.2": "Messages and media",
    "3.3": "Partial mode",
    "3.4": "Structured output",
    "3.7": "Thinking that comes back",
    "3.8": "Length",
    "4.1": "Declared tools",
    "4.2": "Calls and results",
    "4.3": "Schemas (MFJS)",
    "4.4": "Web search and official tools",
    "4.5": "Tools in messages",
    "5": "Files",
    "6.5": "Batches",
    "6.6": "What is not offered",
}
"""The sections that have rules, under titles of our own."""
TEST = "tests/kimi_emulator/test_rules.py"


def examples() -> Mapping[str, tuple[Any, Any, str]]:
    """The requests of the tests: rule id -> accepted, refused, pattern of the text."""
    support = str(ROOT / "tests" / "support")
    if support not in sys.path:
        sys.path.insert(0, support)
    return importlib.import_module("rule_examples").EXAMPLES


def by_section() -> dict[str, list[Rule]]:
    """The rules of each section, in the order of the sections; rules without one stand under ""."""
    sections: dict[str, list[Rule]] = {}
    for rule in RULES.values():
        sections.setdefault(rule.section, []).append(rule)
    return dict(sorted(sections.items()))


def table() -> Iterator[str]:
    """The table in Markdown, one section after another."""
    known = examples()
    for section, rules in by_section().items():
        yield f"\n## {section} {SECTIONS.get(section, '(unknown section)')}\n"
        yield "| rule | if not | accepts | refuses |"
        yield "|---|---|---|---|"
        for rule in rules:
            otherwise = f"{rule.status} `{rule.type}`" if rule.refuses else "reported"
            tests = (f"`test_rule_accepts[{rule.id}]`", f"`test_rule_refuses_or_reports[{rule.id}]`")
            cells = tests if rule.id in known else ("none", "none")
            yield f"| `{rule.id}` | {otherwise} | {' | '.join(cells)} |"


def missing() -> list[str]:
    """What the table lacks: rules without examples, examples without a rule, sections without a title."""
    known = examples()
    return [
        *(f"{id}: no request that it accepts and none that it refuses" for id in RULES if id not in known),
        *(f"{id}: examples, but no such rule" for id in known if id not in RULES),
        *(f"{rule.id}: no section" for rule in RULES.values() if rule.section not in SECTIONS),
    ]


def main() -> int:
    """Print the table, and what it lacks."""
    print(f"{len(RULES)} rules, each with two tests in {TEST}")
    for text in table():
        print(text)
    lacking = missing()
    for text in lacking:
        print(text, file=sys.stderr)
    return 1 if lacking else 0


if __name__ == "__main__":
    raise SystemExit(main())
