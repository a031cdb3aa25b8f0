"""LangChain agents that search the web, in Kimi's two ways, and one that uses other official tools.

K3 calls the official tool `web_search`, which the platform runs when asked; its result is sealed text that only the
model reads. K2.6 has the built-in `$web_search`: its call holds the id of a search, which goes back byte for byte.
"""

from __future__ import annotations

from typing import Any

from langchain.agents import create_agent
from langchain_core.messages import ToolMessage

from examples.connection import connection
from examples.console import ANSWER, TOOL, line, say
from langchain_kimi import ChatKimi, KimiFormulaToolkit, KimiWebSearch

QUESTION = 'When do they run? Search the web for "Orrinsund night train" and "Lake Velda ferry".'


def main(settings: dict[str, Any]) -> list[str]:
    """Ask twice, and return both answers."""
    toolkit = KimiFormulaToolkit("web-search", "date", client=ChatKimi(**settings).client)
    return [
        ask(ChatKimi(**settings), toolkit.get_tools()),
        ask(ChatKimi(**dict(settings, model="kimi-k2.6")), [KimiWebSearch()]),
    ]


def ask(llm: ChatKimi, tools: list[Any]) -> str:
    """One agent's answer; its tool messages are printed as they come."""
    say(f"{llm.model} with {', '.join(tool.name for tool in tools)}: {QUESTION}", "bold")
    answer = ""
    agent = create_agent(llm, tools=tools)
    for update in agent.stream({"messages": [{"role": "user", "content": QUESTION}]}, stream_mode="updates"):
        for step in update.values():  # type: ignore[union-attr]
            for message in step["messages"]:
                if isinstance(message, ToolMessage):
                    line(str(message.name), f"{message.text[:100]} ...", TOOL)
                else:
                    answer = message.text
    line("Answer", answer, ANSWER)
    return answer


if __name__ == "__main__":
    with connection() as settings:
        main(settings)
