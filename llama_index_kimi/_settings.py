"""The names that a `Kimi` understands: its own, and those people bring from the OpenAI-like classes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import Any

from kimi_api.options import ALIASES, PASSED_ON, ChatOptions, by_field, merged

OPTIONS = frozenset(field.name for field in fields(ChatOptions))

CALL_NAMES = frozenset({"timeout", "max_retries", "extra_headers", "account_limits"})
"""Per-call arguments that concern the HTTP request rather than its body."""

_FIELD_ALIASES: Mapping[str, str] = {
    "api_base": "base_url",
    "openai_api_base": "base_url",
    "openai_api_key": "api_key",
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
    found = by_field(given, known, _FIELD_ALIASES, merging="additional_kwargs")
    if found.get("account_limits") is not None:
        found["account_limits"] = as_limits(found["account_limits"])
    return found


def as_limits(value: Any) -> Any:
    """The account's limits, also from the dict that a stored model holds."""
    if value is None:
        return None
    from kimi_api.limits import AccountLimits  # which few programs need

    return AccountLimits.of(value)


def as_options(extra: Mapping[str, Any]) -> dict[str, Any]:
    """`additional_kwargs` as changes for `ChatOptions.updated`; what is no option goes into the body as it is."""
    options: dict[str, Any] = {}
    body: dict[str, Any] = {}
    for name, value in extra.items():
        if name in OPTIONS or name in ALIASES or name in PASSED_ON:
            options[name] = value
        else:
            body[name] = value
    if body:
        options["extra_body"] = merged(body, options.get("extra_body") or {})
    return options
