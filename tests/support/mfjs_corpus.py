"""Schemas as their makers write them: pydantic, TypedDicts, dataclasses, functions, both frameworks, MCP, by hand.

Each comes with its source and a name, so that a report can say where a refusal comes from. Nothing here knows the
dialect or the normaliser.
"""

import dataclasses
import datetime
import decimal
import enum
import ipaddress
import pathlib
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, Optional

import pydantic
from pydantic import AnyUrl, BaseModel, ConfigDict, Field, RootModel, TypeAdapter, create_model
from typing_extensions import TypedDict


class Case(NamedTuple):
    """One schema.

    Attributes:
        source: who made it.
        name: which one it is.
        schema: the schema.
        refusal: a part of the reason for which it cannot be sent at all, "" if it can.
        narrowed: why the result may allow less than was written, "" if it must not.
    """

    source: str
    name: str
    schema: Any
    refusal: str = ""
    narrowed: str = ""


class Color(enum.Enum):
    red = "red"
    blue = "blue"


class Level(enum.IntEnum):
    low = 1
    high = 2


class Address(BaseModel):
    """Where somebody lives."""

    street: str = Field(description="Street and number", max_length=80)
    zip_code: str = Field(pattern=r"^\d{5}$")
    country: Literal["FI", "SE"] = "FI"


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = Field(gt=0, le=9)


class Dog(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kind: Literal["dog"] = "dog"
    name: str = Field(min_length=1)


class Node(BaseModel):
    """A tree."""

    value: int
    children: list["Node"] = []


class Person(BaseModel):
    name: str
    boss: Optional["Person"] = None
    team: dict[str, "Person"] = {}


class Even(BaseModel):
    odd: Optional["Odd"] = None


class Odd(BaseModel):
    even: Optional["Even"] = None
    label: str


class Point(TypedDict):
    x: float
    y: NotRequired[float]


class Box(TypedDict):
    sides: list[float]
    content: dict[str, list[str]]


class Route(TypedDict, total=False):
    boxes: list[Box]
    via: Literal["sea", "land"]


@dataclasses.dataclass
class Span:
    start: datetime.date
    end: datetime.date | None = None


class Size(NamedTuple):
    width: int
    height: int = 2


class Numbers(RootModel[list[int]]):
    pass


class Either(RootModel[int | str]):
    pass


ANNOTATIONS: dict[str, Any] = {
    "int": int,
    "str": str,
    "float": float,
    "bool": bool,
    "none": None,
    "any": Any,
    "bytes": bytes,
    "object": dict,
    "array": list,
    "positive": Annotated[int, Field(gt=0)],
    "below": Annotated[float, Field(lt=1.5, ge=0)],
    "bounded": Annotated[int, Field(ge=1, le=10, multiple_of=3)],
    "short": Annotated[str, Field(min_length=1, max_length=8)],
    "pattern": Annotated[str, Field(pattern="^[A-Z]{2}$")],
    "described": Annotated[str, Field(description="What to look for", examples=["cats"])],
    "titled": Annotated[int, Field(title="Years since it was built")],
    "date": datetime.date,
    "datetime": datetime.datetime,
    "time": datetime.time,
    "duration": datetime.timedelta,
    "decimal": decimal.Decimal,
    "uuid": uuid.UUID,
    "url": AnyUrl,
    "path": pathlib.Path,
    "ip": ipaddress.IPv4Address,
    "secret": pydantic.SecretStr,
    "json_text": pydantic.Json,
    "literal": Literal["a", "b"],
    "one": Literal["only"],
    "mixed": Literal["a", 1, None],
    "truth": Literal[True, "x"],
    "nothing": Literal[None, 1],
    "color": Color,
    "level": Level,
    "strings": list[str],
    "set": set[int],
    "nonempty": Annotated[list[int], Field(min_length=1, max_length=3)],
    "pair": tuple[int, str],
    "many": tuple[int, ...],
    "empty": tuple[()],
    "matrix": list[list[float]],
    "mapping": dict[str, int],
    "by_color": dict[Color, int],
    "by_number": dict[int, str],
    "deep": dict[str, list[dict[str, int]]],
    "union": int | str,
    "union3": int | list[str] | None,
    "address": Address,
    "cat": Cat,
    "dog": Dog,
    "pet": Annotated[Cat | Dog, Field(discriminator="kind")],
    "pets": Cat | Dog,
    "node": Node,
    "person": Person,
    "even": Even,
    "point": Point,
    "box": Box,
    "route": Route,
    "span": Span,
    "size": Size,
    "numbers": Numbers,
    "either": Either,
}
SHAPES: dict[str, Callable[[Any], tuple[Any, Any]]] = {
    "required": lambda kind: (kind, ...),
    "optional": lambda kind: (kind | None if kind is not None else None, None),
    "list": lambda kind: (list[kind], ...),
    "described": lambda kind: (kind, Field(description="One of them.")),
}


def models() -> Iterator[tuple[str, type[BaseModel]]]:
    """A model for each annotation in each shape, and those that are odd as a whole."""
    for name, kind in ANNOTATIONS.items():
        for shape, field in SHAPES.items():
            yield f"{name}-{shape}", create_model(f"M_{name}_{shape}", thing=field(kind), count=(int, 3))
    everything = {name: (kind, ...) for name, kind in ANNOTATIONS.items()}
    yield "everything", create_model("Everything", **everything)
    yield "nothing", create_model("Nothing")
    yield "closed", create_model("Closed", __config__=ConfigDict(extra="forbid"), a=(int, ...))
    yield "open", create_model("Open", __config__=ConfigDict(extra="allow"), a=(int, ...))
    yield (
        "aliased",
        create_model("Aliased", a=(int, Field(alias="some/name")), b=(str, Field(alias="$ref", default=""))),
    )
    for model in (Address, Cat, Dog, Node, Person, Even, Odd):
        yield model.__name__, model


def get_weather(city: str, unit: Literal["c", "f"] = "c", days: int = 1) -> str:
    """Look the weather up.

    Args:
        city: the city.
        unit: of the temperature.
        days: how many.
    """
    return f"{city} {unit} {days}"


def book(trip: Span, people: list[Person], budget: float | None = None, *, notes: dict[str, str] | None = None) -> str:
    """Book a trip."""
    return f"{trip} {people} {budget} {notes}"


def nothing() -> str:
    """Take no argument."""
    return ""


def plain(a, b=2):  # type: ignore[no-untyped-def]
    """No types at all."""
    return a, b


FUNCTIONS = (get_weather, book, nothing, plain)


def _pydantic() -> Iterator[Case]:
    for name, model in models():
        yield Case("pydantic", name, model.model_json_schema())
        yield Case("pydantic-serialization", name, model.model_json_schema(mode="serialization"))
    for name, kind in ANNOTATIONS.items():
        yield Case("type-adapter", name, TypeAdapter(kind).json_schema())


def _langchain() -> Iterator[Case]:
    from langchain_core.utils.function_calling import convert_to_openai_tool

    for name, model in models():
        if name == "aliased":  # a property called "$ref" breaks its own converter
            continue
        yield Case("langchain", name, convert_to_openai_tool(model)["function"].get("parameters"))
    for kind in (Box, Route):
        yield Case("langchain-typeddict", kind.__name__, convert_to_openai_tool(kind)["function"].get("parameters"))
    for function in FUNCTIONS[:3]:
        yield Case("langchain-function", function.__name__, convert_to_openai_tool(function)["function"]["parameters"])


def _llama_index() -> Iterator[Case]:
    from llama_index.core.tools import FunctionTool
    from llama_index.core.tools.types import ToolMetadata

    for name, model in models():
        metadata = ToolMetadata(name="run", description="Run.", fn_schema=model)
        yield Case("llama-index", name, metadata.to_openai_tool()["function"]["parameters"])
    for function in FUNCTIONS:
        tool = FunctionTool.from_defaults(function)
        yield Case("llama-index-function", function.__name__, tool.metadata.to_openai_tool()["function"]["parameters"])


def _openai() -> Iterator[Case]:
    """The SDK's strict form, which raises by itself for what OpenAI cannot take."""
    import openai

    for name, model in models():
        try:
            tool = openai.pydantic_function_tool(model)
        except TypeError:
            continue
        yield Case("openai-strict", name, tool["function"].get("parameters"))


def _mcp() -> Iterator[Case]:
    """What FastMCP publishes for functions, and what zod-to-json-schema writes for servers in TypeScript."""
    from mcp.server.fastmcp.utilities.func_metadata import func_metadata

    for function in FUNCTIONS:
        yield Case("fastmcp", function.__name__, func_metadata(function).arg_model.model_json_schema(by_alias=True))
    draft = "http://json-schema.org/draft-07/schema#"
    zod: dict[str, Mapping[str, Any]] = {
        "tuple": {"range": {"type": "array", "minItems": 2, "maxItems": 2, "items": [{"type": "number"}] * 2}},
        "record": {"env": {"type": "object", "additionalProperties": {"type": "string"}}},
        "keyed": {"env": {"type": "object", "propertyNames": {"enum": ["a", "b"]}, "additionalProperties": {}}},
        "nullable": {"at": {"type": ["string", "null"], "format": "date-time"}},
        "literal": {"op": {"type": "string", "const": "add"}},
        "discriminated": {
            "edit": {
                "anyOf": [
                    {"type": "object", "properties": {"op": {"const": "add"}, "text": {"type": "string"}}},
                    {"type": "object", "properties": {"op": {"const": "cut"}, "lines": {"type": "integer"}}},
                ]
            }
        },
        "reused": {
            "a": {"type": "object", "properties": {"n": {"type": "integer"}}},
            "b": {"$ref": "#/properties/a"},
        },
        "intersection": {"both": {"allOf": [{"type": "object", "properties": {"a": {}}}, {"required": ["a"]}]}},
        "refined": {"n": {"type": "integer", "exclusiveMinimum": 0, "not": {"const": 5}}},
        "either": {"n": {"type": "string", "anyOf": [{"enum": ["error"]}, {"type": "null"}], "default": None}},
    }
    for name, properties in zod.items():
        schema = {"$schema": draft, "type": "object", "properties": properties, "additionalProperties": False}
        yield Case("mcp-zod", name, schema)
        yield Case("mcp-zod", f"{name}-required", {**schema, "required": list(properties)})


def _by_hand() -> Iterator[Case]:
    """After failures that people reported, each where it stands in a schema: a property, an item, a value."""
    fragments: dict[str, Any] = {
        "type-beside-anyof": {"type": "string", "anyOf": [{"minLength": 3}, {"enum": ["a"]}]},
        "oneof": {"oneOf": [{"type": "string"}, {"type": "integer"}]},
        "allof": {"allOf": [{"type": "object", "properties": {"a": {"type": "integer"}}}, {"required": ["a"]}]},
        "const": {"const": "x"},
        "const-null": {"const": None},
        "enum-untyped": {"enum": ["a", "b"]},
        "enum-mixed": {"enum": ["a", 1, None, 2.5, True]},
        "enum-null": {"type": ["integer", "null"], "enum": [1, None]},
        "enum-large": {"type": "string", "enum": [f"v{n}" for n in range(1200)]},
        "types": {"type": ["string", "integer"], "minLength": 2},
        "types-all": {"type": ["null", "boolean", "object", "array", "number", "integer", "string"]},
        "nullable": {"type": "string", "nullable": True},
        "tuple": {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "items": False},
        "items-true": {"type": "array", "items": True},
        "unique": {"type": "array", "items": {"type": "string"}, "uniqueItems": True, "contains": {"const": "a"}},
        "bounds": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1, "multipleOf": 0.1},
        "format": {"type": "string", "format": "email", "pattern": "@", "contentEncoding": "base64"},
        "pattern-names": {"type": "object", "patternProperties": {"^x-": {"type": "string"}}},
        "dependent": {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
            "dependentRequired": {"a": ["b"]},
        },
        "if": {"type": "object", "properties": {"a": {}}, "if": {"required": ["a"]}, "then": {"required": ["b"]}},
        "not": {"not": {"type": "string"}},
        "empty": {},
        "true": True,
        "described-only": {"description": "Whatever fits."},
        "typeless-object": {"properties": {"a": {"type": "string"}}},
        "typeless-array": {"items": {"type": "string"}},
        "required-unknown": {"type": "object", "properties": {}, "required": ["ghost"]},
        "required-null": {"type": "object", "properties": {"a": {"type": "string"}}, "required": None},
        "reserved-names": {"type": "object", "properties": {"$ref": {"type": "string"}, "anyOf": {"type": "string"}}},
        "brace-name": {"type": "object", "properties": {"{id}": {"enum": ["a"]}}},
        "default-object": {"type": "object", "properties": {"a": {}}, "default": {"$ref": "x"}},
        "vendor": {"type": "string", "x-order": 1, "examples": ["a"], "deprecated": True, "readOnly": True},
        "ref-siblings": {"$ref": "#/$defs/Thing", "description": "Beside it.", "default": {}},
        "ref-old": {"$ref": "#/definitions/Old"},
        "deep": _nested_schema(35),
    }
    definitions = {"Thing": {"type": "object", "properties": {"a": {"type": "string"}}}}
    older = {"Old": definitions["Thing"]}
    for name, fragment in fragments.items():
        places: dict[str, dict[str, Any]] = {
            "property": {"x": fragment},
            "item": {"x": {"type": "array", "items": fragment}},
            "value": {"x": {"type": "object", "additionalProperties": fragment}},
            "branch": {"x": {"anyOf": [fragment, {"type": "null"}]}},
        }
        for place, properties in places.items():
            schema = {"type": "object", "properties": properties, "$defs": definitions, "definitions": older}
            meant = "its keywords speak of one type" if name.startswith("typeless") else ""
            yield Case("by-hand", f"{name}-{place}", schema, narrowed=meant)
    yield from _roots()


def _nested_schema(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "integer"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"in": schema}, "required": ["in"]}
    return schema


def _roots() -> Iterator[Case]:
    cat, dog = Cat.model_json_schema(), Dog.model_json_schema()
    endless = {"$defs": {"A": {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "required": ["a"]}}}
    wide = {"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(3_100)}}
    yield Case("root", "none", None)
    yield Case("root", "union", {"anyOf": [cat, dog]})
    yield Case("root", "union-beside-type", {"type": "object", "oneOf": [{"required": ["a"]}, {"required": ["b"]}]})
    yield Case("root", "string", {"type": "string"})
    yield Case("root", "no-type", {"properties": {"a": {"type": "string"}}})
    yield Case("root", "true", True)
    yield Case("root", "not-a-schema", ["string"], "a schema is an object")
    yield Case("root", "false", False, "allows no value at all")
    yield Case("root", "endless", {**endless, "$ref": "#/$defs/A"}, "requires itself")
    yield Case("root", "remote", {"type": "object", "properties": {"a": {"$ref": "https://x.example/s.json"}}}, "ref")
    yield Case("root", "dangling", {"type": "object", "properties": {"a": {"$ref": "#/$defs/Gone"}}}, "ref")
    yield Case("root", "too-many-properties", wide, "3,000")


def corpus() -> list[Case]:
    """All of them, always in the same order."""
    sources = (_pydantic, _langchain, _llama_index, _openai, _mcp, _by_hand)
    return [case for source in sources for case in source()]
