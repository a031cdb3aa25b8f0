"""Agents that wait for a human, contexts written to JSON and taken up again, pipelines in worker processes."""

import json

import pytest
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent
from llama_index.core.extractors import KeywordExtractor
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.schema import TextNode
from llama_index.core.workflow import Context, HumanResponseEvent, InputRequiredEvent, JsonSerializer
from scripted_kimi import NEW_CORE

from kimi_emulator import Emulator, Reply, ToolCall
from llama_index_kimi import Kimi


async def delete(ctx: Context, name: str) -> str:
    """Delete a record, if a human agrees."""
    answer = await ctx.wait_for_event(
        HumanResponseEvent, waiter_id=name, waiter_event=InputRequiredEvent(prefix=f"Delete {name}?")
    )
    return f"{name} is gone" if answer.response == "yes" else "kept"


def clock() -> str:
    """Tell the time."""
    return "noon"


CALL = Reply(reasoning="Ask first.", tool_calls=[ToolCall("delete", '{ "name":"北"}')])


@pytest.mark.skipif(not NEW_CORE, reason="a tool that waits for an event works in newer cores only")
@pytest.mark.parametrize("streaming", [True, False], ids=["streamed", "plain"])
async def test_an_agent_goes_on_after_a_human_has_agreed(kimi: Emulator, llm: Kimi, streaming: bool) -> None:
    kimi.script(CALL, Reply(content="Done."))
    agent = FunctionAgent(llm=llm, tools=[delete], streaming=streaming)
    handler = agent.run("Delete it", memory=ChatMemoryBuffer.from_defaults(token_limit=10_000))
    async for event in handler.stream_events():
        if isinstance(event, InputRequiredEvent):
            handler.ctx.send_event(HumanResponseEvent(response="yes"))
    assert str(await handler) == "Done."
    _, turn, result = kimi.chats[-1]["messages"]
    assert turn["reasoning_content"] == "Ask first."
    assert turn["tool_calls"][0]["function"]["arguments"] == '{ "name":"北"}'
    assert result["content"] == "北 is gone"
    assert kimi.report == []


@pytest.mark.skipif(not NEW_CORE, reason="a tool that waits for an event works in newer cores only")
@pytest.mark.filterwarnings("ignore:Skipping serialization of known unserializable key. memory")
async def test_a_run_that_waits_for_a_human_is_stored_without_the_key_and_taken_up_again(
    kimi: Emulator, llm: Kimi
) -> None:
    """LlamaIndex stores everything of a context but its memory."""
    kimi.script(CALL, Reply(content="Kept."))
    agent, memory = FunctionAgent(llm=llm, tools=[delete]), ChatMemoryBuffer.from_defaults(token_limit=10_000)
    context = Context(agent)
    handler = agent.run("Delete it", ctx=context, memory=memory)
    async for event in handler.stream_events():
        if isinstance(event, InputRequiredEvent):
            break
    written = json.dumps(context.to_dict(serializer=JsonSerializer()))
    await handler.cancel_run()
    assert kimi.api_key not in written

    again = FunctionAgent(llm=Kimi(base_url=kimi.base_url, api_key=kimi.api_key), tools=[delete])
    restored = Context.from_dict(again, json.loads(written), serializer=JsonSerializer())
    handler = again.run(ctx=restored)
    await handler.ctx.store.set("memory", memory)
    handler.ctx.send_event(HumanResponseEvent(response="no"))
    assert str(await handler) == "Kept."
    turn, result = kimi.chats[-1]["messages"][-2:]
    assert (turn["reasoning_content"], result["content"]) == ("Ask first.", "kept")
    assert kimi.report == []


async def test_agents_of_different_models_hand_over_with_their_thinking(kimi: Emulator, llm: Kimi) -> None:
    """K2.6 without thinking writes an empty thought, and takes one space for it; K3 takes it as it came."""
    kimi.script(
        Reply(reasoning="Not mine.", tool_calls=[ToolCall("handoff", {"to_agent": "watch", "reason": "time"})]),
        Reply(reasoning="", tool_calls=[ToolCall("clock", {})]),
        Reply(content="Noon."),
        Reply(content="You are welcome."),
    )
    other = Kimi("kimi-k2.6", thinking="disabled", base_url=kimi.base_url, api_key=kimi.api_key)
    desk = FunctionAgent(name="desk", description="Desk", tools=[delete], llm=llm, can_handoff_to=["watch"])
    watch = FunctionAgent(name="watch", description="Watch", tools=[clock], llm=other)
    flow = AgentWorkflow(agents=[desk, watch], root_agent="desk")
    memory = ChatMemoryBuffer.from_defaults(token_limit=10_000)
    assert str(await flow.run("Time?", memory=memory)) == "Noon."
    assert str(await flow.run("Thanks!", memory=memory)) == "You are welcome."
    thoughts = [
        (body["model"], [m.get("reasoning_content") for m in body["messages"] if m.get("tool_calls")])
        for body in kimi.chats
    ]
    assert thoughts[2:] == [("kimi-k2.6", ["Not mine.", " "]), ("kimi-k3", ["Not mine.", ""])]
    assert kimi.report == kimi.refusals == []


def test_a_pipeline_in_worker_processes_asks_from_there(kimi: Emulator, llm: Kimi) -> None:
    extractor = KeywordExtractor(llm=llm, keywords=2, show_progress=False)
    nodes = [TextNode(text=f"Motor {number} needs grease.") for number in range(4)]
    enriched = IngestionPipeline(transformations=[extractor]).run(nodes=nodes, num_workers=2)
    assert [bool(node.metadata["excerpt_keywords"]) for node in enriched] == [True] * 4
    assert len(kimi.chats) == 4
