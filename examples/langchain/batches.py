"""A batch with LangChain: many texts classified within hours at 60 % of the price, read again by the batch's id."""

from __future__ import annotations

import os
from typing import Any, Literal

from langchain_core.prompts import ChatPromptTemplate
from pydantic import BaseModel, Field

from examples.connection import connection
from examples.console import say
from langchain_kimi import ChatKimi, KimiBatch

MODEL = os.environ.get("KIMI_BATCH_MODEL", "kimi-k2.6")  # batches do not serve the K3 family
LETTERS = {
    "letter-1": "The ferry left without us though we stood at the gate.",
    "letter-2": "Thank you for finding my daughter's hat!",
    "letter-3": "When does the first boat go on Sundays?",
}


class Letter(BaseModel):
    """What a letter wants."""

    kind: Literal["complaint", "praise", "question"] = Field(description="What the letter is")
    summary: str = Field(description="The letter in a few words")


def main(settings: dict[str, Any]) -> dict[str, Any]:
    """Submit a chain, leave, come back by the ids, and return what became of each letter."""
    llm = ChatKimi(**dict(settings, model=MODEL))
    prompt = ChatPromptTemplate.from_messages([("system", "Sort the letters of a ferry company."), ("user", "{text}")])
    chain = prompt | llm.with_structured_output(Letter)
    batch = KimiBatch(chain, completion_window="24h").submit({name: {"text": text} for name, text in LETTERS.items()})
    say(f"Submitted as {', '.join(batch.ids)}. Another process may go on from here:")
    resumed = KimiBatch.from_id(chain, *batch.ids, show_progress=True)
    results = resumed.poll_until_done(poll=0.05 if "127.0.0.1" in (llm.base_url or "") else 30).results(
        delete_after=True
    )
    for name, result in results.items():
        if isinstance(result, Exception):
            say(f"{name}: failed: {result}", "red")
        else:
            say(f"{name}: {result.kind}: {result.summary}")
    return results


if __name__ == "__main__":
    with connection() as settings:
        main(settings)
