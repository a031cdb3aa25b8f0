"""`KimiLLM`: Kimi for chains that want an LLM, text in and text out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Never, cast

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import LangSmithParams, LanguageModelInput
from langchain_core.language_models.llms import BaseLLM
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult, Generation, GenerationChunk, LLMResult
from langchain_core.prompt_values import PromptValue
from langchain_core.runnables import ConfigurableFieldSpec, Runnable, RunnableConfig, RunnableSerializable
from langchain_core.runnables.configurable import RunnableConfigurableFields
from langchain_core.runnables.utils import AnyConfigurableField, get_unique_config_specs
from pydantic import Field, ValidationError, model_validator

from kimi_api import KimiInputError
from kimi_api._many import aordered_map, ordered_map
from kimi_api._settings.names import elsewhere, needs_names, unknown_name
from kimi_api._settings.schema import settings_schema
from kimi_api._settings.wrong import from_validation
from kimi_api._warn import forget_caller, remember_caller
from langchain_kimi._call_arguments import add_counts
from langchain_kimi._input_checks import InputChecks, check_inputs, check_texts
from langchain_kimi.chat_models import ChatKimi

if TYPE_CHECKING:
    from typing import Self, Unpack

    from langchain_kimi._setting_types import ChatKimiSettings

__all__ = ["KimiLLM"]

_VERSION = version("kimi-integrations")
_AT_ONCE = 8
"""Requests under way for one `generate` of several prompts. `batch` has LangChain's own `max_concurrency`."""


class KimiLLM(InputChecks, BaseLLM):
    """Kimi as a LangChain LLM: a prompt in, the answer's text out.

    ```python
    from langchain_kimi import KimiLLM

    llm = KimiLLM(model="kimi-k3", max_tokens=16_000)
    llm.invoke("Why is the sky blue?")
    ```

    Takes every argument of `ChatKimi`, by constructor and per call, and behaves as it does: the prompt goes out as a
    user message, by `llm.chat`, which holds these settings. Thinking is not part of the text. How the answer ended, its
    model and its token counts stand in `generation_info` and `llm_output`. Tools and objects are for `ChatKimi`.

    LangChain's cache for LLMs does not look at arguments of a call: with `cache`, put them into the constructor.

    Args:
        chat: a model to use, in place of its arguments.

    Raises:
        KimiInputError: an argument that `ChatKimi` does not have, or one beside `chat`.
        KimiKeyError, KimiAPIError, KimiReplyError: as for `ChatKimi`.
    """

    chat: ChatKimi = Field(description="The chat model that answers.")

    def __init__(self, *positional: Never, chat: ChatKimi | None = None, **arguments: Unpack[ChatKimiSettings]) -> None:
        if positional:
            raise needs_names("KimiLLM", positional)
        own = {name: arguments.pop(name) for name in list(arguments) if name in type(self).model_fields}
        if chat is None:
            chat = ChatKimi(**arguments)
        elif arguments:
            name = next(iter(arguments))
            raise KimiInputError(name, arguments[name], "chat=... is given too", "pass it to that ChatKimi")
        try:
            super().__init__(chat=chat, **own)  # type: ignore[call-arg] - a field of this class
        except ValidationError as error:
            raise from_validation(error) from None

    @model_validator(mode="after")
    def _set_kimi_version(self) -> Self:
        self._add_version("kimi-integrations", _VERSION)
        return self

    # ---------------------------------------------------------------- what LangChain asks about us

    def _convert_input(self, model_input: LanguageModelInput) -> PromptValue:
        """Core's, private there, with the errors of `ChatKimi`."""
        return self.chat._convert_input(model_input)

    @property
    def _llm_type(self) -> str:
        return "kimi-llm"

    @classmethod
    def model_json_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The schema of the fields, as pydantic gives it; without functions and other objects."""
        return settings_schema(super().model_json_schema, *args, **kwargs)

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
        return self.chat._identifying_params

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = self.chat._get_ls_params(stop=stop, **kwargs)
        params["ls_model_type"] = "llm"
        return params

    def get_num_tokens(self, text: str) -> int:
        """Tokens of a text, as `ChatKimi` counts them."""
        return self.chat.get_num_tokens(text)

    def get_token_ids(self, text: str) -> list[int]:
        """Token ids of a text, as `ChatKimi` gives them."""
        return self.chat.get_token_ids(text)

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Whether `langchain_core.load.dumps` keeps enough to build it again. It never keeps the key."""
        return True

    def with_structured_output(self, schema: Any, **kwargs: Any) -> Never:
        """Not here: the answer is text.

        Raises:
            NotImplementedError: always, as core's own does.
        """
        raise NotImplementedError("KimiLLM answers with text. What to do: use ChatKimi(...).with_structured_output.")

    def configurable_fields(self, **kwargs: AnyConfigurableField) -> RunnableSerializable[LanguageModelInput, str]:
        """Fields that a run may set. Those of `ChatKimi` too (`temperature`, `model`, ...): they are `llm.chat`'s.

        Raises:
            KimiInputError: a name that is neither this class's nor `ChatKimi`'s.
        """
        own, chats = type(self).model_fields, ChatKimi.model_fields
        for name in kwargs:
            if name not in own and name not in chats:
                raise unknown_name(name, (*own, *chats), "configurable field")
        return ConfigurableKimiLLM(
            default=self,
            fields={name: spec for name, spec in kwargs.items() if name in own},
            chat_fields={name: spec for name, spec in kwargs.items() if name not in own},
        )

    # ---------------------------------------------------------------- answers

    def _generate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        def answer(prompt: str) -> ChatResult:
            if self.chat.rate_limiter is not None:  # asked per request; the base class asks for chat models only
                self.chat.rate_limiter.acquire(blocking=True)
            return self.chat._generate([HumanMessage(prompt)], stop, **kwargs)

        return self._result(list(ordered_map(answer, prompts, min(len(prompts), _AT_ONCE) or 1)))

    async def _agenerate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        async def answer(prompt: str) -> ChatResult:
            if self.chat.rate_limiter is not None:
                await self.chat.rate_limiter.aacquire(blocking=True)
            return await self.chat._agenerate([HumanMessage(prompt)], stop, **kwargs)

        return self._result([r async for r in aordered_map(answer, prompts, min(len(prompts), _AT_ONCE) or 1)])

    def _stream(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[GenerationChunk]:
        if self.chat.disable_streaming is True:
            yield _as_chunk(self._generate([prompt], stop, **kwargs))
            return
        if self.chat.rate_limiter is not None:
            self.chat.rate_limiter.acquire(blocking=True)
        for piece in self.chat._stream([HumanMessage(prompt)], stop, **kwargs):
            chunk = _chunk(piece)
            if chunk is not None:
                if run_manager:
                    run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                yield chunk

    async def _astream(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[GenerationChunk]:
        if self.chat.disable_streaming is True:
            yield _as_chunk(await self._agenerate([prompt], stop, **kwargs))
            return
        if self.chat.rate_limiter is not None:
            await self.chat.rate_limiter.aacquire(blocking=True)
        async for piece in self.chat._astream([HumanMessage(prompt)], stop, **kwargs):
            chunk = _chunk(piece)
            if chunk is not None:
                if run_manager:
                    await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                yield chunk

    def _result(self, results: list[ChatResult]) -> LLMResult:
        counts: dict[str, Any] = {}
        for result in results:
            add_counts(counts, (result.llm_output or {}).get("token_usage") or {})
        return LLMResult(
            generations=[
                [Generation(text=g.text, generation_info=_info(g)) for g in result.generations] for result in results
            ],
            llm_output={"token_usage": counts, "model_name": self.chat.model},
        )

    if not TYPE_CHECKING:  # a checker sees core's own, whose types say more

        def __getattr__(self, name: str) -> object:
            """Pydantic's own, with a hint where the attribute is a method of `ChatKimi`."""
            try:
                return super().__getattr__(name)
            except AttributeError as error:
                if name != "bind_tools":
                    raise
                raise elsewhere(error, name, self, "a method of ChatKimi", "use ChatKimi for tools") from None

        def generate(self, prompts: object, *args: object, **kwargs: object) -> LLMResult:
            """Core's own: one answer for each text."""
            check_texts(prompts)
            return super().generate(prompts, *args, **kwargs)

        async def agenerate(self, prompts: object, *args: object, **kwargs: object) -> LLMResult:
            """The asynchronous twin of `generate`."""
            check_texts(prompts)
            return await super().agenerate(prompts, *args, **kwargs)

    # The base class sends a batch as one call, so that one prompt that fails takes the answers of all others with it,
    # also with `return_exceptions`. Each prompt is a run of its own here, as for chat models.

    def batch(
        self,
        inputs: list[LanguageModelInput],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[str]:
        """The answers to several prompts, `config["max_concurrency"]` at a time, each failing by itself."""
        check_inputs(inputs)
        caller = remember_caller()  # it goes on in threads, whose stacks do not show the line
        try:
            return Runnable.batch(self, inputs, config, return_exceptions=return_exceptions, **kwargs)
        finally:
            forget_caller(caller)

    async def abatch(
        self,
        inputs: list[LanguageModelInput],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[str]:
        """The asynchronous twin of `batch`."""
        check_inputs(inputs)
        caller = remember_caller()
        try:
            return await Runnable.abatch(self, inputs, config, return_exceptions=return_exceptions, **kwargs)
        finally:
            forget_caller(caller)


if TYPE_CHECKING:
    _ConfigurableFields = RunnableConfigurableFields[LanguageModelInput, str]
else:  # pydantic's class with these parameters would try to build `default` again
    _ConfigurableFields = RunnableConfigurableFields


class ConfigurableKimiLLM(_ConfigurableFields):
    """What `KimiLLM.configurable_fields` makes: core's own for our fields, and a second one for those of `llm.chat`."""

    chat_fields: dict[str, AnyConfigurableField]

    @property
    def config_specs(self) -> list[ConfigurableFieldSpec]:
        """What a run may set."""
        llm = cast("KimiLLM", self.default)
        return get_unique_config_specs([*super().config_specs, *self._of_chat(llm).config_specs])

    def configurable_fields(self, **kwargs: AnyConfigurableField) -> RunnableSerializable[LanguageModelInput, str]:
        """More of them."""
        return cast("KimiLLM", self.default).configurable_fields(**{**self.fields, **self.chat_fields, **kwargs})

    def _prepare(self, config: RunnableConfig | None = None) -> tuple[Runnable[Any, Any], RunnableConfig]:
        """Core's way for a subclass to say what a configuration makes of the default; it has no public one."""
        prepared, config = super()._prepare(config)
        llm = cast("KimiLLM", prepared)
        chat, config = self._of_chat(llm).prepare(config)
        if chat is llm.chat:
            return llm, config
        own: dict[str, Any] = {name: llm.__dict__[name] for name in type(llm).model_fields if name in llm.__dict__}
        return type(llm)(**dict(own, chat=chat)), config

    def _of_chat(self, llm: KimiLLM) -> RunnableConfigurableFields[Any, Any]:
        return RunnableConfigurableFields(default=llm.chat, fields=self.chat_fields)


def _info(generation: ChatGeneration) -> dict[str, Any] | None:
    """What is known of an answer beside its text."""
    message = generation.message
    info = {**message.response_metadata, **(generation.generation_info or {})}
    info.pop("token_usage", None)
    if isinstance(message, AIMessage) and message.usage_metadata:
        info["usage_metadata"] = message.usage_metadata
    return info


def _chunk(piece: ChatGeneration) -> GenerationChunk | None:
    """A piece of text; None for a piece of thinking. The last piece, even without text, holds what comes once."""
    last = getattr(piece.message, "chunk_position", None) == "last"
    if not piece.text and not last:
        return None
    return GenerationChunk(text=piece.text, generation_info=_info(piece) if last else None)


def _as_chunk(result: LLMResult) -> GenerationChunk:
    whole = result.generations[0][0]
    return GenerationChunk(text=whole.text, generation_info=whole.generation_info)
