"""The names that a `Kimi` understands: its own, and those people bring from the OpenAI-like classes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import Any

from kimi_api._transport.connection import ADDRESS_ALIASES, as_limits
from kimi_api.options import ALIASES, PASSED_ON, ChatOptions, by_field, merge

OPTIONS = frozenset(field.name for field in fields(ChatOptions))

_FIELD_ALIASES: Mapping[str, str] = {
    **ADDRESS_ALIASES,
    "model_name": "model",
    "max_completion_tokens": "max_tokens",
    "stop_sequences": "stop",
    "model_kwargs": "additional_kwargs",
}


def constructor_settings(given: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
    """`given` under the names of the fields.

    Raises:
        KimiInputError: a name that is neither a field nor an alias, with the nearest one; or two names for one field.
    """
    named = by_field(given, known, _FIELD_ALIASES, merging="additional_kwargs")
    if named.get("account_limits") is not None:
        named["account_limits"] = as_limits(named["account_limits"])
    return named


def as_options(extra: Mapping[str, Any]) -> dict[str, Any]:
    """`additional_kwargs` as changes for `ChatOptions.with_changes`; what is no option goes into the body as it is."""
    options: dict[str, Any] = {}
    body: dict[str, Any] = {}
    for name, value in extra.items():
        if name in OPTIONS or name in ALIASES or name in PASSED_ON:
            options[name] = value
        else:
            body[name] = value
    if body:
        options["extra_body"] = merge(body, options.get("extra_body") or {})
    return options
