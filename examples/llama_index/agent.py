"""A LlamaIndex `FunctionAgent` with the same two tools, streamed."""

from __future__ import annotations

import asyncio
from typing import Any

from llama_index.core.agent.workflow import AgentOutput, AgentStream, FunctionAgent, ToolCallResult
from llama_index.core.memory import Memory

from examples.connection import connection
from examples.console import ANSWER, THINKING, TOOL, bill, flow, line, say, total
from examples.tools import QUESTION, convert_currency, get_weather
from kimi_api import Usage
from kimi_api.reply import parse_usage
from llama_index_kimi import Kimi


async def main(settings: dict[str, Any]) -> list[Usage]:
    """Ask, print the stream, and return the usage of each model call."""
    agent = FunctionAgent(llm=Kimi(**settings), tools=[get_weather, convert_currency])
    say(f"Question: {QUESTION}", "bold")
    handler = agent.run(user_msg=QUESTION, memory=Memory.from_defaults(session_id="demo"))
    usages: list[Usage] = []
    async for event in handler.stream_events():
        if isinstance(event, AgentStream):
            flow("Thinking", event.thinking_delta or "", THINKING)
            flow("Answer", event.delta, ANSWER)
        elif isinstance(event, ToolCallResult):
            line("Call", f"{event.tool_name}{event.tool_kwargs} -> {event.tool_output.content}", TOOL)
        elif isinstance(event, AgentOutput):
            usages.append(parse_usage((event.raw or {}).get("usage")) or Usage())
    await handler
    bill(settings["model"], total(usages))
    return usages


if __name__ == "__main__":
    with connection() as settings:
        asyncio.run(main(settings))
