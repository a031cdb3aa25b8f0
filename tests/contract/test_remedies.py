"""What errors advise works: each test makes the mistake, and then does what the error says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from contract_kit import Adapter, Chat, Media, Tool, user, wire_tool
from documents import pdf

from kimi_api import KimiInputError
from kimi_emulator import Emulator
from llama_index_kimi import KimiFileReader

pytestmark = pytest.mark.ways("plain", "astreamed")
Make = Callable[..., Chat]
PDF = pdf("High tide at noon.")


def get_weather(city: str) -> str:
    """Current weather of a city."""
    return f"{city}: 7 degrees"


def bind(native: Any, tools: Any) -> Any:
    """Give a model tools, by the framework's own method."""
    return native.bind_tools(tools) if hasattr(native, "bind_tools") else native.chat_with_tools(tools, "hi")


@pytest.mark.parametrize("tools", ["get_weather", ["get_weather"]])
def test_the_name_of_a_tool_is_no_tool(kimi: Emulator, make: Make, tools: Any) -> None:
    with pytest.raises(KimiInputError, match="pass the function or definition") as caught:
        bind(make().native, tools)
    assert "tool_choice='get_weather' demands" in str(caught.value)
    assert kimi.requests == []
    turn = make().ask("Weather in Oslo?", tools=[get_weather], tool_choice="get_weather")
    assert [call.name for call in turn.calls] == ["get_weather"]


@pytest.mark.parametrize("tool", [wire_tool("get_weather"), 5, get_weather])
def test_one_tool_is_put_into_a_list(kimi: Emulator, adapter: Adapter, tool: Any) -> None:
    native = adapter.make().native
    with pytest.raises(KimiInputError, match=r"put it into a list: \[tool\]"):
        bind(native, tool)
    assert kimi.requests == []
    if tool != 5:
        adapter.make().ask("hi", tools=[tool])
        assert [each["function"]["name"] for each in kimi.chats[0]["tools"]] == ["get_weather"]


def test_no_tools_are_none(kimi: Emulator, make: Make) -> None:
    make().ask("hi", tools=[])
    assert "tools" not in kimi.chats[0]


def test_tools_may_come_as_any_collection(kimi: Emulator, make: Make) -> None:
    make().ask("hi", tools={"a": Tool(get_weather)}.values())
    assert len(kimi.chats[0]["tools"]) == 1


async def test_a_client_under_openais_name_is_used(kimi: Emulator, adapter: Adapter) -> None:
    async with httpx.AsyncClient(headers={"X-Mine": "1"}) as client:
        assert (await adapter.make("aplain", http_async_client=client).aask("hi")).text
    assert kimi.requests[-1].headers["x-mine"] == "1"


def test_a_proxy_is_given_by_a_client(kimi: Emulator, adapter: Adapter) -> None:
    with pytest.raises(KimiInputError, match=r"pass http_client=httpx2\.Client\(proxy=\.\.\.\)"):
        adapter.make(openai_proxy="http://127.0.0.1:9")
    with httpx.Client(headers={"X-Mine": "1"}) as client:
        assert adapter.make(http_client=client).ask("hi").text
    assert kimi.requests[-1].headers["x-mine"] == "1"


def test_a_query_is_given_by_a_client(kimi: Emulator, adapter: Adapter) -> None:
    with httpx.Client(params={"api-version": "1"}) as client:
        assert adapter.make(http_client=client).ask("hi").text
    assert kimi.requests[-1].query == {"api-version": "1"}


def test_a_document_among_pictures_is_passed_as_a_document(kimi: Emulator, make: Make) -> None:
    with pytest.raises(KimiInputError, match="pass it as a document"):
        make().ask([user("What is it?", Media(data=PDF, mime="image/png"))])
    assert make().ask([user("What is it?", Media("document", data=PDF, mime="application/pdf", name="a.pdf"))]).text


# ---------------------------------------------------------------------------------------------------- the reader


@pytest.mark.parametrize("data", [PDF, [PDF]])
def test_bytes_get_their_name_with_the_metadata(kimi: Emulator, data: Any) -> None:
    reader = KimiFileReader(base_url=kimi.base_url, api_key=kimi.api_key)
    with pytest.raises(KimiInputError, match=r'pass extra_info=\{"file_name": "report.pdf"\}'):
        reader.load_data(data)
    assert kimi.requests == []
    (document,) = reader.load_data(data, extra_info={"file_name": "report.pdf"})
    assert document.metadata["file_name"] == "report.pdf"


@pytest.mark.parametrize(
    ("name", "near"), [("zzz", None), ("extra_body", None), ("timeuot", "timeout"), ("num_worker", "num_workers")]
)
def test_a_reader_has_no_body_to_advise(kimi: Emulator, name: str, near: str | None) -> None:
    with pytest.raises(KimiInputError) as caught:
        KimiFileReader(base_url=kimi.base_url, api_key=kimi.api_key, **{name: 4})
    assert "extra_body=" not in caught.value.remedy
    assert caught.value.remedy == (f"did you mean {near!r}?" if near else "remove it")
    KimiFileReader(base_url=kimi.base_url, api_key=kimi.api_key, **({near: 4} if near else {}))


def test_a_reader_suggests_no_alias_of_what_it_does_not_have(kimi: Emulator) -> None:
    with pytest.raises(KimiInputError) as caught:
        KimiFileReader(base_url=kimi.base_url, api_key=kimi.api_key, model="kimi-k3")
    assert "model_name" not in str(caught.value)
