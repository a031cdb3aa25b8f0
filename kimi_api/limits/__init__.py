"""The account's limits: requests wait their turn here, instead of being refused with 429 by the platform.

    client = KimiClient(account_limits=AccountLimits.tier(1))

https://platform.kimi.ai/docs/pricing/limits. Before a model starts, the gateway counts the prompt plus the output that
was asked for (`max_tokens`, or the model's default: 131,072 on K3), and takes nothing back when the answer turns out
shorter. So does this. Only chat completions are counted: the published limits are about calls of models. Uploads,
extraction, batches (their lines too), token counts, and the lists of models and files are not limited.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kimi_api.errors import KimiLimitError
from kimi_api.limits._memory import MemoryStore
from kimi_api.limits._model import AccountLimits, LimitStore, SharedStore, Wait

if TYPE_CHECKING:
    from kimi_api.limits._redis.store import RedisStore

__all__ = ["AccountLimits", "KimiLimitError", "LimitStore", "MemoryStore", "RedisStore", "SharedStore", "Wait"]

if not TYPE_CHECKING:  # a type checker that sees it accepts every name

    def __getattr__(name: str) -> object:
        if name == "RedisStore":
            from kimi_api.limits._redis import store

            return store.RedisStore
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
