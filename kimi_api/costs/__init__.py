"""What calls cost: one call by the catalogue's prices, and a tally of many calls, with a table and a plot of them.

Prices are the international platform's list prices in USD, as data with a date in `kimi_api.catalog`
(https://platform.kimi.ai/docs/pricing/chat-k3). Other platforms and hosts have prices of their own: give them as
`prices`. Fees that are not counted in tokens, such as that of web search, are not included.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kimi_api.catalog import Price
from kimi_api.costs._price import CacheTtl, Cost, cost, price_of, price_usage, priced
from kimi_api.costs._records import CallCost, ModelCosts
from kimi_api.costs._tally import CostTally

if TYPE_CHECKING:
    from kimi_api.costs._plot import Plot

__all__ = [
    "CacheTtl",
    "CallCost",
    "Cost",
    "CostTally",
    "ModelCosts",
    "Plot",
    "Price",
    "cost",
    "price_of",
    "price_usage",
    "priced",
]

if not TYPE_CHECKING:  # a type checker that sees it accepts every name

    def __getattr__(name: str) -> object:
        if name == "Plot":  # drawing is loaded where somebody draws
            from kimi_api.costs import _plot

            return _plot.Plot
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
