"""ChatKimi among LangChain's general services: traces, usage counting, caches, batches, profiles, checkpoints."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler, UsageMetadataCallbackHandler, get_usage_metadata_callback
from langchain_core.globals import set_llm_cache
from langchain_core.language_models import ModelProfile
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.rate_limiters import BaseRateLimiter
from langchain_core.runnables import ConfigurableField
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from kimi_api import MODELS, AccountLimits, KimiWarning
from kimi_api.limits import MemoryStore
from kimi_emulator import Emulator, Failure, RateLimits, Reply, ToolCall
from kimi_emulator.platform.models import available
from langchain_kimi import ChatKimi

Make = Callable[..., ChatKimi]


async def ask(llm: Any, how: str, text: Any = "Hello", **more: Any) -> AIMessage:
    """One answer of `llm`, got in one of four ways."""
    if how == "invoke":
        return llm.invoke(text, **more)
    if how == "ainvoke":
        return await llm.ainvoke(text, **more)
    pieces = list(llm.stream(text, **more)) if how == "stream" else [p async for p in llm.astream(text, **more)]
    whole = pieces[0]
    for piece in pieces[1:]:
        whole = whole + piece
    return whole


WAYS = pytest.mark.parametrize("how", ["invoke", "ainvoke", "stream", "astream"])

# ------------------------------------------------------------------------------------------------- traces


class _Seen(BaseCallbackHandler):
    def __init__(self) -> None:
        self.starts: list[dict[str, Any]] = []
        self.ends: list[Any] = []
        self.errors: list[BaseException] = []

    def on_chat_model_start(self, serialized: Any, messages: Any, **kwargs: Any) -> None:
        self.starts.append({"serialized": serialized, **kwargs})

    def on_llm_end(self, response: Any, **kwargs: Any) -> None:
        self.ends.append(response)

    def on_llm_error(self, error: BaseException, **kwargs: Any) -> None:
        self.errors.append(error)


@WAYS
async def test_a_trace_names_model_settings_and_versions(kimi: Emulator, make: Make, how: str) -> None:
    seen = _Seen()
    llm = make(model="kimi-k2.6", max_tokens=20_000)
    await ask(llm, how, config={"callbacks": [seen]})
    await ask(llm, how, config={"callbacks": [seen]}, model="kimi-k3", max_tokens=17_000, stop=["END"])
    one, two = (start["metadata"] for start in seen.starts)
    assert (one["ls_provider"], one["ls_model_name"], one["ls_model_type"]) == ("kimi", "kimi-k2.6", "chat")
    assert one["ls_max_tokens"] == 20_000
    assert (two["ls_model_name"], two["ls_max_tokens"], two["ls_stop"]) == ("kimi-k3", 17_000, ["END"])
    assert set(one["lc_versions"]) >= {"langchain-core", "kimi-integrations"}
    assert kimi.api_key not in repr(seen.starts)
    assert len(seen.ends) == 2
    assert seen.errors == []


@WAYS
async def test_a_failed_call_is_traced_once_and_closed(make: Make, how: str) -> None:
    seen = _Seen()
    with pytest.raises(Exception, match="401"):
        await ask(make(api_key="sk-wrong", max_retries=0), how, config={"callbacks": [seen]})
    assert len(seen.starts) == len(seen.errors) == 1
    assert seen.ends == []


# ------------------------------------------------------------------------------------------------- usage


@WAYS
async def test_usage_callbacks_count_each_call_once(kimi: Emulator, llm: ChatKimi, how: str) -> None:
    handler = UsageMetadataCallbackHandler()
    first = await ask(llm, how, config={"callbacks": [handler]})
    second = await ask(llm, how, config={"callbacks": [handler]})  # the same prompt: cached
    third = await ask(llm, how, config={"callbacks": [handler]}, model="kimi-k2.6")
    assert set(handler.usage_metadata) == {"kimi-k3", "kimi-k2.6"}
    k3: Any = handler.usage_metadata["kimi-k3"]
    assert first.usage_metadata
    assert second.usage_metadata
    assert third.usage_metadata
    for name in ("input_tokens", "output_tokens", "total_tokens"):
        assert k3[name] == first.usage_metadata[name] + second.usage_metadata[name]
    assert k3["input_token_details"]["cache_read"] == second.usage_metadata["input_tokens"]
    assert 0 < k3["output_token_details"]["reasoning"] < k3["output_tokens"]
    assert handler.usage_metadata["kimi-k2.6"]["total_tokens"] == third.usage_metadata["total_tokens"]


def test_usage_of_a_batch_in_a_context(llm: ChatKimi) -> None:
    with get_usage_metadata_callback() as counted:
        answers = llm.batch(["one", "two", "three"])
    total = sum(answer.usage_metadata["total_tokens"] for answer in answers if answer.usage_metadata)
    assert counted.usage_metadata["kimi-k3"]["total_tokens"] == total > 0


# ------------------------------------------------------------------------------------------------- caches


@pytest.mark.parametrize("how", ["invoke", "ainvoke"])
async def test_a_cached_answer_keeps_thinking_and_calls(kimi: Emulator, make: Make, how: str) -> None:
    call = ToolCall("look", '{ "at":"the sea" }')  # spacing that encoding again would not give
    kimi.script(Reply(reasoning="Let me look.", tool_calls=[call]))
    llm = make(cache=InMemoryCache()).bind_tools([{"name": "look", "parameters": {"type": "object", "properties": {}}}])
    first, again = await ask(llm, how), await ask(llm, how)
    assert len(kimi.chats) == 1
    assert again.tool_calls == first.tool_calls
    kimi.script(Reply(content="Seen."))
    await ask(llm, how, [HumanMessage("Hello"), again, ToolMessage("waves", tool_call_id=again.tool_calls[0]["id"])])
    turn = kimi.chats[-1]["messages"][1]
    assert turn["reasoning_content"] == "Let me look."
    assert turn["tool_calls"][0]["function"]["arguments"] == '{ "at":"the sea" }'


def test_what_changes_the_answer_is_part_of_the_caches_key(kimi: Emulator, make: Make) -> None:
    cache = InMemoryCache()
    for fields in (
        {},
        {"model": "kimi-k2.6"},
        {"model": "kimi-k2.6", "thinking": "disabled"},
        {"max_tokens": 16_000},
        {"reasoning_effort": "low"},
        {"extra_body": {"seed": 1}},
        {"stop": ["x"]},
        {"base_url": kimi.base_url.replace("127.0.0.1", "localhost")},
    ):
        for _ in range(2):
            make(cache=cache, **fields).invoke("Hello")
    assert len(kimi.chats) == 8


def test_a_rotating_key_does_not_spoil_the_cache(kimi: Emulator, make: Make) -> None:
    cache = InMemoryCache()
    for _ in range(2):
        make(cache=cache, api_key=lambda: kimi.api_key).invoke("Hello")
    make(cache=cache).invoke("Hello")
    assert len(kimi.chats) == 1


@pytest.fixture
def everywhere() -> Iterator[InMemoryCache]:
    """A cache for all models of the process."""
    cache = InMemoryCache()
    set_llm_cache(cache)
    yield cache
    set_llm_cache(None)


@pytest.mark.parametrize("how", ["invoke", "ainvoke"])
@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.usefixtures("everywhere")
async def test_the_cache_of_the_process_keeps_what_was_streamed(
    kimi: Emulator, make: Make, how: str, streaming: bool
) -> None:
    kimi.script(Reply(reasoning="Let me think.", content="An answer."))
    llm = make(streaming=streaming, wire="plain")
    first, again = await ask(llm, how), await ask(llm, how)
    assert [chat.get("stream", False) for chat in kimi.chats] == [streaming]
    for message in (first, again):
        assert message.text == "An answer."
        assert message.additional_kwargs["reasoning_content"] == "Let me think."
        assert [block["type"] for block in message.content_blocks] == ["reasoning", "text"]
        assert message.response_metadata["finish_reason"] == "stop"
    counted = dict(again.usage_metadata or {})
    counted.pop("total_cost", None)  # core adds it to what came from a cache: 0
    assert counted == first.usage_metadata


class _CountingLimiter(BaseRateLimiter):
    def __init__(self) -> None:
        self.asked: list[str] = []

    def acquire(self, *, blocking: bool = True) -> bool:
        self.asked.append("sync")
        return True

    async def aacquire(self, *, blocking: bool = True) -> bool:
        self.asked.append("async")
        return True


@WAYS
async def test_a_rate_limiter_is_asked_once_per_call_in_the_calls_own_way(kimi: Emulator, make: Make, how: str) -> None:
    limiter = _CountingLimiter()
    await ask(make(rate_limiter=limiter), how)
    kind = "async" if how.startswith("a") else "sync"
    assert limiter.asked == [kind]
    # A retry of ours, and a demand put into words, belong to the same call.
    kimi.script(Failure(429, "engine_overloaded_error", "busy"), Reply(content="ok"))
    await ask(make(rate_limiter=limiter), how)
    assert limiter.asked == [kind] * 2


@pytest.mark.parametrize("how", ["invoke", "ainvoke"])
async def test_an_answer_from_the_cache_asks_no_rate_limiter(make: Make, how: str) -> None:
    limiter = _CountingLimiter()
    llm = make(rate_limiter=limiter, cache=InMemoryCache())
    await ask(llm, how)
    await ask(llm, how)
    assert len(limiter.asked) == 1


# ------------------------------------------------------------------------------------------------- settings at run time


def test_several_fields_are_configurable_and_prefixed(kimi: Emulator, make: Make) -> None:
    chain = make().configurable_fields(
        model=ConfigurableField(id="model"), reasoning_effort=ConfigurableField(id="effort")
    )
    chain.invoke("Hello", {"configurable": {"effort": "low"}})
    assert kimi.chats[-1]["reasoning_effort"] == "low"
    chain.invoke("Hello", {"configurable": {"model": "kimi-k2.6"}})
    assert kimi.chats[-1]["model"] == "kimi-k2.6"
    assert "reasoning_effort" not in kimi.chats[-1]


def test_a_model_chosen_at_run_time_has_its_own_profile(make: Make) -> None:
    chain: Any = make().configurable_fields(model=ConfigurableField(id="model"))
    chosen, _ = chain.prepare({"configurable": {"model": "kimi-k2.6"}})
    assert chosen.profile == make(model="kimi-k2.6").profile
    assert chain.prepare({})[0].profile == make().profile
    own = {**make().profile, "max_input_tokens": 5_000}
    chain = make(profile=own).configurable_fields(model=ConfigurableField(id="model"))
    assert chain.prepare({"configurable": {"model": "kimi-k2.6"}})[0].profile == own


@WAYS
async def test_alternatives_take_their_turn(kimi: Emulator, make: Make, how: str) -> None:
    chain = make().configurable_alternatives(
        ConfigurableField(id="llm"), default_key="big", quick=make(model="kimi-k2.6", thinking="disabled")
    )
    await ask(chain, how)
    await ask(chain, how, config={"configurable": {"llm": "quick"}})
    assert [chat["model"] for chat in kimi.chats] == ["kimi-k3", "kimi-k2.6"]


@WAYS
@pytest.mark.parametrize("disabled", [True, "tool_calling"])
async def test_streaming_can_be_disabled(kimi: Emulator, make: Make, how: str, disabled: Any) -> None:
    def look() -> str:
        """Look."""
        return ""

    llm = make(disable_streaming=disabled, streaming=True, wire="plain")
    plain = await ask(llm, how)
    with_tools = await ask(llm.bind_tools([look]), how, tool_choice="none")
    assert plain.text
    assert with_tools.text
    assert "stream" not in kimi.chats[1]
    assert ("stream" in kimi.chats[0]) is (disabled == "tool_calling")
    assert plain.usage_metadata


# ------------------------------------------------------------------------------------------------- batches


class _Gauge(BaseCallbackHandler):
    """How many requests were under way at most."""

    run_inline = True

    def __init__(self) -> None:
        self.now = self.most = 0
        self.lock = threading.Lock()

    def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)

    def on_llm_end(self, *args: Any, **kwargs: Any) -> None:
        with self.lock:
            self.now -= 1


@pytest.mark.parametrize("at_once", [1, 3])
@pytest.mark.parametrize("asynchronous", [False, True])
async def test_batches_keep_order_and_bounds(llm: ChatKimi, asynchronous: bool, at_once: int) -> None:
    gauge = _Gauge()
    config: Any = {"max_concurrency": at_once, "callbacks": [gauge]}
    texts = [f"prompt number {n}" for n in range(9)]
    answers = await llm.abatch(texts, config) if asynchronous else llm.batch(texts, config)
    assert [answer.text.rpartition(": ")[2] for answer in answers] == texts
    assert gauge.most <= at_once


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_answers_as_they_come_carry_their_number(llm: ChatKimi, asynchronous: bool) -> None:
    texts = [f"prompt number {n}" for n in range(6)]
    done: dict[int, Any] = {}
    if asynchronous:
        async for n, answer in llm.abatch_as_completed(texts):
            done[n] = answer
    else:
        done.update(llm.batch_as_completed(texts))
    assert [done[n].text.rpartition(": ")[2] for n in range(6)] == texts


def test_a_batch_waits_for_its_rate_limiter(make: Make) -> None:
    from langchain_core.rate_limiters import InMemoryRateLimiter

    limiter = InMemoryRateLimiter(requests_per_second=25, check_every_n_seconds=0.005, max_bucket_size=1)
    llm = make(rate_limiter=limiter)
    started = time.monotonic()
    llm.batch(["a", "b", "c", "d", "e"])
    asyncio.run(llm.abatch(["f", "g"]))
    assert time.monotonic() - started >= 6 / 25


# ------------------------------------------------------------------------------------------------- profiles


# The emulator knows of retired models that they are gone, and little else.
LIVING = {model.id: model for model in available(date(2026, 11, 22))}


@pytest.mark.parametrize("model", sorted(LIVING))
def test_profiles_say_what_the_emulators_own_table_says(model: str) -> None:
    """Two readings of Moonshot's documents that share no code."""
    profile: Any = ChatKimi(api_key="sk-test", model=model).profile
    read = LIVING[model]
    assert profile["name"] == model
    assert profile["max_input_tokens"] == read.context
    assert profile["image_inputs"] is profile["image_tool_message"] is read.images
    assert profile["video_inputs"] is read.videos
    assert profile["reasoning_output"] is (read.thinking != "none")
    assert profile["temperature"] is ("temperature" not in read.fixed_sampling)
    assert profile.get("reasoning_effort_levels", []) == list(read.efforts)
    if "mid_conversation_tools" in ModelProfile.__annotations__:  # langchain-core 1.6 has no such key
        assert profile["mid_conversation_tools"] is read.dynamic_tools
    assert profile["release_date"] == read.released.isoformat()
    assert profile["tool_choice"] is read.forced_tools


@pytest.mark.parametrize("model", sorted(MODELS))
def test_every_model_of_the_catalogue_has_a_whole_profile(model: str) -> None:
    profile: Any = ChatKimi(api_key="sk-test", model=model).profile
    assert profile["name"] == model
    assert 0 < profile["max_output_tokens"] <= profile["max_input_tokens"]
    assert profile["text_inputs"] is profile["text_outputs"] is profile["tool_calling"] is True
    for never in ("audio_inputs", "image_url_inputs", "image_outputs"):
        assert profile[never] is False
    for always in ("pdf_inputs", "pdf_tool_message", "attachment"):
        assert profile[always] is True  # documents are sent as their text
    assert profile["status"] == ("deprecated" if MODELS[model].retires else "active")
    assert profile.get("open_weights") is MODELS[model].open_weights
    assert profile.get("last_updated") == profile.get("release_date")
    assert profile["image_inputs"] or not profile["video_inputs"]
    assert profile["reasoning_output"] or "reasoning_effort_levels" not in profile


def test_an_unknown_model_has_a_profile_too_that_claims_nothing_of_its_life() -> None:
    with pytest.warns(match="kimi-k9"):
        profile: Any = ChatKimi(api_key="sk-test", model="kimi-k9").profile
    assert profile["max_input_tokens"] > 0
    assert not {"status", "open_weights", "release_date", "last_updated"} & profile.keys()


@pytest.mark.parametrize("settings", [{"extract_documents": False}, {"dialect": "openai"}, {"dialect": "vllm"}])
def test_documents_are_promised_only_where_they_are_sent(settings: dict[str, Any]) -> None:
    llm = ChatKimi(api_key="sk-test", model="moonshot-v1-8k", **settings)
    profile: Any = llm.profile
    assert profile["pdf_inputs"] is profile["pdf_tool_message"] is profile["attachment"] is False
    chosen = llm.configurable_fields(model=ConfigurableField(id="model"))
    other: Any = chosen.with_config(configurable={"model": "kimi-k2.6"}).prepare({})[0].profile
    assert (other["name"], other["pdf_inputs"], other["attachment"]) == ("kimi-k2.6", False, True)


# ------------------------------------------------------------------------------------------------- checkpoints


@WAYS
async def test_a_turn_survives_a_checkpoint(kimi: Emulator, llm: ChatKimi, how: str) -> None:
    odd = '{"b": 1,"a":  "ü"}'
    calls = [ToolCall("f", odd), ToolCall("g", "not json"), ToolCall("f", {"x": 2})]
    kimi.script(Reply(content="Two at once.", reasoning="Hm.\n", tool_calls=calls))
    tools = [{"name": name, "parameters": {"type": "object", "properties": {}}} for name in ("f", "g")]
    with pytest.warns(KimiWarning, match=r"the call of 'g' cannot be read.*invalid_tool_calls"):
        turn = await ask(llm.bind_tools(tools), how)
    serde = JsonPlusSerializer()
    stored: BaseMessage = serde.loads_typed(serde.dumps_typed(turn))
    assert stored == turn
    ids = [call["id"] for call in [*turn.tool_calls, *turn.invalid_tool_calls]]
    results = [ToolMessage("ok", tool_call_id=str(id_)) for id_ in ids]
    for version in (turn, stored):
        llm.invoke([HumanMessage("Hello"), version, *results])
    before, after = (chat["messages"][1] for chat in kimi.chats[-2:])
    assert before == after
    assert after["reasoning_content"] == "Hm.\n"
    assert [call["function"]["arguments"] for call in after["tool_calls"]] == [
        odd,
        '{"unreadable_arguments": "not json"}',
        '{"x":2}',
    ]


def test_a_batch_waits_for_its_turns_and_is_answered_without_a_refusal() -> None:
    with Emulator(tier=RateLimits(concurrency=1)) as kimi:
        limits = AccountLimits(concurrency=1, store=MemoryStore(poll_seconds=0.01))
        llm = ChatKimi(base_url=kimi.base_url, api_key=kimi.api_key, max_retries=0, account_limits=limits)
        assert all(answer.content for answer in llm.batch(["hi"] * 7))
        assert len(kimi.chats) == 7
