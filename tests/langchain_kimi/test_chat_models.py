"""What LangChain passes to a model by itself, binds to it, and asks about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypedDict

import pytest
from langchain_core.messages import HumanMessage
from langchain_core.rate_limiters import InMemoryRateLimiter
from langchain_core.runnables import ConfigurableField
from langchain_core.tools import tool
from pydantic import BaseModel

from kimi_api import MODELS
from kimi_emulator import Emulator, Reply
from langchain_kimi import ChatKimi

TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}


def options_sent(kimi: Emulator) -> dict[str, Any]:
    return {k: v for k, v in kimi.chats[-1].items() if k not in ("messages", "stream", "stream_options")}


def test_what_langchain_passes_by_itself_is_no_error(kimi: Emulator, llm: ChatKimi) -> None:
    answer = llm.invoke(
        "hello",
        stop=None,
        tools=[TOOL],
        tool_choice="auto",
        parallel_tool_calls=True,
        response_format={"type": "text"},
        ls_structured_output_format={"kwargs": {}, "schema": {"type": "object"}},
        stream_usage=True,
        strict=None,
        extra_headers={"X-One": "1"},
        timeout=30,
        max_retries=0,
    )
    assert answer.text or answer.tool_calls
    assert kimi.requests[-1].headers["x-one"] == "1"


# --------------------------------------------------------------------------------------- tools


class Pydantic(BaseModel):
    """Pydantic."""

    x: int


class Typed(TypedDict):
    """Typed."""

    x: int


def function(x: int) -> int:
    """Function."""
    return x


@tool
def base_tool(x: int) -> int:
    """Base tool."""
    return x


async def test_kinds_of_tools(kimi: Emulator, llm: ChatKimi) -> None:
    kimi.script(Reply(content="ok"))
    search = {"type": "builtin_function", "function": {"name": "$web_search"}}
    await llm.bind_tools([Pydantic, Typed, function, base_tool, TOOL, search]).ainvoke("?")
    tools = options_sent(kimi)["tools"]
    assert [t["function"]["name"] for t in tools] == ["Pydantic", "Typed", "function", "base_tool", "f", "$web_search"]
    assert tools[-1] == search
    assert all(t["function"]["parameters"]["type"] == "object" for t in tools[:-1])


def test_tools_and_formats_of_a_call_are_converted_too(kimi: Emulator, llm: ChatKimi) -> None:
    kimi.script(Reply(content="ok"), Reply(content='{"x": 1}'), Reply(content='{"x": 1}'))
    llm.invoke("?", tools=[function])
    assert options_sent(kimi)["tools"][0]["function"]["name"] == "function"
    llm.invoke("?", response_format=Pydantic)
    assert options_sent(kimi)["response_format"]["json_schema"]["name"] == "Pydantic"
    assert llm.with_structured_output(Pydantic, tools=[function]).invoke("?") == Pydantic(x=1)
    assert options_sent(kimi)["tools"][0]["function"]["name"] == "function"


@pytest.mark.parametrize("strict", [True, False])
def test_strict_tools(kimi: Emulator, llm: ChatKimi, strict: bool) -> None:
    kimi.script(Reply(content="ok"))
    llm.bind_tools([function, TOOL], strict=strict).invoke("?")
    assert [t["function"]["strict"] for t in options_sent(kimi)["tools"]] == [strict, strict]
    assert "strict" not in TOOL["function"]  # type: ignore[operator]


def test_nothing_fails_at_bind_time_for_a_models_rules() -> None:
    def f(x: int) -> int:
        """Do it."""
        return x

    for model in ("kimi-k3", "kimi-k2.7-code", "kimi-k2.6"):
        llm = ChatKimi(api_key="sk-test", model=model, unsupported="error")
        choices: list[Any] = ["auto", "none", "any", "required", "f", True, False, None]
        for choice in [*choices, {"type": "function", "function": {"name": "f"}}]:
            bound: Any = llm.bind_tools([f], tool_choice=choice)
            assert bound.kwargs.get("tool_choice") == choice


# --------------------------------------------------------------------------------------- what LangChain asks


def test_parameters_for_traces(make: Callable[..., ChatKimi]) -> None:
    llm = make(model="kimi-k2.6", max_tokens=10)
    params = llm._get_ls_params(stop=["x"])
    assert params["ls_provider"] == "kimi"
    assert params["ls_model_name"] == "kimi-k2.6"
    assert params["ls_model_type"] == "chat"
    assert params["ls_max_tokens"] == 10
    assert params["ls_stop"] == ["x"]
    assert llm._get_ls_params(model="kimi-k3")["ls_model_name"] == "kimi-k3"
    assert make(stop="END")._get_ls_params()["ls_stop"] == ["END"]
    assert llm._llm_type == "kimi-chat"
    assert llm._identifying_params["model"] == "kimi-k2.6"
    assert llm.metadata is not None
    assert "kimi-integrations" in llm.metadata["lc_versions"]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("model", list(MODELS))
def test_profile_comes_from_the_catalogue(model: str) -> None:
    profile: Any = ChatKimi(api_key="sk-test", model=model).profile
    spec = MODELS[model]
    assert profile["max_input_tokens"] == spec.context_window
    assert profile["image_inputs"] == spec.images
    assert profile["structured_output"] is False
    assert profile["tool_calling"] is True


def test_unknown_keys_of_a_given_profile_are_still_said() -> None:
    with pytest.warns(UserWarning, match="Unrecognized keys in model profile"):
        ChatKimi(api_key="sk-test", profile={"no_such_key": 1})


def test_given_profile_is_kept() -> None:
    assert ChatKimi(api_key="sk-test", profile={"max_input_tokens": 5}).profile == {"max_input_tokens": 5}


def test_usage_of_a_batch_is_summed(kimi: Emulator, llm: ChatKimi) -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}
    kimi.script(*[Reply(content="ok", usage=usage)] * 3)
    output = llm.generate([[HumanMessage("a")], [HumanMessage("b")], [HumanMessage("c")]]).llm_output
    assert output is not None
    assert output["token_usage"]["total_tokens"] == 42
    assert output["token_usage"]["completion_tokens_details"]["reasoning_tokens"] == 0


def test_configurable_fields(kimi: Emulator, llm: ChatKimi) -> None:
    chain = llm.configurable_fields(max_tokens=ConfigurableField(id="budget"))
    chain.invoke("hello", config={"configurable": {"budget": 4321}})
    assert options_sent(kimi)["max_completion_tokens"] == 4321


def test_rate_limiter_is_asked_once_per_call(kimi: Emulator, make: Callable[..., ChatKimi]) -> None:
    blockings: list[bool] = []

    class Counting(InMemoryRateLimiter):
        def acquire(self, *, blocking: bool = True) -> bool:
            blockings.append(blocking)
            return True

    llm = make(rate_limiter=Counting())
    llm.invoke("hello")
    list(llm.stream("hello"))
    assert len(blockings) == 2


def test_cache(kimi: Emulator, make: Callable[..., ChatKimi]) -> None:
    from langchain_core.caches import InMemoryCache

    llm = make(cache=InMemoryCache())
    first, second = llm.invoke("hello"), llm.invoke("hello")
    assert first.text == second.text
    assert len(kimi.requests) == 1
    llm.invoke("hello", max_tokens=4000)
    assert len(kimi.requests) == 2
