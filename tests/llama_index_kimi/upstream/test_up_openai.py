"""Mirrors the behaviour tests of llama-index-llms-openai (tests/test_llms_openai.py, test_openai.py,
test_openai_utils.py, test_http_client.py, test_retry_after.py) and of llama-index-llms-openai-like
(tests/test_openai_like.py, test_structured_output.py)."""

from __future__ import annotations

import asyncio
import importlib
import json
from typing import Any

import openai
import pytest
from llama_index.core.base.llms.base import BaseLLM
from llama_index.core.base.llms.types import ImageBlock, TextBlock, ThinkingBlock, ToolCallBlock
from llama_index.core.llms import ChatMessage, ChatResponse, MessageRole
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel, Field
from scripted_kimi import ScriptedKimi

from kimi_api import errors, retry
from kimi_api._warn import KimiWarning
from kimi_emulator import Emulator, Failure, Reply, ToolCall
from llama_index_kimi import Kimi
from llama_index_kimi._from_reply import to_message
from llama_index_kimi._to_wire import to_wire

HI = [ChatMessage("test message")]
ANSWER = Reply(content="\n\nThis is indeed a test", reasoning="Let me think about this.")
USAGE = {"prompt_tokens": 13, "completion_tokens": 7, "total_tokens": 20}


def search(query: str) -> str:
    """Search for information about a query."""
    return f"Results for {query}"


TOOL = FunctionTool.from_defaults(search, name="search_tool", description="A tool for searching information")


# ------------------------------------------------------------------------------------------------- test_llms_openai.py


def test_text_inference_embedding_class() -> None:
    """Named in upstream after a class of another package; the check is of the base class."""
    assert BaseLLM in Kimi.__mro__


@pytest.mark.parametrize(
    ("given", "choice"),
    [
        ({"tool_required": True}, "required"),
        ({"tool_required": False}, None),
        ({}, None),
        ({"tool_required": True, "tool_choice": "none"}, "none"),
        ({"tool_required": True, "tool_choice": "search_tool"}, "search_tool"),
        ({"tool_required": False, "tool_choice": "required"}, "required"),
    ],
)
def test_resolve_tool_choice_utility(scripted: ScriptedKimi, given: dict[str, Any], choice: str | None) -> None:
    """Also test_prepare_chat_with_tools_tool_required, _tool_not_required, _default_behavior,
    _explicit_tool_choice_overrides_tool_required and _explicit_tool_choice_required. Without a wish nothing is sent:
    the platform's default is auto."""
    prepared = scripted([ANSWER])._prepare_chat_with_tools([TOOL], user_msg="Search for Python tutorials", **given)
    assert prepared.get("tool_choice") == choice
    assert [tool["function"]["name"] for tool in prepared["tools"]] == ["search_tool"]


@pytest.mark.parametrize("allowed", [True, False])
def test_prepare_chat_with_tools_allow_parallel_tool_calls(scripted: ScriptedKimi, allowed: bool) -> None:
    """Kept by us alone: the platform has no such switch, and is not sent one."""
    llm = scripted([Reply(tool_calls=[ToolCall("search_tool", {"query": "a"})])])
    prepared = llm._prepare_chat_with_tools([TOOL], user_msg="x", allow_parallel_tool_calls=allowed)
    assert prepared.get("parallel_tool_calls") == (None if allowed else False)
    llm.chat_with_tools([TOOL], "x", allow_parallel_tool_calls=allowed)
    assert "parallel_tool_calls" not in scripted.chats(llm)[0]


def test_prepare_chat_with_tools_no_tools(scripted: ScriptedKimi) -> None:
    llm = scripted([ANSWER])
    prepared = llm._prepare_chat_with_tools([], user_msg="Just a regular message", tool_required=True)
    assert prepared == {"messages": [ChatMessage("Just a regular message")]}
    llm.chat_with_tools([], "x", tool_required=True)
    assert {"tools", "tool_choice"}.isdisjoint(scripted.chats(llm)[0])


def test_tool_required(scripted: ScriptedKimi) -> None:
    llm = scripted([Reply(tool_calls=[ToolCall("search_tool", {"query": "Paris"})])])
    response = llm.chat_with_tools([TOOL], "What is the capital of France?", tool_required=True)
    assert len(response.message.additional_kwargs["tool_calls"]) == 1
    assert len([block for block in response.message.blocks if isinstance(block, ToolCallBlock)]) == 1


@pytest.mark.parametrize("way", ["stream_complete", "stream_chat"])
def test_streaming_with_usage_tokens(scripted: ScriptedKimi, way: str) -> None:
    llm = scripted([Reply(content="Paris.", usage=USAGE)])
    given: Any = HI if way == "stream_chat" else "What is the capital of France?"
    last = list(getattr(llm, way)(given))[-1]
    assert {name: last.additional_kwargs[name] for name in USAGE} == USAGE


# ------------------------------------------------------------------------------------------------- test_openai.py


async def test_chat_model_basic(scripted: ScriptedKimi, model: str) -> None:
    """Also test_completion_model_async."""
    llm = scripted([ANSWER], model=model)
    assert llm.complete("test prompt").text == (await llm.acomplete("test prompt")).text == ANSWER.content
    for response in (llm.chat(HI), await llm.achat(HI)):
        assert response.message.content == ANSWER.content
        assert response.additional_kwargs["total_tokens"] == response.raw["usage"]["total_tokens"] > 0


async def test_chat_model_streaming(scripted: ScriptedKimi, model: str) -> None:
    """Also test_completion_model_async_streaming."""
    llm = scripted([ANSWER], model=model)
    assert list(llm.stream_complete("test prompt"))[-1].text == ANSWER.content
    assert [r async for r in await llm.astream_complete("test prompt")][-1].text == ANSWER.content
    last = [list(llm.stream_chat(HI))[-1], [r async for r in await llm.astream_chat(HI)][-1]]
    assert [r.message.content for r in last] == [ANSWER.content] * 2
    assert [r.message.role for r in last] == [MessageRole.ASSISTANT] * 2


def test_validates_api_key_is_present(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(errors.KimiKeyError, match="MOONSHOT_API_KEY"):
        Kimi().complete("x")
    monkeypatch.setenv("MOONSHOT_API_KEY", "sk-test-environment")
    assert Kimi()
    monkeypatch.setenv("MOONSHOT_API_KEY", "")
    assert Kimi(api_key="sk-test-argument")


@pytest.mark.parametrize("retries", [0, 3])
@pytest.mark.parametrize("way", ["complete", "stream_complete"])
def test_completion_model_with_retry(kimi: Emulator, monkeypatch: pytest.MonkeyPatch, way: str, retries: int) -> None:
    """And test_create_retry_decorator_exhausts_retries: one layer of retries, n means n + 1 requests."""
    monkeypatch.setattr(retry, "wait_seconds", lambda *args, **kwargs: 0.0)
    kimi.script(*[Failure(503, "engine_overloaded_error", "overloaded")] * 20)
    llm = Kimi(base_url=kimi.base_url, api_key=kimi.api_key, max_retries=retries)
    with pytest.raises(errors.KimiAPIError):
        list(getattr(llm, way)("test prompt"))
    assert len(kimi.requests) == retries + 1


def test_ensure_chat_message_is_serializable(scripted: ScriptedKimi) -> None:
    llm = scripted([Reply(content="a", reasoning="r", tool_calls=[ToolCall("search_tool", {"query": "北京"})])])
    for response in (llm.chat(HI, tools=[TOOL]), list(llm.stream_chat(HI, tools=[TOOL]))[-1]):
        message = response.message
        assert ChatMessage.model_validate(json.loads(json.dumps(message.model_dump()))) == message
        assert json.loads(json.dumps(response.raw)) == response.raw


class Person(BaseModel):
    name: str = Field(description="The person's name")
    age: int = Field(description="The person's age")


async def test_structured_chat_simple(scripted: ScriptedKimi, model: str) -> None:
    """Also test_structured_chat_simple_async, and test_structured_output_creation of openai-like."""
    llm = scripted(['{"name": "Alice", "age": 25}'], model=model)
    structured = llm.as_structured_llm(Person)
    for result in (structured.chat(HI), await structured.achat(HI)):
        assert result.raw == Person(name="Alice", age=25)


def test_prepare_schema_sanitizes_json_schema_name(scripted: ScriptedKimi) -> None:
    from typing import Generic, TypeVar

    T = TypeVar("T")

    class GenericDataModel(BaseModel, Generic[T]):
        answer: T

    llm = scripted(['{"answer": 42}'])
    assert llm.structured_predict(GenericDataModel[int], PromptTemplate("x")).answer == 42
    assert scripted.chats(llm)[0]["response_format"]["json_schema"]["name"] == "GenericDataModel_int_"


REASONING = [
    {"content": None, "reasoning_content": "Let me think"},
    {"content": None, "reasoning_content": " about this."},
    {"content": "The answer"},
    {"content": " is 42."},
]


def check_reasoning(responses: list[ChatResponse]) -> None:
    (thinking,) = [block for block in responses[-1].message.blocks if isinstance(block, ThinkingBlock)]
    (text,) = [block for block in responses[-1].message.blocks if isinstance(block, TextBlock)]
    assert (thinking.content, text.text) == ("Let me think about this.", "The answer is 42.")
    deltas = [r.additional_kwargs["thinking_delta"] for r in responses if r.additional_kwargs.get("thinking_delta")]
    assert deltas == ["Let me think", " about this."]
    assert not any("thinking_delta" in r.message.additional_kwargs for r in responses)


async def test_stream_chat_reasoning_content(scripted: ScriptedKimi, model: str) -> None:
    """Also test_astream_chat_reasoning_content and test_chat_reasoning_content_non_streaming."""
    reply = Reply(content="The answer is 42.", reasoning="Let me think about this.", pieces=REASONING)
    llm = scripted([reply], model=model)
    check_reasoning(list(llm.stream_chat(HI)))
    check_reasoning([response async for response in await llm.astream_chat(HI)])
    whole = llm.chat(HI).message
    assert [type(block) for block in whole.blocks] == [ThinkingBlock, TextBlock]


def test_stream_chat_vllm_reasoning_field() -> None:
    with Emulator(dialect="vllm") as host:
        host.script(Reply(content="The answer.", reasoning="Let me think."), Reply(content="Yes."))
        llm = Kimi(base_url=host.base_url, api_key=host.api_key, dialect="vllm")
        last = list(llm.stream_chat(HI))[-1].message
        assert next(block for block in last.blocks if isinstance(block, ThinkingBlock)).content == "Let me think."
        llm.chat([*HI, last, ChatMessage("Sure?")])
        assert host.chats[-1]["messages"][1]["reasoning"] == "Let me think."


def test_stream_chat_no_reasoning_content(scripted: ScriptedKimi) -> None:
    llm = scripted(["Hello"], model="kimi-k2.6", thinking="disabled")
    responses = list(llm.stream_chat(HI))
    assert not any(r.additional_kwargs.get("thinking_delta") for r in responses)
    assert responses[-1].message.content == "Hello"


@pytest.mark.parametrize("thinking", [None, "disabled"])
def test_o1_explicit_temperature_is_not_overwritten(scripted: ScriptedKimi, thinking: Any) -> None:
    """The idea: a temperature goes out only where it was set and the model takes it, and never another in its place."""
    unset = scripted([ANSWER], model="kimi-k2.6", thinking=thinking)
    unset.complete("x")
    assert "temperature" not in scripted.chats(unset)[0]
    other = scripted([ANSWER], model="kimi-k2.6", thinking=thinking, temperature=0.3)
    with pytest.warns(KimiWarning, match="temperature"):
        other.complete("x")
    assert "temperature" not in scripted.chats(other)[0]
    other = scripted([ANSWER], model="kimi-k2.6", dialect="openai", temperature=0.3)
    assert other._prepare(HI, {})[0].body["temperature"] == 0.3


@pytest.mark.parametrize("effort", ["low", "high", "max"])
def test_reasoning_effort_passed_for_o1_models(scripted: ScriptedKimi, effort: str) -> None:
    llm = scripted([ANSWER], reasoning_effort=effort)
    llm.complete("x")
    assert scripted.chats(llm)[0]["reasoning_effort"] == effort


def test_reasoning_effort_not_passed_for_non_o1_models(scripted: ScriptedKimi) -> None:
    llm = scripted([ANSWER], model="kimi-k2.6", reasoning_effort="low")
    with pytest.warns(KimiWarning, match="reasoning_effort"):
        llm.complete("x")
    assert "reasoning_effort" not in scripted.chats(llm)[0]


# ------------------------------------------------------------------------------------------------- test_openai_utils.py


@pytest.mark.parametrize("roles", [(MessageRole.USER, MessageRole.ASSISTANT), ("user", "assistant")])
@pytest.mark.parametrize("answer", ["test answer", ""])
def test_to_openai_message_dicts_basic_enum(roles: tuple[Any, Any], answer: str) -> None:
    """Also _basic_string and _empty_content."""
    user, assistant = roles
    messages = [ChatMessage(role=user, content="test question"), ChatMessage(role=assistant, content=answer)]
    assert to_wire(messages) == [
        {"role": "user", "content": "test question"},
        {"role": "assistant", "content": answer},
    ]


def test_to_openai_message_dicts_function_calling() -> None:
    """Also test_from_openai_message_dicts_function_calling: the same messages, there and back."""
    arguments = '{ "location": "Boston, MA"}'
    raw = {"role": "assistant", "content": "", "reasoning_content": "Boston."}
    raw["tool_calls"] = [  # type: ignore[assignment]
        {"id": "0123", "type": "function", "function": {"name": "get_current_weather", "arguments": arguments}}
    ]
    from kimi_api.reply import parse_reply

    message = to_message(parse_reply({"id": "c", "choices": [{"message": raw, "finish_reason": "tool_calls"}]}))
    (call,) = [block for block in message.blocks if isinstance(block, ToolCallBlock)]
    result = ChatMessage(role="tool", content="Sunny", additional_kwargs={"tool_call_id": call.tool_call_id})
    turn, answer = to_wire([message, result])
    assert turn["tool_calls"][0]["function"] == {"name": "get_current_weather", "arguments": arguments}
    assert answer == {"role": "tool", "content": "Sunny", "tool_call_id": turn["tool_calls"][0]["id"]}


def test_to_openai_message_dict_skips_thinking_block() -> None:
    """Inverted: upstream drops thinking on the way back, and the platform refuses the next request for it."""
    message = ChatMessage(role="assistant", blocks=[ThinkingBlock(content="why"), TextBlock(text="so")])
    assert to_wire([message]) == [{"role": "assistant", "content": "so", "reasoning_content": "why"}]


@pytest.mark.parametrize("detail", [None, "high"])
def test_to_openai_message_dicts_with_content_blocks(detail: str | None) -> None:
    """Also _with_detail, which Kimi has none of. Web addresses are refused, see test_li_bad_input.py."""
    image = ImageBlock(url="ms://file-1", detail=detail)
    message = ChatMessage(role="user", blocks=[TextBlock(text="test question"), image])
    assert to_wire([message])[0]["content"] == [
        {"type": "text", "text": "test question"},
        {"type": "image_url", "image_url": {"url": "ms://file-1"}},
    ]


@pytest.mark.parametrize(("arguments", "read"), [("INVALID JSON", {}), ("null", {}), ('{"test": 123}', {"test": 123})])
def test_get_tool_calls_from_response_returns_empty_arguments_with_invalid_json_arguments(
    scripted: ScriptedKimi, arguments: str, read: dict[str, Any]
) -> None:
    """Also _with_non_dict_json_input and _returns_arguments_with_dict_json_input."""
    call = {"id": "0123", "type": "function", "function": {"name": "search", "arguments": arguments}}
    message = ChatMessage(role="assistant", additional_kwargs={"tool_calls": [call]})
    (selection,) = scripted([ANSWER]).get_tool_calls_from_response(ChatResponse(message=message))
    assert (selection.tool_id, selection.tool_name, selection.tool_kwargs) == ("0123", "search", read)


# ------------------------------------------------------------------------------------------------- test_http_client.py

MARKER = "x-llamaindex-custom-client"


def clients(kind: str) -> list[Any]:
    """The transports that this openai takes."""
    found = []
    for name in ("httpx", "httpx2"):
        if name == "httpx2" and int(openai.__version__.split(".")[0]) < 3:
            continue
        found.append(pytest.param(getattr(importlib.import_module(name), kind), id=name))
    return found


def seen(kimi: Emulator) -> list[str | None]:
    return [request.headers.get(MARKER) for request in kimi.requests]


@pytest.mark.parametrize("client_cls", clients("Client"))
def test_custom_http_client_chat(kimi: Emulator, client_cls: Any) -> None:
    """Also test_custom_http_client_stream."""
    with client_cls(headers={MARKER: "mine"}) as client:
        llm = Kimi(base_url=kimi.base_url, api_key=kimi.api_key, http_client=client)
        assert llm.chat(HI).message.content
        assert list(llm.stream_chat(HI))[-1].message.content
    assert seen(kimi) == ["mine", "mine"]


@pytest.mark.parametrize("client_cls", clients("AsyncClient"))
def test_custom_async_http_client_chat(kimi: Emulator, client_cls: Any) -> None:
    async def go() -> None:
        async with client_cls(headers={MARKER: "mine"}) as client:
            llm = Kimi(base_url=kimi.base_url, api_key=kimi.api_key, async_http_client=client)
            assert (await llm.achat(HI)).message.content
            assert [r async for r in await llm.astream_chat(HI)][-1].message.content

    asyncio.run(go())
    assert seen(kimi) == ["mine", "mine"]


def test_default_client_needs_no_explicit_http_client(kimi: Emulator) -> None:
    assert Kimi(base_url=kimi.base_url, api_key=kimi.api_key).chat(HI).message.content
    assert seen(kimi) == [None]


# ------------------------------------------------------------------------------------------------- openai-like


def test_interfaces() -> None:
    llm = Kimi("kimi-k2.6", api_key="sk-test-stub")
    assert llm.class_name() == type(llm).__name__
    assert llm.model == "kimi-k2.6"


@pytest.mark.parametrize("where", ["field", "additional_kwargs", "both"])
def test_extra_body_is_forwarded_through_additional_kwargs(scripted: ScriptedKimi, where: str) -> None:
    """Also test_extra_body_merges_with_existing_extra_body; a call's own merges into both."""
    mine, theirs = {"metadata": {"a": 1}}, {"metadata": {"b": 2}, "user": "u"}
    given: dict[str, Any] = {
        "field": {"extra_body": {"metadata": {"a": 1, "b": 2}, "user": "u"}},
        "additional_kwargs": {"additional_kwargs": {"extra_body": {"metadata": {"a": 1, "b": 2}, "user": "u"}}},
        "both": {"extra_body": mine, "additional_kwargs": {"extra_body": theirs}},
    }[where]
    llm = scripted([ANSWER], **given)
    body = llm._prepare(HI, {"extra_body": {"metadata": {"c": 3}}})[0].body
    assert body["metadata"] == {"a": 1, "b": 2, "c": 3}
    assert body["user"] == "u"
    assert (mine, theirs) == ({"metadata": {"a": 1}}, {"metadata": {"b": 2}, "user": "u"})


def test_chat(scripted: ScriptedKimi) -> None:
    """Nothing is sent but what was asked for: no temperature."""
    llm = scripted(["placeholder"])
    assert llm.chat([ChatMessage(role=MessageRole.USER, content="test message")]).message.content == "placeholder"
    (sent,) = scripted.chats(llm)
    sent = {name: value for name, value in sent.items() if name != "prompt_cache_key"}
    assert sent == {"model": "kimi-k3", "messages": [{"role": "user", "content": "test message"}]}


def test_serialization() -> None:
    dumped = Kimi(
        api_key="sk-test-stub", max_tokens=42, context_window=43, tokenizer=lambda text: text.split()
    ).to_dict()
    assert (dumped["max_tokens"], dumped["context_window"]) == (42, 43)
    assert "tokenizer" not in dumped
    json.dumps(dumped)


def test_structured_predict_with_json_mode(scripted: ScriptedKimi, model: str) -> None:
    """Also test_prepare_schema."""
    llm = scripted(['{"name": "Alice", "age": 25}'], model=model)
    assert llm.structured_predict(Person, PromptTemplate("Create a person")) == Person(name="Alice", age=25)
    (sent,) = scripted.chats(llm)
    assert sent["response_format"]["type"] == "json_schema"
    assert "tool_choice" not in sent


def test_structured_predict_fallback_to_function_calling(scripted: ScriptedKimi) -> None:
    """Inverted: a forced tool is nothing to fall back to where thinking forbids it; the answer's fault is told."""
    llm = scripted(["I cannot say."], model="kimi-k2.6")
    with pytest.raises(errors.KimiReplyError, match="is no Person"):
        llm.structured_predict(Person, PromptTemplate("Create a person"))
    assert len(scripted.chats(llm)) == 1
