"""What a user gives to the constructor of a model, loader or reader, under the names of its fields."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from kimi_api._settings.connection import as_limits, seconds
from kimi_api._settings.foreign import FOREIGN, from_reasoning, leave_out, note_ignored
from kimi_api._settings.names import ALIASES, PASSED_ON, call_only, unknown_name
from kimi_api._settings.wrong import wrong_setting
from kimi_api.catalog import Catalog
from kimi_api.errors import KimiInputError
from kimi_api.options import OPTION_NAMES, merge, spread

_DICTS = ("extra_body", "additional_kwargs")
"""Fields that may be given under several names: the dicts are merged, the later one on top."""

_WRITTEN = (*_DICTS, "response_format", "thinking")
"""Fields whose values go into the body as they are, and that frameworks write into traces."""


def constructor_settings(arguments: Mapping[str, Any], fields: Collection[str]) -> dict[str, Any]:
    """A constructor's arguments under the names of its fields, the rule of both adapters.

    None stands for the default of a field, whatever that is. Fields of the body without an option go into
    `extra_body`, as they do in a call; settings of other vendors' classes that mean nothing here are left out with one
    warning (`kimi_api._settings.foreign`).

    Args:
        given: what the user passed.
        fields: the fields' names; one that is also an alias counts as the field. `additional_kwargs` is spread where
            it is none.

    Raises:
        KimiInputError: a name that is none of these, with the nearest that is; two names of one field with values that
            differ; an argument of a call.
    """
    takes_body = "extra_body" in fields
    if takes_body and "additional_kwargs" not in fields:
        arguments = spread(arguments, fields)
    settings: dict[str, Any] = {}
    for name, value in arguments.items():
        field = name if name in fields else ALIASES.get(name, name)
        if field in fields:
            _put(settings, field, value, name, arguments)
        elif takes_body and field in PASSED_ON:
            if arguments.get("dialect", "platform") == "platform":
                note_ignored(name, value, arguments.get("unsupported", "warn"))
            if value is not None:
                _put(settings, "extra_body", {field: value}, name, arguments)
        elif takes_body and field == "reasoning":
            for meant, word in from_reasoning(value).items():
                _put(settings, meant, word, name, arguments)
        elif takes_body and field in FOREIGN:
            leave_out(name, value, arguments.get("unsupported", "warn"))
        elif takes_body and field in OPTION_NAMES:
            raise call_only(name, value)
        else:
            aliases = (alias for alias, meant in ALIASES.items() if meant in fields)
            raise unknown_name(name, (*fields, *aliases), body=takes_body)
    if settings.get("account_limits") is not None:
        settings["account_limits"] = as_limits(settings["account_limits"])
    if "catalog" in settings:
        settings["catalog"] = Catalog.of(settings["catalog"])
    if "timeout" in settings:
        settings["timeout"] = seconds(settings["timeout"])
    window = settings.get("context_window")
    if isinstance(window, int) and window < 1:
        raise wrong_setting("context_window", window)
    return settings


def _put(settings: dict[str, Any], field: str, value: object, name: str, arguments: Mapping[str, Any]) -> None:
    if value is None and field != "model":
        return
    if field in _WRITTEN and isinstance(value, Mapping) and value:
        from kimi_api._content.unsendable import endless  # which most models never need

        if (wrong := endless(value, name)) is not None:
            raise wrong
    before = settings.get(field)
    if field in _DICTS and isinstance(before, Mapping) and isinstance(value, Mapping):
        value = merge(before, value)
    elif field in settings and before != value:
        names = [each for each in arguments if each == field or ALIASES.get(each) == field]
        raise KimiInputError(
            name,
            value,
            f"{' and '.join(names)} are two names of one setting, so it was passed twice",
            "pass one of them",
        )
    settings[field] = value
