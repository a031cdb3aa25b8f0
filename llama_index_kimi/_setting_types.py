"""What `Kimi` and `KimiFileReader` may be given, for type checkers: their fields, and the other names of some."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypedDict

from llama_index.core.callbacks import CallbackManager
from llama_index.core.llms.llm import CompletionToPromptType, MessagesToPromptType
from llama_index.core.prompts import BasePromptTemplate
from llama_index.core.types import BaseOutputParser, PydanticProgramMode
from pydantic import SecretStr

from kimi_api.credentials import Region
from kimi_api.files import FileCache
from kimi_api.settings import CallArguments, ModelSettings


class KimiSettings(ModelSettings, total=False):
    """The arguments of `Kimi`, except `model`."""

    metadata: Mapping[str, str]
    # Core's own.
    callback_manager: CallbackManager
    rate_limiter: Any
    system_prompt: str | None
    messages_to_prompt: MessagesToPromptType | None
    completion_to_prompt: CompletionToPromptType | None
    output_parser: BaseOutputParser | None
    pydantic_program_mode: PydanticProgramMode
    query_wrapper_prompt: BasePromptTemplate | None


class CallingArguments(CallArguments, total=False):
    """What `Kimi.predict_and_call` may be given beside its own arguments."""

    tool_required: bool
    tool_choice: str | dict[str, Any] | None


class ReaderSettings(TypedDict, total=False):
    """The arguments of `KimiFileReader`."""

    api_key: str | SecretStr | Callable[[], str] | None
    base_url: str | None
    region: Region | None
    timeout: float | None
    max_seconds: float | None
    max_answer_bytes: int | None
    parse_timeout: float
    max_retries: int
    num_workers: int
    show_progress: bool
    raise_on_error: bool
    delete_after: bool
    cache: FileCache
    default_headers: dict[str, str] | None
    http_client: Any
    async_http_client: Any
    is_remote: bool
    request_timeout: float | None
    http_async_client: Any
    api_base: str | None
    openai_api_base: str | None
    moonshot_api_base: str | None
    openai_api_key: str | SecretStr | Callable[[], str] | None
    moonshot_api_key: str | SecretStr | Callable[[], str] | None
