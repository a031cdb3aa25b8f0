"""The emulator's answers to sixty prompts, into docs/emulator-answers.md: ``python -m scripts.brain_table``."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "emulator-answers.md"
MARK = "<!-- answers -->\n"


def page() -> str:
    """The page with the answers of today."""
    sys.path.insert(0, str(ROOT / "tests" / "support"))
    from brain_prompts import table

    return PAGE.read_text(encoding="utf-8").partition(MARK)[0] + MARK + table()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)} written")
