"""Objects instead of text: three methods, and errors that say what to do."""

from __future__ import annotations

import asyncio
import json
import pickle
from collections.abc import Callable
from typing import Any, Generic, TypedDict, TypeVar

import pydantic.v1
import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.exceptions import OutputParserException
from langchain_core.messages import HumanMessage
from pydantic import BaseModel, Field, RootModel

from kimi_api import KimiInputError, KimiReplyError, KimiToolChoiceError, KimiWarning
from kimi_emulator import Emulator, Reply, ToolCall
from langchain_kimi import ChatKimi, KimiStructuredOutputError, partial_message

T = TypeVar("T")
MODELS = ["kimi-k3", "kimi-k2.7-code", "kimi-k2.6"]


class City(BaseModel):
    """A city."""

    name: str = Field(description="its name")
    inhabitants: int | None = None


class CityDict(TypedDict):
    """A city."""

    name: str
    inhabitants: int


SCHEMA = {
    "title": "City",
    "type": "object",
    "properties": {"name": {"type": "string"}, "inhabitants": {"type": "integer"}},
    "required": ["name"],
}
TURKU = '{"name": "Turku", "inhabitants": 200000}'
AS_DICT = {"name": "Turku", "inhabitants": 200_000}


@pytest.mark.parametrize("schema", [City, CityDict, SCHEMA], ids=["pydantic", "TypedDict", "JSON schema"])
@pytest.mark.parametrize("method", ["json_schema", "function_calling", "json_mode"])
def test_methods_and_schemas(kimi: Emulator, llm: ChatKimi, schema: Any, method: Any) -> None:
    chain = llm.with_structured_output(schema, method=method)
    tool = [ToolCall("City" if schema is not CityDict else "CityDict", TURKU)]
    answer = Reply(tool_calls=tool) if method == "function_calling" else Reply(content=TURKU)
    kimi.script(answer, answer, answer)
    city = chain.invoke("Answer in JSON: a city?")
    expected = City(**AS_DICT) if schema is City else AS_DICT  # type: ignore[arg-type]
    assert city == expected
    assert asyncio.run(chain.ainvoke("Answer in JSON: a city?")) == expected
    assert list(chain.stream("Answer in JSON: a city?"))[-1] == expected
    sent = kimi.chats[0]
    if method == "json_schema":
        assert sent["response_format"]["type"] == "json_schema"
        assert sent["response_format"]["json_schema"]["name"] in ("City", "CityDict")
        assert sent["response_format"]["json_schema"]["strict"] is True
    elif method == "json_mode":
        assert sent["response_format"] == {"type": "json_object"}
    else:
        assert sent["tool_choice"] == "required"


def test_default_method_is_json_schema(kimi: Emulator, llm: ChatKimi) -> None:
    kimi.script(Reply(content=TURKU))
    llm.with_structured_output(City).invoke("?")
    assert kimi.chats[0]["response_format"]["type"] == "json_schema"


@pytest.mark.parametrize("strict", [None, True, False])
@pytest.mark.parametrize("method", ["json_schema", "function_calling", "json_mode"])
def test_strict_goes_out_as_given(kimi: Emulator, llm: ChatKimi, strict: bool | None, method: Any) -> None:
    kimi.script(Reply(tool_calls=[ToolCall("City", TURKU)]) if method == "function_calling" else Reply(content=TURKU))
    llm.with_structured_output(City, method=method, strict=strict).invoke("JSON?")
    sent = kimi.chats[0]
    if method == "json_schema":
        assert sent["response_format"]["json_schema"]["strict"] is (strict is not False)
    elif method == "function_calling":
        assert sent["tools"][0]["function"].get("strict") is strict


def test_partial_objects_are_streamed(kimi: Emulator, llm: ChatKimi) -> None:
    kimi.script(Reply(content=TURKU))
    steps = list(llm.with_structured_output(SCHEMA).stream("?"))
    assert len(steps) > 1
    assert steps[-1] == AS_DICT


def test_include_raw(kimi: Emulator, llm: ChatKimi) -> None:
    chain = llm.with_structured_output(City, include_raw=True)
    kimi.script(Reply(content=TURKU), Reply(content="no object"))
    good: Any = chain.invoke("?")
    assert (good["parsed"], good["parsing_error"]) == (City(**AS_DICT), None)  # type: ignore[arg-type]
    assert good["raw"].additional_kwargs["reasoning_content"]
    bad: Any = chain.invoke("?")
    assert bad["parsed"] is None
    assert isinstance(bad["parsing_error"], KimiStructuredOutputError)
    assert bad["raw"].text == "no object"


@pytest.mark.parametrize("how", ["plain", "streamed"])
@pytest.mark.parametrize("schema", [City, SCHEMA])
@pytest.mark.parametrize("method", ["json_schema", "json_mode", "function_calling"])
def test_a_truncated_answer_says_how_to_raise_the_budget(
    kimi: Emulator, llm: ChatKimi, how: str, schema: Any, method: Any
) -> None:
    cut = '{"name": "Tur'
    call = [ToolCall("City", cut)] if method == "function_calling" else []
    kimi.script(Reply(content="" if call else cut, tool_calls=call, finish_reason="length"))
    chain = llm.with_structured_output(schema, method=method)
    with pytest.raises(KimiStructuredOutputError, match=r"cut off.*length.*max_tokens.*16,000"):
        _ = chain.invoke("JSON?") if how == "plain" else list(chain.stream("JSON?"))


@pytest.mark.parametrize("how", ["plain", "streamed"])
def test_a_budget_spent_on_thinking_says_so(kimi: Emulator, make: Callable[..., ChatKimi], how: str) -> None:
    kimi.script(Reply(reasoning="long thought " * 50, content=TURKU))
    chain = make(max_tokens=20).with_structured_output(City)
    with pytest.raises(KimiStructuredOutputError, match=r"no text.*'length'.*max_tokens"):
        _ = chain.invoke("?") if how == "plain" else list(chain.stream("?"))


def test_structured_output_that_was_cut_is_still_an_error(make: Callable[..., ChatKimi], kimi: Emulator) -> None:
    schema = {"title": "n", "type": "object", "properties": {"a": {"type": "integer"}}}
    kimi.script(Reply('{"a":', reasoning="t", finish_reason="length"))
    llm = make(auto_continue=3).with_structured_output(schema)
    with pytest.warns(KimiWarning, match="stays incomplete"), pytest.raises(KimiStructuredOutputError):
        llm.invoke("x")
    assert len(kimi.chats) == 1


def test_a_whole_object_that_just_fits_is_taken(kimi: Emulator, llm: ChatKimi) -> None:
    kimi.script(Reply(content=TURKU, finish_reason="length"))
    assert llm.with_structured_output(SCHEMA).invoke("?") == AS_DICT


@pytest.mark.parametrize("content", ["", "not JSON", '{"nome": 1}', "[1, 2]"])
def test_answers_that_do_not_fit(kimi: Emulator, llm: ChatKimi, content: str) -> None:
    kimi.script(*[Reply(content=content)] * 3)  # an empty one is asked for again
    with pytest.raises(KimiStructuredOutputError) as caught:
        llm.with_structured_output(City).invoke("?")
    error = caught.value
    assert isinstance(error, OutputParserException)
    assert isinstance(error, KimiReplyError)
    assert error.llm_output == content
    assert error.request_id
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.llm_output) == (str(error), content)


@pytest.mark.parametrize("how", ["plain", "streamed", "raw"])
@pytest.mark.parametrize("content", ["null", '"Turku"', "[1, 2]", '"name": "Turku"}'])
@pytest.mark.parametrize(
    ("schema", "method"), [(City, "json_schema"), (CityDict, "json_schema"), (SCHEMA, "json_mode"), (None, "json_mode")]
)
def test_json_that_is_no_object_is_an_error_and_never_none(
    kimi: Emulator, llm: ChatKimi, schema: Any, method: Any, content: str, how: str
) -> None:
    kimi.script(Reply(content=content))
    chain = llm.with_structured_output(schema, method=method, include_raw=how == "raw")
    if how == "raw":
        output = chain.invoke("JSON?")
        assert output["parsed"] is None
        error = output["parsing_error"]
    else:
        with pytest.raises(KimiStructuredOutputError) as caught:
            _ = chain.invoke("JSON?") if how == "plain" else list(chain.stream("JSON?"))
        error = caught.value
    assert isinstance(error, KimiStructuredOutputError)
    assert f"The answer begins with {content!r}" in str(error)
    assert "Ask again, or describe the object in the prompt" in str(error)


@pytest.mark.parametrize("arguments", ["[1]", '{"nome": 1}'])
def test_arguments_that_do_not_fit_are_shown(kimi: Emulator, llm: ChatKimi, arguments: str) -> None:
    kimi.script(Reply(tool_calls=[ToolCall("City", arguments)]))
    with pytest.raises(KimiStructuredOutputError, match="does not fit the schema") as caught:
        llm.with_structured_output(City, method="function_calling").invoke("?")
    assert json.loads(caught.value.llm_output) == json.loads(arguments)


def test_what_pydantic_says_is_told_in_one_line(kimi: Emulator, llm: ChatKimi) -> None:
    class Box(BaseModel):
        sides: list[int]
        a: int
        b: int
        c: int
        d: int
        e: int

    kimi.script(Reply(content='{"sides": ["long"]}'))
    with pytest.raises(KimiStructuredOutputError) as caught:
        llm.with_structured_output(Box).invoke("?")
    assert "sides.0: Input should be a valid integer" in str(caught.value).splitlines()[0]
    assert "a: Field required; " in str(caught.value)
    assert "and 1 more. The answer" in str(caught.value)


@pytest.mark.parametrize("how", ["plain", "streamed"])
def test_an_object_that_the_user_began_is_read_whole(kimi: Emulator, llm: ChatKimi, how: str) -> None:
    kimi.script(Reply(content='"name": "Turku", "inhabitants": 200000}'))
    messages = [HumanMessage("?"), partial_message("{")]
    chain = llm.with_structured_output(City)
    city = chain.invoke(messages) if how == "plain" else list(chain.stream(messages))[-1]
    assert city == City(name="Turku", inhabitants=200_000)


def test_a_refused_tool_is_an_error_not_none(kimi: Emulator, llm: ChatKimi) -> None:
    kimi.script(Reply(content="I would rather talk."), Reply(content="Really."))
    with pytest.raises(KimiToolChoiceError):
        llm.with_structured_output(City, method="function_calling").invoke("?")


def test_method_and_schema_are_checked(llm: ChatKimi) -> None:
    with pytest.raises(KimiInputError, match="json_schema, function_calling or json_mode"):
        llm.with_structured_output(City, method="telepathy")  # type: ignore[arg-type]
    with pytest.raises(KimiInputError, match="needs one"):
        llm.with_structured_output(None)
    assert llm.with_structured_output(None, method="json_mode")


@pytest.mark.parametrize(
    ("method", "option"),
    [("function_calling", "tool_choice"), ("function_calling", "tools"), ("json_schema", "response_format")],
)
def test_what_a_schema_decides_cannot_be_given_beside_it(llm: ChatKimi, method: Any, option: str) -> None:
    with pytest.raises(KimiInputError, match=f"^{option}: .*method '{method}' sets it from the schema"):
        llm.with_structured_output({"title": "T", "type": "object"}, method=method, **{option: "auto"})


class Node(BaseModel):
    value: int
    children: list[Node] = []


class Page(BaseModel, Generic[T]):
    items: list[T]


class Names(RootModel[list[str]]):
    pass


class Old(pydantic.v1.BaseModel):
    x: int


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("schema", "text", "expected"),
    [
        (Node, '{"value": 1, "children": [{"value": 2}]}', Node(value=1, children=[Node(value=2)])),
        (Page[int], '{"items": [1, 2]}', Page[int](items=[1, 2])),
        (Names, '{"root": ["a", "b"]}', Names(["a", "b"])),
        (Old, '{"x": 1}', Old(x=1)),
        ({"type": "array", "items": {"type": "string"}}, '{"root": ["a"]}', ["a"]),
        ({"name": "City", "strict": True, "schema": SCHEMA}, TURKU, AS_DICT),
        ({"type": "json_schema", "json_schema": {"name": "City", "schema": SCHEMA}}, TURKU, AS_DICT),
    ],
    ids=["recursive", "generic", "root model", "pydantic v1", "array", "name and schema", "response_format"],
)
def test_unusual_schemas(
    kimi: Emulator, llm: ChatKimi, method: Any, streamed: bool, schema: Any, text: str, expected: Any
) -> None:
    chain = llm.with_structured_output(schema, method=method)
    name = chain.first.kwargs["tools"][0]["function"]["name"] if method == "function_calling" else ""  # type: ignore[attr-defined]
    kimi.script(Reply(tool_calls=[ToolCall(name, text)]) if name else Reply(content=text))
    output = list(chain.stream("?"))[-1] if streamed else chain.invoke("?")
    assert output == expected
    sent = kimi.chats[-1]
    schema_sent = (
        sent["tools"][0]["function"]["parameters"] if name else sent["response_format"]["json_schema"]["schema"]
    )
    assert schema_sent["type"] == "object"
    assert kimi.report == []


def test_v1_output_is_parsed_too(kimi: Emulator, make: Callable[..., ChatKimi]) -> None:
    kimi.script(Reply(content=TURKU), Reply(content=TURKU))
    chain = make(output_version="v1").with_structured_output(City)
    assert chain.invoke("?") == City(**AS_DICT)  # type: ignore[arg-type]
    assert list(chain.stream("?"))[-1] == City(**AS_DICT)  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------- agents


def get_weather(city: str) -> str:
    """Current weather of a city."""
    return f"{city}: 7 degrees"


@pytest.mark.filterwarnings("ignore::kimi_api.KimiWarning")
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("strategy", [ProviderStrategy, ToolStrategy, None])
def test_agents_with_a_response_format(
    kimi: Emulator, make: Callable[..., ChatKimi], model: str, streaming: bool, strategy: Any
) -> None:
    kimi.script(
        Reply(reasoning="Weather first.", tool_calls=[ToolCall("get_weather", {"city": "Turku"})]),
        Reply(content=TURKU) if strategy is ProviderStrategy else Reply(tool_calls=[ToolCall("City", TURKU)]),
    )
    agent: Any = create_agent(
        make(model=model, streaming=streaming),
        tools=[get_weather],
        response_format=strategy(City) if strategy else City,
    )
    result = agent.invoke({"messages": [HumanMessage("Turku?")]})
    assert result["structured_response"] == City(**AS_DICT)  # type: ignore[arg-type]
    turn = next(m for m in kimi.chats[-1]["messages"] if m["role"] == "assistant")
    assert turn["reasoning_content"] == kimi.replies[0]["reasoning_content"]


class Priced(BaseModel):
    """A song with its price."""

    title: str
    prices: dict[str, int]

    @pydantic.model_validator(mode="before")
    @classmethod
    def look(cls, value: Any) -> Any:
        _ = value["prices"]["eur"]
        return value


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("method", ["json_schema", "function_calling", "json_mode"])
async def test_with_the_raw_answer_beside_it_a_validators_error_ends_no_stream(
    kimi: Emulator, llm: ChatKimi, method: Any, asynchronous: bool
) -> None:
    chain = llm.with_structured_output(Priced, method=method, include_raw=True)
    text = '{"title": "Moon", "prices": {"usd": 2}}'
    tool = [ToolCall("Priced", text)]
    kimi.script(Reply(tool_calls=tool) if method == "function_calling" else Reply(content=text))
    if asynchronous:
        pieces = [piece async for piece in chain.astream("A song, as JSON?")]
    else:
        pieces = list(chain.stream("A song, as JSON?"))
    errors = [piece["parsing_error"] for piece in pieces if piece.get("parsing_error") is not None]
    assert [type(error.__cause__) for error in errors] == [KeyError]
    assert "a validator raised KeyError: 'eur'" in str(errors[0])
    assert any("raw" in piece for piece in pieces)
    assert all(piece.get("parsed") is None for piece in pieces)
