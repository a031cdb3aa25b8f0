"""What a run costs: every call counts once, however it was made, and what cannot be counted is named."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.caches import InMemoryCache
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.runnables import RunnableParallel
from langchain_core.tools import tool
from langchain_core.tracers import context as tracing

from kimi_api import Usage
from kimi_api.costs import cost
from kimi_emulator import Emulator, Reply, ToolCall
from langchain_kimi import ChatKimi, KimiCostCallbackHandler, KimiLLM, get_kimi_cost_callback
from langchain_kimi.usage import usage_of

TOLD = {"prompt_tokens": 1_000, "completion_tokens": 100, "total_tokens": 1_100, "cached_tokens": 256}
ONE = cost(TOLD, "kimi-k3")
assert ONE is not None


def answers(number: int, **changes: Any) -> list[Reply]:
    return [Reply(content="Yes.", usage={**TOLD, **changes}) for _ in range(number)]


def get_weather(city: str) -> str:
    """Current weather of a city."""
    return f"{city}: 7 degrees"


def test_a_call_is_counted_with_its_cost(kimi: Emulator, llm: ChatKimi) -> None:
    kimi.script(*answers(1))
    costs = KimiCostCallbackHandler()
    llm.invoke("hi", config={"callbacks": [costs]})
    assert costs.tally.calls == 1
    assert costs.tally.usage == Usage(1_000, 100, 1_100, cached_tokens=256)
    assert costs.cost == ONE
    assert costs.total_cost == pytest.approx(ONE.total)
    assert str(costs).startswith("1 call, 1,000 tokens in (256 cached), 100 out: 0.0")


@pytest.mark.parametrize("how", ["invoke", "stream", "batch", "ainvoke", "astream", "abatch", "astream_events"])
def test_each_answer_counts_once_however_it_came(kimi: Emulator, llm: ChatKimi, how: str) -> None:
    kimi.script(*answers(3))

    async def run() -> None:
        if how == "ainvoke":
            await asyncio.gather(*(llm.ainvoke("hi") for _ in range(3)))
        elif how == "astream":
            for _ in range(3):
                assert [chunk async for chunk in llm.astream("hi")]
        elif how == "abatch":
            await llm.abatch(["a", "b", "c"])
        else:
            for _ in range(3):
                assert [event async for event in llm.astream_events("hi", version="v2")]

    with get_kimi_cost_callback() as costs:
        if how == "invoke":
            for _ in range(3):
                llm.invoke("hi")
        elif how == "stream":
            for _ in range(3):
                assert list(llm.stream("hi"))
        elif how == "batch":
            llm.batch(["a", "b", "c"])
        else:
            asyncio.run(run())
    assert costs.tally.calls == 3
    assert costs.tally.usage.prompt_tokens == 3_000
    assert costs.total_cost == pytest.approx(3 * ONE.total)
    assert costs.tally.uncounted_calls == 0


def test_a_handler_in_two_places_counts_once(kimi: Emulator, make: Callable[..., ChatKimi]) -> None:
    kimi.script(*answers(2))
    costs = KimiCostCallbackHandler()
    llm = make(callbacks=[costs])
    (llm | (lambda message: message.text)).invoke("hi", config={"callbacks": [costs]})
    llm.invoke("hi", config={"callbacks": [costs]})
    assert (costs.tally.calls, costs.tally.uncounted_calls) == (2, 0)


def test_a_stream_that_is_broken_off_is_named(kimi: Emulator, llm: ChatKimi) -> None:
    kimi.script(Reply(content="One two three four five.", usage=TOLD))
    with get_kimi_cost_callback() as costs:
        stream = llm.stream("hi")
        next(stream)
        stream.close()
    assert (costs.tally.calls, costs.tally.uncounted_calls) == (0, 1)


def test_answers_out_of_langchains_own_cache_cost_nothing(kimi: Emulator, make: Callable[..., ChatKimi]) -> None:
    kimi.script(*answers(1))
    llm = make(cache=InMemoryCache())
    with get_kimi_cost_callback() as costs:
        llm.invoke("hi")
        llm.invoke("hi")
    assert len(kimi.chats) == 1
    assert (costs.tally.calls, costs.tally.uncounted_calls) == (1, 0)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_an_agent_and_the_agents_it_calls_side_by_side(kimi: Emulator, llm: ChatKimi, asynchronous: bool) -> None:
    """Three agents in parallel, each calling a tool that calls a model: what counts is what the server answered."""

    @tool
    def ask_expert(question: str) -> str:
        """Ask somebody who knows."""
        return llm.invoke(question).text

    agent = create_agent(llm, tools=[get_weather, ask_expert])
    crowd = RunnableParallel(dict.fromkeys("abc", agent))
    question = {"messages": [HumanMessage("What is the weather in Turku? Ask the expert.")]}
    with get_kimi_cost_callback() as costs:
        if asynchronous:
            asyncio.run(crowd.ainvoke(question))
        else:
            crowd.invoke(question)
    assert len(kimi.chats) == len(kimi.replies) >= 6
    assert costs.tally.calls == len(kimi.chats)
    assert costs.tally.uncounted_calls == 0
    assert costs.total_cost > 0
    assert kimi.report == []


def test_structured_output_by_a_tool_that_has_to_be_asked_for_twice_counts_both(
    kimi: Emulator, make: Callable[..., ChatKimi]
) -> None:
    kimi.script(
        Reply(content="I would rather not.", usage=TOLD),
        Reply(tool_calls=[ToolCall("get_weather", {"city": "Turku"})], usage=TOLD),
    )
    llm = make(model="kimi-k2.7-code").bind_tools([get_weather], tool_choice="any")
    with get_kimi_cost_callback() as costs, pytest.warns(UserWarning, match="tool"):
        llm.invoke("hi")
    assert len(kimi.chats) == 2
    assert costs.tally.usage.prompt_tokens == 2_000


def test_text_models_count_too(kimi: Emulator) -> None:
    kimi.script(*answers(3))
    llm = KimiLLM(base_url=kimi.base_url, api_key=kimi.api_key, model="kimi-k3")
    with get_kimi_cost_callback() as costs:
        llm.invoke("hi")
        llm.generate(["a", "b"])
    assert costs.tally.calls == 3
    assert costs.total_cost == pytest.approx(3 * ONE.total)


def test_models_without_a_price_are_listed_and_not_counted_as_free(kimi: Emulator, llm: ChatKimi) -> None:
    kimi.script(*answers(1))
    other = GenericFakeChatModel(
        messages=iter(
            [
                AIMessage(
                    "hi",
                    usage_metadata=UsageMetadata(input_tokens=7, output_tokens=3, total_tokens=10),
                    response_metadata={"model_name": "gpt-x", "model_provider": "openai"},
                )
            ]
        )
    )
    with get_kimi_cost_callback() as costs:
        other.invoke("hi")
        llm.invoke("hi")
    assert costs.tally.unpriced == ["gpt-x"]
    assert costs.tally.models["gpt-x"].usage == Usage(7, 3, 10)
    assert costs.cost == ONE
    assert "no known price for gpt-x" in str(costs)


def test_cache_writes_cost_what_the_call_asked_for(kimi: Emulator, make: Callable[..., ChatKimi]) -> None:
    written = {"prompt_tokens_details": {"cache_write_tokens": 500}, "cached_tokens": 0}
    kimi.script(*answers(4, **written))
    totals = []
    for llm, call in [
        (make(), {}),
        (make(cache_ttl="1h"), {}),
        (make(), {"cache_ttl": "1h"}),
        (make(extra_body={"prompt_cache_options": {"mode": "implicit", "ttl": "1h"}}), {}),
    ]:
        with get_kimi_cost_callback() as costs:
            llm.invoke("hi", **call)
        totals.append(costs.cost.write)
    assert totals == pytest.approx([500 * 3e-6] + [500 * 6e-6] * 3)


def test_blocks_inside_each_other(kimi: Emulator, llm: ChatKimi) -> None:
    kimi.script(*answers(4))
    with get_kimi_cost_callback() as outer:
        llm.invoke("hi")
        with get_kimi_cost_callback() as inner:
            llm.invoke("hi")
            llm.batch(["a"], config={"callbacks": [outer]})  # stands in the call as well
        llm.invoke("hi")
    assert (outer.tally.calls, inner.tally.calls) == (4, 2)
    assert (outer.tally.uncounted_calls, inner.tally.uncounted_calls) == (0, 0)


def test_a_block_ends_when_it_ends(kimi: Emulator, llm: ChatKimi) -> None:
    hooks = len(tracing._configure_hooks)
    with pytest.raises(RuntimeError), get_kimi_cost_callback() as costs:
        raise RuntimeError
    llm.invoke("hi")
    assert costs.tally.calls == 0
    assert len(tracing._configure_hooks) == hooks  # core's own twin adds one per block and never removes it


def test_blocks_in_two_threads_do_not_see_each_other(kimi: Emulator, llm: ChatKimi) -> None:
    kimi.script(*answers(6))
    both_inside = threading.Barrier(2)
    counted: dict[int, int] = {}

    def run(number: int) -> None:
        with get_kimi_cost_callback() as costs:
            both_inside.wait(10)
            for _ in range(number):
                llm.invoke("hi")
            both_inside.wait(10)
        counted[number] = costs.tally.calls

    threads = [threading.Thread(target=run, args=(number,)) for number in (2, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert counted == {2: 2, 4: 4}


def test_counts_go_there_and_back(kimi: Emulator, llm: ChatKimi) -> None:
    usage = {
        "prompt_tokens": 900, "completion_tokens": 50, "total_tokens": 950, "cached_tokens": 256,
        "prompt_tokens_details": {"cached_tokens": 256, "cache_write_tokens": 300},
        "completion_tokens_details": {"reasoning_tokens": 20},
    }  # fmt: skip
    kimi.script(Reply(content="Yes.", usage=usage))
    message = llm.invoke("hi")
    assert message.usage_metadata is not None
    assert usage_of(message.usage_metadata) == Usage(900, 50, 950, 256, 300, 20)
