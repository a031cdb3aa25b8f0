"""Any JSON Schema -> Moonshot Flavored JSON Schema, the dialect that Kimi takes for tools and structured output.

One foreign keyword in one tool costs the whole request a 400 (`tools.function.parameters is not a valid moonshot
flavored json schema`), and what passes the check may still be cut out of the constrained decoding or be invisible to
the model. So everything is brought into the form that all of Moonshot's own tools keep unchanged:
https://github.com/MoonshotAI/walle, `docs/mfjs-spec.md`, level `ultra`; the gateway's `"type": "object"` at the root;
and the shapes that the K2.x prompt encoder can print.

What happens to a schema:

* references are written out; recursive ones, and large ones used twice, stay under `$defs` at the root;
* `allOf` is merged, `oneOf` becomes `anyOf`, what stands beside `anyOf` or `$ref` moves inside;
* `const` becomes an `enum` of one, an `enum` gets its type, type lists and `nullable` become `anyOf`;
* what the dialect cannot say (pattern, format, open bounds, multipleOf, tuples, dependencies, not, if, ...) becomes a
  sentence in `description`, and so do defaults that are no plain scalars;
* titles go, unless one is the only description and says more than the name.

The result is never narrower than the original, with exceptions that people mean: a schema without a type gets the type
that its keywords speak of; of a union at the root only the objects are kept, as one object, in which a property that
only one branch declares keeps that branch's schema.

The root of the result is always an object. A schema of another value is wrapped as `{"root": ...}`; `unwrap` takes the
value out again. The root's own description is not shown to K2.x models: `normalize_tool` repeats it where they see it.

Pure functions: nothing here mutates its argument or depends on anything but it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from enum import Enum
from functools import lru_cache
from typing import Any, NamedTuple

from kimi_api.errors import KimiInputError
from kimi_api.mfjs._finish import finish, fit, plain, sentences
from kimi_api.mfjs._nodes import Walker
from kimi_api.mfjs._refs import Node
from kimi_api.mfjs._union import alternatives_of, label

__all__ = ["NormalizedCache", "changes", "normalize_schema", "normalize_tool", "unwrap"]

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


def normalize_tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    """An OpenAI-style tool with its `parameters` normalised; other kinds of tools (`builtin_function`) unchanged.

    Words about the parameters as a whole move to the end of the function's description: K2.x models see that one only.
    """
    function = tool.get("function")
    if tool.get("type", "function") != "function" or not isinstance(function, Mapping):
        return dict(tool)
    name = function.get("name")
    schema = normalize_schema(function.get("parameters"), where=f"tool {name!r}")
    words = schema.pop("description", "")
    whole = {**function, "parameters": schema}
    if words:
        whole["description"] = sentences(str(function.get("description") or ""), words)
    return {**tool, "function": whole}


class NormalizedCache:
    """Remembers normalised tools, for callers that send the same ones with every request.

    An object that was seen before is recognised by identity and compared with a private copy, so that one changed in
    place is not mistaken for its former self; an equal object that is new (LlamaIndex makes one for each call) is
    recognised by its JSON text. Results are shared: treat them as read-only.

    Args:
        size: how many tools to remember; above that it forgets them all and starts over.

    Copies and pickles of a cache are empty. It may be shared between threads.
    """

    def __init__(self, size: int = 1024) -> None:
        self._size = size
        self._by_id: dict[int, tuple[Any, Any, dict[str, Any]]] = {}
        self._by_text: dict[str, dict[str, Any]] = {}

    def tools(self, tools: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """`normalize_tool` of each."""
        known = self._by_id.get
        normalized = []
        for tool in tools:
            entry = known(id(tool))
            if entry is not None and entry[0] is tool and entry[1] == tool:
                normalized.append(entry[2])
            else:
                normalized.append(self._look_up(tool))
        return normalized

    def _look_up(self, tool: Mapping[str, Any]) -> dict[str, Any]:
        text = _text(tool, "tool")
        result = self._by_text.get(text)
        if result is None:
            result = self._by_text[text] = normalize_tool(tool)
        if len(self._by_id) >= self._size:
            self._by_id = {}
        if len(self._by_text) > self._size:
            self._by_text = {text: result}
        self._by_id[id(tool)] = (tool, plain(tool, {}), result)
        return result

    def __reduce__(self) -> tuple[Any, ...]:
        return NormalizedCache, (self._size,)


def _text(schema: object, where: str) -> str:
    """The schema as JSON: the key of the cache, and a copy that belongs to nobody else."""
    try:
        return json.dumps(schema, default=_jsonable)
    except (TypeError, ValueError, RecursionError) as error:
        raise KimiInputError(
            where, type(schema).__name__, f"a schema is a JSON document ({error})", "pass a dict of JSON values"
        ) from None


def _jsonable(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    return value.value if isinstance(value, Enum) else str(value)


def _convert_once(schema: object, where: str) -> _Result:
    text = _text(schema, where)
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
        named = [node.get("properties", {}) for node in objects]
        needed = [node.get("required", []) for node in objects]
        properties = {}
        for name in dict.fromkeys(name for one in named for name in one):
            parts = [one[name] for one in named if name in one]
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
        shapes = dict.fromkeys(_shape(node, label_of) for node, label_of in zip(objects, named, strict=True))
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
