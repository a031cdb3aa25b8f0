"""`RedisStore`: what it decides, what it does when its server does not answer, and how processes take turns."""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis
from limits_kit import BODY, RedisServer, Time, at_once

from benchmarks.limits import count_refused, measure
from kimi_api import AccountLimits, KimiClient, KimiInputError, KimiLimitError, chat, errors
from kimi_api.limits import LimitStore, MemoryStore, RedisStore, SharedStore, Wait
from kimi_api.limits import _queue as queue
from kimi_api.limits._model import WINDOW_SECONDS
from kimi_api.limits._redis import store as redis_store
from kimi_emulator import Emulator, Failure, RateLimits, Reply


def both_stores(shared: Callable[..., RedisStore], clock: Time) -> list[LimitStore]:
    return [MemoryStore(clock=clock), shared(clock=clock)]


@pytest.fixture
def processes(redis_url: str, request: pytest.FixtureRequest) -> Callable[..., list[RedisStore]]:
    """Two stores that share nothing but the server, as two processes do (two of one address would be equal)."""

    def make_stores(**settings: Any) -> list[RedisStore]:
        names = {"prefix": request.node.name, "poll_seconds": 0.02, **settings}
        return [RedisStore(client=redis.Redis.from_url(redis_url), **names) for _ in range(2)]

    return make_stores


def test_both_stores_decide_alike(shared: Callable[..., RedisStore]) -> None:
    clock = Time(1_000_000.0)
    limits = AccountLimits(concurrency=2, rpm=4, tpm=1_000, tpd=2_000)
    decided: list[list[Any]] = []
    for store in both_stores(shared, clock):
        clock.now = 1_000_000.0
        seen: list[Any] = []

        def take(
            ticket: str,
            tokens: int,
            store: LimitStore = store,
            seen: list[Any] = seen,
        ) -> None:
            wait = store.take("a", ticket, limits, tokens)
            if wait is not None:
                store.withdraw("a", ticket)
            seen.append(wait and (wait.limit, round(wait.seconds, 3), wait.used) if wait else None)

        take("one", 300)
        clock.now += 1
        take("two", 300)
        store.give_back("a", "one")
        take("three", 500)  # tpm
        store.give_back("a", "two")
        take("four", 100)
        store.give_back("a", "four", 1.0)
        take("five", 100)
        take("six", 100)  # concurrency: four counts for a second more
        clock.now += 1
        take("seven", 100)  # rpm
        clock.now += WINDOW_SECONDS
        store.give_back("a", "five")
        take("eight", 1_000)
        store.give_back("a", "eight")
        take("nine", 500)  # tpd
        clock.now += 86_400
        take("ten", 1_000)
        store.give_back("a", "ten")
        take("eleven", 500)  # tpm, and only what was used within the minute
        decided.append(seen)
    memory, redis = decided
    assert redis == memory
    assert memory[-1][2] == 1_000
    assert [wait and wait[0] for wait in memory] == [
        None,
        None,
        "tpm",
        None,
        None,
        "rpm",
        "rpm",
        None,
        "tpd",
        None,
        "tpm",
    ]


@pytest.mark.parametrize("way", ["threads", "tasks"])
def test_two_processes_share_what_the_account_may_do(processes: Callable[..., list[RedisStore]], way: str) -> None:
    with Emulator(tier=RateLimits(concurrency=2)) as kimi:
        limits = [AccountLimits(concurrency=2, name="acme", store=store) for store in processes()]
        clients = [
            KimiClient(api_key=kimi.api_key, base_url=kimi.base_url, max_retries=0, account_limits=own)
            for own in limits
        ]
        with ThreadPoolExecutor(2) as pool:
            answers = [a for run in pool.map(lambda client: at_once(client, 6, way), clients) for a in run]
        assert [a for a in answers if not isinstance(a, chat.Reply)] == []
        assert len(kimi.chats) == 12


def test_real_processes_keep_to_one_answer_at_a_time(redis_url: str) -> None:
    code = """
import sys
from kimi_api import AccountLimits, KimiClient
from kimi_api.limits import RedisStore
base_url, key, redis = sys.argv[1:]
store = RedisStore(redis, prefix="processes", poll_seconds=0.02)
limits = AccountLimits(concurrency=1, store=store)
client = KimiClient(api_key=key, base_url=base_url, max_retries=0, account_limits=limits)
body = {"model": "kimi-k3", "messages": [{"role": "user", "content": "hi"}]}
for _ in range(5):
    client.request("POST", "/chat/completions", body=body)
"""
    with Emulator(tier=RateLimits(concurrency=1)) as kimi:
        command = [sys.executable, "-c", code, kimi.base_url, kimi.api_key, redis_url]
        processes = [subprocess.Popen(command) for _ in range(3)]
        assert [process.wait(60) for process in processes] == [0, 0, 0]
        assert len(kimi.chats) == 15


def test_a_process_that_dies_does_not_hold_its_place_for_ever(shared: Callable[..., RedisStore]) -> None:
    clock = Time()
    limits = AccountLimits(concurrency=1)
    dead, alive = shared(clock=clock), shared(clock=clock)
    assert dead.take("a", "one", limits, 0) is None
    dead.take("a", "waiting", limits, 0)  # and it was next in the queue
    wait = alive.take("a", "two", limits, 0)
    assert wait is not None
    assert wait.limit == "turn"
    clock.now += 10
    wait = alive.take("a", "two", limits, 0)
    assert wait is not None
    assert wait.limit == "concurrency"
    clock.now += wait.seconds
    assert wait.seconds <= 60
    assert alive.take("a", "two", limits, 0) is None
    for store, ticket in ((dead, "one"), (alive, "two")):
        store.give_back("a", ticket)


@pytest.mark.parametrize("own_client", [False, True])
def test_many_threads_at_the_same_time_all_reach_the_server(
    redis_url: str, caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest, own_client: bool
) -> None:
    # redis-py 8 opens 100 connections a client; the 101st thread had "Too many connections", and its permit was lost.
    many = 200
    where: dict[str, Any] = {"client": redis.Redis.from_url(redis_url)} if own_client else {"url": redis_url}
    store = RedisStore(**where, prefix=request.node.name)
    limits = AccountLimits(concurrency=many, name="many", store=store)
    together = threading.Barrier(many)

    def call() -> None:
        together.wait(30)
        with queue.acquire(limits, str, BODY):
            together.wait(60)  # all hold a permit, and give it back at the same time

    with ThreadPoolExecutor(many) as pool:
        for done in [pool.submit(call) for _ in range(many)]:
            done.result()
    assert store.take("name-many", "next", AccountLimits(concurrency=1), 0) is None, "a permit is still out"
    store.give_back("name-many", "next")
    assert caplog.text == ""


def test_a_living_process_keeps_its_place_beyond_the_lease(shared: Callable[..., RedisStore]) -> None:
    limits = AccountLimits(concurrency=1)
    store = shared(lease_seconds=0.3)
    assert store.take("a", "one", limits, 0) is None
    time.sleep(0.8)
    wait = store.take("a", "two", limits, 0)
    assert wait is not None
    assert wait.limit == "concurrency"
    store.give_back("a", "one")
    assert store.take("a", "two", limits, 0) is None
    store.give_back("a", "two")
    assert not [
        thread
        for thread in threading.enumerate()
        if thread.name == "kimi-limits-lease" and thread.is_alive() and store._renewing is not None
    ]


def test_a_task_cancelled_while_the_store_answers_counts_nothing(shared: Callable[..., RedisStore]) -> None:
    store = shared()
    limits = AccountLimits(concurrency=1, store=store)
    store_called, may_answer = threading.Event(), threading.Event()
    take = store.take

    def slow(*arguments: Any) -> Any:
        result = take(*arguments)
        store_called.set()
        may_answer.wait(5)
        return result

    store.take = slow  # type: ignore[method-assign]

    async def run() -> None:
        task = asyncio.ensure_future(queue.aacquire(limits, lambda: "a", BODY))
        await asyncio.to_thread(store_called.wait, 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        may_answer.set()
        store.take = take  # type: ignore[method-assign]
        (await asyncio.wait_for(queue.aacquire(limits, lambda: "a", BODY), 5)).release()

    asyncio.run(run())


def test_a_store_out_of_reach_is_an_error_that_names_it(kimi: Emulator, ways: Any) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    store = RedisStore(f"redis://:sk-test-secret@127.0.0.1:{port}/0")
    limits = AccountLimits(rpm=3, store=store)
    client = KimiClient(api_key=kimi.api_key, base_url=kimi.base_url, account_limits=limits)
    with pytest.raises(KimiLimitError) as caught:
        ways.request(client, "POST", "/chat/completions", body=BODY)
    assert f"127.0.0.1:{port}" in str(caught.value)
    assert "sk-test-secret" not in f"{caught.value}{store!r}"
    assert kimi.requests == []


def test_without_redis_py_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    monkeypatch.setitem(sys.modules, "redis.exceptions", None)
    with pytest.raises(ImportError) as caught:
        RedisStore("redis://127.0.0.1:1/0").take("a", "one", AccountLimits(rpm=1), 0)
    assert str(caught.value) == "RedisStore needs redis-py: pip install 'kimi-integrations[redis]'"


def test_a_redis_store_is_shown_by_its_address_without_a_password() -> None:
    assert (
        repr(RedisStore("redis://user:secret@127.0.0.1:1/2"))
        == "RedisStore('redis://127.0.0.1:1/2', prefix='kimi-limits')"
    )
    assert repr(RedisStore(client=object())) == "RedisStore('a client of yours', prefix='kimi-limits')"  # type: ignore[arg-type]


def test_a_store_asks_five_times_a_second_unless_told_otherwise() -> None:
    assert RedisStore("redis://127.0.0.1:1").poll_seconds == 0.2
    assert RedisStore("redis://127.0.0.1:1", poll_seconds=3).poll_seconds == 3


def test_a_thread_that_gets_no_connection_in_time_is_told_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_store, "_TIMEOUT_SECONDS", 0.01)
    store = RedisStore("redis://127.0.0.1:1/0")
    for _ in range(32):
        assert store._slots.acquire(blocking=False)
    with pytest.raises(KimiLimitError, match="gave no answer \\(32 other threads wait for it\\)"):
        store.take("acme", "one", AccountLimits(rpm=1), 0)


def test_a_forked_process_does_not_wait_for_threads_of_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_store, "_TIMEOUT_SECONDS", 0.01)
    store = RedisStore("redis://127.0.0.1:1/0")
    for _ in range(32):
        assert store._slots.acquire(blocking=False)
    monkeypatch.setattr(store, "_process", 0)
    with pytest.raises(KimiLimitError, match="refused"):  # it asked, and nobody is there
        store.take("acme", "one", AccountLimits(rpm=1), 0)
    assert all(store._slots.acquire(blocking=False) for _ in range(32))
    assert not store._slots.acquire(blocking=False)


def test_a_redis_store_needs_an_address_or_a_client() -> None:
    for arguments in ({}, {"url": "redis://127.0.0.1:1", "client": object()}):
        with pytest.raises(KimiInputError, match="either url or client"):
            RedisStore(**arguments)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^a RedisStore around a client cannot be pickled: make it with url="):
        pickle.dumps(RedisStore(client=object()))  # type: ignore[arg-type]
    assert os.getpid() == RedisStore("redis://127.0.0.1:1")._process


def test_requests_that_count_no_tokens_leave_the_minute_like_others(shared: Callable[..., RedisStore]) -> None:
    """Without tpm and tpd nothing is counted, and the server refuses to subtract "-0"."""
    clock = Time()
    without_tokens, with_tokens = AccountLimits(rpm=2), AccountLimits(rpm=2, tpm=1_000)
    store, neighbour = shared(clock=clock), shared(clock=clock)
    for minute in range(3):
        for number, (own, limits, tokens) in enumerate([(store, without_tokens, 0), (neighbour, with_tokens, 400)]):
            ticket = f"{minute}-{number}"
            assert own.take("a", ticket, limits, tokens) is None
            own.give_back("a", ticket)
        clock.now += WINDOW_SECONDS


def test_a_request_that_asks_twice_counts_once(shared: Callable[..., RedisStore]) -> None:
    """The first answer may be lost on its way, and the client then sends the script again."""
    for store in both_stores(shared, Time()):
        assert [store.take("a", "one", AccountLimits(rpm=2), 0) for _ in range(3)] == [None, None, None]
        assert store.take("a", "two", AccountLimits(rpm=2), 0) is None


def test_a_clock_that_is_set_back_stands_still(shared: Callable[..., RedisStore]) -> None:
    clock = Time()
    limits = AccountLimits(rpm=1)
    for store in both_stores(shared, clock):
        assert store.take("a", "one", limits, 0) is None
        store.give_back("a", "one")
        clock.now -= 3_600
        wait = store.take("a", "two", limits, 0)
        assert wait is not None
        assert wait.seconds == WINDOW_SECONDS
        store.withdraw("a", "two")
        clock.now += 3_600


def test_a_pause_holds_the_requests_of_its_account_only(shared: Callable[..., RedisStore]) -> None:
    clock = Time()
    limits = AccountLimits(rpm=10)
    for store in both_stores(shared, clock):
        assert isinstance(store, SharedStore)
        store.pause("a", 5.0)
        store.pause("a", 2.0)  # a shorter one does not end a longer one
        assert store.take("a", "one", limits, 0) == Wait("pause", 5.0, 0)
        assert store.take("b", "one", limits, 0) is None
        clock.now += 5.0
        assert store.take("a", "one", limits, 0) is None


@pytest.mark.parametrize("way", ["threads", "tasks"])
def test_a_refusal_that_one_process_sees_slows_the_others(processes: Callable[..., list[RedisStore]], way: str) -> None:
    with Emulator() as kimi:
        kimi.fail("http.429_retry_after")
        first, other = (
            KimiClient(
                api_key=kimi.api_key,
                base_url=kimi.base_url,
                max_retries=0,
                account_limits=AccountLimits(rpm=1_000, name="acme", store=store),
            )
            for store in processes()
        )
        (refusal,) = at_once(first, 1, way)
        assert isinstance(refusal, errors.KimiRateLimitError)
        assert refusal.retry_after == 1.0
        began = time.monotonic()
        (answer,) = at_once(other, 1, way)
        assert isinstance(answer, chat.Reply)
        assert time.monotonic() - began >= 0.7


def test_retry_after_of_one_real_process_slows_another(redis_url: str, request: pytest.FixtureRequest) -> None:
    """The second begins as soon as the first was refused, and says by its own clock how long it had to wait."""
    code = """
import sys, time
from kimi_api import AccountLimits, KimiClient, KimiRateLimitError
from kimi_api.limits import RedisStore
base_url, key, redis, prefix = sys.argv[1:]
limits = AccountLimits(rpm=1_000, name="acme", store=RedisStore(redis, prefix=prefix))
client = KimiClient(api_key=key, base_url=base_url, max_retries=0, account_limits=limits)
print("ready", flush=True)
sys.stdin.readline()
began = time.monotonic()
try:
    body = {"model": "kimi-k3", "messages": [{"role": "user", "content": "?"}]}
    client.request("POST", "/chat/completions", body=body)
    print(time.monotonic() - began, flush=True)
except KimiRateLimitError as error:
    print("refused", error.retry_after, flush=True)
"""
    with Emulator() as kimi:
        kimi.script(Failure(429, "rate_limit_reached_error", "slow", headers={"Retry-After": "3"}), Reply("Hello"))
        command = [sys.executable, "-c", code, kimi.base_url, kimi.api_key, redis_url, request.node.name]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        with subprocess.Popen(command, **pipes) as first, subprocess.Popen(command, **pipes) as other:
            assert [first.stdout.readline(), other.stdout.readline()] == ["ready\n"] * 2  # type: ignore[union-attr]
            assert first.communicate("\n", 30)[0] == "refused 3.0\n"
            seconds = float(other.communicate("\n", 30)[0])
        assert len(kimi.chats) == 2
    assert seconds > 1.5  # of the three, the first process used some to end


@pytest.mark.parametrize("way", ["threads", "tasks"])
def test_the_next_process_is_told_of_its_turn(processes: Callable[..., list[RedisStore]], way: str) -> None:
    """By itself it would ask again after 30 seconds."""
    one, other = (AccountLimits(concurrency=1, name="acme", store=store) for store in processes(poll_seconds=60.0))
    permit = queue.acquire(one, str, BODY)
    with ThreadPoolExecutor(1) as pool:
        if way == "threads":
            waiting = pool.submit(queue.acquire, other, str, BODY)
        else:
            waiting = pool.submit(asyncio.run, queue.aacquire(other, str, BODY))
        time.sleep(0.3)
        assert not waiting.done()
        permit.release()
        waiting.result(5)
    assert one.store is not None
    assert other.store is not None
    assert queue._queues[one.store] is not queue._queues[other.store]


def test_a_frozen_server_fails_all_waiting_calls_after_one_time_out(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(redis_store, "_TIMEOUT_SECONDS", 0.5)
    store = RedisStore(own_redis.url, poll_seconds=0.02)
    limits = AccountLimits(concurrency=1, store=store)
    held = queue.acquire(limits, lambda: "a", BODY)
    with ThreadPoolExecutor(20) as pool:
        waiting = [pool.submit(queue.acquire, limits, lambda: "a", BODY) for _ in range(20)]
        time.sleep(0.2)
        own_redis.process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        refusals = [call.exception(10) for call in waiting]
        seconds = time.monotonic() - began
        held.release()
        own_redis.process.send_signal(signal.SIGCONT)
    assert [type(refusal) for refusal in refusals] == [KimiLimitError] * 20
    assert len({id(refusal) for refusal in refusals}) == 20
    assert seconds < 1.5
    assert [record.levelname for record in caplog.records if record.name == redis_store.__name__] == ["WARNING"]


def test_a_dead_server_is_logged_once_until_it_answers_again(
    own_redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    store = RedisStore(own_redis.url)
    limits = AccountLimits(rpm=100)
    assert store.take("a", "one", limits, 0) is None
    own_redis.stop()
    for ticket in ("two", "three"):
        with pytest.raises(KimiLimitError, match="gave no answer"):
            store.take("a", ticket, limits, 0)
    for ticket in ("one", "two", "three"):
        store.give_back("a", ticket)
        store.withdraw("a", ticket)
    texts = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(texts) == 1
    assert f"127.0.0.1:{own_redis.port}" in texts[0]


def test_a_permit_that_could_not_be_given_back_is_free_once_the_server_answers_again(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It would count for the rest of its lease, a minute. The log says once each that the server left and is back."""
    monkeypatch.setattr(redis_store, "_TIMEOUT_SECONDS", 0.3)
    store = RedisStore(own_redis.url)
    limits = AccountLimits(concurrency=1)
    assert store.take("a", "one", limits, 0) is None
    own_redis.process.send_signal(signal.SIGSTOP)
    try:
        with pytest.raises(KimiLimitError):
            store.take("a", "two", limits, 0)
        store.give_back("a", "one")
    finally:
        own_redis.process.send_signal(signal.SIGCONT)
    wait = store.take("a", "two", limits, 0)  # the first answer that it gives again
    assert wait is not None
    assert wait.limit == "concurrency"
    assert store.take("a", "two", limits, 0) is None
    gone, back = (record.getMessage() for record in caplog.records if record.levelname == "WARNING")
    assert gone.endswith("(logged once until it answers again)")
    assert f"127.0.0.1:{own_redis.port}" in back
    assert back.endswith(", answers again")


class DeadServer:
    """A client whose server does not answer; it counts what it was asked."""

    def __init__(self) -> None:
        self.registered = 0
        self.asked = 0

    def register_script(self, text: str) -> Callable[..., Any]:
        self.registered += 1

        def ask(**_: Any) -> Any:
            self.asked += 1
            raise redis.exceptions.ConnectionError("it is gone")

        return ask


def test_a_server_that_failed_is_not_told_of_ends_for_some_seconds(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    server: Any = DeadServer()
    store = RedisStore(client=server)
    with pytest.raises(KimiLimitError):
        store.take("a", "one", AccountLimits(rpm=1), 0)
    store.give_back("a", "one")  # which would cost each answer that ends a time-out
    store.pause("a", 1.0)
    assert server.asked == 1
    monkeypatch.setattr(redis_store, "_TIMEOUT_SECONDS", 0.0)  # they have passed
    with caplog.at_level("DEBUG", redis_store.__name__):
        store.give_back("a", "one")
    assert server.asked == 2
    last = caplog.records[-1]
    assert last.levelname == "DEBUG"
    assert "the store of the account's limits, a client of yours, gave no answer (it is gone)" in last.getMessage()


def test_threads_that_fail_at_the_same_time_log_it_once(caplog: pytest.LogCaptureFixture) -> None:
    server: Any = DeadServer()
    store = RedisStore(client=server)
    together = threading.Barrier(20)

    def take(number: int) -> None:
        together.wait(10)
        with pytest.raises(KimiLimitError):
            store.take(f"account {number}", "one", AccountLimits(rpm=1), 0)

    def write_slowly(record: Any) -> bool:
        time.sleep(0.05)
        return True

    logger = logging.getLogger(redis_store.__name__)
    logger.addFilter(write_slowly)
    try:
        with ThreadPoolExecutor(20) as pool:
            list(pool.map(take, range(20)))
    finally:
        logger.removeFilter(write_slowly)
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_a_script_is_prepared_once() -> None:
    server: Any = DeadServer()
    store = RedisStore(client=server)
    for _ in range(3):
        with pytest.raises(KimiLimitError):
            store.take("a", "one", AccountLimits(rpm=1), 0)
    assert (server.asked, server.registered) == (3, 1)


def test_nothing_is_kept_of_a_request_that_has_stopped_waiting() -> None:
    store = RedisStore("redis://127.0.0.1:1")
    store.subscribe("a", "one", lambda: None)
    assert list(store._listener("a").wakes) == ["one"]
    for _ in range(2):  # a second time does no harm
        store.unsubscribe("a", "one")
    assert not store._listener("a").wakes


@pytest.mark.slow
def test_eight_processes_reach_nine_tenths_of_what_is_allowed(own_redis: RedisServer) -> None:
    """2 cores; a second run, should something else have kept them busy."""
    runs = (measure(own_redis.url, processes=8, concurrency=40, answer_seconds=1.0, seconds=5.0) for _ in range(2))
    refusals = 0
    for rate, refused in runs:
        refusals += refused
        if rate >= 0.9 * 40:
            break
    else:
        pytest.fail("less than nine tenths")
    assert refusals == 0


def test_permits_that_a_server_would_refuse_are_counted() -> None:
    assert count_refused([(0.0, 1.0), (1.0, 2.0), (0.5, 1.5)], 2) == 0
    assert count_refused([(0.0, 1.0), (1.0, 2.0), (0.5, 1.5)], 1) == 2
    assert count_refused([], 1) == 0


def test_reaching_redis_and_waiting_for_it_have_a_time_out(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments: dict[str, Any] = {}
    monkeypatch.setattr(redis.Redis, "from_url", lambda url, **options: arguments.update(options, url=url))
    RedisStore("redis://127.0.0.1:9/0")._connect()
    assert arguments["url"] == "redis://127.0.0.1:9/0"
    assert arguments["socket_timeout"] == arguments["socket_connect_timeout"] == redis_store._TIMEOUT_SECONDS
