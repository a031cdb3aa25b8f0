"""`KimiPromptCachingMiddleware`: a thread's requests meet in the cache, and what they wrote outlives a pause."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import ModelFallbackMiddleware
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from wire_prefix import broken

from kimi_api import KimiInputError
from kimi_api.account import cache_key
from kimi_emulator import Emulator, Failure, Reply, ToolCall
from langchain_kimi import ChatKimi, KimiPromptCachingMiddleware

Make = Callable[..., ChatKimi]
HOW = pytest.mark.parametrize("how", ["invoke", "ainvoke", "stream", "astream"])
TURNS = 20
PAUSE = 6 * 60.0  # seconds between two questions: longer than what is written is kept without being asked for
SYSTEM = "You keep the tide tables of a harbour, and answer briefly. " * 272  # about 4,000 tokens
ANNA = "anna@example.org"


def get_tide(place: str) -> str:
    """When high water is."""
    return f"{place}: 1:30"


async def ask(agent: Any, how: str, text: str = "When?", thread: str | None = ANNA) -> None:
    question = {"messages": [HumanMessage(text)]}
    config: Any = {"configurable": {"thread_id": thread}} if thread else {}
    if how == "invoke":
        agent.invoke(question, config)
    elif how == "ainvoke":
        await agent.ainvoke(question, config)
    elif how == "stream":
        list(agent.stream(question, config, stream_mode="messages"))
    else:
        _ = [piece async for piece in agent.astream(question, config, stream_mode="messages")]


def make_agent(llm: Any, *middleware: Any, **more: Any) -> Any:
    return create_agent(llm, tools=[get_tide], middleware=middleware, checkpointer=InMemorySaver(), **more)


def options(chat: dict[str, Any]) -> tuple[Any, Any]:
    return chat.get("prompt_cache_key"), (chat.get("prompt_cache_options") or {}).get("ttl")


# ---------------------------------------------------------------------------------------------------- what is gained


def converse(kimi: Emulator, llm: ChatKimi, how: str, *middleware: Any) -> list[float]:
    """Twenty questions with a pause before each; the cached share of each turn's first request."""

    async def run() -> list[AIMessage]:
        agent = make_agent(llm, *middleware, system_prompt=SYSTEM)
        for turn in range(TURNS):
            kimi.script(
                Reply(reasoning="Look it up.", tool_calls=[ToolCall("get_tide", {"place": f"Turku {turn}"})]),
                Reply(content=f"At {turn}:30."),
            )
            await ask(agent, how, f"Question {turn}: when is high water?")
            kimi.clock.advance(PAUSE)
        messages = agent.get_state({"configurable": {"thread_id": ANNA}}).values["messages"]
        return [message for message in messages if isinstance(message, AIMessage)]

    answers = asyncio.run(run())
    assert len(answers) == 2 * TURNS
    firsts: list[Any] = [answer.usage_metadata for answer in answers[::2]]
    return [used.get("input_token_details", {}).get("cache_read", 0) / used["input_tokens"] for used in firsts]


@HOW
def test_over_twenty_turns_with_pauses_an_hour_keeps_what_five_minutes_lose(make: Make, how: str) -> None:
    with Emulator() as kimi:
        llm = make(base_url=kimi.base_url, api_key=kimi.api_key)
        without = converse(kimi, llm, how)
        assert broken([request.body for request in kimi.requests]) == []
    with Emulator() as kimi:
        llm = make(base_url=kimi.base_url, api_key=kimi.api_key)
        with_hour = converse(kimi, llm, how, KimiPromptCachingMiddleware(ttl="1h"))
        assert broken([request.body for request in kimi.requests]) == []
        assert {options(chat) for chat in kimi.chats} == {(cache_key(ANNA), "1h")}
        assert kimi.report == kimi.refusals == []
    print(f"{how}: cached share of a turn's first request, without {sum(without) / TURNS:.0%}, "
          f"with {sum(with_hour[1:]) / (TURNS - 1):.0%} from the second turn on")  # fmt: skip
    assert max(without) == 0
    assert with_hour[0] == 0
    assert min(with_hour[1:]) >= 0.9, with_hour


# ---------------------------------------------------------------------------------------------------- what is sent


@HOW
async def test_the_threads_id_is_sent_as_a_hash_alone(kimi: Emulator, llm: ChatKimi, how: str) -> None:
    agent = make_agent(llm, KimiPromptCachingMiddleware())
    await ask(agent, how)
    await ask(agent, how, "And tomorrow?")
    await ask(agent, how, thread="another")
    keys = [options(chat)[0] for chat in kimi.chats]
    assert keys == [cache_key(ANNA), cache_key(ANNA), cache_key("another")]
    assert all(re.fullmatch("[0-9a-f]{64}", key) for key in keys)
    assert "anna" not in str([request.body for request in kimi.requests])
    assert all("prompt_cache_options" not in chat for chat in kimi.chats)  # no ttl was asked for


def test_the_hash_is_the_same_in_every_process_and_another_with_a_salt() -> None:
    assert cache_key(ANNA) == "636cc88c809b18e850358bd9febcf616c7f0346bac53d19ba4a68324b6986846"
    assert len({cache_key(ANNA), cache_key(ANNA, salt="s1"), cache_key(ANNA, salt=b"s2"), cache_key("anna")}) == 4
    assert cache_key(7) == cache_key("7")


@pytest.mark.parametrize("session", ["", " ", None, True, 1.5, b"x"])
def test_a_hash_of_nothing_is_refused(session: Any) -> None:
    with pytest.raises(KimiInputError, match="session_id"):
        cache_key(session)


@HOW
async def test_a_salt_goes_into_it(kimi: Emulator, llm: ChatKimi, how: str) -> None:
    await ask(make_agent(llm, KimiPromptCachingMiddleware(salt="our secret")), how)
    assert options(kimi.chats[0]) == (cache_key(ANNA, salt="our secret"), None)


@HOW
async def test_without_a_thread_there_is_no_key(kimi: Emulator, llm: ChatKimi, how: str) -> None:
    agent = create_agent(llm, tools=[], middleware=[KimiPromptCachingMiddleware(ttl="1h")])
    await ask(agent, how, thread=None)
    assert options(kimi.chats[0]) == (None, "1h")


@pytest.mark.parametrize(
    ("fields", "bound", "expected"),
    [
        ({"prompt_cache_key": "mine"}, {}, ("mine", "1h")),
        ({"cache_ttl": "5m"}, {}, (cache_key(ANNA), "5m")),
        ({}, {"prompt_cache_key": "mine", "cache_ttl": "5m"}, ("mine", "5m")),
        ({"extra_body": {"prompt_cache_key": "mine"}}, {}, ("mine", "1h")),
    ],
)
async def test_what_the_model_says_itself_stays(
    kimi: Emulator, make: Make, fields: dict[str, Any], bound: dict[str, Any], expected: Any
) -> None:
    llm: Any = make(**fields)
    caching = KimiPromptCachingMiddleware(ttl="1h")
    for tools in ([get_tide], []):
        kimi.reset()
        agent = create_agent(
            llm.bind(**bound) if bound else llm, tools=tools, middleware=[caching], checkpointer=InMemorySaver()
        )
        await ask(agent, "invoke")
        assert options(kimi.chats[0]) == expected


async def test_other_models_are_left_alone(kimi: Emulator, make: Make) -> None:
    """A fallback of another vendor knows neither word; a Kimi behind it gets both again."""
    seen: list[dict[str, Any]] = []

    class Other(GenericFakeChatModel):
        def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
            seen.append(kwargs)
            return self

    kimi.script(Failure(500, "server_error", "oops"))
    guards = [
        ModelFallbackMiddleware(Other(messages=iter([AIMessage("From elsewhere.")]))),
        KimiPromptCachingMiddleware(ttl="1h"),
    ]
    await ask(make_agent(make(max_retries=0), *guards), "invoke")
    assert options(kimi.chats[0]) == (cache_key(ANNA), "1h")
    assert len(seen) == 1
    assert not {"prompt_cache_key", "cache_ttl"} & seen[0].keys()


@pytest.mark.parametrize("ttl", ["2h", 300, "1H", ""])
def test_another_time_is_refused(ttl: Any) -> None:
    with pytest.raises(KimiInputError, match=r"ttl.*'5m' or '1h'"):
        KimiPromptCachingMiddleware(ttl=ttl)


@HOW
async def test_a_deep_agent_takes_it(kimi: Emulator, llm: ChatKimi, how: str) -> None:
    deepagents = pytest.importorskip("deepagents")
    kimi.script(
        Reply(tool_calls=[ToolCall("task", {"description": "x", "subagent_type": "helper"})]),
        Reply(content="Done."),
        Reply(content="All done."),
    )
    caching = KimiPromptCachingMiddleware(ttl="1h")
    helper = {"name": "helper", "description": "Helps", "system_prompt": "Help.", "middleware": [caching], "tools": []}
    agent = deepagents.create_deep_agent(
        model=llm, middleware=[caching], subagents=[helper], checkpointer=InMemorySaver()
    )
    await ask(agent, how)
    assert [options(chat) for chat in kimi.chats] == [(cache_key(ANNA), "1h")] * 3
