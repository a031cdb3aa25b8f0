"""`account_limits`, `auto_continue` and `resume_streams` of `Kimi`."""

from __future__ import annotations

import asyncio
import copy
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, ThinkingBlock

from kimi_api import AccountLimits, KimiInputError, errors, retry
from kimi_api.limits import MemoryStore, RedisStore, Wait
from kimi_emulator import Emulator, Reply
from llama_index_kimi import Kimi

TEXT = "One two three four five six seven eight nine ten."
ASK = [ChatMessage(role="user", content="count")]


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


def model(kimi: Emulator, **fields: Any) -> Kimi:
    return Kimi(base_url=kimi.base_url, api_key=kimi.api_key, max_retries=0, **fields)


def tier_0(kimi: Emulator) -> Kimi:
    return model(kimi, max_tokens=500, account_limits=AccountLimits.tier(0, store=Hurried(kimi)))


# ---------------------------------------------------------------------------------- account_limits


def test_threads_on_tier_0_are_answered_without_a_refusal() -> None:
    with Emulator(tier=0) as kimi, ThreadPoolExecutor(7) as pool:
        llm = tier_0(kimi)
        assert all(str(answer) for answer in pool.map(llm.complete, ["hi"] * 7))
        assert len(kimi.chats) == 7


def test_gathered_calls_and_streams_on_tier_0_are_answered_without_a_refusal() -> None:
    async def stream(llm: Kimi) -> str:
        return "".join([response.delta or "" async for response in await llm.astream_chat(ASK)])

    async def run(llm: Kimi) -> list[Any]:
        return await asyncio.gather(*(llm.achat(ASK) for _ in range(4)), *(stream(llm) for _ in range(3)))

    with Emulator(tier=0) as kimi:
        assert all(asyncio.run(run(tier_0(kimi))))
        assert len(kimi.chats) == 7


def test_without_limits_the_same_calls_are_refused() -> None:
    async def run(llm: Kimi) -> list[Any]:
        return await asyncio.gather(*(llm.achat(ASK) for _ in range(7)), return_exceptions=True)

    with Emulator(tier=0) as kimi:
        answers = asyncio.run(run(model(kimi, max_tokens=500)))
        assert any(isinstance(answer, errors.KimiRateLimitError) for answer in answers)


def test_limits_are_given_and_lifted_per_call(make: Callable[..., Kimi], kimi: Emulator) -> None:
    llm = make(account_limits=AccountLimits(tpm=1))
    with pytest.raises(KimiInputError, match="tpm=1"):
        llm.complete("hi")
    assert str(llm.complete("hi", account_limits=False))
    assert str(llm.chat(ASK, account_limits={"rpm": 5}))
    assert list(llm.stream_chat(ASK, account_limits=False))
    assert all("account_limits" not in body for body in kimi.chats)


def test_a_field_that_is_set_later_counts(make: Callable[..., Kimi]) -> None:
    llm = make()
    assert str(llm.complete("hi"))
    llm.account_limits = AccountLimits(tpm=1)
    with pytest.raises(KimiInputError, match="tpm=1"):
        llm.complete("hi")


def test_stored_models_keep_the_limits_but_not_the_store(make: Callable[..., Kimi], monkeypatch: Any) -> None:
    monkeypatch.setenv("MOONSHOT_API_KEY", "sk-test-2")
    store = RedisStore("redis://user:sk-test-secret@127.0.0.1:1/0")
    llm = make(account_limits=AccountLimits.tier(0, store=store), auto_continue=2, resume_streams=1)
    stored = llm.to_dict()
    assert "sk-test-secret" not in f"{stored}{llm!r}{llm.to_payload()}{llm.model_dump_json()}"
    back = Kimi.from_dict(stored)
    assert back.account_limits == AccountLimits.tier(0)
    assert (back.auto_continue, back.resume_streams) == (2, 1)


def test_pickles_and_copies_keep_the_limits(make: Callable[..., Kimi]) -> None:
    llm = make(account_limits=AccountLimits.tier(2, name="acme"))
    for made in (pickle.loads(pickle.dumps(llm)), copy.deepcopy(llm), llm.model_copy()):
        assert made.client.account_limits == AccountLimits.tier(2, name="acme")
        assert str(made.complete("hi"))
    store = MemoryStore()
    assert copy.deepcopy(make(account_limits=AccountLimits(rpm=1, store=store))).account_limits.store is store


@pytest.mark.parametrize("bad", [3, "tier 1", {"rpms": 3}])
def test_what_is_no_limits_is_refused_at_construction(make: Callable[..., Kimi], bad: Any) -> None:
    with pytest.raises(KimiInputError, match="account_limits"):
        make(account_limits=bad)


# ---------------------------------------------------------------------------------- auto_continue, resume_streams


class Continuing:
    """A brain that writes on from the prefix of what it always says."""

    def answer(self, request: Any, context: Any) -> Reply:
        return Reply(content=TEXT[len(context.prefix or "") :], reasoning="Hm.")


def whole(llm: Kimi, way: str, **call: Any) -> ChatResponse:
    """The answer; of a stream, whose deltas make up the same text, the last response."""

    async def astream() -> list[ChatResponse]:
        return [response async for response in await llm.astream_chat(ASK, **call)]

    if way == "chat":
        return llm.chat(ASK, **call)
    if way == "achat":
        return asyncio.run(llm.achat(ASK, **call))
    responses = list(llm.stream_chat(ASK, **call)) if way == "stream_chat" else asyncio.run(astream())
    assert "".join(response.delta or "" for response in responses) == responses[-1].message.content
    return responses[-1]


WAYS = ["chat", "achat", "stream_chat", "astream_chat"]


@pytest.mark.parametrize("way", WAYS)
def test_a_cut_off_answer_is_one_response_with_all_its_usage(way: str) -> None:
    with Emulator(brain=Continuing()) as kimi:
        response = whole(model(kimi, max_tokens=7, auto_continue=9), way)
        assert response.message.content == TEXT
        thinking = [block for block in response.message.blocks if isinstance(block, ThinkingBlock)]
        assert [block.content for block in thinking] == ["Hm."]
        assert len(kimi.chats) > 2
        assert response.additional_kwargs["prompt_tokens"] > 87 * len(kimi.chats)
        assert kimi.report == []


@pytest.mark.parametrize("way", WAYS)
def test_per_call_beats_the_field(way: str) -> None:
    with Emulator(brain=Continuing()) as kimi:
        assert whole(model(kimi, max_tokens=7, auto_continue=9), way, auto_continue=0).message.content != TEXT
        assert whole(model(kimi, max_tokens=7), way, auto_continue=9).message.content == TEXT


@pytest.mark.parametrize("way", ["stream_chat", "astream_chat"])
@pytest.mark.parametrize("fault", ["cut.answer", "cut.thinking", "cut.before_finish", "close.ends_early"])
def test_a_broken_stream_goes_on(way: str, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "wait_seconds", lambda *args: 0.0)
    with Emulator(brain=Continuing()) as kimi:
        kimi.fail(fault)
        assert whole(model(kimi, resume_streams=1), way).message.content == TEXT
        assert len(kimi.chats) == 2
        kimi.fail("cut.answer")
        with pytest.raises(errors.KimiConnectionError):
            whole(model(kimi), way)


@pytest.mark.parametrize("name", ["auto_continue", "resume_streams"])
def test_other_dialects_are_refused_clearly(make: Callable[..., Kimi], kimi: Emulator, name: str) -> None:
    with pytest.raises(KimiInputError, match="Partial Mode"):
        make(dialect="vllm", **{name: 1}).complete("x")
    assert kimi.requests == []
