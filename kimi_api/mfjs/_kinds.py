"""The keywords of strings, numbers, arrays and objects. See `kimi_api.mfjs`."""

from __future__ import annotations

import json
import math
from typing import Any

from kimi_api.mfjs._finish import short
from kimi_api.mfjs._merge import Merging
from kimi_api.mfjs._refs import ALL_TYPES, Node, References, reference_in
from kimi_api.mfjs._union import Weak, alternatives_of, label
from kimi_api.mfjs._values import bare, is_impossible, is_number, number_at, outward, strings

_RESERVED = frozenset(["", "$defs", "$ref", "anyOf", "required", "additionalProperties"])


class Kinds(Merging):
    """The part of the `Walker` that converts a schema of one declared type."""

    refs: References

    def node(self, schema: object, path: str, name: str, depth: int) -> Node | None:
        """Convert a schema below this one; given by the walker."""
        raise NotImplementedError

    def _string(self, schema: Node, kind: str, path: str, depth: int, words: list[str]) -> Node:
        node: Node = {"type": kind}
        self._lengths(schema, node, "minLength", "maxLength", words)
        for keyword, text in (
            ("pattern", "Must match the regular expression `{}`."),
            ("format", "Format: {}."),
            ("contentEncoding", "Content encoding: {}."),
            ("contentMediaType", "Content type: {}."),
        ):
            if isinstance(schema.get(keyword), str) and schema[keyword]:
                words.append(text.format(schema[keyword]))
                self.note(path, f"{keyword} moved into the description")
        return node

    def _number(self, schema: Node, kind: str, path: str, depth: int, words: list[str]) -> Node:
        low, high = number_at(schema, "minimum"), number_at(schema, "maximum")
        for keyword, is_low in (("exclusiveMinimum", True), ("exclusiveMaximum", False)):
            bound: Any = schema.get(keyword)
            if bound is True:  # draft 4
                bound = low if is_low else high
            bound = bound if is_number(bound) else None
            if bound is None:
                continue
            if kind == "integer":
                bound = math.floor(bound) + 1 if is_low else math.ceil(bound) - 1
                self.note(path, f"{keyword} became an inclusive bound")
            else:
                words.append(f"Must be {'greater' if is_low else 'less'} than {bound}.")
                self.note(path, f"{keyword} became an inclusive bound and words")
            if is_low:
                low = bound if low is None else max(low, bound)
            else:
                high = bound if high is None else min(high, bound)
        if kind == "integer":
            low = None if low is None else math.ceil(low)
            high = None if high is None else math.floor(high)
        node: Node = {"type": kind}
        if low is not None and high is not None and low > high:
            words.append(f"At least {low}, at most {high}.")
            low = high = None
        if (low := outward(low, up=False)) is not None:
            node["minimum"] = low
        if (high := outward(high, up=True)) is not None:
            node["maximum"] = high
        if is_number(schema.get("multipleOf")):
            words.append(f"Must be a multiple of {schema['multipleOf']}.")
            self.note(path, "multipleOf moved into the description")
        return node

    def _lengths(self, schema: Node, node: Node, low_key: str, high_key: str, words: list[str]) -> None:
        low, high = number_at(schema, low_key), number_at(schema, high_key)
        low = None if low is None or low <= 0 else math.ceil(low)
        high = None if high is None or high < 0 else math.floor(high)
        if low is not None and high is not None and low > high:
            words.append(f"Length at least {low}, at most {high}.")
            return
        if low is not None and low < 2**53:
            node[low_key] = low
        if high is not None and high < 2**53:
            node[high_key] = high

    def _array(self, schema: Node, kind: str, path: str, depth: int, words: list[str]) -> Node:
        array: Node = {"type": kind}
        self._lengths(schema, array, "minItems", "maxItems", words)
        where = f"{path}.items".lstrip(".")
        items = schema.get("items")
        ordered = schema.get("prefixItems")
        rest: Any = items if items is not None else True
        if isinstance(items, list):
            ordered, rest = items, schema.get("additionalItems", True)
        if isinstance(ordered, list) and ordered:
            nodes = [self.node(item, where, "", depth + 1) for item in ordered]
            listing = ", ".join("nothing" if node is None else label(node) for node in nodes)
            words.append(f"Items in order: {listing}.")
            self.note(path, "tuple became a list of any of its item types")
            closed = rest is False
            if closed:
                array["maxItems"] = min(array.get("maxItems", len(ordered)), len(ordered))
                if array.get("minItems", 0) > array["maxItems"]:
                    del array["minItems"]
            if not closed and array.get("maxItems", math.inf) > len(ordered):
                nodes.append(self.node(rest, where, "", depth + 1) if rest is not True else {})
            union = [alternative for node in nodes if node is not None for alternative in alternatives_of(node)]
            if union and not any(alternative == {} for alternative in map(bare, union)):
                # The text gives the order; a text of one item would seem to be about all.
                array["items"] = self.close([bare(alternative) for alternative in union], "")
        elif items is not None:
            node = self.node(items, where, "", depth + 1) if items is not True else {}
            if node is None:
                array.pop("minItems", None)
                array["maxItems"] = 0
            else:
                array["items"] = node
        if schema.get("uniqueItems") is True:
            words.append("Items must be unique.")
            self.note(path, "uniqueItems moved into the description")
        if "contains" in schema:
            bounds = [f"{k} {schema[k]}" for k in ("minContains", "maxContains") if is_number(schema.get(k))]
            counted = f" ({', '.join(bounds)})" if bounds else ""
            words.append(f"Must contain an item like{counted}: {short(schema['contains'])}.")
            self.note(path, "contains moved into the description")
        return array

    def _object(self, schema: Node, kind: str, path: str, depth: int, words: list[str]) -> Node:
        result: Node = {"type": kind}
        extra: Any = schema.get("additionalProperties")
        extra = extra if isinstance(extra, dict | bool) else None
        if isinstance(extra, dict):
            extra = self.node(extra, f"{path}.additionalProperties".lstrip("."), "", depth + 1)
            extra = False if extra is None else True if extra == {} else extra
        declared = schema.get("properties")
        properties: dict[str, Node] = {}
        if isinstance(declared, dict):
            prefix = f"{path}.properties." if path else "properties."
            for name, sub in declared.items():
                node = self.node(sub, prefix + name, name, depth + 1)
                if node is None:
                    self.note(prefix + name, "allows no value and was left out")
                else:
                    properties[name] = node
        patterns = schema.get("patternProperties")
        if isinstance(patterns, dict) and patterns:
            for pattern, sub in patterns.items():
                words.append(f"Names matching {pattern} hold: {short(sub)}.")
            self.note(path, "patternProperties moved into the description")
            extra = self._widen(extra, patterns, path, depth)
        required = [
            name for name in strings(schema.get("required")) if name in properties or not is_impossible(declared, name)
        ]
        for name in required:
            if name not in properties:
                properties[name] = extra if isinstance(extra, dict) else {}
                self.note(path, f"required name {name!r} had no property of its own")
        if isinstance(extra, dict) and "description" in extra:
            # Not shown by the prompt encoder below additionalProperties.
            words.append(f"Values: {extra['description']}")
            extra = self._without_words(extra)
        refused = [name for name in properties if name in _RESERVED]
        if refused:
            # "property name 'X' is reserved for JSON Schema keywords"
            for name in refused:
                mark = " (required)" if name in required else ""
                words.append(f"Also takes {json.dumps(name)}{mark}: {short(properties.pop(name))}.")
            required = [name for name in required if name not in refused]
            self.note(path, f"properties {', '.join(refused)} have reserved names and moved into the description")
            extra = None
        self.unsettled = self.unsettled or any("{" in name for name in properties)
        if properties or isinstance(declared, dict):
            result["properties"] = properties
        if required:
            result["required"] = required
        if extra is not None:
            result["additionalProperties"] = extra
        self._say_object(schema, path, words)
        return result

    def _widen(self, extra: object, patterns: Node, path: str, depth: int) -> object:
        if extra is None or extra is True:
            return extra
        nodes = [self.node(sub, f"{path}.patternProperties".lstrip("."), "", depth + 1) for sub in patterns.values()]
        union = [a for node in [*nodes, extra or None] if node is not None for a in alternatives_of(node)]
        return self.close([bare(a) for a in union], "") or True if union else False

    @staticmethod
    def _without_words(node: Node) -> Node | bool:
        bare = {key: value for key, value in node.items() if key != "description"}
        if bare.get("type") == list(ALL_TYPES):
            return True
        return Weak(bare, node.open) if isinstance(node, Weak) else bare

    def _say_object(self, schema: Node, path: str, words: list[str]) -> None:
        for keyword, text in (("minProperties", "at least"), ("maxProperties", "at most")):
            if is_number(schema.get(keyword)):
                words.append(f"Number of properties: {text} {schema[keyword]}.")
                self.note(path, f"{keyword} moved into the description")
        names = schema.get("propertyNames")
        if isinstance(names, dict):
            ref = reference_in(names)
            names = self.refs.resolve(ref, path) if ref is not None else names
            values = names.get("enum") if isinstance(names, dict) else None
            words.append(f"Property names: {short(values)[1:-1] if isinstance(values, list) else short(names)}.")
            self.note(path, "propertyNames moved into the description")
        for keyword in ("dependentRequired", "dependentSchemas", "dependencies"):
            if not isinstance(schema.get(keyword), dict):
                continue
            self.note(path, f"{keyword} moved into the description")
            for name, needs in schema[keyword].items():
                if isinstance(needs, list):
                    words.append(f"With {name}, also give: {', '.join(map(str, needs))}.")
                else:
                    words.append(f"With {name}, must match: {short(needs)}.")
