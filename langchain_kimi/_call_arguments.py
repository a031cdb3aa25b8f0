"""One call's keyword arguments, sorted by where they belong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import SecretStr

from kimi_api._settings.connection import take_transport
from langchain_kimi._tools import response_format, tools_to_wire

if TYPE_CHECKING:
    from kimi_api.settings import CallOptions

# Arguments that LangChain passes for other vendors' classes or for tracing. They are not for the request.
_NOT_FOR_US = frozenset({"stream", "ls_structured_output_format", "structured_output_format", "strict", "run_manager"})


Method = Literal["json_schema", "function_calling", "json_mode"]
"""How an object is asked for."""

PARSED = "parsed"
"""Our own argument: whether an object is made of the answer, by code that raises its own error if it cannot."""


class Call(NamedTuple):
    """A call's arguments: for the request, for the connection, for the adapter."""

    options: dict[str, Any]
    transport: CallOptions
    parsed: bool


def sort_arguments(stop: object, arguments: Mapping[str, Any]) -> Call:
    """Sort what LangChain hands to `_generate` and `_stream`. Unknown names are left for `ChatOptions.with_changes`.

    Raises:
        KimiInputError: a field that one call cannot change.
    """
    options: dict[str, Any] = {}
    left = dict(arguments)
    parsed = bool(left.pop(PARSED, False))
    transport = take_transport(left)
    for name, value in left.items():
        if name == "tools":  # mostly bound, and converted by then
            options[name] = value if _are_wire_tools(value) else tools_to_wire(value)
        elif name == "response_format":
            options[name] = value if value is None or isinstance(value, Mapping) else response_format(value)
        elif name not in _NOT_FOR_US:
            options[name] = value
    if stop is not None:
        options["stop"] = stop
    return Call(options, transport, parsed)


def _are_wire_tools(tools: object) -> bool:
    return isinstance(tools, list | tuple) and all(issubclass(kind, Mapping) for kind in set(map(type, tools)))


def as_secret(key: str | SecretStr | Callable[[], str] | None) -> SecretStr | Callable[[], str] | None:
    """A key that prints as asterisks; functions and None as they are."""
    return SecretStr(key) if isinstance(key, str) else key


def add_counts(total: dict[str, Any], counts: Mapping[str, Any]) -> None:
    """Add token counts to `total`, member by member."""
    for name, value in counts.items():
        if isinstance(value, Mapping):
            add_counts(total.setdefault(name, {}), value)
        elif isinstance(value, int):
            total[name] = total.get(name, 0) + value
