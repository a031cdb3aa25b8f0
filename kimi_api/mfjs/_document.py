"""A whole schema -> one in Moonshot's dialect, with an object at its root. See `kimi_api.mfjs` for the rules."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from kimi_api.errors import KimiInputError
from kimi_api.mfjs._finish import finish, fit, plain, sentences
from kimi_api.mfjs._nodes import Walker
from kimi_api.mfjs._refs import Node
from kimi_api.mfjs._union import alternatives_of, label

ROOT = "root"
"""The property that holds the value of a schema that is not an object."""

_SMALL = 15_000  # characters of JSON, below which no limit of size can be reached without references


class _Result(NamedTuple):
    schema: Node
    wrapped: bool
    notes: tuple[str, ...]


def normalize_schema(schema: object, *, where: str = "schema") -> Node:
    """`schema` in Moonshot's dialect, as a new dict with an object at its root.

    Args:
        schema: a JSON Schema of any draft (OpenAPI's additions too); None for a tool without parameters.
        where: what the schema belongs to, for error messages: `"tool 'search'"`.

    Raises:
        KimiInputError: nothing can satisfy it, a reference leads nowhere or out of the document, a definition demands
            itself without end, or it is larger than Kimi allows (120,000 bytes, 3,000 properties).
    """
    return plain(_convert_once(schema, where).schema, {})


def changes(schema: object, *, where: str = "schema") -> list[str]:
    """What `normalize_schema` would change, one line each with its path, in the order it was found. Titles aside.

    Raises:
        KimiInputError: as `normalize_schema` does.
    """
    return list(_convert_once(schema, where).notes)


def unwrap(schema: object, value: object) -> object:
    """The value that answers `schema`, out of the object a model sent for `normalize_schema(schema)`."""
    if isinstance(value, Mapping) and value.keys() == {ROOT} and _convert_once(schema, "schema").wrapped:
        return value[ROOT]
    return value


def json_text(schema: object, where: str) -> str:
    """The schema as JSON: the key of the cache, and a copy that belongs to nobody else."""
    try:
        return json.dumps(schema, default=_jsonable)
    except (TypeError, ValueError, RecursionError) as error:
        from kimi_api._content.unsendable import endless  # which a good schema never needs

        raise endless(schema, where) or KimiInputError(
            where, type(schema).__name__, f"a schema is a JSON document ({error})", "pass a dict of JSON values"
        ) from None


def _jsonable(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    return value.value if isinstance(value, Enum) else str(value)


def _convert_once(schema: object, where: str) -> _Result:
    text = json_text(schema, where)
    try:
        return _convert_text(text)
    except RecursionError:
        raise KimiInputError(
            where, schema, "a schema cannot nest that deeply", "flatten it, or pass parts as JSON text"
        ) from None
    except KimiInputError as error:
        raise KimiInputError(f"{where}, {error.what}", error.value, error.rule, error.remedy) from None


@lru_cache(maxsize=1024)
def _convert_text(text: str) -> _Result:
    first = result = _convert(json.loads(text), text)
    # What one pass writes out or merges can make a definition small or single enough to be written out too.
    for _ in range(5):
        if "$defs" not in result.schema:
            break
        previous = result.schema
        result = _convert(previous, json.dumps(previous))
        if result.schema == previous:
            break
    return _Result(result.schema, first.wrapped, first.notes)


def _convert(schema: object, text: str) -> _Result:
    if schema is not None and not isinstance(schema, dict | bool):
        raise KimiInputError("root", schema, "a schema is an object", 'start from {"type": "object", "properties": {}}')
    walker = Walker(schema)
    alternatives, words = walker.open({} if schema is None else schema, "", "", 0)
    if not alternatives:
        raise KimiInputError("root", schema, "it allows no value at all", "remove the contradiction or the false")
    objects = walker.objects(alternatives, "")
    if objects:
        root = _one_object(walker, [node or {"type": "object"} for node in objects], words)
        if len(objects) < len(alternatives) and alternatives != [{}] and "_weak" not in alternatives[-1]:
            walker.note("", "only the objects of the union are kept: arguments are an object")
    else:
        walker.note("", f"not an object: wrapped as the property {ROOT!r}")
        root = {"type": "object", "properties": {ROOT: walker.close(alternatives, words)}, "required": [ROOT]}
    root = _order(root)
    walker.define()
    defs = walker.defs
    if defs or walker.unsettled:
        root = finish(root, defs, walker.notes)
    if defs or len(text) > _SMALL or walker.deepest > 25:
        root = fit(root, walker.notes)
    return _Result(root, not objects, tuple(dict.fromkeys(walker.notes)))


def _one_object(walker: Walker, objects: list[Node], words: str) -> Node:
    """A root that is a union: "type" beside "anyOf" is refused by one check, no "type" by the other."""
    if len(objects) == 1:
        root = dict(objects[0])
    else:
        walker.note("", "the union at the root became one object")
        members = [node.get("properties", {}) for node in objects]
        needed = [node.get("required", []) for node in objects]
        properties = {}
        for name in dict.fromkeys(name for one in members for name in one):
            parts = [one[name] for one in members if name in one]
            union = [alternative for part in parts for alternative in alternatives_of(part)]
            description = sentences(*(part.get("description", "") for part in parts))
            properties[name] = parts[0] if all(part == parts[0] for part in parts) else walker.close(union, description)
        root = {"type": "object", "properties": properties}
        required = [name for name in needed[0] if all(name in one for one in needed)]
        if required:
            root["required"] = required
        extras = [node.get("additionalProperties") for node in objects]
        if extras[0] is not None and all(extra == extras[0] for extra in extras):
            root["additionalProperties"] = extras[0]
        shapes = dict.fromkeys(_shape(node, label_of) for node, label_of in zip(objects, members, strict=True))
        if len(shapes) > 1:
            words = sentences(words, f"Pass one of these combinations: {' or '.join(shapes)}.")
        root["description"] = sentences(*dict.fromkeys(node.get("description", "") for node in objects))
    text = sentences(words, root.pop("description", ""))
    return {**root, "description": text} if text else root


def _shape(node: Node, properties: Node) -> str:
    """`{kind: "cat", name, age?}`."""
    required = node.get("required", ())
    parts = []
    for name, sub in properties.items():
        constant = f": {label(sub)}" if len(sub.get("enum", ())) == 1 else ""
        parts.append(f"{name}{'' if name in required else '?'}{constant}")
    return f"{{{', '.join(parts)}}}"


def _order(root: Node) -> Node:
    ordered: Node = {"type": "object"}
    if "description" in root:
        ordered["description"] = root["description"]
    ordered["properties"] = root.get("properties", {})
    for keyword in ("required", "additionalProperties"):
        if keyword in root:
            ordered[keyword] = root[keyword]
    return ordered
