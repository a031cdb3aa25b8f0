"""Objects come back in the type that was asked for. Each `pyright: ignore` is an error that must be there."""

from __future__ import annotations

from typing import Any, TypedDict, assert_type

from langchain_core.messages import AIMessage
from llama_index.core.program.utils import FlexibleModel
from llama_index.core.prompts import PromptTemplate
from pydantic import BaseModel

from langchain_kimi import ChatKimi
from llama_index_kimi import Kimi


class Ticket(BaseModel):
    """A pydantic class."""

    title: str


class Note(TypedDict):
    """A TypedDict."""

    title: str


async def in_langchain(llm: ChatKimi) -> None:
    assert_type(llm.with_structured_output(Ticket).invoke("a"), Ticket)
    assert_type(await llm.with_structured_output(Ticket, method="function_calling", max_tokens=5).ainvoke("a"), Ticket)
    assert_type(llm.with_structured_output(Note).invoke("a"), Note)
    assert_type(llm.with_structured_output({"type": "object"}).invoke("a"), Any)
    for part in llm.with_structured_output(Ticket).stream("a"):
        assert_type(part, Ticket)

    both = llm.with_structured_output(Ticket, include_raw=True).invoke("a")
    assert_type(both["raw"], AIMessage)
    assert_type(both["parsed"], Ticket | None)
    assert_type(both["parsing_error"], Exception | None)
    assert_type(llm.with_structured_output({}, include_raw=True).invoke("a")["parsed"], Any | None)
    both["prased"]  # pyright: ignore[reportGeneralTypeIssues]
    both["parsed"].title  # pyright: ignore[reportOptionalMemberAccess]

    llm.with_structured_output(Ticket).invoke("a").titel  # pyright: ignore[reportAttributeAccessIssue]
    llm.with_structured_output(Ticket, method="magic")  # pyright: ignore[reportArgumentType, reportCallIssue]
    llm.with_structured_output(Ticket, max_token=5)  # pyright: ignore[reportCallIssue]


async def in_llama_index(llm: Kimi) -> None:
    prompt = PromptTemplate("a")
    assert_type(llm.structured_predict(Ticket, prompt), Ticket)
    assert_type(await llm.astructured_predict(Ticket, prompt, {"max_tokens": 5}, name="a"), Ticket)
    for part in llm.stream_structured_predict(Ticket, prompt):
        assert_type(part, Ticket | FlexibleModel)
    async for part in await llm.astream_structured_predict(Ticket, prompt):
        assert_type(part, Ticket | FlexibleModel)
    llm.stream_structured_predict(Ticket, prompt).close()

    llm.structured_predict(Ticket, prompt).titel  # pyright: ignore[reportAttributeAccessIssue]
    llm.structured_predict(dict, prompt)  # pyright: ignore[reportArgumentType]
