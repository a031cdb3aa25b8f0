"""A tally of many calls: by model, and the latest ones one by one. Its lock is all that is not pure."""

from __future__ import annotations

import threading
import warnings
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kimi_api.catalog import Price
from kimi_api.costs._price import USD, CacheTtl, Cost, price_of, price_usage
from kimi_api.costs._records import CallCost, ModelCosts
from kimi_api.usage import Usage

if TYPE_CHECKING:
    from kimi_api.costs._plot import Plot

KEPT_CALLS = 1_000
"""So many calls are remembered one by one, for the plot; sums are of all calls."""


class CostTally:
    """Adds up the calls of a run, by model. Safe to share between threads and tasks.

    Args:
        prices: see `cost`.
        currency: see `cost`.
    """

    def __init__(self, prices: Mapping[str, Price] | None = None, currency: str = USD) -> None:
        self.prices: dict[str, Price] = dict(prices or {})
        self.currency = currency
        self._lock = threading.Lock()
        self._models: dict[str, ModelCosts] = {}
        self._recent: deque[CallCost] = deque(maxlen=KEPT_CALLS)
        self._begun = 0

    def begin(self) -> None:
        """A call has begun."""
        with self._lock:
            self._begun += 1

    def withdraw(self) -> None:
        """Take back a call that `begin` counted: its answer came from a cache of the framework's."""
        with self._lock:
            self._begun -= 1

    def add(
        self,
        model: str,
        usage: Usage,
        *,
        cache_ttl: CacheTtl = "5m",
        catalog_model: str | None = None,
        own_prices: Mapping[str, Price | None] | None = None,
    ) -> None:
        """Count a call that has been answered.

        Args:
            model: the id that answered.
            usage: what it counted.
            cache_ttl: see `cost`.
            catalog_model: whose price counts where `model` has none.
            own_prices: prices in USD by id that the caller's own catalogue says, and others' does not; None: unknown.
        """
        price = self._price_of(model, own_prices or {})
        if price is None and catalog_model is not None:
            price = self._price_of(catalog_model, own_prices or {})
        paid = None if price is None else price_usage(usage, price, cache_ttl=cache_ttl, currency=self.currency)
        with self._lock:
            self._recent.append(CallCost(model, usage, paid))
            known = self._models.get(model)
            if known is None:
                self._models[model] = ModelCosts(model, 1, usage + Usage(), paid)
                return
            total = known.cost + paid if known.cost is not None and paid is not None else None
            self._models[model] = ModelCosts(model, known.calls + 1, known.usage + usage, total)

    def _price_of(self, model: str, own_prices: Mapping[str, Price | None]) -> Price | None:
        if model in own_prices and model not in self.prices and self.currency == USD:
            return own_prices[model]
        return price_of(model, self.prices, self.currency)

    def reset(self) -> None:
        """Begin at nothing again. Calls under way are forgotten until they are answered."""
        with self._lock:
            self._models.clear()
            self._recent.clear()
            self._begun = 0

    @property
    def models(self) -> dict[str, ModelCosts]:
        """What has been counted, by model id, in the order of their first answers."""
        with self._lock:
            return dict(self._models)

    @property
    def recent_calls(self) -> list[CallCost]:
        """The last 1,000 calls that were answered with counts, one by one, in the order of their answers."""
        with self._lock:
            return list(self._recent)

    @property
    def calls(self) -> int:
        """Calls that were answered with counts."""
        return sum(each.calls for each in self.models.values())

    @property
    def usage(self) -> Usage:
        """Tokens of all models together."""
        return sum((each.usage for each in self.models.values()), Usage())

    @property
    def cost(self) -> Cost:
        """The cost of the calls of models with a known price. `unpriced` and `uncounted_calls` tell what is missing."""
        return sum((each.cost for each in self.models.values() if each.cost), Cost(currency=self.currency))

    @property
    def unpriced(self) -> list[str]:
        """Models whose calls are not in `cost`, because they have no price."""
        return [each.model for each in self.models.values() if each.cost is None]

    @property
    def uncounted_calls(self) -> int:
        """Calls that began and have given no counts: still under way, failed, broken off, or answered without.

        What a call that was broken off had been given by then is billed; how much that was, only the bill says.
        """
        with self._lock:
            return max(self._begun - sum(each.calls for each in self._models.values()), 0)

    @property
    def unmetered(self) -> int:
        """The former name of `uncounted_calls`."""
        warnings.warn("unmetered is now called uncounted_calls", DeprecationWarning, stacklevel=2)
        return self.uncounted_calls

    def as_dict(self) -> dict[str, Any]:
        """Everything, for JSON and logs."""
        return {
            "calls": self.calls,
            "cost": self.cost.as_dict(),
            "usage": self.usage.as_dict(),
            "models": [each.as_dict() for each in self.models.values()],
            "unpriced": self.unpriced,
            "uncounted_calls": self.uncounted_calls,
        }

    def plot(self, title: str = "") -> Plot:
        """A picture of `recent_calls`: tokens, share of the prompt that came from the cache, and cost, of each call.

        The last expression of a notebook's cell shows it; `plot().save("run.svg")` writes it. More calls than fit side
        by side are drawn as averages of neighbours.

        Args:
            title: stands above it; without one, `str(tally)` does.
        """
        from kimi_api.costs._plot import draw

        with self._lock:
            recent, answered = list(self._recent), sum(each.calls for each in self._models.values())
        return draw(recent, first=answered - len(recent) + 1, title=title or str(self), currency=self.currency)

    def _repr_html_(self) -> str:
        """What a notebook shows: a table of the models."""
        from kimi_api.costs._table import table

        return table(list(self.models.values()), currency=self.currency, uncounted_calls=self.uncounted_calls)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self})"

    def __str__(self) -> str:
        used, paid = self.usage, self.cost
        text = (
            f"{self.calls} call{'' if self.calls == 1 else 's'}, {used.prompt_tokens:,} tokens in "
            f"({used.cached_tokens:,} cached), {used.completion_tokens:,} out: {paid.total:.6f} {paid.currency}"
        )
        if self.unpriced:
            text += f", and no known price for {', '.join(self.unpriced)}"
        if self.uncounted_calls:
            text += f", and {self.uncounted_calls} without counts (under way, failed or broken off)"
        return text


class TallyHolder:
    """What the frameworks' handlers of costs offer of their `_tally`: sums, text, table and plot."""

    if TYPE_CHECKING:  # a class of pydantic's declares it as a private attribute
        _tally: CostTally

    @property
    def tally(self) -> CostTally:
        """Everything counted so far."""
        return self._tally

    @property
    def cost(self) -> Cost:
        """What the calls of models with a known price cost."""
        return self._tally.cost

    @property
    def total_cost(self) -> float:
        """The sum of `cost`."""
        return self._tally.cost.total

    def plot(self, title: str = "") -> Plot:
        """A picture of tokens, cached share and cost of each call: see `CostTally.plot`."""
        return self._tally.plot(title)

    def _repr_html_(self) -> str:
        return self._tally._repr_html_()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._tally})"

    def __str__(self) -> str:
        return str(self._tally)
