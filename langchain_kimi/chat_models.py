"""`ChatKimi`: Kimi as a LangChain chat model."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Never, Unpack

from langchain_core.language_models import LangSmithParams, LanguageModelInput, ModelProfile
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.prompt_values import PromptValue
from langchain_core.runnables import Runnable
from pydantic import BeforeValidator, ConfigDict, Field, PlainSerializer, SecretStr, ValidationError, model_validator

from kimi_api import ChatOptions, KimiInputError, get_model_spec
from kimi_api._content.notes import refusal_of
from kimi_api._media_rules import INLINE_BYTES
from kimi_api._settings.connection import as_limits, plain_limits
from kimi_api._settings.constructor import constructor_settings
from kimi_api._settings.names import needs_names
from kimi_api._settings.schema import settings_schema
from kimi_api._settings.wrong import from_validation
from kimi_api._signature import keep_signature
from kimi_api._transport.unregistered import Unregistered
from kimi_api.catalog import CATALOG_PRICES, DEFAULT_MODEL, Catalog, shown_prices
from kimi_api.credentials import KEY_VARIABLES, Region, resolve_base_url
from kimi_api.messages import Repair
from kimi_api.options import DIALECTS, EmptyAnswers, Thinking, Unsupported, Wire, host_rules
from langchain_kimi import _blocks  # noqa: F401 - registers the translator of content blocks
from langchain_kimi._call_arguments import add_counts, as_secret, sort_arguments
from langchain_kimi._input_checks import ChatInputChecks
from langchain_kimi._profile import model_profile, without_other_profile
from langchain_kimi._structured import StructuredOutput
from langchain_kimi._to_wire import PROVIDER, to_wire
from langchain_kimi._tokens import TokenCounting, with_tokenizer
from langchain_kimi._tools import response_format as to_response_format
from langchain_kimi._tools import tools_to_wire
from langchain_kimi.errors import CORE_ERRORS

if TYPE_CHECKING:
    from typing import Self

    from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
    from langchain_core.runnables import RunnableConfig

    from kimi_api.request import ChatRequest
    from kimi_api.settings import CallArguments, CallOptions
    from langchain_kimi._exchange import Exchange
    from langchain_kimi._setting_types import BoundArguments, ChatKimiSettings
else:
    CallArguments = dict[str, Any]  # see `_structured`: hints must be readable while a program runs

__all__ = ["ChatKimi"]

_VERSION = version("kimi-integrations")


class ChatKimi(ChatInputChecks, TokenCounting, StructuredOutput):
    """Kimi (Moonshot AI) chat models.

    ```python
    from langchain_kimi import ChatKimi

    llm = ChatKimi()  # key from MOONSHOT_API_KEY
    llm.invoke("Why is the sky blue?").content
    ```

    Thinking comes as `additional_kwargs["reasoning_content"]` and as `reasoning` content blocks, and goes back with the
    turn it came with. Every field can be given per call too (`llm.invoke(..., max_tokens=2000)`), and beats the field.
    Rules that differ between models are applied when the request is made: a value that the model refuses is left out
    with one warning (see `unsupported`). https://platform.kimi.ai/docs/api/chat

    Raises:
        KimiKeyError: no usable key.
        KimiInputError: an argument that does not exist, or a value no model takes. Names value, rule and remedy.
        KimiAPIError: the platform refused the request, or cannot be reached. Classes: `langchain_kimi.errors`.
        KimiReplyError: an answer that cannot be used (cut stream, empty, demanded tool not called).
    """

    model: str = Field(
        default=DEFAULT_MODEL, description="Model id; ids and their rules: `kimi_api.MODELS`. Also `model_name`."
    )
    catalog_model: str | None = Field(
        default=None,
        description="The model of `kimi_api.MODELS` that `model` stands for, where it is an alias of yours: its rules, "
        "window, price and profile count.",
    )
    catalog: Annotated[Catalog | None, BeforeValidator(Catalog.of)] = Field(
        default=None,
        exclude=True,
        repr=False,
        description="What this host says of its models, before `kimi_api.MODELS`: the result of "
        "`kimi_api.account.refresh(client)`, or `ModelSpec`s by id. `refresh(llm.client)` asks this model's own host. "
        "Not part of dumps.",
    )
    api_key: Annotated[str | SecretStr | Callable[[], str] | None, BeforeValidator(as_secret)] = Field(
        default=None,
        repr=False,
        description="The key, or a function that returns the current key (called before each request). None "
        "reads `MOONSHOT_API_KEY`, then `KIMI_API_KEY`, at every request.",
    )
    base_url: str | None = Field(
        default=None,
        description="Address including `/v1`. None reads `MOONSHOT_BASE_URL`, then `MOONSHOT_API_BASE`, then uses "
        "the platform of the `region`. Also `api_base`.",
    )
    region: Region | None = Field(
        default=None,
        description='Which platform where no address is given: "international" (the default, '
        'https://api.moonshot.ai/v1) or "china" (https://api.moonshot.cn/v1). Keys of one are refused by the other.',
    )
    dialect: str = Field(
        default="platform",
        description='How the host deviates from the platform, a row of `kimi_api.options.DIALECTS`: "platform", '
        '"openai" or "vllm".',
    )
    thinking: Thinking = Field(
        default=None,
        description='"enabled", "disabled", a bool or the API\'s dict, for models that can switch (K2.6). None: the '
        "model's default.",
    )
    thinking_keep: Literal["all"] | None = Field(
        default=None, description='"all" makes K2.6 use the thinking of earlier turns.'
    )
    reasoning_effort: str | None = Field(default=None, description='"low", "high" or "max", K3 family.')
    max_tokens: int | None = Field(
        default=None,
        description="Budget in tokens for thinking and answer together; 16,000 or more is advised. Also "
        "`max_completion_tokens`.",
    )
    temperature: float | None = Field(
        default=None,
        description="The kimi-* models take one value only (1, or 0.6 with thinking off); others are not sent.",
    )
    top_p: float | None = Field(default=None, description="As `temperature`; the only value is 0.95.")
    presence_penalty: float | None = Field(default=None, description="As `temperature`; the only value is 0.")
    frequency_penalty: float | None = Field(default=None, description="As `temperature`; the only value is 0.")
    stop: str | list[str] | None = Field(
        default=None, description="Up to 5 strings of up to 32 bytes. Also `stop_sequences`."
    )
    response_format: dict[str, Any] | None = Field(
        default=None,
        description='{"type": "json_object"} or {"type": "json_schema", ...}; `with_structured_output` sets it from '
        "a schema.",
    )
    prompt_cache_key: str | None = Field(
        default=None, description="Id of a session, so that its requests meet the same prefix cache."
    )
    cache_ttl: Literal["5m", "1h"] | None = Field(
        default=None, description="How long a written prefix is kept; writing is billed."
    )
    safety_identifier: str | None = Field(default=None, description="A stable, hashed id of your user.")
    extra_body: dict[str, Any] = Field(
        default_factory=dict,
        description="More members of the JSON body, merged last, also with those of a call. Also `model_kwargs`.",
    )
    unsupported: Unsupported = Field(
        default="warn",
        description='What to do with a value that the model refuses: "warn" and leave it out, "error", or "send" it.',
    )
    timeout: float | None = Field(
        default=None,
        description="Seconds without a byte before giving up; None: 10 to connect, 900 to read (the gateway's own "
        "limit).",
    )
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
    max_retries: int = Field(
        default=2,
        description="How often a request that failed for a passing reason is sent again; n means n + 1 requests at "
        "most.",
    )
    account_limits: Annotated[Any, BeforeValidator(as_limits), PlainSerializer(plain_limits)] = Field(
        default=None,
        description="A `kimi_api.AccountLimits`: what the account may do. Calls then wait here for their turn, "
        "together with those of all models with the same key, instead of being refused. False in a call "
        "lifts them. Dumps leave its store out.",
    )
    auto_continue: int = Field(
        default=0,
        description="How often an answer that used up `max_tokens` in its text is continued by one more request. "
        "Its usage adds up.",
    )
    resume_streams: int = Field(
        default=0,
        description="How often a broken stream is continued from where it broke. Each time is one more request, "
        "which is paid for too.",
    )
    wire: Wire | None = Field(
        default=None,
        description='How `invoke` and agents, which wait for the whole answer, receive it: "stream" joins it from '
        'events, so that no part is lost when the connection breaks; "plain" is one body. None: "stream" on the '
        'platform, else "plain".',
    )
    empty_answers: EmptyAnswers = Field(
        default="retry",
        description='What becomes of an answer with neither text nor a tool call: "retry" asks again within '
        '`max_retries` and then raises `KimiEmptyReplyError`; "warn" gives it back with a warning.',
    )
    repair: Repair = Field(
        default="safe",
        description='What is repaired in a history: "safe" only what loses nothing; "full" also answers open tool '
        'calls and drops results without a call; "none" nothing.',
    )
    fetch_media: bool = Field(
        default=False,
        description="Fetch images and videos at http(s) addresses before sending (the platform does not). Public "
        "addresses only.",
    )
    inline_media_bytes: int = Field(
        default=INLINE_BYTES,
        description="Images and videos larger than this are uploaded, once for each content and account, and sent "
        "as `ms://<id>`.",
    )
    context_window: int | None = Field(
        default=None,
        description="The context window in tokens, which agents read from the profile. None: the model's window in "
        "the catalogue.",
    )
    extract_documents: bool = Field(
        default=True,
        description="Send documents in messages (PDF, DOCX, ...) through file extraction: the model gets their "
        "text, the platform's copy is deleted. False makes them an error.",
    )
    document_cache: Any = Field(
        default=None,
        exclude=True,
        repr=False,
        description="Keeps those texts for later turns: `kimi_api.files.FileCache.on_disk()` shares them between "
        "processes. None: up to 32 MB in memory. Not part of dumps.",
    )
    default_headers: dict[str, str] | None = Field(
        default=None,
        exclude=True,
        repr=False,
        description="Headers of every request. They may hold a gateway's credentials, so they are not part of dumps "
        "and traces; those of one call (`headers=`) are seen by callbacks, as all of its arguments.",
    )
    before_send: Callable[[dict[str, Any]], Mapping[str, Any] | None] | None = Field(
        default=None,
        exclude=True,
        repr=False,
        description="A function that is given the JSON body of each request right before it is sent, a copy, and gives "
        "back the one to send (None: the copy, as it left it), or raises to refuse. Not part of dumps.",
    )
    http_client: Any = Field(
        default=None,
        exclude=True,
        repr=False,
        description="An `httpx` or `httpx2` client to use instead of the process's shared one. Not part of pickles "
        "and dumps.",
    )
    async_http_client: Any = Field(
        default=None,
        exclude=True,
        repr=False,
        description="The asynchronous twin; works only on the event loop it was first used on.",
    )
    join_prefix: bool = Field(
        default=False,
        description="Answers to a partial message come with their prefix in front; streamed, it begins the text.",
    )
    streaming: bool = Field(default=False, description="Whether `invoke` streams internally.")
    tokenizer: Any = Field(
        default=None,
        exclude=True,
        repr=False,
        description="Counts tokens exactly: a `kimi_api.KimiTokenizer`, the path of a `tiktoken.model`, or a "
        "function from text to tokens. None: counts are estimates. Not part of dumps.",
    )

    # A validation error of pydantic prints the input, and the input holds the key.
    model_config: ClassVar[ConfigDict] = ConfigDict(
        arbitrary_types_allowed=True, hide_input_in_errors=True, defer_build=False
    )

    def __init__(self, *positional: Never, **data: Unpack[ChatKimiSettings]) -> None:
        """Rename aliases, refuse unknown names, look at the key: here, where pydantic does not wrap errors."""
        if positional:
            raise needs_names("ChatKimi", positional)
        arguments = constructor_settings(data, type(self).model_fields)
        try:
            super().__init__(**with_tokenizer(without_other_profile(arguments)))
        except ValidationError as error:
            raise from_validation(error) from None
        if self.catalog_model is not None:
            get_model_spec(self.model, catalog_model=self.catalog_model, catalog=self.catalog)
        _ = self.client, host_rules(self.dialect)

    @model_validator(mode="after")
    def _set_kimi_version(self) -> Self:
        self._add_version("kimi-integrations", _VERSION)
        return self

    @model_validator(mode="after")
    def _check_profile_keys(self) -> Self:
        """Core's check of a profile that the user gave; ours has no key that core does not know.

        Pydantic lets a validator replace the one of the same name, and core's resolves 30 type hints each time: two
        thirds of the cost of construction. Should core rename its own, both run.
        """
        with contextlib.suppress(KimiInputError):  # a wrong model id is reported by the first request
            if self.profile == self._resolve_model_profile():
                return self
        BaseChatModel._check_profile_keys(self)  # type: ignore[operator]
        return self

    # ---------------------------------------------------------------- what LangChain asks about us

    @property
    def _llm_type(self) -> str:
        return "kimi-chat"

    @classmethod
    def model_json_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The schema of the constructor's arguments, as pydantic gives it; without functions and other objects."""
        return settings_schema(super().model_json_schema, *args, **kwargs)

    @property
    def _identifying_params(self) -> dict[str, Any]:
        params: dict[str, Any] = {"base_url": resolve_base_url(self.base_url, region=self.region)}
        for name in _OPTION_FIELDS:
            value = getattr(self, name)
            if value not in (None, {}):
                params[name] = value
        prices = shown_prices(self._own_catalog())
        if prices:
            params[CATALOG_PRICES] = prices
        return params

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=stop, **kwargs)
        params["ls_provider"] = PROVIDER
        if not stop and self.stop:
            params["ls_stop"] = [self.stop] if isinstance(self.stop, str) else self.stop
        max_tokens = kwargs.get("max_tokens", kwargs.get("max_completion_tokens", self.max_tokens))
        if isinstance(max_tokens, int):
            params["ls_max_tokens"] = max_tokens
        return params

    def _combine_llm_outputs(self, llm_outputs: list[dict[str, Any] | None]) -> dict[str, Any]:
        total: dict[str, Any] = {}
        for output in llm_outputs:
            add_counts(total, (output or {}).get("token_usage") or {})
        return {"token_usage": total, "model_name": self.model}

    def _resolve_model_profile(self) -> ModelProfile | None:
        host = DIALECTS.get(self.dialect)
        ours = host is not None and host.platform_rules
        spec = get_model_spec(self.model, platform=ours, catalog_model=self.catalog_model, catalog=self._own_catalog())
        profile = model_profile(spec, documents=self.extract_documents and ours)
        if self.context_window is not None:
            profile["max_input_tokens"] = self.context_window
        return profile

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Whether `langchain_core.load.dumps` keeps enough to build the model again. It never keeps the key."""
        return True

    @property
    def lc_attributes(self) -> dict[str, Any]:
        """What `langchain_core.load.dumps` writes in other words than the fields hold."""
        return {} if self.account_limits is None else {"account_limits": plain_limits(self.account_limits)}

    @property
    def lc_secrets(self) -> dict[str, str]:
        """The constructor argument that is a secret, and the variable `loads` reads it from."""
        return {"api_key": KEY_VARIABLES[0]}

    # ---------------------------------------------------------------- the platform

    if TYPE_CHECKING:  # core's own, with our arguments; its streams are generators, which can be closed

        def invoke(
            self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Unpack[BoundArguments]
        ) -> AIMessage:
            """Core's own: wait for the whole answer."""
            ...

        async def ainvoke(
            self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Unpack[BoundArguments]
        ) -> AIMessage:
            """Core's own: wait for the whole answer."""
            ...

        def stream(
            self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Unpack[BoundArguments]
        ) -> Generator[AIMessageChunk, None, None]:
            """Core's own: the answer piece by piece."""
            ...

        def astream(
            self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Unpack[BoundArguments]
        ) -> AsyncGenerator[AIMessageChunk, None]:
            """The asynchronous twin of `stream`."""
            ...

    def _convert_input(self, model_input: LanguageModelInput) -> PromptValue:
        """Core's own, with errors that say what to write: "Invalid input type <class 'NoneType'>" is core's.

        A private method, since core has no public place between `invoke` and its callbacks for all of `invoke`,
        `stream` and their twins. Should core rename it, its own errors come back (`test_beginners_mistakes`).
        """
        try:
            return super()._convert_input(model_input)
        except (ValueError, TypeError, NotImplementedError, AttributeError, KeyError):
            from langchain_kimi._input import wrong_input

            with CORE_ERRORS:
                raise wrong_input(model_input) from None

    def _request(
        self, messages: Sequence[BaseMessage], stop: list[str] | None, arguments: Mapping[str, Any], *, stream: bool
    ) -> tuple[ChatRequest, CallOptions]:
        """The request, and the connection's arguments."""
        from kimi_api.request import build_request  # see `_exchange`

        call = sort_arguments(stop, arguments)
        own = {name: getattr(self, name) for name in _OPTION_FIELDS}
        own.update(document_cache=self.document_cache, catalog=self._own_catalog())
        options = ChatOptions.of(own, call.options)
        wire = to_wire(
            messages,
            reasoning_field=options.host_rules.reasoning_field,
            refuse=refusal_of(options.unsupported),
        )
        request = build_request(options, wire, stream=stream)
        return dataclasses.replace(request, parsed=True) if call.parsed else request, call.transport

    def _exchange(
        self,
        messages: Sequence[BaseMessage],
        stop: list[str] | None,
        arguments: Mapping[str, Any],
        *,
        stream: bool = False,
    ) -> Exchange:
        """One call, ready to be sent."""
        from langchain_kimi._exchange import Exchange  # with the first call: see there

        request, call = self._request(messages, stop, arguments, stream=stream)
        return Exchange(self.client, request, call)

    @keep_signature
    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        with CORE_ERRORS:
            return self._exchange(messages, stop, kwargs).result()

    @keep_signature
    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        with CORE_ERRORS:
            return await self._exchange(messages, stop, kwargs).aresult()

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Generator[ChatGenerationChunk, None, None]:
        with CORE_ERRORS:
            exchange = self._exchange(messages, stop, kwargs, stream=True)
            deltas = exchange.deltas()
            try:
                for delta in deltas:
                    chunk = exchange.chunk(delta)
                    if run_manager:
                        run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                    yield chunk
            finally:
                deltas.close()
            chunk = exchange.last_chunk()
            if run_manager:
                run_manager.on_llm_new_token("", chunk=chunk)
            yield chunk

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncGenerator[ChatGenerationChunk, None]:
        with CORE_ERRORS:
            exchange = self._exchange(messages, stop, kwargs, stream=True)
            async with Unregistered(exchange.adeltas()) as deltas:
                async for delta in deltas:
                    chunk = exchange.chunk(delta)
                    if run_manager:
                        await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                    yield chunk
            chunk = exchange.last_chunk()
            if run_manager:
                await run_manager.on_llm_new_token("", chunk=chunk)
            yield chunk

    # ---------------------------------------------------------------- tools and structured output

    @CORE_ERRORS
    def bind_tools(
        self,
        tools: Sequence[Any],
        *,
        tool_choice: str | bool | dict[str, Any] | None = None,
        strict: bool | None = None,
        parallel_tool_calls: bool | None = None,
        response_format: Any = None,
        **kwargs: Unpack[CallArguments],
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """The model with tools.

        Args:
            tools: pydantic classes, TypedDicts, functions, `BaseTool`s, or dicts; built-in ones as
                `{"type": "builtin_function", "function": {"name": "$web_search"}}`.
            tool_choice: "auto", "none", "any" or "required" (or True), a tool's name, or OpenAI's dict. What a model
                makes of a forced choice is decided per call, so binding never fails for it: K3 sends `required` and
                checks the name; K2.6 stops thinking for the call; K2.7-code offers the tool, and asks once more.
            strict: whether arguments must follow the schema; None leaves the platform's default (they must).
            parallel_tool_calls: False keeps the first call of an answer (the platform has no such switch).
            response_format: a schema, or the API's dict.
            kwargs: any other per-call argument.
        """
        bound: dict[str, Any] = {"tools": tools_to_wire(tools, strict=strict), **kwargs}
        for name, value in (("tool_choice", tool_choice), ("parallel_tool_calls", parallel_tool_calls)):
            if value is not None:
                bound[name] = value
        if response_format is not None:
            bound["response_format"] = to_response_format(response_format)
        return self.bind(**bound)


_OPTION_FIELDS = tuple(
    field.name
    for field in dataclasses.fields(ChatOptions)
    if field.name in ChatKimi.model_fields and field.name not in ("document_cache", "catalog")
)
"""Fields that are options of a call under the same name, and say what an answer depends on."""
