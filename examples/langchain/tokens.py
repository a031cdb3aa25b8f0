"""Counting tokens with LangChain: a history trimmed to a budget offline, then counted by the platform."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, trim_messages

from examples.connection import connection
from examples.console import say
from langchain_kimi import ChatKimi

BUDGET = 2_000
THOUGHT = "The Moon pulls at the sea, and the Earth turns below it. " * 20


def main(settings: dict[str, Any]) -> tuple[int, int]:
    """Trim a history, print its size, and return our count of what is left and the platform's."""
    llm = ChatKimi(**settings)  # with tokenizer="tiktoken.model" text is counted exactly
    history: list[BaseMessage] = [SystemMessage("Be brief.")]
    for number in range(20):
        history.append(HumanMessage(f"Question {number}: when is high water?"))
        history.append(AIMessage(f"At {number}:42.", additional_kwargs={"reasoning_content": THOUGHT}))
    history.append(HumanMessage("And tomorrow?"))
    trimmed = trim_messages(
        history, max_tokens=BUDGET, token_counter=llm, strategy="last", include_system=True, start_on="human"
    )
    ours, theirs = llm.get_num_tokens_from_messages(trimmed), llm.estimate_tokens(trimmed)
    say(f"{len(history)} messages are about {llm.get_num_tokens_from_messages(history):,} tokens, thinking included.")
    say(f"Trimmed to {BUDGET:,}: {len(trimmed)} messages, about {ours:,} tokens; counted by the endpoint: {theirs:,}.")
    return ours, theirs


if __name__ == "__main__":
    with connection() as settings:
        main(settings)
