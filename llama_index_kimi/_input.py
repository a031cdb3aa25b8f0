"""What `Kimi`'s methods cannot be given: errors that name the thing, and what to write in its place."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from llama_index.core.base.llms.types import ChatMessage, ChatResponse
from llama_index.core.prompts import BasePromptTemplate
from pydantic import ValidationError

from kimi_api._signature import keep_signature
from kimi_api.errors import KimiInputError

MethodT = TypeVar("MethodT", bound=Callable[..., Any])

_RULE = "LlamaIndex's messages are ChatMessage objects in a list"


def explain_messages(method: MethodT) -> MethodT:
    """Raise our error where core's event of the beginning call finds that `messages` are none.

    It goes around core's decorator, which makes that event before it calls the method: "1 validation error for
    LLMChatStartEvent". A good call pays for one more function call, whatever its length.
    """
    if inspect.iscoroutinefunction(method):

        @functools.wraps(method)
        async def aask(self: object, messages: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - core's own forms
            _check_list(messages)
            try:
                return await method(self, messages, **kwargs)
            except ValidationError as error:
                raise _explain(error, messages) from None

        return keep_signature(aask)  # type: ignore[return-value] - of the same form

    @functools.wraps(method)
    def ask(self: object, messages: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - core's own forms
        _check_list(messages)
        try:
            return method(self, messages, **kwargs)
        except ValidationError as error:
            raise _explain(error, messages) from None

    return keep_signature(ask)  # type: ignore[return-value] - of the same form


def _explain(error: ValidationError, messages: object) -> Exception:
    return error if _are_messages(messages) else no_messages(messages)


def _check_list(messages: object) -> None:
    """Refuse a generator: core's event takes all of its messages, and none is left to send."""
    if hasattr(messages, "__next__"):
        raise KimiInputError("messages", describe(messages), _RULE, "write list(...) around it")


def check_messages(messages: object, what: str = "messages") -> None:
    """Refuse anything but a list of messages. Raises `KimiInputError`."""
    _check_list(messages)
    if not _are_messages(messages):
        raise no_messages(messages, what)


def user_message(user_msg: str | ChatMessage) -> ChatMessage:
    """The message of a `user_msg`.

    Raises:
        KimiInputError: it is neither a text nor a message.
    """
    if isinstance(user_msg, str):
        return ChatMessage(role="user", content=user_msg)
    if isinstance(user_msg, ChatMessage):
        return user_msg
    remedy = (
        "pass several messages as chat_history=[...]" if isinstance(user_msg, list | tuple) else "write it as a text"
    )
    raise KimiInputError("user_msg", describe(user_msg), "it is a text or one ChatMessage", remedy)


def _are_messages(messages: object) -> bool:
    return isinstance(messages, Sequence) and all(issubclass(kind, ChatMessage) for kind in set(map(type, messages)))


def no_messages(messages: object, what: str = "messages") -> KimiInputError:
    """The error for something else in place of a list of `ChatMessage`: it names the first wrong item."""
    items: Sequence[object] = (
        messages if isinstance(messages, Sequence) and not isinstance(messages, str) else [messages]
    )
    wrong = next((item for item in items if not isinstance(item, ChatMessage)), messages)
    if isinstance(wrong, ChatMessage):
        return KimiInputError(what, "one ChatMessage", _RULE, "put it into a list: [message]")
    remedy = 'write e.g. [ChatMessage("Hello")], or use complete("Hello") for a text'
    return KimiInputError(what, wrong, _RULE, remedy)


def describe(value: object) -> object:
    """What an error shows of `value`: its class where its `repr` says where it is in memory, or too much."""
    return value if value is None or isinstance(value, str | bytes | int | float) else f"a {type(value).__name__}"


def check_prompt(prompt: object) -> None:
    """Refuse anything but a text: core would send None as an empty message, and a list as its `repr`.

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
    raise KimiInputError("prompt", describe(prompt), "it is a text", remedy)


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
    raise KimiInputError(
        "prompt", describe(template), "it is one of LlamaIndex's prompt templates", "pass a PromptTemplate"
    )


def check_stream(stream: object) -> None:
    """Refuse the argument that makes OpenAI's own client stream. Raises `KimiInputError`."""
    if stream:
        remedy = "use stream_complete or stream_chat, or await astream_complete or astream_chat"
        raise KimiInputError("stream", stream, "each method streams or does not", remedy)


def check_response(response: object) -> None:
    """Refuse anything but an answer of a chat. Raises `KimiInputError`."""
    if not isinstance(response, ChatResponse):
        remedy = "pass what chat, chat_with_tools or one step of their streams gave"
        raise KimiInputError("response", describe(response), "it is a ChatResponse", remedy)
