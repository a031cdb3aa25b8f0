"""What each Kimi model can do, as data.

One table, `MODELS`, holds every rule that differs between models: windows, output budgets, thinking, sampling, tool
choice, prices, retirement. Nothing else in these packages branches on a model's name. Facts were gathered on
2026-11-22 from https://platform.kimi.ai/docs/models, https://platform.kimi.ai/docs/api/models-overview and
https://platform.kimi.ai/docs/pricing/chat-k3, with answers recorded from the live API where the pages disagree.
"""

from __future__ import annotations

import datetime
import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from kimi_api._warn import warn_once
from kimi_api.errors import KimiInputError

if TYPE_CHECKING:
    from kimi_api.usage import Usage

__all__ = [
    "DEFAULT_MODEL",
    "MODELS",
    "ModelSpec",
    "Price",
    "PromptTemplate",
    "ToolChoiceKind",
    "closest_model",
    "current_models",
    "find_model",
    "get_model_spec",
    "listed_price",
    "prompt_template",
    "utc_today",
]

ToolChoiceKind = Literal["auto", "none", "required", "named"]

_ALL_CHOICES: frozenset[ToolChoiceKind] = frozenset({"auto", "none", "required", "named"})
_FREE_CHOICES: frozenset[ToolChoiceKind] = frozenset({"auto", "none"})

DEFAULT_MODEL = "kimi-k3"


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
    other fields only those about pictures concern it."""
    system: str | None = None
    """The system message that stands in when the first message is none."""
    thinks: bool = True
    """Whether assistant turns hold a block of thinking, though it be empty."""
    think_marks: int = 2
    """Tokens of the two marks around thinking."""
    typescript: bool = True
    """Whether tools are declared as TypeScript rather than as JSON."""
    image_tokens: int = 4_096
    """Most tokens of one picture; larger ones are shrunk."""
    image_size_said: bool = False
    """Whether the prompt states a picture's size in words."""


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


_FIXED = MappingProxyType({"temperature": 1.0, "top_p": 0.95, "n": 1, "presence_penalty": 0, "frequency_penalty": 0})
_FIXED_PLAIN = MappingProxyType({**_FIXED, "temperature": 0.6})
# "Invalid request: logit_bias is not supported yet"; "invalid logprobs: only false is allowed for this model"
_REFUSED = frozenset({"logit_bias", "logprobs", "top_logprobs"})

_1M, _256K = 1_048_576, 262_144
_K2_END = datetime.date(2027, 1, 1)  # "end of December 2026"
_2026_08_31 = datetime.date(2026, 8, 31)
_2026_05_25 = datetime.date(2026, 5, 25)

_K2_TEMPLATE = PromptTemplate(
    system="You are Kimi, an AI assistant created by Moonshot AI.", thinks=False, typescript=False
)
_K3_TEMPLATE = PromptTemplate(tagged=True, image_tokens=16_384, image_size_said=True)

_K3 = ModelSpec(
    id="kimi-k3",
    context_window=_1M,
    default_output=131_072,
    max_output=1_048_576,
    price=Price(0.30, 3.00, 15.00, 3.00, 6.00),
    released=datetime.date(2026, 7, 16),
    efforts=("low", "high", "max"),
    fixed_sampling=_FIXED,
    fixed_sampling_plain=_FIXED,
    refused=_REFUSED,
    tool_choices=frozenset({"auto", "none", "required"}),
    reasoning_on_every_turn=True,
    dynamic_tools=True,
    batch=False,
    open_weights=True,
    template=_K3_TEMPLATE,
)
_K3_1 = replace(
    _K3, id="kimi-k3.1-pro", price=Price(0.20, 2.0, 10.0, 2.0, 4.0), released=datetime.date(2026, 10, 23), batch=None
)
_K2_7 = ModelSpec(
    id="kimi-k2.7-code",
    context_window=_256K,
    default_output=32_768,
    max_output=_256K,
    price=Price(0.19, 0.95, 4.00),
    released=datetime.date(2026, 6, 12),
    retires=_K2_END,
    successor="kimi-k3",
    thinking_field=frozenset({"enabled"}),
    keep_field=True,
    fixed_sampling=_FIXED,
    fixed_sampling_plain=_FIXED,
    refused=_REFUSED,
    tool_choices=_FREE_CHOICES,
    blank_reasoning_refused=True,
)
_K2_6 = replace(
    _K2_7,
    id="kimi-k2.6",
    price=Price(0.16, 0.95, 4.00),
    released=datetime.date(2026, 4, 20),
    thinking="switchable",
    thinking_field=frozenset({"enabled", "disabled"}),
    keeps_thinking=False,
    fixed_sampling_plain=_FIXED_PLAIN,
    open_weights=True,
    batch=True,
)
_K2_5 = replace(
    _K2_6,
    id="kimi-k2.5",
    price=Price(0.10, 0.60, 3.00),
    released=None,
    retires=_2026_08_31,
    successor="kimi-k3",
    keep_field=False,
)
_V1 = ModelSpec(
    id="moonshot-v1-8k",
    context_window=8_192,
    default_output=1_024,
    max_output=8_192,
    price=Price(0.20, 0.20, 2.00),
    retires=_2026_08_31,
    successor="kimi-k3",
    images=False,
    videos=False,
    thinking="none",
    keeps_thinking=False,
    batch=True,
    open_weights=False,
    template=PromptTemplate(thinks=False, typescript=False),  # never published; as K2's, without its system message
)
_K2 = replace(
    _V1,
    id="kimi-k2-0905-preview",
    context_window=_256K,
    default_output=32_768,
    max_output=_256K,
    price=None,
    retires=_2026_05_25,
    batch=None,
    open_weights=True,
    template=_K2_TEMPLATE,
)
_K2_THINKING = replace(_K2, thinking="always", template=replace(_K2_TEMPLATE, thinks=True))


def _v1(suffix: str, window: int, price: Price, **changes: object) -> ModelSpec:
    return replace(
        _V1,
        id=f"moonshot-v1-{suffix}",
        context_window=window,
        max_output=window,
        price=price,
        **changes,  # type: ignore[arg-type]
    )


def _table(*specs: ModelSpec) -> Mapping[str, ModelSpec]:
    return MappingProxyType({spec.id: spec for spec in specs})


MODELS: Mapping[str, ModelSpec] = _table(
    _K3_1,
    replace(_K3_1, id="kimi-k3.1-pro-highspeed", price=Price(0.20, 4.0, 20.0, 4.0, 8.0)),
    _K3,
    _K2_7,
    replace(_K2_7, id="kimi-k2.7-code-highspeed", price=Price(0.38, 1.90, 8.00), released=datetime.date(2026, 6, 15)),
    _K2_6,
    _K2_5,
    _v1("8k", 8_192, Price(0.20, 0.20, 2.00)),
    _v1("32k", 32_768, Price(1.00, 1.00, 3.00)),
    _v1("128k", 131_072, Price(2.00, 2.00, 5.00)),
    _v1("auto", 131_072, Price(2.00, 2.00, 5.00)),
    _v1("8k-vision-preview", 8_192, Price(0.20, 0.20, 2.00), images=True),
    _v1("32k-vision-preview", 32_768, Price(1.00, 1.00, 3.00), images=True),
    _v1("128k-vision-preview", 131_072, Price(2.00, 2.00, 5.00), images=True),
    _K2,
    replace(_K2, id="kimi-k2-0711-preview", context_window=131_072, max_output=131_072),
    replace(_K2, id="kimi-k2-turbo-preview"),
    replace(_K2_THINKING, id="kimi-k2-thinking"),
    replace(_K2_THINKING, id="kimi-k2-thinking-turbo"),
    replace(
        _V1,
        id="kimi-latest",
        price=None,
        context_window=131_072,
        max_output=131_072,
        retires=datetime.date(2026, 1, 28),
    ),
    replace(
        _V1,
        id="kimi-thinking-preview",
        price=None,
        context_window=131_072,
        max_output=131_072,
        thinking="always",
        retires=datetime.date(2025, 11, 11),
    ),
)
"""Every model id that the platform serves or served, newest first."""


def current_models(today: datetime.date | None = None) -> list[str]:
    """Ids that the platform serves on `today`."""
    return [spec.id for spec in MODELS.values() if not spec.retired(today)]


def find_model(model: str) -> ModelSpec | None:
    """The row of `MODELS` for an id in any host's spelling, or None. Says nothing about unknown ids."""
    return MODELS.get(_key(model))


def is_kimi(model: str) -> bool:
    """Whether a name, in any host's spelling, is that of a Kimi model, also of one that `MODELS` does not know."""
    return find_model(model) is not None or re.search(r"(?<![a-z])kimi(?![a-z])", model.lower()) is not None


def closest_model(model: str) -> str | None:
    """The current id spelled most like `model`, or None when nothing is near."""
    matches = difflib.get_close_matches(_key(model), current_models(), n=1, cutoff=0.6)
    return matches[0] if matches else None


# What stands behind a model's name in names of files and repositories: formats, kinds of quantisation, their sizes,
# parts of a file.
_WEIGHTS = re.compile(
    r"(gguf|safetensors|mlx|awq|gptq|exl[23]|ud|instruct|base|quantized|dynamic|fp\d+|nvfp4|mxfp4|bf16|int[48]|w\d+a\d+"
    r"|[48]bit|i?q\d\w*|tq\d\w*|k|[sml]|x+[sl]|\d{5}|of)"
)
_WEIGHT_NAMES = {
    "kimi-k2-instruct-0905": "kimi-k2-0905-preview",
    "kimi-k2-instruct": "kimi-k2-0711-preview",
}
"""Repositories of open weights whose name is not the platform's id."""


@lru_cache(maxsize=256)
def _key(model: str) -> str:
    """The id in `MODELS` that a host's own spelling means; in lower case, without the path, if there is none.

    Understood are a path and a variant (`moonshotai/Kimi-K2.6:free`), repositories and files of weights
    (`unsloth/Kimi-K2.6-GGUF`, `Kimi-K2.6-UD-Q2_K_XL.gguf`), and a proxy's prefix (`oai-kimi-k2.6`).
    """
    name = model.rsplit("/", 1)[-1].partition(":")[0].lower()
    if name in MODELS:
        return name
    best = ""
    for known in (*MODELS, *_WEIGHT_NAMES):
        start = name.find(known)
        if start < 0 or (start and name[start - 1] not in "-_.") or len(known) <= len(best):
            continue
        rest = name[start + len(known) :]
        if not rest or (rest[0] in "-_." and all(_WEIGHTS.fullmatch(word) for word in re.split("[-_.]", rest[1:]))):
            best = known
    return _WEIGHT_NAMES.get(best, best) or name


_installed: Mapping[str, ModelSpec] = MappingProxyType({})


def install(specs: Mapping[str, ModelSpec]) -> None:
    """Let these specs, by id, go before `MODELS` in this process; an empty mapping takes them back.

    For what `kimi_api.account.merge_models` made of the server's own list. `MODELS` itself never changes.
    """
    global _installed
    _installed = MappingProxyType({_key(model): spec for model, spec in specs.items()})
    _look_up.cache_clear()


@lru_cache(maxsize=256)
def _look_up(model: str) -> ModelSpec:
    spec = _installed.get(_key(model)) or find_model(model)
    if spec is not None:
        return spec
    return replace(_K3_1, id=model, price=None, released=None, known=False)


def prompt_template(model: str) -> PromptTemplate:
    """How prompts of `model` are put together; the newest family's for an unknown id. Warns of nothing."""
    return _look_up(model).template


def listed_price(model: str) -> Price | None:
    """The platform's price of `model`; None for ids that it does not serve under just this name. Warns of nothing."""
    spec = _installed.get(model.lower()) or MODELS.get(model.lower())
    return spec.price if spec else None


def _catalogue_row(model: str) -> ModelSpec:
    spec = _look_up(model) if isinstance(model, str) else None
    if spec is None or not spec.known:
        near = closest_model(model) if isinstance(model, str) else None
        raise KimiInputError(
            "catalog_model",
            model,
            "it is the id of a model in the catalogue, which an alias stands for",
            (f"did you mean {near!r}? " if near else "") + f"Known today: {', '.join(current_models())}",
        )
    return spec


def get_model_spec(model: str, *, platform: bool = True, catalog_model: str | None = None) -> ModelSpec:
    """The rules of `model`, or those of `catalog_model` where `model` is an alias that stands for it.

    `platform=False` is for other hosts, which serve models that are no Kimi as well: an id that is not in the table has
    no rules there, and its window and outputs are 0, which means that nobody knows them.

    An id that is not in the table gets the newest family's rules and one warning per process, never a refusal:
    accounts see different lists, and new models come faster than releases of this package.

    Raises:
        KimiInputError: `model` is not a non-empty string without blanks, `catalog_model` is not in the catalogue.
    """
    if not isinstance(model, str) or not model or model != model.strip() or any(c.isspace() for c in model):
        raise KimiInputError(
            "model", model, "a model id is a non-empty word", f"use one of {', '.join(current_models())}"
        )
    if catalog_model is not None:
        return _catalogue_row(catalog_model)
    spec = _look_up(model)
    if not spec.known and not platform:
        return ModelSpec(model, 0, 0, 0, thinking="switchable", known=False)
    if not spec.known:
        near = closest_model(model)
        warn_once(
            ("model", model),
            f"model {model!r} is not in the catalogue, so it gets the rules of {_K3_1.id}"
            + (f"; did you mean {near!r}?" if near else ".")
            + f" Known today: {', '.join(current_models())}.",
        )
    return spec
