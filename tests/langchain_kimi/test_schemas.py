"""Schemas that LangChain's own converter cannot read, or empties: what reaches the platform is whole."""

from typing import NotRequired

import pytest
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from kimi_emulator import Reply
from langchain_kimi import ChatKimi


class Link(BaseModel):
    """A link in a document."""

    reference: str = Field(alias="$ref")
    text: str = ""


class Point(TypedDict):
    """A place on the plane."""

    x: float
    y: NotRequired[float]


class Folder(BaseModel):
    """A folder that holds folders."""

    name: str
    inside: list["Folder"] = []


@pytest.mark.parametrize("schema", [Link, Point])
def test_core_alone_cannot_convert_these(schema):
    with pytest.raises(TypeError):
        convert_to_openai_tool(schema)


@pytest.mark.parametrize(("schema", "described"), [(Link, "A link in a document."), (Point, "A place on the plane.")])
def test_a_tool_that_core_cannot_convert_is_bound_all_the_same(kimi, schema, described):
    llm = ChatKimi(base_url=kimi.base_url, api_key=kimi.api_key)
    llm.bind_tools([schema]).invoke("Go.")
    function = kimi.chats[-1]["tools"][0]["function"]
    assert function["name"] == schema.__name__
    assert described in function["description"]
    assert function["parameters"]["properties"]


def test_a_typed_dict_with_optional_keys_is_a_structured_answer(kimi):
    llm = ChatKimi(base_url=kimi.base_url, api_key=kimi.api_key)
    answer = llm.with_structured_output(Point).invoke("Where?")
    schema = kimi.chats[-1]["response_format"]["json_schema"]["schema"]
    assert schema["required"] == ["x"]
    assert isinstance(answer["x"], int | float)


@pytest.mark.parametrize("schema", [Link, Link.model_json_schema()])
def test_an_answer_with_a_property_that_is_called_ref(kimi, schema):
    """The platform reserves the name, so the model is told of it in words; the trace goes without the schema."""
    llm = ChatKimi(base_url=kimi.base_url, api_key=kimi.api_key)
    kimi.script(Reply(content='{"$ref": "#top", "text": "up"}'))
    answer = llm.with_structured_output(schema).invoke("Where to?")
    assert (answer["$ref"] if isinstance(answer, dict) else answer.reference) == "#top"


def test_a_recursive_tool_keeps_its_recursion(kimi):
    llm = ChatKimi(base_url=kimi.base_url, api_key=kimi.api_key)
    llm.bind_tools([Folder]).invoke("Make a folder.")
    parameters = kimi.chats[-1]["tools"][0]["function"]["parameters"]
    assert parameters["properties"]["inside"]["items"] == {"$ref": "#/$defs/Folder"}
