"""Printing as it streams, in colour on a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from kimi_api import Usage, get_model_spec

THINKING, TOOL, ANSWER = "dim italic", "cyan", "green"

_console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
_last = ""


@contextmanager
def printing_to(console: Console) -> Iterator[None]:
    """Print to another console for a while, such as one that records."""
    global _console
    before, _console = _console, console
    try:
        yield
    finally:
        _console = before


def say(text: str, style: str = "") -> None:
    """A line of its own."""
    _end_of_flow()
    _console.print(text, style=style or None)


def title(text: str) -> None:
    """The heading of a part."""
    say("")
    say(f"== {text} ==", "bold magenta")


def flow(label: str, text: str, style: str) -> None:
    """The next piece of a running text; a change of `label` starts a new line with it."""
    global _last
    if not text:
        return
    if label != _last:
        _end_of_flow()
        _console.print(f"{label}: ", style="bold", end="")
        _last = label
    _console.print(text, style=style, end="")


def line(label: str, text: str, style: str) -> None:
    """A labelled line of its own."""
    flow(label, text, style)
    _end_of_flow()


def _end_of_flow() -> None:
    global _last
    if _last:
        _console.print()
        _last = ""


def bill(model: str, usage: Usage) -> None:
    """Tokens and what they cost."""
    cost = get_model_spec(model).cost(usage)
    price = "no published price" if cost is None else f"${cost:.6f} at list price"
    say(
        f"{usage.prompt_tokens} tokens in ({usage.cached_tokens} from the cache), {usage.completion_tokens} out "
        f"({usage.reasoning_tokens} of them thinking): {price}",
        "yellow",
    )


def total(usages: list[Usage]) -> Usage:
    """Several calls added up."""
    return sum(usages, Usage())
