"""What `ChatKimi` may be given, for type checkers: its fields, the other names of some, and arguments of calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from langchain_core.caches import BaseCache
from langchain_core.callbacks import Callbacks
from langchain_core.language_models import ModelProfile
from langchain_core.rate_limiters import BaseRateLimiter

from kimi_api.settings import CallArguments, ModelSettings


class ChatKimiSettings(ModelSettings, total=False):
    """The arguments of `ChatKimi`."""

    model: str
    streaming: bool
    # Core's own.
    name: str | None
    cache: BaseCache | bool | None
    verbose: bool
    callbacks: Callbacks
    tags: list[str] | None
    metadata: dict[str, Any] | None
    custom_get_token_ids: Callable[[str], list[int]] | None
    rate_limiter: BaseRateLimiter | None
    disable_streaming: bool | Literal["tool_calling"]
    output_version: str | None
    profile: ModelProfile | None


class ObjectArguments(CallArguments, total=False):
    """What `with_structured_output` may be given beside its own arguments."""

    tools: Sequence[Any]
    tool_choice: str | bool | dict[str, Any] | None
    parallel_tool_calls: bool | None


class BoundArguments(ObjectArguments, total=False):
    """The arguments that one call of `ChatKimi` accepts, besides its input."""

    response_format: Any
