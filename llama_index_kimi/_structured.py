"""Structured prediction over `response_format: json_schema`.

Core's default route forces a tool, which every Kimi model but the K3 family refuses while it thinks
("tool_choice 'required' is incompatible with thinking enabled"). The platform constrains the answer itself to a schema
instead: https://platform.kimi.ai/docs/guide/use-structured-output. Other modes (`pydantic_program_mode`) ask as core
does: FUNCTION, and OPENAI which here is the same, through a tool; LLM through the prompt alone. Answers are read here
in all of them: core's programs raise a parser's error that has lost the answer, and streamed they end with half an
object.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Mapping
from typing import TYPE_CHECKING, Any, Self

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
)
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.events.llm import (
    LLMStructuredPredictEndEvent,
    LLMStructuredPredictInProgressEvent,
    LLMStructuredPredictStartEvent,
)
from llama_index.core.llms.structured_llm import StructuredLLM
from llama_index.core.output_parsers.pydantic import PydanticOutputParser
from llama_index.core.program.function_program import get_function_tool
from llama_index.core.program.utils import FlexibleModel
from llama_index.core.prompts import BasePromptTemplate, ChatPromptTemplate
from llama_index.core.types import PydanticProgramMode
from pydantic import BaseModel

from kimi_api.errors import KimiInputError
from kimi_api.tools import schema_name, wrong_schema
from llama_index_kimi._connection import Connected
from llama_index_kimi._input import check_template, describe
from llama_index_kimi._objects import ModelT, PartialReader, parse_answer, parse_call, schema_of
from llama_index_kimi._structured_llm import StructuredKimi, TemplateChecks

dispatcher = get_dispatcher(__name__)

_TEXT_MODES = (PydanticProgramMode.DEFAULT, PydanticProgramMode.LLM)

PARSED = "parsed"
"""The argument of a call whose answer is read here: that the budget was too small is then said by the error alone."""


class StructuredPrediction(TemplateChecks, Connected):
    """The part of `Kimi` that answers with pydantic objects."""

    if TYPE_CHECKING:
        model: str
        additional_kwargs: dict[str, Any]

    def structured_predict(
        self,
        output_cls: type[ModelT],
        prompt: BasePromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> ModelT:
        """Fill `prompt` with `prompt_args`, send it, and give back an `output_cls`.

        Args:
            output_cls: a pydantic model.
            prompt: not changed.
            llm_kwargs: arguments of the call to the model, e.g. `{"max_tokens": 32_000}`.
            prompt_args: values for the prompt's variables.

        Raises:
            KimiStructuredOutputError: the answer was cut off, empty, or does not fit `output_cls`; says what to do.
            KimiToolChoiceError: a tool was to be called (mode FUNCTION), and was not.
            KimiInputError: a mode that only works inside the model's own process.
            KimiAPIError: the platform refused the request, or cannot be reached.
        """
        _check_arguments(output_cls, prompt, llm_kwargs)
        if self.pydantic_program_mode not in _TEXT_MODES:
            llm, template = self._for_core(prompt, prompt_args)
            dispatcher.event(_start_event(output_cls, prompt, prompt_args))
            response = llm.chat_with_tools(**_call_arguments(output_cls, template, llm_kwargs))
            result = parse_call(output_cls, response, llm.model)
            dispatcher.event(LLMStructuredPredictEndEvent(output=result))
            return result
        dispatcher.event(_start_event(output_cls, prompt, prompt_args))
        messages, arguments = self._ask_for(output_cls, prompt, prompt_args, llm_kwargs)
        result = parse_answer(output_cls, self.chat(messages, **arguments), in_prose=self._in_prose)
        dispatcher.event(LLMStructuredPredictEndEvent(output=result))
        return result

    async def astructured_predict(
        self,
        output_cls: type[ModelT],
        prompt: BasePromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> ModelT:
        """The asynchronous twin of `structured_predict`."""
        _check_arguments(output_cls, prompt, llm_kwargs)
        if self.pydantic_program_mode not in _TEXT_MODES:
            llm, template = self._for_core(prompt, prompt_args)
            dispatcher.event(_start_event(output_cls, prompt, prompt_args))
            response = await llm.achat_with_tools(**_call_arguments(output_cls, template, llm_kwargs))
            result = parse_call(output_cls, response, llm.model)
            dispatcher.event(LLMStructuredPredictEndEvent(output=result))
            return result
        dispatcher.event(_start_event(output_cls, prompt, prompt_args))
        messages, arguments = self._ask_for(output_cls, prompt, prompt_args, llm_kwargs)
        result = parse_answer(output_cls, await self.achat(messages, **arguments), in_prose=self._in_prose)
        dispatcher.event(LLMStructuredPredictEndEvent(output=result))
        return result

    def stream_structured_predict(
        self,
        output_cls: type[ModelT],
        prompt: BasePromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Generator[ModelT | FlexibleModel, None, None]:
        """`structured_predict`, streamed: objects as far as they have come, the last one whole.

        An object that does not fit `output_cls` yet has its fields all optional.
        """
        _check_arguments(output_cls, prompt, llm_kwargs)
        if self.pydantic_program_mode not in _TEXT_MODES:
            llm, template = self._for_core(prompt, prompt_args)
            yield from _stream_call(llm, output_cls, template, llm_kwargs)
            return
        dispatcher.event(_start_event(output_cls, prompt, prompt_args))
        response: ChatResponse | None = None
        reader = PartialReader(output_cls, in_prose=self._in_prose)
        messages, arguments = self._ask_for(output_cls, prompt, prompt_args, llm_kwargs)
        for response in self.stream_chat(messages, **arguments):
            partial = reader.read(response)
            if partial is not None:
                dispatcher.event(LLMStructuredPredictInProgressEvent(output=partial))
                yield partial
        result = parse_answer(output_cls, response, in_prose=self._in_prose)
        dispatcher.event(LLMStructuredPredictEndEvent(output=result))
        yield result

    async def astream_structured_predict(
        self,
        output_cls: type[ModelT],
        prompt: BasePromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> AsyncGenerator[ModelT | FlexibleModel, None]:
        """The asynchronous twin of `stream_structured_predict`: `async for x in await llm.astream_structured...`."""
        _check_arguments(output_cls, prompt, llm_kwargs)
        if self.pydantic_program_mode not in _TEXT_MODES:
            llm, template = self._for_core(prompt, prompt_args)
            return _astream_call(llm, output_cls, template, llm_kwargs)

        async def objects() -> AsyncGenerator[ModelT | FlexibleModel, None]:
            dispatcher.event(_start_event(output_cls, prompt, prompt_args))
            response: ChatResponse | None = None
            reader = PartialReader(output_cls, in_prose=self._in_prose)
            messages, arguments = self._ask_for(output_cls, prompt, prompt_args, llm_kwargs)
            async for response in await self.astream_chat(messages, **arguments):
                partial = reader.read(response)
                if partial is not None:
                    dispatcher.event(LLMStructuredPredictInProgressEvent(output=partial))
                    yield partial
            result = parse_answer(output_cls, response, in_prose=self._in_prose)
            dispatcher.event(LLMStructuredPredictEndEvent(output=result))
            yield result

        return objects()

    def as_structured_llm(self, output_cls: type[BaseModel], **kwargs: Any) -> StructuredLLM:
        """A model over this one whose every answer is an `output_cls`, in `raw`, and its JSON as the text."""
        _check_class(output_cls)
        return StructuredKimi(llm=self, output_cls=output_cls, **kwargs)

    def _format_messages(self, prompt: BasePromptTemplate, prompt_args: Mapping[str, Any]) -> list[ChatMessage]:
        """The messages of `prompt`, the system prompt in front (core forgets it on its asynchronous route)."""
        messages = prompt.format_messages(llm=self, **prompt_args)
        if self.system_prompt:
            return [ChatMessage(role="system", content=self.system_prompt), *messages]
        return messages

    @property
    def _in_prose(self) -> bool:
        """Whether the object stands somewhere in the text of the answer: nothing keeps the model to JSON alone."""
        return self.pydantic_program_mode == PydanticProgramMode.LLM

    def _ask_for(
        self,
        output_cls: type[BaseModel],
        prompt: BasePromptTemplate,
        prompt_args: Mapping[str, Any],
        llm_kwargs: Mapping[str, Any] | None,
    ) -> tuple[list[ChatMessage], dict[str, Any]]:
        """The messages that ask for an `output_cls` as text, and the other arguments of `chat`."""
        if not self._in_prose:
            return self._format_messages(prompt, prompt_args), call_arguments(output_cls, llm_kwargs)
        template = prompt.model_copy(update={"output_parser": None})
        messages = PydanticOutputParser(output_cls).format_messages(self._format_messages(template, prompt_args))
        return messages, {PARSED: True, **(llm_kwargs or {})}

    def _for_core(self, prompt: BasePromptTemplate, prompt_args: Mapping[str, Any]) -> tuple[Self, ChatPromptTemplate]:
        """A model and a prompt for a demanded tool: filled, and the system prompt in it instead of in the model."""
        if self.pydantic_program_mode in (PydanticProgramMode.GUIDANCE, PydanticProgramMode.LM_FORMAT_ENFORCER):
            raise KimiInputError(
                "pydantic_program_mode",
                self.pydantic_program_mode.value,
                "it steers a model that runs in this process, and Kimi is reached over HTTP",
                "leave it at 'default', where the platform itself keeps the answer to the schema",
            )
        changes: dict[str, Any] = {
            "system_prompt": None,
            # Core demands the tool of a whole answer, and of a stream only offers it.
            "additional_kwargs": {**self.additional_kwargs, "tool_choice": "required"},
        }
        bare = self.model_copy(update=changes)
        self._connect()
        bare._connection = self._connection
        template = prompt.model_copy(update={"output_parser": None})
        return bare, ChatPromptTemplate(self._format_messages(template, prompt_args))


def call_arguments(output_cls: type[BaseModel], llm_kwargs: Mapping[str, Any] | None) -> dict[str, Any]:
    """The arguments of `chat` that make the model answer with an `output_cls`; the caller's own come on top."""
    return {"response_format": response_format(output_cls), PARSED: True, **(llm_kwargs or {})}


def response_format(output_cls: type[BaseModel]) -> dict[str, Any]:
    """The `response_format` for `output_cls`.

    Raises:
        KimiInputError: it is no pydantic model class.
    """
    _check_class(output_cls)
    name = schema_name(output_cls.__name__)
    return {"type": "json_schema", "json_schema": {"name": name, "strict": True, "schema": schema_of(output_cls)}}


def _check_arguments(output_cls: object, prompt: object, llm_kwargs: object) -> None:
    """Refuse what no structured answer can be asked for with. Raises `KimiInputError`."""
    _check_class(output_cls)
    check_template(prompt)
    if llm_kwargs is not None and not isinstance(llm_kwargs, Mapping):
        rule = "it holds arguments of the call to the model by name"
        raise KimiInputError("llm_kwargs", describe(llm_kwargs), rule, 'pass a dict, e.g. {"max_tokens": 32_000}')


def _check_class(output_cls: object) -> None:
    """Refuse an `output_cls` that is no pydantic class. Raises `KimiInputError`."""
    if not (isinstance(output_cls, type) and issubclass(output_cls, BaseModel)):
        raise wrong_schema("output_cls", output_cls, "a pydantic model class")


def _stream_call(
    llm: Any, output_cls: type[ModelT], template: ChatPromptTemplate, llm_kwargs: Mapping[str, Any] | None
) -> Generator[ModelT | FlexibleModel, None, None]:
    """The objects of a stream in which the arguments of a tool call are the object.

    Core's own loop passes over whatever goes wrong on the way, at the end too: a cut answer, a withheld one and a
    validator's error all mean that the last object is no valid one.
    """
    dispatcher.event(_start_event(output_cls, template, {}))
    response: ChatResponse | None = None
    reader = PartialReader(output_cls)
    for piece in llm.stream_chat_with_tools(**_call_arguments(output_cls, template, llm_kwargs)):
        response = piece
        partial = reader.read_call(piece)
        if partial is not None:
            dispatcher.event(LLMStructuredPredictInProgressEvent(output=partial))
            yield partial
    result = parse_call(output_cls, response, llm.model)
    dispatcher.event(LLMStructuredPredictEndEvent(output=result))
    yield result


async def _astream_call(
    llm: Any, output_cls: type[ModelT], template: ChatPromptTemplate, llm_kwargs: Mapping[str, Any] | None
) -> AsyncGenerator[ModelT | FlexibleModel, None]:
    """The asynchronous twin of `_stream_call`."""
    dispatcher.event(_start_event(output_cls, template, {}))
    response: ChatResponse | None = None
    reader = PartialReader(output_cls)
    async for piece in await llm.astream_chat_with_tools(**_call_arguments(output_cls, template, llm_kwargs)):
        response = piece
        partial = reader.read_call(piece)
        if partial is not None:
            dispatcher.event(LLMStructuredPredictInProgressEvent(output=partial))
            yield partial
    result = parse_call(output_cls, response, llm.model)
    dispatcher.event(LLMStructuredPredictEndEvent(output=result))
    yield result


def _call_arguments(
    output_cls: type[BaseModel], template: ChatPromptTemplate, llm_kwargs: Mapping[str, Any] | None
) -> dict[str, Any]:
    own = {"tools": [get_function_tool(output_cls)], "chat_history": template.format_messages(), "tool_required": True}
    return {**(llm_kwargs or {}), **own, "tool_choice": None, "allow_parallel_tool_calls": False}


def _start_event(
    output_cls: type[BaseModel], prompt: BasePromptTemplate, prompt_args: dict[str, Any]
) -> LLMStructuredPredictStartEvent:
    return LLMStructuredPredictStartEvent(output_cls=output_cls, template=prompt, template_args=prompt_args)
