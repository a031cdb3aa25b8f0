"""Tools of an MCP server in a LangChain agent. Their schemas go out in Moonshot's dialect, whatever the server wrote.

    python -m examples.langchain.mcp_tools

The server is this file too, started as a process of its own: `python -m examples.langchain.mcp_tools serve`.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any, Literal

from langchain.agents import create_agent
from langchain_core.messages import BaseMessage, ToolMessage

from examples.connection import connection
from examples.console import ANSWER, TOOL, line, say
from langchain_kimi import ChatKimi

Unit = Literal["centimetres", "feet"]
ROOT = Path(__file__).resolve().parents[2]
QUESTION = "What is the water level of the river Fyris in centimetres?"


async def main(settings: dict[str, Any]) -> list[BaseMessage]:
    """Ask a question that needs the server; returns the conversation."""
    from langchain_mcp_adapters.client import MultiServerMCPClient
    from langchain_mcp_adapters.tools import load_mcp_tools

    gauges: Any = {
        "transport": "stdio",
        "command": sys.executable,
        "args": ["-m", "examples.langchain.mcp_tools", "serve"],
        "cwd": str(ROOT),
    }
    async with MultiServerMCPClient({"gauges": gauges}).session("gauges") as session:
        tools = await load_mcp_tools(session)
        say(f"The server offers {', '.join(tool.name for tool in tools)}.")
        state = await create_agent(ChatKimi(**settings), tools=tools).ainvoke(
            {"messages": [{"role": "user", "content": QUESTION}]}
        )
    for message in state["messages"][1:]:
        if isinstance(message, ToolMessage):
            line("Result", message.text, TOOL)
    line("Answer", state["messages"][-1].text, ANSWER)
    return state["messages"]


def serve() -> None:
    """Be the server."""
    from mcp.server.fastmcp import FastMCP

    server = FastMCP("gauges", log_level="WARNING")

    @server.tool()
    def water_level(river: str, unit: Unit | None = None, days: tuple[int, int] = (0, 0)) -> str:
        """Tell the water level of a river."""
        level = {"centimetres": "83 cm", "feet": "2.7 ft"}[unit or "centimetres"]
        return f"{river}: {level}, days {days[0]} to {days[1]}"

    server.run()


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        serve()
    else:
        with connection() as settings:
            asyncio.run(main(settings))
