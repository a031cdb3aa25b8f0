"""What a run costs: handlers that add up model calls, for LlamaIndex's instrumentation and for its older callbacks."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict, deque
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from llama_index.core.callbacks import CBEventType, EventPayload
from llama_index.core.callbacks.base_handler import BaseCallbackHandler
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.events import BaseEvent
from llama_index.core.instrumentation.events.llm import (
    LLMChatEndEvent,
    LLMChatStartEvent,
    LLMCompletionEndEvent,
    LLMCompletionStartEvent,
)
from pydantic import BaseModel, PrivateAttr

from kimi_api import Price, Usage
from kimi_api.costs import CostTally
from kimi_api.costs._price import USD, PriceTerms
from kimi_api.costs._tally import TallyHolder
from kimi_api.reply import parse_usage

__all__ = ["KimiCostCallbackHandler", "KimiCostEventHandler", "get_kimi_costs"]

logger: logging.Logger = logging.getLogger(__name__)

_STARTS = (LLMChatStartEvent, LLMCompletionStartEvent)
_ENDS = (LLMChatEndEvent, LLMCompletionEndEvent)
_REMEMBERED = 4_096
_LATELY = 32


class KimiCostEventHandler(TallyHolder, BaseEventHandler):
    """Adds up tokens and cost of every model call of the process, by model; `get_kimi_costs` counts one run alone.

        costs = KimiCostEventHandler()
        get_dispatcher().add_event_handler(costs)
        agent.run(...)
        print(costs)  # 3 calls, 2,480 tokens in (1,792 cached), 512 out: 0.010282 USD

    A notebook shows a table of it, and `costs.plot()` draws tokens, cached share and cost of each call.

    Each answer counts once: streamed or not, from parallel agents, and if several dispatchers have the handler.
    Requests that were sent again inside one call are one call. Safe to share between threads and tasks.

    Args:
        prices: prices by model id that go before the catalogue's, per million tokens; for other hosts, which an event
            does not tell apart.
        currency: that of `prices`. The catalogue's are USD, and used for USD only.

    `tally` holds everything counted so far: `cost`, `usage`, `models`, `unpriced` (models without a known price, whose
    calls are not in `cost`), `uncounted_calls` (calls that gave no counts), `as_dict()`; `cost` and its
    sum `total_cost` are also the handler's.
    """

    _tally: CostTally = PrivateAttr()
    _seen: OrderedDict[str, None] = PrivateAttr(default_factory=OrderedDict)
    _terms: OrderedDict[str, PriceTerms] = PrivateAttr(default_factory=OrderedDict)
    _raws: deque[Any] = PrivateAttr(default_factory=lambda: deque(maxlen=_LATELY))
    _scoped: bool = PrivateAttr(default=False)  # whether it counts only what belongs to its `with` block
    _lock: Any = PrivateAttr(default_factory=threading.Lock)

    def __init__(self, prices: Mapping[str, Price] | None = None, currency: str = USD) -> None:
        super().__init__()
        self._tally = CostTally(prices, currency)

    @classmethod
    def class_name(cls) -> str:
        """The name this class is known under."""
        return "KimiCostEventHandler"

    def handle(self, event: BaseEvent, **kwargs: Any) -> None:
        """Count `event` if it begins or ends a call."""
        if not isinstance(event, (*_STARTS, *_ENDS)) or (self._scoped and all(self is not s for s in _scopes.get())):
            return
        try:
            with self._lock:
                if event.id_ in self._seen:
                    return
                _remember(self._seen, event.id_, None)
            if isinstance(event, _STARTS):
                self._begin(event)
            elif isinstance(event, _ENDS):
                self._end(event)
        except Exception:  # the dispatcher would swallow it without a word, and the bill would be too low
            logger.exception("a call was not counted")

    def _begin(self, event: LLMChatStartEvent | LLMCompletionStartEvent) -> None:
        self._tally.begin()
        terms = PriceTerms.of({**event.model_dict, **event.additional_kwargs})
        if terms != PriceTerms():
            with self._lock:
                _remember(self._terms, event.span_id or "", terms)

    def _end(self, event: LLMChatEndEvent | LLMCompletionEndEvent) -> None:
        raw = getattr(event.response, "raw", None)
        with self._lock:
            terms = self._terms.pop(event.span_id or "", PriceTerms())
            # Classes whose `chat` calls their own `complete` (core's CustomLLM) report one answer twice.
            counted = raw is not None and any(raw is known for known in self._raws)
            self._raws.append(raw)
        if counted:
            self._tally.withdraw()
        else:
            _add(self._tally, event.response, terms)


_scopes: ContextVar[tuple[KimiCostEventHandler, ...]] = ContextVar("kimi_costs", default=())


@contextmanager
def get_kimi_costs(
    prices: Mapping[str, Price] | None = None, currency: str = USD
) -> Generator[KimiCostEventHandler, None, None]:
    """Count the calls that are made inside the `with` block, and no others, wherever in LlamaIndex they are made.

        with get_kimi_costs() as costs:
            response = await agent.run("What changed since Tuesday?")
        print(costs)

    Tasks begun inside belong to it; threads do when they are started with the context, as those of `asyncio.to_thread`
    and of newer cores are (0.14.5 loses it in blocking tools: use `KimiCostEventHandler` there). An answer that ends
    after the block is not counted: it stays one of `tally.uncounted_calls`.
    Blocks may stand inside each other: the outer one counts everything.

    Args:
        prices: as for `KimiCostEventHandler`.
        currency: likewise.
    """
    handler = KimiCostEventHandler(prices, currency)
    handler._scoped = True
    root = get_dispatcher()
    root.add_event_handler(handler)
    token = _scopes.set((*_scopes.get(), handler))
    try:
        yield handler
    finally:
        _scopes.reset(token)
        root.event_handlers = [known for known in root.event_handlers if known is not handler]


class KimiCostCallbackHandler(TallyHolder, BaseCallbackHandler):
    """The same for the older callbacks: counts the models that have it in their `callback_manager`.

        costs = KimiCostCallbackHandler()
        llm = Kimi(callback_manager=CallbackManager([costs]))

    Args and `tally` are those of `KimiCostEventHandler`.
    """

    def __init__(self, prices: Mapping[str, Price] | None = None, currency: str = USD) -> None:
        super().__init__(event_starts_to_ignore=[], event_ends_to_ignore=[])
        self._tally = CostTally(prices, currency)
        self._lock = threading.Lock()
        self._running: dict[str, PriceTerms] = {}

    def on_event_start(
        self,
        event_type: CBEventType,
        payload: dict[str, Any] | None = None,
        event_id: str = "",
        parent_id: str = "",
        **kwargs: Any,
    ) -> str:
        """Note that a call has begun."""
        if event_type == CBEventType.LLM:
            details = payload or {}
            options = {
                **(details.get(EventPayload.SERIALIZED) or {}),
                **(details.get(EventPayload.ADDITIONAL_KWARGS) or {}),
            }
            with self._lock:
                begun = event_id not in self._running
                self._running[event_id] = PriceTerms.of(options)
            if begun:
                self.tally.begin()
        return event_id

    def on_event_end(
        self, event_type: CBEventType, payload: dict[str, Any] | None = None, event_id: str = "", **kwargs: Any
    ) -> None:
        """Count an answer."""
        if event_type != CBEventType.LLM:
            return
        with self._lock:
            terms = self._running.pop(event_id, None)
        details = payload or {}
        if terms is not None:
            _add(self.tally, details.get(EventPayload.RESPONSE, details.get(EventPayload.COMPLETION)), terms)

    def start_trace(self, trace_id: str | None = None) -> None:
        """Nothing to do."""

    def end_trace(self, trace_id: str | None = None, trace_map: dict[str, list[str]] | None = None) -> None:
        """Nothing to do."""


def _add(tally: CostTally, response: Any, terms: PriceTerms) -> None:
    """Count a `ChatResponse` or `CompletionResponse`, if it says what it used."""
    raw = getattr(response, "raw", None)
    usage = _usage(_member(raw, "usage"))
    if usage is not None:
        tally.add(str(_member(raw, "model") or "an unnamed model"), usage, **terms._asdict())


def _usage(usage: Any) -> Usage | None:
    return parse_usage(usage.model_dump() if isinstance(usage, BaseModel) else usage)


def _member(raw: Any, name: str) -> Any:
    """A member of a raw answer: ours is a dict, other vendors' are objects."""
    return raw.get(name) if isinstance(raw, Mapping) else getattr(raw, name, None)


def _remember(held: OrderedDict[str, Any], key: str, value: Any) -> None:
    held[key] = value
    while len(held) > _REMEMBERED:
        held.popitem(last=False)
