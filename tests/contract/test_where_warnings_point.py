"""Warnings point at the user's own line, through both frameworks, in all four ways, from every place that warns."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import linecache
import warnings
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from contract_kit import Chat, Media, assistant, result, user
from llama_index.core.llms import ChatMessage

from kimi_api import KimiNotFoundError, KimiWarning
from kimi_emulator import Emulator, Reply, ToolCall
from langchain_kimi import ChatKimi, KimiLLM
from llama_index_kimi import Kimi

Make = Callable[..., Chat]


def call(name: str, arguments: str) -> Reply:
    return Reply(tool_calls=[ToolCall(name, arguments)])


def look(place: str) -> str:
    """Look."""
    return place


CALLS: dict[str, tuple[dict[str, Any], list[Reply], Any, dict[str, Any]]] = {
    # what warns: settings, the host's answers, what is asked, arguments of the call
    "model rule": ({"temperature": 0.3}, [], "hi", {}),
    "effort": ({}, [], "hi", {"reasoning_effort": "medium"}),
    "forced tool": ({"model": "kimi-k2.6"}, [], "hi", {"tools": [look], "tool_choice": "look"}),
    "foreign setting": ({}, [], "hi", {"seed": 7}),
    "unknown model": ({}, [], "hi", {"model": "kimi-k9"}),
    "content": ({}, [], [user("?", Media("audio", data=b"RIFF", mime="audio/wav")), assistant("!"), user("hi")], {}),
    "repair": ({"repair": "full"}, [], [result("gone", "done"), user("hi")], {}),
    "budget used up": ({}, [Reply(content="", reasoning="so", finish_reason="length")], "hi", {}),
    "empty answer": ({"empty_answers": "warn"}, [Reply(content="")], "hi", {}),
    "unreadable arguments": ({}, [call("look", "{broken")], "hi", {"tools": [look]}),
    "cut off": (
        {"auto_continue": 1},
        [Reply(content="a", finish_reason="length"), Reply(content="b", finish_reason="length")],
        "hi",
        {"max_tokens": 20},
    ),
}


@pytest.mark.parametrize("what", CALLS)
def test_a_warning_of_a_call_points_at_the_users_line(kimi: Emulator, make: Make, what: str) -> None:
    settings, answers, question, arguments = CALLS[what]
    kimi.script(*answers)
    chat = make(**settings)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with contextlib.suppress(KimiNotFoundError):  # an unknown model answers 404 after its warning
            chat.ask(question, **arguments)
    ours = [warning for warning in caught if issubclass(warning.category, KimiWarning)]
    assert ours, what
    assert {warning.filename for warning in ours} <= DRIVERS


DRIVERS = {__file__} | {inspect.getfile(cls) for cls in Chat.__subclasses__()} | {inspect.getfile(Chat)}
"""The suite's drivers call the frameworks for the tests: their lines are the user's."""


# ---------------------------------------------------------------------------------------------- the very line

HI = [ChatMessage("hi")]


async def ainvoke(host: dict[str, Any]) -> None:
    await ChatKimi(**host, temperature=0.3).ainvoke("hi")  # here


async def astream(host: dict[str, Any]) -> None:
    async for _ in ChatKimi(**host, temperature=0.3).astream("hi"):  # here
        pass


async def llm_ainvoke(host: dict[str, Any]) -> None:
    await KimiLLM(**host, temperature=0.3).ainvoke("hi")  # here


async def achat(host: dict[str, Any]) -> None:
    await Kimi(**host, temperature=0.3).achat(HI)  # here


async def astream_chat(host: dict[str, Any]) -> None:
    async for _ in await Kimi(**host, temperature=0.3).astream_chat(HI):  # here
        pass


async def acomplete(host: dict[str, Any]) -> None:
    await Kimi(**host, temperature=0.3).acomplete("hi")  # here


async def abatch(host: dict[str, Any]) -> None:
    await ChatKimi(**host, temperature=0.3).abatch(["hi", "ho"])  # here


async def llm_abatch(host: dict[str, Any]) -> None:
    await KimiLLM(**host, temperature=0.3).abatch(["hi", "ho"])  # here


async def abatch_as_completed(host: dict[str, Any]) -> None:
    async for _ in ChatKimi(**host, temperature=0.3).abatch_as_completed(["hi", "ho"]):  # here
        pass


async def llm_abatch_as_completed(host: dict[str, Any]) -> None:
    async for _ in KimiLLM(**host, temperature=0.3).abatch_as_completed(["hi", "ho"]):  # here
        pass


async def agather(host: dict[str, Any]) -> None:
    async def one() -> None:
        await ChatKimi(**host, temperature=0.3).ainvoke("hi")  # here

    await asyncio.gather(one(), one())


async def in_the_loop(host: dict[str, Any]) -> None:
    ChatKimi(**host, temperature=0.3).invoke("hi")  # here


@pytest.mark.parametrize(
    "ask",
    [
        ainvoke,
        astream,
        abatch,
        abatch_as_completed,
        llm_ainvoke,
        llm_abatch,
        llm_abatch_as_completed,
        achat,
        astream_chat,
        acomplete,
        agather,
        in_the_loop,
    ],
)
def test_asynchronous_calls_point_at_the_line_that_waits(
    kimi: Emulator, ask: Callable[[dict[str, Any]], Coroutine[Any, Any, None]]
) -> None:
    check_line(lambda: asyncio.run(ask({"base_url": kimi.base_url, "api_key": kimi.api_key})))


BLOCKING: dict[str, Callable[[dict[str, Any]], Any]] = {
    "invoke": lambda host: ChatKimi(**host, temperature=0.3).invoke("hi"),  # here
    "stream": lambda host: list(ChatKimi(**host, temperature=0.3).stream("hi")),  # here
    "batch": lambda host: ChatKimi(**host, temperature=0.3).batch(["hi", "ho"]),  # here
    "as completed": lambda host: list(ChatKimi(**host, temperature=0.3).batch_as_completed(["hi", "ho"])),  # here
    "texts as completed": lambda host: [*KimiLLM(**host, temperature=0.3).batch_as_completed(["hi", "ho"])],  # here
    "bound batch": lambda host: ChatKimi(**host).bind(temperature=0.3).batch(["hi", "ho"]),  # here
    "KimiLLM.batch": lambda host: KimiLLM(**host, temperature=0.3).batch(["hi", "ho"]),  # here
    "bound": lambda host: ChatKimi(**host).bind(temperature=0.3).invoke("hi"),  # here
    "KimiLLM.invoke": lambda host: KimiLLM(**host, temperature=0.3).invoke("hi"),  # here
    "chat": lambda host: Kimi(**host, temperature=0.3).chat(HI),  # here
    "stream_chat": lambda host: list(Kimi(**host, temperature=0.3).stream_chat(HI)),  # here
    "complete": lambda host: Kimi(**host, temperature=0.3).complete("hi"),  # here
    "new ChatKimi": lambda host: ChatKimi(**host, seed=3),  # here
    "new Kimi": lambda host: Kimi(**host, seed=3),  # here
    "new KimiLLM": lambda host: KimiLLM(**host, seed=3),  # here
    "unknown model": lambda host: Kimi(**host, model="kimi-k9"),  # here
}


@pytest.mark.parametrize("what", BLOCKING)
def test_blocking_calls_and_constructors_point_at_their_line(kimi: Emulator, what: str) -> None:
    check_line(lambda: BLOCKING[what]({"base_url": kimi.base_url, "api_key": kimi.api_key}))


def check_line(act: Callable[[], Any]) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        act()
    (warning,) = [each for each in caught if issubclass(each.category, KimiWarning)]
    assert warning.filename == __file__
    assert "# here" in linecache.getline(__file__, warning.lineno)
