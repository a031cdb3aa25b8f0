"""What one emulator remembers: requests, answers, the script, files, the cache and the things it put up with."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Literal

from kimi_emulator.dialects import PLATFORM, Dialect
from kimi_emulator.faults import FaultQueue
from kimi_emulator.inspector.traffic import Traffic
from kimi_emulator.platform.account import Account, RateLimits
from kimi_emulator.platform.batches import Batches
from kimi_emulator.platform.cache import PrefixCache
from kimi_emulator.platform.clock import Clock
from kimi_emulator.platform.files import FileStore
from kimi_emulator.platform.memory import ReasoningMemory
from kimi_emulator.platform.search import Searches
from kimi_emulator.platform.vocabulary import Vocabulary
from kimi_emulator.rules.batches import MODELS as BATCH_MODELS
from kimi_emulator.script import Failure, Reply


@dataclass(frozen=True)
class Limits:
    """Sizes in bytes and counts; tests may make them small."""

    body_bytes: int = 100 * 1024 * 1024
    file_bytes: int = 100 * 1024 * 1024
    files: int = 1000
    total_bytes: int = 10 * 1024**3


@dataclass(frozen=True)
class Settings:
    """How this emulator behaves. ``today`` None means the real date, in UTC, at every request."""

    api_key: str = "sk-test-emulator"
    today: date | None = None
    k3_requires_reasoning: bool = False
    pending_polls: int = 0
    chunk_size: int | None = None
    limits: Limits = field(default_factory=Limits)
    rates: RateLimits = field(default_factory=RateLimits)
    balance: float | None = None
    dialect: Dialect = PLATFORM
    retired: bool = False
    models: frozenset[str] | None = None
    mfjs: Literal["live", "strict", "ultra"] = "live"
    k3_named_choice: Literal["refuse", "ignore"] = "refuse"
    batch_seconds: float = 0.0
    batch_models: frozenset[str] = BATCH_MODELS
    inspector: bool = True
    vocabulary: Vocabulary | None = None

    def day(self) -> date:
        """The day that decides which models exist."""
        return self.today or datetime.now(UTC).date()


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
    """What a rule had to say about a request; ``rule`` is an id in ``RULES``.

    ``request`` is the position of the request in ``Emulator.requests``.
    """

    rule: str
    message: str
    request: int


class State:
    """Everything the server thread writes and a test reads. ``reset`` forgets all of it but the settings."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.lock = threading.RLock()
        self.requests: list[ReceivedRequest] = []
        self.replies: list[dict[str, Any]] = []
        self.report: list[Report] = []
        self.refusals: list[Report] = []
        self.files = FileStore()
        self.batches = Batches()
        self.cache = PrefixCache()
        self.memory = ReasoningMemory()
        self.clock = Clock()
        self.faults = FaultQueue()
        self.account = Account(settings.rates, settings.balance, self.clock)
        self.searches = Searches()
        self.traffic = Traffic()
        self._script: deque[Reply | Failure] = deque()

    def script(self, *items: Reply | Failure) -> None:
        """Queue answers, one for each chat request that passes the checks."""
        for item in items:
            if not isinstance(item, Reply | Failure):
                raise TypeError(f"script() takes Reply and Failure objects, not {type(item).__name__}")
        with self.lock:
            self._script.extend(items)

    def scripted(self) -> Reply | Failure | None:
        """The next queued answer, if any."""
        with self.lock:
            return self._script.popleft() if self._script else None

    def pending(self) -> list[Reply | Failure]:
        """Queued answers that no request has used yet."""
        with self.lock:
            return list(self._script)

    def received(self, request: ReceivedRequest) -> int:
        """Keep a request; its position in ``requests``."""
        with self.lock:
            self.requests.append(request)
            return len(self.requests) - 1

    def tolerated(self, rule: str, message: str, request: int) -> None:
        """Note something that was let through."""
        with self.lock:
            self.report.append(Report(rule, message, request))

    def refused(self, rule: str, message: str, request: int) -> None:
        """Note which rule refused a request."""
        with self.lock:
            self.refusals.append(Report(rule, message, request))

    def answered(self, body: Mapping[str, Any], message: dict[str, Any]) -> None:
        """Keep an answer, and the thinking that belongs to it."""
        with self.lock:
            self.replies.append(message)
            self.memory.remember(body["messages"], message)

    def reset(self) -> None:
        """Forget requests, replies, reports, refusals, the script, faults, files, the cache and what was used up."""
        with self.lock:
            self.requests.clear()
            self.replies.clear()
            self.report.clear()
            self.refusals.clear()
            self._script.clear()
            self.faults.clear()
            self.account.clear()
            self.cache.clear()
            self.memory.clear()
            self.searches.clear()
            self.batches.clear()
            self.traffic.clear()
            self.files.clear()
