"""What satisfies two schemas at once: `allOf`, and siblings of `anyOf` and `$ref`. See `kimi_api.mfjs`."""

from __future__ import annotations

import math

from kimi_api.mfjs._finish import sentences
from kimi_api.mfjs._refs import ALL_TYPES, Node
from kimi_api.mfjs._union import MAX_BRANCHES, Weak, alternatives_of, union
from kimi_api.mfjs._values import add_description, bare, fits, same, within

_ORDER = (
    *("type", "properties", "required", "additionalProperties", "minItems", "maxItems", "items"),
    *("minLength", "maxLength", "minimum", "maximum", "enum", "default", "_weak"),
)
_BOUNDS = (("minLength", "maxLength"), ("minItems", "maxItems"), ("minimum", "maximum"))
_RANGES = frozenset(["minLength", "maxLength", "minimum", "maximum"])


class Merging:
    """The part of the `Walker` that joins alternatives: both of two lists, and one node out of several."""

    unsettled: bool
    _expanding: set[str]

    def note(self, path: str, text: str) -> None:
        """Record a change; given by the walker."""
        raise NotImplementedError

    def _expand(self, alternatives: list[Node], path: str) -> list[Node]:
        raise NotImplementedError

    def both(self, left: list[Node], right: list[Node], path: str) -> list[Node]:
        """The alternatives that satisfy one of `left` and one of `right`; `left` where they contradict each other."""
        if left == [{}] or left == right:
            return right
        if right == [{}]:
            return left
        before = set(self._expanding)
        left, right = self._expand(left, path), self._expand(right, path)
        if len(left) * len(right) > MAX_BRANCHES:
            self.note(path, "too many combinations: only the first part is kept")
            combined = left
        else:
            combined = [merged for one in left for other in right for merged in self._merge(one, other, path)]
        self._expanding = before
        if not combined:
            self.note(path, "parts that contradict each other: only the first is kept")
            return left or right
        return combined

    def _merge(self, one: Node, other: Node, path: str) -> list[Node]:
        text = sentences(one.get("description", ""), other.get("description", ""))
        one, other = bare(one), bare(other)
        if not one or not other or one == other:
            return add_description([one or other], text)
        for part in (one, other):
            if "$ref" in part:  # inside its own expansion
                return add_description([part], text)
        kind = one["type"]
        if kind != other["type"]:
            if {kind, other["type"]} != {"integer", "number"}:
                return []
            kind = "integer"
        merged = {**other, **one, "type": kind}
        if not ("_weak" in one and "_weak" in other):
            merged.pop("_weak", None)
        else:
            merged["_weak"] = min(one["_weak"], other["_weak"])
        if "enum" in one and "enum" in other:
            merged["enum"] = [value for value in one["enum"] if any(same(value, o) for o in other["enum"])]
        if kind == "integer" and "enum" in merged:
            merged["enum"] = [int(value) for value in merged["enum"] if value == int(value)]
        for low, high in _BOUNDS:
            if low in one and low in other:
                merged[low] = max(one[low], other[low])
            if high in one and high in other:
                merged[high] = min(one[high], other[high])
            if kind == "integer" and low == "minimum":
                merged.update({k: f(merged[k]) for k, f in ((low, math.ceil), (high, math.floor)) if k in merged})
            if merged.get(low, -math.inf) > merged.get(high, math.inf):
                return []
        if "enum" in merged:
            merged["enum"] = [value for value in merged["enum"] if within(merged, value)]
            merged = {keyword: value for keyword, value in merged.items() if keyword not in _RANGES}
            if not merged["enum"]:
                return []
        if "default" in merged and not fits(merged, merged["default"]):
            del merged["default"]
        if kind == "array" and "items" in one and "items" in other:
            merged["items"] = self._node_of_both(one["items"], other["items"], path)
        if kind == "object":
            self._merge_objects(one, other, merged, path)
        return add_description([{keyword: merged[keyword] for keyword in _ORDER if keyword in merged}], text)

    def _merge_objects(self, one: Node, other: Node, target: Node, path: str) -> None:
        left, right = one.get("properties", {}), other.get("properties", {})
        if left or right:
            merged = {}
            for name in [*left, *(name for name in right if name not in left)]:
                first = left[name] if name in left else one.get("additionalProperties")
                second = right[name] if name in right else other.get("additionalProperties")
                parts = [part for part in (first, second) if isinstance(part, dict)]
                merged[name] = parts[0] if len(parts) == 1 else self._node_of_both(parts[0], parts[1], path)
            target["properties"] = merged
        required = list(dict.fromkeys([*one.get("required", ()), *other.get("required", ())]))
        if required:
            target["required"] = required
        extras = [part["additionalProperties"] for part in (one, other) if "additionalProperties" in part]
        if False in extras:
            target["additionalProperties"] = False
        elif len(extras) == 2 and all(isinstance(extra, dict) for extra in extras):
            target["additionalProperties"] = self._node_of_both(extras[0], extras[1], path)
        elif extras:
            target["additionalProperties"] = next((extra for extra in extras if isinstance(extra, dict)), True)

    def _node_of_both(self, one: Node, other: Node, path: str) -> Node:
        words = sentences(one.get("description", ""), other.get("description", ""))
        return self.close(self.both(alternatives_of(one), alternatives_of(other), path), words)

    def close(self, alternatives: list[Node], words: str) -> Node:
        """One node out of alternatives (at least one)."""
        weak: list[Node] | None = None
        if any("_weak" in alternative for alternative in alternatives):
            weak = alternatives
            ranks = {alternative.get("_weak", 0) for alternative in alternatives}
            alternatives = [bare(a, "_weak") for a in alternatives if a.get("_weak", 0) == min(ranks)]
            self.unsettled = True
        if len(alternatives) == 1:
            node = alternatives[0]
            if words or "description" in node:
                node = {**node, "description": sentences(words, node.get("description", ""))}
                if len(node) == 1:
                    node = {"type": list(ALL_TYPES), **node}
        else:
            node = union(alternatives, words)
        return node if weak is None else Weak(node, weak)
