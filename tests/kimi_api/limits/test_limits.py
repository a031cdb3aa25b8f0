"""The account's limits: requests wait here, so that the platform has nothing to refuse."""

from __future__ import annotations

import asyncio
import copy
import gc
import math
import pickle
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from limits_kit import BODY, HI, Time, at_once

from kimi_api import AccountLimits, ChatOptions, KimiClient, KimiInputError, KimiLimitError, build_request, chat, errors
from kimi_api._transport.deadline import Deadline, within
from kimi_api._transport.sdk import pool
from kimi_api.limits import LimitStore, MemoryStore, RedisStore, SharedStore, Wait
from kimi_api.limits import _queue as queue
from kimi_api.limits._model import ABANDONED_SECONDS, WINDOW_SECONDS, count_tokens
from kimi_api.reply import ReplyBuilder
from kimi_api.tokens import count_messages
from kimi_emulator import FAULTS, TIERS, Emulator, RateLimits


def serving(client: KimiClient, tokens: int = 100, **call: Any) -> str:
    request = build_request(ChatOptions(max_tokens=tokens), HI)
    return chat.complete(client, request, **call).content


class Hurried(MemoryStore):
    """Counts by the emulator's clock, which it moves on whenever a minute is to be waited for and nothing is under way.

    With an answer under way the clock stands: between us and the server no more time passes than in the real world.
    """

    def __init__(self, kimi: Emulator) -> None:
        super().__init__(clock=kimi.clock.now, poll_seconds=0.01)
        self._kimi = kimi
        self.waits: list[Wait] = []

    def take(self, account: str, ticket: str, limits: AccountLimits, tokens: int) -> Wait | None:
        wait = super().take(account, ticket, limits, tokens)
        if wait is not None:
            self.waits.append(wait)
            if wait.limit in ("rpm", "tpm") and not self._accounts[account].running:
                self._kimi.clock.advance(wait.seconds)
        return wait


def limited_client(kimi: Emulator, limits: RateLimits | None = None, **more: Any) -> KimiClient:
    """A client under the emulator's limits, by the emulator's clock."""
    own = limits or TIERS[0]
    store = Hurried(kimi)
    return KimiClient(
        api_key=kimi.api_key,
        base_url=kimi.base_url,
        max_retries=0,
        account_limits=AccountLimits(own.concurrency, own.rpm, own.tpm, own.tpd, store=store),
        **more,
    )


# ---------------------------------------------------------------------------------- with the platform's own limits


@pytest.mark.parametrize("way", ["threads", "tasks"])
def test_parallel_calls_on_tier_0_all_succeed_without_a_refusal(way: str) -> None:
    with Emulator(tier=0) as kimi:
        answers = at_once(limited_client(kimi), 8, way)
        assert [type(answer).__name__ for answer in answers] == ["Reply"] * 8
        assert len(kimi.chats) == 8  # none was sent twice


@pytest.mark.parametrize("way", ["threads", "tasks"])
def test_without_limits_the_same_calls_are_refused(way: str) -> None:
    with Emulator(tier=0) as kimi:
        client = KimiClient(api_key=kimi.api_key, base_url=kimi.base_url, max_retries=0)
        answers = at_once(client, 8, way)
        assert any(isinstance(answer, errors.KimiRateLimitError) for answer in answers)


@pytest.mark.parametrize(
    "limits",
    [RateLimits(concurrency=2), RateLimits(rpm=2), RateLimits(tpm=700), RateLimits(concurrency=3, rpm=4, tpm=900)],
    ids=["concurrency", "rpm", "tpm", "all"],
)
def test_each_limit_by_itself_is_kept(limits: RateLimits) -> None:
    with Emulator(tier=limits) as kimi:
        assert all(isinstance(answer, chat.Reply) for answer in at_once(limited_client(kimi, limits), 9, "threads"))
        assert len(kimi.chats) == 9


def test_threads_and_event_loops_share_one_queue() -> None:
    with Emulator(tier=RateLimits(concurrency=1)) as kimi:
        first = limited_client(kimi, RateLimits(concurrency=1))
        second = pickle.loads(pickle.dumps(KimiClient(api_key=kimi.api_key, base_url=kimi.base_url, max_retries=0)))
        second.account_limits = first.account_limits
        with ThreadPoolExecutor(4) as pool:
            ways = ("threads", "tasks", "threads", "tasks")
            clients = (first, first, second, second)
            runs = [pool.submit(at_once, client, 5, way) for client, way in zip(clients, ways, strict=True)]
            answers = [answer for run in runs for answer in run.result()]
        assert all(isinstance(answer, chat.Reply) for answer in answers)
        assert len(kimi.chats) == 20


def test_streams_hold_their_place_until_they_end(ways: Any) -> None:
    with Emulator(tier=RateLimits(concurrency=1)) as kimi:
        client = limited_client(kimi, RateLimits(concurrency=1))
        for _ in range(5):
            events = ways.stream(client, "/chat/completions", body=build_request(ChatOptions(), HI, stream=True).body)
            assert events[-1]["usage"]


def test_retries_wait_for_their_turn_again(waits: list[float]) -> None:
    with Emulator() as kimi:
        unavailable = next(name for name, fault in FAULTS.items() if fault.failure and fault.failure.status == 503)
        kimi.fail(unavailable, unavailable)
        client = limited_client(kimi, RateLimits(rpm=2))
        client.max_retries = 1
        with pytest.raises(errors.KimiServerError):
            serving(client)
        assert len(kimi.chats) == 2
        store = client.account_limits.store  # type: ignore[union-attr]
        assert store.take(client.scope(), "x", client.account_limits, 0).limit == "rpm"  # type: ignore[union-attr,arg-type]


# ---------------------------------------------------------------------------------- places come back


def running(client: KimiClient) -> int:
    """Answers under way, as the client's store counts them."""
    counts = client.account_limits.store._accounts[client.scope()]  # type: ignore[union-attr]
    return len(counts.running)


def frozen_client(kimi: Emulator) -> tuple[KimiClient, Time]:
    """A client that may have one answer at a time, by a clock that stands still."""
    clock = Time()
    store = MemoryStore(clock=clock, poll_seconds=0.01)
    limits = AccountLimits(concurrency=1, store=store)
    return KimiClient(api_key=kimi.api_key, base_url=kimi.base_url, max_retries=0, account_limits=limits), clock


def test_an_abandoned_stream_gives_its_place_back_a_moment_later(kimi: Emulator) -> None:
    client, clock = frozen_client(kimi)
    request = build_request(ChatOptions(), HI, stream=True)
    stream = chat.stream(client, request, ReplyBuilder())
    next(stream)
    assert running(client) == 1
    stream.close()
    assert running(client) == 1  # the server hears of it later than we do
    clock.now += ABANDONED_SECONDS
    assert serving(client)
    assert running(client) == 0


def test_a_stream_that_is_forgotten_gives_its_place_back(kimi: Emulator) -> None:
    client, clock = frozen_client(kimi)
    stream = chat.stream(client, build_request(ChatOptions(), HI, stream=True), ReplyBuilder())
    next(stream)
    del stream
    gc.collect()
    clock.now += ABANDONED_SECONDS
    assert serving(client)


def test_a_cancelled_stream_and_a_cancelled_call_give_their_places_back(kimi: Emulator) -> None:
    client, clock = frozen_client(kimi)

    async def stream() -> None:
        deltas = chat.astream(client, build_request(ChatOptions(), HI, stream=True), ReplyBuilder())
        async for _ in deltas:
            await asyncio.sleep(60)

    async def run() -> None:
        for slow in (stream, lambda: chat.acomplete(client, build_request(ChatOptions(), HI))):
            if slow is not stream:
                kimi.fail("stall.before_headers")
            task = asyncio.ensure_future(slow())
            while not running_now(client):  # noqa: ASYNC110 - the store has no event to wait for
                await asyncio.sleep(0.005)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            after = asyncio.ensure_future(chat.acomplete(client, build_request(ChatOptions(), HI)))
            for _ in range(1000):  # a cancelled stream is closed by the loop, at a moment of its own
                if after.done():
                    break
                clock.now += ABANDONED_SECONDS
                await asyncio.sleep(0.01)
            assert after.done()
            assert after.result().content

    asyncio.run(run())
    assert running(client) == 0


def running_now(client: KimiClient) -> int:
    counts = client.account_limits.store._accounts.get(client.scope())  # type: ignore[union-attr]
    return len(counts.running) if counts else 0


def test_a_refusal_gives_its_place_back_at_once(kimi: Emulator, ways: Any) -> None:
    client, _ = frozen_client(kimi)
    for _ in range(2):
        with pytest.raises(errors.KimiNotFoundError):
            ways.request(client, "POST", "/chat/completions", body={"model": "kimi-none", "messages": HI})
        with pytest.raises(errors.KimiNotFoundError):
            ways.stream(client, "/chat/completions", body={"model": "kimi-none", "messages": HI, "stream": True})
    assert running(client) == 0


def test_those_who_give_up_waiting_leave_the_queue(kimi: Emulator) -> None:
    client, _ = frozen_client(kimi)
    limits = client.account_limits
    assert limits is not None
    held = queue.acquire(limits, client.scope, BODY)

    async def run() -> None:
        tasks = [asyncio.ensure_future(queue.aacquire(limits, client.scope, BODY)) for _ in range(3)]
        await asyncio.sleep(0.05)
        tasks[0].cancel()  # the first in the queue
        tasks[1].cancel()
        await asyncio.wait(tasks[:2])
        held.release()
        turn = await asyncio.wait_for(tasks[2], 5)
        turn.release()

    asyncio.run(run())
    assert running(client) == 0


@pytest.mark.parametrize("way", ["thread", "task"])
def test_the_next_one_is_woken_as_soon_as_an_answer_ends(way: str) -> None:
    limits = AccountLimits(concurrency=1, store=MemoryStore())  # which is not asked again before half a minute
    held = queue.acquire(limits, lambda: "a", BODY)
    with ThreadPoolExecutor(1) as pool:
        if way == "thread":
            waiting = pool.submit(queue.acquire, limits, lambda: "a", BODY)
        else:
            waiting = pool.submit(asyncio.run, queue.aacquire(limits, lambda: "a", BODY))
        time.sleep(0.1)
        assert not waiting.done()
        held.release()
        waiting.result(5).release()


def test_a_queue_whose_event_loop_is_gone_moves_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "LOOK_SECONDS", 0.02)
    limits = AccountLimits(concurrency=1, store=MemoryStore(poll_seconds=0.02))
    held = queue.acquire(limits, lambda: "a", BODY)
    loop = asyncio.new_event_loop()
    waiting = loop.create_task(queue.aacquire(limits, lambda: "a", BODY))
    loop.run_until_complete(asyncio.sleep(0.02))
    with ThreadPoolExecutor(1) as pool:
        behind = pool.submit(queue.acquire, limits, lambda: "a", BODY)
        time.sleep(0.05)
        loop.close()
        held.release()
        behind.result(5).release()
    with pytest.raises(RuntimeError):  # its clean-up finds no running loop either
        waiting.get_coro().throw(RuntimeError("gone"))  # type: ignore[union-attr]
    waiting._log_destroy_pending = False  # type: ignore[attr-defined]


def test_first_come_first_served_also_past_a_large_request() -> None:
    clock = Time()
    store = MemoryStore(clock=clock, poll_seconds=0.01)
    limits = AccountLimits(tpm=1_000, store=store)
    large = {**BODY, "max_completion_tokens": 900}
    queue.acquire(limits, lambda: "a", BODY).release()
    order: list[str] = []
    lock = threading.Lock()

    def wait(name: str, body: Any) -> None:
        turn = queue.acquire(limits, lambda: "a", body)
        with lock:
            order.append(name)
        turn.release()

    threads = []
    for name, body in (("large", large), ("small", BODY)):
        threads.append(threading.Thread(target=wait, args=(name, body)))
        threads[-1].start()
        time.sleep(0.05)
    assert order == []  # the small one would fit, but came later
    clock.now += WINDOW_SECONDS
    threads[0].join(5)
    clock.now += WINDOW_SECONDS
    threads[1].join(5)
    assert order == ["large", "small"]


def test_an_interrupted_worker_of_a_thread_pool_stops_waiting() -> None:
    from kimi_api._many import ordered_map
    from kimi_api._transport.steps import Stopped

    limits = AccountLimits(concurrency=1, store=MemoryStore())
    held = queue.acquire(limits, lambda: "a", BODY)
    seen: list[BaseException] = []

    def work(number: int) -> int:
        if number == 0:
            return 0
        try:
            queue.acquire(limits, lambda: "a", BODY)
        except Stopped as error:
            seen.append(error)
        return number

    results = ordered_map(work, range(3), 2)
    next(results)
    time.sleep(0.05)
    results.close()
    held.release()
    assert seen


# ---------------------------------------------------------------------------------- what is refused here


def test_a_request_that_can_never_fit_is_refused_before_sending(kimi: Emulator, ways: Any) -> None:
    limits = AccountLimits(tpm=100_000)
    client = KimiClient(api_key=kimi.api_key, base_url=kimi.base_url, account_limits=limits)
    for stream in (False, True):
        body = build_request(ChatOptions(), HI, stream=stream).body
        arguments = (client, "/chat/completions") if stream else (client, "POST", "/chat/completions")
        with pytest.raises(KimiInputError) as caught:
            (ways.stream if stream else ways.request)(*arguments, body=body)
        text = str(caught.value)
        assert "tpm=100,000" in text
        assert "131,072" in text  # the default of K3, which counts when nothing is asked for
        assert "set max_tokens to 99912 or less" in text
    assert kimi.requests == []
    assert serving(client, 99_000)


def test_the_remedy_of_a_request_that_never_fits_does_fit() -> None:
    limits = AccountLimits(tpm=50_000)
    body = build_request(ChatOptions(), [{"role": "user", "content": "word " * 2_000}]).body
    with pytest.raises(KimiInputError) as caught:
        count_tokens(limits, body)
    remedy = caught.value.remedy
    budget = int(remedy.removeprefix("set max_tokens to ").split()[0])
    assert count_tokens(limits, {**body, "max_completion_tokens": budget}) == 50_000
    with pytest.raises(KimiInputError, match="shorten the prompt"):
        count_tokens(AccountLimits(tpm=1_000), body)


def test_a_used_up_day_is_an_error_and_no_wait_of_hours(ways: Any) -> None:
    limits = RateLimits(tpd=1_000)
    with Emulator(tier=limits) as kimi:
        client = limited_client(kimi, limits)
        for _ in range(3):
            assert serving(client, 200)
        for _ in range(2):
            with pytest.raises(KimiLimitError) as caught:
                ways.request(client, "POST", "/chat/completions", body={**BODY, "max_completion_tokens": 300})
        error = caught.value
        assert error.limit == "tpd"
        assert error.retry_after is not None
        assert 0 < error.retry_after <= 86_400
        assert "tpd=1,000" in str(error)
        assert "max_tokens" in str(error)
        assert len(kimi.chats) == 3
        kimi.clock.advance(86_400)
        assert serving(client, 200)
        copied = pickle.loads(pickle.dumps(error))
        assert (str(copied), copied.limit, copied.retry_after) == (str(error), "tpd", error.retry_after)


@pytest.mark.parametrize("bad", [{"rpm": 0}, {"tpm": -1}, {"concurrency": 1.5}, {"tpd": True}])
def test_impossible_limits_are_refused(bad: dict[str, Any]) -> None:
    ((limit, value),) = bad.items()
    with pytest.raises(KimiInputError) as caught:
        AccountLimits(**bad)
    assert str(caught.value) == (
        f"{limit}: got {value!r}, but it is a whole number above 0. "
        "What to do: leave it out where there is no such limit."
    )


@pytest.mark.parametrize("bad", [6, -1, "1", True])
def test_unknown_tiers_are_refused(bad: Any) -> None:
    with pytest.raises(KimiInputError, match=f"^tier: got {bad!r}, but the table of 2026-08-13 has tiers 0 to 5"):
        AccountLimits.tier(bad)


def test_the_tiers_are_those_that_the_emulator_was_given() -> None:
    for number, tier in enumerate(TIERS):
        ours = AccountLimits.tier(number)
        assert (ours.concurrency, ours.rpm, ours.tpm, ours.tpd) == (tier.concurrency, tier.rpm, tier.tpm, tier.tpd)


# ---------------------------------------------------------------------------------- what is counted


def test_only_chat_completions_are_counted(client: KimiClient) -> None:
    client.account_limits = AccountLimits(rpm=1, store=MemoryStore())
    for _ in range(3):
        client.request("GET", "/models")
        client.request("POST", "/tokenizers/estimate-token-count", body={"model": "kimi-k3", "messages": HI})
    assert not client.account_limits.store._accounts  # type: ignore[union-attr]


def test_the_prompt_counts_a_tenth_more_than_estimated() -> None:
    body = {**BODY, "messages": [{"role": "user", "content": "snow falls " * 500}]}
    prompt = count_messages(body["messages"], model=body["model"])
    assert prompt > 500
    assert count_tokens(AccountLimits(tpm=1_000_000), body) == math.ceil(prompt * 1.1) + 100


def test_the_prompt_and_the_output_asked_for_are_counted() -> None:
    limits = AccountLimits(tpm=1_000_000)
    assert count_tokens(AccountLimits(rpm=1), BODY) == 0  # nothing to count, nothing to estimate
    assert count_tokens(limits, build_request(ChatOptions(), HI).body) - count_tokens(limits, BODY) == 131_072 - 100
    k26 = build_request(ChatOptions(model="kimi-k2.6"), HI).body
    assert count_tokens(limits, k26) < 33_000
    tool = {"type": "function", "function": {"name": "f", "description": "word " * 100, "parameters": {}}}
    assert count_tokens(limits, {**BODY, "tools": [tool]}) > count_tokens(limits, BODY) + 100


def test_clients_of_one_name_count_together_whatever_their_keys(kimi: Emulator) -> None:
    store = MemoryStore(clock=Time())
    for name, expected in ((None, 2), ("acme", 1)):
        limits = AccountLimits(concurrency=5, name=name, store=store)
        before = len(store._accounts)
        for key in ("sk-test-1", "sk-test-2"):
            client = KimiClient(api_key=key, base_url=kimi.base_url)
            queue.acquire(limits, client.scope, BODY).release()
        assert len(store._accounts) - before == expected


def test_limits_can_be_given_and_lifted_per_call(kimi: Emulator, ways: Any) -> None:
    never = AccountLimits(tpm=1)
    client = KimiClient(api_key=kimi.api_key, base_url=kimi.base_url, account_limits=never)
    ways.request(client, "POST", "/chat/completions", body=BODY, account_limits=False)
    ways.request(client, "POST", "/chat/completions", body=BODY, account_limits=AccountLimits(rpm=5))
    with pytest.raises(KimiInputError):
        ways.request(client, "POST", "/chat/completions", body=BODY)
    assert len(kimi.chats) == 2


def test_limits_are_plain_data_but_for_their_store() -> None:
    limits = AccountLimits.tier(0, name="acme", store=RedisStore("redis://user:sk-test-secret@127.0.0.1:1/0"))
    assert "sk-test-secret" not in repr(limits)
    assert limits.as_dict() == {"concurrency": 1, "rpm": 3, "tpm": 500_000, "tpd": 1_500_000, "name": "acme"}
    assert AccountLimits.of(limits.as_dict()) == AccountLimits.tier(0, name="acme")
    assert pickle.loads(pickle.dumps(limits)) == limits
    assert copy.deepcopy(limits).store is limits.store
    with pytest.raises(KimiInputError, match="account_limits"):
        AccountLimits.of({"rpms": 3})  # type: ignore[arg-type]
    with pytest.raises(KimiInputError, match="account_limits"):
        KimiClient(api_key="sk-test", account_limits=3)  # type: ignore[arg-type]


def test_a_client_with_limits_pickles_and_copies(kimi: Emulator) -> None:
    client = KimiClient(api_key=kimi.api_key, base_url=kimi.base_url, account_limits=AccountLimits.tier(1))
    for twin in (pickle.loads(pickle.dumps(client)), copy.deepcopy(client), copy.copy(client)):
        assert twin.account_limits == AccountLimits.tier(1)
        assert serving(twin)


def test_without_limits_nothing_of_this_is_loaded() -> None:
    code = (
        "import sys, kimi_api; kimi_api.KimiClient(api_key='k')._limits('/chat/completions', None);"
        "sys.exit('kimi_api.limits' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_forked_process_does_not_wait_for_its_parents_answers() -> None:
    code = """
import os, threading
from kimi_api import AccountLimits
from kimi_api.limits import _queue as queue
limits = AccountLimits(concurrency=1)
body = {"model": "kimi-k3", "messages": []}
queue.acquire(limits, lambda: "a", body)
if os.fork() == 0:
    queue.acquire(limits, lambda: "a", body).release()
    os._exit(7)
assert os.waitstatus_to_exitcode(os.wait()[1]) == 7
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=20)


def test_a_long_wait_for_an_answer_that_nobody_ends_is_logged_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(queue, "SLOW_SECONDS", 0.02)
    limits = AccountLimits(concurrency=1, store=MemoryStore(poll_seconds=0.01))
    held = queue.acquire(limits, lambda: "a", BODY)  # as an open stream does, while its own consumer makes another call
    threading.Timer(0.3, held.release).start()
    with caplog.at_level("WARNING", "kimi_api.limits._queue"):
        queue.acquire(limits, lambda: "a", BODY).release()
    (record,) = (one for one in caplog.records if one.name == queue.__name__)  # others log what they leave behind
    assert "read that stream to its end or close it" in record.getMessage()


def test_waiting_for_a_turn_ends_with_the_time_of_the_call(ways: Any) -> None:
    limits = AccountLimits(concurrency=1, store=MemoryStore(poll_seconds=3.0))
    held = queue.acquire(limits, lambda: "a", BODY)
    began = time.monotonic()
    with within(Deadline(0.1)), pytest.raises(TimeoutError, match="max_seconds"):
        ways.call(queue.acquire, queue.aacquire, limits, lambda: "a", BODY)
    assert time.monotonic() - began < 2.5
    held.release()


def test_what_a_call_waits_for_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    limits = AccountLimits(concurrency=2, store=MemoryStore(poll_seconds=0.01))
    one, two = (queue.acquire(limits, lambda: "a", BODY) for _ in range(2))
    with caplog.at_level("DEBUG", queue.__name__), within(Deadline(0.1)), pytest.raises(TimeoutError):
        queue.acquire(limits, lambda: "a", BODY)
    texts = {record.getMessage() for record in caplog.records if record.name == queue.__name__}
    assert texts == {"waiting for concurrency (2 used), inf s"}
    one.release()
    two.release()


class OwnStore:
    """A store of somebody's own that does no more than a `LimitStore` has to."""

    poll_seconds = 0.01

    def __init__(self, *, blocking: bool = False) -> None:
        self.blocking = blocking
        self.threads: list[str] = []  # where places were given back
        self.asked: set[tuple[str, str]] = set()  # who asked for one, and who gave up asking
        self.withdrawn: set[tuple[str, str]] = set()
        self._counts = MemoryStore()

    def take(self, account: str, ticket: str, limits: AccountLimits, tokens: int) -> Wait | None:
        self.asked.add((account, ticket))
        return self._counts.take(account, ticket, limits, tokens)

    def give_back(self, account: str, ticket: str, after: float = 0.0) -> None:
        self.threads.append(threading.current_thread().name)
        self._counts.give_back(account, ticket, after)

    def withdraw(self, account: str, ticket: str) -> None:
        self._counts.withdraw(account, ticket)
        self.withdrawn.add((account, ticket))


@pytest.mark.parametrize("blocking", [False, True], ids=["at once", "in a thread"])
async def test_a_cancelled_request_gives_up_its_own_place_in_the_queue(blocking: bool) -> None:
    store = OwnStore(blocking=blocking)
    limits = AccountLimits(concurrency=1, store=store)
    held = await queue.aacquire(limits, lambda: "a", BODY)
    (holder,) = store.asked
    waiting = asyncio.create_task(queue.aacquire(limits, lambda: "a", BODY))
    async with asyncio.timeout(10):
        while len(store.asked) < 2:  # noqa: ASYNC110 - it may be asked from a thread
            await asyncio.sleep(0.01)
        waiting.cancel()
        while not store.withdrawn:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert store.withdrawn == store.asked - {holder}
    held.release()


def test_a_store_need_not_tell_processes_of_each_other(ways: Any) -> None:
    with Emulator() as kimi:
        store: LimitStore = OwnStore()
        assert not isinstance(store, SharedStore)
        client = KimiClient(
            api_key=kimi.api_key, base_url=kimi.base_url, account_limits=AccountLimits(concurrency=1, store=store)
        )
        for _ in range(2):
            ways.request(client, "POST", "/chat/completions", body=BODY)
        assert len(kimi.chats) == 2


async def test_an_event_loop_does_not_wait_while_a_blocking_store_takes_a_place_back() -> None:
    store = OwnStore(blocking=True)
    limits = AccountLimits(concurrency=1, store=store)
    for _ in range(2):  # the second begins when the first has been given back
        (await queue.aacquire(limits, lambda: "a", BODY)).release()
    await asyncio.to_thread(queue._threads().shutdown)
    assert [name.rpartition("_")[0] for name in store.threads] == ["kimi-limits", "kimi-limits"]


@pytest.mark.parametrize("streamed", [False, True], ids=["request", "stream"])
def test_the_sdk_is_there_before_a_place_is_taken(
    ways: Any, kimi: Emulator, monkeypatch: pytest.MonkeyPatch, streamed: bool
) -> None:
    """Its first import takes up to a second on a busy machine, as much as the window leaves for the way there."""
    steps: list[str] = []
    store = OwnStore()
    limits = AccountLimits(concurrency=1, store=store)
    client = KimiClient(api_key=kimi.api_key, base_url=kimi.base_url, account_limits=limits)
    for name in ("sync_client", "async_client"):
        original = getattr(pool, name)
        monkeypatch.setattr(pool, name, lambda url, original=original: (steps.append("SDK"), original(url))[1])
    take = store.take
    monkeypatch.setattr(store, "take", lambda *question: (steps.append("place"), take(*question))[1])
    if streamed:
        ways.collect(client.stream, client.astream, "/chat/completions", body={**BODY, "stream": True})
    else:
        ways.request(client, "POST", "/chat/completions", body=BODY)
    assert "SDK" in steps[: steps.index("place")]
    assert steps.count("place") == 1


def test_limits_that_are_none_are_refused_with_the_names_that_there_are() -> None:
    with pytest.raises(KimiInputError) as caught:
        AccountLimits.of(3)  # type: ignore[arg-type]
    assert caught.value.rule == "it is an AccountLimits, or a dict with concurrency, name, rpm, store, tpd, tpm"


async def test_a_task_whose_loop_closes_while_it_is_woken_is_no_error(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    task = queue._Task()

    def refuse(*_: Any) -> None:
        raise RuntimeError("Event loop is closed")

    monkeypatch.setattr(task, "_loop", SimpleNamespace(is_closed=lambda: False, call_soon_threadsafe=refuse))
    with caplog.at_level("DEBUG", "kimi_api.limits"):
        task.wake()
    assert "a waiting task's event loop is closed: Event loop is closed" in caplog.text


def test_a_silence_may_last_as_long_as_a_call_says() -> None:
    client = KimiClient(api_key="sk-test-silence", timeout=10)
    assert client._request_context(None, None, 10_000.0).longest_silence == 10_000.0
