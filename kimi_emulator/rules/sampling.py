"""Rules on sampling values: `kimi-*` models take exactly one value for each, or none at all."""

from __future__ import annotations

from collections.abc import Callable

from kimi_emulator.platform.checks import ChatCheck
from kimi_emulator.rules.registry import rule

FIELDS = ("temperature", "top_p", "n", "presence_penalty", "frequency_penalty")


def _check_field(name: str) -> Callable[[ChatCheck], str | None]:
    def check_field(check: ChatCheck) -> str | None:
        sent = check.body.get(name)
        fixed = check.model.fixed_value(name, thinks=check.thinks)
        if sent is None or fixed is None:
            return None
        if isinstance(sent, int | float) and not isinstance(sent, bool) and sent == fixed:
            return None
        return f"invalid {name}: only {fixed:g} is allowed for this model"

    check_field.__doc__ = f"``{name}`` is absent or the model's one value (integer or float)."
    return check_field


for _name in FIELDS:
    rule(f"sampling.{_name}", source="recorded 400s; 0.6 is the temperature of K2.6 with thinking off")(
        _check_field(_name)
    )


RANGES: dict[str, tuple[float, float]] = {
    "temperature": (0, 1),
    "top_p": (0, 1),
    "n": (1, 5),
    "presence_penalty": (-2, 2),
    "frequency_penalty": (-2, 2),
}
"""What models that leave a field free take, both ends included; ``n`` is a whole number."""


@rule("sampling.range", source="models page, for moonshot-v1; wording ours", section="2.3")
def ranges(check: ChatCheck) -> str | None:
    """Where a model leaves a sampling field free, the value is a number within the field's range."""
    for name, (low, high) in RANGES.items():
        sent = check.body.get(name)
        if sent is None or check.model.fixed_value(name, thinks=check.thinks) is not None:
            continue
        number = isinstance(sent, int if name == "n" else int | float) and not isinstance(sent, bool)
        if not number or not low <= sent <= high:
            return f"invalid {name}: must be between {low:g} and {high:g}"
    return None


@rule("sampling.logprobs", source="recorded 400 on kimi-k3, though the published schema lists the field")
def logprobs(check: ChatCheck) -> str | None:
    """``logprobs`` is absent or false."""
    if check.body.get("logprobs") in (None, False) or not check.model.fixed_sampling:
        return None
    return "invalid logprobs: only false is allowed for this model"


@rule("sampling.top_logprobs", source="recorded 400 on kimi-k3")
def top_logprobs(check: ChatCheck) -> str | None:
    """``top_logprobs`` needs ``logprobs``."""
    if check.body.get("top_logprobs") is None or check.body.get("logprobs"):
        return None
    return "Invalid request: logprobs must be set to true if top_logprobs is used"


@rule("sampling.top_logprobs_range", source="chat page: 0 to 20; wording ours", section="3.1")
def top_logprobs_range(check: ChatCheck) -> str | None:
    """``top_logprobs`` is a whole number from 0 to 20."""
    sent = check.body.get("top_logprobs")
    if sent is None or (isinstance(sent, int) and not isinstance(sent, bool) and 0 <= sent <= 20):
        return None
    return "Invalid request: top_logprobs must be an integer between 0 and 20"


@rule("sampling.logit_bias", source="recorded 400 on kimi-k3")
def logit_bias(check: ChatCheck) -> str | None:
    """``logit_bias`` is absent."""
    return "Invalid request: logit_bias is not supported yet" if check.body.get("logit_bias") else None
