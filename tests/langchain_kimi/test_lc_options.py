"""Fields, aliases, per-call arguments, and what LangChain asks about a model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypedDict

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.rate_limiters import InMemoryRateLimiter
from langchain_core.runnables import ConfigurableField
from langchain_core.tools import tool
from pydantic import BaseModel

from kimi_api import MODELS, KimiInputError, KimiWarning
from kimi_emulator import Emulator, Reply, ToolCall
from langchain_kimi import ChatKimi, dynamic_tools_message

TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}


def sent(kimi: Emulator) -> dict[str, Any]:
    return {k: v for k, v in kimi.chats[-1].items() if k not in ("messages", "stream", "stream_options")}


def test_fields_reach_the_request(kimi: Emulator, make: Callable[..., ChatKimi]) -> None:
    make(
        model="kimi-k2.6",
        thinking="enabled",
        thinking_keep="all",
        max_tokens=900,
        temperature=1,
        top_p=0.95,
        stop=["END"],
        prompt_cache_key="s1",
        cache_ttl="5m",
        safety_identifier="u1",
        extra_body={"metadata": {"a": 1}},
    ).invoke("hello")
    assert sent(kimi) == {
        "model": "kimi-k2.6",
        "thinking": {"type": "enabled", "keep": "all"},
        "max_completion_tokens": 900,
        "stop": ["END"],
        "prompt_cache_key": "s1",
        "prompt_cache_options": {"mode": "implicit", "ttl": "5m"},
        "safety_identifier": "u1",
        "metadata": {"a": 1},
    }


def test_defaults_send_the_model_alone(kimi: Emulator, llm: ChatKimi) -> None:
    llm.invoke("hello")
    assert sent(kimi) == {"model": "kimi-k3"}


def test_aliases(kimi: Emulator) -> None:
    llm: Any = ChatKimi(
        api_base=kimi.base_url,
        api_key=kimi.api_key,
        model_name="kimi-k2.6",
        max_completion_tokens=5000,
        stop_sequences=["x"],
        model_kwargs={"metadata": {"a": 1}},
    )
    assert (llm.base_url, llm.model, llm.max_tokens, llm.stop) == (kimi.base_url, "kimi-k2.6", 5000, ["x"])
    llm.invoke("hello")
    assert sent(kimi)["metadata"] == {"a": 1}


def test_a_field_is_given_once() -> None:
    with pytest.raises(KimiInputError, match="model and model_name are one field"):
        ChatKimi(api_key="sk-test", model="kimi-k3", model_name="kimi-k2.6")
    llm = ChatKimi(api_key="sk-test", extra_body={"a": {"b": 1}}, model_kwargs={"a": {"c": 2}})
    assert llm.extra_body == {"a": {"b": 1, "c": 2}}
    assert ChatKimi(api_key="sk-test", extra_body=None).extra_body == {}


def test_arguments_of_a_call_beat_fields(kimi: Emulator, make: Callable[..., ChatKimi]) -> None:
    llm = make(max_tokens=900, stop=["A"], extra_body={"metadata": {"a": 1, "b": 1}})
    llm.invoke(
        "hello", model="kimi-k2.6", max_tokens=800, stop=["B"], extra_body={"metadata": {"b": 2}}, thinking="disabled"
    )
    body = sent(kimi)
    assert (body["model"], body["max_completion_tokens"], body["stop"]) == ("kimi-k2.6", 800, ["B"])
    assert body["metadata"] == {"a": 1, "b": 2}
    assert body["thinking"] == {"type": "disabled"}
    llm.invoke("hello")
    assert sent(kimi)["max_completion_tokens"] == 900


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


def test_headers(kimi: Emulator, make: Callable[..., ChatKimi]) -> None:
    make(default_headers={"X-Two": "2"}).invoke("hello", headers={"X-One": "1"})
    assert (kimi.requests[-1].headers["x-one"], kimi.requests[-1].headers["x-two"]) == ("1", "2")


def test_refused_values_are_left_out_with_a_warning(kimi: Emulator, make: Callable[..., ChatKimi]) -> None:
    with pytest.warns(KimiWarning, match="takes only temperature=1"):
        make(temperature=0.2).invoke("hello")
    assert "temperature" not in sent(kimi)


def test_refused_values_raise_before_sending_where_nothing_may_be_left_out(
    kimi: Emulator, make: Callable[..., ChatKimi]
) -> None:
    strict = make(unsupported="error")
    for model, name, value in (
        ("kimi-k3", "temperature", 0.3),
        ("kimi-k3", "thinking", "disabled"),
        ("kimi-k2.6", "reasoning_effort", "low"),
        ("kimi-k2.7-code", "top_p", 0.5),
    ):
        with pytest.raises(KimiInputError) as caught:
            strict.invoke("?", model=model, **{name: value})
        assert (caught.value.what, caught.value.value) == (name, value)
    assert kimi.requests == []
    strict.invoke("?", temperature=1)  # the one value that the model has anyway


def test_other_hosts_get_what_the_user_set(kimi: Emulator, make: Callable[..., ChatKimi]) -> None:
    llm = make(dialect="vllm", max_tokens=7000, temperature=1)
    history = [
        HumanMessage("?"),
        AIMessage("", tool_calls=[{"name": "f", "args": {}, "id": "c"}], additional_kwargs={"reasoning_content": "R"}),
        ToolMessage("r", tool_call_id="c"),
    ]
    llm.invoke(history)
    assert sent(kimi)["max_tokens"] == 7000
    assert kimi.chats[-1]["messages"][1]["reasoning"] == "R"


def test_json_mode_by_field(kimi: Emulator, make: Callable[..., ChatKimi]) -> None:
    make(response_format={"type": "json_object"}).invoke("a JSON object, please")
    assert sent(kimi)["response_format"] == {"type": "json_object"}


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


class Tree(BaseModel):
    """A tree."""

    value: int
    children: list[Tree] = []


def test_schemas_go_out_in_moonshots_dialect(kimi: Emulator, llm: ChatKimi) -> None:
    kimi.script(Reply(content="ok"))
    foreign = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {"a": {"type": ["string", "null"]}, "b": True},
    }
    mcp = {"type": "function", "function": {"name": "mcp", "parameters": foreign}}
    llm.bind_tools([Tree, mcp]).invoke("?")
    tree, other = (tool["function"]["parameters"] for tool in sent(kimi)["tools"])
    assert tree["properties"]["children"]["items"] == {"$ref": "#/$defs/Tree"}
    assert "$schema" not in other
    assert "$schema" in foreign
    assert kimi.report == []


async def test_kinds_of_tools(kimi: Emulator, llm: ChatKimi) -> None:
    kimi.script(Reply(content="ok"))
    search = {"type": "builtin_function", "function": {"name": "$web_search"}}
    await llm.bind_tools([Pydantic, Typed, function, base_tool, TOOL, search]).ainvoke("?")
    tools = sent(kimi)["tools"]
    assert [t["function"]["name"] for t in tools] == ["Pydantic", "Typed", "function", "base_tool", "f", "$web_search"]
    assert tools[-1] == search
    assert all(t["function"]["parameters"]["type"] == "object" for t in tools[:-1])


def test_tools_and_formats_of_a_call_are_converted_too(kimi: Emulator, llm: ChatKimi) -> None:
    kimi.script(Reply(content="ok"), Reply(content='{"x": 1}'), Reply(content='{"x": 1}'))
    llm.invoke("?", tools=[function])
    assert sent(kimi)["tools"][0]["function"]["name"] == "function"
    llm.invoke("?", response_format=Pydantic)
    assert sent(kimi)["response_format"]["json_schema"]["name"] == "Pydantic"
    assert llm.with_structured_output(Pydantic, tools=[function]).invoke("?") == Pydantic(x=1)
    assert sent(kimi)["tools"][0]["function"]["name"] == "function"


@pytest.mark.parametrize("strict", [True, False])
def test_strict_tools(kimi: Emulator, llm: ChatKimi, strict: bool) -> None:
    kimi.script(Reply(content="ok"))
    llm.bind_tools([function, TOOL], strict=strict).invoke("?")
    assert [t["function"]["strict"] for t in sent(kimi)["tools"]] == [strict, strict]
    assert "strict" not in TOOL["function"]  # type: ignore[operator]


def test_web_search_arguments_go_back_byte_for_byte(kimi: Emulator, llm: ChatKimi) -> None:
    text = '{ "search_result":{"search_id":"6f"} ,"usage":{"total_tokens":13046}}'
    kimi.script(Reply(tool_calls=[ToolCall("$web_search", text)]), Reply(content="found"))
    bound = llm.bind_tools([{"type": "builtin_function", "function": {"name": "$web_search"}}])
    question = HumanMessage("?")
    call: Any = bound.invoke([question])
    bound.invoke([question, call, ToolMessage(text, tool_call_id=call.tool_calls[0]["id"], name="$web_search")])
    turn = kimi.chats[-1]["messages"][1]
    assert turn["tool_calls"][0]["function"] == {"name": "$web_search", "arguments": text}
    assert turn["tool_calls"][0]["type"] == kimi.replies[0]["tool_calls"][0]["type"]


def test_dynamic_tools(kimi: Emulator, llm: ChatKimi) -> None:
    kimi.script(Reply(tool_calls=[ToolCall("function", {"x": 1})]))
    answer = llm.invoke([HumanMessage("?"), dynamic_tools_message([function])])
    assert answer.tool_calls[0]["name"] == "function"
    assert kimi.chats[-1]["messages"][-1]["tools"][0]["function"]["name"] == "function"


def test_unanswered_calls_can_be_cancelled(kimi: Emulator, make: Callable[..., ChatKimi]) -> None:
    cut = AIMessage("", tool_calls=[{"name": "f", "args": {}, "id": "c"}])
    make(repair="cancel").invoke([HumanMessage("?"), cut, HumanMessage("Go on")])
    assert [m["role"] for m in kimi.chats[-1]["messages"]] == ["user", "assistant", "tool", "user"]


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
    assert sent(kimi)["max_completion_tokens"] == 4321


def test_rate_limiter_is_asked_once_per_call(kimi: Emulator, make: Callable[..., ChatKimi]) -> None:
    asked: list[bool] = []

    class Counting(InMemoryRateLimiter):
        def acquire(self, *, blocking: bool = True) -> bool:
            asked.append(blocking)
            return True

    llm = make(rate_limiter=Counting())
    llm.invoke("hello")
    list(llm.stream("hello"))
    assert len(asked) == 2


def test_cache(kimi: Emulator, make: Callable[..., ChatKimi]) -> None:
    from langchain_core.caches import InMemoryCache

    llm = make(cache=InMemoryCache())
    first, second = llm.invoke("hello"), llm.invoke("hello")
    assert first.text == second.text
    assert len(kimi.requests) == 1
    llm.invoke("hello", max_tokens=4000)
    assert len(kimi.requests) == 2
