"""Schemas of tools that core's own conversion would cut: what reaches the platform is whole."""

from __future__ import annotations

from typing import Optional

import pytest
from llama_index.core.tools import FunctionTool
from llama_index.core.tools.types import ToolMetadata
from pydantic import BaseModel, ConfigDict, RootModel

from llama_index_kimi import Kimi
from llama_index_kimi._tool_calls import wire_tools


class Folder(BaseModel):
    """A folder that holds folders."""

    name: str
    inside: list[Folder] = []
    beside: Optional[Folder] = None  # noqa: UP045 - the spelling that people use


class Numbers(RootModel[list[int]]):
    """A list as a whole."""


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")
    city: str


def tool(schema: type[BaseModel]) -> FunctionTool:
    def run(**kwargs: object) -> str:
        """Do it."""
        return str(sorted(kwargs))

    return FunctionTool(run, ToolMetadata(name="run", description="Do it.", fn_schema=schema))


def test_core_alone_drops_the_root_of_a_recursive_schema():
    cut = ToolMetadata(name="run", description="Do it.", fn_schema=Folder).to_openai_tool()["function"]["parameters"]
    assert "properties" not in cut
    assert "$ref" not in cut


@pytest.mark.parametrize("model", ["kimi-k3", "kimi-k2.6"])
def test_a_recursive_schema_reaches_the_platform_whole(kimi, model):
    llm = Kimi(model=model, base_url=kimi.base_url, api_key=kimi.api_key)
    llm.chat_with_tools([tool(Folder)], user_msg="Make a folder.")
    sent = kimi.chats[-1]["tools"][0]["function"]["parameters"]
    assert sent["type"] == "object"
    assert sent["properties"]["inside"]["items"] == {"$ref": "#/$defs/Folder"}
    assert sent["$defs"]["Folder"]["required"] == ["name"]
    assert sent["required"] == ["name"]


def test_a_root_that_is_no_object_keeps_its_meaning():
    assert wire_tools([tool(Numbers)])[0]["function"]["parameters"]["type"] == "array"


def test_a_closed_schema_stays_closed():
    assert wire_tools([tool(Closed)])[0]["function"]["parameters"]["additionalProperties"] is False
