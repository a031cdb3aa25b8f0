"""Schemas as pydantic, TypedDict, dataclasses and MCP servers write them, and what Kimi gets."""

import dataclasses
import datetime
import decimal
import enum
import json
import os
import subprocess
import sys
import uuid
from types import MappingProxyType
from typing import Annotated, Any, Literal, NotRequired, TypeVar

import mfjs_checker as checker
import pytest
from mfjs_models import Node, Tree
from mfjs_results import normal, prop
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from typing_extensions import TypedDict

from kimi_api.errors import KimiInputError
from kimi_api.mfjs import normalize_schema

T = TypeVar("T")


class Color(enum.Enum):
    red = "red"
    blue = "blue"


class Level(enum.IntEnum):
    low = 1
    high = 2


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = Field(gt=0, le=9)


class Dog(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kind: Literal["dog"] = "dog"
    name: str = Field(min_length=1, pattern="^[A-Z]")


class Point(TypedDict):
    x: float
    y: NotRequired[float]


@dataclasses.dataclass
class Span:
    start: datetime.date
    end: datetime.date | None = None


class Everything(BaseModel):
    optional: int | None = None
    described: str | None = Field(None, description="May be missing")
    union: int | str | list[float]
    literal: Literal["a", "b"] = "a"
    mixed: Literal["a", 1, None, True]
    color: Color = Color.red
    level: Level
    pet: Annotated[Cat | Dog, Field(discriminator="kind")]
    pets: list[Cat | Dog]
    mapping: dict[str, Cat]
    by_color: dict[Color, int]
    pair: tuple[int, str]
    triple: tuple[int, ...]
    fixed: tuple[()]
    ids: set[uuid.UUID]
    amount: decimal.Decimal
    ratio: float = Field(0.5, ge=0, lt=1)
    count: int = Field(4, gt=0, lt=10, multiple_of=2)
    big: int = Field(0, ge=-(2**63), le=2**63 - 1)
    when: datetime.datetime
    lasts: datetime.timedelta = datetime.timedelta(seconds=5)
    raw: bytes = b""
    anything: Any = None
    point: Point
    span: Span
    node: Node
    tree: Tree
    aliased: int = Field(alias="$ref", default=1)


def test_a_pydantic_model_with_everything():
    schema = Everything.model_json_schema()
    result = normal(schema)
    properties = result["properties"]
    assert properties["pet"]["anyOf"][0]["properties"]["kind"] == {"type": "string", "enum": ["cat"]}
    assert properties["pet"]["anyOf"][1]["additionalProperties"] is False
    assert properties["level"] == {"type": "integer", "enum": [1, 2]}
    assert properties["color"] == {"type": "string", "enum": ["red", "blue"], "default": "red"}
    assert (properties["count"]["minimum"], properties["count"]["maximum"]) == (1, 9)
    assert properties["when"]["description"] == "Format: date-time."
    assert properties["described"]["description"] == "May be missing"
    assert "aliased" not in properties
    assert '"$ref"' in result["description"]
    values = {
        "union": [1.5],
        "mixed": None,
        "level": 2,
        "pet": {"kind": "dog", "name": "Rex"},
        "pets": [],
        "mapping": {"a": {"kind": "cat", "lives": 9}},
        "by_color": {"red": 1},
        "pair": [1, "a"],
        "triple": [],
        "fixed": [],
        "ids": [],
        "amount": "1.5",
        "when": "2026-01-01T00:00:00Z",
        "point": {"x": 1},
        "span": {"start": "2026-01-01", "end": None},
        "node": {"value": 1, "children": [{"value": 2}]},
        "tree": {"children": []},
    }
    Everything.model_validate(values)
    assert checker.valid(result, values)
    assert not checker.valid(result, {**values, "level": 3})
    assert not checker.valid(result, {**values, "pet": {"kind": "dog", "name": "Rex", "age": 3}})


@pytest.mark.parametrize("kind", [Point, Span, list[int], int | str, Color, tuple[int, str], dict[str, Point], bool])
def test_types_that_are_no_models(kind):
    normal(TypeAdapter(kind).json_schema())


def test_values_that_are_not_json_are_made_so():
    schema = MappingProxyType({"type": "object", "properties": {"a": {"enum": (Color.red, Color.blue)}}})
    assert normalize_schema(schema)["properties"]["a"]["enum"] == ["red", "blue"]


def test_a_schema_that_is_no_schema():
    circular: dict[str, Any] = {}
    circular["properties"] = {"a": circular}
    with pytest.raises(KimiInputError, match=r"tool 'x'\.properties\.a: got .* contains itself"):
        normalize_schema(circular, where="tool 'x'")
    with pytest.raises(KimiInputError, match=r"tool 'x': .* is a JSON document"):
        normalize_schema({"properties": {(1, 2): {}}}, where="tool 'x'")
    with pytest.raises(KimiInputError, match="a schema is an object"):
        normalize_schema(["string"])


def test_every_process_gets_the_same_text(tmp_path):
    path = tmp_path / "schema.json"
    path.write_text(json.dumps(Everything.model_json_schema()), encoding="utf-8")
    command = [sys.executable, "-m", "kimi_api.cli", "schema", str(path)]
    texts = {
        subprocess.run(command, capture_output=True, check=True, env={**os.environ, "PYTHONHASHSEED": seed}).stdout
        for seed in ("1", "2")
    }
    assert len(texts) == 1


def test_mcp_severity_of_lean_lsp():
    assert prop({"type": "string", "anyOf": [{"enum": ["error", "warning"]}, {"type": "null"}], "default": None}) == {
        "type": "string",
        "enum": ["error", "warning"],
    }


def test_mcp_zod_tuple_and_record():
    result = normal(
        {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "type": "object",
            "properties": {
                "range": {
                    "type": "array",
                    "minItems": 2,
                    "maxItems": 2,
                    "items": [{"type": "number"}, {"type": "number"}],
                },
                "filter": {"type": "object", "additionalProperties": {}, "propertyNames": {"type": "string"}},
                "path": {
                    "anyOf": [{"type": "string"}, {"type": "array", "items": {"$ref": "#/properties/path/anyOf/0"}}]
                },
                "raw": {},
                "url": {"type": "string", "format": "uri", "const": "https://x"},
            },
            "required": ["range"],
            "additionalProperties": False,
        }
    )
    assert result["properties"]["range"]["items"] == {"type": "number"}
    assert result["properties"]["path"]["anyOf"][1]["items"] == {"type": "string"}
    assert result["properties"]["url"] == {"type": "string", "enum": ["https://x"]}
    assert result["additionalProperties"] is False
