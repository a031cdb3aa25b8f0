"""Types that other classes cannot send: as tools and as answers, and what becomes of them on the way.

python -m examples.langchain.schemas
"""

from __future__ import annotations

from typing import Any

from langchain_core.tools import tool

from examples.console import ANSWER, TOOL, line, say
from examples.schemas import Berth, Cargo, show_a_refusal
from kimi_api.mfjs import changes
from langchain_kimi import ChatKimi


@tool
def book_berth(berth: Berth) -> str:
    """Book a berth in the harbour."""
    return f"{berth.name}: booked for {berth.ship.kind}"


def main(settings: dict[str, Any]) -> Cargo:
    """Call a tool with an awkward type, and get a recursive object; returns the object."""
    llm = ChatKimi(**settings)
    called = llm.bind_tools([book_berth]).invoke("Book the berth Aino for a sailing ship of 31.5 metres.")
    line("Call", str(called.tool_calls[0]["args"]), TOOL)
    for change in changes(book_berth.get_input_jsonschema()):
        say(f"Changed: {change}")
    cargo = llm.with_structured_output(Cargo).invoke("A crate of oranges, and in it a box of lemons.")
    assert isinstance(cargo, Cargo)
    line("Object", cargo.model_dump_json(), ANSWER)
    show_a_refusal()
    return cargo


if __name__ == "__main__":
    from examples.connection import connection

    with connection() as settings:
        main(settings)
