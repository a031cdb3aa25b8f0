"""What is written down of a model: its rules, its prices, how its prompts are put together."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from kimi_api.usage import Usage

ToolChoiceKind = Literal["auto", "none", "required", "named"]

_ALL_CHOICES: frozenset[ToolChoiceKind] = frozenset({"auto", "none", "required", "named"})


@dataclass(frozen=True, slots=True)
class Price:
    """USD per million tokens. `write_*` is what storing a prefix in the cache costs, None where none is published."""

    cached: float
    input: float
    output: float
    write_5m: float | None = None
    write_1h: float | None = None

    def parts(self, usage: Usage, *, hour: bool = False) -> tuple[float, float, float, float]:
        """USD for `usage`: uncached input, cached input, cache writes (kept an hour, or 5 minutes), and output.

        Tokens that were read, written, and neither add up to the prompt. Without a price for writing, written tokens
        are input like others.
        """
        write = self.write_1h if hour else self.write_5m
        written = usage.cache_write_tokens if write is not None else 0
        plain = max(usage.prompt_tokens - usage.cached_tokens - written, 0)
        return (
            plain * self.input / 1e6,
            usage.cached_tokens * self.cached / 1e6,
            written * (write or 0.0) / 1e6,
            usage.completion_tokens * self.output / 1e6,
        )


@dataclass(frozen=True, slots=True)
class PromptTemplate:
    """How a prompt is put together, as far as it costs tokens. Read by `kimi_api.tokens.count_messages`.

    All rows follow open templates: those of K2 (`chat_template.jinja` beside each model on the hub), and that of K3,
    which came with its weights. K3.1 has none of its own in public, and is counted by K3's.
    """

    tagged: bool = False
    """Whether it is K3's template, which writes tags with attributes. Its frames stand in `kimi_api.tokens`, and of the
    other fields only those about images concern it."""
    system: str | None = None
    """The system message that is used when the first message is no system message."""
    thinks: bool = True
    """Whether assistant turns hold a block of thinking, though it be empty."""
    think_marks: int = 2
    """Tokens of the two marks around thinking."""
    typescript: bool = True
    """Whether tools are declared as TypeScript rather than as JSON."""
    image_tokens: int = 4_096
    """Most tokens of one image; larger ones are shrunk."""
    image_size_said: bool = False
    """Whether the prompt states an image's size in words."""


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """What one model id can do. Token figures are counts of tokens, dates are the platform's own."""

    id: str
    context_window: int
    default_output: int
    max_output: int
    price: Price | None = None
    """None where the platform has published none (and for ids that are not in the table)."""
    released: datetime.date | None = None
    retires: datetime.date | None = None
    """First day without the model; the platform answers 404 from then on."""
    successor: str | None = None
    images: bool = True
    videos: bool = True
    thinking: Literal["always", "switchable", "none"] = "always"
    thinking_field: frozenset[str] = frozenset()
    """Values of `thinking.type` the request may carry; empty: the field is not for this model."""
    keep_field: bool = False
    """Whether `thinking.keep` may be sent."""
    keeps_thinking: bool = True
    """Whether thinking of earlier turns is used without being asked for ("Preserved Thinking")."""
    efforts: tuple[str, ...] = ()
    """Words allowed as `reasoning_effort`, the last being the default; empty: the field is not for this model."""
    fixed_sampling: Mapping[str, float] = field(default_factory=dict)
    """Sampling fields that accept one value only, while the model thinks."""
    fixed_sampling_plain: Mapping[str, float] = field(default_factory=dict)
    """The same while thinking is switched off."""
    refused: frozenset[str] = frozenset()
    """Request fields that are an error whatever their value."""
    tool_choices: frozenset[ToolChoiceKind] = _ALL_CHOICES
    """What `tool_choice` may be while the model thinks."""
    blank_reasoning_refused: bool = False
    """Whether `reasoning_content: ""` on a tool-call turn counts as missing."""
    reasoning_on_every_turn: bool = False
    """Whether every assistant turn of a history carries `reasoning_content`, "" where there is none."""
    dynamic_tools: bool = False
    """Whether a system message may carry `tools`."""
    batch: bool | None = None
    """Whether the Batch API takes it; None: sources disagree."""
    open_weights: bool | None = None
    """Whether the weights are public; None: not known."""
    template: PromptTemplate = field(default_factory=PromptTemplate)
    """How its prompts are put together, for counting tokens."""
    known: bool = True
    """False for an id that is not in the table and got the newest family's rules."""

    def __reduce__(self) -> tuple[type[ModelSpec], tuple[object, ...]]:
        # The rules of the table are read-only views, which do not pickle.
        values = (getattr(self, each.name) for each in fields(self))
        return ModelSpec, tuple(dict(value) if isinstance(value, Mapping) else value for value in values)

    def retired(self, today: datetime.date | None = None) -> bool:
        """Whether the platform has stopped serving this model (`today` in UTC by default)."""
        return self.retires is not None and (today or utc_today()) >= self.retires

    def cost(self, usage: Usage) -> float | None:
        """USD for one call: uncached input, cached input, cache writes (at the 5-minute rate), and output.

        Thinking is part of the output tokens. The fee of built-in web search is not included. None without a price.
        By what it is made up of: `kimi_api.costs.cost`.
        """
        return None if self.price is None else sum(self.price.parts(usage))


def utc_today() -> datetime.date:
    """Today's date in UTC, by which retirements are judged."""
    return datetime.datetime.now(datetime.UTC).date()
