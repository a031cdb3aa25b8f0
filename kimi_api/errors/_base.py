"""The errors that need no SDK: input, answers, files, batches, limits. See `kimi_api.errors` for the tree."""

from __future__ import annotations

import re
from typing import Any

from kimi_api.errors._masks import mask_ids

WITHHELD = (
    "the platform withheld the answer, or the rest of it (finish_reason 'content_filter'). Change the wording, or "
    "remove what may count as high risk. The same request will probably be withheld again"
)
"""The text for every answer that ends in the platform's content filter."""


class KimiError(Exception):
    """Any failure raised by these packages. Its text holds no key, and no id of an account.

    Attributes:
        partial: the `kimi_api.Reply` as far as it came before the failure, or None where nothing of an answer did.
    """

    partial: Any = None

    def add_note(self, note: str, /) -> None:
        """Add a line to what a traceback shows."""
        super().add_note(mask_ids(note))


def name_of(error: BaseException | None) -> str:
    """The class of `kimi_api.errors` that an error is (frameworks have subclasses of their own), or its own class.

    For logs and telemetry, where an error's text has no place: it may hold what users wrote.
    """
    names = (cls.__name__ for cls in type(error).__mro__ if cls.__module__.startswith("kimi_api.errors"))
    return next(names, type(error).__name__)


class KimiInputError(KimiError, ValueError):
    """A value that cannot work, found before a request was sent.

    Attributes:
        what: the argument or file it is about.
        value: the value as given (shortened in the message; never a secret).
        rule: what is allowed.
        remedy: what to do next.
    """

    def __init__(self, what: str, value: object, rule: str, remedy: str) -> None:
        self.what = what
        self.value = value
        self.rule = rule
        self.remedy = remedy
        super().__init__(mask_ids(f"{what}: got {_shorten(value)}, but {rule}. What to do: {remedy}."))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.what, self.value, self.rule, self.remedy), self.__dict__


class KimiKeyError(KimiInputError):
    """No API key, or one that cannot be sent as a header. The key itself is never part of the text."""


class KimiLimitError(KimiError):
    """A request was not sent, because the account's limits (`AccountLimits`) leave no room for it in a bearable time.

    Attributes:
        limit: the limit that is used up, "tpd"; None when the store that keeps the counts is out of reach.
        retry_after: seconds until there is room again, None when that is not known.
    """

    def __init__(self, message: str, *, limit: str | None = None, retry_after: float | None = None) -> None:
        self.message: str = mask_ids(message)
        self.limit = limit
        self.retry_after = retry_after
        super().__init__(self.message)

    def __reduce__(self) -> tuple[Any, ...]:
        return _limit_error, (type(self), self.message, self.limit, self.retry_after), self.__dict__


def _limit_error(cls: type[KimiLimitError], message: str, limit: str | None, retry_after: float | None) -> object:
    return cls(message, limit=limit, retry_after=retry_after)


class KimiReplyError(KimiError):
    """The platform answered, but not with something that can be used.

    Attributes:
        request_id: the platform's id of the request (`Msh-Request-Id`), for its support.
    """

    def __init__(self, message: str, *, request_id: str | None = None) -> None:
        self.message: str = mask_ids(message)
        self.request_id = request_id
        super().__init__(self.message if request_id is None else f"{self.message} (request id {request_id})")

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild_reply_error, (type(self), self.message, self.request_id), self.__dict__


class KimiIncompleteReplyError(KimiReplyError):
    """A stream ended without a finish_reason: what arrived is only the beginning of an answer.

    Attributes:
        retryable: whether nothing of it had come, so that it was asked for again as often as `max_retries` says.
    """

    retryable = False


class KimiReplyTooLongError(KimiReplyError):
    """An answer that passes what one may hold here: one event, an unpacked body, or what comes without an event.

    Attributes:
        bound: which one: "body", "event" and "comments" (bytes), or "silence" (seconds in which no event came).
        limit: how much was allowed, in bytes or seconds.
        partial: what had come of a streamed answer; of one that comes in one body nothing is kept.
    """

    retryable = False

    def __init__(self, message: str, *, bound: str = "", limit: float = 0, request_id: str | None = None) -> None:
        super().__init__(message, request_id=request_id)
        self.bound = bound
        self.limit = limit


class KimiEmptyReplyError(KimiReplyError):
    """An answer with neither text nor a tool call, also when it was asked for again as often as `max_retries` says.

    Attributes:
        retryable: True: the next answer may have some. Each one is paid for.
        partial: the answer, with its thinking; its usage is that of all that were asked for.
    """

    retryable = True


class KimiToolChoiceError(KimiReplyError, ValueError):
    """A tool call was demanded and none (or another one) came back.

    A ValueError too, as LlamaIndex's own "no tool call" is: its selectors and extractors go on with the next one.
    """


class KimiStructuredOutputError(KimiReplyError, ValueError):
    """An answer that cannot be the object asked for: cut off, empty, withheld, or not that object.

    A ValueError too, as pydantic's is: LlamaIndex's extractors and refine steps go on with the next chunk then.

    Attributes:
        llm_output: the text that came.
    """

    def __init__(self, message: str, *, llm_output: str = "", request_id: str | None = None) -> None:
        super().__init__(message, request_id=request_id)
        self.llm_output = llm_output  # last: LangChain's class, which comes in between in its subclass, sets it too

    def __reduce__(self) -> tuple[Any, ...]:
        return (
            _rebuild_structured_output_error,
            (type(self), self.message, self.llm_output, self.request_id),
            self.__dict__,
        )


class KimiRefusalError(KimiStructuredOutputError):
    """The platform withheld the object asked for, or the rest of it (finish_reason 'content_filter').

    Asking again with the same words seldom helps.
    """


class KimiFormulaError(KimiReplyError):
    """An official tool was run and failed.

    Attributes:
        formula: the formula's URI.
        name: the function that was run.
        status: the fiber's status, e.g. "failed".
        reason: the platform's own text.
        fiber_id: the platform's id of the run, if it gave one.
        request_id: see `KimiReplyError`.
    """

    def __init__(
        self,
        formula: str,
        name: str,
        status: str,
        reason: str,
        *,
        fiber_id: str | None = None,
        request_id: str | None = None,
    ) -> None:
        self.formula = formula
        self.name = name
        self.status = status
        self.reason: str = mask_ids(reason)
        self.fiber_id = fiber_id
        run = f"fiber {fiber_id}, status {status!r}" if fiber_id else f"status {status!r}"
        super().__init__(
            f"{name} of {formula} failed ({run}): {self.reason}. Check the arguments. If they are right, try again: "
            f"formulas may be rate limited",
            request_id=request_id,
        )

    def __reduce__(self) -> tuple[Any, ...]:
        arguments = (self.formula, self.name, self.status, self.reason, self.fiber_id, self.request_id)
        return _rebuild_formula_error, (type(self), *arguments), self.__dict__


class KimiFileError(KimiError):
    """A file could not be turned into text.

    Attributes:
        file: the file's name or path as given.
        file_id: the platform's id, if the upload got that far.
        status: the platform's last status of it, if known.
    """

    def __init__(self, file: str, reason: str, *, file_id: str | None = None, status: str | None = None) -> None:
        self.file = file
        self.reason: str = mask_ids(reason)
        self.file_id = file_id
        self.status = status
        super().__init__(f"{file}: {self.reason}" + (f" (file id {file_id}, status {status})" if file_id else ""))

    def __reduce__(self) -> tuple[Any, ...]:
        arguments = (self.file, self.reason, self.file_id, self.status)
        return _rebuild_file_error, (type(self), *arguments), self.__dict__


class KimiBatchError(KimiError):
    """A batch has no answers, or one request of it has none.

    Attributes:
        batch_id: the platform's id of the batch.
        status: its last known status.
        reason: what is known of the cause.
        custom_id: the request it is about, None for the batch as a whole.
    """

    def __init__(self, batch_id: str, status: str, reason: str, *, custom_id: str | None = None) -> None:
        self.batch_id = batch_id
        self.status = status
        self.reason: str = mask_ids(reason)
        self.custom_id = custom_id
        about = f"batch {batch_id}" if custom_id is None else f"request {custom_id!r} of batch {batch_id}"
        super().__init__(f"{about} (status {status!r}): {self.reason}")

    def __reduce__(self) -> tuple[Any, ...]:
        arguments = (self.batch_id, self.status, self.reason, self.custom_id)
        return _rebuild_batch_error, (type(self), *arguments), self.__dict__


def _rebuild_batch_error(
    cls: type[KimiBatchError], batch_id: str, status: str, reason: str, custom_id: str | None
) -> KimiBatchError:
    return cls(batch_id, status, reason, custom_id=custom_id)


def _rebuild_structured_output_error(
    cls: type[KimiStructuredOutputError], message: str, llm_output: str, request_id: str | None
) -> KimiStructuredOutputError:
    return cls(message, llm_output=llm_output, request_id=request_id)


def _rebuild_reply_error(cls: type[KimiReplyError], message: str, request_id: str | None) -> KimiReplyError:
    return cls(message, request_id=request_id)


def _rebuild_formula_error(
    cls: type[KimiFormulaError],
    formula: str,
    name: str,
    status: str,
    reason: str,
    fiber_id: str | None,
    request_id: str | None,
) -> KimiFormulaError:
    return cls(formula, name, status, reason, fiber_id=fiber_id, request_id=request_id)


def _rebuild_file_error(
    cls: type[KimiFileError], file: str, reason: str, file_id: str | None, status: str | None
) -> KimiFileError:
    return cls(file, reason, file_id=file_id, status=status)


_IN_MEMORY = re.compile(r" at 0x[0-9a-fA-F]+")  # "<function get_weather at 0x7fc5c31edf80>"


def _shorten(value: object) -> str:
    try:
        text = _IN_MEMORY.sub("", repr(value))
    except Exception:  # of great depth, a number of thousands of digits, or whatever an object's own class raises
        return f"a value of type {type(value).__name__}"
    return text if len(text) <= 200 else f"{text[:160]}... ({len(text)} characters)"
