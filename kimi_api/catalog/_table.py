"""The table: one row for every model id that the platform serves or served.

Facts were gathered on 2026-11-22 from https://platform.kimi.ai/docs/models,
https://platform.kimi.ai/docs/api/models-overview and https://platform.kimi.ai/docs/pricing/chat-k3, with answers
recorded from the live API where the pages disagree.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from kimi_api.catalog._specs import ModelSpec, Price, PromptTemplate, ToolChoiceKind

_FREE_CHOICES: frozenset[ToolChoiceKind] = frozenset({"auto", "none"})
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
