"""LlamaIndex under an account's limits: questions side by side, and a stream that survives a lost connection."""

from __future__ import annotations

import asyncio
from typing import Any

from llama_index.core.llms import ChatMessage

from examples.connection import connection
from examples.console import ANSWER, flow, say, title
from kimi_api import AccountLimits, KimiLimitError
from llama_index_kimi import Kimi

QUESTIONS = ["What is a tide?", "What is an eclipse?", "What is a month?", "What is a leap year?"]


async def main(settings: dict[str, Any]) -> tuple[list[str], str]:
    """Ask all questions at once under limits, stream an answer, and use up a day."""
    title("Four questions, one at a time")
    limits = AccountLimits(concurrency=1, rpm=200)
    llm = Kimi(**settings, account_limits=limits, max_tokens=2_000, resume_streams=2)
    answers = await asyncio.gather(*(llm.acomplete(question) for question in QUESTIONS))
    say(f"{len(answers)} answers, none refused, under {limits.as_dict()}.")

    title("A stream that would be taken up where it breaks")
    text = ""
    async for response in await llm.astream_chat([ChatMessage("Count to ten in words.")]):
        flow("answer", response.delta or "", ANSWER)
        text += response.delta or ""

    title("A used-up day is an error, not a wait")
    # A name of its own: the calls above are not part of this day.
    day = AccountLimits(tpd=4_000, name="example-day")
    await llm.acomplete("Hi.", account_limits=day)
    try:
        await llm.acomplete("Hi.", account_limits=day)
    except KimiLimitError as error:
        say(str(error), "yellow")
    return [str(answer) for answer in answers], text


if __name__ == "__main__":
    with connection() as settings:
        asyncio.run(main(settings))
