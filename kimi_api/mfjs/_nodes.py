"""One JSON Schema node -> one Moonshot Flavored JSON Schema node. See `kimi_api.mfjs` for the rules.

A node is opened into a list of alternatives, each with one type (or a `$ref`, or `{}` for any value). Conjunction
(`allOf`, siblings of `anyOf` and `$ref`) multiplies such lists, union adds them. A list is closed into one node again:
`anyOf` when several are left, with all descriptions on the `anyOf`, because the prompt encoder drops the branches'.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kimi_api.mfjs._finish import sentences, short
from kimi_api.mfjs._kinds import Kinds
from kimi_api.mfjs._refs import ALL_TYPES, Node, References, reference_in
from kimi_api.mfjs._union import MAX_ENUM
from kimi_api.mfjs._values import (
    accepts,
    add_description,
    bare,
    distinct,
    exact,
    fits,
    is_number,
    kind_of,
    same,
    telling_title,
    type_name,
)

_OWNER = {
    **dict.fromkeys(("properties", "required", "additionalProperties", "patternProperties"), "object"),
    **dict.fromkeys(("propertyNames", "minProperties", "maxProperties", "unevaluatedProperties"), "object"),
    **dict.fromkeys(("dependentRequired", "dependentSchemas", "dependencies"), "object"),
    **dict.fromkeys(("items", "prefixItems", "additionalItems", "minItems", "maxItems", "uniqueItems"), "array"),
    **dict.fromkeys(("contains", "minContains", "maxContains", "unevaluatedItems"), "array"),
    **dict.fromkeys(("minLength", "maxLength", "pattern", "format"), "string"),
    **dict.fromkeys(("contentEncoding", "contentMediaType"), "string"),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"), "number"),
}
_SAYABLE = frozenset(
    (
        *("properties", "required", "additionalProperties", "items", "prefixItems", "minItems", "maxItems"),
        *("minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
    )
)
_COMBINED = ("$ref", "$dynamicRef", "$recursiveRef", "allOf", "anyOf", "oneOf")
_PLAIN_TYPES = frozenset(["string", "integer", "number", "boolean", "null"])
_PLAIN_KEYS = frozenset(["type", "description", "title"])

MAX_NESTING = 80
MAX_EXPANSIONS = 200


class Walker(Kinds):
    """Converts the nodes of one document, and collects definitions and notes on what changed."""

    def __init__(self, root: object) -> None:
        self.refs = References(root)
        self.notes: list[str] = []
        self.defs: dict[str, Node] = {}
        self.unsettled = False
        """Whether the document needs `_mfjs_finish.finish` although it has no definitions."""
        self.deepest = 0
        self._expanding: set[str] = set()
        self._expansions_left = MAX_EXPANSIONS
        self._targets: dict[str, Any] = {}

    def note(self, path: str, text: str) -> None:
        """Record a change for `mfjs.changes`."""
        self.notes.append(f"{path or 'root'}: {text}")

    def node(self, schema: object, path: str, name: str, depth: int) -> Node | None:
        """The closed node, None where no value is allowed."""
        if type(schema) is dict:
            kind = schema.get("type")
            if isinstance(kind, str) and kind in _PLAIN_TYPES and schema.keys() <= _PLAIN_KEYS:
                words = schema.get("description") or telling_title(schema, name)
                if not isinstance(words, str):
                    return {"type": kind}
                return {"type": kind, "description": words} if words else {"type": kind}
        alternatives, words = self.open(schema, path, name, depth)
        return self.close(alternatives, words) if alternatives else None

    def open(self, schema: object, path: str, name: str, depth: int) -> tuple[list[Node], str]:
        """The alternatives of a schema and the words that go with all of them. No alternative: nothing is valid."""
        if depth > self.deepest:
            self.deepest = depth
        if not isinstance(schema, dict):
            return self._not_a_schema(schema, path), ""
        if depth > MAX_NESTING:
            self.note(path, f"nested deeper than {MAX_NESTING} levels: any value")
            return [{}], ""
        words: list[str] = []
        alternatives = self._base(schema, path, depth, words)
        texts: list[str] = []
        ref = reference_in(schema)
        if ref is not None:
            nodes, text = self._follow(ref, path, depth)
            alternatives = self.both(alternatives, nodes, path)
            texts.append(text)
        for keyword in ("allOf", "anyOf", "oneOf"):
            parts = schema.get(keyword)
            if not isinstance(parts, list) or not parts:
                continue
            opened = [self.open(part, f"{path}.{keyword}".lstrip("."), name, depth + 1) for part in parts]
            if keyword == "allOf":
                self.note(path, "allOf merged")
                for nodes, text in opened:
                    alternatives = self.both(alternatives, nodes, path)
                    texts.append(text)
                continue
            if keyword == "oneOf":
                self.note(path, "oneOf became anyOf")
            elif alternatives != [{}]:
                self.note(path, "what stood beside anyOf moved into its branches")
            branches = [add_description(nodes, text) for nodes, text in opened]
            union = [branch for nodes in branches for branch in nodes]
            alternatives = self.both(alternatives, union, path)
        if schema.get("nullable") is True and not any(a == {} or a.get("type") == "null" for a in alternatives):
            alternatives = [*alternatives, {"type": "null"}]
            self.note(path, "nullable became a null branch")
        self._say_rest(schema, path, words)
        alternatives = self._with_default(schema, alternatives, path, words)
        own = schema.get("description")
        if not isinstance(own, str) or not own.strip():
            own = telling_title(schema, name)
        return alternatives, sentences(own, *texts, *words)

    def _not_a_schema(self, schema: object, path: str) -> list[Node]:
        if schema is False:
            self.note(path, "false: allows nothing")
            return []
        kind = type_name(schema) if isinstance(schema, str) else None
        self.note(path, f"{short(schema, 40)} is no schema: {kind or 'any value'}")
        return [{"type": kind}] if kind else [{}]

    # --- references ---

    def _follow(self, ref: str, path: str, depth: int) -> tuple[list[Node], str]:
        target = self.refs.resolve(ref, path)
        name = self.refs.kept.get(id(target))
        if name is None:
            self.note(path, f"$ref {ref} written out")
            return self.open(target, path, "", depth + 1)
        self._targets.setdefault(name, target)
        return [{"$ref": f"#/$defs/{name}"}], ""

    def define(self) -> None:
        """Convert the definitions that were referred to, and those that they refer to."""
        while missing := [name for name in self._targets if name not in self.defs]:
            for name in missing:
                self.defs[name] = self.node(self._targets[name], f"$defs.{name}", name, 1) or {}

    def _expand(self, alternatives: list[Node], path: str) -> list[Node]:
        """References replaced by what is behind them, one level deep, so that something can be added to it.

        They stay in `_expanding` until the caller is done. Inside its own expansion a reference stays and what stood
        beside it is lost; so it is below two others and after `MAX_EXPANSIONS`, because definitions that extend each
        other have no end.
        """
        expanded: list[Node] = []
        for alternative in alternatives:
            name = alternative.get("$ref", "")[8:]
            if not name or name in self._expanding or len(self._expanding) > 1 or not self._expansions_left:
                expanded.append(alternative)
                continue
            self._expansions_left -= 1
            self._expanding.add(name)
            opened, text = self.open(self._targets[name], path, name, 1)
            expanded += add_description(opened, sentences(alternative.get("description", ""), text))
        return expanded

    def objects(self, alternatives: list[Node], path: str) -> list[Node]:
        """Those that are objects, references looked up: what a tool's arguments can be."""
        strong = self._expand([node for node in alternatives if node.get("_weak", 0) < 2], path)
        self._expanding.clear()
        return [bare(node, "_weak") for node in strong if node.get("type") == "object" or node == {}]

    # --- type, enum, const and the keywords of each type ---

    def _base(self, schema: Node, path: str, depth: int, words: list[str]) -> list[Node]:
        kinds = self._kinds(schema, path)
        if "const" in schema or (isinstance(schema.get("enum"), list) and schema["enum"]):
            return self._values(schema, kinds, path, words)
        build = self._builders()
        if kinds is not None:
            alternatives = [build[kind](schema, kind, path, depth, words) for kind in kinds]
            if "string" not in kinds and isinstance(schema.get("format"), str):
                words.append(f"Format: {schema['format']}.")  # OpenAPI's int64
                self.note(path, "format moved into the description")
            return alternatives
        owned = {_OWNER[keyword] for keyword in schema if keyword in _OWNER}
        if not owned:
            return [{}]
        alternatives = [build[kind](schema, kind, path, depth, words) for kind in sorted(owned)]
        if any(keyword in schema for keyword in _COMBINED) and not schema.keys() & _SAYABLE:
            return [{}]
        weak = [{**alternative, "_weak": 1} for alternative in alternatives]
        return weak + [{"type": kind, "_weak": 2} for kind in ALL_TYPES if kind not in owned]

    def _builders(self) -> dict[str, Callable[[Node, str, str, int, list[str]], Node]]:
        return {
            "object": self._object,
            "array": self._array,
            "string": self._string,
            "number": self._number,
            "integer": self._number,
            "boolean": lambda _s, kind, *_: {"type": kind},
            "null": lambda _s, kind, *_: {"type": kind},
        }

    def _kinds(self, schema: Node, path: str) -> list[str] | None:
        """The declared types, None where any is allowed."""
        declared = schema.get("type")
        if isinstance(declared, str):
            kind = type_name(declared)
            if kind is None and declared != "any":
                self.note(path, f"unknown type {declared!r} left out")
            elif kind != declared:
                self.note(path, f"type {declared!r} became {kind!r}")
            return [kind] if kind else None
        if not isinstance(declared, list):
            return None
        kinds = list(dict.fromkeys(type_name(kind) for kind in declared if isinstance(kind, str)))
        if None in kinds or not kinds:
            return None
        if set(ALL_TYPES) <= set(kinds):
            return list(ALL_TYPES) if schema.keys() & _OWNER.keys() else None
        if len(kinds) > 1:
            self.note(path, "type list became anyOf")
        known = [kind for kind in kinds if kind]
        return [kind for kind in known if kind != "integer" or "number" not in known]

    def _values(self, schema: Node, kinds: list[str] | None, path: str, words: list[str]) -> list[Node]:
        values = schema.get("enum")
        if "const" in schema:
            self.note(path, "const became an enum of one value")
            if not isinstance(values, list) or any(same(schema["const"], value) for value in values):
                values = [schema["const"]]
        values = distinct(values or [])
        if kinds is not None:
            fitting = [value for value in values if value is None or accepts(kinds, kind_of(value))]
            if fitting == [None] * len(fitting) and len(fitting) < len(values):
                self.note(path, "declared type contradicts every enum value and was left out")
                kinds = None
            elif len(fitting) < len(values):
                self.note(path, "enum values of another type than declared left out")
                values = fitting
        groups: dict[str, list[Any]] = {}
        for value in values:
            groups.setdefault(kind_of(value), []).append(value)
        if "number" in groups and "integer" in groups:
            groups["number"] = [value for value in values if kind_of(value) in ("integer", "number")]
            groups.pop("integer", None)
        if len(groups) > 1:
            self.note(path, "enum of several types became one branch per type")
        return [self._value_branch(kind, group, kinds, path, words) for kind, group in groups.items()]

    def _value_branch(self, kind: str, values: list[Any], kinds: list[str] | None, path: str, words: list[str]) -> Node:
        if kind == "integer" and kinds is not None and "integer" not in kinds and "number" in kinds:
            kind = "number"
        if kind == "null" or (kind == "boolean" and len(values) > 1):
            return {"type": kind}
        if kind == "integer":
            values = [int(value) for value in values]
        reason = ""
        if kind in ("object", "array"):
            reason = "its values are not scalar"
        elif kind in ("integer", "number") and not all(exact(value) for value in values):
            reason = "its numbers are beyond double precision"
        elif len(values) > MAX_ENUM:
            reason = f"it has more than {MAX_ENUM:,} values"
        if reason:
            values_text = short(values, 400)[1:].removesuffix("]")
            words.append(f"Must be exactly: {values_text}." if len(values) == 1 else f"One of: {values_text}.")
            self.note(path, f"enum moved into the description: {reason}")
            return {"type": kind}
        return {"type": kind, "enum": values}

    # --- what concerns a node of any type ---

    def _say_rest(self, schema: Node, path: str, words: list[str]) -> None:
        if "not" in schema:
            words.append(f"Must not match: {short(schema['not'])}.")
            self.note(path, "not moved into the description")
        if "if" in schema and ("then" in schema or "else" in schema):
            then = f", must also match {short(schema['then'])}" if "then" in schema else ""
            other = f"; otherwise must match {short(schema['else'])}" if "else" in schema else ""
            words.append(f"If it matches {short(schema['if'])}{then}{other}.")
            self.note(path, "if/then/else moved into the description")
        examples = schema.get("examples")
        if isinstance(examples, list) and examples:
            words.append(f"Examples: {', '.join(short(example, 80) for example in examples[:3])}.")
        if schema.get("deprecated") is True:
            words.append("Deprecated.")
        if schema.get("readOnly") is True:
            words.append("Read-only.")

    def _with_default(self, schema: Node, alternatives: list[Node], path: str, words: list[str]) -> list[Node]:
        if "default" not in schema or not alternatives:
            return alternatives
        value = schema["default"]
        only, kind = alternatives[0], kind_of(value)
        scalar = len(alternatives) == 1 and kind in _PLAIN_TYPES - {"null"} and accepts([only.get("type", "")], kind)
        if scalar and fits(only, value) and (not is_number(value) or exact(value)):
            return add_description([{**bare(only), "default": value}], only.get("description", ""))
        if value is None:
            # Says no more than that the property may be left out or null; the encoder does not show it either.
            self.note(path, "default null left out")
        else:
            words.append(f"Default: {short(value, 200)}.")
            self.note(path, "default moved into the description")
        return alternatives
