"""Types that other classes cannot send: as tools and as answers, and what becomes of them on the way.

python -m examples.llama_index.schemas
"""

from __future__ import annotations

from typing import Any

from llama_index.core import PromptTemplate
from llama_index.core.tools import FunctionTool

from examples.console import ANSWER, TOOL, line, say
from examples.schemas import Berth, Cargo, show_a_refusal
from kimi_api.mfjs import changes
from llama_index_kimi import Kimi


def book_berth(**berth: Any) -> str:
    """Book a berth in the harbour."""
    return f"{berth['name']}: booked for {berth['ship']['kind']}"


def main(settings: dict[str, Any]) -> Cargo:
    """Call a tool with an awkward type, and get a recursive object; returns the object."""
    llm = Kimi(**settings)
    berths = FunctionTool.from_defaults(book_berth, fn_schema=Berth)
    request = "Book the berth Aino for a sailing ship of 31.5 metres."
    (call,) = llm.get_tool_calls_from_response(llm.chat_with_tools([berths], user_msg=request))
    line("Call", str(call.tool_kwargs), TOOL)
    for change in changes(Berth.model_json_schema()):
        say(f"Changed: {change}")
    prompt = PromptTemplate("What is the cargo? {text}")
    cargo = llm.structured_predict(Cargo, prompt, text="A crate of oranges, and in it a box of lemons.")
    line("Object", cargo.model_dump_json(), ANSWER)
    show_a_refusal()
    return cargo


if __name__ == "__main__":
    from examples.connection import connection

    with connection() as settings:
        main(settings)
