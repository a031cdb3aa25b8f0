"""Names that the packages load when they are asked for are known, and no others. Each `pyright: ignore` is an error."""

from __future__ import annotations

import kimi_api
import kimi_emulator
import langchain_kimi
import llama_index_kimi
from kimi_api.errors import KimiRateLimitError
from kimi_api.limits import RedisStore

kimi_api.KimiTokenizer
kimi_api.AccountLimits(rpm=3, store=RedisStore("redis://localhost"))
kimi_api.KimiTimeoutErorr  # pyright: ignore[reportAttributeAccessIssue]
kimi_api.errors.KimiTimeoutErorr  # pyright: ignore[reportAttributeAccessIssue]
langchain_kimi.KimiFileLoader
langchain_kimi.KimiFileLaoder  # pyright: ignore[reportAttributeAccessIssue]
llama_index_kimi.KimiFileReader
llama_index_kimi.KimiFileRaeder  # pyright: ignore[reportAttributeAccessIssue]
kimi_emulator.Emulator
kimi_emulator.Emulater  # pyright: ignore[reportAttributeAccessIssue]


def seconds(error: KimiRateLimitError) -> float:
    """Errors that are loaded late have their attributes."""
    return error.retry_after or error.retry_afterwards  # pyright: ignore[reportAttributeAccessIssue]
