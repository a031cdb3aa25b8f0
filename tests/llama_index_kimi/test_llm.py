"""Chat and completion: options, usage, Partial Mode, events, errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core import Settings
from llama_index.core.base.llms.types import ThinkingBlock
from llama_index.core.callbacks import CallbackManager, TokenCountingHandler
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.events import BaseEvent
from llama_index.core.llms import LLM, ChatMessage
from llama_index.core.prompts import PromptTemplate

from kimi_api.errors import KimiServerError
from kimi_emulator import Emulator, Failure, Reply, ToolCall
from llama_index_kimi import Kimi

HI = [ChatMessage("hi")]
USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "total_tokens": 120,
    "cached_tokens": 64,
    "prompt_tokens_details": {"cached_tokens": 64, "cache_write_tokens": 3},
    "completion_tokens_details": {"reasoning_tokens": 7},
}
COUNTS = {
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "total_tokens": 120,
    "cached_tokens": 64,
    "cache_write_tokens": 3,
    "reasoning_tokens": 7,
}


# ------------------------------------------------------------------------------------------------- the eight methods


async def test_all_eight_methods_answer(kimi: Emulator, llm: Kimi) -> None:
    kimi.script(*[Reply(content="Hello there", reasoning="Greet.") for _ in range(8)])
    chats = [llm.chat(HI), await llm.achat(HI), *list(llm.stream_chat(HI))[-1:]]
    chats += [r async for r in await llm.astream_chat(HI)][-1:]
    for response in chats:
        assert response.message.content == "Hello there"
        assert response.message.blocks[0].content == "Greet."  # type: ignore[union-attr]
    texts = [llm.complete("hi"), await llm.acomplete("hi"), *list(llm.stream_complete("hi"))[-1:]]
    texts += [r async for r in await llm.astream_complete("hi")][-1:]
    assert [response.text for response in texts] == ["Hello there"] * 4
    assert [chat["messages"] for chat in kimi.chats] == [[{"role": "user", "content": "hi"}]] * 8


def test_metadata_comes_from_the_catalogue(make: Callable[..., Kimi]) -> None:
    metadata = make(model="kimi-k2.6").metadata
    assert (metadata.context_window, metadata.num_output) == (262_144, 32_768)
    assert metadata.is_chat_model
    assert metadata.is_function_calling_model
    assert make(max_tokens=10).metadata.num_output == 10


# ------------------------------------------------------------------------------------------------- usage


async def test_usage_is_exact_in_every_way_of_asking(kimi: Emulator, llm: Kimi) -> None:
    kimi.script(*[Reply(content="x", usage=USAGE)] * 8)
    responses: list[Any] = [llm.chat(HI), await llm.achat(HI), list(llm.stream_chat(HI))[-1]]
    responses.append([r async for r in await llm.astream_chat(HI)][-1])
    responses += [llm.complete("x"), await llm.acomplete("x"), list(llm.stream_complete("x"))[-1]]
    responses.append([r async for r in await llm.astream_complete("x")][-1])
    for response in responses:
        assert response.raw["usage"] == USAGE
        assert {name: response.additional_kwargs[name] for name in COUNTS} == COUNTS


@pytest.mark.parametrize("way", ["chat", "stream_chat", "complete", "stream_complete"])
def test_the_token_counting_handler_is_exact(kimi: Emulator, make: Callable[..., Kimi], way: str) -> None:
    counter = TokenCountingHandler(tokenizer=lambda text: text.split())
    llm = make(callback_manager=CallbackManager([counter]))
    kimi.script(Reply(content="x", usage=USAGE))
    answer = getattr(llm, way)(HI if "chat" in way else "hi")
    if "stream" in way:
        list(answer)
    assert (counter.prompt_llm_token_count, counter.completion_llm_token_count) == (100, 20)


def test_usage_is_given_once_in_a_stream(kimi: Emulator, llm: Kimi) -> None:
    responses = list(llm.stream_chat(HI))
    assert [bool((r.raw or {}).get("usage")) for r in responses].count(True) == 1


def test_thinking_notes_its_own_number_of_tokens(kimi: Emulator, llm: Kimi) -> None:
    kimi.script(Reply(content="x", reasoning="r", usage=USAGE))
    block = llm.chat(HI).message.blocks[0]
    assert isinstance(block, ThinkingBlock)
    assert block.num_tokens == 7


# ------------------------------------------------------------------------------------------------- core's own ways


def test_settings_take_it(llm: Kimi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Settings, "_llm", None)
    Settings.llm = llm
    assert isinstance(Settings.llm, LLM)
    assert Settings.llm is llm


def test_predict_fills_a_template_and_sends_the_system_prompt(kimi: Emulator, make: Callable[..., Kimi]) -> None:
    kimi.script(Reply(content="Paris"), Reply(content="Paris"))
    llm = make(system_prompt="Be brief.")
    template = PromptTemplate("Capital of {country}?")
    assert llm.predict(template, country="France") == "Paris"
    assert "".join(llm.stream(template, country="France")) == "Paris"
    assert kimi.chats[0]["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Capital of France?"},
    ]


class _Recorder(BaseEventHandler):
    seen: list[BaseEvent] = []  # noqa: RUF012 - a pydantic field

    def handle(self, event: BaseEvent, **kwargs: Any) -> None:
        self.seen.append(event)


@pytest.fixture
def recorder() -> Any:
    root, recorder = get_dispatcher(), _Recorder()
    before = list(root.event_handlers)
    root.add_event_handler(recorder)
    yield recorder
    root.event_handlers[:] = before


def names(recorder: _Recorder) -> list[str]:
    return [event.class_name() for event in recorder.seen]


async def test_events_tell_of_start_every_chunk_and_end(kimi: Emulator, llm: Kimi, recorder: _Recorder) -> None:
    kimi.script(*[Reply(content="a b c")] * 4)
    llm.chat(HI)
    assert names(recorder) == ["LLMChatStartEvent", "LLMChatEndEvent"]
    for streamed in (list(llm.stream_chat(HI)), [r async for r in await llm.astream_chat(HI)]):
        last = names(recorder)[-len(streamed) - 2 :]
        assert last == ["LLMChatStartEvent", *["LLMChatInProgressEvent"] * len(streamed), "LLMChatEndEvent"]
    llm.complete("x")
    assert names(recorder)[-2:] == ["LLMCompletionStartEvent", "LLMCompletionEndEvent"]  # and no chat event inside


def test_events_tell_of_failures(kimi: Emulator, make: Callable[..., Kimi], recorder: _Recorder) -> None:
    kimi.script(Reply(content="a", pieces=[{"content": "a"}]), Failure(500))
    llm = make(max_retries=0)
    stream = llm.stream_chat(HI)
    next(stream)
    stream.close()
    assert names(recorder)[-1] == "ExceptionEvent"
    with pytest.raises(KimiServerError):
        list(llm.stream_chat(HI))
    assert names(recorder)[-1] == "ExceptionEvent"


def test_the_key_is_in_no_event_and_the_payload_names_model_and_host(
    kimi: Emulator, make: Callable[..., Kimi], recorder: _Recorder
) -> None:
    llm = make(default_headers={"X-Proxy": "hush"}, temperature=1)
    llm.chat(HI)
    list(llm.stream_complete("x"))
    events = "".join(repr(event.model_dump()) for event in recorder.seen)
    assert kimi.api_key not in events
    assert "hush" not in events
    payload = llm.to_payload()
    assert (payload["model"], payload["base_url"], payload["temperature"]) == ("kimi-k3", kimi.base_url, 1)


async def test_the_rate_limiter_is_asked_before_each_request(kimi: Emulator, make: Callable[..., Kimi]) -> None:
    if "rate_limiter" not in Kimi.model_fields:
        pytest.skip("this core has no rate limiters")

    class Limiter:
        acquisitions = 0

        def acquire(self) -> None:
            self.acquisitions += 1

        async def async_acquire(self) -> None:
            self.acquisitions += 1

    limiter = Limiter()
    llm = make(rate_limiter=limiter)
    llm.chat(HI)
    await llm.achat(HI)
    list(llm.stream_complete("x"))
    assert limiter.acquisitions == len(kimi.requests) == 3


def test_tools_may_be_given_to_chat_directly(kimi: Emulator, llm: Kimi) -> None:
    kimi.script(Reply(tool_calls=[ToolCall("$web_search", {"q": "x"})]))
    tool = {"type": "builtin_function", "function": {"name": "$web_search"}}
    response = llm.chat(HI, tools=[tool])
    assert kimi.chats[0]["tools"] == [tool]
    assert response.message.additional_kwargs["tool_calls"][0]["function"]["arguments"] == '{"q":"x"}'


def test_messages_and_raw_answers_are_json(kimi: Emulator, llm: Kimi) -> None:
    answer = Reply(content="a", reasoning="r", tool_calls=[ToolCall("$web_search", {"query": "北京"})])
    kimi.script(answer, answer)
    tools = [{"type": "builtin_function", "function": {"name": "$web_search"}}]
    for response in (llm.chat(HI, tools=tools), list(llm.stream_chat(HI, tools=tools))[-1]):
        assert ChatMessage.model_validate(json.loads(response.message.model_dump_json())) == response.message
        assert json.loads(json.dumps(response.raw)) == response.raw


@pytest.mark.parametrize("where", ["field", "additional_kwargs", "both"])
def test_bodies_in_additional_kwargs_merge_with_those_beside_them(
    kimi: Emulator, make: Callable[..., Kimi], where: str
) -> None:
    mine, others = {"metadata": {"a": 1}}, {"metadata": {"b": 2}, "user": "u"}
    both = {"metadata": {"a": 1, "b": 2}, "user": "u"}
    settings: dict[str, Any] = {
        "field": {"extra_body": both},
        "additional_kwargs": {"additional_kwargs": {"extra_body": both}},
        "both": {"extra_body": mine, "additional_kwargs": {"extra_body": others}},
    }[where]
    make(**settings).chat(HI, extra_body={"metadata": {"c": 3}})
    assert (kimi.chats[0]["metadata"], kimi.chats[0]["user"]) == ({"a": 1, "b": 2, "c": 3}, "u")
    assert (mine, others) == ({"metadata": {"a": 1}}, {"metadata": {"b": 2}, "user": "u"})
