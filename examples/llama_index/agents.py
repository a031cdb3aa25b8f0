"""Three more kinds of agents: one that reasons in text, one that writes code, and two that hand over to each other.

`agent.py` shows `FunctionAgent` by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
from typing import Any

from llama_index.core.agent.workflow import (
    AgentWorkflow,
    BaseWorkflowAgent,
    CodeActAgent,
    FunctionAgent,
    ReActAgent,
    ToolCallResult,
)
from llama_index.core.memory import Memory

from examples.connection import connection
from examples.console import ANSWER, TOOL, line
from examples.tools import QUESTION, convert_currency, get_weather
from llama_index_kimi import Kimi


def run_code(code: str) -> str:
    """Run code that the model wrote, and return what it prints.

    Only for a demonstration: it runs whatever it is given. Use a sandbox for anything else.
    """
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, {"get_weather": get_weather, "convert_currency": convert_currency})  # noqa: S102
    return printed.getvalue()


async def main(settings: dict[str, Any]) -> dict[str, str]:
    """Ask each of them, print their calls, and return the answers by the agents' kind."""
    llm = Kimi(**settings)
    tools: list[Any] = [get_weather, convert_currency]
    weather = FunctionAgent(
        name="weather",
        description="Tells the weather in a city",
        system_prompt="You tell the weather. Hand over what you cannot do.",
        llm=llm,
        tools=[get_weather],
        can_handoff_to=["money"],
    )
    money = FunctionAgent(
        name="money",
        description="Converts amounts of currency",
        system_prompt="You convert money.",
        llm=llm,
        tools=[convert_currency],
        can_handoff_to=["weather"],
    )
    return {
        "ReAct": await ask(ReActAgent(llm=llm, tools=tools), QUESTION),
        "CodeAct": await ask(CodeActAgent(llm=llm, tools=tools, code_execute_fn=run_code), QUESTION),
        "handover": await ask(AgentWorkflow(agents=[weather, money], root_agent="weather"), "Convert 23400 EUR to SEK"),
    }


async def ask(agent: BaseWorkflowAgent | AgentWorkflow, question: str) -> str:
    """An agent's answer to a question; what it calls is printed."""
    handler = agent.run(user_msg=question, memory=Memory.from_defaults())
    async for event in handler.stream_events():
        if isinstance(event, ToolCallResult):
            line(event.tool_name, f"{event.tool_kwargs} -> {event.tool_output.content}", TOOL)
    answer = await handler
    line(answer.current_agent_name, str(answer), ANSWER)
    return str(answer)


if __name__ == "__main__":
    with connection() as settings:
        asyncio.run(main(settings))
