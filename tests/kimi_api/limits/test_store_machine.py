"""Both stores beside a plain reference, over any order of events: `RedisStore` on a real server."""

from __future__ import annotations

from math import inf

import pytest
import redis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from limits_kit import Time

from kimi_api import AccountLimits
from kimi_api.limits import MemoryStore, RedisStore, Wait
from kimi_api.limits._model import DAY_SECONDS, WINDOW_SECONDS

LEASE = 600.0
PATIENCE = 5.0
LIMITS = [
    AccountLimits(rpm=3),
    AccountLimits(concurrency=2),
    AccountLimits(tpm=1_000),
    AccountLimits(concurrency=3, rpm=4, tpm=2_000, tpd=5_000),
    AccountLimits(tpd=3_000),
]
SECONDS = st.sampled_from([0.25, 1.0, 4.0, 20.0, 60.0, 61.0, 300.0, 700.0, 40_000.0, 90_000.0])
ACCOUNTS = st.sampled_from(["a", "b"])


class Reference:
    """One account's counts, written as plainly as they can be."""

    def __init__(self) -> None:
        self.clock = -inf
        self.began: list[tuple[float, int]] = []
        self.until: dict[str, float] = {}
        self.paused = -inf
        self.day = 0
        self.day_tokens = 0

    def move(self, clock: float) -> None:
        """A clock that goes back takes everything with it."""
        back = max(self.clock - clock, 0.0) if self.clock > -inf else 0.0
        self.began = [(at - back, tokens) for at, tokens in self.began]
        self.until = {ticket: at - back for ticket, at in self.until.items()}
        self.paused -= back
        self.clock = clock
        self.until = {ticket: at for ticket, at in self.until.items() if at > clock}

    def has_room_for_two(self, limits: AccountLimits, tokens: int) -> bool:
        """Whether a request may begin though another, of one token, is before it."""
        minute = [used for at, used in self.began if at > self.clock - WINDOW_SECONDS]
        day_tokens = 0 if int(self.clock // DAY_SECONDS) > self.day else self.day_tokens
        return (
            (not limits.concurrency or len(self.until) + 1 < limits.concurrency)
            and (not limits.rpm or len(minute) + 1 < limits.rpm)
            and (not limits.tpm or sum(minute) + tokens + 1 <= limits.tpm)
            and (not limits.tpd or day_tokens + tokens + 1 <= limits.tpd)
        )

    def take(self, ticket: str, limits: AccountLimits, tokens: int) -> Wait | None:
        now = self.clock
        minute = [(at, used) for at, used in self.began if at > now - WINDOW_SECONDS]
        if int(now // DAY_SECONDS) > self.day:
            self.day_tokens = 0
        self.day = int(now // DAY_SECONDS)
        if limits.tpd and self.day_tokens + tokens > limits.tpd:
            return Wait("tpd", DAY_SECONDS - now % DAY_SECONDS, self.day_tokens)
        waits = [Wait("pause", self.paused - now)] if self.paused > now else []
        if limits.concurrency and len(self.until) >= limits.concurrency:
            waits.append(Wait("concurrency", min(self.until.values()) - now, len(self.until)))
        if limits.rpm and len(minute) >= limits.rpm:
            waits.append(Wait("rpm", minute[-limits.rpm][0] + WINDOW_SECONDS - now, len(minute)))
        spent = sum(used for _, used in minute)
        if limits.tpm and spent + tokens > limits.tpm:
            ends = [at for place, (at, _) in enumerate(minute)
                    if sum(used for _, used in minute[place + 1 :]) + tokens <= limits.tpm]  # fmt: skip
            waits.append(Wait("tpm", ends[0] + WINDOW_SECONDS - now, spent))
        if waits:
            return max(waits, key=lambda wait: wait.seconds)
        self.began.append((now, tokens))
        self.until[ticket] = now + LEASE
        self.day_tokens += tokens
        return None


class Stores(RuleBasedStateMachine):
    """Takes, give-backs, pauses, killed holders and waiters, renewals, two accounts, a clock that jumps both ways."""

    url = ""
    steps = 0

    @initialize()
    def begin(self) -> None:
        redis.Redis.from_url(self.url).flushdb()
        self.clock = Time(1_000_000.0)
        self.memory = MemoryStore(clock=self.clock)
        self.redis = RedisStore(self.url, clock=self.clock, lease_seconds=LEASE)
        self.reference = {"a": Reference(), "b": Reference()}
        self.ghost: dict[str, float] = {}  # account -> when its killed waiter last asked
        self.held: list[tuple[str, str]] = []
        self.number = 0
        self.move()

    def teardown(self) -> None:
        for account, ticket in getattr(self, "held", ()):
            self.redis.give_back(account, ticket)

    def move(self) -> None:
        """Show the time to all."""
        type(self).steps += 1
        for account, reference in self.reference.items():
            before = set(reference.until)
            reference.move(self.clock.now)
            self.memory.give_back(account, "nobody")
            self.redis.give_back(account, "nobody")
            for ticket in before - set(reference.until):  # its lease is over
                self.memory.give_back(account, ticket)

    @rule(account=ACCOUNTS, limits=st.sampled_from(LIMITS), tokens=st.sampled_from([1, 100, 400, 1_000]))
    def take(self, account: str, limits: AccountLimits, tokens: int) -> None:
        self.move()
        self.number += 1
        ticket = f"t{self.number}"
        tokens = tokens if limits.tpm or limits.tpd else 0
        wait = self.redis.take(account, ticket, limits, tokens)
        if self.waits_for_ghost(account) and not self.reference[account].has_room_for_two(limits, tokens):
            assert wait is not None
            assert wait.limit == "turn"
            self.redis.withdraw(account, ticket)
            return
        expected = self.reference[account].take(ticket, limits, tokens)
        beside = self.memory.take(account, ticket, limits, tokens)
        assert (wait is None) == (expected is None) == (beside is None)
        if wait is None:
            self.held.append((account, ticket))
            return
        assert expected is not None
        assert (wait.limit, wait.used) == (expected.limit, expected.used)
        assert wait.seconds == pytest.approx(expected.seconds, abs=1e-3)
        self.redis.withdraw(account, ticket)

    def waits_for_ghost(self, account: str) -> bool:
        since = self.ghost.get(account)
        if since is not None and since <= self.clock.now - PATIENCE:
            del self.ghost[account]
        return account in self.ghost

    @rule(account=ACCOUNTS)
    def kill_a_waiter(self, account: str) -> None:
        self.move()
        if self.waits_for_ghost(account):
            return
        self.number += 1
        limits, tokens = AccountLimits(concurrency=1, tpm=1), 1
        if self.reference[account].until:  # it has to wait, and never asks again
            self.redis.take(account, f"t{self.number}", limits, tokens)
            self.reference[account].take(f"t{self.number}", limits, tokens)
            self.ghost[account] = self.clock.now

    @precondition(lambda self: self.held)
    @rule(which=st.integers(0, 100), after=st.sampled_from([0.0, 1.0]))
    def give_back(self, which: int, after: float) -> None:
        self.move()
        account, ticket = self.held.pop(which % len(self.held))
        until = self.reference[account].until
        if ticket in until:
            until[ticket] = self.clock.now + after
            if not after:
                del until[ticket]
        self.redis.give_back(account, ticket, after)
        self.memory.give_back(account, ticket, after)

    @precondition(lambda self: self.held)
    @rule(which=st.integers(0, 100))
    def kill_a_holder(self, which: int) -> None:
        account, ticket = self.held.pop(which % len(self.held))
        self.redis._held.discard((account, ticket))

    @rule()
    def renew(self) -> None:
        self.move()
        self.redis._renew_once()
        for account, ticket in self.held:
            if ticket in self.reference[account].until:
                self.reference[account].until[ticket] = self.clock.now + LEASE

    @rule(account=ACCOUNTS, seconds=st.sampled_from([1.0, 30.0, 120.0]))
    def pause(self, account: str, seconds: float) -> None:
        self.move()
        self.redis.pause(account, seconds)
        self.memory.pause(account, seconds)
        self.reference[account].paused = max(self.reference[account].paused, self.clock.now + seconds)

    @rule(seconds=SECONDS)
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds
        self.move()

    @rule(seconds=SECONDS)
    def set_the_clock_back(self, seconds: float) -> None:
        self.clock.now -= seconds
        self.ghost = {account: since - seconds for account, since in self.ghost.items()}
        self.move()


def run(url: str, examples: int) -> int:
    machine = type("OnThisServer", (Stores,), {"url": url, "steps": 0})
    own = settings(
        max_examples=examples,
        stateful_step_count=50,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking takes minutes; the steps are printed anyway
    )
    run_state_machine_as_test(machine, settings=own)
    return machine.steps


def test_both_stores_decide_as_the_reference_does(redis_url: str) -> None:
    assert run(redis_url, 10) > 100


@pytest.mark.slow
def test_both_stores_decide_as_the_reference_does_for_5_000_steps(redis_url: str) -> None:
    assert run(redis_url, 150) >= 5_000


@pytest.mark.parametrize("kind", ["memory", "redis"])
def test_a_clock_set_back_over_midnight_and_forth_again_begins_no_new_day(redis_url: str, kind: str) -> None:
    redis.Redis.from_url(redis_url).flushdb()
    clock = Time(11 * DAY_SECONDS + 100)
    store = MemoryStore(clock=clock) if kind == "memory" else RedisStore(redis_url, clock=clock)
    limits = AccountLimits(tpd=1_000)
    assert store.take("a", "t1", limits, 900) is None
    clock.now -= 200
    store.give_back("a", "t1")
    clock.now += 300
    wait = store.take("a", "t2", limits, 200)
    assert wait is not None
    assert (wait.limit, wait.used) == ("tpd", 900)
