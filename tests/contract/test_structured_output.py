"""Objects instead of text: how they are asked for, and what is said of an answer that is none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import pytest
from contract_kit import Adapter, Chat
from pydantic import BaseModel, Field, RootModel

from kimi_api import KimiReplyError, KimiToolChoiceError
from kimi_emulator import Emulator, Reply, ToolCall

Make = Callable[..., Chat]
T = TypeVar("T")
TURKU = '{"name": "Turku", "inhabitants": 200000}'


class City(BaseModel):
    """A city."""

    name: str = Field(description="its name")
    inhabitants: int | None = None


class Node(BaseModel):
    """A tree."""

    value: int
    children: list[Node] = []


class Page(BaseModel, Generic[T]):
    """A page."""

    items: list[T]


class Names(RootModel[list[str]]):
    """Names."""


CITY = City(name="Turku", inhabitants=200_000)


@pytest.mark.parametrize("model", ["kimi-k3", "kimi-k2.6", "kimi-k2.7-code"])
def test_the_platform_is_asked_to_keep_to_the_schema(kimi: Emulator, make: Make, model: str) -> None:
    kimi.script(Reply(content=TURKU))
    assert make(model=model).predict(City, "A city?") == CITY
    (body,) = kimi.chats
    sent = body["response_format"]
    assert (sent["type"], sent["json_schema"]["name"], sent["json_schema"]["strict"]) == ("json_schema", "City", True)
    schema = sent["json_schema"]["schema"]
    assert schema["properties"]["name"] == {"type": "string", "description": "its name"}
    assert not {"tools", "tool_choice"} & body.keys()
    assert kimi.report == kimi.refusals == []


def test_a_tool_is_demanded_where_the_user_wants_it(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(tool_calls=[ToolCall("City", TURKU)]))
    assert make().predict(City, "A city?", by_tool=True) == CITY
    (body,) = kimi.chats
    assert body["tool_choice"] == "required"
    assert [tool["function"]["name"] for tool in body["tools"]] == ["City"]
    assert "response_format" not in body


@pytest.mark.parametrize(
    ("schema", "text", "expected"),
    [
        (Node, '{"value": 1, "children": [{"value": 2}]}', Node(value=1, children=[Node(value=2)])),
        (Page[int], '{"items": [1, 2]}', Page[int](items=[1, 2])),
    ],
)
def test_recursive_and_generic_classes(kimi: Emulator, make: Make, schema: type[Any], text: str, expected: Any) -> None:
    kimi.script(Reply(content=text))
    assert make().predict(schema, "?") == expected
    assert kimi.report == kimi.refusals == []


def test_a_class_that_is_no_object_is_put_into_one_and_taken_out_again(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(content="?"))
    chat = make()
    with pytest.raises(KimiReplyError):
        chat.predict(Names, "?")
    (key,) = kimi.chats[0]["response_format"]["json_schema"]["schema"]["properties"]
    kimi.script(Reply(content=f'{{"{key}": ["a", "b"]}}'))
    assert chat.predict(Names, "?") == Names(["a", "b"])
    assert kimi.report == kimi.refusals == []


def test_a_schema_has_a_name_that_the_platform_takes(kimi: Emulator, adapter: Adapter) -> None:
    kimi.script(Reply(content='{"items": []}'))
    adapter.make().predict(Page[int], "?")
    assert kimi.chats[0]["response_format"]["json_schema"]["name"] == "Page_int"


def test_arguments_of_the_call_are_taken(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(content=TURKU))
    make().predict(City, "?", max_tokens=777, model="kimi-k3.1-pro")
    assert (kimi.chats[0]["max_completion_tokens"], kimi.chats[0]["model"]) == (777, "kimi-k3.1-pro")


# ---------------------------------------------------------------------------------------------------- no object


def test_an_answer_that_was_cut_says_how_to_raise_the_budget(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(content=TURKU[:20], reasoning="long", finish_reason="length"))
    with pytest.raises(KimiReplyError, match=r"(?i)raise max_tokens.*16,000 or more"):
        make().predict(City, "?")
    assert len(kimi.chats) == 1


def test_a_budget_that_thinking_ate_is_said_by_the_error_alone(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(content="", reasoning="long", finish_reason="length"))
    with pytest.raises(KimiReplyError, match=r"(?i)raise max_tokens.*16,000 or more"):
        make().predict(City, "?")


@pytest.mark.parametrize(
    "content", ["Turku.", '{"inhabitants": 3}', '["Turku"]', '{"name": "Turku"', '{"name": 3}', "null"]
)
def test_an_answer_that_does_not_fit_is_an_error_and_never_none(kimi: Emulator, make: Make, content: str) -> None:
    kimi.script(Reply(content=content))
    with pytest.raises(KimiReplyError) as caught:
        make().predict(City, "?")
    assert content[:8] in str(caught.value)
    assert caught.value.request_id


def test_an_empty_answer_is_an_error(kimi: Emulator, make: Make) -> None:
    kimi.script(*[Reply(content="", reasoning="r")] * 3)
    with pytest.raises(KimiReplyError, match=r"(?i)ask again"):
        make().predict(City, "?")


def test_json_that_ends_early_is_an_error_though_the_host_calls_it_whole(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(content=TURKU))
    kimi.fail("answer.truncated_json")
    with pytest.raises(KimiReplyError):
        make().predict(City, "?")


@pytest.mark.filterwarnings("ignore:kimi-k2")
@pytest.mark.parametrize("model", ["kimi-k3", "kimi-k2.7-code"])
def test_text_where_a_call_was_demanded_is_an_error(kimi: Emulator, make: Make, model: str) -> None:
    kimi.script(Reply(content="Turku."), Reply(content="Turku."))
    with pytest.raises(KimiToolChoiceError):
        make(model=model).predict(City, "?", by_tool=True)
