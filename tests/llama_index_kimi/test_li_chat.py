"""Chat and completion: options, usage, Partial Mode, events, errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core import Settings
from llama_index.core.base.llms.types import TextBlock, ThinkingBlock
from llama_index.core.callbacks import CallbackManager, TokenCountingHandler
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.events import BaseEvent
from llama_index.core.llms import LLM, ChatMessage
from llama_index.core.prompts import PromptTemplate

from kimi_api._warn import KimiWarning
from kimi_api.errors import KimiInputError, KimiRateLimitError, KimiServerError
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


def test_nothing_is_sent_that_was_not_set(kimi: Emulator, llm: Kimi) -> None:
    llm.chat(HI)
    assert kimi.chats == [{"model": "kimi-k3", "messages": [{"role": "user", "content": "hi"}]}]


def test_every_option_reaches_the_body(kimi: Emulator, make: Callable[..., Kimi]) -> None:
    make(
        reasoning_effort="low",
        max_tokens=900,
        stop=["END"],
        prompt_cache_key="s1",
        cache_ttl="1h",
        safety_identifier="u1",
        response_format={"type": "json_object"},
        extra_body={"metadata": {"a": 1}},
    ).chat([ChatMessage("json please")])
    (body,) = kimi.chats
    del body["messages"]
    assert body == {
        "model": "kimi-k3",
        "reasoning_effort": "low",
        "max_completion_tokens": 900,
        "stop": ["END"],
        "prompt_cache_key": "s1",
        "prompt_cache_options": {"mode": "implicit", "ttl": "1h"},
        "safety_identifier": "u1",
        "response_format": {"type": "json_object"},
        "metadata": {"a": 1},
    }


@pytest.mark.parametrize("streamed", [False, True])
def test_arguments_of_a_call_beat_fields_and_bodies_merge(
    kimi: Emulator, make: Callable[..., Kimi], streamed: bool
) -> None:
    llm = make(max_tokens=5, reasoning_effort="low", extra_body={"metadata": {"a": 1, "b": 1}})
    given = {"max_tokens": 99, "extra_body": {"metadata": {"b": 2}}, "model": "kimi-k3.1-pro"}
    list(llm.stream_chat(HI, **given)) if streamed else llm.chat(HI, **given)
    (body,) = kimi.chats
    assert body["max_completion_tokens"] == 99
    assert body["metadata"] == {"a": 1, "b": 2}
    assert body["model"] == "kimi-k3.1-pro"
    assert body["reasoning_effort"] == "low"
    assert llm.max_tokens == 5


def test_names_from_the_openai_like_classes_work(kimi: Emulator) -> None:
    llm = Kimi(
        model_name="kimi-k2.6",
        api_base=kimi.base_url,
        api_key=kimi.api_key,
        additional_kwargs={"max_tokens": 700, "metadata": {"a": 1}},
        model_kwargs={"prompt_cache_key": "s"},
        context_window=5000,
    )
    llm.chat(HI)
    (body,) = kimi.chats
    assert (body["model"], body["max_completion_tokens"], body["metadata"]) == ("kimi-k2.6", 700, {"a": 1})
    assert body["prompt_cache_key"] == "s"
    assert llm.metadata.context_window == 5000


def test_metadata_comes_from_the_catalogue(make: Callable[..., Kimi]) -> None:
    metadata = make(model="kimi-k2.6").metadata
    assert (metadata.context_window, metadata.num_output) == (262_144, 32_768)
    assert metadata.is_chat_model
    assert metadata.is_function_calling_model
    assert make(max_tokens=10).metadata.num_output == 10


def test_a_sampling_value_that_the_model_refuses_is_left_out_with_one_warning(
    kimi: Emulator, make: Callable[..., Kimi]
) -> None:
    llm = make(temperature=0.1)
    with pytest.warns(KimiWarning, match="temperature=1"):
        llm.chat(HI)
    llm.chat(HI)
    assert all("temperature" not in body for body in kimi.chats)


def test_a_changed_field_counts_from_the_next_call(kimi: Emulator, llm: Kimi) -> None:
    llm.model = "kimi-k2.6"
    llm.thinking = "disabled"
    llm.chat(HI)
    assert (kimi.chats[0]["model"], kimi.chats[0]["thinking"]) == ("kimi-k2.6", {"type": "disabled"})
    llm.api_key = "sk-other"  # type: ignore[assignment]
    with pytest.raises(Exception, match="401"):
        llm.chat(HI, max_retries=0)


def test_a_key_may_be_a_function(kimi: Emulator, make: Callable[..., Kimi]) -> None:
    asked: list[int] = []

    def key() -> str:
        asked.append(1)
        return kimi.api_key

    llm = make(api_key=key)
    llm.chat(HI)
    llm.chat(HI)
    assert len(asked) == 2


def test_headers_and_retries_may_be_set_per_call(kimi: Emulator, llm: Kimi) -> None:
    kimi.script(Failure(500), Reply(content="late"))
    with pytest.raises(KimiServerError):
        llm.chat(HI, max_retries=0, extra_headers={"X-Trace": "7"})
    assert kimi.requests[0].headers["x-trace"] == "7"


def test_retries_do_not_multiply(kimi: Emulator, make: Callable[..., Kimi]) -> None:
    kimi.script(*[Failure(429, "rate_limit_reached_error", "slow", headers={"Retry-After": "0"})] * 9)
    with pytest.raises(KimiRateLimitError):
        make(max_retries=1).chat(HI)
    assert len(kimi.requests) == 2


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


# ------------------------------------------------------------------------------------------------- Partial Mode


@pytest.mark.parametrize("join", [False, True])
@pytest.mark.parametrize("streamed", [False, True])
def test_a_partial_message_is_continued(kimi: Emulator, make: Callable[..., Kimi], join: bool, streamed: bool) -> None:
    kimi.script(Reply(content=" upon a time."))
    llm = make(join_prefix=join)
    messages = [
        ChatMessage("A tale"),
        ChatMessage(role="assistant", content="Once", additional_kwargs={"partial": True}),
    ]
    responses = list(llm.stream_chat(messages)) if streamed else [llm.chat(messages)]
    expected = ("Once" if join else "") + " upon a time."
    assert responses[-1].message.content == expected
    if streamed:
        assert "".join(r.delta or "" for r in responses) == expected
    assert kimi.chats[0]["messages"][-1] == {"role": "assistant", "content": "Once", "partial": True}


def test_join_prefix_may_be_asked_for_one_call(kimi: Emulator, llm: Kimi) -> None:
    kimi.script(Reply(content="b"), Reply(content="b"))
    messages = [ChatMessage("x"), ChatMessage(role="assistant", content="a", additional_kwargs={"partial": True})]
    assert llm.chat(messages, join_prefix=True).message.content == "ab"
    assert llm.chat(messages).message.content == "b"


def test_partial_and_json_mode_exclude_each_other(kimi: Emulator, llm: Kimi) -> None:
    message = ChatMessage(role="assistant", content="{", additional_kwargs={"partial": True})
    with pytest.raises(KimiInputError, match="exclude each other"):
        llm.chat([ChatMessage("x"), message], response_format={"type": "json_object"})
    assert kimi.requests == []


# ------------------------------------------------------------------------------------------------- odd answers


def test_an_answer_without_words_keeps_its_empty_thinking(kimi: Emulator, llm: Kimi) -> None:
    kimi.script(Reply(content="a", reasoning=""))
    message = llm.chat(HI).message
    assert [type(block) for block in message.blocks] == [TextBlock, ThinkingBlock]
    assert message.blocks[1].content == ""  # type: ignore[union-attr]


def test_an_answer_that_thinking_ate_says_how_to_raise_the_budget(kimi: Emulator, llm: Kimi) -> None:
    kimi.script(Reply(content="", reasoning="so much", finish_reason="length"))
    with pytest.warns(KimiWarning, match="Raise max_tokens"):
        response = llm.chat(HI)
    assert response.message.content == ""
    assert response.raw["choices"][0]["finish_reason"] == "length"


def test_history_is_not_changed(kimi: Emulator, llm: Kimi) -> None:
    history = [ChatMessage("hi"), llm.chat(HI).message]
    before = [message.model_dump_json() for message in history]
    llm.chat_with_tools([], "and now?", chat_history=history)
    list(llm.stream_chat(history + HI))
    assert [message.model_dump_json() for message in history] == before


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
    told = "".join(repr(event.model_dump()) for event in recorder.seen)
    assert kimi.api_key not in told
    assert "hush" not in told
    payload = llm.to_payload()
    assert (payload["model"], payload["base_url"], payload["temperature"]) == ("kimi-k3", kimi.base_url, 1)


async def test_the_rate_limiter_is_asked_before_each_request(kimi: Emulator, make: Callable[..., Kimi]) -> None:
    if "rate_limiter" not in Kimi.model_fields:
        pytest.skip("this core has no rate limiters")

    class Limiter:
        asked = 0

        def acquire(self) -> None:
            self.asked += 1

        async def async_acquire(self) -> None:
            self.asked += 1

    limiter = Limiter()
    llm = make(rate_limiter=limiter)
    llm.chat(HI)
    await llm.achat(HI)
    list(llm.stream_complete("x"))
    assert limiter.asked == len(kimi.requests) == 3


def test_messages_to_other_hosts_follow_their_dialect(kimi: Emulator, make: Callable[..., Kimi]) -> None:
    llm = make(dialect="vllm", temperature=0.3, max_tokens=50)
    body = llm._prepare(
        [ChatMessage("x"), ChatMessage(role="assistant", blocks=[ThinkingBlock(content="r"), TextBlock(text="a")])], {}
    )[0].body
    assert body["messages"][1]["reasoning"] == "r"
    assert (body["temperature"], body["max_tokens"]) == (0.3, 50)


def test_tools_may_be_given_to_chat_directly(kimi: Emulator, llm: Kimi) -> None:
    kimi.script(Reply(tool_calls=[ToolCall("$web_search", {"q": "x"})]))
    tool = {"type": "builtin_function", "function": {"name": "$web_search"}}
    response = llm.chat(HI, tools=[tool])
    assert kimi.chats[0]["tools"] == [tool]
    assert response.message.additional_kwargs["tool_calls"][0]["function"]["arguments"] == '{"q":"x"}'
