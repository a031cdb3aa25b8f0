"""Values for a JSON Schema out of texts; what they do not supply is made up, so that the whole is valid.

Each value comes with its strength, as in ``scalars``.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from operator import itemgetter
from typing import Any

from kimi_emulator.brain import choices
from kimi_emulator.brain.filling.scalars import LIKELY, MADE_UP, NAMED, SURE, Scalars, is_free_text, is_identifier
from kimi_emulator.brain.filling.values import Source
from kimi_emulator.brain.language import pattern
from kimi_emulator.brain.naming import loose, number_in, prepositions, table_rows, whole_word
from kimi_emulator.schemas import Grammar, Schema, generate, kind_of, wishes
from kimi_emulator.schemas.conjoin import conjoin
from kimi_emulator.words import sentences

_DEPTH = 8
Offer = tuple[Any, int]
"""A value and its strength."""


class Filler:
    """Fills schemas from texts, the earlier ones first. ``root`` resolves references; of a part it is the whole's."""

    def __init__(self, texts: Sequence[str], root: Mapping[str, Any] | Grammar, *, question: str = "") -> None:
        self.sources: list[Source] = [Source(text) for text in texts if text.strip()] or [Source("")]
        self.grammar: Grammar = root if isinstance(root, Grammar) else Grammar(root)
        self.question: str = question or self.sources[0].text
        self.scalars: Scalars = Scalars(self.sources, self.question)
        self._is_part = isinstance(root, Grammar)
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
            offer = self._first(self._plain(name, option, kind, depth), schema) if kind != "null" else None
            best = max(best or offer, offer, key=itemgetter(1)) if offer else best
            if best and best[1] >= SURE:
                return best
        best = best or (generate(self.grammar, schema), MADE_UP)
        default = self.grammar.resolve(schema).get("default")
        nullable = any("null" in (option.get("type") or ()) for option in options)
        is_due = nullable or (default is not None and best[1] == MADE_UP)
        return (default, LIKELY) if is_due and self.grammar.accepts(default, schema) else best

    def _first(self, offers: Iterable[Offer], schema: Any) -> Offer | None:
        """The first valid one."""
        return next((offer for offer in offers if self.grammar.accepts(offer[0], schema)), None)

    def _plain(self, name: str, schema: Schema, kind: str, depth: int) -> Iterator[Offer]:
        """Values for a schema without unions, before others those that keep to the wishes in its description."""
        for each in (conjoin(schema, wishes(schema, kind)) or schema, schema):
            offers = self._offers(name, each, kind, depth)
            yield from (offer for offer in offers if self.grammar.accepts(offer[0], each))

    def _offers(self, name: str, schema: Schema, kind: str, depth: int) -> Iterator[Offer]:
        """What may be a value, the best first; the last one is made up."""
        if "const" in schema:
            yield schema["const"], SURE
        elif schema.get("enum"):
            yield from filter(None, [self.scalars.member(name, schema["enum"], schema)])
        elif kind == "boolean":
            yield from filter(None, [self.scalars.truth(name, str(schema.get("description") or ""))])
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

    def _object(self, name: str, schema: Schema, depth: int) -> Iterator[Offer]:
        if schema.get("properties"):
            yield self.members(schema, depth)
        elif name:
            yield from ((entry, SURE) for source in self.sources if isinstance(entry := source.entry(name), dict))
        yield schema.get("default", {}), MADE_UP if name else LIKELY

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
        about = choices.about(self.choices[0], schema) if self.choices else {}
        if about and self.grammar.accepts(about, schema):
            return about, SURE
        values: dict[str, Any] = {}
        weakest = SURE
        # Members with a recognisable kind choose first; free text takes what is left.
        for name in sorted(properties, key=lambda n: (n not in required, self._greediness(n, properties[n]))):
            value, strength = self.value(name, properties[name], depth + 1)
            # A text that may be left out must be asked for by name; other kinds of value are found by it anyway.
            is_meant = not isinstance(value, str) or any(source.mentions(name) for source in self.sources)
            if name in required:
                values[name], weakest = value, min(weakest, strength)
            elif strength == NAMED or (strength == SURE and is_meant):
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

    def _array(self, name: str, schema: Schema, depth: int) -> Iterator[Offer]:
        values, strength = self._items(name, schema, depth)
        fitting = [value for value in values if self.grammar.accepts(value, schema.get("items", True))]
        once = [value for place, value in enumerate(fitting) if value not in fitting[:place]]
        own = (once if schema.get("uniqueItems") else fitting)[: schema.get("maxItems", 50)]
        yield own, strength
        # What the texts have stands first, the rest is made up behind it.
        heads = [{"const": value} for value in own]
        yield generate(self.grammar, {"allOf": [schema, {"prefixItems": heads}]}), min(strength, LIKELY)

    def _items(self, name: str, schema: Schema, depth: int) -> tuple[list[Any], int]:
        if heads := schema.get("prefixItems"):
            members = [self.value(name, each, depth + 1) for each in heads]
            return [value for value, _ in members], min(strength for _, strength in members)
        option = self.grammar.alternatives(schema.get("items", {}))[0]
        kind, source = kind_of(option), self.sources[0]
        if option.get("enum"):
            values = [each for each in option["enum"] if re.search(whole_word(str(each)), source.text, re.IGNORECASE)]
            return values, SURE if values else MADE_UP
        if kind in ("integer", "number"):
            numbers = [number_in(text, whole=kind == "integer") for text in source.take_each(source.numbers())]
            return [each for each in numbers if each is not None], LIKELY if numbers else MADE_UP
        if kind == "object":
            return self._objects(option, depth)
        return self._strings(name) if kind == "string" and "format" not in option else ([], MADE_UP)

    def _objects(self, items: Schema, depth: int) -> tuple[list[Any], int]:
        chosen = [about for choice in self.choices if (about := choices.about(choice, items))]
        values = chosen or choices.assign(self.question, items) or self._rows(items) or self._each_unit(items)
        if values:
            return values, SURE
        value, inner = self.members(items, depth) if depth <= 2 else ({}, MADE_UP)
        return ([value], inner) if inner else ([], MADE_UP)

    def _each_unit(self, items: Schema) -> list[dict[str, Any]]:
        """An object out of each sentence (or item of a list) that tells of one."""
        units = [] if self._is_part else sentences(re.sub(r"[。；;]", "\n", self.question))
        if len(units) == 1:
            units = [each for each in pattern("fill.listed").split(self.question) if each.strip()]
        values: list[dict[str, Any]] = []
        for unit in units if len(units) in range(2, 61) else ():
            value, strength = Filler([unit], self.grammar).members(items, _DEPTH - 2)
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
        phrases = [*source.take_each(source.find("quoted"))] or [*source.take_each(source.names())]
        return phrases, LIKELY if phrases else MADE_UP

    def _rows(self, items: Schema) -> list[dict[str, Any]]:
        """Objects from the rows of a table whose head names the members."""
        tables = (table_rows(source.text, list(items.get("properties") or ())) for source in self.sources)
        rows = next(filter(None, tables), [])[:50]
        objects = [Filler([row], self.grammar).members(items, _DEPTH - 1) for row in rows]
        return [value for value, strength in objects if strength]
