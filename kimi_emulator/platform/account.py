"""What an account may do: rate limits by tier, and the money on it.

https://platform.kimi.ai/docs/pricing/limits. The gateway counts the prompt plus the output that was asked for, before
the model starts; where no limit was asked for, the model's default counts (131,072 on K3). Money counts what was
really used. Requests that are refused here cost nothing and count nowhere.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from typing import Any

from kimi_emulator.errors import ApiError
from kimi_emulator.platform.clock import Clock
from kimi_emulator.platform.models import MODELS
from kimi_emulator.settings import RateLimits

__all__ = ["Account", "price"]

ORGANIZATION = "org-0000000000000000emulated"
KEY_ID = "ak-0000000000000000emulated"
_MINUTE = 60.0


class Account:
    """The account behind the emulator's key. ``balance`` in USD; None never runs out."""

    def __init__(self, limits: RateLimits, balance: float | None, clock: Clock) -> None:
        self.limits = limits
        self.clock = clock
        self._start = balance
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        """Back to a fresh minute, a fresh day and the first balance."""
        with self._lock:
            self._running = 0
            self._minute: deque[tuple[float, int]] = deque()
            self._day, self._day_tokens = "", 0
            self.balance = self._start

    @property
    def running(self) -> int:
        """How many requests have begun and not ended."""
        return self._running

    def admit(self, tokens: int) -> None:
        """Let a request of so many tokens (prompt and asked-for output) begin; ``release`` must follow.

        Raises:
            ApiError: 429, in the recorded words.
        """
        with self._lock:
            self.check_balance()
            now, day, limits = self.clock.now(), self.clock.day(), self.limits
            while self._minute and self._minute[0][0] <= now - _MINUTE:
                self._minute.popleft()
            if day != self._day:
                self._day, self._day_tokens = day, 0
            spent = sum(used for _, used in self._minute)
            if limits.concurrency is not None and self._running >= limits.concurrency:
                raise _limit_error(
                    f"max organization concurrency: {limits.concurrency}, please try again after 1 seconds"
                )
            if limits.rpm is not None and len(self._minute) >= limits.rpm:
                raise _limit_error(f"organization max RPM: {limits.rpm}, please try again after 1 seconds")
            if limits.tpm is not None and spent + tokens > limits.tpm:
                raise _limit_error(
                    f"project TPM rate limit, current: {spent + tokens}, limit: {limits.tpm}, "
                    "please try again after 1 seconds"
                )
            if limits.tpd is not None and self._day_tokens + tokens > limits.tpd:
                current = self._day_tokens + tokens
                raise _limit_error(f"organization TPD rate limit, current: {current}, limit: {limits.tpd}", wait=False)
            self._running += 1
            self._minute.append((now, tokens))
            self._day_tokens += tokens

    def check_balance(self) -> None:
        """Raise the recorded 429 when the money is gone."""
        if self.balance is not None and self.balance <= 0:
            raise ApiError(
                429,
                "exceeded_current_quota_error",
                f"Your account {ORGANIZATION} <{KEY_ID}> is suspended due to insufficient balance, "
                "please recharge your account or check your plan and billing details",
            )

    def release(self) -> None:
        """A request has ended."""
        with self._lock:
            self._running -= 1

    def charge(self, model: str, usage: Mapping[str, Any], share: float = 1.0) -> None:
        """Take the price of an answer, or a share of it, off the balance."""
        if self.balance is None:
            return
        with self._lock:
            self.balance -= price(model, usage) * share

    def statement(self) -> dict[str, float]:
        """The ``data`` of ``GET /v1/users/me/balance``: what may be spent, and of which kind it is."""
        if self.balance is None:
            return {"available_balance": 49.58894, "voucher_balance": 46.58893, "cash_balance": 3.00001}
        left = round(self.balance, 5)
        return {"available_balance": left, "voucher_balance": 0.0, "cash_balance": left}


def price(model: str, usage: Mapping[str, Any]) -> float:
    """What an answer costs, in USD. Ids that are no model here cost as K2.6 does."""
    cached, uncached, output = MODELS.get(model, MODELS["kimi-k2.6"]).price
    read = usage.get("cached_tokens") or 0
    written = (usage.get("prompt_tokens") or 0) - read
    return (read * cached + written * uncached + (usage.get("completion_tokens") or 0) * output) / 1_000_000


def _limit_error(what: str, *, wait: bool = True) -> ApiError:
    """A recorded refusal: only this kind of 429 carried the three headers. A day's budget names no wait."""
    names = ("Retry-After", "X-Retry-After", "Msh-Cooldown-Seconds") if wait else ()
    message = f"Your account {ORGANIZATION}<{KEY_ID}> request reached {what}"
    return ApiError(429, "rate_limit_reached_error", message, dict.fromkeys(names, "1"))
