"""The rest of what users of ChatKimi rely on, against recorded answers.

Expectations come from the cassette, not from memory: a recording made on the platform must pass too. So a test may ask
that a tool was called with arguments that fit its schema, but never for certain words of the model.
"""

from __future__ import annotations

import asyncio
import base64
import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cassette_kit
import documents
import pytest
from langchain_core.documents.base import Blob
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from pydantic import BaseModel, Field

from kimi_api import KimiAuthenticationError, KimiBadRequestError, KimiClient, KimiNotFoundError
from langchain_kimi import (
    ChatKimi,
    KimiBlobParser,
    KimiFileLoader,
    KimiFormulaToolkit,
    KimiLLM,
    KimiWebSearch,
    dynamic_tools_message,
    partial_message,
)

DOCUMENTS = Path(__file__).parents[2] / "examples" / "documents"
Session = cassette_kit.Session


@tool
def get_weather(city: str) -> str:
    """Tell the current weather in a city."""
    return f"{city}: 2 degrees, snow"


@tool
def get_time(city: str) -> str:
    """Tell the local time in a city."""
    return f"{city}: 14:05"


class Person(BaseModel):
    """A person who is mentioned in a text."""

    name: str = Field(description="the whole name")
    age: int = Field(ge=0, le=150)


def picture(red: int = 200) -> str:
    """A PNG of 16 by 16 pixels of one colour, in base64."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes((red, 30, 30)) * 16 for _ in range(16))
    head = struct.pack(">IIBBBBB", 16, 16, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
    return base64.b64encode(data).decode()


def arguments_in(exchange: cassette_kit.Exchange) -> list[Any]:
    return [json.loads(call["function"]["arguments"]) for call in exchange.message["tool_calls"]]


def model(cassette: Session, **fields: Any) -> ChatKimi:
    return ChatKimi(**fields, **cassette.settings)


def ask(way: str, llm: Any, prompt: Any) -> BaseMessage:
    """The whole answer, got in one of the four ways."""

    async def astream() -> list[AIMessageChunk]:
        return [chunk async for chunk in llm.astream(prompt)]

    ways: dict[str, Callable[[], Any]] = {
        "invoke": lambda: llm.invoke(prompt),
        "ainvoke": lambda: asyncio.run(llm.ainvoke(prompt)),
        "stream": lambda: list(llm.stream(prompt)),
        "astream": lambda: asyncio.run(astream()),
    }
    answer = ways[way]()
    return sum(answer[1:], answer[0]) if isinstance(answer, list) else answer


WAYS = ("invoke", "ainvoke", "stream", "astream")


def each_way(name: str) -> Any:
    """A cassette for each of the four ways to call."""
    return pytest.mark.parametrize(
        "way", [pytest.param(way, marks=pytest.mark.cassette(f"{name}_{way}"), id=way) for way in WAYS]
    )


# ------------------------------------------------------------------------------------------ answers


@each_way("langchain_k26")
def test_k26_answers_with_its_thinking_and_usage(cassette: Session, way: str) -> None:
    answer = ask(way, model(cassette, model="kimi-k2.6"), "Say hello in one word.")
    (exchange,) = cassette.exchanges
    message = exchange.message
    assert answer.text == message["content"] != ""
    assert answer.additional_kwargs["reasoning_content"] == message["reasoning_content"] != ""
    assert isinstance(answer, AIMessage)
    assert answer.usage_metadata is not None
    assert answer.usage_metadata["output_tokens"] == exchange.usage["completion_tokens"]
    assert answer.response_metadata["finish_reason"] == "stop"
    assert exchange.sent["stream"] is True  # in every way: what is waited for is put together here


@pytest.mark.cassette("langchain_thinking_off")
def test_thinking_is_switched_off(cassette: Session) -> None:
    answer = model(cassette, model="kimi-k2.6", thinking="disabled").invoke("Say hello in one word.")
    (exchange,) = cassette.exchanges
    assert exchange.sent["thinking"] == {"type": "disabled"}
    assert not exchange.message.get("reasoning_content")
    assert answer.text == exchange.message["content"]


@pytest.mark.cassette("langchain_effort")
def test_k3_is_told_how_hard_to_think(cassette: Session) -> None:
    answer = model(cassette, reasoning_effort="low").invoke("Say hello in one word.")
    (exchange,) = cassette.exchanges
    assert exchange.sent["reasoning_effort"] == "low"
    assert answer.text == exchange.message["content"]


@pytest.mark.cassette("langchain_v1_blocks")
def test_content_blocks_of_the_first_version(cassette: Session) -> None:
    llm = model(cassette, model="kimi-k2.6", output_version="v1")
    question = HumanMessage("Which is larger, 9.11 or 9.9?")
    answer = llm.invoke([question])
    llm.invoke([question, answer, HumanMessage("Are you sure?")])
    first, second = cassette.exchanges
    kinds = [block["type"] for block in answer.content]
    assert kinds == ["reasoning", "text"]
    assert answer.content[0]["reasoning"] == first.message["reasoning_content"]
    assert answer.content[1]["text"] == first.message["content"]
    assert second.sent["messages"][1]["content"] == first.message["content"]


@pytest.mark.cassette("langchain_length")
def test_an_answer_that_was_cut_off_says_so(cassette: Session) -> None:
    llm = model(cassette, model="kimi-k2.6", thinking="disabled", max_tokens=5)
    answer = llm.invoke("Count from one to a hundred in words.")
    (exchange,) = cassette.exchanges
    assert exchange.sent["max_completion_tokens"] == 5
    assert answer.response_metadata["finish_reason"] == exchange.finish_reason == "length"


@pytest.mark.cassette("langchain_stop")
def test_stop_words(cassette: Session) -> None:
    answer = model(cassette, model="kimi-k2.6").invoke("Repeat: one, two, three.", stop=["two"])
    (exchange,) = cassette.exchanges
    assert exchange.sent["stop"] in ("two", ["two"])
    assert "two" not in answer.text


@pytest.mark.cassette("langchain_cache")
def test_a_long_prefix_is_read_from_the_cache_the_second_time(cassette: Session) -> None:
    llm = model(cassette, prompt_cache_key="notes-7")
    system = SystemMessage("You keep the log of a lighthouse. " * 120)
    first = llm.invoke([system, HumanMessage("Who keeps the log?")])
    second = llm.invoke([system, HumanMessage("Who keeps the log?")])
    one, two = cassette.exchanges
    assert one.sent["prompt_cache_key"] == two.sent["prompt_cache_key"] == "notes-7"
    assert isinstance(second, AIMessage)
    assert second.usage_metadata is not None
    cached = second.usage_metadata.get("input_token_details", {}).get("cache_read", 0)
    assert cached == two.usage.get("cached_tokens", 0)
    assert isinstance(first, AIMessage)


# ------------------------------------------------------------------------------------------ tools


@each_way("langchain_tools")
def test_a_tool_loop_sends_the_thinking_back(cassette: Session, way: str) -> None:
    llm = model(cassette, model="kimi-k2.6").bind_tools([get_weather])
    question = HumanMessage("What is the weather in Turku?")
    called = ask(way, llm, [question])
    assert isinstance(called, AIMessage)
    results = [ToolMessage(get_weather.invoke(call["args"]), tool_call_id=call["id"]) for call in called.tool_calls]
    answer = ask(way, llm, [question, called, *results])
    first, second = cassette.exchanges
    assert [call["args"] for call in called.tool_calls] == arguments_in(first)
    assert second.sent["messages"][1]["reasoning_content"] == first.message["reasoning_content"]
    assert answer.text == second.message["content"]


@pytest.mark.cassette("langchain_parallel_calls")
def test_several_calls_in_one_answer(cassette: Session) -> None:
    llm = model(cassette).bind_tools([get_weather, get_time])
    question = HumanMessage("What are the weather and the time in Turku? Call both tools at once.")
    called = llm.invoke([question])
    assert len({call["id"] for call in called.tool_calls}) == len(called.tool_calls)
    by_name = {"get_weather": get_weather, "get_time": get_time}
    results = [
        ToolMessage(by_name[call["name"]].invoke(call["args"]), tool_call_id=call["id"]) for call in called.tool_calls
    ]
    llm.invoke([question, called, *results])
    first, second = cassette.exchanges
    assert [call["name"] for call in called.tool_calls] == [c["function"]["name"] for c in first.message["tool_calls"]]
    sent_back = [call["id"] for call in second.sent["messages"][1]["tool_calls"]]
    assert [message["tool_call_id"] for message in second.sent["messages"][2:]] == sent_back


@pytest.mark.cassette("langchain_one_call")
@pytest.mark.filterwarnings("ignore:parallel_tool_calls=False:UserWarning")
def test_only_one_call_is_kept_where_several_are_not_wanted(cassette: Session) -> None:
    llm = model(cassette).bind_tools([get_weather, get_time], parallel_tool_calls=False)
    called = llm.invoke("What are the weather and the time in Turku? Call both tools at once.")
    (exchange,) = cassette.exchanges
    assert "parallel_tool_calls" not in exchange.sent
    assert [call["args"] for call in called.tool_calls] == arguments_in(exchange)[:1]


@pytest.mark.cassette("langchain_required_k3")
def test_k3_is_made_to_call_a_tool(cassette: Session) -> None:
    called = model(cassette).bind_tools([get_weather, get_time], tool_choice="any").invoke("Hello.")
    (exchange,) = cassette.exchanges
    assert exchange.sent["tool_choice"] == "required"
    assert [call["args"] for call in called.tool_calls] == arguments_in(exchange) != []


@pytest.mark.cassette("langchain_named_k3")
def test_k3_is_made_to_call_one_tool(cassette: Session) -> None:
    called = model(cassette).bind_tools([get_weather, get_time], tool_choice="get_time").invoke("Hello.")
    (exchange,) = cassette.exchanges
    assert exchange.sent["tool_choice"] == "required"
    assert [each["function"]["name"] for each in exchange.sent["tools"]] == ["get_time"]
    assert {call["name"] for call in called.tool_calls} == {"get_time"}


@pytest.mark.cassette("langchain_named_k26")
@pytest.mark.filterwarnings("ignore:kimi-k2.6 cannot be made to call:UserWarning")
def test_k26_stops_thinking_to_be_made_to_call_a_tool(cassette: Session) -> None:
    llm = model(cassette, model="kimi-k2.6").bind_tools([get_weather, get_time], tool_choice="get_time")
    called = llm.invoke("Hello.")
    (exchange,) = cassette.exchanges
    assert exchange.sent["thinking"] == {"type": "disabled"}
    assert exchange.sent["tool_choice"]["function"]["name"] == "get_time"
    assert {call["name"] for call in called.tool_calls} == {"get_time"}


@pytest.mark.cassette("langchain_image_result")
def test_a_tool_gives_a_picture(cassette: Session) -> None:
    @tool
    def take_picture() -> list[dict[str, Any]]:
        """Take a picture of the harbour."""
        return [{"type": "image", "base64": picture(), "mime_type": "image/png"}]

    llm = model(cassette, model="kimi-k2.6").bind_tools([take_picture])
    question = HumanMessage("Take a picture, and tell me its main colour.")
    called = llm.invoke([question])
    (call,) = called.tool_calls
    answer = llm.invoke([question, called, take_picture.invoke({**call, "type": "tool_call"})])
    _, second = cassette.exchanges
    (part,) = second.sent["messages"][2]["content"]
    assert part["type"] == "image_url"
    assert answer.text == second.message["content"]


@pytest.mark.cassette("langchain_dynamic_tools")
def test_k3_is_given_a_tool_in_the_middle(cassette: Session) -> None:
    llm = model(cassette)
    question = HumanMessage("What is the weather in Turku?")
    called = llm.invoke([question, dynamic_tools_message([get_weather])])
    (exchange,) = cassette.exchanges
    loaded = exchange.sent["messages"][1]
    assert loaded["role"] == "system"
    assert [each["function"]["name"] for each in loaded["tools"]] == ["get_weather"]
    assert "tools" not in exchange.sent
    assert [call["name"] for call in called.tool_calls] == [
        c["function"]["name"] for c in exchange.message["tool_calls"]
    ]


@pytest.mark.cassette("langchain_web_search")
def test_the_built_in_search_gets_its_arguments_back_byte_for_byte(cassette: Session) -> None:
    search = KimiWebSearch()
    llm = model(cassette, model="kimi-k2.6").bind_tools([search])
    question = HumanMessage("Search the web: what is the context window of Kimi K3?")
    called = llm.invoke([question])
    results = [search.invoke({**call, "type": "tool_call"}) for call in called.tool_calls]
    answer = llm.invoke([question, called, *results])
    first, second = cassette.exchanges[0], cassette.exchanges[-1]
    arguments = [call["function"]["arguments"] for call in first.message["tool_calls"]]
    assert arguments
    assert [call["function"]["arguments"] for call in second.sent["messages"][1]["tool_calls"]] == arguments
    assert [message["content"] for message in second.sent["messages"][2:]] == arguments
    assert answer.text == second.message["content"]


@pytest.mark.cassette("langchain_formula")
def test_an_official_tool_runs_on_the_platform(cassette: Session) -> None:
    (convert,) = KimiFormulaToolkit("convert", client=KimiClient(**cassette.settings)).get_tools()
    llm = model(cassette).bind_tools([convert])
    question = HumanMessage("Convert 10 km to miles.")
    called = llm.invoke([question])
    results = [convert.invoke({**call, "type": "tool_call"}) for call in called.tool_calls]
    llm.invoke([question, called, *results])
    paths = [exchange.path for exchange in cassette.exchanges]
    assert paths[0].endswith("/formulas/moonshot/convert:latest/tools")
    fiber = next(exchange for exchange in cassette.exchanges if exchange.path.endswith("/fibers"))
    context = fiber.answer["context"]
    assert (context.get("output") or context["error"]) in results[0].content


# ------------------------------------------------------------------------------------------ structured output


@pytest.mark.parametrize(
    "way",
    [pytest.param(way, marks=pytest.mark.cassette(f"langchain_json_schema_{way}")) for way in ("invoke", "ainvoke")],
)
def test_an_object_by_json_schema(cassette: Session, way: str) -> None:
    llm = model(cassette).with_structured_output(Person)
    prompt = "Olga Berg, 54, keeps the log."
    person = llm.invoke(prompt) if way == "invoke" else asyncio.run(llm.ainvoke(prompt))
    (exchange,) = cassette.exchanges
    sent = exchange.sent["response_format"]
    assert sent["type"] == "json_schema"
    assert sent["json_schema"]["schema"]["properties"]["age"] == {"type": "integer", "minimum": 0, "maximum": 150}
    assert person == Person.model_validate_json(exchange.message["content"])


@pytest.mark.cassette("langchain_function_calling")
def test_an_object_by_a_forced_call(cassette: Session) -> None:
    person = model(cassette).with_structured_output(Person, method="function_calling").invoke("Olga Berg, 54.")
    (exchange,) = cassette.exchanges
    assert exchange.sent["tool_choice"] == "required"
    (arguments,) = arguments_in(exchange)
    assert person == Person.model_validate(arguments)


@pytest.mark.cassette("langchain_json_mode")
def test_an_object_by_json_mode(cassette: Session) -> None:
    llm = model(cassette, model="kimi-k2.6").with_structured_output(None, method="json_mode")
    output = llm.invoke("Give name and age of Olga Berg, 54, as a JSON object.")
    (exchange,) = cassette.exchanges
    assert exchange.sent["response_format"] == {"type": "json_object"}
    assert output == json.loads(exchange.message["content"])


@pytest.mark.cassette("langchain_structured_stream")
def test_an_object_grows_in_a_stream(cassette: Session) -> None:
    objects = list(model(cassette).with_structured_output(Person.model_json_schema()).stream("Olga Berg, 54."))
    (exchange,) = cassette.exchanges
    assert objects[-1] == json.loads(exchange.message["content"])


# ------------------------------------------------------------------------------------------ partial, media


@pytest.mark.cassette("langchain_partial_name")
def test_a_role_is_continued_under_its_name(cassette: Session) -> None:
    llm = model(cassette, model="kimi-k2.6", thinking="disabled")
    answer = llm.invoke([HumanMessage("Who goes there?"), partial_message("", name="Dr. Kelsier")])
    (exchange,) = cassette.exchanges
    assert exchange.sent["messages"][-1] == {
        "role": "assistant",
        "content": "",
        "name": "Dr. Kelsier",
        "partial": True,
    }
    assert answer.text == exchange.message["content"]


@pytest.mark.parametrize(
    "way", [pytest.param(way, marks=pytest.mark.cassette(f"langchain_image_{way}")) for way in ("invoke", "astream")]
)
def test_a_picture_in_a_question(cassette: Session, way: str) -> None:
    question = HumanMessage(
        content_blocks=[
            {"type": "text", "text": "What is the main colour?"},
            {"type": "image", "base64": picture(), "mime_type": "image/png"},
        ]
    )
    answer = ask(way, model(cassette, model="kimi-k2.6"), [question])
    (exchange,) = cassette.exchanges
    _, image = exchange.sent["messages"][0]["content"]
    assert image == {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture()}"}}
    assert answer.text == exchange.message["content"]


@pytest.mark.cassette("langchain_pdf")
def test_a_document_in_a_question_is_its_text(cassette: Session) -> None:
    data = base64.b64encode(documents.pdf("The ferry Ottilie crosses in 34 minutes.")).decode()
    report = {"type": "file", "base64": data, "mime_type": "application/pdf", "filename": "ferry.pdf"}
    question = HumanMessage([{"type": "text", "text": "How long does the ferry take?"}, report])
    answer = model(cassette).invoke([question])
    fetched = next(e for e in cassette.exchanges if e.path.endswith("/content"))
    _, text = cassette.exchanges[-1].sent["messages"][0]["content"]
    assert text["text"] == f"[document ferry.pdf]\n{fetched.answer['content'].strip()}\n[end of ferry.pdf]"
    assert cassette.exchanges[-2].method == "DELETE"
    assert answer.text == cassette.exchanges[-1].message["content"]


# ------------------------------------------------------------------------------------------ LLM, documents, tokens


@pytest.mark.cassette("langchain_llm")
def test_text_in_text_out(cassette: Session) -> None:
    text = KimiLLM(model="kimi-k2.6", **cassette.settings).invoke("Say hello in one word.")
    (exchange,) = cassette.exchanges
    assert text == exchange.message["content"] != ""


@pytest.mark.cassette("langchain_llm_stream")
def test_text_in_text_streamed(cassette: Session) -> None:
    pieces = list(KimiLLM(model="kimi-k2.6", **cassette.settings).stream("Say hello in one word."))
    (exchange,) = cassette.exchanges
    assert "".join(pieces) == exchange.message["content"] != ""


@pytest.mark.parametrize(
    "way", [pytest.param(way, marks=pytest.mark.cassette(f"langchain_loader_{way}")) for way in ("lazy", "alazy")]
)
def test_a_file_becomes_a_document(cassette: Session, way: str) -> None:
    loader = KimiFileLoader(DOCUMENTS / "winter-notes.md", client=KimiClient(**cassette.settings))

    async def load_all() -> list[Any]:
        return [document async for document in loader.alazy_load()]

    (document,) = list(loader.lazy_load()) if way == "lazy" else asyncio.run(load_all())
    fetched = next(e for e in cassette.exchanges if e.path.endswith("/content"))
    assert document.page_content == fetched.answer["content"]
    assert cassette.exchanges[-1].method == "DELETE"


@pytest.mark.cassette("langchain_blob")
def test_a_blob_becomes_a_document(cassette: Session) -> None:
    blob = Blob.from_data("# Ferry\n\nThe ferry Ottilie crosses in 34 minutes.\n", path="ferry.md")
    (document,) = KimiBlobParser(client=KimiClient(**cassette.settings)).lazy_parse(blob)
    fetched = next(e for e in cassette.exchanges if e.path.endswith("/content"))
    assert document.page_content == fetched.answer["content"]


# ------------------------------------------------------------------------------------------ errors


@pytest.mark.cassette("langchain_error_key")
def test_a_wrong_key_is_an_authentication_error(cassette: Session) -> None:
    settings = {**cassette.settings, "api_key": "sk-test-of-nobody"}
    with pytest.raises(KimiAuthenticationError) as caught:
        ChatKimi(**settings).invoke("Hello")
    (exchange,) = cassette.exchanges
    assert caught.value.status_code == exchange.status == 401
    assert exchange.answer["error"]["type"] in str(caught.value)


@pytest.mark.cassette("langchain_error_retired")
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_retired_model_is_a_404_that_names_its_successor(cassette: Session) -> None:
    with pytest.raises(KimiNotFoundError) as caught:
        model(cassette, model="kimi-k2-0905-preview").invoke("Hello")
    (exchange,) = cassette.exchanges
    assert exchange.status == 404
    assert "kimi-k" in str(caught.value)


@pytest.mark.cassette("langchain_error_sampling")
def test_a_refused_value_comes_back_in_the_platforms_words(cassette: Session) -> None:
    with pytest.raises(KimiBadRequestError) as caught:
        model(cassette, model="kimi-k2.6", temperature=0.3, unsupported="send").invoke("Hello")
    (exchange,) = cassette.exchanges
    assert exchange.sent["temperature"] == 0.3
    assert exchange.answer["error"]["message"] in str(caught.value)


@pytest.mark.cassette("langchain_error_stream")
def test_a_refused_stream_raises_the_same_error(cassette: Session) -> None:
    with pytest.raises(KimiBadRequestError):
        list(model(cassette, model="kimi-k2.6", temperature=0.3, unsupported="send").stream("Hello"))
    (exchange,) = cassette.exchanges
    assert exchange.status == 400


# ------------------------------------------------------------------------------------------ agents


@pytest.mark.cassette("langchain_agent")
def test_an_agent_loop(cassette: Session) -> None:
    from langchain.agents import create_agent

    agent = create_agent(model(cassette), [get_weather], system_prompt="You are a guide.")
    state = agent.invoke({"messages": [HumanMessage("What is the weather in Turku?")]})
    first, second = cassette.exchanges
    assert state["messages"][-1].text == second.message["content"]
    assert second.sent["messages"][: len(first.sent["messages"])] == first.sent["messages"]
    assert second.sent["tools"] == first.sent["tools"]


@pytest.mark.cassette("langchain_agent_structured")
def test_an_agent_that_ends_with_an_object(cassette: Session) -> None:
    from langchain.agents import create_agent
    from langchain.agents.structured_output import ToolStrategy

    agent = create_agent(model(cassette), [get_weather], response_format=ToolStrategy(Person))
    state = agent.invoke({"messages": [HumanMessage("Who keeps the log? Olga Berg, 54, does.")]})
    assert isinstance(state["structured_response"], Person)
    calls = [call for exchange in cassette.exchanges for call in exchange.message.get("tool_calls") or ()]
    (person,) = [json.loads(call["function"]["arguments"]) for call in calls if call["function"]["name"] == "Person"]
    assert state["structured_response"] == Person.model_validate(person)
