"""What `Kimi` and its `as_structured_llm` share: refusals of what is no template, no text and no list of messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from llama_index.core.base.llms.generic_utils import (
    astream_chat_to_completion_decorator,
    stream_chat_to_completion_decorator,
)
from llama_index.core.base.llms.types import CompletionResponse, CompletionResponseAsyncGen, CompletionResponseGen
from llama_index.core.llms.callbacks import llm_completion_callback
from llama_index.core.llms.llm import LLM
from llama_index.core.llms.structured_llm import StructuredLLM
from llama_index.core.prompts import BasePromptTemplate
from llama_index.core.types import TokenAsyncGen, TokenGen
from pydantic import ConfigDict

from kimi_api._settings.names import elsewhere
from llama_index_kimi._input import check_prompt, check_template, explain_messages

_TOOLS = frozenset({"chat_with_tools", "stream_chat_with_tools", "achat_with_tools", "astream_chat_with_tools"})
"""What core's agents look for: the structured model claims to call tools, since the model under it can."""


class TemplateChecks(LLM):
    """The methods of a model that take a template."""

    model_config: ClassVar[ConfigDict] = ConfigDict(defer_build=True)  # never instantiated itself

    def predict(self, prompt: BasePromptTemplate, **prompt_args: Any) -> str:
        """Core's own: fill the template, and give the answer's text."""
        check_template(prompt)
        return super().predict(prompt, **prompt_args)

    async def apredict(self, prompt: BasePromptTemplate, **prompt_args: Any) -> str:
        """The asynchronous twin of `predict`."""
        check_template(prompt)
        return await super().apredict(prompt, **prompt_args)

    def stream(self, prompt: BasePromptTemplate, **prompt_args: Any) -> TokenGen:
        """Core's own: fill the template, and give the answer's text piece by piece."""
        check_template(prompt)
        return super().stream(prompt, **prompt_args)

    async def astream(self, prompt: BasePromptTemplate, **prompt_args: Any) -> TokenAsyncGen:
        """The asynchronous twin of `stream`."""
        check_template(prompt)
        return await super().astream(prompt, **prompt_args)


class StructuredKimi(TemplateChecks, StructuredLLM):
    """Core's structured model, with the two methods that core leaves out."""

    model_config: ClassVar[ConfigDict] = ConfigDict(defer_build=True)  # 1 ms, when the first one is made

    if not TYPE_CHECKING:  # a checker that sees it believes in every name

        def __getattr__(self, name: str) -> object:
            """Pydantic's own, with a hint where the attribute is a method that calls tools."""
            try:
                return super().__getattr__(name)
            except AttributeError as error:
                if name not in _TOOLS:
                    raise
                instead = "give the agent the Kimi itself, and the class as FunctionAgent(output_cls=...)"
                raise elsewhere(error, name, self, "a method of Kimi", instead) from None

    chat = explain_messages(StructuredLLM.chat)
    stream_chat = explain_messages(StructuredLLM.stream_chat)
    achat = explain_messages(StructuredLLM.achat)
    astream_chat = explain_messages(StructuredLLM.astream_chat)

    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """Core's own: the answer to a text."""
        check_prompt(prompt)
        return super().complete(prompt, formatted=formatted, **kwargs)

    async def acomplete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """The asynchronous twin of `complete`."""
        check_prompt(prompt)
        return await super().acomplete(prompt, formatted=formatted, **kwargs)

    @llm_completion_callback()
    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:
        """`complete`, streamed: objects as far as they have come."""
        check_prompt(prompt)
        return stream_chat_to_completion_decorator(self.stream_chat)(prompt, **kwargs)

    @llm_completion_callback()
    async def astream_complete(  # type: ignore[override] - core's own annotation is of the synchronous generator
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> CompletionResponseAsyncGen:
        """The asynchronous twin of `stream_complete`."""
        check_prompt(prompt)
        return await astream_chat_to_completion_decorator(self.astream_chat)(prompt, **kwargs)
