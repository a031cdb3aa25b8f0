"""The page: Chainlit shows what `events` tells of an agent's run. Started by `python -m examples.chat_app`."""

# Chainlit has an environment of its own, which a type checker of this repository does not see.
# pyright: reportMissingImports=false

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Any

import chainlit as cl
from chainlit.utils import utc_now
from langchain.agents import create_agent
from langgraph.checkpoint.memory import InMemorySaver
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.memory import Memory

from examples.chat_app.events import (
    Answer,
    Call,
    Event,
    Result,
    Thinking,
    bill,
    carry_over,
    from_langchain,
    from_llama_index,
)
from examples.connection import MODEL
from examples.tools import convert_currency, get_weather
from kimi_api import KimiError
from kimi_api.costs import CostTally
from langchain_kimi import ChatKimi, get_kimi_cost_callback
from llama_index_kimi import Kimi, get_kimi_costs

TOOLS = [get_weather, convert_currency]
NOTE = os.environ.get("KIMI_CHAT_APP_NOTE", "")
RULES = "You help travellers around the Baltic Sea. Use the tools for weather and money, and be brief."
LANGCHAIN, LLAMA_INDEX = "LangChain", "LlamaIndex"


@cl.set_chat_profiles
async def list_profiles() -> list[cl.ChatProfile]:
    """The two frameworks, to choose from."""
    return [
        cl.ChatProfile(
            name=name,
            markdown_description=f"{text}, with {MODEL}. {NOTE}",
            starters=[
                cl.Starter(label="Weather", message="What is the weather in Turku?"),
                cl.Starter(label="Money", message="How much is 23400 EUR in SEK?"),
                cl.Starter(label="Both", message="What is the weather in Turku, and how much is 23400 EUR in SEK?"),
            ],
        )
        for name, text in ((LANGCHAIN, "`create_agent` of LangChain"), (LLAMA_INDEX, "`FunctionAgent` of LlamaIndex"))
    ]


@cl.on_chat_start
async def start() -> None:
    """An agent for this conversation, and a tally of it."""
    cl.user_session.set("tally", CostTally())
    if cl.user_session.get("chat_profile") == LLAMA_INDEX:
        agent: Any = FunctionAgent(llm=Kimi(model=MODEL), tools=TOOLS, system_prompt=RULES)
        cl.user_session.set("memory", Memory.from_defaults(session_id=cl.user_session.get("id")))
    else:
        agent = create_agent(ChatKimi(model=MODEL), tools=TOOLS, system_prompt=RULES, checkpointer=InMemorySaver())
    cl.user_session.set("agent", agent)


async def run_langchain(question: str) -> AsyncIterator[Event]:
    """The events of a LangChain agent's run."""
    thread: Any = {"configurable": {"thread_id": cl.user_session.get("id")}}
    messages: Any = {"messages": [{"role": "user", "content": question}]}
    stream = cl.user_session.get("agent").astream(messages, thread, stream_mode=["messages", "updates"])
    async for mode, item in stream:
        for event in from_langchain(mode, item):
            yield event


async def run_llama_index(question: str) -> AsyncIterator[Event]:
    """The events of a LlamaIndex agent's run."""
    handler = cl.user_session.get("agent").run(user_msg=question, memory=cl.user_session.get("memory"))
    async for item in handler.stream_events():
        for event in from_llama_index(item):
            yield event
    await handler  # raises what the run raised


@cl.on_message
async def answer(message: cl.Message) -> None:
    """Show the run of one question as it streams, and under it what it cost."""
    llama_index = cl.user_session.get("chat_profile") == LLAMA_INDEX
    events = (run_llama_index if llama_index else run_langchain)(message.content)
    page = Page()
    with (get_kimi_costs if llama_index else get_kimi_cost_callback)() as costs:
        try:
            async for event in events:
                await page.show(event)
        except KimiError as error:
            await cl.ErrorMessage(str(error)).send()
        finally:
            await page.close()
    carry_over(costs.tally, cl.user_session.get("tally"))
    plot = cl.Action(name="plot", label="Costs of this conversation", icon="chart-column", payload={})
    await cl.Message(author="Costs", content=f"*{bill(costs.tally)}*  {NOTE}".rstrip(), actions=[plot]).send()


@cl.action_callback("plot")
async def show_costs(action: cl.Action) -> None:
    """The plot of the conversation so far."""
    tally: CostTally = cl.user_session.get("tally")
    picture = cl.Image(
        name="costs.svg", content=tally.plot("This conversation").svg.encode(), mime="image/svg+xml", size="large"
    )
    await cl.Message(author="Costs", content=f"*Together: {bill(tally)}*", elements=[picture]).send()


class Page:
    """What of a run stands on the page: the open step of thinking, the steps of tools, the open answer."""

    def __init__(self) -> None:
        self._thinking: cl.Step | None = None
        self._answer: cl.Message | None = None
        self._tools: dict[str, cl.Step] = {}

    async def show(self, event: Event) -> None:
        """Put the next event on the page."""
        if isinstance(event, Thinking):
            thinking = self._thinking
            if thinking is None:
                await self.close()
                self._thinking = thinking = await _begin(cl.Step(name="thinking", type="llm", default_open=True))
            await thinking.stream_token(event.text)
        elif isinstance(event, Answer):
            answered = self._answer
            if answered is None:
                await self.close()
                self._answer = answered = cl.Message("", author="Kimi")
            await answered.stream_token(event.text)
        elif isinstance(event, Call):
            await self.close()
            step = cl.Step(name=event.name, type="tool", default_open=True, show_input="json")
            step.input = event.arguments
            self._tools[event.id] = await _begin(step)
        elif isinstance(event, Result) and event.id in self._tools:
            step = self._tools.pop(event.id)
            step.output, step.is_error = event.text, event.failed
            await _end(step)

    async def close(self) -> None:
        """End what is open: what comes next stands below it."""
        if self._thinking is not None:
            await _end(self._thinking)
        if self._answer is not None:
            await self._answer.update()
        self._thinking = self._answer = None


async def _begin(step: cl.Step) -> cl.Step:
    """Show a step as under way, among the messages of this question; without a parent it would stand below them all."""
    run = cl.context.current_run
    step.parent_id = run.id if run else None
    step.start = utc_now()
    await step.send()
    return step


async def _end(step: cl.Step) -> None:
    step.end = utc_now()
    await step.update()
