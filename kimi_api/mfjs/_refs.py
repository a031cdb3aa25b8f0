"""Where references lead, and which of their targets stay definitions. See `kimi_api.mfjs`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from kimi_api.errors import KimiInputError

Node = dict[str, Any]


ALL_TYPES = ("null", "boolean", "object", "array", "number", "string")

_MAPS = ("properties", "patternProperties")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems", "items")
_SINGLES = ("items", "additionalProperties", "additionalItems")
_INLINE_UP_TO = 60  # weight, roughly 400 bytes: smaller definitions read better where they are used


class References:
    """Where each `$ref` of one document leads, and which targets must stay definitions.

    A target stays when it is recursive, or when it is used twice and not small (copies of copies grow exponentially).
    """

    def __init__(self, root: object) -> None:
        self.root = root
        self.kept: dict[int, str] = {}
        self._definitions: dict[str, Any] | None = None
        self._targets: dict[str, Any] = {}
        if _mentions_ref(root):
            self._choose()

    def resolve(self, ref: str, path: str) -> object:
        """The schema that `ref` points to, in any local spelling: pointer, anchor, `$id`, nested definitions."""
        if ref not in self._targets:
            self._targets[ref] = self._find(ref, path)
        return self._targets[ref]

    def _find(self, ref: str, path: str) -> object:
        base = self.root.get("$id") if isinstance(self.root, dict) else None
        local = ref.removeprefix(base) if isinstance(base, str) and base else ref
        if local in ("", "#", "#/"):
            return self.root
        if local.startswith("#/"):
            target = self._walk([_unescape(part) for part in local[2:].split("/")])
            if isinstance(target, dict | bool):
                return target
        if self._definitions is None:
            self._definitions = dict(_names(self.root))
        nested = any(f"/{word}/" in local for word in ("$defs", "definitions"))
        for name in (ref, local.removeprefix("#"), _unescape(local.rsplit("/", 1)[-1]) if nested else ""):
            if name and isinstance(self._definitions.get(name), dict | bool):
                return self._definitions[name]
        if local.startswith("#"):
            rule = "a $ref must lead to a schema in the same document, and nothing is there"
            remedy = "add the missing definition, or correct the reference"
        else:
            rule = "Kimi resolves references inside the schema only"
            remedy = "copy the remote schema under $defs and refer to #/$defs/NAME"
        raise KimiInputError(f"$ref at {path or 'root'}", ref, rule, remedy)

    def _walk(self, parts: list[str]) -> object:
        at: Any = self.root
        for part in parts:
            if isinstance(at, dict):
                at = at.get(part)
            elif isinstance(at, list) and part.isdigit() and int(part) < len(at):
                at = at[int(part)]
            else:
                return None
        return at

    def _choose(self) -> None:
        """Tarjan over the targets for cycles, then weights bottom-up for the rest."""
        seen: dict[int, tuple[Any, list[Any], int]] = {}
        names: dict[int, str] = {}
        uses: dict[int, int] = {}

        def look(schema: object) -> list[Any]:
            targets: list[Any] = []
            weight = 0
            for path, sub in _subschemas(schema, ""):
                weight += 1 + len(sub) + len(str(sub.get("description", ""))) // 8
                ref = reference_in(sub)
                if ref is not None:
                    target = self.resolve(ref, path)
                    if isinstance(target, dict):
                        targets.append(target)
                        uses[id(target)] = uses.get(id(target), 0) + 1
                        names.setdefault(id(target), ref)
            seen[id(schema)] = (schema, targets, weight)
            return targets

        index: dict[int, int] = {}
        low: dict[int, int] = {}
        stack: list[int] = []
        waiting: set[int] = set()
        order: list[int] = []
        recursive: set[int] = set()

        def visit(schema: object) -> None:
            key = id(schema)
            index[key] = low[key] = len(index)
            stack.append(key)
            waiting.add(key)
            for target in look(schema):
                other = id(target)
                if other not in index:
                    visit(target)
                    low[key] = min(low[key], low[other])
                elif other in waiting:
                    low[key] = min(low[key], index[other])
                if other == key:
                    recursive.add(key)
            order.append(key)
            if low[key] == index[key]:
                group = [stack.pop()]
                while group[-1] != key:
                    group.append(stack.pop())
                waiting.difference_update(group)
                if len(group) > 1:
                    recursive.update(group)

        visit(self.root)
        total: dict[int, int] = {}
        taken: set[str] = set()
        for key in order:
            _, targets, weight = seen[key]
            total[key] = weight + sum(0 if id(t) in self.kept else total.get(id(t), 0) for t in targets)
            if key in names and (key in recursive or (uses[key] > 1 and total[key] > _INLINE_UP_TO)):
                self.kept[key] = ""
        for key in names:
            if key in self.kept:
                self.kept[key] = _fresh(names[key], taken)


def reference_in(schema: Node) -> str | None:
    """The reference a schema makes, whichever keyword its draft has for it."""
    for keyword in ("$ref", "$dynamicRef", "$recursiveRef"):
        if isinstance(schema.get(keyword), str):
            return schema[keyword]
    return None


def _mentions_ref(value: object) -> bool:
    if isinstance(value, dict):
        return reference_in(value) is not None or any(_mentions_ref(part) for part in value.values())
    return isinstance(value, list) and any(_mentions_ref(part) for part in value)


def _subschemas(schema: object, path: str) -> Iterator[tuple[str, Node]]:
    """`schema` and what is inside it, without following references or looking into data (default, enum, ...)."""
    if not isinstance(schema, dict):
        return
    yield path, schema
    for keyword in _MAPS:
        part = schema.get(keyword)
        if isinstance(part, dict):
            for name, sub in part.items():
                yield from _subschemas(sub, f"{path}.{keyword}.{name}".lstrip("."))
    for keyword in _LISTS:
        part = schema.get(keyword)
        if isinstance(part, list):
            for sub in part:
                yield from _subschemas(sub, f"{path}.{keyword}".lstrip("."))
    for keyword in _SINGLES:
        yield from _subschemas(schema.get(keyword), f"{path}.{keyword}".lstrip("."))


def _names(value: object) -> Iterator[tuple[str, Any]]:
    """Anchors, ids and nested definitions; of two with one name the outer one wins (it is yielded last)."""
    if isinstance(value, list):
        for part in value:
            yield from _names(part)
    if not isinstance(value, dict):
        return
    for key, part in value.items():
        if key not in ("enum", "const", "default", "examples"):
            yield from _names(part)
    for keyword in ("$defs", "definitions"):
        part = value.get(keyword)
        if isinstance(part, dict):
            yield from part.items()
    for keyword in ("$anchor", "$dynamicAnchor", "$id", "id"):
        if isinstance(value.get(keyword), str):
            yield value[keyword].removeprefix("#"), value


def _unescape(part: str) -> str:
    return unquote(part).replace("~1", "/").replace("~0", "~")


def _fresh(ref: str, taken: set[str]) -> str:
    # The prompt encoder prints `interface NAME`, and the checker refuses "/" in names.
    stem = re.sub(r"\W+", "_", _unescape(ref.rsplit("/", 1)[-1]), flags=re.ASCII).strip("_") or "Root"
    stem = f"_{stem}" if stem[0].isdigit() else stem
    name, count = stem, 1
    while name in taken:
        count += 1
        name = f"{stem}_{count}"
    taken.add(name)
    return name
