"""What each error's program in docs/error-list.md prints, into that page: ``python -m scripts.error_list``.

A test runs every program again, and fails where the page says something else.
"""

from __future__ import annotations

import re
import textwrap
import warnings
from pathlib import Path
from typing import Any

__all__ = ["PAGE", "PROGRAM", "TEXT", "display", "error_of", "main", "parts"]

PAGE = Path(__file__).resolve().parent.parent / "docs" / "error-list.md"
PROGRAM = re.compile(r"^```python error\n(.*?)^```$", re.M | re.S)
TEXT = re.compile(r"^```text\n(.*?)^```$", re.M | re.S)
WIDTH = 100
_CHANGING = (
    (re.compile(r"127\.0\.0\.1:(?!9/)\d+"), "127.0.0.1:8080"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "93c39e68-..."),
    (re.compile(r"\b(batch|fiber)([ -]\w*?)[0-9a-z-]{20,}"), r"\1\2..."),
    (re.compile(r"file id [0-9a-z]{12,}"), "file id sfv8cvat..."),
    (re.compile(r"(?<=in )\d+(?:\.\d+)?(?= seconds)"), "9"),
    (re.compile(r"(?<=Send it again in )[^,]+"), "4 h 56 min"),
)
"""What differs from run to run."""


def parts(page: str) -> tuple[str, dict[str, str]]:
    """How all programs begin, and each error's section by its class."""
    introduction, *sections = re.split(r"^## ", page, flags=re.M)
    (beginning,) = PROGRAM.findall(introduction)
    return beginning, {section.partition("\n")[0]: section for section in sections}


def error_of(beginning: str, section: str) -> Exception:
    """The error that a section's program ends in.

    Raises:
        AssertionError: it ended without one.
    """
    names: dict[str, Any] = {"__name__": "__main__"}
    (program,) = PROGRAM.findall(section)
    exec(compile(beginning, "beginning", "exec", dont_inherit=True), names)  # noqa: S102 - programs of our own page
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec(compile(program, "program", "exec", dont_inherit=True), names)  # noqa: S102
    except Exception as error:
        return error
    finally:
        names["kimi"].stop()
    raise AssertionError(f"no error came of {program}")


def display(error: Exception) -> str:
    """Its class and text as a traceback ends, in lines of a page, without what differs from run to run."""
    text = f"{type(error).__name__}: {error}"
    for pattern, instead in _CHANGING:
        text = pattern.sub(instead, text)
    wrapped = (textwrap.wrap(line, WIDTH, break_long_words=False, break_on_hyphens=False) for line in text.splitlines())
    return "".join(f"{line.rstrip()}\n" for lines in wrapped for line in lines)


def main() -> None:
    """Write all texts anew."""
    page = PAGE.read_text("utf-8")
    beginning, sections = parts(page)
    for section in sections.values():
        text = display(error_of(beginning, section))
        page = page.replace(section, TEXT.sub(lambda _, text=text: f"```text\n{text}```", section))
    PAGE.write_text(page, "utf-8")


if __name__ == "__main__":
    main()
