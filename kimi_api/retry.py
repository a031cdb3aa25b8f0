"""The one retry policy: what is sent again, and after how long.

The SDK's own retries are switched off, because they repeat an exhausted quota (a 429 on Kimi) and a read time-out that
may already have been paid for. n retries mean n + 1 requests at most.
"""

from __future__ import annotations

import logging
import random
from typing import TYPE_CHECKING, Any, TypeVar

from kimi_api._transport import observer as _observer
from kimi_api.errors._base import name_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tenacity import RetryCallState

    from kimi_api._transport.deadline import Deadline

T = TypeVar("T")

__all__ = ["FIRST_WAIT", "LONGEST_RETRY_AFTER", "LONGEST_WAIT", "Retries", "is_retryable", "wait_seconds"]

logger: logging.Logger = logging.getLogger(__name__)

FIRST_WAIT = 0.5
LONGEST_WAIT = 60.0
LONGEST_RETRY_AFTER = 120.0
"""A server that asks for more (a day's budget, a long maintenance) is not waited for: the error says `retry_after`."""


def wait_seconds(attempt: int, retry_after: float | None = None, jitter: float | None = None) -> float:
    """Seconds before retry number `attempt` (1 = the first).

    Exponential from 0.5 s to 60 s with up to half taken off at random, and never shorter than the server asks for:
    `Retry-After: 1` was recorded on an account limited to 3 requests a minute, where only a longer wait helps.
    """
    backoff = min(FIRST_WAIT * 2.0 ** min(attempt - 1, 30), LONGEST_WAIT)
    spread = random.random() if jitter is None else jitter  # noqa: S311 - spreads load, keeps no secret
    return max(backoff * (1 - spread / 2), retry_after or 0.0)


def is_retryable(error: BaseException) -> bool:
    """Whether the same request may be sent again without harm, and within a time that a caller can be kept waiting."""
    return getattr(error, "retryable", False) and (getattr(error, "retry_after", None) or 0.0) <= LONGEST_RETRY_AFTER


class Retries:
    """How often something may still be sent again; failures and empty answers of one request share it.

    Attributes:
        left: how often still.
        used: how often it was.
        deadline: when the call has to be over, None without `max_seconds`.
    """

    __slots__ = ("deadline", "left", "used")

    def __init__(self, left: int) -> None:
        self.left: int = left
        self.used: int = 0
        self.deadline: Deadline | None = None

    def take(self) -> bool:
        """Use one up; False where none is left."""
        if self.left < 1:
            return False
        self.left -= 1
        self.used += 1
        return True

    def __call__(self, state: RetryCallState) -> bool:
        """Whether to stop, as tenacity asks after each failure that a retry may cure."""
        if self.deadline is not None and self.deadline.seconds_left() <= state.upcoming_sleep:
            error = state.outcome.exception() if state.outcome else None
            if error is not None:
                error.add_note(f"max_seconds={self.deadline.seconds:g} leaves no time to send the request again.")
            return True
        return not self.take()


def run(work: Callable[[], T], retries: Retries) -> T:
    """What `work` gives. After a failure that passes it is called again, as often as `retries` says.

    Nearly all calls succeed at once, and do without tenacity then, whose state for each costs 13 us (`make bench`).

    Raises:
        Exception: its last failure.
    """
    failures: list[BaseException] = []
    try:
        return work()
    except BaseException as error:
        if not is_retryable(error):
            raise
        failures.append(error)

    def attempt() -> T:
        if failures:
            raise failures.pop()
        return work()

    from tenacity import Retrying

    return Retrying(**_policy(retries))(attempt)


async def arun(work: Callable[[], Awaitable[T]], retries: Retries) -> T:
    """The asynchronous twin of `run`."""
    failures: list[BaseException] = []
    try:
        return await work()
    except BaseException as error:
        if not is_retryable(error):
            raise
        failures.append(error)

    async def attempt() -> T:
        if failures:
            raise failures.pop()
        return await work()

    from tenacity import AsyncRetrying

    return await AsyncRetrying(**_policy(retries))(attempt)


def _policy(retries: Retries) -> dict[str, Any]:
    from tenacity import retry_if_exception

    return {
        "retry": retry_if_exception(is_retryable),
        "stop": retries,
        "wait": _wait,
        "before_sleep": _note,
        "reraise": True,
    }


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    return wait_seconds(state.attempt_number, getattr(error, "retry_after", None))


def _note(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    seconds = state.next_action.sleep if state.next_action else 0.0
    note_retry(name_of(error), state.attempt_number, float(seconds))


def note_retry(reason: str, number: int, seconds: float) -> None:
    """Report a request that is sent again, to the log and to the observer.

    Args:
        reason: a class of `kimi_api.errors`; the error's text may hold what users wrote.
        number: 1 for the first time.
        seconds: after how long.
    """
    logger.info("%s: sending the request again in %.1f s (retry %d)", reason, seconds, number)
    if _observer.observer is not None:
        _observer.observer.note_retry(reason, number, seconds)
