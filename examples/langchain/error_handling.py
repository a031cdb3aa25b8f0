"""What can go wrong, and how to catch it: by LangChain's classes, by the `openai` SDK's, or by Kimi's own.

Every error of `ChatKimi` belongs to all three families at once, so code that was written for another provider, and
LangChain's own middleware, recognise it.
"""

from __future__ import annotations

from typing import Any

import openai
from langchain_core.exceptions import ContextOverflowError, ModelAuthenticationError

from examples.connection import connection
from examples.console import line, say
from kimi_api import KimiInputError
from kimi_emulator import Emulator
from langchain_kimi import ChatKimi
from langchain_kimi.errors import ChatKimiRateLimitError

QUESTION = "Why is the sky blue?"


def main(settings: dict[str, Any]) -> dict[str, Exception]:
    """Make five mistakes, print what each says, and return the errors."""
    caught: dict[str, Exception] = {}

    def note(label: str, error: Exception) -> None:
        caught[label] = error
        line(f"{label}: {type(error).__name__}", str(error), "red")

    try:
        ChatKimi(**dict(settings, api_key="sk-test-not-yours")).invoke(QUESTION)
    except ModelAuthenticationError as error:  # LangChain's
        note("a wrong key", error)

    try:  # prompt and budget together do not fit
        ChatKimi(**settings).invoke(QUESTION, max_tokens=1_048_576)
    except ContextOverflowError as error:  # what summarising middleware waits for
        note("too long", error)

    try:
        ChatKimi(**dict(settings, model="kimi-latest")).invoke(QUESTION)
    except openai.NotFoundError as error:  # the SDK's; the same object is a ModelNotFoundError
        note("a retired model", error)

    try:
        ChatKimi(**settings).invoke(QUESTION, max_tokens=0)
    except KimiInputError as error:  # Kimi's own; nothing was sent
        note("a value that cannot work", error)

    try:
        rate_limited()
    except ChatKimiRateLimitError as error:  # this package's: all three, with what the platform said
        note("too many requests", error)
        say(f"  wait {error.retry_after} s, says the platform; worth another try: {error.is_retryable}", "yellow")
    return caught


def rate_limited() -> None:
    """Four requests in a minute on an account that may make three, as the emulator has them."""
    with Emulator(tier=0) as small:
        llm = ChatKimi(base_url=small.base_url, api_key=small.api_key, max_tokens=1_000, max_retries=0)
        for _ in range(4):
            llm.invoke(QUESTION)


if __name__ == "__main__":
    with connection() as settings:
        main(settings)
