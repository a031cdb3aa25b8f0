"""What a run costs: every call counts once, however it was made, and what cannot be counted is named."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from llama_index.core import Document, SummaryIndex
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent
from llama_index.core.async_utils import asyncio_run
from llama_index.core.base.llms.types import ChatResponse, CompletionResponse, CompletionResponseGen, LLMMetadata
from llama_index.core.callbacks import CallbackManager
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.events.llm import LLMChatEndEvent
from llama_index.core.llms import ChatMessage, CustomLLM, MockLLM
from llama_index.core.llms.callbacks import llm_completion_callback
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel

from kimi_api import KimiRateLimitError, Usage
from kimi_api.account import balance
from kimi_api.costs import cost
from kimi_emulator import Emulator, Failure, Reply
from llama_index_kimi import Kimi, KimiCostCallbackHandler, KimiCostEventHandler, get_kimi_costs

# 0.14.5 starts threads without the context, so that blocks do not see what runs in them.
OLD_THREADS = "copy_context" not in inspect.getsource(asyncio_run)
TOLD = {"prompt_tokens": 1_000, "completion_tokens": 100, "total_tokens": 1_100, "cached_tokens": 256}
ONE = cost(TOLD, "kimi-k3")
assert ONE is not None


def answers(number: int, **changes: Any) -> list[Reply]:
    return [Reply(content="Yes.", usage={**TOLD, **changes}) for _ in range(number)]


@pytest.fixture(autouse=True)
def _no_handler_left_behind() -> Iterator[None]:
    root = get_dispatcher()
    before = list(root.event_handlers)
    yield
    assert root.event_handlers == before


@contextlib.contextmanager
def attached(handler: KimiCostEventHandler, *dispatchers: Any) -> Iterator[KimiCostEventHandler]:
    for dispatcher in dispatchers:
        dispatcher.add_event_handler(handler)
    try:
        yield handler
    finally:
        for dispatcher in dispatchers:
            dispatcher.event_handlers.remove(handler)


def ask(llm: Kimi, how: str) -> None:
    """One call, in one of the eight ways."""
    messages = [ChatMessage(role="user", content="hi")]

    async def run() -> None:
        if how == "achat":
            await llm.achat(messages)
        elif how == "acomplete":
            await llm.acomplete("hi")
        elif how == "astream_chat":
            assert [piece async for piece in await llm.astream_chat(messages)]
        else:
            assert [piece async for piece in await llm.astream_complete("hi")]

    if how == "chat":
        llm.chat(messages)
    elif how == "complete":
        llm.complete("hi")
    elif how == "stream_chat":
        assert list(llm.stream_chat(messages))
    elif how == "stream_complete":
        assert list(llm.stream_complete("hi"))
    else:
        asyncio.run(run())


WAYS = ["chat", "complete", "stream_chat", "stream_complete", "achat", "acomplete", "astream_chat", "astream_complete"]


@pytest.mark.parametrize("how", WAYS)
def test_each_answer_counts_once_however_it_came(kimi: Emulator, make: Callable[..., Kimi], how: str) -> None:
    kimi.script(*answers(3))
    old = KimiCostCallbackHandler()
    llm = make(callback_manager=CallbackManager([old]))
    with get_kimi_costs() as costs:
        for _ in range(3):
            ask(llm, how)
    for handler in (costs, old):
        assert handler.tally.calls == 3
        assert handler.tally.usage == Usage(3_000, 300, 3_300, cached_tokens=768)
        assert handler.total_cost == pytest.approx(3 * ONE.total)
        assert handler.tally.uncounted_calls == 0
    assert str(costs) == str(old)
    assert str(costs).startswith("3 calls, 3,000 tokens in (768 cached), 300 out: 0.0")


def test_a_handler_of_the_whole_process(kimi: Emulator, llm: Kimi) -> None:
    kimi.script(*answers(2))
    with attached(KimiCostEventHandler(), get_dispatcher()) as costs:
        llm.complete("hi")
        thread = threading.Thread(target=llm.complete, args=("hi",))
        thread.start()
        thread.join(30)
    assert costs.tally.calls == 2


def test_all_handlers_show_a_table_and_a_plot_in_a_notebook(kimi: Emulator, make: Callable[..., Kimi]) -> None:
    kimi.script(*answers(1))
    old = KimiCostCallbackHandler()
    with get_kimi_costs() as block, attached(KimiCostEventHandler(), get_dispatcher()) as costs:
        make(callback_manager=CallbackManager([old])).complete("hi")
    assert ">256 (26%)<" in costs._repr_html_()
    assert costs._repr_html_() == block._repr_html_() == old._repr_html_()
    assert costs.plot("A run") == block.plot("A run") == old.plot("A run")
    assert ">A run<" in costs.plot("A run").svg


def test_a_handler_in_two_places_counts_once(kimi: Emulator, llm: Kimi) -> None:
    kimi.script(*answers(1))
    child = get_dispatcher("llama_index.core.llms.callbacks")
    with attached(KimiCostEventHandler(), get_dispatcher(), child) as costs:
        llm.complete("hi")
    assert (costs.tally.calls, costs.tally.uncounted_calls) == (1, 0)


def test_calls_that_fail_or_are_broken_off_are_named(kimi: Emulator, make: Callable[..., Kimi]) -> None:
    kimi.script(Failure(429, "engine_overloaded_error", "busy"), Reply(content="One two three.", usage=TOLD))
    old = KimiCostCallbackHandler()
    llm = make(max_retries=0, callback_manager=CallbackManager([old]))
    with get_kimi_costs() as costs:
        with pytest.raises(KimiRateLimitError):
            llm.complete("hi")
        stream = llm.stream_complete("hi")
        next(stream)
        stream.close()
        llm.complete("hi")
    for handler in (costs, old):
        assert (handler.tally.calls, handler.tally.uncounted_calls) == (1, 2)
    assert "2 without counts" in str(costs)


@pytest.mark.parametrize("streaming", [True, False], ids=["streamed", "plain"])
@pytest.mark.parametrize(
    "blocking", [False, pytest.param(True, marks=pytest.mark.skipif(OLD_THREADS, reason="core loses the context"))]
)
async def test_agents_side_by_side_and_the_agents_they_call(
    kimi: Emulator, llm: Kimi, streaming: bool, blocking: bool
) -> None:
    """What counts is what the server answered, through workflows, tools and the threads of blocking tools."""

    def ask_expert(question: str) -> str:
        """Ask somebody who knows."""
        return str(llm.complete(question))

    async def aask_expert(question: str) -> str:
        return str(await llm.acomplete(question))

    def agent(name: str) -> FunctionAgent:
        fn = {"fn": ask_expert} if blocking else {"async_fn": aask_expert, "name": "ask_expert"}
        tool = FunctionTool.from_defaults(**fn, description="Ask somebody who knows.")  # type: ignore[arg-type]
        return FunctionAgent(name=name, description=name, llm=llm, tools=[tool], streaming=streaming)

    question = "Ask the expert: when is high water?"
    with get_kimi_costs() as costs:
        await asyncio.gather(
            agent("a").run(question), agent("b").run(question), AgentWorkflow(agents=[agent("c")]).run(question)
        )
    assert len(kimi.chats) == len(kimi.replies) >= 6
    assert costs.tally.calls == len(kimi.chats)
    assert costs.tally.uncounted_calls == 0
    assert kimi.report == []


@pytest.mark.parametrize("asynchronous", [False, True])
def test_query_engines_count_every_call(kimi: Emulator, llm: Kimi, asynchronous: bool) -> None:
    index = SummaryIndex.from_documents([Document(text=f"Fact {n}. " * 40) for n in range(4)])
    engine = index.as_query_engine(llm=llm, response_mode="accumulate", use_async=True)
    with get_kimi_costs() as costs:
        assert str(asyncio.run(engine.aquery("What?")) if asynchronous else engine.query("What?"))
    assert costs.tally.calls == len(kimi.chats) == 4


@pytest.mark.skipif(OLD_THREADS, reason="core loses the context")
async def test_threads_that_core_starts_belong_to_the_block() -> None:
    """Called in a running loop, a blocking query has a loop of its own in a thread; core copies the context there."""
    index = SummaryIndex.from_documents([Document(text=f"Fact {n}. " * 40) for n in range(4)])
    engine = index.as_query_engine(llm=MockLLM(), response_mode="accumulate", use_async=True)
    with get_kimi_costs() as costs:
        engine.query("What?")
    assert costs.tally.uncounted_calls >= 4  # a mock says nothing of its tokens


@pytest.mark.parametrize("streamed", [False, True])
def test_structured_predictions_count_their_calls(kimi: Emulator, llm: Kimi, streamed: bool) -> None:
    class City(BaseModel):
        """A city."""

        name: str

    prompt = PromptTemplate("Name a city near {place}.")
    with get_kimi_costs() as costs:
        if streamed:
            assert list(llm.stream_structured_predict(City, prompt, place="Turku"))
        else:
            assert llm.structured_predict(City, prompt, place="Turku").name
    assert costs.tally.calls == len(kimi.chats) >= 1


def test_models_without_a_price_are_listed_and_other_vendors_answers_are_read(kimi: Emulator, llm: Kimi) -> None:
    class TheirUsage(BaseModel):
        prompt_tokens: int = 7
        completion_tokens: int = 3

    class Theirs(BaseModel):
        model: str = "gpt-x"
        usage: TheirUsage = TheirUsage()

    kimi.script(*answers(1))
    with get_kimi_costs() as costs:
        response = ChatResponse(message=ChatMessage(role="assistant", content="hi"), raw=Theirs())
        get_dispatcher().event(LLMChatEndEvent(messages=[], response=response))
        MockLLM().complete("no counts")
        llm.complete("hi")
    assert costs.tally.unpriced == ["gpt-x"]
    assert costs.tally.models["gpt-x"].usage == Usage(7, 3, 10)
    assert costs.cost == ONE
    assert "no known price for gpt-x" in str(costs)


def test_a_class_whose_chat_calls_its_own_complete_counts_once() -> None:
    class Theirs(CustomLLM):
        @property
        def metadata(self) -> LLMMetadata:
            return LLMMetadata(model_name="theirs")

        @llm_completion_callback()
        def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
            return CompletionResponse(text="hi", raw={"model": "kimi-k3", "usage": TOLD})

        @llm_completion_callback()
        def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:
            yield self.complete(prompt)

    with get_kimi_costs() as costs:
        Theirs().chat([ChatMessage(role="user", content="hi")])
        Theirs().chat([ChatMessage(role="user", content="hi")])
    assert (costs.tally.calls, costs.tally.uncounted_calls) == (2, 0)


def test_a_model_that_gives_no_counts_is_named() -> None:
    with get_kimi_costs() as costs:
        MockLLM().complete("no counts")
    assert (costs.tally.calls, costs.tally.uncounted_calls) == (0, 1)


@pytest.mark.parametrize("how", ["chat", "stream_chat"])
def test_cache_writes_cost_what_the_call_asked_for(kimi: Emulator, make: Callable[..., Kimi], how: str) -> None:
    kimi.script(*answers(4, prompt_tokens_details={"cache_write_tokens": 500}, cached_tokens=0))
    old = KimiCostCallbackHandler()
    manager = CallbackManager([old])
    totals = []
    for llm, call in [
        (make(callback_manager=manager), {}),
        (make(callback_manager=manager, cache_ttl="1h"), {}),
        (make(callback_manager=manager), {"cache_ttl": "1h"}),
    ]:
        with get_kimi_costs() as costs:
            answer = getattr(llm, how)([ChatMessage(role="user", content="hi")], **call)
            assert how == "chat" or list(answer)
        totals.append(costs.cost.write)
    assert totals == pytest.approx([500 * 3e-6, 500 * 6e-6, 500 * 6e-6])
    assert old.cost.write == pytest.approx(sum(totals))


async def test_blocks_in_two_tasks_do_not_see_each_other(kimi: Emulator, llm: Kimi) -> None:
    kimi.script(*answers(6))
    inside = asyncio.Event()

    async def run(number: int) -> int:
        with get_kimi_costs() as costs:
            if number == 4:
                inside.set()
            await inside.wait()
            await asyncio.gather(*(llm.acomplete("hi") for _ in range(number)))
            return costs.tally.calls

    assert await asyncio.gather(run(2), run(4)) == [2, 4]


def test_a_stream_that_ends_after_the_block_is_named(kimi: Emulator, llm: Kimi) -> None:
    kimi.script(*answers(1))
    with get_kimi_costs() as costs:
        stream = llm.stream_complete("hi")
        next(stream)
    assert list(stream)
    assert (costs.tally.calls, costs.tally.uncounted_calls) == (0, 1)


def test_a_call_that_cannot_be_counted_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The dispatcher swallows what handlers raise."""
    handler = KimiCostEventHandler(prices={"m": None})  # type: ignore[dict-item]
    handler.tally.prices["m"] = "free"  # type: ignore[assignment]
    response = ChatResponse(
        message=ChatMessage(role="assistant", content="hi"), raw={"model": "m", "usage": {"prompt_tokens": 1}}
    )
    with attached(handler, get_dispatcher()), caplog.at_level(logging.ERROR, "llama_index_kimi.usage"):
        get_dispatcher().event(LLMChatEndEvent(messages=[], response=response))
    assert "a call was not counted" in caplog.text


def test_what_is_remembered_of_calls_is_bounded(llm: Kimi) -> None:
    handler = KimiCostEventHandler()
    with attached(handler, get_dispatcher()):
        for _ in range(5_000):
            get_dispatcher().event(LLMChatEndEvent(messages=[], response=None))
    assert len(handler._seen) == 4_096


def test_the_account_is_reached_through_the_model(kimi: Emulator, llm: Kimi) -> None:
    assert balance(llm.client).available == 49.58894
    assert llm.client is llm.client
    before = llm.client
    llm.max_retries = 0
    assert llm.client is not before
