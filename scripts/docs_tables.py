"""Writes the tables in docs/ that have a source in the code: models, settings, and what the emulator knows.

Run `python -m scripts.docs_tables` after changing one of them; a test fails while a table is out of date.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path

from kimi_api import MODELS, ModelSpec
from kimi_emulator import DIALECTS, FAULTS
from kimi_emulator.rules import RULES
from langchain_kimi import ChatKimi
from llama_index_kimi import Kimi

DOCS = Path(__file__).resolve().parent.parent / "docs"


def models_table() -> str:
    """Every model, current ones first."""
    lines = [
        "| id | window | default / max output | thinking | forced tool | cached / in / out | write 5m / 1h | served |",
        "|---|---|---|---|---|---|---|---|",
    ]
    return "\n".join(lines + [_model_row(spec) for spec in MODELS.values()])


def _model_row(spec: ModelSpec) -> str:
    price = spec.price
    prices = "not published" if price is None else f"{price.cached:g} / {price.input:g} / {price.output:g}"
    writes = "" if price is None or price.write_5m is None else f"{price.write_5m:g} / {price.write_1h:g}"
    if "required" in spec.tool_choices:
        forced = "yes"
    else:
        forced = "thinking off for the call" if "disabled" in spec.thinking_field else "as an offer"
    until = f"until {spec.retires}" if spec.retires else f"since {spec.released}" if spec.released else ""
    return (
        f"| `{spec.id}` | {spec.context_window:,} | {spec.default_output:,} / {spec.max_output:,} | {spec.thinking} "
        f"| {forced} | {prices} | {writes} | {until} |"
    )


def settings_table() -> str:
    """Every setting that both frameworks' models have, in the words of its field."""
    lines = ["| setting | default | what it does |", "|---|---|---|"]
    for name, field in ChatKimi.model_fields.items():
        if name in Kimi.model_fields and field.description:
            default = field.get_default(call_default_factory=True)
            cell = "" if default in (None, {}) else f"`{default!r}`".replace("'", '"')
            lines.append(f"| `{name}` | {cell} | {_cell(field.description)} |")
    return "\n".join(lines)


def rules_table() -> str:
    """Every rule of the emulator, in the order of the checks."""
    lines = ["| rule | what it asks | if not |", "|---|---|---|"]
    for rule in RULES.values():
        otherwise = f"{rule.status} `{rule.type}`" if rule.refuses else "tolerated, noted in `kimi.report`"
        lines.append(f"| `{rule.id}` | {rule.description.replace('``', '`').replace('|', '&#124;')} | {otherwise} |")
    return "\n".join(lines)


def faults_table() -> str:
    """Every fault of the emulator, in the order of the registry."""
    lines = ["| fault | what happens | seen | applies to |", "|---|---|---|---|"]
    kinds = {"plain": "plain", "stream": "stream", "upload": "upload", "models": "`/models`"}
    kinds |= {"batch": "batch", "fiber": "fiber"}
    for fault in FAULTS.values():
        applies_to = ", ".join(text for kind, text in kinds.items() if kind in fault.on)
        needs = {"any": "", "thinking": " (with thinking)", "calls": " (with tool calls)"}[fault.shows]
        lines.append(f"| `{fault.id}` | {_cell(fault.description)} | {_cell(fault.seen)} | {applies_to}{needs} |")
    return "\n".join(lines)


def dialects_table() -> str:
    """The hosts whose habits the emulator has, and which of them."""
    lines = ["| host | habits |", "|---|---|"]
    for name, dialect in DIALECTS.items():
        habits = [
            f"`{field.name}={getattr(dialect, field.name)!r}`"
            for field in dataclasses.fields(dialect)
            if getattr(dialect, field.name) != field.default
        ]
        lines.append(f"| `{name}` | {', '.join(habits) or 'those of the platform'} |")
    return "\n".join(lines)


def _cell(text: str) -> str:
    """Text for a table, where a bar and an angle bracket would mean something."""
    return text.replace("|", "&#124;").replace("`</think>`", "`&lt;/think&gt;`").replace("\n", " ")


TABLES: dict[str, dict[str, Callable[[], str]]] = {
    "models.md": {"models": models_table},
    "settings.md": {"settings": settings_table},
    "emulator.md": {"rules": rules_table, "faults": faults_table, "dialects": dialects_table},
}
"""By page: the tables in it, by the name in the comment before them."""


def fill_tables(page: str) -> str:
    """The page with its tables as they should be."""
    text = (DOCS / page).read_text("utf-8")
    for marker, table in TABLES[page].items():
        block = f"<!-- {marker} -->\n{table()}\n<!-- end -->"
        pattern = rf"<!-- {marker} -->.*?<!-- end -->"
        text = re.sub(pattern, lambda _, block=block: block, text, flags=re.DOTALL)
    return text


def main() -> None:
    """Rewrite the pages."""
    for page in TABLES:
        (DOCS / page).write_text(fill_tables(page), "utf-8")


if __name__ == "__main__":
    main()
