"""The rest of what users of Kimi in LlamaIndex rely on, against recorded answers.

Expectations come from the cassette, not from memory: a recording made on the platform must pass too.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cassette_kit
import documents
import pytest
from llama_index.core import PromptTemplate
from llama_index.core.agent.workflow import FunctionAgent, ReActAgent
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    DocumentBlock,
    ImageBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.llms.llm import LLM
from llama_index.core.memory import Memory
from llama_index.core.tools import FunctionTool
from llama_index.core.types import PydanticProgramMode
from pydantic import BaseModel, Field
from scripted_kimi import NEW_CORE

from kimi_api import KimiAuthenticationError, KimiBadRequestError, KimiClient, dynamic_tools_message
from llama_index_kimi import Kimi, KimiFileReader, KimiFormulaToolSpec, KimiWebSearchToolSpec

DOCUMENTS = Path(__file__).parents[2] / "examples" / "documents"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d494844520000000200000002080200000000fdd49a73"
    "000000114944415478da63f8cfc0c0c0f09f818101000a0602017a1e14b50000000049454e44ae426082"
)
Session = cassette_kit.Session


def get_weather(city: str) -> str:
    """Tell the current weather in a city."""
    return f"{city}: 2 degrees, snow"


def get_time(city: str) -> str:
    """Tell the local time in a city."""
    return f"{city}: 14:05"


WEATHER = FunctionTool.from_defaults(get_weather)
TIME = FunctionTool.from_defaults(get_time)


class Person(BaseModel):
    """A person who is mentioned in a text."""

    name: str = Field(description="the whole name")
    age: int = Field(ge=0, le=150)


def kimi(cassette: Session, **fields: Any) -> Kimi:
    return Kimi(**fields, **cassette.settings)


def thinking(message: ChatMessage) -> str:
    return "".join(block.content or "" for block in message.blocks if isinstance(block, ThinkingBlock))


def arguments_in(exchange: cassette_kit.Exchange) -> list[Any]:
    return [json.loads(call["function"]["arguments"]) for call in exchange.message["tool_calls"]]


async def last_of(stream: Any) -> Any:
    return [each async for each in await stream][-1]


# ------------------------------------------------------------------------------------------ answers

ASK = [ChatMessage("Say hello in one word.")]
CHATS: dict[str, Callable[[Kimi], ChatResponse]] = {
    "chat": lambda llm: llm.chat(ASK),
    "achat": lambda llm: asyncio.run(llm.achat(ASK)),
    "stream_chat": lambda llm: list(llm.stream_chat(ASK))[-1],
    "astream_chat": lambda llm: asyncio.run(last_of(llm.astream_chat(ASK))),
}
COMPLETIONS: dict[str, Callable[[Kimi], Any]] = {
    "complete": lambda llm: llm.complete("Say hello in one word."),
    "acomplete": lambda llm: asyncio.run(llm.acomplete("Say hello in one word.")),
    "stream_complete": lambda llm: list(llm.stream_complete("Say hello in one word."))[-1],
    "astream_complete": lambda llm: asyncio.run(last_of(llm.astream_complete("Say hello in one word."))),
}


@pytest.mark.parametrize(
    "way", [pytest.param(way, marks=pytest.mark.cassette(f"llama_index_{way}"), id=way) for way in CHATS]
)
def test_k26_answers_with_its_thinking_and_usage(cassette: Session, way: str) -> None:
    response = CHATS[way](kimi(cassette, model="kimi-k2.6"))
    (exchange,) = cassette.exchanges
    assert response.message.content == exchange.message["content"] != ""
    assert thinking(response.message) == exchange.message["reasoning_content"] != ""
    assert response.raw["usage"]["total_tokens"] > 0


@pytest.mark.parametrize(
    "way", [pytest.param(way, marks=pytest.mark.cassette(f"llama_index_{way}"), id=way) for way in COMPLETIONS]
)
def test_a_completion_is_the_answers_text(cassette: Session, way: str) -> None:
    response = COMPLETIONS[way](kimi(cassette, model="kimi-k2.6"))
    (exchange,) = cassette.exchanges
    assert response.text == exchange.message["content"] != ""


@pytest.mark.cassette("llama_index_thinking_off")
def test_thinking_is_switched_off(cassette: Session) -> None:
    response = kimi(cassette, model="kimi-k2.6", thinking="disabled").chat(ASK)
    (exchange,) = cassette.exchanges
    assert exchange.sent["thinking"] == {"type": "disabled"}
    assert thinking(response.message) == ""


@pytest.mark.cassette("llama_index_memory")
def test_thinking_survives_a_memory(cassette: Session) -> None:
    llm = kimi(cassette, model="kimi-k2.6", thinking="enabled", thinking_keep="all")
    memory = Memory.from_defaults(token_limit=4000)
    memory.put(ChatMessage("Which is larger, 9.11 or 9.9?"))
    memory.put(llm.chat(memory.get()).message)
    memory.put(ChatMessage("Are you sure?"))
    llm.chat(memory.get())
    first, second = cassette.exchanges
    assert second.sent["messages"][1]["reasoning_content"] == first.message["reasoning_content"]


@pytest.mark.cassette("llama_index_partial")
def test_a_message_is_continued(cassette: Session) -> None:
    llm = kimi(cassette, join_prefix=True)
    prefix = ChatMessage("The tide", role="assistant", additional_kwargs={"partial": True})
    response = llm.chat([ChatMessage("Repeat: the tide turns at noon."), prefix])
    (exchange,) = cassette.exchanges
    assert exchange.sent["messages"][-1] == {"role": "assistant", "content": "The tide", "partial": True}
    assert response.message.content == "The tide" + exchange.message["content"]


@pytest.mark.cassette("llama_index_image")
def test_a_picture_in_a_question(cassette: Session) -> None:
    question = ChatMessage(role="user", blocks=[TextBlock(text="What is the main colour?"), ImageBlock(image=PNG)])
    response = kimi(cassette, model="kimi-k2.6").chat([question])
    (exchange,) = cassette.exchanges
    _, image = exchange.sent["messages"][0]["content"]
    assert image["type"] == "image_url"
    assert image["image_url"]["url"].startswith("data:image/png;base64,")
    assert response.message.content == exchange.message["content"]


@pytest.mark.cassette("llama_index_pdf")
def test_a_document_in_a_question_is_its_text(cassette: Session) -> None:
    report = DocumentBlock(data=documents.pdf("The ferry Ottilie crosses in 34 minutes."), title="ferry.pdf")
    question = ChatMessage(role="user", blocks=[TextBlock(text="How long does the ferry take?"), report])
    response = kimi(cassette).chat([question])
    fetched = next(e for e in cassette.exchanges if e.path.endswith("/content"))
    _, text = cassette.exchanges[-1].sent["messages"][0]["content"]
    assert text["text"] == f"[document ferry.pdf]\n{fetched.answer['content'].strip()}\n[end of ferry.pdf]"
    assert cassette.exchanges[-2].method == "DELETE"
    assert response.message.content == cassette.exchanges[-1].message["content"]


# ------------------------------------------------------------------------------------------ tools


@pytest.mark.parametrize(
    "way",
    [pytest.param(way, marks=pytest.mark.cassette(f"llama_index_tools_{way}"), id=way) for way in ("plain", "stream")],
)
def test_a_tool_loop_sends_the_thinking_back(cassette: Session, way: str) -> None:
    llm = kimi(cassette)

    def turn(history: list[ChatMessage]) -> ChatResponse:
        if way == "plain":
            return llm.chat_with_tools([WEATHER], chat_history=history)
        return list(llm.stream_chat_with_tools([WEATHER], chat_history=history))[-1]

    history = [ChatMessage("What is the weather in Turku?")]
    called = turn(history)
    (selection,) = llm.get_tool_calls_from_response(called)
    result = ChatMessage(
        get_weather(**selection.tool_kwargs), role="tool", additional_kwargs={"tool_call_id": selection.tool_id}
    )
    answer = turn([*history, called.message, result])
    first, second = cassette.exchanges
    assert [selection.tool_kwargs] == arguments_in(first)
    assert second.sent["messages"][1]["reasoning_content"] == first.message["reasoning_content"]
    assert answer.message.content == second.message["content"]


@pytest.mark.cassette("llama_index_parallel_calls")
def test_several_calls_in_one_answer(cassette: Session) -> None:
    llm = kimi(cassette)
    question = "What are the weather and the time in Turku? Call both tools at once."
    response = llm.chat_with_tools([WEATHER, TIME], user_msg=question, allow_parallel_tool_calls=True)
    (exchange,) = cassette.exchanges
    calls = [block for block in response.message.blocks if isinstance(block, ToolCallBlock)]
    assert [call.tool_name for call in calls] == [c["function"]["name"] for c in exchange.message["tool_calls"]]
    assert len({call.tool_call_id for call in calls}) == len(calls)


@pytest.mark.cassette("llama_index_required")
def test_k3_is_made_to_call_a_tool(cassette: Session) -> None:
    response = kimi(cassette).chat_with_tools([WEATHER, TIME], user_msg="Hello.", tool_required=True)
    (exchange,) = cassette.exchanges
    assert exchange.sent["tool_choice"] == "required"
    assert any(isinstance(block, ToolCallBlock) for block in response.message.blocks)


@pytest.mark.cassette("llama_index_predict_and_call")
def test_predict_and_call_runs_the_tool(cassette: Session) -> None:
    response = kimi(cassette).predict_and_call([WEATHER], user_msg="What is the weather in Turku?")
    (exchange,) = cassette.exchanges
    (arguments,) = arguments_in(exchange)
    assert str(response) == get_weather(**arguments)


@pytest.mark.cassette("llama_index_dynamic_tools")
def test_k3_is_given_a_tool_in_the_middle(cassette: Session) -> None:
    definition = WEATHER.metadata.to_openai_tool()
    loaded = dynamic_tools_message([definition])
    message = ChatMessage(role="system", blocks=[], additional_kwargs={"tools": loaded["tools"]})
    kimi(cassette).chat([ChatMessage("What is the weather in Turku?"), message])
    (exchange,) = cassette.exchanges
    assert [each["function"]["name"] for each in exchange.sent["messages"][1]["tools"]] == ["get_weather"]
    assert "tools" not in exchange.sent


@pytest.mark.parametrize("way", [pytest.param("run", marks=pytest.mark.cassette("llama_index_function_agent"))])
def test_a_function_agent(cassette: Session, way: str) -> None:
    async def run() -> str:
        agent = FunctionAgent(tools=[WEATHER], llm=kimi(cassette, model="kimi-k2.6"), system_prompt="You are a guide.")
        return str(await getattr(agent, way)("What is the weather in Turku?"))

    text = asyncio.run(run())
    first, *_, last = cassette.exchanges
    assert text == last.message["content"]
    assert last.sent["messages"][: len(first.sent["messages"])] == first.sent["messages"]
    assert last.sent["tools"] == first.sent["tools"]


@pytest.mark.skipif(not NEW_CORE, reason="ReActAgent of this core fails on messages that hold thinking and text")
@pytest.mark.cassette("llama_index_react_agent")
def test_a_react_agent(cassette: Session) -> None:
    async def run() -> str:
        agent = ReActAgent(tools=[WEATHER], llm=kimi(cassette), streaming=False)
        return str(await agent.run("What is the weather in Turku?"))

    assert asyncio.run(run())
    assert all("tools" not in exchange.sent for exchange in cassette.exchanges)


@pytest.mark.cassette("llama_index_web_search")
def test_the_built_in_search_inside_an_agent(cassette: Session) -> None:
    tools = KimiWebSearchToolSpec().to_tool_list()

    async def run() -> str:
        agent = FunctionAgent(tools=tools, llm=kimi(cassette, model="kimi-k2.6"), streaming=False)
        return str(await agent.run("Search the web: what is the context window of Kimi K3?"))

    text = asyncio.run(run())
    first, *_, last = cassette.exchanges
    arguments = [call["function"]["arguments"] for call in first.message["tool_calls"]]
    assert arguments
    assert [m["content"] for m in last.sent["messages"] if m["role"] == "tool"] == arguments
    assert text == last.message["content"]


@pytest.mark.cassette("llama_index_formula")
def test_an_official_tool_runs_on_the_platform(cassette: Session) -> None:
    spec = KimiFormulaToolSpec("convert", client=KimiClient(**cassette.settings))
    (convert,) = spec.to_tool_list()
    result = convert(value=10, from_unit="km", to_unit="miles")
    fiber = cassette.exchanges[-1]
    assert fiber.answer["status"] == "succeeded"
    assert str(result) == fiber.answer["context"]["output"]


# ------------------------------------------------------------------------------------------ objects

PROMPT = PromptTemplate("Who is spoken of here? {text}")
TEXT = "Olga Berg, 54, keeps the log."


async def last_object(llm: LLM) -> Any:
    return [each async for each in await llm.astream_structured_predict(Person, PROMPT, text=TEXT)][-1]


PREDICTIONS: dict[str, Callable[[Kimi], Any]] = {
    "predict": lambda llm: llm.structured_predict(Person, PROMPT, text=TEXT),
    "apredict": lambda llm: asyncio.run(llm.astructured_predict(Person, PROMPT, text=TEXT)),
    "stream_predict": lambda llm: list(llm.stream_structured_predict(Person, PROMPT, text=TEXT))[-1],
    "astream_predict": lambda llm: asyncio.run(last_object(llm)),
    "as_llm": lambda llm: llm.as_structured_llm(Person).complete(TEXT).raw,
}


@pytest.mark.parametrize(
    "way",
    [pytest.param(way, marks=pytest.mark.cassette(f"llama_index_object_{way}"), id=way) for way in PREDICTIONS],
)
def test_an_object_by_json_schema(cassette: Session, way: str) -> None:
    person = PREDICTIONS[way](kimi(cassette))
    (exchange,) = cassette.exchanges
    sent = exchange.sent["response_format"]["json_schema"]["schema"]
    assert sent["properties"]["age"] == {"type": "integer", "minimum": 0, "maximum": 150}
    fields = person.model_dump() if isinstance(person, BaseModel) else dict(person)
    assert fields == json.loads(exchange.message["content"])


@pytest.mark.cassette("llama_index_object_function")
def test_an_object_by_a_forced_call(cassette: Session) -> None:
    llm = kimi(cassette, pydantic_program_mode=PydanticProgramMode.FUNCTION)
    person = llm.structured_predict(Person, PROMPT, text=TEXT)
    (exchange,) = cassette.exchanges
    (arguments,) = arguments_in(exchange)
    assert person == Person.model_validate(arguments)


# ------------------------------------------------------------------------------------------ files, errors


@pytest.mark.parametrize(
    "way", [pytest.param(way, marks=pytest.mark.cassette(f"llama_index_reader_{way}")) for way in ("load", "aload")]
)
def test_several_files_are_read(cassette: Session, way: str) -> None:
    reader = KimiFileReader(num_workers=1, **cassette.settings)
    paths = [DOCUMENTS / "winter-notes.md", DOCUMENTS / "kitchen.md"]
    documents = reader.load_data(paths) if way == "load" else asyncio.run(reader.aload_data(paths))
    texts = [e.answer["content"] for e in cassette.exchanges if e.path.endswith("/content")]
    assert [document.text for document in documents] == texts
    assert len([e for e in cassette.exchanges if e.method == "DELETE"]) == 2


@pytest.mark.cassette("llama_index_error_key")
def test_a_wrong_key_is_an_authentication_error(cassette: Session) -> None:
    with pytest.raises(KimiAuthenticationError) as caught:
        Kimi(**{**cassette.settings, "api_key": "sk-test-of-nobody"}).chat(ASK)
    assert caught.value.status_code == cassette.exchanges[0].status == 401


@pytest.mark.cassette("llama_index_error_sampling")
def test_a_refused_value_comes_back_in_the_platforms_words(cassette: Session) -> None:
    with pytest.raises(KimiBadRequestError) as caught:
        kimi(cassette, model="kimi-k2.6", temperature=0.3, unsupported="send").chat(ASK)
    (exchange,) = cassette.exchanges
    assert exchange.answer["error"]["message"] in str(caught.value)
