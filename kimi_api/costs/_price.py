"""What one call costs, by the catalogue's prices or the caller's own. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from kimi_api._warn import former_name
from kimi_api.catalog import CATALOG_PRICES, ModelSpec, Price, listed_price
from kimi_api.errors import KimiInputError
from kimi_api.usage import Usage, parse_usage

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
        """Each part times `share`."""
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
        by_model = options.get(CATALOG_PRICES)
        prices = {
            str(model): Price(**price) if isinstance(price, Mapping) else None
            for model, price in (by_model.items() if isinstance(by_model, Mapping) else ())
        }
        return cls(cache_ttl_of(options), options.get("catalog_model"), prices)
