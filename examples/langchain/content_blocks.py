"""What an answer is made of: thinking, text and tool calls as content blocks, in both of LangChain's message formats.

In `output_version` v0 `content` is text and thinking stands in `additional_kwargs["reasoning_content"]`; in v1
`content` is the list of blocks itself. `content_blocks` reads the same either way, and either goes back to Kimi whole.
"""

from __future__ import annotations

from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from examples.connection import connection
from examples.console import ANSWER, THINKING, TOOL, line, say
from examples.tools import QUESTION, convert_currency, get_weather
from langchain_kimi import ChatKimi

TOOLS = {"get_weather": get_weather, "convert_currency": convert_currency}


def main(settings: dict[str, Any]) -> dict[str, list[AIMessage]]:
    """Run one tool loop by hand in each format, and return Kimi's turns of each."""
    return {version: run(version, settings) for version in ("v0", "v1")}


def run(version: str, settings: dict[str, Any]) -> list[AIMessage]:
    """Ask, run the tools that are called, and ask again, printing each turn block by block."""
    llm = ChatKimi(output_version=version, **settings).bind_tools(list(TOOLS.values()))
    say(f"output_version={version}", "bold")
    history: list[BaseMessage] = [HumanMessage(QUESTION)]
    turns: list[AIMessage] = []
    while not turns or turns[-1].tool_calls:
        turns.append(llm.invoke(history))
        show(turns[-1])
        history.append(turns[-1])
        for call in turns[-1].tool_calls:
            history.append(ToolMessage(TOOLS[call["name"]](**call["args"]), tool_call_id=call["id"]))
    return turns


def show(turn: AIMessage) -> None:
    """Print a turn's blocks, and its token counts."""
    say(f"content is a {type(turn.content).__name__}; finish_reason {turn.response_metadata['finish_reason']}")
    for block in turn.content_blocks:
        match block["type"]:
            case "reasoning":
                line("  reasoning", block.get("reasoning", ""), THINKING)
            case "text":
                line("  text", block["text"], ANSWER)
            case "tool_call":
                line("  tool_call", f"{block['name']}({block['args']})", TOOL)
    usage = turn.usage_metadata
    if usage is not None:
        thinking = usage.get("output_token_details", {}).get("reasoning", 0)
        say(f"  {usage['input_tokens']} tokens in, {usage['output_tokens']} out, {thinking} of them thinking", "yellow")


if __name__ == "__main__":
    with connection() as settings:
        main(settings)
