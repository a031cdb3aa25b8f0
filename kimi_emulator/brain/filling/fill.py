"""Values for a JSON Schema out of texts; what they do not supply is made up, so that the whole is valid.

Each value comes with its strength, as in ``scalars``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from kimi_emulator.brain import choices
from kimi_emulator.brain.filling.labels import table_rows
from kimi_emulator.brain.filling.scalars import FREE_TEXT, IDENTIFIER, LIKELY, MADE_UP, NAMED, SURE, Scalars
from kimi_emulator.brain.filling.values import Source
from kimi_emulator.brain.naming import DIRECTIONS, loose, number_in, parts
from kimi_emulator.schemas import Grammar, Schema, generate, kind_of, wishes
from kimi_emulator.schemas.conjoin import conjoin
from kimi_emulator.words import sentences

__all__ = ["Filler"]

_DEPTH = 8
_PERSONS = re.compile(r"participant|attendee|guest|people|members|persons|与会|参与|人员")


class Filler:
    """Fills schemas from texts, the earlier ones first. ``root`` resolves references."""

    def __init__(
        self, texts: Sequence[str], root: Mapping[str, Any] | Grammar, *, question: str = "", nested: bool = False
    ) -> None:
        self.sources: list[Source] = [Source(text) for text in texts if text.strip()] or [Source("")]
        self.grammar: Grammar = root if isinstance(root, Grammar) else Grammar(root)
        self.question: str = question or self.sources[0].text
        self.scalars: Scalars = Scalars(self.sources, self.question)
        self._nested = nested
        listed = next((items for source in self.sources if (items := choices.numbered_items(source.text))), [])
        self.choices: list[choices.Choice] = choices.rank(self.question, listed)
        """Items of a numbered list in the texts that fit the question, best first."""

    def whole(self) -> tuple[Any, int]:
        """A valid value for the root schema."""
        return self.value("", self.grammar.root)

    def value(self, name: str, schema: Any, depth: int = 0) -> tuple[Any, int]:
        """A valid value for a member of this name, and how sure it is."""
        options = self.grammar.alternatives(schema)
        tried: list[tuple[Any, int]] = []
        nullable = False
        for option in options if depth <= _DEPTH else ():
            kind = kind_of(option)
            nullable = nullable or kind == "null" or "null" in (option.get("type") or ())
            if kind == "null":
                continue
            value, strength = self._plain(name, option, kind, depth)
            if not self.grammar.accepts(value, schema):
                continue
            if strength >= SURE:
                return value, strength
            tried.append((value, strength))
        default = self.grammar.resolve(schema).get("default")
        if nullable and self.grammar.accepts(default, schema):
            return default, LIKELY
        if tried and (best := max(tried, key=lambda item: item[1]))[1] > MADE_UP:
            return best
        if default is not None and self.grammar.accepts(default, schema):
            return default, LIKELY
        return tried[0] if tried else (generate(self.grammar, schema), MADE_UP)

    def _plain(self, name: str, schema: Schema, kind: str, depth: int) -> tuple[Any, int]:
        """A value for a schema without unions. Wishes in the description are kept to where that is possible."""
        wished = conjoin(schema, wishes(schema, kind)) or schema
        for each in (wished, schema) if wished != schema else (schema,):
            value, strength = self._of_kind(name, each, kind, depth)
            if self.grammar.accepts(value, each):
                return value, strength
            value = generate(self.grammar, each)
            if self.grammar.accepts(value, each):
                return value, MADE_UP
        return generate(self.grammar, schema), MADE_UP

    def _of_kind(self, name: str, schema: Schema, kind: str, depth: int) -> tuple[Any, int]:
        description = str(schema.get("description") or "")
        if "const" in schema:
            return schema["const"], SURE
        if schema.get("enum"):
            return self.scalars.member(name, schema["enum"], schema) or (schema.get("default"), MADE_UP)
        if kind in ("integer", "number"):
            for number, strength in self.scalars.numbers(name, whole=kind == "integer"):
                if strength < SURE and self.grammar.accepts(schema.get("default", self), schema):
                    break
                if self.grammar.accepts(number, schema):
                    return number, strength
            return schema.get("default"), LIKELY
        if kind == "boolean":
            return self.scalars.truth(name, description) or (schema.get("default", False), MADE_UP)
        if kind == "array":
            return self._array(name, schema, depth)
        if kind == "object":
            return self._object(name, schema, depth)
        for text, strength in self.scalars.texts(name, schema):
            if strength < LIKELY and isinstance(schema.get("default"), str):
                break
            most = schema.get("maxLength")
            text = text[:most] if isinstance(most, int) and FREE_TEXT.search(name.lower()) else text
            if self.grammar.accepts(text, schema):
                return text, strength
        return schema.get("default"), LIKELY

    def _object(self, name: str, schema: Schema, depth: int) -> tuple[Any, int]:
        if not schema.get("properties"):
            for source in self.sources:
                entry = source.entry(name) if name else None
                if isinstance(entry, dict) and self.grammar.accepts(entry, schema):
                    return entry, SURE
            labelled = self._open_members(schema) if schema.get("additionalProperties") not in (None, False) else {}
            if labelled and self.grammar.accepts(labelled, schema):
                return labelled, LIKELY
            return schema.get("default", {}), MADE_UP if name else LIKELY
        return self.members(schema, depth)

    def _open_members(self, schema: Schema) -> dict[str, Any]:
        """Members without declared names: what stands behind labels in the question."""
        pairs = re.findall(r"(?:^|[\n,，;；])\s*([^\W\d][\w -]{0,30})\s*[:=：]\s*([^\n,，;；]{1,80})", self.question)
        return {
            key.strip(): Filler([value], self.grammar, nested=True).value("", schema["additionalProperties"], 1)[0]
            for key, value in pairs[:20]
        }

    def members(self, schema: Schema, depth: int = 0) -> tuple[dict[str, Any], int]:
        """An object: required members always, others where the text has them for sure.

        The strength is that of the weakest required member.
        """
        required = list(schema.get("required") or ())
        for name in required:  # grows while it is walked
            required += [n for n in schema.get("dependentRequired", {}).get(name, ()) if n not in required]
        properties = {**(schema.get("properties") or {})}
        properties.update({name: True for name in required if name not in properties})
        self.scalars.names |= {name.lower() for name in properties}
        counter = choices.counts_items(schema) if self.choices else None
        if counter is not None:
            members = choices.about(self.choices[0], schema, counter)
            if self.grammar.accepts(members, schema):
                return members, SURE
        values: dict[str, Any] = {}
        weakest = SURE
        # Members that can be told apart by their kind choose first; free text takes what is left.
        for name in sorted(properties, key=lambda n: (n not in required, self._greediness(n, properties[n]))):
            if name not in required and properties[name] is False:
                continue
            inner = (
                properties[name] if name in schema.get("properties", ()) else schema.get("additionalProperties", True)
            )
            value, strength = self.value(name, inner, depth + 1)
            if name in required:
                values[name], weakest = value, min(weakest, strength)
            elif strength == NAMED or (strength == SURE and self._is_mentioned(name, value)):
                values[name] = value
        if not values and not required:
            weakest = LIKELY
        filled = {name: values[name] for name in properties if name in values}
        return self._mend(filled, required, schema), min(weakest, SURE)

    def _mend(self, values: dict[str, Any], required: Sequence[str], schema: Schema) -> dict[str, Any]:
        """The object, without members that others exclude, with those that are demanded for others' sake."""
        if self.grammar.accepts(values, schema):
            return values
        fewer = {name: value for name, value in values.items() if name in required}
        if self.grammar.accepts(fewer, schema):
            return fewer
        own = {name: {"const": value} for name, value in values.items()}
        for fixed in (own, {name: each for name, each in own.items() if name in required}):
            whole = generate(self.grammar, {"allOf": [schema, {"properties": fixed}]})
            if isinstance(whole, dict) and self.grammar.accepts(whole, schema):
                return whole
        return values

    def _greediness(self, name: str, schema: Any) -> int:
        schema = self.grammar.alternatives(schema)[0]
        kind = kind_of(schema)
        if schema.get("enum") or "const" in schema:
            return 0
        if kind in ("number", "integer", "boolean"):
            return 1
        if parts(name) & set(DIRECTIONS) or IDENTIFIER.search(name.lower()) or schema.get("format"):
            return 2
        if kind == "array" and _PERSONS.search(name.lower()):
            return 2
        return 4 if FREE_TEXT.search(name.lower()) else 3

    def _is_mentioned(self, name: str, value: Any) -> bool:
        """Whether a text that may be left out is asked for by name; other kinds of value are found by it anyway."""
        return not isinstance(value, str) or any(source.mentions(name) for source in self.sources)

    def _array(self, name: str, schema: Schema, depth: int) -> tuple[list[Any], int]:
        values, strength = self._items(name, schema, depth)
        if "default" in schema and strength == MADE_UP and self.grammar.accepts(schema["default"], schema):
            return schema["default"], LIKELY
        inner = schema.get("items", True)
        own: list[Any] = []
        for value in values:
            if self.grammar.accepts(value, inner) and not (schema.get("uniqueItems") and value in own):
                own.append(value)
        own = own[: schema.get("maxItems", 50)]
        if self.grammar.accepts(own, schema):
            return own, strength
        # What the texts have stands first, the rest is made up behind it.
        heads = [{"const": value} for value in own]
        longer = generate(self.grammar, {"allOf": [schema, {"prefixItems": heads}]})
        return longer if self.grammar.accepts(longer, schema) else generate(self.grammar, schema), min(strength, LIKELY)

    def _items(self, name: str, schema: Schema, depth: int) -> tuple[list[Any], int]:
        heads = schema.get("prefixItems")
        if heads:
            filled = [self.value(name, each, depth + 1) for each in heads]
            return [value for value, _ in filled], min(strength for _, strength in filled)
        option = self.grammar.alternatives(schema.get("items", {}))[0]
        kind, source = kind_of(option), self.sources[0]
        if option.get("enum"):
            text = source.text.lower()
            values = [
                each
                for each in option["enum"]
                if re.search(rf"(?<![a-z0-9_]){re.escape(str(each).lower())}(?![a-z0-9_])", text)
            ]
            return values, SURE if values else MADE_UP
        if kind in ("integer", "number"):
            numbers = [number_in(text, whole=kind == "integer") for text in source.take_all(source.numbers())]
            return [each for each in numbers if each is not None], LIKELY if numbers else MADE_UP
        if kind == "object":
            return self._objects(option, depth)
        return self._strings(name) if kind == "string" and "format" not in option else ([], MADE_UP)

    def _objects(self, items: Schema, depth: int) -> tuple[list[Any], int]:
        counter = choices.counts_items(items) if self.choices else None
        if counter is not None:
            return [choices.about(choice, items, counter) for choice in self.choices], SURE
        values = choices.assign(self.question, items) or self._rows(items) or self._each_unit(items)
        if values:
            return values, SURE
        if depth > 2:
            return [], MADE_UP
        value, inner = self.members(items, depth)
        return ([value], inner) if inner else ([], MADE_UP)

    def _each_unit(self, items: Schema) -> list[dict[str, Any]]:
        """An object out of each sentence (or item of a list) that tells of one."""
        if self._nested:
            return []
        units = [
            s for part in re.split(r"[\n。；;]", self.question) for line in part.splitlines() for s in sentences(line)
        ]
        if len(units) == 1:
            units = [
                each
                for each in re.split(r"[,，;；]\s*(?:and\s+|以及)?|\s+and\s+(?=[A-Z])", self.question)
                if each.strip()
            ]
        if not 2 <= len(units) <= 60:
            return []
        values: list[dict[str, Any]] = []
        for unit in units:
            value, strength = Filler([unit], self.grammar, nested=True).members(items, _DEPTH - 2)
            names = [each for each in value.values() if isinstance(each, str) and each in unit]
            if strength >= SURE or (
                strength and names and len(names) >= sum(each is not None for each in value.values()) / 2
            ):
                values.append(value)
        firsts = [next(iter(value.values()), None) for value in values]
        return values if len(values) > 1 and len({str(each) for each in firsts}) == len(firsts) else []

    def _strings(self, name: str) -> tuple[list[Any], int]:
        for source in self.sources:
            entry = source.entry(name)
            if isinstance(entry, list) and entry and all(isinstance(each, str) for each in entry):
                return entry, SURE
            labelled = re.search(rf"\b{loose(name)}\s*(?:[:=：]|are|is|是)\s*([^\n.。]+)", source.text, re.IGNORECASE)
            if name and labelled:
                pieces = re.split(r"\s*(?:,|;|，|、|\band\b|和)\s*", labelled.group(1))
                return [piece.strip(" \"'`[]") for piece in pieces if piece.strip(" \"'`[]")], SURE
        source = self.sources[0]
        for kind in (source.quotations, source.names):
            phrases: list[Any] = list(source.take_all(kind()))
            if phrases:
                return phrases, LIKELY
        return [], MADE_UP

    def _rows(self, items: Schema) -> list[dict[str, Any]]:
        """Objects from the rows of a table whose head names the members."""
        for source in self.sources:
            rows = []
            for text in table_rows(source.text, list(items.get("properties") or ())):
                value, strength = Filler([text], self.grammar, nested=True).members(items, _DEPTH - 1)
                rows += [value] if strength else []
            if rows:
                return rows[:50]
        return []
