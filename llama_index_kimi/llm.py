"""`Kimi`: the language model class."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Unpack

from llama_index.core.base.llms.generic_utils import (
    achat_to_completion_decorator,
    astream_chat_to_completion_decorator,
    chat_to_completion_decorator,
    stream_chat_to_completion_decorator,
)
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseAsyncGen,
    CompletionResponseGen,
    LLMMetadata,
)
from llama_index.core.constants import DEFAULT_CONTEXT_WINDOW
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.tools.types import BaseTool
from pydantic import BeforeValidator, ConfigDict, Field, PlainSerializer, SecretStr, ValidationError

from kimi_api._content.notes import refusal_of
from kimi_api._media_rules import INLINE_BYTES
from kimi_api._settings.connection import as_limits, plain_limits, take_transport
from kimi_api._settings.constructor import constructor_settings
from kimi_api._settings.schema import settings_schema
from kimi_api._settings.wrong import from_validation, wrong_setting
from kimi_api._signature import keep_signature
from kimi_api._warn import warn_once
from kimi_api.catalog import CATALOG_PRICES, DEFAULT_MODEL, Catalog, ModelSpec, get_model_spec, shown_prices
from kimi_api.credentials import Region, resolve_base_url
from kimi_api.messages import Repair
from kimi_api.options import OPTION_NAMES, ChatOptions, host_rules
from llama_index_kimi._calling import ToolCalling
from llama_index_kimi._input import (
    check_messages,
    check_prompt,
    check_response,
    check_stream,
    explain_messages,
    user_message,
)
from llama_index_kimi._structured import PARSED, StructuredPrediction
from llama_index_kimi._to_wire import to_wire
from llama_index_kimi._tokens import TokenCounting, tokenizer_setting
from llama_index_kimi._tool_calls import (
    loaded_names,
    messages_with_tools,
    no_call_error,
    not_loaded,
    own_names,
    tool_selections,
    wire_name,
    wire_tools,
)

if TYPE_CHECKING:
    from kimi_api.request import ChatRequest
    from kimi_api.settings import CallOptions, ToolArguments
    from llama_index_kimi._exchange import Exchange
    from llama_index_kimi._setting_types import KimiSettings
else:
    ToolArguments = dict[str, Any]  # hints must be readable while a program runs; the class costs time at import

__all__ = ["Kimi"]


class Kimi(TokenCounting, StructuredPrediction, ToolCalling):
    """A Kimi model of the Moonshot AI Open Platform.

        from llama_index_kimi import Kimi

        llm = Kimi(model="kimi-k3")          # key from MOONSHOT_API_KEY
        print(llm.complete("What is the Moon made of?"))

    What goes into the request may also be given per call (`llm.chat(messages, max_tokens=500)`), where it beats the
    field; `extra_body` dicts merge. `timeout`, `max_retries`, `account_limits`, `join_prefix` and `extra_headers` may
    be given there too.
    Names from the OpenAI-like classes are understood: `api_base`, `model_name`, `additional_kwargs`, `model_kwargs`.

    Thinking comes back as a `ThinkingBlock` in front of the answer and is sent back with its own turn, so agents can
    call tools without end. A value that the chosen model refuses is left out with one warning (see `unsupported`).

    Raises:
        KimiInputError: an unknown argument, a blank model id, an impossible setting.
        KimiKeyError: no usable API key.
    """

    # hide_input_in_errors: pydantic would print a key of the wrong type
    model_config: ClassVar[ConfigDict] = ConfigDict(
        arbitrary_types_allowed=True, hide_input_in_errors=True, defer_build=False
    )

    model: str = Field(default=DEFAULT_MODEL, description="Model id, e.g. kimi-k3.")
    catalog_model: str | None = Field(
        default=None,
        description="The model of kimi_api.MODELS that `model` stands for, where it is an alias of yours: its rules, "
        "window and price count.",
    )
    catalog: Annotated[Catalog | None, BeforeValidator(Catalog.of)] = Field(
        default=None,
        exclude=True,
        repr=False,
        description="What this host says of its models, before kimi_api.MODELS: the result of "
        "kimi_api.account.refresh(client), or ModelSpecs by id. refresh(llm.client) asks this model's own host. "
        "Not part of stored models.",
    )
    api_key: SecretStr | Callable[[], str] | None = Field(
        default=None,
        exclude=True,
        repr=False,
        description="The key, or a function that returns the current key. None: MOONSHOT_API_KEY, KIMI_API_KEY.",
    )
    base_url: str | None = Field(
        default=None, description="Address including /v1. None: MOONSHOT_BASE_URL, MOONSHOT_API_BASE, the .ai platform."
    )
    region: Region | None = Field(
        default=None,
        description="Which platform where no address is given: international (the default, https://api.moonshot.ai/v1) "
        "or china (https://api.moonshot.cn/v1). Keys of one are refused by the other.",
    )
    dialect: str = Field(
        default="platform", description="How the host deviates from the platform: platform, openai, or vllm."
    )
    thinking: Literal["enabled", "disabled"] | bool | dict[str, Any] | None = Field(
        default=None, description="Thinking switch of K2.x models; K3 always thinks."
    )
    thinking_keep: Literal["all"] | None = Field(
        default=None, description="'all': K2.6 also uses the thinking of earlier turns."
    )
    reasoning_effort: str | None = Field(default=None, description="low, high or max; K3 family only.")
    max_tokens: int | None = Field(default=None, description="Budget for thinking and answer together, in tokens.")
    temperature: float | None = Field(
        default=None, description="Not sent unless set; kimi-* models accept one value only."
    )
    top_p: float | None = Field(default=None, description="Not sent unless set; kimi-* models accept one value only.")
    presence_penalty: float | None = Field(
        default=None, description="Not sent unless set; kimi-* models accept one value only."
    )
    frequency_penalty: float | None = Field(
        default=None, description="Not sent unless set; kimi-* models accept one value only."
    )
    stop: str | list[str] | None = Field(default=None, description="Up to 5 strings of up to 32 bytes.")
    response_format: dict[str, Any] | None = Field(default=None, description="text, json_object or json_schema.")
    prompt_cache_key: str | None = Field(default=None, description="Session id that keeps the prefix cache together.")
    cache_ttl: Literal["5m", "1h"] | None = Field(default=None, description="How long a cached prefix is kept.")
    safety_identifier: str | None = Field(default=None, description="A stable, hashed id of your user.")
    extra_body: dict[str, Any] = Field(default_factory=dict, description="Merged into the request body last.")
    additional_kwargs: dict[str, Any] = Field(
        default_factory=dict, description="More options by name; other names go into the request body as they are."
    )
    unsupported: Literal["warn", "error", "send"] = Field(
        default="warn", description="What to do with a value that the model refuses."
    )
    repair: Repair = Field(
        default="safe",
        description="What is repaired in a history; 'full' also answers open calls and drops results without a call.",
    )
    fetch_media: bool = Field(
        default=False, description="Fetch images and videos at public http(s) addresses (the platform does not)."
    )
    inline_media_bytes: int = Field(
        default=INLINE_BYTES, description="Images and videos larger than this are uploaded, once for each content."
    )
    extract_documents: bool = Field(
        default=True,
        description="Send documents in messages through file extraction; the model gets their text, and the platform's "
        "copy is deleted. False makes them an error.",
    )
    document_cache: Any = Field(
        default=None,
        exclude=True,
        repr=False,
        description="Keeps those texts for later turns: FileCache.on_disk() shares them between processes. None: up to "
        "32 MB in memory.",
    )
    join_prefix: bool = Field(
        default=False, description="Partial Mode: give back the prefix and its continuation as one text."
    )
    context_window: int | None = Field(default=None, description="Tokens; None: what the catalogue says.")
    timeout: float | None = Field(default=None, description="Seconds without a byte; None: 10 to connect, 900 to read.")
    max_seconds: float | None = Field(
        default=None,
        description="Seconds that a call may take as a whole: from the call to the last byte, waiting for limits and "
        "retries included. None: no limit but `timeout`, which counts from byte to byte.",
    )
    max_answer_bytes: int | None = Field(
        default=None,
        description="Bytes that an answer's body may hold, unpacked; one event of a stream, or what comes between two, "
        "an eighth of that. None: 256 MB.",
    )
    max_retries: int = Field(default=2, description="n means n + 1 requests at most.")
    account_limits: Annotated[Any, BeforeValidator(as_limits), PlainSerializer(plain_limits)] = Field(
        default=None,
        description="A kimi_api.AccountLimits: calls wait for their turn instead of being refused. False lifts them "
        "for a call. Stored models leave its store out.",
    )
    auto_continue: int = Field(
        default=0, description="How often an answer that used up max_tokens in its text is continued."
    )
    resume_streams: int = Field(default=0, description="How often a broken stream is continued from where it broke.")
    wire: Literal["stream", "plain"] | None = Field(
        default=None,
        description="How calls that wait for the whole answer receive it: 'stream' joins it from events, so that no "
        "part is lost when the connection breaks; 'plain' is one body. None: 'stream' on the platform, 'plain' "
        "elsewhere.",
    )
    empty_answers: Literal["retry", "warn"] = Field(
        default="retry",
        description="Answers with neither text nor a tool call: 'retry' asks again within max_retries, and then raises "
        "KimiEmptyReplyError; 'warn' gives them back with a warning.",
    )
    # Both may hold credentials of a proxy or an HTTP client that cannot be written down.
    default_headers: dict[str, str] | None = Field(
        default=None, exclude=True, repr=False, description="Headers of every request."
    )
    before_send: Callable[[dict[str, Any]], Mapping[str, Any] | None] | None = Field(
        default=None,
        exclude=True,
        repr=False,
        description="A function that is given the JSON body of each request right before it is sent, a copy, and gives "
        "back the one to send (None: the copy, as it left it), or raises to refuse. Not part of stored models.",
    )
    http_client: Any = Field(
        default=None,
        exclude=True,
        repr=False,
        description="An httpx or httpx2 client to use instead of the process's shared one.",
    )
    async_http_client: Any = Field(
        default=None, exclude=True, repr=False, description="Its asynchronous twin, for one event loop only."
    )
    tokenizer: Any = Field(
        default=None,
        exclude=True,
        repr=False,
        description="A KimiTokenizer, a tiktoken.model's path, or a function from text to a list; None: estimates.",
    )

    @classmethod
    def model_json_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The schema of the constructor's arguments, as pydantic gives it; without functions and other objects."""
        return settings_schema(super().model_json_schema, *args, **kwargs)

    def __init__(self, model: str | None = None, **settings: Unpack[KimiSettings]) -> None:
        arguments = settings if model is None else {"model": model, **settings}
        known = constructor_settings(arguments, type(self).model_fields)
        try:
            super().__init__(**{**known, "tokenizer": tokenizer_setting(known.get("tokenizer"))})
        except ValidationError as error:
            raise from_validation(error) from None
        self._spec()
        self._connect()

    @classmethod
    def class_name(cls) -> str:
        """The name this class is stored under."""
        return "Kimi"

    @property
    def metadata(self) -> LLMMetadata:
        """What core plans prompts and memory with; figures in tokens, from the catalogue."""
        for name in ("max_tokens", "context_window"):  # both may have been assigned
            if getattr(self, name) is not None and not isinstance(getattr(self, name), int):
                raise wrong_setting(name, getattr(self, name))
        spec = self._spec()
        window = self.context_window or spec.context_window
        if not window:
            window = DEFAULT_CONTEXT_WINDOW
            warn_once(
                ("context_window", self.model),
                f"the context window of {self.model!r} is unknown, so LlamaIndex plans with its default of {window} "
                "tokens. Set context_window to the window that the host serves",
            )
        return LLMMetadata(
            context_window=window,
            # Core's prompt helper refuses an output as large as the window ("Calculated available context size ...
            # was not non-negative"), and leaves no room for passages beside a nearly as large one.
            num_output=self.max_tokens
            if self.max_tokens and self.max_tokens < window
            else min(spec.default_output or window, window // 4),
            is_chat_model=True,
            is_function_calling_model=True,
            model_name=self.model,
        )

    def _spec(self) -> ModelSpec:
        ours = host_rules(self.dialect).platform_rules
        return get_model_spec(self.model, platform=ours, catalog_model=self.catalog_model, catalog=self._own_catalog())

    def to_payload(self) -> dict[str, Any]:
        """What events and callbacks see of this object (core 0.14.23 and newer); never a key or a header."""
        prices = shown_prices(self._own_catalog())
        return {
            **({CATALOG_PRICES: prices} if prices else {}),
            "class_name": self.class_name(),
            **self.metadata.model_dump(),
            "model": self.model,
            "catalog_model": self.catalog_model,
            "base_url": resolve_base_url(self.base_url, region=self.region),
            "temperature": self.temperature,
            "thinking": self.thinking,
            "reasoning_effort": self.reasoning_effort,
            "max_tokens": self.max_tokens,
            "cache_ttl": self.cache_ttl,
        }

    # ------------------------------------------------------------------------------------ chat

    @explain_messages
    @llm_chat_callback()
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Unpack[ToolArguments]) -> ChatResponse:
        """Send `messages` and wait for the answer.

        Raises:
            KimiInputError: something that the platform would refuse, before anything is sent.
            KimiAPIError: the platform refused the request, or cannot be reached.
        """
        return self._chat(messages, **kwargs)

    @explain_messages
    @llm_chat_callback()
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Unpack[ToolArguments]) -> ChatResponseGen:
        """Stream the answer: every response holds everything so far, the last one also usage."""
        return self._stream_chat(messages, **kwargs)

    @explain_messages
    @llm_chat_callback()
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Unpack[ToolArguments]) -> ChatResponse:
        """The asynchronous twin of `chat`."""
        return await self._achat(messages, **kwargs)

    @explain_messages
    @llm_chat_callback()
    async def astream_chat(
        self, messages: Sequence[ChatMessage], **kwargs: Unpack[ToolArguments]
    ) -> ChatResponseAsyncGen:
        """The asynchronous twin of `stream_chat`: `async for response in await llm.astream_chat(messages)`."""
        return await self._astream_chat(messages, **kwargs)

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Unpack[ToolArguments]) -> CompletionResponse:
        """Answer `prompt` as a user message (the platform serves no completions endpoint)."""
        check_prompt(prompt)
        return chat_to_completion_decorator(self._chat)(prompt, **kwargs)

    @llm_completion_callback()
    def stream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Unpack[ToolArguments]
    ) -> CompletionResponseGen:
        """`complete`, streamed."""
        check_prompt(prompt)
        return stream_chat_to_completion_decorator(self._stream_chat)(prompt, **kwargs)

    @llm_completion_callback()
    async def acomplete(
        self, prompt: str, formatted: bool = False, **kwargs: Unpack[ToolArguments]
    ) -> CompletionResponse:
        """The asynchronous twin of `complete`."""
        check_prompt(prompt)
        return await achat_to_completion_decorator(self._achat)(prompt, **kwargs)

    @llm_completion_callback()
    async def astream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Unpack[ToolArguments]
    ) -> CompletionResponseAsyncGen:
        """The asynchronous twin of `stream_complete`."""
        check_prompt(prompt)
        return await astream_chat_to_completion_decorator(self._astream_chat)(prompt, **kwargs)

    # ------------------------------------------------------------------------------------ the work

    def _chat(self, messages: Sequence[ChatMessage], **kwargs: Unpack[ToolArguments]) -> ChatResponse:
        return self._exchange(messages, kwargs).response()

    async def _achat(self, messages: Sequence[ChatMessage], **kwargs: Unpack[ToolArguments]) -> ChatResponse:
        return await self._exchange(messages, kwargs).aresponse()

    def _stream_chat(
        self, messages: Sequence[ChatMessage], **kwargs: Unpack[ToolArguments]
    ) -> Generator[ChatResponse, None, None]:
        return self._exchange(messages, kwargs, stream=True).responses()

    async def _astream_chat(
        self, messages: Sequence[ChatMessage], **kwargs: Unpack[ToolArguments]
    ) -> AsyncGenerator[ChatResponse, None]:
        return self._exchange(messages, kwargs, stream=True).aresponses()

    def _exchange(
        self, messages: Sequence[ChatMessage], kwargs: Mapping[str, Any], *, stream: bool = False
    ) -> Exchange:
        """One call, ready to be sent."""
        from llama_index_kimi._exchange import Exchange  # with the first call: see there

        request, call = self._prepare(messages, kwargs, stream=stream)
        return Exchange(self._connect(), request, call)

    def _prepare(
        self, messages: Sequence[ChatMessage], kwargs: Mapping[str, Any], *, stream: bool = False
    ) -> tuple[ChatRequest, CallOptions]:
        """The request, and what concerns only its transport."""
        from kimi_api.request import build_request  # see `_exchange`

        changes = dict(kwargs)
        parsed = bool(changes.pop(PARSED, False))
        check_stream(changes.pop("stream", None))
        call = take_transport(changes)
        bringing = messages_with_tools(messages)
        names = loaded_names(bringing)
        if changes.get("tools"):
            tools = wire_tools(changes["tools"])
            names.update(own_names(tools))
            changes["tools"] = not_loaded(tools, bringing)
        elif "tools" in changes:
            changes["tools"] = ()
        if isinstance(changes.get("tool_choice"), str):
            changes["tool_choice"] = wire_name(changes["tool_choice"])
        options = self._options(changes)
        wire = to_wire(
            messages,
            reasoning_field=options.host_rules.reasoning_field,
            refuse=refusal_of(options.unsupported),
        )
        return replace(build_request(options, wire, stream=stream), parsed=parsed, tool_names=names), call

    def _options(self, changes: Mapping[str, Any]) -> ChatOptions:
        own = {name: getattr(self, name) for name in _OPTION_FIELDS}
        own["catalog"] = self._own_catalog()
        more = {"additional_kwargs": self.additional_kwargs} if self.additional_kwargs else {}
        return ChatOptions.of(own, more, changes)

    # ------------------------------------------------------------------------------------ tools

    @keep_signature
    def _prepare_chat_with_tools(
        self,
        tools: Sequence[BaseTool | dict[str, Any]],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,
        allow_parallel_tool_calls: bool = False,
        tool_required: bool = False,
        tool_choice: str | dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """The arguments of `chat` for a call with tools. `chat_history` is not changed.

        `tool_choice` ("auto", "none", "required", a tool's name) beats `tool_required`. What of it a model accepts is
        decided per model: see `kimi_api.tools.resolve_tool_choice`.
        """
        check_messages(chat_history or [], "chat_history")
        messages = list(chat_history or [])
        if user_msg is not None:
            messages.append(user_message(user_msg))
        prepared: dict[str, Any] = {"messages": messages, **kwargs}
        if not allow_parallel_tool_calls:  # also without `tools`: messages may bring some
            prepared["parallel_tool_calls"] = False
        if not tools:
            return prepared
        prepared["tools"] = wire_tools(tools)
        if tool_choice is not None or tool_required:
            prepared["tool_choice"] = tool_choice if tool_choice is not None else "required"
        return prepared

    def get_tool_calls_from_response(
        self, response: ChatResponse, error_on_no_tool_call: bool = True, **kwargs: Any
    ) -> list[ToolSelection]:
        """The tool calls in `response`, also in one that is still being streamed.

        Raises:
            ValueError: there is none, and `error_on_no_tool_call` is True; a `KimiRefusalError` where the platform
                withheld the answer.
        """
        check_response(response)
        selections = tool_selections(response)
        if not selections and error_on_no_tool_call:
            raise no_call_error(response, self.model)
        return selections


_OPTION_FIELDS = tuple(sorted(OPTION_NAMES & Kimi.model_fields.keys()))
