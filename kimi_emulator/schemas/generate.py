"""Values out of nothing but their schema, for what no text supplies."""

from __future__ import annotations

import random
import re
import string
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from math import ceil, floor
from typing import Any

from kimi_emulator.content import compact
from kimi_emulator.schemas.conjoin import Schema, both
from kimi_emulator.schemas.grammar import Grammar

__all__ = ["generate", "kind_of"]

_TRIES = 12
_STEPS = 3000
"""Values made for one whole; a schema that needs more gets what there is."""
_DEEP = 4
"""From here on the smallest alternative comes first, and members that may be left out are."""
_WORDS = ("sample", "other", "third", "more", "further", "last")
_FORMATS: Mapping[str, Callable[[int], str]] = {
    "date": lambda n: f"2026-01-{n % 28 + 1:02d}",
    "date-time": lambda n: f"2026-01-{n % 28 + 1:02d}T09:00:00Z",
    "time": lambda n: f"{n % 24:02d}:00:00Z",
    "duration": lambda n: f"P{n + 1}D",
    "uuid": lambda n: f"00000000-0000-4000-8000-{n + 1:012d}",
    "email": lambda n: f"person{n + 1}@example.com",
    "idn-email": lambda n: f"person{n + 1}@example.com",
    "uri": lambda n: f"https://example.com/{n + 1}",
    "url": lambda n: f"https://example.com/{n + 1}",
    "iri": lambda n: f"https://example.com/{n + 1}",
    "uri-reference": lambda n: f"/{n + 1}",
    "iri-reference": lambda n: f"/{n + 1}",
    "uri-template": lambda n: f"https://example.com/{{id}}/{n + 1}",
    "hostname": lambda n: f"host{n + 1}.example.com",
    "idn-hostname": lambda n: f"host{n + 1}.example.com",
    "ipv4": lambda n: f"192.0.2.{n % 254 + 1}",
    "ipv6": lambda n: f"2001:db8::{n % 9999 + 1}",
    "json-pointer": lambda n: f"/{n + 1}",
    "relative-json-pointer": lambda n: f"{n + 1}/a",
    "regex": lambda n: "[a-z]" + "+" * min(n, 1),
    "color": lambda n: f"#0000{n % 256:02x}",
}
_PLAIN = (
    "0",
    "1",
    "10",
    "0.5",
    "a",
    "A",
    "ab",
    "AB",
    "abc",
    "a1",
    "A1",
    "AB-12",
    "12345",
    "+1 555 0100",
    "example.com",
)

_ANYTHING: tuple[Any, ...] = (0, "sample", True, [], {}, None, False, 1.5, -1, "")
"""For schemas that tell only what must not be."""


class _TooMuch(Exception):
    """The schema asks for more than can be made: endless recursion, or nothing that fits."""


class _Low(random.Random):
    """Chance that likes short texts: of a range, its lower end."""

    def randint(self, a: int, b: int) -> int:
        return super().randint(a, min(b, a + 3))


def kind_of(schema: Mapping[str, Any]) -> str:
    """The type of the values of a schema without unions; of several types, the first that is not null."""
    kinds = schema.get("type")
    if isinstance(kinds, str):
        return kinds
    if isinstance(kinds, list):
        return next((each for each in kinds if each != "null"), "null")
    for kind, keywords in (
        ("object", ("properties", "required", "additionalProperties", "patternProperties", "minProperties")),
        ("object", ("propertyNames", "dependentRequired", "maxProperties")),
        ("array", ("items", "prefixItems", "contains", "minItems", "maxItems", "uniqueItems")),
        ("number", ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")),
    ):
        if any(keyword in schema for keyword in keywords):
            return kind
    return "string"


def generate(grammar: Grammar, schema: Any, *, seed: int = 0) -> Any:
    """A valid value for the schema, the same each time for a seed; None where none was met.

    Of a schema without any valid value (`minimum` above `maximum`), whatever comes nearest.
    """
    nearest: Any = None
    maker = _Maker(grammar)
    for attempt in range(_TRIES):
        maker.attempt = attempt
        try:
            value = maker.value(schema, seed + attempt, 0)
        except _TooMuch:
            continue
        if grammar.accepts(value, schema):
            return value
        nearest = value if nearest is None else nearest
    return nearest


class _Maker:
    def __init__(self, grammar: Grammar) -> None:
        self.grammar = grammar
        self.attempt = 0
        self._left = _STEPS

    def _step(self, depth: int = 0) -> None:
        self._left -= 1
        if self._left < 0 or depth > 40:
            raise _TooMuch

    def value(self, schema: Any, number: int, depth: int) -> Any:
        """The ``number``-th value for a schema: others for other numbers, where there are others."""
        self._step(depth)
        options = self.grammar.alternatives(schema)
        if depth >= _DEEP or self.attempt > 2:
            options = sorted(options, key=_size)
        turn = self.attempt % len(options) if depth == 0 else 0
        second: list[Any] = []
        for option in options[turn:] + options[:turn]:
            for round_ in range(3 if depth else 5):
                try:
                    value = self._plain(option, number + round_, depth)
                except _TooMuch:
                    break
                if self.grammar.accepts(value, schema):
                    return value
                second.append(value)
        for value in _ANYTHING:
            if self.grammar.accepts(value, schema):
                return value
        if not second:
            raise _TooMuch
        return second[0]

    def _plain(self, schema: Schema, number: int, depth: int) -> Any:
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return schema["enum"][number % len(schema["enum"])]
        kinds = schema.get("type")
        kind = kind_of(schema)
        if isinstance(kinds, list) and kinds:
            kind = "null" if "null" in kinds and depth >= _DEEP else kinds[number % len(kinds)] if number else kind
        if kind == "object":
            return self._object(schema, number, depth)
        if kind == "array":
            return self._array(schema, number, depth)
        makers: dict[str, Callable[[Schema], Iterator[Any]]] = {
            "string": lambda each: texts(each, number),
            "integer": lambda each: numbers(each, number, whole=True),
            "number": lambda each: numbers(each, number, whole=False),
        }
        if kind not in makers:
            return None if kind == "null" else bool(number % 2)
        first: list[Any] = []
        for value in makers[kind](schema):
            self._step()
            if self.grammar.accepts(value, schema):
                return value
            first.append(value)
        return first[0]

    def _array(self, schema: Schema, number: int, depth: int) -> list[Any]:
        heads: list[Any] = schema.get("prefixItems", [])
        rest = schema.get("items", True)
        least, most = schema.get("minItems", 0), schema.get("maxItems", 1 << 30)
        contained = schema.get("minContains", 1) if "contains" in schema else 0
        length = min(max(least, len(heads) if rest is not False else min(len(heads), max(least, 1)), contained), most)
        if not length and most and rest is not False and not depth and number:
            length = 1
        values: list[Any] = []
        texts_so_far: set[str] = set()
        for place in range(length):
            inner = heads[place] if place < len(heads) else rest
            if place >= len(heads) and place - len(heads) < contained:
                inner = both(inner, schema["contains"])
            value = self.value(inner, number + place, depth + 1)
            for again in range(1, _TRIES if schema.get("uniqueItems") else 1):
                if compact(value) not in texts_so_far:
                    break
                value = self.value(inner, number + place + again, depth + 1)
            values.append(value)
            texts_so_far.add(compact(value))
        return values

    def _object(self, schema: Schema, number: int, depth: int) -> dict[str, Any]:
        for name, needed in schema.get("dependentSchemas", {}).items():
            if name in schema.get("required", ()):
                options = self.grammar.alternatives({"allOf": [{**schema, "dependentSchemas": {}}, needed]})
                schema = options[0]
        properties: Schema = schema.get("properties", {})
        names = list(schema.get("required", ()))
        for name in names:  # grows while it is walked
            names += [each for each in schema.get("dependentRequired", {}).get(name, ()) if each not in names]
        names = [name for name in properties if name in names] + [name for name in names if name not in properties]
        least = schema.get("minProperties", 0)
        spare = [name for name in properties if name not in names and properties[name] is not False]
        names += sorted(spare, key=lambda name: _size(self.grammar.resolve(properties[name])))[
            : max(least - len(names), 0)
        ]
        values: dict[str, Any] = {}
        for name in names:
            values[name] = self.value(self._member(schema, name), number, depth + 1)
        for place in range(4 * least):
            if len(values) >= least:
                break
            name = self._name(schema, place)
            if name not in values and self._member(schema, name) is not False:
                values[name] = self.value(self._member(schema, name), number + place, depth + 1)
        return values

    def _name(self, schema: Schema, place: int) -> str:
        patterns = list(schema.get("patternProperties", ()))
        ruled = schema.get("propertyNames", True)
        if patterns and (schema.get("additionalProperties", True) is False or ruled is True):
            ruled = both(ruled, {"pattern": patterns[place % len(patterns)]})
        if ruled is True:
            return f"key{place + 1}"
        return str(self.value(both({"type": "string"}, ruled), place, 1))

    @staticmethod
    def _member(schema: Schema, name: str) -> Any:
        """What a member of this name has to fit."""
        parts = [schema["properties"][name]] if name in schema.get("properties", ()) else []
        parts += [each for pattern, each in schema.get("patternProperties", {}).items() if re.search(pattern, name)]
        if not parts:
            return schema.get("additionalProperties", True)
        whole: Any = True
        for part in parts:
            whole = both(whole, part)
        return whole


def _size(schema: Mapping[str, Any]) -> int:
    """How much a value of the schema holds at least, roughly."""
    if "const" in schema or "enum" in schema or schema.get("type") in ("null", "boolean", "number", "integer"):
        return 0
    kinds = schema.get("type")
    if isinstance(kinds, list) and "null" in kinds:
        return 0
    if kind_of(schema) == "array":
        return 2 + 10 * min(schema.get("minItems", 0), 3)
    if kind_of(schema) == "object":
        return 3 + 10 * len(schema.get("required", ())) + schema.get("minProperties", 0)
    return 1 if "$ref" not in schema and "anyOf" not in schema and "oneOf" not in schema else 5


def numbers(schema: Mapping[str, Any], number: int, *, whole: bool) -> Iterator[int | float]:
    """Numbers within the bounds, from the lowest on."""
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    lows = [Fraction(str(each)) for each in (low, above) if each is not None]
    highs = [Fraction(str(each)) for each in (high, below) if each is not None]
    step = Fraction(str(schema.get("multipleOf", 1 if whole else "0.5")))
    if whole and step.denominator != 1:
        step = Fraction(step.numerator)
    bottom = max(lows) if lows else min(highs) - 3 * step if highs else Fraction(0)
    first = ceil(bottom / step)
    if not lows and (not highs or min(highs) >= 0):
        first = 0
    for place in range(24):
        value = (first + (place + number) % 24) * step
        if not highs or value <= min(highs):
            yield _number(value, whole)
    if highs:
        yield _number(floor(min(highs) / step) * step, whole)
    if lows and highs:
        middle = (max(lows) + min(highs)) / 2
        for part in (middle, max(lows), (max(lows) + middle) / 2):
            yield _number(Fraction(round(part)) if whole else part, whole)
    yield 0


def _number(value: Fraction, whole: bool) -> int | float:
    return int(value) if whole or value.denominator == 1 else float(value)


def texts(schema: Mapping[str, Any], number: int) -> Iterator[str]:
    """Texts of the form that is asked for, the plainest first."""
    least, most = schema.get("minLength", 0), schema.get("maxLength", 1 << 30)
    form = _FORMATS.get(schema.get("format", ""))
    if form is not None:
        yield form(number)
    pattern = schema.get("pattern")
    if pattern is not None:
        yield from (text for text in (_PLAIN if not number else ()) if least <= len(text) <= most)
        yield from _by_pattern(pattern, number, least, most)
    word = _WORDS[number % len(_WORDS)] + (str(number) if number >= len(_WORDS) else "")
    yield word if least <= len(word) <= most else _stretch(word, least, most)
    if form is not None:
        yield from (form(number + more) for more in range(1, 5))
        if least > 20 and schema["format"] in ("uri", "url", "email"):
            yield "a" * (least - 12) + "@example.com" if schema["format"] == "email" else form(0) + "a" * least


def _by_pattern(pattern: str, number: int, least: int, most: int) -> Iterator[str]:
    from rstr import Rstr

    for seed in range(60):
        # Letters for "any character": a text full of signs is hard to read.
        chance = _Low(1000 * number + seed) if seed < 40 else random.Random(seed)  # noqa: S311 - no secret
        maker = Rstr(chance, printable=string.ascii_letters)
        try:
            text = maker.xeger(pattern)
        except (KeyError, IndexError, ValueError):
            return
        if len(text) < least:
            yield from (text + text[-1:] * (least - len(text)), "a" * (least - len(text)) + text)
        if least <= len(text) <= most:
            yield text


def _stretch(text: str, least: int, most: int) -> str:
    """A text of the length that is asked for, by repeating or cutting it."""
    return (text * (least // len(text) + 1))[: max(min(least, most), min(len(text), most))]
