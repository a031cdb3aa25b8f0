"""Answers that are pydantic objects: asked for, wrapped, streamed as they grow, and by a tool or in words."""

from __future__ import annotations

import asyncio
from typing import Any

from llama_index.core.llms import ChatMessage
from llama_index.core.prompts import PromptTemplate
from llama_index.core.types import PydanticProgramMode
from pydantic import BaseModel, Field

from examples.connection import connection
from examples.console import ANSWER, line
from llama_index_kimi import Kimi

TEXT = "Order A-77 of 3 May 2026: Ines Calder in Tartu gets 12 lamps at a price of 8.50 euros."
PROMPT = PromptTemplate("Take the order out of this letter.\n{letter}")


class Order(BaseModel):
    """An order."""

    order_number: str = Field(description="such as B-12")
    city: str
    lamps: int
    price: float = Field(description="of one lamp, in euros")


async def main(settings: dict[str, Any]) -> dict[str, Any]:
    """Print and return the order as each way gives it."""
    llm = Kimi(**settings)
    orders: dict[str, Any] = {}

    # The default: the platform holds the answer to the schema, thinking or not.
    orders["predicted"] = llm.structured_predict(Order, PROMPT, letter=TEXT)
    orders["wrapped"] = (await llm.as_structured_llm(Order).achat([ChatMessage(TEXT)])).raw

    # Partial objects: a field that has not come is None.
    for partial in llm.stream_structured_predict(Order, PROMPT, letter=TEXT):
        line("so far", str(partial.model_dump(exclude_none=True)), ANSWER)
        orders["streamed"] = partial

    # Through a forced tool, and with the schema in the prompt, for those who want LlamaIndex's own routes.
    for label, mode in (("tool", PydanticProgramMode.FUNCTION), ("words", PydanticProgramMode.LLM)):
        other = Kimi(**settings, pydantic_program_mode=mode)
        orders[label] = await other.astructured_predict(Order, PROMPT, letter=TEXT)

    for label, order in orders.items():
        line(label, str(order), ANSWER)
    return orders


if __name__ == "__main__":
    with connection() as found_settings:
        asyncio.run(main(found_settings))
