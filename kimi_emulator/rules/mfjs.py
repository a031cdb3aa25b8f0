"""Rules on the schemas of a request: Moonshot Flavored JSON Schema.

What the platform was seen to refuse is refused always. The rest of what Moonshot's published checker refuses is
asked for by ``Emulator(mfjs="strict")``, and what the written dialect lacks by ``mfjs="ultra"``: how much of it the
platform enforces differs from report to report.
"""

from __future__ import annotations

from kimi_emulator.platform.checks import ChatCheck
from kimi_emulator.rules.registry import rule


def _details(place: str, path: str, message: str) -> str:
    # Recorded: with "Invalid request: " for response_format, without for tools.
    prefix = "Invalid request: " if place.startswith("response_format") else ""
    at = path or "root"
    return f"{prefix}{place} is not a valid moonshot flavored json schema, details: <At path '{at}': {message}>"


@rule("mfjs.root_object", source="users' live report for tools; the response_format twin: wording ours")
def root_object(check: ChatCheck) -> str | None:
    """The root of a schema says ``"type": "object"``; a tool without parameters fails here too."""
    text = 'type is required and must be "object"'
    for place, schema, _ in check.schemas():
        if isinstance(schema, dict) and schema.get("type") == "object":
            continue
        if place.startswith("tools"):
            return f"{place}.{text}"
        if "type" in schema or not ("$ref" in schema or "anyOf" in schema):
            return _details(place, "", text)
    return None


def _declare(topic: str, description: str, source: str) -> None:
    def look(check: ChatCheck) -> str | None:
        place, problem = check.schema_problems.get(topic, ("", None))
        return None if problem is None else _details(place, problem.path, problem.message)

    look.__doc__ = description
    rule(f"mfjs.{topic}", source=source)(look)


_declare(
    "anyof_type",
    "No ``type`` stands beside ``anyOf``: it belongs into the branches.",
    "live text, the most frequent of them",
)
_declare("items_array", "``items`` is one schema, not a list of them (``prefixItems`` passes).", "recorded 400")
_declare(
    "boolean_schema",
    "A subschema is an object, never true, false or a bare word.",
    "live text for a property given as true",
)
_declare("ref_type", "No ``type`` stands beside ``$ref``: it belongs into the target.", "live text")
_declare("ref_target", "References lead to ``#/$defs/`` or to the root.", "live text")
_declare("enum_type", "An ``enum`` has a ``type`` beside it.", "live text; Moonshot's own clients add the type")

_CHECKER = "text of Moonshot's published checker at level strict"
_declare("type", "Only with ``mfjs`` strict: a type is one of the seven; several of them stand alone.", _CHECKER)
_declare("enum", "Only with ``mfjs`` strict: the values of an ``enum`` fit its type.", _CHECKER)
_declare("any_of", "Only with ``mfjs`` strict: no keyword stands both beside ``anyOf`` and in a branch.", _CHECKER)
_declare("ref", "Only with ``mfjs`` strict: a reference has a target, and no keyword in common with it.", _CHECKER)
_declare("defs", "Only with ``mfjs`` strict: ``$defs`` holds schemas, without ``/`` in any name.", _CHECKER)
_declare(
    "object",
    "Only with ``mfjs`` strict: ``required`` names properties that exist, and no property is called like a keyword.",
    _CHECKER,
)
_declare("annotation", "Only with ``mfjs`` strict: ``description``, ``pattern`` and ``$id`` are texts.", _CHECKER)
_declare(
    "limits",
    "Only with ``mfjs`` strict: 30 levels, 120,000 bytes, 3,000 properties, 500 branches, 1,000 values.",
    _CHECKER,
)
_declare("recursion", "Only with ``mfjs`` strict: recursion can end.", _CHECKER)
_declare(
    "keyword",
    "Only with ``mfjs`` ultra: every keyword is one of the written dialect, where it may stand.",
    "text of Moonshot's published checker at level ultra",
)
