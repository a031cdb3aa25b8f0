"""A JSON Schema to be filled: its references, its alternatives, and what is valid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import islice, product
from typing import Any
from urllib.parse import unquote

from kimi_emulator.schemas.conjoin import Schema, conjoin, well_formed

__all__ = ["Grammar"]

_MOST = 48
"""Alternatives that are looked at."""
_STEPS = 40
"""References followed one after the other."""


class Grammar:
    """The schema at the root, and what stands in it."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self.root: Schema = well_formed(root)

    def resolve(self, schema: Any) -> Schema:
        """The schema behind references, with what stands beside them. Of False, one that nothing fits."""
        for _ in range(_STEPS):
            if not isinstance(schema, dict):
                return {"not": {}} if schema is False else {}
            reference = schema.get("$ref")
            if not isinstance(reference, str):
                return schema
            beside = {keyword: value for keyword, value in schema.items() if keyword != "$ref"}
            target = self._target(reference)
            if "$ref" in target and beside:
                target = self.resolve(target)
            schema = conjoin(beside, target) or {"not": {}}
        return {}

    def _target(self, reference: str) -> Schema:
        target: Any = self.root
        for step in reference.removeprefix("#").strip("/").split("/") if reference.startswith("#") else ("?",):
            name = unquote(step).replace("~1", "/").replace("~0", "~")
            if isinstance(target, list) and name.isdigit() and int(name) < len(target):
                target = target[int(name)]
            elif step:
                target = target.get(name, {}) if isinstance(target, dict) else {}
        return target if isinstance(target, dict) else {}

    def alternatives(self, schema: Any) -> list[Schema]:
        """Schemas without unions, of which a value fits one if it fits the whole: at least one."""
        return list(islice(self._expand(self.resolve(schema), 0), _MOST)) or [{"not": {}}]

    def _expand(self, schema: Schema, depth: int) -> Iterator[Schema]:
        unions = [schema[keyword] for keyword in ("anyOf", "oneOf") if schema.get(keyword)]
        if isinstance(schema.get("if"), dict | bool):
            met = {"allOf": [schema["if"], schema.get("then", True)]}
            unions.append([met, {"allOf": [schema.get("else", True), {"not": schema["if"]}]}])
        if depth > _STEPS or not (unions or schema.get("allOf")):
            yield schema
            return
        own = {k: v for k, v in schema.items() if k not in ("allOf", "anyOf", "oneOf", "if", "then", "else")}
        for chosen in islice(product(*unions), _MOST):
            whole: Schema | None = own
            for part in (*schema.get("allOf", ()), *chosen):
                whole = None if whole is None or part is False else self._join(whole, self.resolve(part))
            if whole is not None:
                yield from self._expand(self.resolve(whole), depth + 1)

    @staticmethod
    def _join(whole: Schema, part: Schema) -> Schema | None:
        """Both as one; unions of both stay, side by side."""
        nested = [{k: each[k] for k in ("anyOf", "oneOf", "if", "then", "else") if k in each} for each in (whole, part)]
        if nested[0] and nested[1]:
            part = {k: v for k, v in part.items() if k not in nested[1]}
            part["allOf"] = [*part.get("allOf", ()), nested[1]]
        joined = conjoin(
            {k: v for k, v in whole.items() if k != "allOf"}, {k: v for k, v in part.items() if k != "allOf"}
        )
        parts = [*whole.get("allOf", ()), *part.get("allOf", ())]
        return {**joined, "allOf": parts} if joined is not None and parts else joined

    # -- validity ---------------------------------------------------------------------------------------------

    @cached_property
    def _validator(self) -> Any:
        # Imported when the first schema is filled: tests that script all replies need neither.
        from jsonschema import Draft202012Validator
        from referencing import Registry

        # An empty registry: no reference is ever fetched.
        return Draft202012Validator(self.root, registry=Registry(), format_checker=Draft202012Validator.FORMAT_CHECKER)

    def accepts(self, value: Any, schema: Any) -> bool:
        """Whether the value is valid. Where no validator can tell (a reference to elsewhere), it counts as valid."""
        from referencing.exceptions import Unresolvable

        validator = self._validator.evolve(schema=schema)
        try:
            return validator.is_valid(value)
        except (Unresolvable, RecursionError, OverflowError):
            return True
