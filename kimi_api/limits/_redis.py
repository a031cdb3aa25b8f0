"""`RedisStore`: one account's counts for many processes and machines."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from kimi_api.errors import KimiInputError, KimiLimitError
from kimi_api.limits._model import WINDOW_SECONDS, AccountLimits, Wait

if TYPE_CHECKING:
    import redis

logger = logging.getLogger(__name__)

_PATIENCE_SECONDS = 5.0  # a waiting process that has not asked for so long is gone
_KEPT_SECONDS = 2 * 86_400  # keys of an account that is not used any more

_NOW = """
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) + tonumber(time[2]) / 1000000
end
local running, minute, totals, queue, seen = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local ticket = ARGV[2]
"""

# One script, so that no other process comes between looking and counting. Seconds are returned as text: Redis cuts
# Lua's numbers down to whole ones.
_TAKE = (
    _NOW
    + """
local tokens, window, lease, patience = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local concurrency, rpm, tpm, tpd = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])

for _, gone in ipairs(redis.call('ZRANGEBYSCORE', seen, '-inf', now - patience)) do
  redis.call('ZREM', queue, gone)
  redis.call('ZREM', seen, gone)
end
if not redis.call('ZSCORE', queue, ticket) then
  redis.call('ZADD', queue, redis.call('HINCRBY', totals, 'sequence', 1), ticket)
end
redis.call('ZADD', seen, now, ticket)
for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, ARGV[11]) end
if redis.call('ZRANGE', queue, 0, 0)[1] ~= ticket then
  return {'turn', '1', redis.call('ZCARD', queue)}
end

redis.call('ZREMRANGEBYSCORE', running, '-inf', now)
for _, entry in ipairs(redis.call('ZRANGEBYSCORE', minute, '-inf', now - window)) do
  redis.call('HINCRBY', totals, 'spent', -tonumber(string.match(entry, ':(%d+)$')))
end
redis.call('ZREMRANGEBYSCORE', minute, '-inf', now - window)
local today = tostring(math.floor(now / 86400))
if redis.call('HGET', totals, 'day') ~= today then
  redis.call('HSET', totals, 'day', today, 'day_tokens', 0)
end
local spent = tonumber(redis.call('HGET', totals, 'spent') or 0)
local day_tokens = tonumber(redis.call('HGET', totals, 'day_tokens') or 0)

if tpd and day_tokens + tokens > tpd then
  return {'tpd', tostring(86400 - now % 86400), day_tokens}
end
local limit, seconds, used = nil, -1, 0
local function wait(name, until_, count)
  if until_ - now > seconds then limit, seconds, used = name, until_ - now, count end
end
local answers = redis.call('ZCARD', running)
if concurrency and answers >= concurrency then
  wait('concurrency', tonumber(redis.call('ZRANGE', running, 0, 0, 'WITHSCORES')[2]), answers)
end
local requests = redis.call('ZCARD', minute)
if rpm and requests >= rpm then
  local place = requests - rpm
  wait('rpm', tonumber(redis.call('ZRANGE', minute, place, place, 'WITHSCORES')[2]) + window, requests)
end
if tpm and spent + tokens > tpm then
  local left = spent
  local entries = redis.call('ZRANGE', minute, 0, -1, 'WITHSCORES')
  for at = 1, #entries, 2 do
    left = left - tonumber(string.match(entries[at], ':(%d+)$'))
    if left + tokens <= tpm then
      wait('tpm', tonumber(entries[at + 1]) + window, spent)
      break
    end
  end
end
if limit then return {limit, tostring(seconds), used} end

redis.call('ZADD', running, now + lease, ticket)
redis.call('ZADD', minute, now, ticket .. ':' .. tokens)
redis.call('HINCRBY', totals, 'spent', tokens)
redis.call('HINCRBY', totals, 'day_tokens', tokens)
redis.call('ZREM', queue, ticket)
redis.call('ZREM', seen, ticket)
for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, ARGV[11]) end
return {'', '0', 0}
"""
)

_KEEP = (
    _NOW
    + """
local seconds = tonumber(ARGV[3])
if seconds > 0 then
  return redis.call('ZADD', running, 'XX', now + seconds, ticket)
end
return redis.call('ZREM', running, ticket)
"""
)

_WITHDRAW = (
    _NOW
    + """
redis.call('ZREM', seen, ticket)
return redis.call('ZREM', queue, ticket)
"""
)


class RedisStore:
    """Counts in a Redis server (5 or newer), for all processes that name the same one. Needs the extra `redis`.

        AccountLimits.tier(1, store=RedisStore("redis://10.0.0.5:6379/0"))

    Each decision is one script on the server, by the server's clock. Processes take turns; within one it is first come
    first served. A process that dies holds its answers' places for `lease_seconds` at most, and its place in the queue
    for five. A pickle carries the address, with the password in it; reprs and dumps of models do not.

    Args:
        url: `redis://`, `rediss://` or `unix://`, as redis-py takes it.
        client: a `redis.Redis` to use instead (then it is not picklable).
        prefix: what the names of our keys begin with.
        lease_seconds: how long a place is held without a sign of life; living processes renew it in time.
        poll_seconds: how often the next request of each process asks.
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
        self._scripts: dict[str, Any] = {}
        self._held: set[tuple[str, str]] = set()
        self._renewing: threading.Event | None = None
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
            raise TypeError("a RedisStore around a client cannot be pickled: make it from the server's url")
        own = ("_lock", "_scripts", "_held", "_renewing", "_process")
        return {name: value for name, value in self.__dict__.items() if name not in own}

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
        arguments = [tokens, WINDOW_SECONDS, self._lease, _PATIENCE_SECONDS, *numbers, _KEPT_SECONDS]
        limit, seconds, used = self._run(_TAKE, account, ticket, *arguments)
        if not limit:
            self._hold(account, ticket)
            return None
        return Wait(limit.decode() if isinstance(limit, bytes) else limit, float(seconds), int(used))

    def give_back(self, account: str, ticket: str, after: float = 0.0) -> None:
        """See `LimitStore`. Out of reach, the place is free after `lease_seconds`."""
        with self._lock:
            self._held.discard((account, ticket))
            if not self._held and self._renewing is not None:
                self._renewing.set()
                self._renewing = None
        self._tell(_KEEP, account, ticket, after)

    def withdraw(self, account: str, ticket: str) -> None:
        """See `LimitStore`."""
        self._tell(_WITHDRAW, account, ticket)

    # ------------------------------------------------------------------------ the server

    def _tell(self, script: str, account: str, ticket: str, *arguments: Any) -> None:
        try:
            self._run(script, account, ticket, *arguments)
        except KimiLimitError as error:
            logger.warning("%s", error)

    def _run(self, script: str, account: str, ticket: str, *arguments: Any) -> Any:
        try:
            from redis.exceptions import RedisError
        except ImportError as error:
            raise ImportError("RedisStore needs redis-py: pip install 'kimi-integrations[redis]'") from error
        now = "" if self._clock is None else self._clock()
        # The braces keep an account's keys on one node of a cluster.
        keys = [f"{self._prefix}:{{{account}}}:{name}" for name in ("running", "minute", "totals", "queue", "seen")]
        try:
            return self._script(script)(keys=keys, args=[now, ticket, *arguments])
        except RedisError as error:
            raise KimiLimitError(
                f"the store of the account's limits, {self._where()}, gave no answer ({error}). "
                "Check that the Redis server runs and can be reached from here"
            ) from error

    def _script(self, text: str) -> Any:
        with self._lock:
            if self._process != os.getpid():  # forked: what is held belongs to the parent
                self._held, self._renewing, self._process = set(), None, os.getpid()
            found = self._scripts.get(text)
            if found is None:
                if self._client is None:
                    import redis

                    # 5 s each: a server that is out of reach must be an error, not a call that hangs.
                    client = redis.Redis.from_url(str(self._url), socket_timeout=5.0, socket_connect_timeout=5.0)
                else:
                    client = self._client
                found = self._scripts[text] = client.register_script(text)
            return found

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
            with self._lock:
                held = list(self._held)
            for account, ticket in held:
                self._tell(_KEEP, account, ticket, self._lease)
                with self._lock:
                    gone = (account, ticket) not in self._held
                if gone:  # given back meanwhile; XX did not bring it back unless it still counted for a moment
                    self._tell(_KEEP, account, ticket, 0.0)
