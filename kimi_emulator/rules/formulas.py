"""Rules on official tools (formulas) and on running one (a fiber)."""

from __future__ import annotations

from kimi_emulator.errors import NOT_FOUND
from kimi_emulator.platform.checks import FormulaCheck
from kimi_emulator.rules.registry import rule
from kimi_emulator.rules.wording import show


@rule("formula.unknown", subject="formula", status=404, type=NOT_FOUND, source="wording ours")
def unknown(check: FormulaCheck) -> str | None:
    """The formula exists, by its whole URI with the version."""
    return None if check.functions else f"Not found the formula {check.uri}"


@rule("fiber.name", subject="formula", source="wording ours")
def name(check: FormulaCheck) -> str | None:
    """A fiber names one of the functions that the formula lists."""
    name = None if check.fiber is None else check.fiber.get("name")
    if check.fiber is None or (isinstance(name, str) and name in check.functions):
        return None
    return f"Invalid request: function {show(name)} is not found in formula {check.uri}"


@rule("fiber.arguments", subject="formula", source="official tools page: the model's JSON string; wording ours")
def arguments(check: FormulaCheck) -> str | None:
    """The arguments of a fiber are a string, the one that the model wrote."""
    if check.fiber is None or isinstance(check.fiber.get("arguments"), str):
        return None
    return "Invalid request: arguments must be a string"
