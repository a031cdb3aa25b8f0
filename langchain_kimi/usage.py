"""What a run costs: a callback handler that adds up calls by model, and a context manager that puts it to use.

The twins of core's `UsageMetadataCallbackHandler` and `get_usage_metadata_callback`, with prices.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, Generation, LLMResult
from langchain_core.tracers.context import register_configure_hook

from kimi_api import Price, Usage
from kimi_api.costs import CostTally
from kimi_api.costs._price import USD, PriceTerms
from kimi_api.costs._tally import TallyHolder

__all__ = ["KimiCostCallbackHandler", "get_kimi_cost_callback", "usage_of"]


class KimiCostCallbackHandler(TallyHolder, BaseCallbackHandler):
    """Adds up tokens and cost of every model call it hears of, by model.

    ```python
    costs = KimiCostCallbackHandler()
    agent.invoke(..., config={"callbacks": [costs]})
    print(costs)  # 3 calls, 2,480 tokens in (1,792 cached), 512 out: 0.010282 USD
    ```

    A notebook shows a table of it, and `costs.plot()` draws tokens, cached share and cost of each call.

    Each answer counts once: in streams, batches and parallel agents, and when the handler stands in several places (a
    model's `callbacks` and a call's `config`). Answers from LangChain's own cache cost nothing and do not count.
    Requests that were sent again inside one call are one call. Safe to share between threads and tasks.

    Args:
        prices: prices by model id that go before the catalogue's, per million tokens; for other hosts, which a call
            does not tell apart.
        currency: that of `prices`. The catalogue's are USD, and used for USD only.

    Attributes:
        tally: everything counted so far: `cost`, `usage`, `models`, `unpriced` (models without a known price, whose
            calls are not in `cost`), `uncounted_calls` (calls that gave no counts), `as_dict()`.
        cost: what the calls of models with a known price cost.
        total_cost: the sum of `cost`.
    """

    run_inline = True  # what it does takes microseconds, and a thread for it would count out of order

    def __init__(self, prices: Mapping[str, Price] | None = None, currency: str = USD) -> None:
        super().__init__()
        self._tally = CostTally(prices, currency)
        self._lock = threading.Lock()
        self._running: dict[UUID, PriceTerms] = {}
        self._outer: KimiCostCallbackHandler | None = None

    def on_chat_model_start(self, serialized: dict[str, Any], messages: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """Note that a call has begun, and which price its cache writes have."""
        if self._outer is not None:
            self._outer.on_chat_model_start(serialized, messages, run_id=run_id, **kwargs)
        with self._lock:
            if run_id in self._running:
                return
            self._running[run_id] = PriceTerms.of(kwargs.get("invocation_params") or {})
        self.tally.begin()

    def on_llm_start(self, serialized: dict[str, Any], prompts: list[str], *, run_id: UUID, **kwargs: Any) -> None:
        """As `on_chat_model_start`, of models from text to text."""
        self.on_chat_model_start(serialized, prompts, run_id=run_id, **kwargs)

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:
        """Count an answer."""
        if self._outer is not None:
            self._outer.on_llm_end(response, run_id=run_id, **kwargs)
        terms = self._end_call(run_id)
        generations = response.generations[0] if response.generations else []
        if terms is None or not generations:
            return
        metadata, model = _counts_of(generations[0])
        if metadata is None:
            return
        if metadata.get("total_cost") == 0:  # core's mark of an answer out of its cache
            self.tally.withdraw()
        else:
            self.tally.add(model, usage_of(metadata), **terms._asdict())

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """Record that a call ended without token counts."""
        if self._outer is not None:
            self._outer.on_llm_error(error, run_id=run_id, **kwargs)
        self._end_call(run_id)

    def _end_call(self, run_id: UUID) -> PriceTerms | None:
        with self._lock:
            return self._running.pop(run_id, None)


_active: ContextVar[KimiCostCallbackHandler | None] = ContextVar("kimi_cost_callback", default=None)
register_configure_hook(_active, inheritable=True)


@contextmanager
def get_kimi_cost_callback(
    prices: Mapping[str, Price] | None = None, currency: str = USD
) -> Generator[KimiCostCallbackHandler, None, None]:
    """Count all calls that are made inside the `with` block, wherever they are made.

    ```python
    with get_kimi_cost_callback() as costs:
        agent.invoke(...)
    print(costs)
    ```

    What a block inside this one counts, this one counts too. Tasks begun inside belong to it; threads do when they are
    started with the context (LangChain's own are).

    Args:
        prices: as for `KimiCostCallbackHandler`.
        currency: likewise.
    """
    handler = KimiCostCallbackHandler(prices, currency)
    handler._outer = _active.get()
    token = _active.set(handler)
    try:
        yield handler
    finally:
        _active.reset(token)


def usage_of(metadata: UsageMetadata | Mapping[str, Any]) -> Usage:
    """LangChain's token counts as the platform's; the way back from `usage_metadata` of an answer."""
    input_details = metadata.get("input_token_details") or {}
    output_details = metadata.get("output_token_details") or {}
    prompt, completion = metadata.get("input_tokens") or 0, metadata.get("output_tokens") or 0
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=metadata.get("total_tokens") or prompt + completion,
        cached_tokens=input_details.get("cache_read") or 0,
        cache_write_tokens=input_details.get("cache_creation") or 0,
        reasoning_tokens=output_details.get("reasoning") or 0,
    )


def _counts_of(generation: Generation) -> tuple[Mapping[str, Any] | None, str]:
    """The counts and the model that an answer names."""
    if isinstance(generation, ChatGeneration):
        message = generation.message
        if not isinstance(message, AIMessage):
            return None, ""
        return message.usage_metadata, str(message.response_metadata.get("model_name") or "an unnamed model")
    info = generation.generation_info or {}
    return info.get("usage_metadata"), str(info.get("model_name") or "an unnamed model")
