"""What each Kimi model can do, as data.

One table, `MODELS`, holds every rule that differs between models: windows, output budgets, thinking, sampling, tool
choice, prices, retirement. Nothing else in these packages branches on a model's name. A host's own facts
(`kimi_api.account.refresh`) go before it, in a `Catalog` that belongs to one client or model;
`set_process_catalog` sets one for the whole process.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import lru_cache

from kimi_api._warn import former_name, warn_once
from kimi_api.catalog._host import Catalog, plain_id
from kimi_api.catalog._specs import ModelSpec, Price, PromptTemplate, ToolChoiceKind, utc_today
from kimi_api.catalog._table import MODELS
from kimi_api.errors import KimiInputError

__all__ = [
    "DEFAULT_MODEL",
    "MODELS",
    "Catalog",
    "ModelSpec",
    "Price",
    "PromptTemplate",
    "ToolChoiceKind",
    "closest_model",
    "current_models",
    "find_model",
    "get_model_spec",
    "install",
    "listed_price",
    "process_catalog",
    "prompt_template",
    "set_process_catalog",
    "utc_today",
]

DEFAULT_MODEL = "kimi-k3"

_NEWEST = MODELS["kimi-k3.1-pro"]

_process_catalog = Catalog()


def set_process_catalog(specs: Mapping[str, ModelSpec]) -> None:
    """Let these specs, by id, go before `MODELS` in the whole process; an empty mapping takes them back.

    For what the program itself knows of models. What one host says belongs to its clients, and goes before both:
    `kimi_api.account.refresh`. `MODELS` itself never changes.

    Raises:
        KimiInputError: something else than `ModelSpec` by id.
    """
    global _process_catalog
    _process_catalog = Catalog(specs)
    _look_up.cache_clear()


install: Callable[[Mapping[str, ModelSpec]], None] = former_name("install", set_process_catalog)


def process_catalog() -> Catalog:
    """What `set_process_catalog` set in this process; empty as a rule."""
    return _process_catalog


def current_models(today: datetime.date | None = None, *, catalog: Mapping[str, ModelSpec] | None = None) -> list[str]:
    """Ids that the platform serves on `today` (in UTC now), released and not retired; those of `catalog` too."""
    rows = {**MODELS, **catalog} if catalog else MODELS
    day = today or utc_today()
    return [spec.id for spec in rows.values() if (spec.released or day) <= day and not spec.retired(day)]


def find_model(model: str) -> ModelSpec | None:
    """The row of `MODELS` for an id in any host's spelling, or None. Says nothing about unknown ids."""
    return MODELS.get(plain_id(model))


def is_kimi(model: str) -> bool:
    """Whether a name, in any host's spelling, is that of a Kimi model, also of one that `MODELS` does not know."""
    return find_model(model) is not None or re.search(r"(?<![a-z])kimi(?![a-z])", model.lower()) is not None


def closest_model(model: str, *, catalog: Mapping[str, ModelSpec] | None = None) -> str | None:
    """The current id spelled most like `model`, or None when nothing is near."""
    import difflib  # 0.6 ms, for what is rare

    matches = difflib.get_close_matches(plain_id(model), current_models(catalog=catalog), n=1, cutoff=0.6)
    return matches[0] if matches else None


@lru_cache(maxsize=256)
def _look_up(model: str) -> ModelSpec:
    spec = _process_catalog.find(model) or find_model(model)
    if spec is not None:
        return spec
    return replace(_NEWEST, id=model, price=None, released=None, known=False)


def _spec_in(catalog: Catalog | None, model: str) -> ModelSpec:
    """The spec of an id: a host's own, else the process's, else that of the newest family, which is not `known`."""
    spec = None if catalog is None else catalog.find(model)
    return _look_up(model) if spec is None else spec


def prompt_template(model: str, *, catalog: Mapping[str, ModelSpec] | None = None) -> PromptTemplate:
    """How prompts of `model` are put together; the newest family's for an unknown id. Warns of nothing."""
    return _spec_in(Catalog.of(catalog), model).template


def listed_price(model: str, *, catalog: Mapping[str, ModelSpec] | None = None) -> Price | None:
    """The price of `model`: from `catalog` if it has one, else the platform's.

    None for ids that are not served under just this name.

    Warns of nothing.
    """
    for rows in (catalog, _process_catalog, MODELS):
        spec = (rows.get(model) or rows.get(model.lower())) if rows else None
        if spec is not None:
            return spec.price
    return None


CATALOG_PRICES = "catalog_prices"
"""Under this name adapters show `shown_prices` among a call's settings, where they are not empty."""


def shown_prices(catalog: Catalog | None) -> dict[str, dict[str, float | None] | None]:
    """The prices of a model's own catalogue that differ from everybody's, as plain data, for those who add up costs."""
    prices: dict[str, dict[str, float | None] | None] = {}
    for model, spec in (catalog or {}).items():
        if spec.price != listed_price(model):
            prices[model] = None if spec.price is None else asdict(spec.price)
    return prices


def _catalog_row(model: str, catalog: Catalog | None) -> ModelSpec:
    spec = _spec_in(catalog, model) if isinstance(model, str) else None
    if spec is None or not spec.known:
        near = closest_model(model, catalog=catalog) if isinstance(model, str) else None
        raise KimiInputError(
            "catalog_model",
            model,
            "it must be the id of a model in the catalogue",
            (f"did you mean {near!r}? " if near else "") + f"Known today: {', '.join(current_models(catalog=catalog))}",
        )
    return spec


def get_model_spec(
    model: str,
    *,
    platform: bool = True,
    catalog_model: str | None = None,
    catalog: Mapping[str, ModelSpec] | None = None,
) -> ModelSpec:
    """The rules of `model`, or those of `catalog_model` where `model` is an alias that stands for it.

    `platform=False` is for other hosts, which serve models that are no Kimi as well: an id that is not in the table has
    no rules there, and its window and outputs are 0, which means that nobody knows them. `catalog` is what the host of
    the model says of its models: `client.catalog`.

    An id that is not in the table gets the newest family's rules and one warning per process, never a refusal:
    accounts see different lists, and new models come faster than releases of this package.

    Raises:
        KimiInputError: `model` is not a non-empty string without blanks, `catalog_model` is not in the catalogue.
    """
    rows = Catalog.of(catalog)
    if not isinstance(model, str) or not model or model != model.strip() or any(c.isspace() for c in model):
        raise KimiInputError(
            "model",
            model,
            "a model id is a non-empty word",
            f"use one of {', '.join(current_models(catalog=rows))}",
        )
    if catalog_model is not None:
        return _catalog_row(catalog_model, rows)
    spec = _spec_in(rows, model)
    if not spec.known and not platform:
        return ModelSpec(model, 0, 0, 0, thinking="switchable", known=False)
    if not spec.known and model.startswith("sk-"):
        remedy = 'pass api_key=..., and e.g. model="kimi-k3"'
        model_text = f"a word of {len(model)} characters that begins like a key"
        raise KimiInputError("model", model_text, "it is a model's id", remedy)
    if not spec.known:
        near = closest_model(model, catalog=rows)
        warn_once(
            ("model", model),
            f"model {model!r} is not in the catalogue, so it gets the rules of {_NEWEST.id}"
            + (f"; did you mean {near!r}?" if near else ".")
            + f" Known today: {', '.join(current_models(catalog=rows))}.",
        )
    return spec
