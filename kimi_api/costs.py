"""What calls cost: one call by the catalogue's prices, and a tally of many calls. Pure, but for the tally's lock.

Prices are the international platform's list prices in USD, as data with a date in `kimi_api.catalog`
(https://platform.kimi.ai/docs/pricing/chat-k3). Other platforms and hosts have prices of their own: give them as
`prices`. Fees that are not counted in tokens, such as that of web search, are not included.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from kimi_api._warn import former_name
from kimi_api.catalog import Catalog, ModelSpec, Price, listed_price
from kimi_api.errors import KimiInputError
from kimi_api.usage import Usage, parse_usage

__all__ = [
    "CacheTtl",
    "Cost",
    "CostTally",
    "ModelCosts",
    "Price",
    "cost",
    "price_of",
    "price_usage",
    "priced",
]

CacheTtl = Literal["5m", "1h"]
_TTLS = ("5m", "1h")
USD = "USD"
BATCH_SHARE = 0.6
"""What a batch costs of the same calls made live: https://platform.kimi.ai/docs/guide/use-batch-api."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What was paid for which tokens, in units of `currency`."""

    input: float = 0.0
    """Prompt tokens that were neither read from the prefix cache nor written to it."""
    cached: float = 0.0
    """Prompt tokens read from the cache."""
    write: float = 0.0
    """Prompt tokens written to it. Models without a price for writing have these in `input`."""
    output: float = 0.0
    """Answers, thinking included."""
    currency: str = USD

    @property
    def total(self) -> float:
        """All four together."""
        return self.input + self.cached + self.write + self.output

    def __add__(self, other: Cost) -> Cost:
        """Two calls together.

        Raises:
            KimiInputError: they are not in the same currency.
        """
        if other.currency != self.currency:
            raise KimiInputError(
                "currency", other.currency, f"the other cost is in {self.currency}", "add up each currency separately"
            )
        return Cost(
            self.input + other.input,
            self.cached + other.cached,
            self.write + other.write,
            self.output + other.output,
            self.currency,
        )

    def scale(self, share: float) -> Cost:
        """So much of each part."""
        return Cost(self.input * share, self.cached * share, self.write * share, self.output * share, self.currency)

    def as_dict(self) -> dict[str, Any]:
        """The four parts, their total and the currency, for JSON."""
        return {**{field.name: getattr(self, field.name) for field in fields(self)}, "total": self.total}


def cost(
    usage: Usage | Mapping[str, Any],
    model: str,
    *,
    cache_ttl: CacheTtl = "5m",
    batch: bool = False,
    prices: Mapping[str, Price] | None = None,
    currency: str = USD,
    catalog: Mapping[str, ModelSpec] | None = None,
) -> Cost | None:
    """What a call of `model` cost.

    Args:
        usage: a `Usage`, or the `usage` object of an answer.
        model: the id that answered.
        cache_ttl: how long written prefixes are kept: an hour costs twice what five minutes do.
        batch: whether it was a request of a batch, at 60 % of the price.
        prices: prices by id, per million tokens, that go before the catalogue's.
        currency: that of `prices`. The catalogue's prices are USD, and used for USD only.
        catalog: what the host of the model says of its models (`client.catalog`); goes before the platform's prices.

    Returns:
        None when no price is known for `model`: an id that is not the platform's, or none was published.

    Raises:
        KimiInputError: `usage` holds no counts, or `cache_ttl` is neither "5m" nor "1h".
    """
    counts = usage if isinstance(usage, Usage) else parse_usage(usage)
    if counts is None:
        raise KimiInputError(
            "usage", usage, "it is a Usage or the usage object of an answer", "pass reply.usage or answer['usage']"
        )
    price = price_of(model, prices, currency, catalog=catalog)
    if price is None:
        return None
    live_cost = price_usage(counts, price, cache_ttl=cache_ttl, currency=currency)
    return live_cost.scale(BATCH_SHARE) if batch else live_cost


def price_of(
    model: str,
    prices: Mapping[str, Price] | None = None,
    currency: str = USD,
    *,
    catalog: Mapping[str, ModelSpec] | None = None,
) -> Price | None:
    """The price of `model`: from `prices`, else (for USD) of `catalog`, the platform's list price, else None.

    An id as other hosts spell it (`moonshotai/kimi-k2.6`) names the same weights at another price, which only `prices`
    can know.
    """
    if prices and model in prices:
        return prices[model]
    return listed_price(model, catalog=catalog) if currency == USD else None


def price_usage(usage: Usage, price: Price, *, cache_ttl: CacheTtl = "5m", currency: str = USD) -> Cost:
    """The cost of `usage` at `price`. Read, written and other prompt tokens add up to the prompt."""
    if cache_ttl not in _TTLS:
        raise KimiInputError("cache_ttl", cache_ttl, "it is '5m' or '1h'", "leave it out for 5 minutes")
    return Cost(*price.parts(usage, hour=cache_ttl == "1h"), currency)


priced: Callable[..., Cost] = former_name("priced", price_usage)


def cache_ttl_of(options: Mapping[str, Any]) -> CacheTtl:
    """The cache's time to live in a call's options: `cache_ttl`, or `prompt_cache_options` as on the wire."""
    places = [options.get("cache_ttl")]
    for holder in (options, options.get("extra_body")):
        wire = holder.get("prompt_cache_options") if isinstance(holder, Mapping) else None
        places.append(wire.get("ttl") if isinstance(wire, Mapping) else None)
    return "1h" if "1h" in places else "5m"


class PriceTerms(NamedTuple):
    """What a call's options say about its price."""

    cache_ttl: CacheTtl = "5m"
    catalog_model: str | None = None
    own_prices: Mapping[str, Price | None] = MappingProxyType({})
    """Prices of the model's own catalogue that are not those of everybody."""

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> PriceTerms:
        """Those of the options that a framework shows of a call."""
        shown = options.get(CATALOG_PRICES)
        prices = {
            str(model): Price(**price) if isinstance(price, Mapping) else None
            for model, price in (shown.items() if isinstance(shown, Mapping) else ())
        }
        return cls(cache_ttl_of(options), options.get("catalog_model"), prices)


CATALOG_PRICES = "catalog_prices"
"""Under this name adapters show `shown_prices` among a call's settings, where they are not empty."""


def shown_prices(catalog: Catalog | None) -> dict[str, dict[str, float | None] | None]:
    """The prices of a model's own catalogue that differ from everybody's, as plain data, for those who add up costs."""
    prices: dict[str, dict[str, float | None] | None] = {}
    for model, spec in (catalog or {}).items():
        if spec.price != listed_price(model):
            prices[model] = None if spec.price is None else asdict(spec.price)
    return prices


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
        """A call that began has been answered.

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
            self._begun = 0

    @property
    def models(self) -> dict[str, ModelCosts]:
        """What has been counted, by model id, in the order of their first answers."""
        with self._lock:
            return dict(self._models)

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
        """Models whose calls are not in `cost`, for want of a price."""
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
