"""The client of a model, loader or reader, whose settings may change after it was made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from kimi_api._settings.connection import SETTINGS
from kimi_api.catalog import Catalog
from kimi_api.client import KimiClient

if TYPE_CHECKING:
    from kimi_api.errors import ErrorTypes

_HOST = ("base_url", "region", "catalog")
"""Settings that decide which models there are."""

Followed = tuple[dict[str, Any], KimiClient]
"""The settings that a client was made for, and the client."""


def follow(
    owner: object,
    known: Followed | None,
    *,
    names: tuple[str, ...] = SETTINGS,
    error_types: Callable[[], ErrorTypes] | None = None,
) -> Followed:
    """The client for the present settings of `owner`: the known one as long as they are the same, else a new one.

    A changed setting is used from the next request on, also a change inside a dict (headers, limits).

    Args:
        owner: a model or loader with attributes of these names.
        known: what the last call of this function gave, kept by `owner`.
        names: which of `SETTINGS` the owner has.
        error_types: see `KimiClient`.

    Raises:
        KimiInputError: a setting that cannot be.
    """
    settings: dict[str, Any] = {}
    for name in names:
        value = getattr(owner, name)
        settings[name] = dict(value) if isinstance(value, Mapping) and name != "catalog" else value
    if known is not None and known[0] == settings:
        return known
    client = KimiClient(**settings, error_types=error_types)
    if known is not None and _of_same_host(known, settings) and client.base_url == known[1].base_url:
        client.catalog = known[1].catalog
    return settings, client


def connection_of(model: object) -> Followed | None:
    """What `follow` gave a pydantic model last, which it keeps as its private attribute `_connection`.

    Each call reads it several times, and pydantic gives private attributes by `__getattr__`, which takes microseconds.
    """
    private = model.__pydantic_private__  # type: ignore[attr-defined]
    return private["_connection"] if private else None


def catalog_of(owner: object, known: Followed | None) -> Catalog | None:
    """The catalogue that counts for `owner`: what its client's host was asked for, else its own setting.

    Makes no client: a model without a key counts tokens, too.
    """
    own = owner.catalog  # type: ignore[attr-defined]
    if known is not None and _of_same_host(known, {name: getattr(owner, name) for name in _HOST}):
        return known[1].catalog
    return Catalog.of(own)


def _of_same_host(known: Followed, settings: Mapping[str, Any]) -> bool:
    """Whether what the known client learnt of its host holds under `settings`, too."""
    return all(known[0].get(name) == settings.get(name) for name in _HOST)
