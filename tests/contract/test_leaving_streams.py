"""A program that leaves a stream early and ends: nothing is printed, and the connection is closed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from kimi_emulator import Emulator, Reply

PROGRAM = """
import asyncio, gc, sys

base_url, api_key, form, exit = sys.argv[1:]

async def items(form):
    if form.startswith("ChatKimi"):
        from langchain_kimi import ChatKimi
        model = ChatKimi(base_url=base_url, api_key=api_key)
        return model.astream("hi") if form == "ChatKimi.astream" else model.astream_events("hi", version="v2")
    from llama_index.core.llms import ChatMessage
    from llama_index.core.prompts import PromptTemplate
    from pydantic import BaseModel
    from llama_index_kimi import Kimi

    class Word(BaseModel):
        word: str

    llm = Kimi(base_url=base_url, api_key=api_key)
    if form == "Kimi.astream_chat":
        return await llm.astream_chat([ChatMessage("hi")])
    if form == "Kimi.astream_complete":
        return await llm.astream_complete("hi")
    return await llm.astream_structured_predict(Word, PromptTemplate("hi"))

async def main():
    async for item in await items(form):
        if exit == "error":
            raise LookupError("of the program itself")
        break

for _ in range(2):
    try:
        asyncio.run(main())
    except LookupError:
        pass
    gc.collect()
print("ended")
"""

FORMS = (
    "ChatKimi.astream",
    "ChatKimi.astream_events",
    "Kimi.astream_chat",
    "Kimi.astream_complete",
    "Kimi.astream_structured_predict",
)


@pytest.mark.parametrize("exit_by", ["break", "error"])
@pytest.mark.parametrize("form", FORMS)
def test_a_program_that_leaves_a_stream_and_ends_prints_nothing(kimi: Emulator, form: str, exit_by: str) -> None:
    text = '{"word": "' + "moon " * 2_000 + '"}'
    kimi.script(Reply(content=text), Reply(content=text))
    of_an_older_core = "ignore:The 'validate_default' attribute"  # its fields, under a newer pydantic
    command = [sys.executable, "-W", of_an_older_core, "-c", PROGRAM, kimi.base_url, kimi.api_key, form, exit_by]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    # asyncio itself notes writes to a connection that the server has closed
    noise = [line for line in result.stderr.splitlines() if line != "socket.send() raised exception."]
    assert (result.stdout, noise) == ("ended\n", [])
