"""What becomes of each fault of the emulator, in both frameworks: right, our error, a warning, or a silent loss.

Run `python -m scripts.faults` (a minute): it goes through all faults and uses, prints the table and writes it into
docs/faults.md. With ids of faults, or settings of the models such as `resume_streams=2`, it prints what comes of those
only. The exit code is 1 when an error was not one of ours, or something was lost without a word and `BY_DESIGN` does
not explain it.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from kimi_emulator import FAULTS
from scripts.faults.cases import FRAMEWORKS, USES, Bench, Case, Outcome, Use, cases

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "faults.md"
CHATS: Sequence[Use] = ("chat", "body", "stream", "tools", "file")
OTHERS: Sequence[Use] = ("batch", "official")
NAMES = {"langchain": "LangChain", "llama_index": "LlamaIndex"}

BY_DESIGN: Mapping[tuple[str, str], str] = {
    ("answer.truncated_json", "text"): (
        "the host says that the answer is whole (`stop`), and a text that ends early is a text. Whoever asked for an "
        "object gets `KimiStructuredOutputError`"
    ),
    ("usage.missing", "usage: none"): (
        "the host counts nothing: the usage is None, never zeros, and tallies of costs count the call among "
        "`uncounted_calls`"
    ),
    ("usage.null", "usage: none"): "as `usage.missing`",
    ("usage.absurd", "usage: cut"): (
        "counts that cannot be are cut to what can: cached tokens to those of the prompt, reasoning to those of the "
        "completion. All others stay"
    ),
    ("calls.arguments_empty", "tool calls"): (
        'no arguments are how some hosts write "{}". Where the tool needs some, its own schema refuses the call, and '
        "the model hears of it"
    ),
    ("fibers.failed", "result: told to the model"): (
        "LangChain's tools hand their errors to the model as results (`handle_tool_error`), which hold the reason"
    ),
}
"""What is lost without an error or a warning, by fault and loss, and why that is right."""

Results = Mapping[Case, Outcome]


def run(names: Iterable[str] = FAULTS, settings: Mapping[str, Any] | None = None) -> dict[Case, Outcome]:
    """The outcome of each case of these faults, for models with these settings."""
    with Bench(settings) as bench:
        return {case: bench.run(case) for case in cases(names)}


def is_by_design(case: Case, outcome: Outcome) -> bool:
    """Whether all that an outcome lost is known, with a reason."""
    return all((case.fault, loss) in BY_DESIGN for loss in outcome.lost)


def failures(results: Results) -> list[str]:
    """What must not be: errors that are not ours, and losses without a word."""
    lines = []
    for case, outcome in results.items():
        title = f"{case.fault}, {USES[case.use]}, {NAMES[case.framework]}, {'async' if case.asynchronous else 'sync'}"
        if outcome.kind == "foreign":
            lines.append(f"{title}: an error that is not ours: {outcome.detail}")
        elif outcome.kind == "silent" and not is_by_design(case, outcome):
            lines.append(f"{title}: lost without a word: {', '.join(outcome.lost)}")
        elif outcome.kind == "error" and outcome.lost:
            lines.append(f"{title}: shown before the error, but never scripted: {', '.join(outcome.lost)}")
    return lines


# ------------------------------------------------------------------------------------------- the table


def table(results: Results, uses: Sequence[Use]) -> Iterator[str]:
    """The table in Markdown: a row for each fault that can happen in one of `uses`."""
    yield f"| fault | {' | '.join(USES[use] for use in uses)} |"
    yield "|---" * (len(uses) + 1) + "|"
    for name in dict.fromkeys(case.fault for case in results):
        row = [
            _cell([(case, o) for case, o in results.items() if (case.fault, case.use) == (name, use)]) for use in uses
        ]
        if any(row):
            yield f"| `{name}` | {' | '.join(row)} |"


def _cell(outcomes: Sequence[tuple[Case, Outcome]]) -> str:
    """One word where both frameworks and both ways of calling agree."""
    words = {(case.framework, case.asynchronous): _word(case, outcome) for case, outcome in outcomes}
    if len(set(words.values())) <= 1:
        return next(iter(words.values()), "")
    parts = []
    for framework in FRAMEWORKS:
        pair = [words[framework, False], words[framework, True]]
        parts.append(f"{NAMES[framework]}: " + (pair[0] if pair[0] == pair[1] else f"sync {pair[0]}, async {pair[1]}"))
    return "; ".join(parts)


def _word(case: Case, outcome: Outcome) -> str:
    if outcome.kind == "error":
        return f"`{outcome.detail}`" + (" +" if outcome.partial else "")
    if outcome.kind == "warned":
        return "warned"
    if outcome.kind == "silent" and is_by_design(case, outcome):
        return "silent"
    return {"right": "right", "silent": "**LOST**", "foreign": "**FOREIGN**"}[outcome.kind]


def warnings_said(results: Results) -> Iterator[str]:
    """What the warnings say, once for each fault and use of words."""
    yield "| fault | warning |"
    yield "|---|---|"
    texts = dict.fromkeys((case.fault, outcome.detail) for case, outcome in results.items() if outcome.kind == "warned")
    for fault, text in texts:
        yield f"| `{fault}` | {_escape(text)} |"


def by_design(results: Results) -> Iterator[str]:
    """Each loss without a word, in how many cases, and why."""
    counted = Counter(
        (case.fault, loss)
        for case, outcome in results.items()
        if outcome.kind == "silent"
        for loss in dict.fromkeys(outcome.lost)
    )
    yield "| fault | what differs | cases | why nobody says so |"
    yield "|---|---|---|---|"
    for (fault, loss), count in counted.items():
        yield f"| `{fault}` | {loss} | {count} | {BY_DESIGN.get((fault, loss), '**not by design**')} |"


def summary(results: Results) -> str:
    """How many cases there are of each kind."""
    kinds = Counter(outcome.kind for outcome in results.values())
    unknown = sum(o.kind == "silent" and not is_by_design(case, o) for case, o in results.items())
    return (
        f"{len(results):,} cases: {kinds['right']} right, {kinds['error']} one of our errors, {kinds['warned']} with a "
        f"warning, {kinds['silent'] - unknown} silent by design, {unknown} lost without a word, "
        f"{kinds['foreign']} with an error that is not ours."
    )


def blocks(results: Results) -> dict[str, str]:
    """The parts of the page that are written by this script, by the name in the comment before them."""
    return {
        "summary": summary(results),
        "chats": "\n".join(table(results, CHATS)),
        "others": "\n".join(table(results, OTHERS)),
        "warnings": "\n".join(warnings_said(results)),
        "by design": "\n".join(by_design(results)),
    }


def fill(page: str, results: Results) -> str:
    """The page with its tables as they should be."""
    for name, text in blocks(results).items():
        block = f"<!-- {name} -->\n{text}\n<!-- end -->"
        page = re.sub(rf"<!-- {name} -->.*?<!-- end -->", lambda _, block=block: block, page, flags=re.DOTALL)
    return page


def _escape(text: str) -> str:
    return text.replace("|", "&#124;").replace("<", "&lt;").replace(">", "&gt;").replace("\n", " ")


def main() -> int:
    """Print the table; write it where it was made of all faults."""
    names = [argument for argument in sys.argv[1:] if "=" not in argument]
    options = dict(argument.split("=", 1) for argument in sys.argv[1:] if "=" in argument)
    settings = {name: int(value) if value.isdigit() else value for name, value in options.items()}
    results = run(names or FAULTS, settings)
    for uses in (CHATS, OTHERS):
        print("\n".join(table(results, uses)), end="\n\n")
    print(summary(results))
    if not sys.argv[1:]:
        PAGE.write_text(fill(PAGE.read_text("utf-8"), results), "utf-8")
    wrong = failures(results)
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0
