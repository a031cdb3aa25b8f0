"""What an exit code means, and which error has which."""

from __future__ import annotations

from enum import IntEnum

from kimi_api.errors import KimiError, KimiInputError, KimiKeyError


class Exit(IntEnum):
    """Exit codes. Scripts may rely on them; `docs/command-line.md` explains them."""

    OK = 0
    FAILED = 1
    """Something went wrong that has no code of its own."""
    USAGE = 2
    """A command, an option or a value that cannot be; nothing was sent."""
    AUTH = 3
    """No key, a wrong one (401), or one that may not do this (403)."""
    LATER = 4
    """Too many requests, or a busy engine (429): the same command may work in a while."""
    NOT_FOUND = 5
    """No such model, file or batch (404)."""
    PARTIAL = 6
    """Some of several things worked, others did not; the output says which."""
    QUOTA = 7
    """The account has no money left, or less than was asked for."""
    UNREACHABLE = 8
    """No connection, no answer in time, or an error of the platform's own (5xx)."""
    INTERRUPTED = 130
    """Ctrl-C."""


class Missing(KimiError):
    """Something that was asked for by name is not there, found without asking the platform for it."""


def exit_of(error: BaseException) -> Exit:
    """The exit code of an error."""
    if isinstance(error, KimiKeyError):
        return Exit.AUTH
    if isinstance(error, KimiInputError):
        return Exit.USAGE
    if isinstance(error, Missing):
        return Exit.NOT_FOUND
    if not isinstance(error, KimiError):
        return Exit.FAILED
    from kimi_api import errors  # loads the SDK, which the error would have done anyway

    for kind, code in (
        (errors.KimiQuotaError, Exit.QUOTA),
        (errors.KimiRateLimitError, Exit.LATER),
        (errors.KimiAuthenticationError, Exit.AUTH),
        (errors.KimiPermissionError, Exit.AUTH),
        (errors.KimiNotFoundError, Exit.NOT_FOUND),
        (errors.KimiBadRequestError, Exit.USAGE),
        (errors.KimiConnectionError, Exit.UNREACHABLE),
        (errors.KimiServerError, Exit.UNREACHABLE),
    ):
        if isinstance(error, kind):
            return code
    return Exit.FAILED


def exit_of_many(failures: list[BaseException], successes: int) -> Exit:
    """The exit code of several things: `PARTIAL` when some worked, that of the failures when they agree."""
    if not failures:
        return Exit.OK
    if successes:
        return Exit.PARTIAL
    codes = {exit_of(error) for error in failures}
    return codes.pop() if len(codes) == 1 else Exit.FAILED
