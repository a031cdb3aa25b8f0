"""The errors that are also the SDK's. Loaded on first use, see `kimi_api.errors`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import openai

from kimi_api.errors._base import KimiError


class KimiAPIError(KimiError, openai.APIError):
    """The platform refused a request, or it cannot be reached.

    Attributes:
        type: the platform's `error.type`, or None.
        hint: one sentence on what to do next.
        request_id: `Msh-Request-Id`; trace_id: `X-Msh-Trace-Id`. Both for Moonshot's support.
        retry_after: seconds the platform asks to wait, or None.
        retryable: whether sending the same request again may help and cannot be paid twice.
    """

    hint: str = ""
    request_id: str | None = None
    trace_id: str | None = None
    retry_after: float | None = None
    retryable: bool = False

    def __reduce__(self) -> tuple[Any, ...]:
        # The SDK's errors hold the HTTP request and response, which cannot cross a process.
        state = {k: v for k, v in self.__dict__.items() if k not in ("request", "response", "__cause__")}
        return _rebuild, (type(self), self.args, state)


class KimiConnectionError(KimiAPIError, openai.APIConnectionError):
    """No answer: the connection could not be made, or broke.

    Attributes:
        unreached: whether there was no connection to the host at all.
    """

    retryable = True
    unreached: bool = False


class KimiTimeoutError(KimiConnectionError, openai.APITimeoutError):
    """No byte within the time-out. Not repeated by itself: the model may have answered, and would be paid twice."""

    retryable = False


class KimiDeadlineError(KimiTimeoutError):
    """The call as a whole took longer than its `max_seconds`. Not repeated: the time that was allowed is used up."""


class KimiStatusError(KimiAPIError, openai.APIStatusError):
    """The platform answered with an error."""


class KimiBadRequestError(KimiStatusError, openai.BadRequestError):
    """400: the request is not what this model takes."""


class KimiContextOverflowError(KimiBadRequestError):
    """400: prompt and output budget together exceed the model's window."""


class KimiContentFilterError(KimiBadRequestError):
    """400: the content was judged high risk."""


class KimiAuthenticationError(KimiStatusError, openai.AuthenticationError):
    """401: the key is wrong, or belongs to the other region."""


class KimiPermissionError(KimiStatusError, openai.PermissionDeniedError):
    """403: the key may not do this."""


class KimiNotFoundError(KimiStatusError, openai.NotFoundError):
    """404: no such model (any more), file or path."""


class KimiRateLimitError(KimiStatusError, openai.RateLimitError):
    """429: more requests or tokens than the account's tier allows."""

    retryable = True


class KimiOverloadedError(KimiRateLimitError):
    """429 `engine_overloaded_error`: the engine is busy."""


class KimiQuotaError(KimiRateLimitError):
    """429 or 403 `exceeded_current_quota_error`: the account has no money left."""

    retryable = False


class KimiServerError(KimiStatusError, openai.InternalServerError):
    """5xx: the platform failed."""

    retryable = True


ErrorTypes = Mapping[type[KimiError], type[KimiError]]
"""A framework's own subclasses, by the class of this module they stand for."""


def _rebuild(cls: type[KimiAPIError], args: tuple[Any, ...], state: dict[str, Any]) -> KimiAPIError:
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    error.request = None  # type: ignore[assignment]
    if isinstance(error, KimiStatusError):
        error.response = None  # type: ignore[assignment]
    return error
