"""Two prompts compared from their beginning: where the later one stops being equal, and what that costs.

The platform's cache reads a prompt from its first character on, in steps of 256 tokens. A prompt that repeats an
earlier one and adds to its end is read from the cache; what stands behind the first changed character is not, even
if all of it was sent before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from kimi_emulator.content import compact
from kimi_emulator.platform import prompt
from kimi_emulator.platform.account import price
from kimi_emulator.platform.cache import STEP
from kimi_emulator.platform.models import MODELS, Model, model_of_weights

__all__ = ["Comparison", "Loss", "Part", "compare", "cost", "loss", "model_named", "parts"]

_SAME_END = 32
"""So many equal characters at the end of a rewritten text, at least, count as sent before."""
_BEFORE, _AFTER = 24, 48
"""Characters that are shown before a difference, and from it on."""


@dataclass(frozen=True)
class Part:
    """A part of a prompt: its name (``tools``, ``messages[2] (user)``), its text and its tokens.

    The first ``lead`` characters are the message's role and name, which the page does not show.
    """

    name: str
    text: str
    tokens: int
    lead: int = 0


@dataclass(frozen=True)
class Comparison:
    """How a prompt goes on from an earlier one.

    * ``kind``: it "extends" the earlier prompt (or is the same); it "branches" off (what comes is new); or the prefix
      "breaks", and text that was sent before stands behind the place.
    * ``messages``: so many messages are equal, from the first; ``equal``: so many tokens.
    * ``place``: the name of the part that differs, "" if none; ``character``: where in its text.
    * ``before``, ``after``: the two texts around that character.
    * ``repeated``: tokens behind the place that the earlier prompt had too.
    """

    kind: Literal["extends", "branches", "breaks"]
    messages: int
    equal: int
    place: str = ""
    character: int = 0
    before: str = ""
    after: str = ""
    repeated: int = 0


@dataclass(frozen=True)
class Loss:
    """Tokens that could have come from the cache and did not, and what that cost more, in USD."""

    tokens: int
    cost: float


def model_named(name: Any) -> Model:
    """The model of this name, also by the name of its weights; K2.6 for a name nobody knows, as prices do."""
    model = MODELS.get(name) or model_of_weights(name) if isinstance(name, str) else None
    return model or MODELS["kimi-k2.6"]


def cost(model: Any, usage: Mapping[str, Any]) -> float:
    """USD at list price."""
    return price(model_named(model).id, {name: _number(usage.get(name)) for name in _COUNTS})


_COUNTS = ("prompt_tokens", "cached_tokens", "completion_tokens")


def _number(value: Any) -> int:
    return int(value) if isinstance(value, int | float) else 0


def parts(body: Mapping[str, Any]) -> list[Part]:
    """The prompt of a chat request whose messages are objects, in the order in which the model reads it."""
    model = model_named(body.get("model"))
    head, *messages = prompt.stretches(model, body)
    parts = [
        Part(f"messages[{at}] ({message.get('role')})", stretch.text, stretch.tokens, _lead(message))
        for at, (message, stretch) in enumerate(zip(body["messages"], messages, strict=True))
    ]
    return [
        Part("model", model.id, 0),
        Part("effort", str(prompt.effort(body) or ""), 0),
        Part("tools", compact(body.get("tools") or []), head.tokens),
        *parts,
    ]


def compare(earlier: Sequence[Part], later: Sequence[Part]) -> Comparison:
    """How ``later`` goes on from ``earlier``."""
    at = next((at for at, (a, b) in enumerate(zip(earlier, later, strict=False)) if a.text != b.text), None)
    if at is None:
        at = min(len(earlier), len(later))
        if len(later) >= len(earlier):
            return Comparison("extends", _messages(later, at), _tokens(later[:at]))
        gone = earlier[at]
        return Comparison("branches", _messages(later, at), _tokens(later), gone.name, 0, _cut(gone.text, gone.lead))
    old, new = earlier[at], later[at]
    same = _same_start(old.text, new.text)
    tail = _same_start(old.text[same:][::-1], new.text[same:][::-1]) if old.name == new.name else 0
    repeated = new.tokens * tail // max(len(new.text), 1) if tail >= _SAME_END else 0
    sent = Counter(part.text for part in earlier[at:])
    for part in later[at:]:
        if sent[part.text]:
            sent[part.text] -= 1
            repeated += part.tokens
    return Comparison(
        "breaks" if repeated else "branches",
        _messages(later, at),
        _tokens(later[:at]) + new.tokens * same // max(len(new.text), 1),
        new.name,
        max(same - new.lead, 0),
        _cut(old.text, old.lead, same - _BEFORE),
        _cut(new.text, new.lead, same - _BEFORE),
        repeated,
    )


def loss(comparison: Comparison, model: Any, usage: Mapping[str, Any]) -> Loss:
    """What was read again although it had been sent before; by the platform's steps, and never more than was read."""
    read, total = _number(usage.get("cached_tokens")), _number(usage.get("prompt_tokens"))
    possible = (comparison.equal + comparison.repeated) // STEP * STEP
    tokens = max(min(possible, total) - read, 0)
    anew, from_cache = {"prompt_tokens": tokens}, {"prompt_tokens": tokens, "cached_tokens": tokens}
    return Loss(tokens, cost(model, anew) - cost(model, from_cache))


def _messages(all_parts: Sequence[Part], upto: int) -> int:
    return sum(part.name.startswith("messages[") for part in all_parts[:upto])


def _tokens(some: Sequence[Part]) -> int:
    return sum(part.tokens for part in some)


def _same_start(one: str, other: str) -> int:
    """How many characters two texts have in common from the first. Halves the rest: slices compare fast."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _lead(message: Mapping[str, Any]) -> int:
    return len(str(message.get("role", ""))) + len(str(message.get("name") or "")) + 2


def _cut(text: str, lead: int, start: int = 0) -> str:
    start = max(start, lead)
    end = start + _BEFORE + _AFTER
    return f"{'…' if start > lead else ''}{text[start:end]}{'…' if end < len(text) else ''}"
