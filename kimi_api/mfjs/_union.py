"""Alternatives -> one node: `anyOf`, or less where less says it. See `kimi_api.mfjs`."""

from __future__ import annotations

import json
from typing import Any

from kimi_api.mfjs._finish import sentences, short
from kimi_api.mfjs._refs import ALL_TYPES, Node
from kimi_api.mfjs._values import bare, by_json_value

MAX_ENUM = 1_000
MAX_BRANCHES = 500


class Weak(dict[str, Any]):
    """A closed node whose type was only implied by its keywords; a declared type beside it counts for more."""

    __slots__ = ("open",)

    def __init__(self, node: Node, alternatives: list[Node]) -> None:
        super().__init__(node)
        self.open = alternatives


def union(alternatives: list[Node], words: str) -> Node:
    """`anyOf`, with equal branches and plain enums of one type merged and all words on the top."""
    texts: dict[str, dict[str, None]] = {}
    branches: dict[str, Node] = {}
    enums: dict[str, dict[Any, Any]] = {}
    merged: list[tuple[Node, dict[Any, Any]]] = []
    for alternative in alternatives:
        branch = bare(alternative)
        text = alternative.get("description", "")
        if text:
            texts.setdefault(text, {})[label(branch)] = None
        if branch.keys() == {"type", "enum"}:
            known = enums.get(branch["type"])
            if known is not None and len(known) + len(branch["enum"]) <= MAX_ENUM:
                known.update(by_json_value(branch["enum"]))
                continue
            known = enums[branch["type"]] = by_json_value(branch["enum"])
            merged.append(({"type": branch["type"], "enum": []}, known))
            branches[str(len(merged))] = merged[-1][0]
            continue
        branches.setdefault(json.dumps(branch, sort_keys=True), branch)
    for branch, values in merged:
        branch["enum"] = list(values.values())
    kept_branches = list(branches.values())
    if len(kept_branches) > MAX_BRANCHES:
        kinds = dict.fromkeys(branch.get("type", "object") for branch in kept_branches)
        kept_branches = [{"type": kind} for kind in kinds]
    # Every type bare, or one branch that takes anything: no union is left.
    free = {branch["type"] for branch in kept_branches if branch.keys() == {"type"}}
    anything = any(branch.keys() <= {"default"} for branch in kept_branches) or free.issuperset(ALL_TYPES)
    # A label where the words are about some of the branches only; null needs no words of its own.
    others = sum(alternative.get("type") != "null" for alternative in alternatives)
    parts = [
        f"{', '.join(who)}: {text}" if others > 1 and len(who) < min(others, 4) else text for text, who in texts.items()
    ]
    text = sentences(words, *parts)
    if anything:
        return {"type": list(ALL_TYPES), "description": text} if text else {}
    node: Node = kept_branches[0] if len(kept_branches) == 1 else {"anyOf": kept_branches}
    return {**node, "description": text} if text else node


def alternatives_of(node: Node) -> list[Node]:
    """A closed node, opened again. Its own description is left to the caller."""
    if isinstance(node, Weak):
        return node.open
    if "anyOf" in node:
        return node["anyOf"]
    return [{}] if isinstance(node.get("type"), list) else [bare(node)]


def label(node: Node) -> str:
    """What a node is, in a few words."""
    if "$ref" in node:
        return node["$ref"][8:]
    if "anyOf" in node:
        return " or ".join(label(branch) for branch in node["anyOf"])
    if "enum" in node:
        return short(node["enum"], 60)[1:].removesuffix("]")
    kind = node.get("type", "any")
    if isinstance(kind, list):
        return "any"
    if kind == "array" and node.get("items"):
        return f"array of {label(node['items'])}"
    if kind == "object" and node.get("properties"):
        names = list(node["properties"])
        return f"object with {', '.join(names[:6])}" + (", ..." if len(names) > 6 else "")
    return kind
