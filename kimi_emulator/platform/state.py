"""What one emulator remembers: requests, answers, the script, files, the cache, and odd requests that it accepted."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kimi_emulator.errors import ApiError
from kimi_emulator.platform.account import Account
from kimi_emulator.platform.batches import Batches
from kimi_emulator.platform.cache import PrefixCache
from kimi_emulator.platform.clock import Clock
from kimi_emulator.platform.files import FileStore
from kimi_emulator.platform.memory import ReasoningMemory
from kimi_emulator.platform.search import Searches
from kimi_emulator.platform.vocabulary import Vocabulary
from kimi_emulator.script import Failure, Reply, ToolCall
from kimi_emulator.settings import Settings

__all__ = ["ReceivedRequest", "Report", "State"]


@dataclass
class ReceivedRequest:
    """One request as it arrived.

    * ``path``: with its leading ``/v1``; ``headers``: names in lower case;
    * ``body``: the bytes, empty for uploads, whose parts are described by ``form`` (``purpose``, ``filename``,
      ``size`` in bytes, ``sha256`` in hex, other text fields under their names);
    * ``json``: the parsed body, or None.
    """

    method: str
    path: str
    headers: dict[str, str]
    query: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    json: Any = None
    form: dict[str, Any] | None = None


@dataclass(frozen=True)
class Report:
    """A rule's note on a request; ``rule`` is an id in ``RULES``.

    ``request`` is the position of the request in ``Emulator.requests``.
    """

    rule: str
    message: str
    request: int


class State:
    """Everything the server thread writes and a test reads. ``reset`` forgets all of it but the settings."""

    def __init__(self, settings: Settings, vocabulary: str | os.PathLike[str] | None = None) -> None:
        self.settings = settings
        self.vocabulary: Vocabulary | None = None if vocabulary is None else Vocabulary(vocabulary)
        self.lock: threading.RLock = threading.RLock()
        self.requests: list[ReceivedRequest] = []
        self.replies: list[dict[str, Any]] = []
        self.report: list[Report] = []
        self.refusals: list[Report] = []
        self.files: FileStore = FileStore()
        self.batches: Batches = Batches()
        self.clock: Clock = Clock()
        self.cache: PrefixCache = PrefixCache(self.clock)
        self.memory: ReasoningMemory = ReasoningMemory()
        self.account: Account = Account(settings.rates, settings.balance, self.clock)
        self.searches: Searches = Searches()
        self._script: deque[Reply | Failure] = deque()

    def script(self, *items: Reply | Failure) -> None:
        """Queue answers, one for each chat request that passes the checks."""
        for item in items:
            if not isinstance(item, Reply | Failure):
                raise TypeError(f"script() takes Reply and Failure objects, not {_class_name(item)}")
            calls = item.tool_calls if isinstance(item, Reply) else ()
            strange = (
                [calls] if isinstance(calls, ToolCall | str) else [c for c in calls if not isinstance(c, ToolCall)]
            )
            if strange:
                raise TypeError(
                    f"Reply.tool_calls holds ToolCall objects, not {_class_name(strange[0])}: {strange[0]!r}. "
                    "What to do: Reply(tool_calls=[ToolCall(name, arguments)])"
                )
        with self.lock:
            self._script.extend(items)

    def next_scripted(self) -> Reply | Failure | None:
        """The next queued answer, if any."""
        with self.lock:
            return self._script.popleft() if self._script else None

    def pending(self) -> list[Reply | Failure]:
        """Queued answers that no request has used yet."""
        with self.lock:
            return list(self._script)

    def record_request(self, request: ReceivedRequest) -> int:
        """Keep a request; its position in ``requests``."""
        with self.lock:
            self.requests.append(request)
            return len(self.requests) - 1

    def record_tolerated(self, rule: str, message: str, request: int) -> None:
        """Note something that was let through."""
        with self.lock:
            self.report.append(Report(rule, message, request))

    def record_refusal(self, error: ApiError, request: int) -> None:
        """Note which rule refused a request, if it was one."""
        if error.rule is not None:
            with self.lock:
                self.refusals.append(Report(error.rule, error.message, request))

    def record_answer(self, body: Mapping[str, Any], message: dict[str, Any]) -> None:
        """Keep an answer, and the thinking that belongs to it."""
        with self.lock:
            self.replies.append(message)
            self.memory.remember(body["messages"], message)

    def clear(self) -> None:
        """Forget everything but the settings, the time and what counts tokens."""
        with self.lock:
            for records in (self.requests, self.replies, self.report, self.refusals, self._script):
                records.clear()
            for part in (self.account, self.cache, self.memory, self.searches, self.batches, self.files):
                part.clear()


def _class_name(value: object) -> str:
    """The name of a value's class, with its module: other packages have a ``ToolCall`` too."""
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
