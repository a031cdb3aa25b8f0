"""How a schema is read: the objects in it, their types, where references lead; and what a problem with one is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

TYPES = ("null", "boolean", "object", "array", "number", "integer", "string")
WORDS = frozenset({"description", "title"})
ROOT_ONLY = frozenset({"$defs", "$id"})


class Problem(NamedTuple):
    """Something wrong at the dotted ``path`` ("" is the root)."""

    topic: str
    path: str
    message: str


def nodes_of(schema: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every schema object that is looked at, with its path."""
    stack: list[tuple[str, Mapping[str, Any]]] = [("", schema)]
    while stack:
        path, node = stack.pop()
        yield path, node
        dot = f"{path}." if path else ""
        for key in ("properties", "$defs"):
            children = node.get(key)
            if isinstance(children, dict):
                stack += [(f"{dot}{key}.{name}", child) for name, child in children.items() if isinstance(child, dict)]
        for key in ("items", "additionalProperties"):
            if isinstance(node.get(key), dict):
                stack.append((f"{dot}{key}", node[key]))
        branches = node.get("anyOf")
        if isinstance(branches, list):  # the live text does not number the branches
            stack += [(f"{dot}anyOf", branch) for branch in branches if isinstance(branch, dict)]


def kinds_of(node: Mapping[str, Any]) -> list[str]:
    """The types that an object names; words that are no type are left out."""
    kind = node.get("type")
    kinds = kind if isinstance(kind, list) else [kind]
    return [each for each in kinds if isinstance(each, str) and each in TYPES]


def below(path: str, key: str) -> str:
    """The path of a member."""
    return f"{path}.{key}" if path else key


def target_of(ref: str, root: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What a reference leads to; None where that is no schema."""
    if ref == "#":
        return root
    place: Any = root
    for name in ref.removeprefix("#/").split("/"):
        place = place.get(name) if isinstance(place, dict) else None
    return place if isinstance(place, dict) else None


def keys_in(value: Any) -> Iterator[str]:
    """Every key in `value`, however deep."""
    stack = [value]
    while stack:
        here = stack.pop()
        if isinstance(here, dict):
            yield from here
            stack += here.values()
        elif isinstance(here, list):
            stack += here
