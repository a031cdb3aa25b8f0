"""Every record that our packages log has its row in docs/observability.md."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("kimi_api", "langchain_kimi", "llama_index_kimi")
LEVELS = {"debug": "DEBUG", "info": "INFO", "warning": "WARNING", "error": "ERROR", "exception": "ERROR"}


def logging_calls() -> Iterator[tuple[str, str]]:
    """The logger and level of each call of one."""
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            tree = ast.parse(path.read_text("utf-8"))
            names: dict[str, str] = {}
            for node in ast.walk(tree):
                target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
                value = getattr(node, "value", None)
                if isinstance(target, ast.Name) and isinstance(value, ast.Call) and _is(value, "getLogger"):
                    [argument] = value.args
                    names[target.id] = argument.value if isinstance(argument, ast.Constant) else module
            for node in ast.walk(tree):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS:
                    holder = node.func.value
                    if isinstance(holder, ast.Name) and holder.id in names:
                        yield names[holder.id], LEVELS[node.func.attr]


def _is(call: ast.Call, name: str) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr == name


def levels_in_document() -> set[tuple[str, str]]:
    """The loggers and levels of the table; an empty cell repeats the logger above it."""
    page = (ROOT / "docs" / "observability.md").read_text("utf-8")
    rows, logger = set(), ""
    for name, level in re.findall(r"^\| (?:`([\w.]+)`)? ?\| (DEBUG|INFO|WARNING|ERROR) \|", page, re.MULTILINE):
        logger = name or logger
        rows.add((logger, level))
    return rows


def test_each_logger_and_level_has_a_row() -> None:
    calls, rows = set(logging_calls()), levels_in_document()
    assert len(calls) > 10
    missing = [
        (name, level)
        for name, level in sorted(calls)
        if not any(level == other and f"{name}.".startswith(f"{logger}.") for logger, other in rows)
    ]
    assert missing == []


def test_each_row_is_about_something() -> None:
    calls = set(logging_calls())
    idle = [
        (logger, level)
        for logger, level in sorted(levels_in_document())
        if not any(level == other and f"{name}.".startswith(f"{logger}.") for name, other in calls)
    ]
    assert idle == []
