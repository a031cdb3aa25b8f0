"""`RedisStore`: one account's counts for many processes and machines."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from kimi_api.errors import KimiInputError, KimiLimitError
from kimi_api.limits._model import WINDOW_SECONDS, AccountLimits, Wait
from kimi_api.limits._redis.listener import TurnListener
from kimi_api.limits._redis.scripts import KEEP, PAUSE, TAKE, WITHDRAW

if TYPE_CHECKING:
    import redis

logger = logging.getLogger(__name__)

_PATIENCE_SECONDS = 5.0  # a waiting process that has not asked for so long is gone
_KEPT_SECONDS = 2 * 86_400  # keys of an account that is not used any more
_AT_ONCE = 32  # questions to the server; redis-py 8 refuses the 101st connection of a client ("Too many connections")
_TIMEOUT_SECONDS = 5.0  # a server that is out of reach must be an error, not a call that hangs


class RedisStore:
    """Counts in a Redis server (5 or newer), for all processes that name the same one. Needs the extra `redis`.

        AccountLimits.tier(1, store=RedisStore("redis://10.0.0.5:6379/0"))

    Each decision is one script on the server, by the server's clock. Processes take turns; within one it is first come
    first served. The server tells the process whose request is next, over a connection of its own that is open while
    requests wait. A process that dies holds its permits for `lease_seconds` at most, and its place in the queue for
    five. A server that does not answer within five seconds fails all requests that wait at that moment, with one error
    each, and is logged once until it answers again. A pickle carries the address, with the password in it; reprs and
    dumps of models do not.

    Args:
        url: `redis://`, `rediss://` or `unix://`, as redis-py takes it.
        client: a `redis.Redis` to use instead (then it is not picklable).
        prefix: what the names of our keys begin with.
        lease_seconds: how long a place is held without a sign of life; living processes renew it in time.
        poll_seconds: how often the next request of each process asks, should the server's word not arrive.
        clock: seconds since 1970, for tests; None: the server's.
    """

    blocking = True

    def __init__(
        self,
        url: str | None = None,
        *,
        client: redis.Redis | None = None,
        prefix: str = "kimi-limits",
        lease_seconds: float = 60.0,
        poll_seconds: float = 0.2,
        clock: Callable[[], float] | None = None,
    ) -> None:
        if (url is None) == (client is None):
            raise KimiInputError("url", url, "either url or client is needed", 'pass e.g. "redis://localhost:6379/0"')
        if lease_seconds <= 0:
            raise KimiInputError("lease_seconds", lease_seconds, "it is a number of seconds above 0", "leave it out")
        self.poll_seconds = poll_seconds
        self._url = url
        self._client = client
        self._prefix = prefix
        self._lease = lease_seconds
        self._clock = clock
        self._begin()

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._slots = threading.BoundedSemaphore(_AT_ONCE)
        self._scripts: dict[str, Any] = {}
        self._held: set[tuple[str, str]] = set()
        self._owed: list[tuple[str, str]] = []  # permits that could not be given back
        self._renewing: threading.Event | None = None
        self._connection: redis.Redis | None = self._client
        self._listeners: dict[str, TurnListener] = {}
        self._failed_at: float | None = None  # on the monotonic clock; None: the server answered last time
        self._process = os.getpid()

    def __repr__(self) -> str:
        return f"RedisStore({self._where()!r}, prefix={self._prefix!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RedisStore) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def _identity(self) -> tuple[Any, ...]:
        return self._url, id(self._client) if self._client is not None else None, self._prefix

    def _where(self) -> str:
        """The address without a user or password."""
        if self._url is None:
            return "a client of yours"
        parts = urlsplit(self._url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    def __getstate__(self) -> dict[str, Any]:
        if self._client is not None:
            raise TypeError("a RedisStore around a client cannot be pickled: make it with url=... instead")
        settings = ("poll_seconds", "_url", "_client", "_prefix", "_lease", "_clock")
        return {name: value for name, value in self.__dict__.items() if name in settings}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._begin()

    def __deepcopy__(self, memo: dict[int, Any]) -> RedisStore:
        return self

    # ------------------------------------------------------------------------ what a store does

    def take(self, account: str, ticket: str, limits: AccountLimits, tokens: int) -> Wait | None:
        """See `LimitStore`.

        Raises:
            KimiLimitError: the server does not answer. Requests are held back rather than sent uncounted.
            ImportError: redis-py is missing.
        """
        numbers = ["" if limit is None else limit for limit in (limits.concurrency, limits.rpm, limits.tpm, limits.tpd)]
        arguments = [tokens, WINDOW_SECONDS, self._lease, _PATIENCE_SECONDS, *numbers]
        limit, seconds, used = self._run(TAKE, account, ticket, *arguments)
        if not limit:
            self._hold(account, ticket)
            return None
        listener = self._listener(account)
        if ticket in listener.wakes:
            listener.start()
        return Wait(limit.decode() if isinstance(limit, bytes) else limit, float(seconds), int(used))

    def give_back(self, account: str, ticket: str, after: float = 0.0) -> None:
        """See `LimitStore`. If the server cannot be reached, it is told once it answers again."""
        with self._lock:
            self._held.discard((account, ticket))
            if not self._held and self._renewing is not None:
                self._renewing.set()
                self._renewing = None
        if not self._try(KEEP, account, ticket, after):
            with self._lock:
                self._owed.append((account, ticket))

    def withdraw(self, account: str, ticket: str) -> None:
        """See `LimitStore`."""
        self._try(WITHDRAW, account, ticket)

    def pause(self, account: str, seconds: float) -> None:
        """See `SharedStore`."""
        self._try(PAUSE, account, "", seconds)

    def subscribe(self, account: str, ticket: str, wake: Callable[[], None]) -> None:
        """See `SharedStore`. Connects only when a request of the account has to wait."""
        self._listener(account).wakes[ticket] = wake

    def unsubscribe(self, account: str, ticket: str) -> None:
        """See `SharedStore`."""
        self._listener(account).wakes.pop(ticket, None)

    # ------------------------------------------------------------------------ the server

    def _try(self, script: str, account: str, ticket: str, *arguments: object) -> bool:
        """Tell the server something that it would also learn by waiting. Skipped for some seconds after a failure.

        Returns:
            Whether it was told.
        """
        failed_at = self._failed_at
        if failed_at is not None and time.monotonic() - failed_at < _TIMEOUT_SECONDS:
            return False
        try:
            self._run(script, account, ticket, *arguments)
        except KimiLimitError as error:
            logger.debug("%s", error)
            return False
        return True

    def _run(self, script: str, account: str, ticket: str, *arguments: object) -> Any:  # noqa: ANN401 - each script gives its own
        try:
            from redis.exceptions import RedisError
        except ImportError as error:
            raise ImportError("RedisStore needs redis-py: pip install 'kimi-integrations[redis]'") from error
        now = "" if self._clock is None else self._clock()
        # The braces keep an account's keys on one node of a cluster.
        names = ("running", "minute", "totals", "queue", "seen", "wanted")
        keys = [f"{self._prefix}:{{{account}}}:{name}" for name in names]
        try:
            ask = self._script(script)
            with self._asking():
                answer = ask(keys=keys, args=[now, ticket, _KEPT_SECONDS, self._channel(account), *arguments])
        except RedisError as error:
            refusal = KimiLimitError(
                f"the store of the account's limits, {self._where()}, gave no answer ({error}). "
                "Check that the Redis server runs and can be reached from here"
            )
            with self._lock:
                first, self._failed_at = self._failed_at is None, time.monotonic()
            if first:
                logger.warning("%s (logged once until it answers again)", refusal)
            raise refusal from error
        if self._failed_at is not None or self._owed:
            self._note_return()
        return answer

    def _note_return(self) -> None:
        """The server answers: log it if it did not before, and give back the permits that it still holds."""
        with self._lock:
            away, self._failed_at = self._failed_at is not None, None
            owed, self._owed = self._owed, []
        if away:
            logger.warning("the store of the account's limits, %s, answers again", self._where())
        for account, ticket in owed:
            self.give_back(account, ticket)

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """As many threads at once as there are connections for; redis-py's `TimeoutError` after five seconds."""
        from redis.exceptions import TimeoutError as RedisTimeoutError

        slots = self._slots
        if not slots.acquire(timeout=_TIMEOUT_SECONDS):
            raise RedisTimeoutError(f"{_AT_ONCE} other threads wait for it")
        try:
            yield
        finally:
            slots.release()

    def _channel(self, account: str) -> str:
        return f"{self._prefix}:{{{account}}}:turn"

    def _script(self, text: str) -> Callable[..., Any]:
        with self._lock:
            self._renew_after_fork()
            script = self._scripts.get(text)
            if script is None:
                script = self._scripts[text] = self._connect().register_script(text)
            return script

    def _listener(self, account: str) -> TurnListener:
        with self._lock:
            self._renew_after_fork()
            listener = self._listeners.get(account)
            if listener is None:
                listener = self._listeners[account] = TurnListener(self._connect, self._channel(account))
            return listener

    def _renew_after_fork(self) -> None:
        """In a forked process: permits and waiting requests are the parent's, and no thread of its came along."""
        if self._process != os.getpid():
            self._held, self._renewing, self._listeners, self._process = set(), None, {}, os.getpid()
            self._owed = []
            self._slots = threading.BoundedSemaphore(_AT_ONCE)

    def _connect(self) -> redis.Redis:
        if self._connection is None:
            import redis
            from redis.backoff import NoBackoff
            from redis.exceptions import ConnectionError as Disconnected
            from redis.retry import Retry

            # A connection that the server closed while it was idle is opened again; a time-out is not waited for twice.
            again = Retry(NoBackoff(), 1, supported_errors=(Disconnected,))
            self._connection = redis.Redis.from_url(
                str(self._url), socket_timeout=_TIMEOUT_SECONDS, socket_connect_timeout=_TIMEOUT_SECONDS, retry=again
            )
        return self._connection

    # ------------------------------------------------------------------------ signs of life

    def _hold(self, account: str, ticket: str) -> None:
        with self._lock:
            self._held.add((account, ticket))
            if self._renewing is not None:
                return
            done = self._renewing = threading.Event()
        threading.Thread(target=self._renew, args=(done,), name="kimi-limits-lease", daemon=True).start()

    def _renew(self, done: threading.Event) -> None:
        """Renew what is held until nothing is."""
        while not done.wait(self._lease / 3):
            self._renew_once()

    def _renew_once(self) -> None:
        with self._lock:
            held = list(self._held)
        for account, ticket in held:
            self._try(KEEP, account, ticket, self._lease)
            with self._lock:
                gone = (account, ticket) not in self._held
            if gone:  # given back meanwhile; XX did not bring it back unless it still counted for a moment
                self._try(KEEP, account, ticket, 0.0)
