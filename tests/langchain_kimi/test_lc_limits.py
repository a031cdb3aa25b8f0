"""`account_limits`, `auto_continue` and `resume_streams` of `ChatKimi`."""

from __future__ import annotations

import asyncio
import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.load import dumps, loads
from langchain_core.messages import AIMessage, AIMessageChunk

from kimi_api import AccountLimits, KimiInputError, KimiWarning, retry
from kimi_api.limits import LimitStore, MemoryStore, RedisStore, Wait
from kimi_emulator import Emulator, RateLimits, Reply
from langchain_kimi import ChatKimi
from langchain_kimi.errors import ChatKimiConnectionError, ChatKimiRateLimitError

TEXT = "One two three four five six seven eight nine ten."


class Hurried(MemoryStore):
    """Counts by the emulator's clock, and moves it on where a minute would be waited for with nothing under way."""

    def __init__(self, kimi: Emulator) -> None:
        super().__init__(clock=kimi.clock.now, poll_seconds=0.01)
        self._kimi = kimi

    def take(self, account: str, ticket: str, limits: AccountLimits, tokens: int) -> Wait | None:
        wait = super().take(account, ticket, limits, tokens)
        if wait is not None and wait.limit in ("rpm", "tpm") and not self._accounts[account].running:
            self._kimi.clock.advance(wait.seconds)
        return wait


def tier_0(kimi: Emulator, store: LimitStore | None = None, **fields: Any) -> ChatKimi:
    limits = AccountLimits.tier(0, store=store or Hurried(kimi))
    return ChatKimi(
        base_url=kimi.base_url, api_key=kimi.api_key, max_retries=0, max_tokens=500, account_limits=limits, **fields
    )


# ---------------------------------------------------------------------------------- account_limits


def test_a_batch_on_tier_0_is_answered_without_a_refusal() -> None:
    with Emulator(tier=0) as kimi:
        answers = tier_0(kimi).batch(["hi"] * 7)
        assert all(answer.content for answer in answers)
        assert len(kimi.chats) == 7


def test_gathered_calls_and_streams_on_tier_0_are_answered_without_a_refusal() -> None:
    async def stream(llm: ChatKimi) -> str:
        return "".join([chunk.text async for chunk in llm.astream("hi")])

    async def run(llm: ChatKimi) -> list[Any]:
        return await asyncio.gather(*(llm.ainvoke("hi") for _ in range(4)), *(stream(llm) for _ in range(3)))

    with Emulator(tier=0) as kimi:
        assert all(asyncio.run(run(tier_0(kimi))))
        assert len(kimi.chats) == 7


def test_without_limits_the_same_batch_is_refused() -> None:
    with Emulator(tier=0) as kimi:
        llm = ChatKimi(base_url=kimi.base_url, api_key=kimi.api_key, max_retries=0, max_tokens=500)
        answers = llm.batch(["hi"] * 7, return_exceptions=True)
        assert any(isinstance(answer, ChatKimiRateLimitError) for answer in answers)


def test_models_with_one_key_share_their_account() -> None:
    with Emulator(tier=RateLimits(concurrency=1)) as kimi:
        store = MemoryStore(poll_seconds=0.01)
        models = [tier_0(kimi, store), tier_0(kimi, store).bind_tools([]), tier_0(kimi, store, temperature=1)]
        limits = AccountLimits(concurrency=1, store=store)

        async def run() -> list[Any]:
            return await asyncio.gather(*(model.ainvoke("hi", account_limits=limits) for model in models * 3))

        assert len(asyncio.run(run())) == 9


def test_limits_are_given_and_lifted_per_call(make: Callable[..., ChatKimi], kimi: Emulator) -> None:
    llm = make(account_limits=AccountLimits(tpm=1))
    with pytest.raises(KimiInputError, match="tpm=1"):
        llm.invoke("hi")
    assert llm.invoke("hi", account_limits=False).content
    assert llm.invoke("hi", account_limits={"rpm": 5}).content
    assert "".join(chunk.text for chunk in llm.stream("hi", account_limits=False))
    assert all("account_limits" not in body for body in kimi.chats)


def test_dumps_keep_the_limits_but_not_the_store(make: Callable[..., ChatKimi], monkeypatch: Any) -> None:
    store = RedisStore("redis://user:sk-test-secret@127.0.0.1:1/0")
    llm = make(account_limits=AccountLimits.tier(0, store=store), auto_continue=2, resume_streams=1)
    monkeypatch.setenv("MOONSHOT_API_KEY", "sk-test-2")
    text = dumps(llm)
    assert "sk-test-secret" not in text + repr(llm) + str(llm.model_dump())
    back = loads(
        text,
        valid_namespaces=["langchain_kimi"],
        allowed_objects=[ChatKimi],
        secrets_map={"MOONSHOT_API_KEY": "sk-test-2"},
    )
    assert back.account_limits == AccountLimits.tier(0)
    assert (back.auto_continue, back.resume_streams) == (2, 1)
    assert llm.model_dump()["account_limits"] == AccountLimits.tier(0).as_dict()


def test_pickles_and_copies_keep_the_limits(make: Callable[..., ChatKimi]) -> None:
    llm = make(account_limits=AccountLimits.tier(2, name="acme"))
    for made in (pickle.loads(pickle.dumps(llm)), copy.deepcopy(llm), llm.model_copy()):
        assert made.client.account_limits == AccountLimits.tier(2, name="acme")
        assert made.invoke("hi").content
    store = MemoryStore()
    assert copy.deepcopy(make(account_limits=AccountLimits(rpm=1, store=store))).account_limits.store is store


@pytest.mark.parametrize("bad", [3, "tier 1", {"rpms": 3}])
def test_what_is_no_limits_is_refused_at_construction(make: Callable[..., ChatKimi], bad: Any) -> None:
    with pytest.raises(KimiInputError, match="account_limits"):
        make(account_limits=bad)


# ---------------------------------------------------------------------------------- auto_continue, resume_streams


class Continuing:
    """A brain that writes on from the prefix of what it always says."""

    def answer(self, request: Any, context: Any) -> Reply:
        return Reply(content=TEXT[len(context.prefix or "") :], reasoning="Hm.")


def model(kimi: Emulator, **fields: Any) -> ChatKimi:
    return ChatKimi(base_url=kimi.base_url, api_key=kimi.api_key, max_retries=0, **fields)


def whole(llm: ChatKimi, way: str, **call: Any) -> AIMessage:
    """The answer, the chunks of a stream added up."""

    async def astream() -> list[AIMessageChunk]:
        return [chunk async for chunk in llm.astream("count", **call)]

    if way == "invoke":
        return llm.invoke("count", **call)
    if way == "ainvoke":
        return asyncio.run(llm.ainvoke("count", **call))
    chunks = list(llm.stream("count", **call)) if way == "stream" else asyncio.run(astream())
    total = chunks[0]
    for chunk in chunks[1:]:
        total = total + chunk
    return total


WAYS = ["invoke", "ainvoke", "stream", "astream"]


@pytest.mark.parametrize("way", WAYS)
def test_a_cut_off_answer_is_one_message_with_all_its_usage(way: str) -> None:
    with Emulator(brain=Continuing()) as kimi:
        llm = model(kimi, max_tokens=7, auto_continue=9)
        message = whole(llm, way)
        assert message.text == TEXT
        assert message.additional_kwargs["reasoning_content"] == "Hm."
        assert message.response_metadata["finish_reason"] == "stop"
        assert len(kimi.chats) > 2
        assert message.usage_metadata is not None
        assert message.usage_metadata["input_tokens"] > 87 * len(kimi.chats)
        assert message.usage_metadata["output_tokens"] >= 7 * (len(kimi.chats) - 1)
        assert kimi.report == []


@pytest.mark.parametrize("way", WAYS)
def test_per_call_beats_the_field(way: str) -> None:
    with Emulator(brain=Continuing()) as kimi:
        message = whole(model(kimi, max_tokens=7, auto_continue=9), way, auto_continue=0)
        assert message.response_metadata["finish_reason"] == "length"
        assert whole(model(kimi, max_tokens=7), way, auto_continue=9).text == TEXT


@pytest.mark.parametrize("way", ["stream", "astream"])
@pytest.mark.parametrize("fault", ["cut.answer", "cut.thinking", "cut.before_finish", "close.ends_early"])
def test_a_broken_stream_goes_on(way: str, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "wait_seconds", lambda *args: 0.0)
    with Emulator(brain=Continuing()) as kimi:
        kimi.fail(fault)
        message = whole(model(kimi, resume_streams=1), way)
        assert message.text == TEXT
        assert message.response_metadata["finish_reason"] == "stop"
        assert len(kimi.chats) == 2
        kimi.fail("cut.answer")
        with pytest.raises(ChatKimiConnectionError):
            whole(model(kimi), way)


def test_the_joined_answer_goes_back_as_one_turn() -> None:
    with Emulator(brain=Continuing()) as kimi:
        llm = model(kimi, max_tokens=7, auto_continue=9)
        message = llm.invoke("count")
        llm.invoke(["count", message, "again"], max_tokens=100)
        turn = kimi.chats[-1]["messages"][1]
        assert (turn["content"], turn["reasoning_content"]) == (TEXT, "Hm.")
        assert kimi.report == []


def test_a_prefix_is_joined_once(make: Callable[..., ChatKimi], kimi: Emulator) -> None:
    kimi.script(Reply("b", reasoning="t", finish_reason="length"), Reply("c", reasoning="t"))
    partial = AIMessage("a", additional_kwargs={"partial": True})
    llm = make(auto_continue=1, join_prefix=True)
    assert llm.invoke([("user", "x"), partial]).text == "abc"
    kimi.script(Reply("b", reasoning="t", finish_reason="length"), Reply("c", reasoning="t"))
    assert "".join(chunk.text for chunk in llm.stream([("user", "x"), partial])) == "abc"


def test_structured_output_that_was_cut_is_still_an_error(make: Callable[..., ChatKimi], kimi: Emulator) -> None:
    from langchain_kimi.errors import KimiStructuredOutputError

    schema = {"title": "n", "type": "object", "properties": {"a": {"type": "integer"}}}
    kimi.script(Reply('{"a":', reasoning="t", finish_reason="length"))
    llm = make(auto_continue=3).with_structured_output(schema)
    with pytest.warns(KimiWarning, match="left cut off"), pytest.raises(KimiStructuredOutputError):
        llm.invoke("x")
    assert len(kimi.chats) == 1


@pytest.mark.parametrize("name", ["auto_continue", "resume_streams"])
def test_other_dialects_are_refused_clearly(make: Callable[..., ChatKimi], kimi: Emulator, name: str) -> None:
    with pytest.raises(KimiInputError, match="Partial Mode"):
        make(dialect="vllm", **{name: 1}).invoke("x")
    assert kimi.requests == []
