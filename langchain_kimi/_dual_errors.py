"""The classes that `langchain_kimi.errors` exports on first use. Importing this module imports `openai`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_core.exceptions import (
    ContextOverflowError,
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelError,
    ModelInvalidRequestError,
    ModelNotFoundError,
    ModelPermissionDeniedError,
    ModelRateLimitError,
    ModelTimeoutError,
)

from kimi_api.errors import (
    KimiAPIError,
    KimiAuthenticationError,
    KimiBadRequestError,
    KimiConnectionError,
    KimiContentFilterError,
    KimiContextOverflowError,
    KimiDeadlineError,
    KimiEmptyReplyError,
    KimiNotFoundError,
    KimiOverloadedError,
    KimiPermissionError,
    KimiQuotaError,
    KimiRateLimitError,
    KimiReplyTooLongError,
    KimiServerError,
    KimiStatusError,
    KimiTimeoutError,
)
from langchain_kimi._core import ModelRefusalError

if TYPE_CHECKING:
    from kimi_api.errors import ErrorTypes


class _Retryable:
    """`is_retryable` of one failure, not of its class: after the 429 of a daily limit, a retry does not help."""

    retryable: bool

    @property
    def is_retryable(self) -> bool:
        return self.retryable


class ChatKimiAPIError(_Retryable, KimiAPIError, ModelError):  # pyright: ignore[reportIncompatibleVariableOverride]
    """The platform refused a request for a reason that no other class stands for."""


class ChatKimiStatusError(_Retryable, KimiStatusError, ModelError):  # pyright: ignore[reportIncompatibleVariableOverride]
    """An HTTP status that fits no other class."""


class ChatKimiBadRequestError(KimiBadRequestError, ModelInvalidRequestError):
    """400: the request is not what this model takes."""


class ChatKimiContextOverflowError(KimiContextOverflowError, ContextOverflowError):
    """400: prompt and output budget exceed the window. LangChain's summarisation reacts to it."""


class ChatKimiContentFilterError(KimiContentFilterError, ModelInvalidRequestError, ModelRefusalError):
    """400: the content was judged high risk. No refusal of the model's own, so `raw_message` is None.

    An invalid request too, in every core: deepagents takes a file that was refused out of the thread by that class.
    """


class ChatKimiAuthenticationError(KimiAuthenticationError, ModelAuthenticationError):
    """401: the key is wrong, or belongs to the other region."""


class ChatKimiPermissionError(KimiPermissionError, ModelPermissionDeniedError):
    """403: the key may not do this."""


class ChatKimiNotFoundError(KimiNotFoundError, ModelNotFoundError):
    """404: no such model (any more), file or path."""


class ChatKimiRateLimitError(_Retryable, KimiRateLimitError, ModelRateLimitError):  # pyright: ignore[reportIncompatibleVariableOverride]
    """429: more requests or tokens than the account's tier allows."""


class ChatKimiOverloadedError(_Retryable, KimiOverloadedError, ModelRateLimitError):  # pyright: ignore[reportIncompatibleVariableOverride]
    """429: the engine is busy."""


class ChatKimiQuotaError(KimiQuotaError, ModelRateLimitError):
    """The account has no money left; repeating does not help."""

    is_retryable = False


class ChatKimiEmptyReplyError(KimiEmptyReplyError, ModelAPIError):
    """An answer with neither text nor a tool call, again and again."""


class ChatKimiReplyTooLongError(KimiReplyTooLongError, ModelAPIError):
    """More than an answer may hold here. What is sent again is paid for again, and hardly shorter."""

    is_retryable = False


class ChatKimiServerError(KimiServerError, ModelAPIError):
    """5xx: the platform failed."""


class ChatKimiConnectionError(KimiConnectionError, ModelConnectionError):
    """No answer: the connection could not be made, or broke."""


class ChatKimiTimeoutError(KimiTimeoutError, ModelTimeoutError):
    """No byte within the time-out.

    `retryable` is False (we do not repeat it by ourselves, since it may be paid twice) and `is_retryable` True:
    repeating may succeed, which is what LangChain asks.
    """


class ChatKimiDeadlineError(KimiDeadlineError, ModelTimeoutError):
    """The call took longer than `max_seconds`. A retry by the framework would double the time that was allowed."""

    is_retryable = False


ERROR_TYPES: ErrorTypes = {
    KimiAPIError: ChatKimiAPIError,
    KimiStatusError: ChatKimiStatusError,
    KimiBadRequestError: ChatKimiBadRequestError,
    KimiContextOverflowError: ChatKimiContextOverflowError,
    KimiContentFilterError: ChatKimiContentFilterError,
    KimiAuthenticationError: ChatKimiAuthenticationError,
    KimiPermissionError: ChatKimiPermissionError,
    KimiNotFoundError: ChatKimiNotFoundError,
    KimiRateLimitError: ChatKimiRateLimitError,
    KimiOverloadedError: ChatKimiOverloadedError,
    KimiQuotaError: ChatKimiQuotaError,
    KimiEmptyReplyError: ChatKimiEmptyReplyError,
    KimiReplyTooLongError: ChatKimiReplyTooLongError,
    KimiServerError: ChatKimiServerError,
    KimiConnectionError: ChatKimiConnectionError,
    KimiTimeoutError: ChatKimiTimeoutError,
    KimiDeadlineError: ChatKimiDeadlineError,
}
