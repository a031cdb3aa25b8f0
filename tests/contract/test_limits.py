"""The account's limits: calls wait for their turn here instead of being refused, all with one key together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from contract_kit import Adapter, Chat

from kimi_api import AccountLimits, KimiRateLimitError
from kimi_api.limits import LimitStore, MemoryStore, RedisStore, Wait
from kimi_emulator import Emulator, RateLimits

Make = Callable[..., Chat]


class Hurried(MemoryStore):
    """Counts by the emulator's clock, and moves it on where a minute would be waited for with nothing under way."""

    def __init__(self, kimi: Emulator) -> None:
        super().__init__(clock=kimi.clock.now, poll_seconds=0.01)
        self._kimi = kimi
        self._under_way: set[str] = set()

    def take(self, account: str, ticket: str, limits: AccountLimits, tokens: int) -> Wait | None:
        wait = super().take(account, ticket, limits, tokens)
        if wait is None:
            self._under_way.add(ticket)
        elif wait.limit in ("rpm", "tpm") and not self._under_way:
            self._kimi.clock.advance(wait.seconds)
        return wait

    def give_back(self, account: str, ticket: str, after: float = 0.0) -> None:
        super().give_back(account, ticket, after)
        self._under_way.discard(ticket)


def on_tier_0(make: Make, kimi: Emulator, store: LimitStore | None) -> Chat:
    limits = AccountLimits.tier(0, store=store) if store else None
    return make(base_url=kimi.base_url, api_key=kimi.api_key, max_retries=0, max_tokens=500, account_limits=limits)


def answers(chat: Chat, count: int) -> list[Any]:
    """So many calls at once: their texts, or their errors."""

    def answer(_: int) -> Any:
        try:
            return chat.ask("hi").text
        except KimiRateLimitError as error:
            return error

    if chat.way in ("plain", "streamed"):
        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(answer, range(count)))

    async def run() -> list[Any]:
        return await asyncio.gather(*(chat.aask("hi") for _ in range(count)), return_exceptions=True)

    return [getattr(outcome, "text", outcome) for outcome in asyncio.run(run())]


def test_calls_at_once_on_tier_0_are_answered_without_a_refusal(make: Make) -> None:
    with Emulator(tier=0) as kimi:
        assert all(isinstance(answer, str) and answer for answer in answers(on_tier_0(make, kimi, Hurried(kimi)), 7))
        assert len(kimi.chats) == 7


def test_without_limits_the_same_calls_are_refused(make: Make) -> None:
    with Emulator(tier=0) as kimi:
        outcomes = answers(on_tier_0(make, kimi, None), 7)
        assert any(isinstance(answer, KimiRateLimitError) for answer in outcomes)


def test_models_with_one_key_share_their_account(adapter: Adapter) -> None:
    with Emulator(tier=RateLimits(concurrency=1)) as kimi:
        limits = AccountLimits(concurrency=1, store=MemoryStore(poll_seconds=0.01))
        host = {"base_url": kimi.base_url, "api_key": kimi.api_key, "max_retries": 0, "account_limits": limits}
        models = [adapter.make("aplain", **host), adapter.make("astreamed", model="kimi-k2.6", **host)]

        async def run() -> list[Any]:
            return await asyncio.gather(*(model.aask("hi") for model in models * 3))

        assert all(outcome.text for outcome in asyncio.run(run()))
        assert len(kimi.chats) == 6


def test_dumps_hold_the_limits_and_not_the_store(adapter: Adapter) -> None:
    store = RedisStore("redis://user:sk-test-secret@127.0.0.1:1/0")
    dumps = adapter.dumps(adapter.make(account_limits=AccountLimits.tier(0, store=store)).native)
    assert [text for text in dumps if "sk-test-secret" in text] == []
    assert any('"rpm": 3' in text for text in dumps)
