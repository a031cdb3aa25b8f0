"""What happens in an agent's run, in four words, and how each framework says it. Pure: knows nothing of the page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from langchain_core.messages import AIMessage, AIMessageChunk, ToolMessage
from llama_index.core.agent.workflow import AgentStream, ToolCall, ToolCallResult

from kimi_api.costs import CostTally


class Thinking(NamedTuple):
    """The next piece of the model's thinking."""

    text: str


class Call(NamedTuple):
    """The model calls a tool."""

    id: str
    name: str
    arguments: str
    """As indented JSON."""


class Result(NamedTuple):
    """The tool has answered; `failed` where it raised."""

    id: str
    text: str
    failed: bool


class Answer(NamedTuple):
    """The next piece of the answer."""

    text: str


Event = Thinking | Call | Result | Answer


def from_langchain(mode: str, item: Any) -> Iterator[Event]:
    """The events in one item of `agent.astream(..., stream_mode=["messages", "updates"])`.

    Pieces come as "messages"; calls and results come whole as "updates".
    """
    if mode == "messages":
        message = item[0]
        if isinstance(message, AIMessageChunk):
            thinking = message.additional_kwargs.get("reasoning_content")
            if thinking:
                yield Thinking(thinking)
            if message.text:
                yield Answer(message.text)
        return
    for update in item.values():
        for message in (update or {}).get("messages", ()):
            if isinstance(message, AIMessage):
                for call in message.tool_calls:
                    yield Call(call["id"] or "", call["name"], _indent(call["args"]))
            elif isinstance(message, ToolMessage):
                yield Result(message.tool_call_id, message.text, message.status == "error")


def from_llama_index(event: Any) -> Iterator[Event]:
    """The events in one event of `handler.stream_events()` of an agent."""
    if isinstance(event, AgentStream):
        if event.thinking_delta:
            yield Thinking(event.thinking_delta)
        if event.delta:
            yield Answer(event.delta)
    elif isinstance(event, ToolCallResult):  # before ToolCall: it has the same members
        yield Result(event.tool_id, str(event.tool_output.content), event.tool_output.is_error)
    elif isinstance(event, ToolCall):
        yield Call(event.tool_id, event.tool_name, _indent(event.tool_kwargs))


def bill(tally: CostTally) -> str:
    """A line under an answer: what it took."""
    used, paid = tally.usage, tally.cost
    cached = used.cached_tokens / used.prompt_tokens if used.prompt_tokens else 0.0
    price = "no known price" if tally.unpriced else f"{paid.total:.6f} {paid.currency}"
    return (
        f"{tally.calls} call{'' if tally.calls == 1 else 's'} · {used.prompt_tokens:,} tokens in, "
        f"{cached:.0%} from the cache · {used.completion_tokens:,} out, {used.reasoning_tokens:,} thinking · {price}"
    )


def carry_over(question: CostTally, conversation: CostTally) -> None:
    """Count the calls of one question in the conversation too."""
    for call in question.recent_calls:
        conversation.begin()
        conversation.add(call.model, call.usage)


def _indent(arguments: Mapping[str, Any]) -> str:
    return json.dumps(arguments, indent=2, ensure_ascii=False, default=str)
