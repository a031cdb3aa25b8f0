"""What a tally holds: the sums of a model, and single calls. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from kimi_api.costs._price import Cost
from kimi_api.usage import Usage


class CallCost(NamedTuple):
    """One call that was answered. `cost` is None when the model has no known price."""

    model: str
    usage: Usage
    cost: Cost | None


@dataclass(frozen=True, slots=True)
class ModelCosts:
    """What the calls of one model came to. `cost` is None when the model has no known price."""

    model: str
    calls: int
    usage: Usage
    cost: Cost | None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "model": self.model,
            "calls": self.calls,
            "usage": self.usage.as_dict(),
            "cost": self.cost.as_dict() if self.cost else None,
        }
