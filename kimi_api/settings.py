"""What models and calls may be given, as types: editors complete the names, type checkers check names and values.

They are TypedDicts for `**settings: Unpack[...]`, so a program does not load this module unless it names them itself.
What a setting means stands at the fields of `ChatKimi` and `Kimi`, and at `kimi_api.options.ChatOptions`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypedDict

from pydantic import SecretStr

from kimi_api._transport.deadline import Deadline
from kimi_api.catalog import ModelSpec
from kimi_api.credentials import Region
from kimi_api.limits import AccountLimits
from kimi_api.messages import Repair
from kimi_api.options import EmptyAnswers, Thinking, Unsupported, Wire
from kimi_api.retry import Retries

__all__ = ["CallArguments", "CallOptions", "ChatSettings", "ModelSettings", "ToolArguments"]


class CallOptions(TypedDict, total=False):
    """What one call may be given that concerns its transport; it beats the client's."""

    headers: Mapping[str, str] | None
    timeout: float | None
    max_seconds: float | Deadline | None
    max_retries: int | Retries | None
    account_limits: AccountLimits | Literal[False] | None


class ChatSettings(TypedDict, total=False):
    """What a model may be given, and each of its calls too; a call's value beats the model's."""

    catalog_model: str | None
    dialect: str
    thinking: Thinking
    thinking_keep: Literal["all"] | None
    reasoning_effort: str | None
    max_tokens: int | None
    temperature: float | None
    top_p: float | None
    stop: str | list[str] | None
    prompt_cache_key: str | None
    cache_ttl: Literal["5m", "1h"] | None
    safety_identifier: str | None
    extra_body: dict[str, Any]
    unsupported: Unsupported
    repair: Repair
    fetch_media: bool
    inline_media_bytes: int
    extract_documents: bool
    document_cache: Any
    """A `kimi_api.files.FileCache`."""
    join_prefix: bool
    auto_continue: int
    resume_streams: int
    wire: Wire | None
    empty_answers: EmptyAnswers
    # Passed on to the host as they are.
    presence_penalty: float | None
    frequency_penalty: float | None
    logprobs: bool
    top_logprobs: int
    logit_bias: Mapping[str, float]
    seed: int
    top_k: int
    repetition_penalty: float
    prediction: Mapping[str, Any]
    user: str
    store: bool
    service_tier: str
    verbosity: str
    prompt_cache_options: Mapping[str, Any]
    chat_template_kwargs: Mapping[str, Any]
    # The same under the names that people bring from the OpenAI-like classes.
    model_name: str
    max_completion_tokens: int | None
    stop_sequences: str | list[str] | None
    additional_kwargs: dict[str, Any]
    model_kwargs: dict[str, Any]
    request_timeout: float | None


class ModelSettings(ChatSettings, total=False):
    """What the constructors of `ChatKimi` and `Kimi` have in common, except `model`."""

    response_format: dict[str, Any] | None
    api_key: str | SecretStr | Callable[[], str] | None
    base_url: str | None
    region: Region | None
    timeout: float | None
    max_seconds: float | None
    max_answer_bytes: int | None
    max_retries: int
    account_limits: AccountLimits | Mapping[str, Any] | None
    default_headers: dict[str, str] | None
    before_send: Callable[[dict[str, Any]], Mapping[str, Any] | None] | None
    http_client: Any
    """An `httpx` or `httpx2` client, as the SDK in use wants."""
    async_http_client: Any
    catalog: Mapping[str, ModelSpec] | None
    context_window: int | None
    tokenizer: Any
    """A `kimi_api.KimiTokenizer`, the path of a vocabulary, or a function from text to tokens."""
    http_async_client: Any
    api_base: str | None
    openai_api_base: str | None
    moonshot_api_base: str | None
    openai_api_key: str | SecretStr | Callable[[], str] | None
    moonshot_api_key: str | SecretStr | Callable[[], str] | None


class CallArguments(ChatSettings, total=False):
    """What one call of `ChatKimi` or `Kimi` may be given beside its messages and tools."""

    model: str
    n: int | None
    headers: Mapping[str, str] | None
    extra_headers: Mapping[str, str] | None
    timeout: float | None
    max_seconds: float | None
    max_retries: int | None
    account_limits: AccountLimits | Literal[False] | None
    metadata: Mapping[str, str]
    """Passed on to the host as it is; the constructor of `ChatKimi` has LangChain's field of this name."""


class ToolArguments(CallArguments, total=False):
    """`CallArguments`, and tools and the form of the answer as they go over the wire."""

    response_format: Mapping[str, Any] | None
    tools: Sequence[Mapping[str, Any]]
    tool_choice: str | bool | Mapping[str, Any] | None
    parallel_tool_calls: bool | None
