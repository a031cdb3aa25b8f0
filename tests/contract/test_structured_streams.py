"""Objects that grow: a validator that cannot bear half an object does not end the stream; of a whole one it is told.

What a validator raises is anything: pydantic wraps ValueError and AssertionError, and lets all others through.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from contract_kit import STREAMED, Chat
from pydantic import BaseModel, field_validator, model_validator

from kimi_api import KimiStructuredOutputError
from kimi_emulator import Emulator, Reply, ToolCall

Make = Callable[..., Chat]
AMOUNTS = '{"name": "Turku and its harbour", "amounts": {"eur": 12, "usd": 13}, "last": true}'


class Odd(Exception):
    """An error of the user's own."""


class Order(BaseModel):
    """An order."""

    name: str
    amounts: dict[str, int]
    last: bool = False


class ByKey(Order):
    """Looks up what may not have come yet."""

    @model_validator(mode="before")
    @classmethod
    def look(cls, value: Any) -> Any:
        _ = value["amounts"]["usd"]  # KeyError, and TypeError where it is None
        return value


class WholeOrder(Order):
    """A validator of the whole object that raises an error which pydantic does not know."""

    @model_validator(mode="after")
    def whole(self) -> Any:
        if not self.last:
            raise Odd("the order is not whole")
        return self


class Divides(Order):
    """A validator of one field."""

    @field_validator("amounts")
    @classmethod
    def divide(cls, value: dict[str, int]) -> dict[str, int]:
        _ = 1 // (len(value) - 1)
        return value


class Lists(Order):
    """A validator that reads by place."""

    @field_validator("name", mode="before")
    @classmethod
    def words(cls, value: str) -> str:
        _ = value.split(" ")[3]  # IndexError
        return value


class Attributes(Order):
    """A validator that relies on a type."""

    @model_validator(mode="before")
    @classmethod
    def keys(cls, value: Any) -> Any:
        value["amounts"].keys()
        return value


class Recursive(Order):
    """A validator without an end, while the object is not there."""

    @model_validator(mode="before")
    @classmethod
    def descend(cls, value: Any) -> Any:
        return value if "last" in value else cls.descend(value)


KINDS = [ByKey, WholeOrder, Divides, Lists, Attributes, Recursive]


def reply(text: str, *, by_tool: bool, kind: type[BaseModel]) -> Reply:
    if not by_tool:
        return Reply(content=text, pieces=[{"content": letter} for letter in text])
    call = {"index": 0, "id": "c", "type": "function", "function": {"name": kind.__name__, "arguments": ""}}
    pieces = [{"tool_calls": [call]}]
    pieces += [{"tool_calls": [{"index": 0, "function": {"arguments": letter}}]} for letter in text]
    return Reply(tool_calls=[ToolCall(kind.__name__, text)], pieces=pieces)


@pytest.mark.ways(*STREAMED)
@pytest.mark.parametrize("by_tool", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_half_an_object_does_not_end_the_stream(
    kimi: Emulator, make: Make, kind: type[BaseModel], by_tool: bool
) -> None:
    kimi.script(reply(AMOUNTS, by_tool=by_tool, kind=kind))
    assert make().predict(kind, "An order?", by_tool=by_tool) == kind.model_validate_json(AMOUNTS)
    assert len(kimi.chats) == 1


UNFIT: list[Any] = [
    (ByKey, '{"name": "a b c d", "amounts": {"eur": 1}, "last": true}', "KeyError: 'usd'", KeyError),
    (WholeOrder, '{"name": "a b c d", "amounts": {"eur": 1}, "last": false}', "Odd: the order is not whole", Odd),
    (Divides, '{"name": "a b c d", "amounts": {"eur": 1}, "last": true}', "ZeroDivisionError", ZeroDivisionError),
    (Lists, '{"name": "a b", "amounts": {"eur": 1}, "last": true}', "IndexError", IndexError),
    (Attributes, '{"name": "a b c d", "amounts": 3, "last": true}', "AttributeError", AttributeError),
]


@pytest.mark.parametrize(("kind", "text", "message", "cause"), UNFIT)
def test_at_the_end_the_validators_own_error_is_told(
    kimi: Emulator, make: Make, kind: type[BaseModel], text: str, message: str, cause: type[Exception]
) -> None:
    kimi.script(reply(text, by_tool=False, kind=kind))
    with pytest.raises(KimiStructuredOutputError) as caught:
        make().predict(kind, "An order?")
    error = caught.value
    assert message in str(error)
    assert isinstance(error.__cause__, cause)
    assert error.llm_output == text
    assert error.request_id


@pytest.mark.ways(*STREAMED)
@pytest.mark.parametrize(("kind", "text", "message", "cause"), UNFIT)
def test_it_is_told_of_the_arguments_of_a_call_too(
    kimi: Emulator, make: Make, kind: type[BaseModel], text: str, message: str, cause: type[Exception]
) -> None:
    kimi.script(reply(text, by_tool=True, kind=kind))
    with pytest.raises(KimiStructuredOutputError) as caught:
        make().predict(kind, "An order?", by_tool=True)
    assert message in str(caught.value)
    assert isinstance(caught.value.__cause__, cause)
    assert caught.value.llm_output
