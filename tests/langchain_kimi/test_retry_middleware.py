"""What langchain's own retry middleware makes of our errors: a second try only where it may help."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import ModelRetryMiddleware, ToolRetryMiddleware
from langchain_core import exceptions as core
from langchain_core.messages import HumanMessage, ToolMessage

import kimi_api
from kimi_api.limits import AccountLimits, MemoryStore
from kimi_emulator import Emulator, Failure, Reply
from langchain_kimi import ChatKimi, KimiDynamicToolsMiddleware, errors

Make = Callable[..., ChatKimi]
HOW = pytest.mark.parametrize("how", ["invoke", "ainvoke", "stream", "astream"])


class Counted(ModelRetryMiddleware):
    """Counts the tries; never waits."""

    def __init__(self) -> None:
        super().__init__(max_retries=2, initial_delay=0.0, backoff_factor=0.0, on_failure="error")
        self.tries = 0

    def wrap_model_call(self, request: Any, handler: Any) -> Any:
        return super().wrap_model_call(request, self._counting(handler))

    async def awrap_model_call(self, request: Any, handler: Any) -> Any:
        return await super().awrap_model_call(request, self._counting(handler))

    def _counting(self, handler: Any) -> Any:
        def counting(request: Any) -> Any:
            self.tries += 1
            return handler(request)

        return counting


async def run(agent: Any, messages: list[Any], how: str) -> Any:
    state = {"messages": messages}
    if how == "invoke":
        return agent.invoke(state)
    if how == "ainvoke":
        return await agent.ainvoke(state)
    if how == "stream":
        return list(agent.stream(state, stream_mode="messages"))
    return [piece async for piece in agent.astream(state, stream_mode="messages")]


def no_key() -> str:
    return ""


def too_many(n: int) -> str:
    """A tool whose schema no platform takes in this number."""
    return str(n)


LONE_RESULT = ToolMessage("7 degrees", tool_call_id="nobody")
SOUND = HumanMessage([{"type": "audio", "base64": "AAAA", "mime_type": "audio/wav"}])
PICTURE_AT_AN_ADDRESS = HumanMessage([{"type": "image", "url": "http://127.0.0.1:9/x.png"}])
FETCHED = {"fetch_media": True}
CASES: list[Any] = [
    pytest.param({"temperature": 0.3, "unsupported": "error"}, HumanMessage("?"), kimi_api.KimiInputError, id="value"),
    pytest.param({"repair": "none"}, LONE_RESULT, kimi_api.KimiInputError, id="history"),
    pytest.param({}, SOUND, kimi_api.KimiInputError, id="content"),
    pytest.param({}, PICTURE_AT_AN_ADDRESS, kimi_api.KimiInputError, id="address"),
    pytest.param(FETCHED, PICTURE_AT_AN_ADDRESS, kimi_api.KimiInputError, id="forbidden address, found while fetching"),
    pytest.param({"api_key": no_key}, HumanMessage("?"), kimi_api.KimiKeyError, id="key"),
]


@HOW
@pytest.mark.parametrize(("settings", "message", "kind"), CASES)
async def test_input_errors_are_not_tried_again(
    kimi: Emulator, make: Make, settings: dict[str, Any], message: Any, kind: type[Exception], how: str
) -> None:
    retry = Counted()
    agent = create_agent(make(**settings), tools=[], middleware=[retry])
    with pytest.raises(kind) as caught:
        await run(agent, [message], how)
    error: Any = caught.value
    assert isinstance(error, core.ModelError)
    assert error.is_retryable is False
    assert isinstance(error, core.ModelAuthenticationError if kind is kimi_api.KimiKeyError else ValueError)
    assert retry.tries == 1
    assert kimi.chats == []
    copied = pickle.loads(pickle.dumps(error))
    assert (type(copied), str(copied)) == (type(error), str(error))


@HOW
async def test_what_is_found_while_tools_are_bound_is_not_tried_again(kimi: Emulator, llm: ChatKimi, how: str) -> None:
    retry = Counted()
    tool = {"type": "function", "function": {"name": "not a name!", "parameters": {"type": "object"}}}
    agent = create_agent(llm, tools=[tool], middleware=[retry])
    with pytest.raises(errors.ChatKimiInputError):
        await run(agent, [HumanMessage("?")], how)
    assert (retry.tries, kimi.chats) == (1, [])


@pytest.mark.parametrize("how", ["invoke", "ainvoke"])
async def test_what_our_own_middleware_finds_is_not_tried_again(kimi: Emulator, make: Make, how: str) -> None:
    retry = Counted()
    dynamic = KimiDynamicToolsMiddleware([too_many], unsupported="error", select=lambda state: ["too_many"])
    agent = create_agent(make(model="kimi-k2.6"), tools=[], middleware=[retry, dynamic])
    with pytest.raises(errors.ChatKimiInputError, match="takes no tools in messages"):
        await run(agent, [HumanMessage("?")], how)
    assert (retry.tries, kimi.chats) == (1, [])


@HOW
async def test_a_day_that_is_used_up_is_not_tried_again(kimi: Emulator, make: Make, how: str) -> None:
    limits = AccountLimits(tpd=100, store=MemoryStore())
    retry = Counted()
    agent = create_agent(make(account_limits=limits, max_tokens=5_000), tools=[], middleware=[retry])
    with pytest.raises((kimi_api.KimiLimitError, kimi_api.KimiInputError)) as caught:
        await run(agent, [HumanMessage("?")], how)
    assert isinstance(caught.value, core.ModelError)
    assert (retry.tries, kimi.chats) == (1, [])


@pytest.mark.parametrize("how", ["invoke", "ainvoke"])
async def test_what_may_help_is_tried_again(kimi: Emulator, make: Make, how: str) -> None:
    kimi.script(Failure(429, "engine_overloaded_error", "busy"), Reply(content="There you are."))
    retry = Counted()
    agent = create_agent(make(max_retries=0), tools=[], middleware=[retry])
    state = await run(agent, [HumanMessage("?")], how)
    assert state["messages"][-1].text == "There you are."
    assert retry.tries == 2


def test_the_error_is_the_one_that_was_found(llm: ChatKimi) -> None:
    with pytest.raises(errors.ChatKimiInputError) as caught:
        llm.invoke([SOUND])
    error = caught.value
    assert (error.what, error.rule, error.remedy) != ("", "", "")
    assert "What to do:" in str(error)
    assert error.__suppress_context__  # one error in the traceback, not the same one twice
    frames = []
    trace = error.__traceback__
    while trace is not None:
        frames.append(trace.tb_frame.f_code.co_filename)
        trace = trace.tb_next
    assert any(name.endswith("_parts.py") for name in frames)  # where it was found


async def test_a_tool_without_a_key_is_not_run_again(kimi: Emulator, make: Make) -> None:
    from langchain_kimi.tools import KimiFormulaToolkit

    (tool,) = KimiFormulaToolkit("web-search", client=make().client).get_tools()
    keyless = tool.model_copy(update={"client": make(api_key=no_key).client})
    retry = ToolRetryMiddleware(max_retries=2, initial_delay=0.0, backoff_factor=0.0)
    for error in (errors.ChatKimiKeyError,):
        with pytest.raises(error):
            keyless.invoke({"query": "x"})
        with pytest.raises(error) as caught:
            await keyless.ainvoke({"query": "x"})
        assert callable(retry.retry_on)
        assert retry.retry_on(caught.value) is False
