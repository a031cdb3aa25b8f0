"""Values for a JSON Schema out of texts; what they do not supply is made up, so that the whole is valid.

Each value comes with its strength, as in ``scalars``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from operator import itemgetter
from typing import Any

from kimi_emulator.brain import choices
from kimi_emulator.brain.filling.labels import table_rows
from kimi_emulator.brain.filling.scalars import LIKELY, MADE_UP, NAMED, SURE, Scalars, is_free_text, is_identifier
from kimi_emulator.brain.filling.values import Source
from kimi_emulator.brain.language import pattern
from kimi_emulator.brain.naming import loose, number_in, prepositions
from kimi_emulator.schemas import Grammar, Schema, generate, kind_of, wishes
from kimi_emulator.schemas.conjoin import conjoin
from kimi_emulator.words import sentences

_DEPTH = 8
Offer = tuple[Any, int]
"""A value and its strength."""


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
        items = next((items for source in self.sources if (items := choices.numbered_items(source.text))), [])
        self.choices: list[choices.Choice] = choices.rank(self.question, items)
        """Items of a numbered list in the texts that fit the question, best first."""

    def whole(self) -> tuple[Any, int]:
        """A valid value for the root schema."""
        return self.value("", self.grammar.root)

    def value(self, name: str, schema: Any, depth: int = 0) -> tuple[Any, int]:
        """A valid value for a member of this name, and how sure it is."""
        options = self.grammar.alternatives(schema) if depth <= _DEPTH else []
        best: Offer | None = None
        for option in options:
            kind = kind_of(option)
            offer = self._first([self._plain(name, option, kind, depth)], schema) if kind != "null" else None
            best = max(best or offer, offer, key=itemgetter(1)) if offer else best
            if best and best[1] >= SURE:
                return best
        default = self.grammar.resolve(schema).get("default")
        nullable = any("null" in (option.get("type") or ()) for option in options)
        if (nullable or (default is not None and (best is None or best[1] == MADE_UP))) and self.grammar.accepts(
            default, schema
        ):
            return default, LIKELY
        return best or (generate(self.grammar, schema), MADE_UP)

    def _first(self, offers: Iterable[Offer], schema: Any) -> Offer | None:
        """The first valid one."""
        return next((offer for offer in offers if self.grammar.accepts(offer[0], schema)), None)

    def _plain(self, name: str, schema: Schema, kind: str, depth: int) -> Offer:
        """A value for a schema without unions. Wishes in the description are kept to where that is possible."""
        wished = conjoin(schema, wishes(schema, kind)) or schema
        for each in (wished, schema):
            if offer := self._first(self._offers(name, each, kind, depth), each):
                return offer
        return generate(self.grammar, schema), MADE_UP

    def _offers(self, name: str, schema: Schema, kind: str, depth: int) -> Iterator[Offer]:
        """What may be a value, the best first; the last one is made up."""
        if "const" in schema:
            yield schema["const"], SURE
        elif schema.get("enum"):
            yield self.scalars.member(name, schema["enum"], schema) or (schema.get("default"), MADE_UP)
        elif kind == "boolean":
            spoken = self.scalars.truth(name, str(schema.get("description") or ""))
            yield spoken or (schema.get("default", False), MADE_UP)
        elif kind in ("array", "object"):
            yield from (self._array if kind == "array" else self._object)(name, schema, depth)
        else:
            yield from self._scalar(name, schema, kind)
        yield generate(self.grammar, schema), MADE_UP

    def _scalar(self, name: str, schema: Schema, kind: str) -> Iterator[Offer]:
        if kind in ("integer", "number"):
            values, sure = self.scalars.numbers(name, whole=kind == "integer"), SURE
        else:
            values, sure = self.scalars.texts(name, schema), LIKELY
        has_default = "default" in schema and self.grammar.accepts(schema["default"], schema)
        most = schema.get("maxLength") if is_free_text(name) else None
        for value, strength in takewhile(lambda offer: offer[1] >= sure or not has_default, values):
            yield value[:most] if isinstance(value, str) else value, strength
        yield schema.get("default"), LIKELY

    # -- objects ----------------------------------------------------------------------------------------------

    def _object(self, name: str, schema: Schema, depth: int) -> Iterator[Offer]:
        if schema.get("properties"):
            yield self.members(schema, depth)
        elif name:
            yield from ((entry, SURE) for source in self.sources if isinstance(entry := source.entry(name), dict))
        if schema.get("additionalProperties") not in (None, False) and (members := self._open_members(schema)):
            yield members, LIKELY
        yield schema.get("default", {}), MADE_UP if name else LIKELY

    def _open_members(self, schema: Schema) -> dict[str, Any]:
        """Members without declared names: what stands behind labels in the question."""
        pairs = pattern("fill.labelled").findall(self.question)
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
        rest = schema.get("additionalProperties", True)
        declared = schema.get("properties") or {}
        properties = declared | {name: rest for name in required if name not in declared}
        self.scalars.names |= {name.lower() for name in properties}
        counter = choices.counts_items(schema) if self.choices else None
        about = choices.about(self.choices[0], schema, counter) if counter else None
        if about and self.grammar.accepts(about, schema):
            return about, SURE
        values: dict[str, Any] = {}
        weakest = SURE
        # Members with a recognisable kind choose first; free text takes what is left.
        for name in sorted(properties, key=lambda n: (n not in required, self._greediness(n, properties[n]))):
            if name not in required and properties[name] is False:
                continue
            value, strength = self.value(name, properties[name], depth + 1)
            if name in required:
                values[name], weakest = value, min(weakest, strength)
            elif strength == NAMED or (strength == SURE and self._is_mentioned(name, value)):
                values[name] = value
        if not values and not required:
            weakest = LIKELY
        members = {name: values[name] for name in properties if name in values}
        valid = self._first(((each, weakest) for each in self._mend(members, required, schema)), schema)
        return valid or (members, weakest)

    def _mend(self, values: dict[str, Any], required: Sequence[str], schema: Schema) -> Iterator[dict[str, Any]]:
        """The object, without members that others exclude, with those that other members require."""
        fewer = {name: value for name, value in values.items() if name in required}
        yield from (values, fewer)
        for fixed in (values, fewer):
            own = {name: {"const": value} for name, value in fixed.items()}
            yield generate(self.grammar, {"allOf": [schema, {"properties": own}]})

    def _greediness(self, name: str, schema: Any) -> int:
        schema = self.grammar.alternatives(schema)[0]
        kind = kind_of(schema)
        if schema.get("enum") or "const" in schema:
            return 0
        if kind in ("number", "integer", "boolean"):
            return 1
        if prepositions(name) or is_identifier(name) or schema.get("format"):
            return 2
        if kind == "array" and pattern("fill.persons").search(name.lower()):
            return 2
        return 4 if is_free_text(name) else 3

    def _is_mentioned(self, name: str, value: Any) -> bool:
        """Whether a text that may be left out is asked for by name; other kinds of value are found by it anyway."""
        return not isinstance(value, str) or any(source.mentions(name) for source in self.sources)

    # -- arrays -----------------------------------------------------------------------------------------------

    def _array(self, name: str, schema: Schema, depth: int) -> Iterator[Offer]:
        values, strength = self._items(name, schema, depth)
        if "default" in schema and strength == MADE_UP:
            yield schema["default"], LIKELY
        fitting = [value for value in values if self.grammar.accepts(value, schema.get("items", True))]
        once = [value for place, value in enumerate(fitting) if value not in fitting[:place]]
        own = (once if schema.get("uniqueItems") else fitting)[: schema.get("maxItems", 50)]
        yield own, strength
        # What the texts have stands first, the rest is made up behind it.
        heads = [{"const": value} for value in own]
        yield generate(self.grammar, {"allOf": [schema, {"prefixItems": heads}]}), min(strength, LIKELY)

    def _items(self, name: str, schema: Schema, depth: int) -> tuple[list[Any], int]:
        heads = schema.get("prefixItems")
        if heads:
            members = [self.value(name, each, depth + 1) for each in heads]
            return [value for value, _ in members], min(strength for _, strength in members)
        option = self.grammar.alternatives(schema.get("items", {}))[0]
        kind, source = kind_of(option), self.sources[0]
        if option.get("enum"):
            spoken = [(rf"(?<![a-z0-9_]){re.escape(str(each).lower())}(?![a-z0-9_])", each) for each in option["enum"]]
            values = [each for whole, each in spoken if re.search(whole, source.text.lower())]
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
        value, inner = self.members(items, depth) if depth <= 2 else ({}, MADE_UP)
        return ([value], inner) if inner else ([], MADE_UP)

    def _each_unit(self, items: Schema) -> list[dict[str, Any]]:
        """An object out of each sentence (or item of a list) that tells of one."""
        lines = [] if self._nested else re.split(r"[\n\r。；;]", self.question)
        units = [sentence for line in lines for sentence in sentences(line)]
        if len(units) == 1:
            units = [each for each in pattern("fill.listed").split(self.question) if each.strip()]
        values: list[dict[str, Any]] = []
        for unit in units if len(units) in range(2, 61) else ():
            value, strength = Filler([unit], self.grammar, nested=True).members(items, _DEPTH - 2)
            names = [each for each in value.values() if isinstance(each, str) and each in unit]
            known = sum(each is not None for each in value.values())
            if strength >= SURE or (strength and names and len(names) >= known / 2):
                values.append(value)
        firsts = {str(next(iter(value.values()), None)) for value in values}
        return values if len(values) > 1 and len(firsts) == len(values) else []

    def _strings(self, name: str) -> tuple[list[Any], int]:
        for source in self.sources:
            entry = source.entry(name)
            if isinstance(entry, list) and entry and all(isinstance(each, str) for each in entry):
                return entry, SURE
            labelled = re.search(rf"\b{loose(name)}\s*(?:[:=：]|are|is|是)\s*([^\n.。]+)", source.text, re.IGNORECASE)
            if name and labelled:
                parts = [piece.strip(" \"'`[]") for piece in re.split(r"\s*(?:[,;，、]|\band\b|和)\s*", labelled[1])]
                return [part for part in parts if part], SURE
        source = self.sources[0]
        phrases = source.take_all(source.find("quoted")) or source.take_all(source.names())
        return list(phrases), LIKELY if phrases else MADE_UP

    def _rows(self, items: Schema) -> list[dict[str, Any]]:
        """Objects from the rows of a table whose head names the members."""
        for source in self.sources:
            rows = table_rows(source.text, list(items.get("properties") or ()))
            objects = [Filler([row], self.grammar, nested=True).members(items, _DEPTH - 1) for row in rows]
            values = [value for value, strength in objects if strength]
            if values:
                return values[:50]
        return []
