"""What goes wrong, and what the errors say: each names its cause and what to do next."""

from __future__ import annotations

from typing import Any

from llama_index.core.base.llms.types import ChatMessage, DocumentBlock, ImageBlock
from llama_index.core.prompts import PromptTemplate
from pydantic import BaseModel

from examples.connection import connection
from examples.console import line, say
from kimi_api.errors import KimiAuthenticationError, KimiError, KimiInputError, KimiNotFoundError, KimiReplyError
from llama_index_kimi import Kimi


class Story(BaseModel):
    """A story."""

    text: str


def main(settings: dict[str, Any]) -> list[KimiError]:
    """Provoke and catch some errors, print and return them."""
    llm = Kimi(**settings)
    caught: list[KimiError] = []

    # Refused here, before anything is sent. A KimiInputError is a ValueError, with the value, the rule and the remedy.
    careful = Kimi(**settings, extract_documents=False)
    for block in (ImageBlock(url="https://example.com/cat.png"), DocumentBlock(data=b"%PDF-1.7", title="report.pdf")):
        try:
            careful.chat([ChatMessage(role="user", blocks=[block])])
        except KimiInputError as error:
            line("before sending", str(error), "red")
            caught.append(error)
    try:
        Kimi(**settings, max_token=500)  # pyright: ignore[reportCallIssue] - type checkers see it too
    except KimiInputError as error:
        line("a misspelt name", str(error), "red")
        caught.append(error)

    # Refused there. These are the openai SDK's classes too, with status, type and request id.
    try:
        Kimi(**dict(settings, model="kimi-k3", api_key="sk-test-wrong")).complete("Hello")
    except KimiAuthenticationError as error:
        line(f"{error.status_code} {error.type}", str(error), "red")
        caught.append(error)
    try:
        Kimi(**dict(settings, model="kimi-k2.5")).complete("Hello")
    except KimiNotFoundError as error:
        line(f"{error.status_code} {error.type}", str(error), "red")
        caught.append(error)

    # Answered, but not with what was asked for: thinking used up the budget.
    try:
        prompt = PromptTemplate("Write a story about a lighthouse.")
        llm.structured_predict(Story, prompt, llm_kwargs={"max_tokens": 5})
    except KimiReplyError as error:
        line("cut off", str(error), "red")
        caught.append(error)
    say(f"{len(caught)} errors, each with a remedy.")
    return caught


if __name__ == "__main__":
    with connection() as settings:
        main(settings)
