"""An answer that the platform withheld, as core's refusal: the block, the error, `ModelRefusalMiddleware`."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core import exceptions as core
from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.messages import content as types
from pydantic import BaseModel

import kimi_api
from kimi_emulator import Emulator, Reply, ToolCall
from langchain_kimi import ChatKimi, KimiStructuredOutputError
from langchain_kimi.errors import KimiRefusalError

Make = Callable[..., ChatKimi]
KNOWN = "refusal" in types.KNOWN_BLOCK_TYPES
pytestmark = pytest.mark.filterwarnings("ignore:.*withheld the answer")
needs_core = pytest.mark.skipif(not KNOWN, reason="refusals came with langchain-core 1.7.5")
HOW = pytest.mark.parametrize("how", ["invoke", "ainvoke", "stream", "astream"])


class City(BaseModel):
    """A city."""

    name: str


async def ask(chain: Any, question: Any, how: str) -> Any:
    if how == "invoke":
        return chain.invoke(question)
    if how == "ainvoke":
        return await chain.ainvoke(question)
    pieces = list(chain.stream(question)) if how == "stream" else [piece async for piece in chain.astream(question)]
    whole = pieces[0]
    for piece in pieces[1:]:
        whole = whole + piece
    return whole


async def run_agent(agent: Any, question: Any, how: str) -> Any:
    return list(agent.stream(question, stream_mode="messages")) if how == "stream" else await ask(agent, question, how)


def withheld(text: str = "") -> Reply:
    return Reply(content=text, reasoning="Hm.", finish_reason="content_filter")


def kinds(message: AIMessage) -> list[str]:
    return [block["type"] for block in message.content_blocks]


# ---------------------------------------------------------------------------------------------------- the message


@needs_core
@HOW
@pytest.mark.parametrize("version", ["v0", "v1"])
@pytest.mark.parametrize("text", ["", "First, take"])
async def test_the_message_has_one_refusal_block_behind_what_came(
    kimi: Emulator, make: Make, how: str, version: str, text: str
) -> None:
    kimi.script(withheld(text))
    message = await ask(make(output_version=version), "How?", how)
    assert kinds(message) == ["reasoning", *(["text"] if text else []), "refusal"]
    block = message.content_blocks[-1]
    assert (block["refusal"], block["extras"]) == ("", {"category": "content_filter"})
    assert message.text == text
    again: Any = message.model_copy()
    assert kinds(again) == kinds(message)


@needs_core
@pytest.mark.parametrize("version", ["v0", "v1"])
def test_events_show_the_block_and_how_it_ended(kimi: Emulator, make: Make, version: str) -> None:
    kimi.script(withheld("First, take"))
    *_, block, finish = list(make(output_version=version).stream_events("How?", version="v3"))
    assert block["content"]["type"] == "refusal"
    assert finish["metadata"]["finish_reason"] == "content_filter"
    assert finish["metadata"]["normalized_finish_reason"] == "refusal"


@HOW
@pytest.mark.parametrize("reply", [Reply(content="x"), Reply(content="x", finish_reason="length")])
async def test_other_answers_have_none(kimi: Emulator, llm: ChatKimi, how: str, reply: Reply) -> None:
    kimi.script(reply)
    message = await ask(llm, "How?", how)
    assert "refusal" not in kinds(message)


@pytest.mark.parametrize("version", ["v0", "v1"])
def test_the_turn_goes_back_as_the_model_gave_it(kimi: Emulator, make: Make, version: str) -> None:
    kimi.script(withheld("First, take"), Reply(content="ok"))
    llm = make(output_version=version)
    llm.invoke([HumanMessage("How?"), llm.invoke("How?"), HumanMessage("Go on.")])
    assert kimi.chats[1]["messages"][1] == {
        "role": "assistant",
        "content": "First, take",
        "reasoning_content": "Hm.",
    }


# ---------------------------------------------------------------------------------------------------- the reasons


@HOW
@pytest.mark.parametrize(
    ("reason", "normalized", "state"),
    [
        ("stop", "stop", None),
        ("length", "length", "incomplete"),
        ("content_filter", "refusal", "incomplete"),
        ("brand_new", None, None),
    ],
)
async def test_reasons_in_cores_words_beside_the_platforms_own(
    kimi: Emulator, llm: ChatKimi, how: str, reason: str, normalized: str | None, state: str | None
) -> None:
    kimi.script(Reply(content="x", finish_reason=reason))
    metadata = (await ask(llm, "?", how)).response_metadata
    assert metadata["finish_reason"] == reason
    assert metadata.get("normalized_finish_reason") == normalized
    assert metadata.get("finish_state") == state


@HOW
async def test_a_tool_call_is_one_in_cores_words(kimi: Emulator, llm: ChatKimi, how: str) -> None:
    kimi.script(Reply(tool_calls=[ToolCall("get_weather", {})]))
    tool = {"name": "get_weather", "parameters": {"type": "object", "properties": {}}}
    metadata = (await ask(llm.bind_tools([tool]), "?", how)).response_metadata
    assert (metadata["finish_reason"], metadata["normalized_finish_reason"]) == ("tool_calls", "tool_call")


@pytest.mark.parametrize(("reason", "word"), [("stop", "stop"), ("length", "length"), ("content_filter", "refusal")])
def test_core_reads_them_into_the_event_that_ends_a_message(
    kimi: Emulator, llm: ChatKimi, reason: str, word: str
) -> None:
    pytest.importorskip("langchain_core.language_models._finish_reason", reason="came with langchain-core 1.8.4")
    kimi.script(Reply(content="x", finish_reason=reason))
    finish = list(llm.stream_events("?", version="v3"))[-1]
    assert (finish["finish_reason"], finish["normalized_finish_reason"]) == (reason, word)


# ---------------------------------------------------------------------------------------------------- the error


@HOW
@pytest.mark.parametrize("method", ["json_schema", "function_calling", "json_mode"])
@pytest.mark.parametrize("text", ["", '{"name": "Tur', '{"name": "Turku"}'])
async def test_no_object_is_core_s_refusal_and_ours(
    kimi: Emulator, llm: ChatKimi, how: str, method: Any, text: str
) -> None:
    kimi.script(withheld(text))
    with pytest.raises(KimiRefusalError, match="withheld the answer") as caught:
        await ask(llm.with_structured_output(City, method=method), "A city, as JSON?", how)
    error = caught.value
    for kind in (kimi_api.KimiRefusalError, KimiStructuredOutputError, OutputParserException, core.ModelError):
        assert isinstance(error, kind)
    if KNOWN:
        assert isinstance(error, core.ModelRefusalError)
        assert kinds(error.raw_message)[-1] == "refusal"  # type: ignore[arg-type]
    assert error.is_retryable is False
    assert (error.llm_output, error.raw_message.text) == (text, text)  # type: ignore[union-attr]
    assert len(kimi.chats) == 1
    copied = pickle.loads(pickle.dumps(error))
    assert (type(copied), str(copied), copied.llm_output) == (KimiRefusalError, str(error), text)


@HOW
@pytest.mark.parametrize("method", ["json_schema", "function_calling", "json_mode"])
async def test_include_raw_keeps_it_beside_the_answer(kimi: Emulator, llm: ChatKimi, how: str, method: Any) -> None:
    kimi.script(withheld('{"name": "Tur'))
    chain = llm.with_structured_output(City, method=method, include_raw=True)
    whole = await ask(chain, "A city, as JSON?", how)
    assert isinstance(whole["parsing_error"], KimiRefusalError)
    assert whole["parsed"] is None
    assert whole["raw"].text == '{"name": "Tur'


# ---------------------------------------------------------------------------------------------------- agents


@needs_core
@pytest.mark.parametrize("how", ["invoke", "ainvoke", "stream"])
@pytest.mark.parametrize(
    "response_format", [None, ProviderStrategy(City), ToolStrategy(City)], ids=["text", "provider", "tool"]
)
async def test_the_middleware_sees_it(kimi: Emulator, llm: ChatKimi, how: str, response_format: Any) -> None:
    middleware = pytest.importorskip("langchain.agents.middleware.model_refusal")
    kimi.script(withheld('{"name": "Tur'))
    agent: Any = create_agent(
        llm, tools=[], middleware=[middleware.ModelRefusalMiddleware()], response_format=response_format
    )
    question = {"messages": [HumanMessage("A city?")]}
    with pytest.raises(core.ModelRefusalError, match="content_filter") as caught:
        await run_agent(agent, question, how)
    assert caught.value.raw_message.text == '{"name": "Tur'
    assert len(kimi.chats) == 1


@needs_core
def test_a_fallback_answers_in_its_place(kimi: Emulator, make: Make) -> None:
    from langchain.agents.middleware import ModelFallbackMiddleware

    middleware = pytest.importorskip("langchain.agents.middleware.model_refusal")
    kimi.script(withheld(), Reply(content="Gladly."))
    guards = [ModelFallbackMiddleware(make(model="kimi-k2.6")), middleware.ModelRefusalMiddleware()]
    agent: Any = create_agent(make(), tools=[], middleware=guards)
    assert agent.invoke({"messages": [HumanMessage("How?")]})["messages"][-1].text == "Gladly."
    assert [chat["model"] for chat in kimi.chats] == ["kimi-k3", "kimi-k2.6"]
