"""Answers as they are written: `stream_complete`, `stream_chat` with thinking, `astream_chat`, and stopping early."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

from llama_index.core.llms import ChatMessage

from examples.connection import connection
from examples.console import ANSWER, THINKING, flow, say
from llama_index_kimi import Kimi

NOTES = "The lift holds six people. It leaves the valley at ten past four in the afternoon."
MESSAGES = [
    ChatMessage(role="system", content=f"Notes on the lift:\n{NOTES}"),
    ChatMessage("When does the lift leave the valley?"),
]


async def main(settings: dict[str, Any]) -> dict[str, str]:
    """Print and return what came in each way."""
    llm = Kimi(**settings)
    texts: dict[str, str] = {}

    for piece in llm.stream_complete("Good morning!"):
        flow("complete", piece.delta or "", ANSWER)
        texts["complete"] = piece.text

    tokens: dict[str, int] = {}
    for answer in llm.stream_chat(MESSAGES):
        flow("thinking", answer.additional_kwargs.get("thinking_delta") or "", THINKING)
        flow("chat", answer.delta or "", ANSWER)
        texts["chat"] = answer.message.content or ""  # each response holds everything so far
        tokens = answer.additional_kwargs  # and the last one the usage
    say(f"{tokens['prompt_tokens']} tokens in, {tokens['completion_tokens']} out")

    async for answer in await llm.astream_chat(MESSAGES):
        flow("asynchronous chat", answer.delta or "", ANSWER)
        texts["achat"] = answer.message.content or ""

    stream: Any = await llm.astream_chat(MESSAGES)
    async with aclosing(stream):  # hangs up at the end of the block: what is not written is not paid for
        async for answer in stream:
            texts["stopped"] = answer.message.content or ""
            if answer.delta:
                break
    say(f"Stopped after {texts['stopped']!r}.")
    return texts


if __name__ == "__main__":
    with connection() as settings:
        asyncio.run(main(settings))
