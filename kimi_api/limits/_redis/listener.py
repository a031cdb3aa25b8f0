"""Hear from the Redis server whose turn it is, instead of asking again and again."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import redis

logger = logging.getLogger(__name__)

_IDLE_SECONDS = 5.0  # how long the connection stays open after the last waiting request
_LOOK_SECONDS = 0.5  # how often an idle thread looks whether anybody waits


class TurnListener:
    """Wakes waiting requests of one account when the server names their ticket.

    What it misses (before it is connected, or while the server is away) the waiting request learns at its next poll.

    Args:
        connect: gives the client to listen with.
        channel: where the server names the ticket that is next.
    """

    def __init__(self, connect: Callable[[], redis.Redis], channel: str) -> None:
        self.wakes: dict[str, Callable[[], None]] = {}
        self._connect = connect
        self._channel = channel
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Listen in a thread of its own, until nobody has waited for some seconds."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._listen, name="kimi-limits-turn", daemon=True)
                self._thread.start()

    def _listen(self) -> None:
        from redis.exceptions import RedisError

        try:
            with self._connect().pubsub(ignore_subscribe_messages=True) as messages:
                messages.subscribe(self._channel)
                self._wake_all()  # who was next before this connection stood
                wanted_at = time.monotonic()
                while time.monotonic() - wanted_at < _IDLE_SECONDS:
                    self._wake(messages.get_message(timeout=_LOOK_SECONDS))
                    if self.wakes:
                        wanted_at = time.monotonic()
        except RedisError as error:
            logger.debug(
                "no messages from the Redis server about whose turn it is, so requests ask it again and again: %s",
                error,
            )
        finally:
            with self._lock:
                self._thread = None

    def _wake(self, message: dict[str, Any] | None) -> None:
        if message is None:
            return
        tickets = message["data"]
        for ticket in (tickets.decode() if isinstance(tickets, bytes) else tickets).split():
            wake = self.wakes.get(ticket)
            if wake is not None:
                wake()

    def _wake_all(self) -> None:
        for wake in list(self.wakes.values()):
            wake()
