"""Listing a formula's functions and running one of them: the shapes of the official tools page."""

from __future__ import annotations

import json
import secrets
import string
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kimi_emulator.content import compact
from kimi_emulator.platform.formulas import functions
from kimi_emulator.platform.formulas.units import convert
from kimi_emulator.platform.search import look_up, seal
from kimi_emulator.platform.search.index import as_text
from kimi_emulator.settings import Settings

__all__ = ["FORMULAS", "run"]

_ALPHABET = string.ascii_lowercase + string.digits


@dataclass(frozen=True)
class Function:
    """One function of a formula. ``run`` gets the settings and the parsed arguments, and raises ``ValueError``."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    run: Callable[[Settings, Mapping[str, Any]], str]
    sealed: bool = False

    def tool(self) -> dict[str, Any]:
        """Its declaration, as a chat request takes it."""
        function = {"name": self.name, "description": self.description, "parameters": self.parameters}
        return {"type": "function", "function": function}


def _search(_: Settings, arguments: Mapping[str, Any]) -> str:
    query = functions.text(arguments, "query")
    return as_text(query, look_up(query))


def _object(required: tuple[str, ...], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


def _string(description: str) -> dict[str, str]:
    return {"type": "string", "description": description}


FORMULAS: Mapping[str, Mapping[str, Function]] = {
    uri: {function.name: function for function in members}
    for uri, members in {
        "moonshot/date:latest": [
            Function(
                "date",
                "Tell the current date, time and weekday, also in another time zone or some days from now",
                _object((), timezone=_string("IANA name, e.g. Asia/Shanghai"), days={"type": "integer"}),
                functions.date,
            )
        ],
        "moonshot/base64:latest": [
            Function(
                "base64_encode",
                "Encode a text as base64",
                _object(("text",), text=_string("What to encode")),
                functions.base64_encode,
            ),
            Function(
                "base64_decode",
                "Decode base64 into text",
                _object(("encoded",), encoded=_string("The base64")),
                functions.base64_decode,
            ),
        ],
        "moonshot/convert:latest": [
            Function(
                "convert",
                "Convert a value between units of length, mass, volume, area, time, speed, energy or temperature",
                _object(
                    ("value", "from_unit", "to_unit"),
                    value={"type": "number"},
                    from_unit=_string("Unit of the value, e.g. km"),
                    to_unit=_string("Unit to get, e.g. mile"),
                ),
                lambda _, arguments: convert(arguments),
            )
        ],
        "moonshot/random-choice:latest": [
            Function(
                "random_choice",
                "Choose at random among candidates",
                _object(
                    ("candidates",),
                    candidates={"type": "array", "items": {"type": "string"}},
                    count={"type": "integer", "description": "How many different ones; default 1"},
                ),
                functions.random_choice,
            )
        ],
        "moonshot/web-search:latest": [
            Function(
                "web_search",
                "Search the web for information",
                _object(("query",), query={"description": "What to search for", "type": "string"}),
                _search,
                sealed=True,
            )
        ],
    }.items()
}
"""Formulas by URI, their functions by name."""


def run(settings: Settings, uri: str, fiber: Mapping[str, Any]) -> dict[str, Any]:
    """Run a function of the formula ``uri`` and return the body that answers the fiber.

    ``fiber`` is as the rules let it pass. A function that fails is no error: the body says so.
    """
    function = FORMULAS[uri][fiber["name"]]
    status, context = "succeeded", {"input": compact({"name": function.name, "arguments": fiber["arguments"]})}
    try:
        output = function.run(settings, _parse(fiber["arguments"]))
    except (ValueError, OverflowError) as error:  # the second for numbers that no float can hold
        status = "failed"
        context["error"] = str(error)
    else:
        context |= {"encrypted_output": seal(output)} if function.sealed else {"output": output}
    return {
        "id": f"fiber-{_word(20)}",
        "object": "fiber",
        "created_at": int(time.time()),
        "lambda_id": f"lambda-{_word(20)}",
        "status": status,
        "context": context,
        "formula": uri,
        "organization_id": "staff",
        "project_id": f"proj-{secrets.token_hex(16)}",
    }


def _parse(arguments: str) -> dict[str, Any]:
    try:
        parsed = json.loads(arguments)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the arguments are not JSON: {error}") from None
    if not isinstance(parsed, dict):
        raise ValueError("the arguments are not a JSON object")
    return parsed


def _word(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
