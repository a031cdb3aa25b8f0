"""Everything that can go wrong, as one tree.

    KimiError
    ├── KimiInputError (ValueError)          refused here, before anything was sent
    │   └── KimiKeyError                     no usable API key
    ├── KimiLimitError                       held back here: the account's limits, as given, allow no more today
    ├── KimiReplyError                       the platform answered, but the answer cannot be used
    │   ├── KimiIncompleteReplyError         the stream ended before its finish_reason
    │   ├── KimiReplyTooLongError            more than an answer may hold, or no end of keep-alives
    │   ├── KimiFormulaError                 an official tool failed; names the tool and its reason
    │   ├── KimiStructuredOutputError (ValueError)   an answer that is not the object asked for
    │   │   └── KimiRefusalError             the platform withheld it
    │   ├── KimiEmptyReplyError                  an answer with neither text nor a tool call
    │   └── KimiToolChoiceError (ValueError)         a demanded tool was not called
    ├── KimiFileError                        a file could not be extracted; names the file
    ├── KimiBatchError                       a batch, or one request of it, has no answer; names both
    └── KimiAPIError (openai.APIError)       the platform refused a request, or cannot be reached
        ├── KimiConnectionError (openai.APIConnectionError)
        │   └── KimiTimeoutError (openai.APITimeoutError)
        │       └── KimiDeadlineError      the call took longer than `max_seconds`
        └── KimiStatusError (openai.APIStatusError)
            ├── KimiBadRequestError (openai.BadRequestError)                    400
            │   ├── KimiContextOverflowError       prompt and budget exceed the window
            │   └── KimiContentFilterError         judged high risk
            ├── KimiAuthenticationError (openai.AuthenticationError)            401
            ├── KimiPermissionError (openai.PermissionDeniedError)              403
            ├── KimiNotFoundError (openai.NotFoundError)                        404
            ├── KimiRateLimitError (openai.RateLimitError)                      429
            │   ├── KimiOverloadedError            the engine is busy
            │   └── KimiQuotaError                 the account is empty; never retried
            └── KimiServerError (openai.InternalServerError)                    5xx

The `KimiAPIError` branch derives from the SDK's classes, so `except openai.RateLimitError` keeps working. It is loaded
on first use: importing `openai` costs more than everything else in this package together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kimi_api.errors._base import (
    KimiBatchError,
    KimiEmptyReplyError,
    KimiError,
    KimiFileError,
    KimiFormulaError,
    KimiIncompleteReplyError,
    KimiInputError,
    KimiKeyError,
    KimiLimitError,
    KimiRefusalError,
    KimiReplyError,
    KimiReplyTooLongError,
    KimiStructuredOutputError,
    KimiToolChoiceError,
)

if TYPE_CHECKING:
    from kimi_api.errors._sdk import ErrorTypes as ErrorTypes
    from kimi_api.errors._sdk import (
        KimiAPIError,
        KimiAuthenticationError,
        KimiBadRequestError,
        KimiConnectionError,
        KimiContentFilterError,
        KimiContextOverflowError,
        KimiDeadlineError,
        KimiNotFoundError,
        KimiOverloadedError,
        KimiPermissionError,
        KimiQuotaError,
        KimiRateLimitError,
        KimiServerError,
        KimiStatusError,
        KimiTimeoutError,
    )

__all__ = [
    "KimiAPIError",
    "KimiAuthenticationError",
    "KimiBadRequestError",
    "KimiBatchError",
    "KimiConnectionError",
    "KimiContentFilterError",
    "KimiContextOverflowError",
    "KimiDeadlineError",
    "KimiEmptyReplyError",
    "KimiError",
    "KimiFileError",
    "KimiFormulaError",
    "KimiIncompleteReplyError",
    "KimiInputError",
    "KimiKeyError",
    "KimiLimitError",
    "KimiNotFoundError",
    "KimiOverloadedError",
    "KimiPermissionError",
    "KimiQuotaError",
    "KimiRateLimitError",
    "KimiRefusalError",
    "KimiReplyError",
    "KimiReplyTooLongError",
    "KimiServerError",
    "KimiStatusError",
    "KimiStructuredOutputError",
    "KimiTimeoutError",
    "KimiToolChoiceError",
]

if not TYPE_CHECKING:  # a type checker that sees it accepts every name

    def __getattr__(name: str) -> object:
        if name in __all__:
            from kimi_api.errors import _sdk

            return getattr(_sdk, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
