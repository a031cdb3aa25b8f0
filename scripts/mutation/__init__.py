"""Alters lines of the code that decides about requests and answers, and shows that some test then fails.

`python -m scripts.mutation --seed 1` draws alterations evenly over the families in `FAMILIES`. One that all tests let
pass is a survivor: it is a missing test, or it changes nothing that anybody can see. The second kind stands in
`scripts/survivors.toml`, with the reason; any other makes the exit code 1.

Three steps, a module each: `reach` notes once which test runs which line, `alterations` lists what can be altered, and
`trial` collects the tests once and forks a process for each alteration, which runs the quickest of its tests.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SCRATCH = ROOT / "mutants"  # not committed: notes about tests, the log of pytest, the last report
SURVIVORS = ROOT / "scripts" / "survivors.toml"

# What is altered, by family: files of kimi_api.
FAMILIES = {
    "chat": "kimi_api/chat/*.py",
    "request": "kimi_api/request.py",
    "reply": "kimi_api/reply/*.py",
    "messages": "kimi_api/messages.py",
    "limits": "kimi_api/limits/**/*.py",
    "transport": "kimi_api/_transport/**/*.py",
    "settings": "kimi_api/_settings/connection.py",
}
# Who may notice it.
TESTS = (
    "tests/contract",
    "tests/kimi_api/errors",
    "tests/kimi_api/limits",
    "tests/kimi_api/transport",
    *(
        f"tests/kimi_api/test_{name}.py"
        for name in (
            "arguments",
            "begun_calls",
            "chat",
            "client",
            "continue",
            "messages",
            "odd_answers",
            "odd_streams",
            "repair",
            "reply",
            "request",
            "retry",
            "shown_deltas",
            "think_tags",
        )
    ),
)
PYTEST = (
    *("-m", "not slow and not live", "-q", "--no-header", "--tb=no", "--hypothesis-seed=0"),
    *("-p", "no:cacheprovider", "-p", "no:xdist"),
)


def altered_files() -> dict[str, Path]:
    """The files that are altered, by the name of their module."""
    paths = (path for pattern in FAMILIES.values() for path in sorted(ROOT.glob(pattern)))
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}
