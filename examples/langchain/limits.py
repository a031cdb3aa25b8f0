"""LangChain on the smallest account: eight questions at once, though the platform takes one at a time."""

from __future__ import annotations

from typing import Any

from examples.connection import connection
from examples.console import say, title
from kimi_api import AccountLimits, KimiInputError
from kimi_api.limits import LimitStore
from langchain_kimi import ChatKimi

QUESTIONS: list[Any] = [f"One word for the colour number {number} of the rainbow?" for number in range(1, 8)]


def main(settings: dict[str, Any], store: LimitStore | None = None) -> list[str]:
    """Ask all questions side by side under limits, then show what is refused, and an answer in several parts."""
    title("Seven questions, two at a time")
    limits = AccountLimits(concurrency=2, rpm=200, tpm=500_000, store=store)
    llm = ChatKimi(**settings, account_limits=limits, max_tokens=2_000)
    answers = [str(answer.text) for answer in llm.batch(QUESTIONS)]
    say(f"{len(answers)} answers, none refused, under {limits.as_dict()}.")

    title("What can never fit is refused before it is sent")
    try:
        llm.invoke("Hi.", account_limits=AccountLimits(tpm=1_000))
    except KimiInputError as error:
        say(f"{error.rule}. {error.remedy}.", "yellow")

    title("An answer longer than its budget, continued")
    for times in (0, 9):
        answer = llm.invoke("Tell me about tides.", max_tokens=60, auto_continue=times)
        say(f"auto_continue={times}: {answer.response_metadata['finish_reason']}, {answer.text!r}")
        answers.append(answer.text)
    return answers


if __name__ == "__main__":
    with connection() as settings:
        main(settings)
