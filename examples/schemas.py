"""Types with what Kimi's dialect of JSON Schema cannot say: a pattern, a union told apart by a field, recursion."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from examples.console import say
from kimi_api import KimiInputError, normalize_schema


class Sailing(BaseModel):
    """A ship under sail."""

    kind: Literal["sailing"] = "sailing"
    metres: float = Field(gt=0, lt=120)


class Motor(BaseModel):
    """A ship with an engine."""

    kind: Literal["motor"] = "motor"
    horsepower: int = Field(gt=0, multiple_of=5)


class Berth(BaseModel):
    """A place in the harbour."""

    name: str = Field(pattern=r"^[A-Z][a-z]+$")
    ship: Annotated[Sailing | Motor, Field(discriminator="kind")]
    nights: tuple[int, int] = (0, 1)


class Cargo(BaseModel):
    """Something that may hold more of its kind."""

    what: str
    inside: list["Cargo"] | None = None


def show_a_refusal() -> None:
    """Print what is said of a schema that cannot be sent: it refers to another document."""
    remote = {"type": "object", "properties": {"at": {"$ref": "https://x.example/at.json"}}}
    try:
        normalize_schema(remote, where="tool 'at'")
    except KimiInputError as error:
        say(f"Refused: {error}")
