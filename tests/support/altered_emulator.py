"""An emulator in a process of its own, some of whose rules are not what they should be: the stand-in for a platform.

Rules belong to the process, so an altered one would alter the emulator that is compared, too.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
KEY = "sk-live-looking-key-0123456789"


@contextmanager
def altered_emulator(rules: Mapping[str, Mapping[str, Any]], **settings: Any) -> Iterator[str]:
    """Its address. `rules`: id -> members to change (`off` and `always` change the check), `settings`: its own."""
    command = [sys.executable, str(Path(__file__)), json.dumps(rules), json.dumps({"api_key": KEY} | settings)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.wait(20)
        process.stdout.close()


def _members(change: Mapping[str, Any]) -> dict[str, Any]:
    members = dict(change)
    if members.pop("off", False):
        members["check"] = lambda _: None
    if members.pop("always", False):
        members["check"] = lambda _: "Invalid request: always"
    return members


def main() -> None:
    sys.path.insert(0, str(ROOT))
    from kimi_emulator import Emulator
    from kimi_emulator.rules import altered

    rules, settings = map(json.loads, sys.argv[1:])
    with ExitStack() as stack:
        for id, change in rules.items():
            stack.enter_context(altered(id, **_members(change)))
        kimi = stack.enter_context(Emulator(**settings))
        print(kimi.base_url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
