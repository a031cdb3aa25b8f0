"""Tools that are added in mid-conversation (K3): the beginning stays as it was, and so does its prefix cache.

Tools given to `bind_tools` stand at the very front of the prompt; with one more, everything behind it is read anew and
billed in full. `dynamic_tools_message` puts new tools where the conversation is.
"""

from __future__ import annotations

from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from examples.connection import connection
from examples.console import ANSWER, TOOL, line, say
from examples.tools import convert_currency, get_weather
from langchain_kimi import ChatKimi, dynamic_tools_message

RULES = "You are the assistant of a travel agency. " + "Be polite, be brief, and never guess a price. " * 40


def main(settings: dict[str, Any]) -> list[AIMessage]:
    """Two questions, with a tool that comes between them; returns Kimi's turns."""
    llm = ChatKimi(**settings)
    bound = llm.bind_tools([get_weather])
    history: list[BaseMessage] = [SystemMessage(RULES), HumanMessage("What is the weather in Turku?")]
    turns = answer(bound, history)
    history += [
        dynamic_tools_message([convert_currency]),
        HumanMessage("How much is 23400 EUR in SEK?"),
    ]
    return turns + answer(bound, history)


def answer(bound: Any, history: list[BaseMessage]) -> list[AIMessage]:
    """Run the loop of calls and results; `history` grows."""
    tools = {"get_weather": get_weather, "convert_currency": convert_currency}
    turns: list[AIMessage] = []
    while not turns or turns[-1].tool_calls:
        turn: AIMessage = bound.invoke(history)
        turns.append(turn)
        history.append(turn)
        for call in turn.tool_calls:
            line("Call", f"{call['name']}({call['args']})", TOOL)
            history.append(ToolMessage(tools[call["name"]](**call["args"]), tool_call_id=call["id"]))
        usage: Any = turn.usage_metadata
        cached = usage["input_token_details"]["cache_read"]
        say(f"{usage['input_tokens']} tokens in, {cached} of them from the cache", "yellow")
    line("Answer", turns[-1].text, ANSWER)
    return turns


if __name__ == "__main__":
    with connection() as settings:
        main(settings)
