"""LlamaIndex agents that search the web, in Kimi's two ways.

K3 calls the official tool `web_search`, which the platform runs when asked; its result is sealed text that only the
model reads. K2.6 has the built-in `$web_search`: its call holds the id of a search, which goes back byte for byte.
"""

from __future__ import annotations

import asyncio
from typing import Any

from llama_index.core.agent.workflow import FunctionAgent, ToolCallResult

from examples.connection import connection, reader_settings
from examples.console import ANSWER, TOOL, line, say
from llama_index_kimi import Kimi, KimiFormulaToolSpec, KimiWebSearchToolSpec

QUESTION = 'When do they run? Search the web for "Orrinsund night train" and "Lake Velda ferry".'


async def main(settings: dict[str, Any]) -> list[str]:
    """Ask twice, and return both answers."""
    spec = KimiFormulaToolSpec("web-search", "date", **reader_settings(settings))
    return [
        await ask(Kimi(**settings), await spec.to_tool_list_async()),
        await ask(Kimi(**dict(settings, model="kimi-k2.6")), KimiWebSearchToolSpec().to_tool_list()),
    ]


async def ask(llm: Kimi, tools: list[Any]) -> str:
    """One agent's answer; its tool results are printed as they come."""
    say(f"{llm.model} with {', '.join(tool.metadata.name for tool in tools)}: {QUESTION}", "bold")
    handler = FunctionAgent(llm=llm, tools=tools).run(QUESTION)
    async for event in handler.stream_events():
        if isinstance(event, ToolCallResult):
            line(event.tool_name, f"{str(event.tool_output.content)[:100]} ...", TOOL)
    answer = str(await handler)
    line("Answer", answer, ANSWER)
    return answer


if __name__ == "__main__":
    with connection() as settings:
        asyncio.run(main(settings))
