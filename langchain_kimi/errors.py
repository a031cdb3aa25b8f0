"""Errors of the LangChain adapter: each is Kimi's, the `openai` SDK's and LangChain's own at once.

    except ChatKimiRateLimitError         this package's
    except kimi_api.KimiRateLimitError    the platform's, in both adapters
    except openai.RateLimitError          the SDK's
    except ModelRateLimitError            LangChain's, whatever the vendor

Each has `status_code`, `body`, `response` and `request_id` as the SDK gives them, `hint` (what to do next), and
`is_retryable`, which LangChain's middleware reads. They pickle; the HTTP response does not cross a process.

They derive from classes of the `openai` SDK, and so are made on first use: importing this module does not load it.
"""

from __future__ import annotations

from contextlib import ContextDecorator
from typing import TYPE_CHECKING

from langchain_core.exceptions import (
    ModelAuthenticationError,
    ModelError,
    ModelInvalidRequestError,
    ModelRateLimitError,
    OutputParserException,
)

import kimi_api
from langchain_kimi._core import ModelRefusalError

if TYPE_CHECKING:
    from types import TracebackType

    from langchain_core.messages import BaseMessage

    from kimi_api.errors import ErrorTypes
    from langchain_kimi._dual_errors import (
        ChatKimiAuthenticationError,
        ChatKimiBadRequestError,
        ChatKimiConnectionError,
        ChatKimiContentFilterError,
        ChatKimiContextOverflowError,
        ChatKimiDeadlineError,
        ChatKimiEmptyReplyError,
        ChatKimiNotFoundError,
        ChatKimiOverloadedError,
        ChatKimiPermissionError,
        ChatKimiQuotaError,
        ChatKimiRateLimitError,
        ChatKimiReplyTooLongError,
        ChatKimiServerError,
        ChatKimiTimeoutError,
    )

__all__ = [
    "ChatKimiAuthenticationError",
    "ChatKimiBadRequestError",
    "ChatKimiConnectionError",
    "ChatKimiContentFilterError",
    "ChatKimiContextOverflowError",
    "ChatKimiDeadlineError",
    "ChatKimiEmptyReplyError",
    "ChatKimiInputError",
    "ChatKimiKeyError",
    "ChatKimiLimitError",
    "ChatKimiNotFoundError",
    "ChatKimiOverloadedError",
    "ChatKimiPermissionError",
    "ChatKimiQuotaError",
    "ChatKimiRateLimitError",
    "ChatKimiReplyTooLongError",
    "ChatKimiServerError",
    "ChatKimiTimeoutError",
    "KimiRefusalError",
    "KimiStructuredOutputError",
]


class KimiStructuredOutputError(kimi_api.KimiStructuredOutputError, OutputParserException):
    """`kimi_api.KimiStructuredOutputError`, and what LangChain's parsers raise."""

    observation: str | None = None
    send_to_llm: bool = False


class KimiRefusalError(kimi_api.KimiRefusalError, KimiStructuredOutputError, ModelRefusalError):
    """The object asked for was withheld: `kimi_api.KimiRefusalError`, and core's own error for it.

    A model error that is not retryable, which `ModelRetryMiddleware` reads.

    Attributes:
        raw_message: the answer, with core's refusal block among its `content_blocks`.
    """

    raw_message: BaseMessage | None = None


class ChatKimiInputError(kimi_api.KimiInputError, ModelInvalidRequestError):
    """A value that cannot work, found before anything was sent. `ModelRetryMiddleware` does not try it again."""


class ChatKimiKeyError(kimi_api.KimiKeyError, ModelAuthenticationError):
    """No API key, or one that cannot be sent."""


class ChatKimiLimitError(kimi_api.KimiLimitError, ModelRateLimitError):
    """Held back here: the account's limits leave no room in a bearable time, which a second try would not change."""

    is_retryable = False


def as_core_error(error: Exception) -> Exception:
    """`error` as core's own too, by which middleware tells what is worth another try; itself where it is one already.

    Core's middleware retries every error that it does not know (`default_retry_on`: what is no `ModelError`).
    """
    if isinstance(error, ModelError):
        return error
    twin: Exception
    if isinstance(error, kimi_api.KimiInputError):
        cls = ChatKimiKeyError if isinstance(error, kimi_api.KimiKeyError) else ChatKimiInputError
        twin = cls(error.what, error.value, error.rule, error.remedy)
    elif isinstance(error, kimi_api.KimiLimitError):
        twin = ChatKimiLimitError(error.message, limit=error.limit, retry_after=error.retry_after)
    else:
        return error
    twin.__dict__.update(error.__dict__)  # notes, and what had come of an answer
    return twin.with_traceback(error.__traceback__)


class _CoreErrors(ContextDecorator):
    """Raises errors from before sending as `as_core_error` gives them. Use it in `with`, or to decorate a function."""

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, kimi_api.KimiInputError | kimi_api.KimiLimitError):
            other = as_core_error(error)
            if other is not error:
                raise other from error.__cause__


CORE_ERRORS = _CoreErrors()


def error_types() -> ErrorTypes:
    """What `kimi_api.KimiClient` is to raise in place of its own classes."""
    from langchain_kimi._dual_errors import ERROR_TYPES

    return ERROR_TYPES


if not TYPE_CHECKING:  # a type checker that sees it accepts every name

    def __getattr__(name: str) -> object:
        if name in __all__:
            from langchain_kimi import _dual_errors

            return getattr(_dual_errors, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
