"""The prefix cache through a stored memory: twenty turns of a thread, each beginning with the one before."""

# No postponed annotations: core's FunctionTool cannot look them up.
from collections.abc import Callable
from typing import Any, Literal

import pytest
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.llms import ChatMessage
from llama_index.core.memory import Memory
from llama_index.core.tools import FunctionTool, ToolMetadata
from pydantic import BaseModel, Field, create_model
from wire_prefix import broken

from kimi_emulator import Emulator, Reply, ToolCall
from llama_index_kimi import Kimi

TURNS = 20
SYSTEM = "You keep the tide tables of a harbour, and answer briefly. " * 272  # 16,000 characters: 4,000 tokens
MODELS = [("kimi-k3", {}), ("kimi-k2.6", {"thinking_keep": "all"})]


class Place(BaseModel):
    """Where."""

    name: str
    kind: Literal["harbour", "river", "lake"] = "harbour"
    inside: "Place | None" = Field(default=None, description="the place that it is a part of")


def get_tide(place: Place, day: str | None = None) -> dict[str, Any]:
    """When high water is."""
    return {"place": str(place), "high": [1.5, 14.0], "note": "Ebbe und Flut \u2013 \u6f6e\u6c50"}


async def get_wind(city: str) -> str:
    """How the wind blows."""
    return f"4 m/s in {city} \U0001f600"


def tools() -> list[Any]:
    """A function, a coroutine function, and a tool with a model that was made at run time, as MCP's are."""
    level = create_model("Level", z=(float, ...), a=(str | None, Field(default=None, description="a day")))
    remote = FunctionTool(
        fn=lambda **args: f"{sorted(args.items())} cm",
        metadata=ToolMetadata(name="get_level", description="Level of a gauge.", fn_schema=level),
    )
    return [get_tide, get_wind, remote]


def script(kimi: Emulator) -> None:
    """Each turn calls tools in its own way, with its own spelling of arguments, then answers."""
    for turn in range(TURNS):
        calls = [ToolCall("get_wind", '{ "city" :"Turku"}')]
        if turn % 3 == 1:
            tide = ToolCall("get_tide", '{"place": {"kind":"river","name":"\\u00c5"}, "day":null}')
            calls = [tide, *calls]
        if turn % 3 == 2:
            calls = [ToolCall("get_level", '{"z":1.0,"a":"2026-11-22"}')]
        thought = ("", "  Two\n lines. ", "\u6f6e\u6c50 \u2026")[turn % 3] if turn % 4 else None
        kimi.script(
            Reply(reasoning=thought, content="" if turn % 2 else "One moment.", tool_calls=calls),
            Reply(reasoning=thought, content=f"High water is at {turn}:30."),
        )


def shares(used: list[dict[str, int]]) -> list[float]:
    return [each["cached_tokens"] / each["prompt_tokens"] for each in used]


@pytest.mark.parametrize(("model", "options"), MODELS, ids=[model for model, _ in MODELS])
async def test_each_request_of_a_long_thread_begins_with_the_one_before_it(
    kimi: Emulator, make: Callable[..., Kimi], memory: Memory, model: str, options: dict[str, Any]
) -> None:
    """The history is written down as JSON and read again between turns."""
    script(kimi)
    used: list[dict[str, int]] = []
    llm = make(model=model, prompt_cache_key="tides", cache_ttl="1h", **options)
    agent = FunctionAgent(llm=llm, tools=tools(), system_prompt=SYSTEM)
    for turn in range(TURNS):
        question = f"Question {turn}: when is high water?"
        handler = agent.run(question, memory=memory)
        async for event in handler.stream_events():
            raw = getattr(event, "raw", None)
            if type(event).__name__ == "AgentOutput" and isinstance(raw, dict) and raw.get("usage"):
                used.append(raw["usage"])
        await handler
        written = [message.model_dump_json() for message in await memory.aget_all()]
        await memory.aset([ChatMessage.model_validate_json(text) for text in written])
    assert len(kimi.chats) == 2 * TURNS
    assert broken([request.body for request in kimi.requests]) == []
    last = kimi.chats[-1]
    assert last["prompt_cache_key"] == "tides"
    assert last["prompt_cache_options"] == {"mode": "implicit", "ttl": "1h"}
    sent_back = [m["reasoning_content"] for m in last["messages"] if m["role"] == "assistant"]
    thinking = [reply["reasoning_content"] for reply in kimi.replies]
    assert [text.strip() for text in sent_back] == [text.strip() for text in thinking[:-1]]
    assert any(text.strip() for text in sent_back)
    assert kimi.report == []
    assert len(used) == 2 * TURNS
    assert min(shares(used[4:])) >= 0.9, shares(used)  # from the third turn on
