"""The plot of a tally: tokens, cached share and cost of each call, as an SVG. Pure.

Drawn here and not by a library: it is bars in three panels, and a plotting library weighs a hundred times what reads
the answers. The picture has a ground of its own, light or dark with its text as the reader's system wants it, because
a notebook may show it as an image, which knows nothing of the colours around it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from math import ceil, floor, log10
from pathlib import Path
from typing import NamedTuple

from kimi_api.costs._records import CallCost

MOST_BARS = 60
WIDTH, LEFT, RIGHT, TOP = 720, 64, 16, 84
GAP = 40
TITLE_LETTERS = 90
# Colours that people with any kind of colour vision tell apart (Okabe and Ito), on both grounds.
PARTS = (
    ("cached", "prompt, from the cache", "#56b4e9"),
    ("input", "prompt, new", "#0072b2"),
    ("write", "prompt, written to the cache", "#cc79a7"),
    ("thinking", "thinking", "#e69f00"),
    ("answer", "answer", "#009e73"),
)
_STYLE = (
    ".kimi-plot text{font:12px system-ui,sans-serif;fill:#333}.kimi-plot .dim{fill:#666;font-size:11px}"
    ".kimi-plot .end{text-anchor:end}.kimi-plot .mid{text-anchor:middle}.kimi-plot .head{font-weight:600}"
    ".kimi-plot .ground{fill:#fff;stroke:#ddd}.kimi-plot .line{stroke:#8884;stroke-width:1}"
    "@media(prefers-color-scheme:dark){.kimi-plot text{fill:#ddd}.kimi-plot .dim{fill:#aaa}"
    ".kimi-plot .ground{fill:#1e1e1e;stroke:#444}}"
)


class Plot(NamedTuple):
    """A picture as SVG text. A notebook shows it when it is a cell's last expression."""

    svg: str

    def save(self, path: str | Path) -> Path:
        """Write it to `path`, which should end in `.svg`, and give the path back."""
        target = Path(path)
        target.write_text(self.svg, "utf-8")
        return target

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"<Plot: an SVG of {len(self.svg):,} characters; save(path) writes it>"


class Bar(NamedTuple):
    """One call, or the average of neighbours. Tokens and amounts by the names in `PARTS`; None: no known price."""

    first: int
    last: int
    models: tuple[str, ...]
    tokens: dict[str, float]
    amounts: dict[str, float] | None

    @property
    def prompt(self) -> float:
        """Tokens of the prompt."""
        return self.tokens["cached"] + self.tokens["input"] + self.tokens["write"]

    @property
    def share(self) -> float:
        """Of the prompt, how much came from the cache: 0 to 1."""
        return self.tokens["cached"] / self.prompt if self.prompt else 0.0


def bars(calls: Sequence[CallCost], first: int = 1, most: int = MOST_BARS) -> list[Bar]:
    """A bar for each call; where there are more than `most`, for as many neighbours as it takes.

    Args:
        calls: in the order of their answers.
        first: the number of the first of them.
        most: bars.
    """
    size = max(ceil(len(calls) / most), 1)
    groups = [calls[start : start + size] for start in range(0, len(calls), size)]
    return [_bar(group, first + size * number) for number, group in enumerate(groups)]


def _bar(group: Sequence[CallCost], first: int) -> Bar:
    tokens = dict.fromkeys((name for name, _, _ in PARTS), 0.0)
    amounts = dict(tokens)
    priced = [call.cost for call in group if call.cost is not None]
    for _, usage, cost in group:
        thinking = min(usage.reasoning_tokens / usage.completion_tokens, 1.0) if usage.completion_tokens else 0.0
        counts = {
            "cached": usage.cached_tokens,
            "write": usage.cache_write_tokens,
            "input": max(usage.prompt_tokens - usage.cached_tokens - usage.cache_write_tokens, 0),
            "thinking": usage.reasoning_tokens,
            "answer": max(usage.completion_tokens - usage.reasoning_tokens, 0),
        }
        for name, count in counts.items():
            tokens[name] += count / len(group)
        if cost is not None:
            paid = {
                "cached": cost.cached,
                "write": cost.write,
                "input": cost.input,
                "thinking": cost.output * thinking,
                "answer": cost.output * (1 - thinking),
            }
            for name, amount in paid.items():
                amounts[name] += amount / len(priced)
    last = first + len(group) - 1
    return Bar(first, last, tuple(dict.fromkeys(call.model for call in group)), tokens, amounts if priced else None)


def draw(calls: Sequence[CallCost], *, first: int = 1, title: str, currency: str) -> Plot:
    """The plot of `calls`, with `title` above it. `first` is the number of the first of them."""
    bars_of_calls = bars(calls, first)
    short = title if len(title) <= TITLE_LETTERS else f"{title[: TITLE_LETTERS - 1]}…"
    head = [f'<text x="14" y="24" class="head">{escape(short)}</text>']
    if not bars_of_calls:
        return _frame([*head, '<text x="14" y="50" class="dim">No call was answered yet.</text>'], 70, title)
    averages = "" if len(bars_of_calls) == len(calls) else ", averages of neighbours"
    latest = "" if first == 1 else f" (the last {len(calls):,} of {first + len(calls) - 1:,})"
    top, parts = TOP, [*head, *_legend(bars_of_calls)]
    tips = [_tip(bar, currency) for bar in bars_of_calls]
    panels = (
        (f"Tokens per call{averages}{latest}", 150, [bar.tokens for bar in bars_of_calls], _mark, 0.0),
        (
            "Share of the prompt from the cache",
            70,
            [{"cached": bar.share} for bar in bars_of_calls],
            lambda v: f"{v:.0%}",
            1.0,
        ),
        (f"Cost per call, {currency}{averages}", 110, [bar.amounts for bar in bars_of_calls], _money, 0.0),
    )
    for name, height, columns, spell, most in panels:
        parts += _panel(name, top, height, columns, tips, spell, most)
        top += height + GAP
    parts += _labels(
        [bar.first for bar in bars_of_calls],
        "call" if len(bars_of_calls) == len(calls) else "from call",
        top - GAP + 15,
    )
    return _frame(parts, top - GAP + 40, title)


def _panel(
    name: str,
    top: int,
    height: int,
    columns: Sequence[dict[str, float] | None],
    tips: Sequence[str],
    spell: Callable[[float], str],
    most: float,
) -> list[str]:
    """Bars of stacked parts over a scale; a question mark where nothing is known."""
    most = most or _round_up(max((sum(column.values()) for column in columns if column), default=0.0))
    floor_y, room = top + height, (WIDTH - LEFT - RIGHT) / len(columns)
    thick = min(room * 0.72, 46)
    drawn = [f'<text x="{LEFT}" y="{top - 8}">{escape(name)}</text>']
    for share in (0, 0.5, 1):
        y = floor_y - share * height
        drawn.append(f'<path d="M{LEFT} {y:g}H{WIDTH - RIGHT}" class="line"/>')
        drawn.append(f'<text x="{LEFT - 8}" y="{y + 4:g}" class="dim end">{escape(spell(share * most))}</text>')
    for place, (column, tip) in enumerate(zip(columns, tips, strict=True)):
        x, y = LEFT + room * (place + 0.5) - thick / 2, float(floor_y)
        if column is None:
            drawn.append(f'<text x="{x + thick / 2:.1f}" y="{y - 4:g}" class="dim mid">?</text>')
            continue
        pieces = []
        for part, _, colour in PARTS:
            length = column.get(part, 0.0) / most * height
            if length > 0:
                y -= length
                box = f'x="{x:.1f}" y="{y:.2f}" width="{thick:.1f}" height="{length:.2f}"'
                pieces.append(f'<rect {box} fill="{colour}"/>')
        if pieces:
            drawn.append(f"<g><title>{escape(tip)}</title>{''.join(pieces)}</g>")
    return drawn


def _legend(bars_of_calls: Sequence[Bar]) -> list[str]:
    drawn, x = [], 14.0
    for part, words, colour in PARTS:
        if any(bar.tokens[part] for bar in bars_of_calls):
            drawn.append(f'<rect x="{x:g}" y="35" width="10" height="10" rx="2" fill="{colour}"/>')
            drawn.append(f'<text x="{x + 15:g}" y="44" class="dim">{words}</text>')
            x += 34 + 6.0 * len(words)
    return drawn


def _labels(numbers: Sequence[int], word: str, y: int) -> list[str]:
    """The numbers of the calls, as many as there is room for."""
    room = (WIDTH - LEFT - RIGHT) / len(numbers)
    step = max(ceil((len(str(numbers[-1])) + 1) * 7 / room), 1)
    drawn = [
        f'<text x="{LEFT + room * (place + 0.5):.1f}" y="{y}" class="dim mid">{number}</text>'
        for place, number in enumerate(numbers)
        if place % step == 0
    ]
    return [*drawn, f'<text x="{LEFT - 8}" y="{y}" class="dim end">{word}</text>']


def _tip(bar: Bar, currency: str) -> str:
    tokens = ", ".join(f"{_number(bar.tokens[part])} {words}" for part, words, _ in PARTS if bar.tokens[part])
    cost = "no known price" if bar.amounts is None else f"{_money(sum(bar.amounts.values()))} {currency}"
    label = f"call {bar.first}" if bar.first == bar.last else f"calls {bar.first} to {bar.last}, on average"
    return f"{label} ({', '.join(bar.models)}): {tokens or 'no tokens'}; {bar.share:.0%} from the cache; {cost}"


def _frame(parts: Sequence[str], height: int, title: str) -> Plot:
    size = f'width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
    return Plot(
        f'<svg xmlns="http://www.w3.org/2000/svg" class="kimi-plot" role="img" {size}>'
        f"<title>{escape(title)}</title><style>{_STYLE}</style>"
        f'<rect class="ground" x=".5" y=".5" width="{WIDTH - 1}" height="{height - 1}" rx="6"/>'
        f"{''.join(parts)}</svg>"
    )


def _round_up(value: float) -> float:
    """The next round number: the top of a scale."""
    if value <= 0:
        return 1.0
    ground = 10.0 ** floor(log10(value))
    return next(step * ground for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if value <= step * ground * (1 + 1e-9))


def _number(value: float) -> str:
    """Tokens: `850`, `12,000`, `1.5`."""
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:,.1f}"


def _mark(value: float) -> str:
    """The same beside a scale, where there is little room: `1.5M`."""
    return f"{value / 1e6:g}M" if value >= 1e6 else _number(value)


def _money(value: float) -> str:
    """An amount with as many digits as it takes to see it."""
    if value == 0:
        return "0"
    digits = max(2, 1 - floor(log10(value)))
    return f"{value:,.{digits}f}"
