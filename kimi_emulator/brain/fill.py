"""Values for a JSON Schema out of a text: tool arguments and structured answers.

Each value comes with its strength: NAMED (the text says that it is this member), SURE (of the right kind), LIKELY
(the first thing that could be it) or MADE_UP (nothing found; a valid filler).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from kimi_emulator.brain import choices
from kimi_emulator.brain.documents import best
from kimi_emulator.brain.naming import DIRECTIONS, in_range, loose, parts, prepositions, same, scalar, way
from kimi_emulator.brain.values import CURRENCIES, Source, iso_date

__all__ = ["Filler"]

NAMED, SURE, LIKELY, MADE_UP = 3, 2, 1, 0
_DEPTH = 8
_PLACE = re.compile(r"city|location|place|country|region|address|destination|origin|station|airport|town")
_FREE_TEXT = re.compile(
    r"query|question|search|text|prompt|input|topic|keyword|message|body|content|subject|q$|sentence|string|reason"
)
_IDENTIFIER = re.compile(
    r"(?:^|_|\b)(?:id|ids|code|sku|key|reference|ref|ticket|order|serial|symbol|ticker|uuid|number|no)$"
)


class Filler:
    """Fills schemas from texts, the earlier ones first. ``root`` resolves references."""

    def __init__(self, texts: Sequence[str], root: Mapping[str, Any], *, question: str = "") -> None:
        self.sources: list[Source] = [Source(text) for text in texts if text.strip()] or [Source("")]
        self.root = root
        self.question: str = question or self.sources[0].text
        self._names: set[str] = set()
        listed = next((items for source in self.sources if (items := choices.numbered_items(source.text))), [])
        self.choices: list[choices.Choice] = choices.rank(self.question, listed)
        """Items of a numbered list in the texts that fit the question, best first."""

    def object(self, schema: Mapping[str, Any], depth: int = 0) -> tuple[dict[str, Any], int]:
        """An object for the schema: required members always, others where the text has them for sure.

        The strength is that of the weakest required member.
        """
        schema = self.resolve(schema)
        required = schema.get("required") or ()
        properties = schema.get("properties") or {}
        self._names |= {name.lower() for name in properties}
        counter = choices.counts_items(schema) if self.choices else None
        if counter is not None:
            members = choices.about(self.choices[0], schema, counter)
            if set(required) <= set(members):
                return members, SURE
        values: dict[str, Any] = {}
        weakest = SURE
        # Members that can be told apart by their kind choose first; free text takes what is left.
        for name in sorted(properties, key=lambda n: (n not in required, self._greediness(n, properties[n]))):
            value, strength = self.value(name, properties[name], depth + 1)
            if name in required:
                values[name], weakest = value, min(weakest, strength)
            elif strength == NAMED or (strength == SURE and self._is_mentioned(name, value)):
                values[name] = value
        if not values and not required:
            weakest = LIKELY
        return {name: values[name] for name in properties if name in values}, min(weakest, SURE)

    def _is_mentioned(self, name: str, value: Any) -> bool:
        """Whether a text that may be left out is asked for by name; other kinds of value are found by it anyway."""
        return not isinstance(value, str) or any(source.mentions(name) for source in self.sources)

    def resolve(self, schema: Any) -> Mapping[str, Any]:
        """The schema behind references, ``allOf`` with one member, and unions with null."""
        for _ in range(20):
            if not isinstance(schema, dict):
                return {}
            reference = schema.get("$ref")
            if isinstance(reference, str):
                target: Any = self.root
                for step in reference.removeprefix("#").strip("/").split("/"):
                    if step:
                        target = target.get(step, {}) if isinstance(target, dict) else {}
                schema = target if isinstance(target, dict) else {}
                continue
            if isinstance(schema.get("allOf"), list) and len(schema["allOf"]) == 1:
                schema = {**schema["allOf"][0], **{k: v for k, v in schema.items() if k != "allOf"}}
                continue
            return schema
        return {}

    def _greediness(self, name: str, schema: Any) -> int:
        schema = self.resolve(schema)
        if schema.get("enum") or "const" in schema:
            return 0
        if schema.get("type") in ("number", "integer", "boolean"):
            return 1
        if parts(name) & set(DIRECTIONS) or _IDENTIFIER.search(name.lower()):
            return 2
        return 4 if _FREE_TEXT.search(name.lower()) else 3

    # -- one value --------------------------------------------------------------------------------------------

    def value(self, name: str, schema: Any, depth: int = 0) -> tuple[Any, int]:
        """A value for a member of this name, and how sure it is."""
        schema = self.resolve(schema)
        union = schema.get("anyOf") or schema.get("oneOf")
        if isinstance(union, list) and union:
            return self._union(name, schema, union, depth)
        if "const" in schema:
            return schema["const"], SURE
        if isinstance(schema.get("enum"), list) and schema["enum"]:
            return self._enum(name, schema)
        kind = schema.get("type")
        if isinstance(kind, list):
            kind = next((each for each in kind if each != "null"), "null")
            schema = {**schema, "type": kind}
        if kind is None:
            kind = "object" if "properties" in schema else "array" if "items" in schema else "string"
        if kind in ("integer", "number"):
            return self._number(name, schema, whole=kind == "integer")
        if kind == "boolean":
            return self._boolean(name, schema)
        if kind == "array":
            return self._array(name, schema, depth)
        if kind == "object":
            return self._object(name, schema, depth)
        return (None, LIKELY) if kind == "null" else self._string(name, schema)

    def _union(self, name: str, schema: Mapping[str, Any], union: list[Any], depth: int) -> tuple[Any, int]:
        tried: list[tuple[Any, int]] = []
        nullable = False
        for branch in union:
            if self.resolve(branch).get("type") == "null":
                nullable = True
                continue
            shared = {k: v for k, v in schema.items() if k not in ("anyOf", "oneOf")}
            value, strength = self.value(name, {**shared, **self.resolve(branch)}, depth)
            if strength >= SURE:
                return value, strength
            tried.append((value, strength))
        if nullable:
            return schema.get("default"), LIKELY
        return max(tried, key=lambda item: item[1]) if tried else (None, MADE_UP)

    def _enum(self, name: str, schema: Mapping[str, Any]) -> tuple[Any, int]:
        members = schema["enum"]
        described = schema.get("enumDescriptions")
        if isinstance(described, dict):
            listed = [
                choices.Choice(place, f"{member} {described.get(member)}") for place, member in enumerate(members)
            ]
            return members[choices.rank(self.question, listed)[0].number], SURE
        for source in self.sources:
            labelled = scalar(source.entry(name)) or source.value_of_label(name)
            for member in members:
                if labelled and str(member).lower() == labelled.lower():
                    return member, NAMED
            for direction in prepositions(name):
                for member in members:
                    if re.search(rf"\b(?:{direction})\s+{re.escape(str(member))}\b", source.text, re.IGNORECASE):
                        return member, NAMED
            places = [
                (*match.span(), member)
                for member in members
                if member is not None
                and (match := re.search(rf"(?<!\w){loose(str(member))}(?!\w)", source.text, re.IGNORECASE))
            ]
            if places:
                start, end, member = min(places, key=lambda place: place[0])
                source.mark(start, end)
                return member, NAMED
        return schema.get("default", members[0]), MADE_UP

    def _number(self, name: str, schema: Mapping[str, Any], *, whole: bool) -> tuple[Any, int]:
        for source in self.sources:
            for strength, text in ((SURE, scalar(source.entry(name))), (SURE, source.number_near(name))):
                number = in_range(text, schema, whole=whole)
                if number is not None:
                    return number, strength
        if "default" in schema:
            return schema["default"], LIKELY
        for source in self.sources:
            for _ in range(50):
                text = source.take(source.numbers())
                if text is None:
                    break
                number = in_range(text, schema, whole=whole)
                if number is not None:
                    return number, LIKELY
        low = schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1)
        high = schema.get("maximum")
        number = low if isinstance(low, int | float) else 0
        number = min(number, high) if isinstance(high, int | float) else number
        return (int(-(-number // 1)) if whole else number), MADE_UP

    def _boolean(self, name: str, schema: Mapping[str, Any]) -> tuple[Any, int]:
        for source in self.sources:
            entry = source.entry(name)
            if isinstance(entry, bool):
                return entry, SURE
            labelled = (source.value_of_label(name) or "").lower()
            if labelled in ("true", "yes", "on", "false", "no", "off"):
                return labelled in ("true", "yes", "on"), SURE
        first = self.sources[0]
        bare = re.sub(r"^(?:is|has|include|use|with|should)_", "", name)
        if first.mentions(bare):
            spoken = bare.replace("_", "[ _-]").rstrip("s")
            negated = re.search(
                rf"\b(?:no|not|without|n't|never|exclude|isn't|not yet)\b[^.,;]{{0,20}}{spoken}",
                first.text,
                re.IGNORECASE,
            )
            return not negated, SURE
        return schema.get("default", False), LIKELY if "default" in schema else MADE_UP

    def _array(self, name: str, schema: Mapping[str, Any], depth: int) -> tuple[Any, int]:
        items = self.resolve(schema.get("items"))
        least, most = schema.get("minItems", 0), schema.get("maxItems", 50)
        values: list[Any] = []
        strength = MADE_UP
        kind = items.get("type")
        if depth > _DEPTH:
            return [], MADE_UP
        if items.get("enum"):
            text = self.sources[0].text.lower()
            values = [
                member for member in items["enum"] if re.search(rf"(?<!\w){re.escape(str(member).lower())}(?!\w)", text)
            ]
            strength = SURE if values else MADE_UP
        elif kind in ("integer", "number"):
            for text in self.sources[0].take_all(self.sources[0].numbers()):
                number = in_range(text, items, whole=kind == "integer")
                values += [] if number is None else [number]
            strength = LIKELY if values else MADE_UP
        elif kind == "object" or "properties" in items:
            counter = choices.counts_items(items) if self.choices else None
            if counter is not None:
                values = [choices.about(choice, items, counter) for choice in self.choices]
            values = values or choices.assign(self.question, items) or self._rows(items)
            strength = SURE if values else MADE_UP
            if not values:
                value, inner = self.object(items, depth)
                values, strength = ([value], inner) if inner == SURE or (inner and depth < 3) else ([], MADE_UP)
        elif kind in (None, "string"):
            values, strength = self._strings(name)
        if "default" in schema and strength == MADE_UP:
            return schema["default"], LIKELY
        while len(values) < least:
            values.append(self.value(name, items, depth + 1)[0])
        return values[:most], strength

    def _strings(self, name: str) -> tuple[list[Any], int]:
        for source in self.sources:
            entry = source.entry(name)
            if isinstance(entry, list) and entry and all(isinstance(each, str) for each in entry):
                return entry, SURE
            labelled = re.search(rf"\b{loose(name)}\s*(?:[:=]|are|is)\s*([^\n.]+)", source.text, re.IGNORECASE)
            if labelled:
                parts = re.split(r"\s*(?:,|;|\band\b)\s*", labelled.group(1))
                return [part.strip(" \"'`[]") for part in parts if part.strip(" \"'`[]")], SURE
        source = self.sources[0]
        for kind in (source.quotations, source.names):
            phrases: list[Any] = list(source.take_all(kind()))
            if phrases:
                return phrases, LIKELY
        return [], MADE_UP

    def _rows(self, items: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Objects from the rows of a table whose head names the members."""
        properties = items.get("properties") or {}
        for source in self.sources:
            columns: dict[int, str] = {}
            rows: list[dict[str, Any]] = []
            for line in source.text.splitlines():
                cells = [cell.strip(" *`") for cell in line.strip().strip("|").split("|")]
                if len(cells) < 2 or re.match(r"^[\s|:-]*$", line):
                    continue
                if not columns:
                    columns = {i: n for i, cell in enumerate(cells) for n in properties if same(cell, n)}
                    continue
                row = Filler(["\n".join(f"{n}: {cells[i]}" for i, n in columns.items() if i < len(cells))], self.root)
                value, strength = row.object(items, _DEPTH - 1)
                rows += [value] if strength else []
            if rows and len(columns) >= min(2, len(properties)):
                return rows[:50]
        return []

    def _object(self, name: str, schema: Mapping[str, Any], depth: int) -> tuple[Any, int]:
        if depth > _DEPTH:
            return {}, MADE_UP
        for source in self.sources:
            entry = source.entry(name)
            if isinstance(entry, dict) and not schema.get("properties"):
                return entry, SURE
        if not schema.get("properties"):
            return schema.get("default", {}), MADE_UP
        return self.object(schema, depth)

    # -- texts ------------------------------------------------------------------------------------------------

    def _string(self, name: str, schema: Mapping[str, Any]) -> tuple[Any, int]:
        value, strength = self._raw_string(name, schema)
        least, most = schema.get("minLength", 0), schema.get("maxLength")
        value = value + "." * (least - len(value))
        return (value[:most] if isinstance(most, int) else value), strength

    def _raw_string(self, name: str, schema: Mapping[str, Any]) -> tuple[str, int]:
        about = f"{name} {schema.get('description') or ''}".lower()
        lower = name.lower()
        for source in self.sources:
            entry = source.entry(name)
            if isinstance(entry, str | int | float) and not isinstance(entry, bool):
                return str(entry), NAMED
            labelled = source.value_of_label(name)
            if labelled and not _FREE_TEXT.fullmatch(lower):
                dated = schema.get("format") == "date"
                return (iso_date(labelled) if dated else labelled), NAMED
        for source in self.sources:
            special = self._of_kind(source, lower, about, schema)
            if special:
                return special, NAMED
        free = bool(_FREE_TEXT.search(lower))
        identifier = bool(_IDENTIFIER.search(lower))
        directions = prepositions(name)
        for place, source in enumerate(self.sources):
            strength = SURE if place == 0 else LIKELY
            kinds = [source.quotations()]
            kinds += [source.after(direction, names_only=True) for direction in directions]
            if identifier:
                kinds += [source.codes(), source.numbers()]
            if _PLACE.search(about) and not free:
                kinds += [source.after("in|for|at|of|near|about|named|called|with|on|is"), source.names()]
            if not free:
                kinds += [source.names(), source.codes()]
            for kind in kinds:
                text = source.take(
                    each for each in kind if each[0] not in CURRENCIES and each[0].lower() not in self._names
                )
                if text:
                    return text.strip(), strength
            if free and place == 0:
                return self._free_text(), LIKELY
        if isinstance(schema.get("default"), str):
            return schema["default"], LIKELY
        text = self.sources[0].take(self.sources[0].after("in|for|of|to|about|at|with|on|from"))
        if text:
            return text, LIKELY
        quoted = best(about, [source.text for source in self.sources], most=1)
        return (quoted or self._free_text() or name), MADE_UP

    def _free_text(self) -> str:
        text = re.sub(
            r"^\s*(?:please\s+)?(?:(?:can|could) you\s+)?(?:search|look\s*up|find|google)\s+(?:for\s+|the web for\s+)?",
            "",
            self.question.strip(),
            flags=re.IGNORECASE,
        )
        return text[:500]

    def _of_kind(self, source: Source, lower: str, about: str, schema: Mapping[str, Any]) -> str | None:
        """A text that can be told by its form: a date, an address, a currency, a sum."""
        form = schema.get("format")
        if form in ("date", "date-time") or re.search(r"date|(?:^|_)(?:day|when|deadline|birthday)(?:$|_)", lower):
            match = source.take(source.dates())
            return iso_date(match) if match else None
        if "currency" in about or "iso 4217" in about:
            for direction in prepositions(lower):
                match = re.search(rf"\b(?:{direction})\s+([A-Z]{{3}})\b", source.text)
                if match and match.group(1) in CURRENCIES:
                    return match.group(1)
            other = {"from": "to|into|in", "to": "from"}.get(way(lower), "(?!)")
            return source.take(
                code
                for code in source.currencies()
                if code[0] in CURRENCIES and not re.search(rf"\b(?:{other})\s+$", source.before(code[1]))
            )
        if form == "email" or "email" in lower:
            return source.take(source.kind("email"))
        if form in ("uri", "url") or re.search(r"url|link|website", lower):
            return source.take(source.kind("url"))
        if re.search(r"path|file|folder|directory", lower):
            return source.take(source.kind("path"))
        if re.search(r"expr|formula|equation|calculation", lower):
            short = Source(source.text[:2000])
            return short.take(short.kind("expression"))
        return None
