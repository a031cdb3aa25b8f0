"""The table that a notebook shows of a tally. Pure.

It brings no colours of its own but a grey for lines, which is seen on light and on dark ground, and loads nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from kimi_api.costs._price import Cost
from kimi_api.costs._records import ModelCosts
from kimi_api.usage import Usage

_HEADS = ("model", "calls", "prompt", "from the cache", "answer", "of it thinking", "cost")
_LINE = "1px solid rgba(128,128,128,.5)"
_CELL = "padding:.25em .7em;text-align:right;background:none;color:inherit"


def table(models: Sequence[ModelCosts], *, currency: str, uncounted_calls: int) -> str:
    """HTML: a row for each model, one for their sum where there are several, and what the sum leaves out.

    Args:
        models: sums by model; tokens in the columns in the middle.
        currency: of the costs.
        uncounted_calls: calls that gave no counts.
    """
    rows = [_row(each.model, each.calls, each.usage, _amount(each.cost)) for each in models]
    unpriced = [each.model for each in models if each.cost is None]
    if len(models) != 1:
        usage = sum((each.usage for each in models), Usage())
        total = sum((each.cost for each in models if each.cost is not None), Cost(currency=currency))
        rows.append(_row("all", sum(each.calls for each in models), usage, _amount(total), last=True))
    heads = "".join(
        f'<th style="{_style(number)};border-bottom:{_LINE}" scope="col">{head}</th>'
        for number, head in enumerate(_HEADS)
    )
    notes = [f"No known price for {', '.join(unpriced)}: these calls are not in the sum."] if unpriced else []
    if uncounted_calls:
        calls = "1 call gave" if uncounted_calls == 1 else f"{uncounted_calls:,} calls gave"
        notes.append(f"{calls} no counts (under way, failed or broken off) and cannot be in the sum.")
    return (
        '<table style="border-collapse:collapse;font-variant-numeric:tabular-nums;color:inherit">'
        f"<thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
        + "".join(f'<p style="margin:.3em 0 0;color:inherit">{escape(note)}</p>' for note in notes)
    )


def _row(name: str, calls: int, usage: Usage, amount: str, *, last: bool = False) -> str:
    share = f" ({usage.cached_tokens / usage.prompt_tokens:.0%})" if usage.prompt_tokens else ""
    cells = (
        name,
        f"{calls:,}",
        f"{usage.prompt_tokens:,}",
        f"{usage.cached_tokens:,}{share}",
        f"{usage.completion_tokens:,}",
        f"{usage.reasoning_tokens:,}",
        amount,
    )
    above = f";border-top:{_LINE};font-weight:bold" if last else ""
    cells_html = [f'<td style="{_style(number)}{above}">{escape(cell)}</td>' for number, cell in enumerate(cells)]
    return f"<tr>{''.join(cells_html)}</tr>"


def _style(column: int) -> str:
    return _CELL.replace("right", "left") if column == 0 else _CELL


def _amount(cost: Cost | None) -> str:
    return "unknown" if cost is None else f"{cost.total:,.6f} {cost.currency}"
