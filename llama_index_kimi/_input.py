"""What `Kimi`'s methods cannot be given: errors that name the thing, and what to write in its place."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.prompts import BasePromptTemplate
from pydantic import ValidationError

from kimi_api.errors import KimiInputError

MethodT = TypeVar("MethodT", bound=Callable[..., Any])


def explain_messages(method: MethodT) -> MethodT:
    """Raise our error where core's event of the beginning call finds that `messages` are none.

    It goes around core's decorator, which makes that event before it calls the method: "1 validation error for
    LLMChatStartEvent". A good call pays for one more function call, whatever its length.
    """
    if inspect.iscoroutinefunction(method):

        @functools.wraps(method)
        async def aask(self: object, messages: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - core's own forms
            try:
                return await method(self, messages, **kwargs)
            except ValidationError as error:
                raise _explain(error, messages) from None

        return aask  # type: ignore[return-value] - of the same form

    @functools.wraps(method)
    def ask(self: object, messages: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - core's own forms
        try:
            return method(self, messages, **kwargs)
        except ValidationError as error:
            raise _explain(error, messages) from None

    return ask  # type: ignore[return-value] - of the same form


def _explain(error: ValidationError, messages: object) -> Exception:
    return error if _are_messages(messages) else no_messages(messages)


def _are_messages(messages: object) -> bool:
    return isinstance(messages, Sequence) and all(isinstance(message, ChatMessage) for message in messages)


def no_messages(messages: object) -> KimiInputError:
    """The error for something else in place of a list of `ChatMessage`: the first thing in it that is none."""
    items: Sequence[object] = (
        messages if isinstance(messages, Sequence) and not isinstance(messages, str) else [messages]
    )
    wrong = next((item for item in items if not isinstance(item, ChatMessage)), messages)
    remedy = 'write e.g. [ChatMessage("Hello")], or use complete("Hello") for a text'
    return KimiInputError("messages", wrong, "LlamaIndex's messages are ChatMessage objects in a list", remedy)


def check_prompt(prompt: object) -> None:
    """Refuse what is no text in the place of one: core would send None as an empty message, and a list as its `repr`.

    Raises:
        KimiInputError: it is none.
    """
    if isinstance(prompt, str):
        return
    remedy = 'write e.g. complete("Hello")'
    if isinstance(prompt, ChatMessage | list | tuple):
        remedy += ", or chat([...]) for messages"
    elif isinstance(prompt, BasePromptTemplate):
        remedy += ", or predict(prompt, ...) for a template"
    shown = prompt if prompt is None or isinstance(prompt, int | float | bytes) else f"a {type(prompt).__name__}"
    raise KimiInputError("prompt", shown, "it is a text", remedy)


def check_template(template: object) -> None:
    """Refuse a text, or something else, in place of a template of LlamaIndex.

    Raises:
        KimiInputError: it is none.
    """
    if isinstance(template, BasePromptTemplate):
        return
    if isinstance(template, str):
        remedy = f"write PromptTemplate({template[:80]!r}), or use complete for a text without variables"
        raise KimiInputError("prompt", template, "it is one of LlamaIndex's prompt templates", remedy)
    shown = template if template is None else f"a {type(template).__name__}"
    raise KimiInputError("prompt", shown, "it is one of LlamaIndex's prompt templates", "pass a PromptTemplate")
