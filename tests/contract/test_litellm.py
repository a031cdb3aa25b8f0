"""Both adapters through a real LiteLLM proxy, in front of the emulator as the platform and as vLLM.

The emulator's own dialect "litellm" is what was measured here; `test_host_table.py` asks that one in the fast tier.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import litellm_kit
import pytest
from contract_kit import Chat, result, user, wire_tool
from pydantic import BaseModel

from kimi_api import (
    KimiAuthenticationError,
    KimiBadRequestError,
    KimiContextOverflowError,
    KimiRateLimitError,
    KimiServerError,
    KimiToolChoiceError,
)
from kimi_emulator import Emulator, Failure, Reply, ToolCall

Make = Callable[..., Chat]
WEATHER = wire_tool("get_weather")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.ways("plain", "streamed", "astreamed"),
    pytest.mark.skipif(
        not litellm_kit.PROGRAM.exists(), reason="LiteLLM has an environment of its own, which `make litellm` makes"
    ),
]


@pytest.fixture(scope="module")
def engine() -> Iterator[Emulator]:
    with Emulator(dialect="vllm", histories="strict") as vllm:
        yield vllm


@pytest.fixture(scope="module")
def platform() -> Iterator[Emulator]:
    with Emulator(histories="strict") as kimi:
        yield kimi


@pytest.fixture(scope="module")
def proxy(
    platform: Emulator, engine: Emulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[litellm_kit.Proxy]:
    kimi, vllm = (platform.base_url, platform.api_key), (engine.base_url, engine.api_key)
    models = [
        litellm_kit.entry("kimi-k2.6", "openai/kimi-k2.6", *kimi, allowed_openai_params=["thinking"]),
        litellm_kit.entry("kimi-k3", "openai/kimi-k3", *kimi),
        litellm_kit.entry("bare-kimi-k2.6", "openai/kimi-k2.6", *kimi),
        litellm_kit.entry("by-name-kimi-k3", "moonshot/kimi-k3", *kimi),
        litellm_kit.entry("weights-kimi-k2.6", "hosted_vllm/moonshotai/Kimi-K2.6", *vllm),
    ]
    with litellm_kit.Proxy(tmp_path_factory.mktemp("litellm"), models) as running:
        yield running


@pytest.fixture
def through(make: Make, proxy: litellm_kit.Proxy, platform: Emulator, engine: Emulator) -> Callable[..., Chat]:
    platform.reset()
    engine.reset()

    def ask_through(model: str = "kimi-k2.6", **settings: Any) -> Chat:
        fields = {"base_url": proxy.base_url, "api_key": litellm_kit.KEY, "dialect": "openai", "max_retries": 0}
        return make(**fields | {"model": model} | settings)

    return ask_through


def get_weather(city: str) -> str:
    """Current weather of a city."""
    return f"{city}: 7 degrees"


class City(BaseModel):
    """A city."""

    name: str


@pytest.mark.parametrize("model", ["kimi-k2.6", "kimi-k3", "weights-kimi-k2.6"])
def test_an_answer_is_read(through: Callable[..., Chat], platform: Emulator, engine: Emulator, model: str) -> None:
    behind = engine if model.startswith("weights") else platform
    behind.script(Reply(content="Hello.", reasoning="Greet."))
    outcome = through(model, dialect="vllm" if behind is engine else "openai").ask("Hi")
    assert (outcome.text, outcome.reasoning, outcome.finish_reason) == ("Hello.", "Greet.", "stop")
    assert outcome.usage is not None
    assert outcome.usage.prompt_tokens > 0
    assert behind.report == behind.refusals == []


@pytest.mark.parametrize("model", ["kimi-k2.6", "kimi-k3"])
def test_a_tool_loop_keeps_its_thinking(through: Callable[..., Chat], platform: Emulator, model: str) -> None:
    platform.script(
        Reply(reasoning="Look.", tool_calls=[ToolCall("get_weather", {"city": city}) for city in ("Oslo", "Rome")]),
        Reply(content="7 in both."),
    )
    assert through(model).run_agent("Weather?", [get_weather]).text == "7 in both."
    (turn,) = (message for message in platform.chats[-1]["messages"] if message.get("tool_calls"))
    assert turn["reasoning_content"] == "Look."
    assert platform.report == platform.refusals == []


def test_a_tool_loop_on_weights_behind_the_proxy(through: Callable[..., Chat], engine: Emulator) -> None:
    """LiteLLM calls vLLM's `reasoning` by the platform's name, and sends what it gets on as it came."""
    engine.script(Reply(reasoning="Look.", tool_calls=[ToolCall("get_weather", {"city": "Oslo"})]), Reply(content="7."))
    assert through("weights-kimi-k2.6", dialect="vllm").run_agent("Weather?", [get_weather]).text == "7."
    (turn,) = (message for message in engine.chats[-1]["messages"] if message.get("tool_calls"))
    assert turn["reasoning"] == "Look."


def test_a_structured_answer(through: Callable[..., Chat], platform: Emulator) -> None:
    platform.script(Reply(content='{"name": "Oslo"}'))
    assert through().predict(City, "Capital of Norway?") == City(name="Oslo")
    assert platform.chats[0]["response_format"]["type"] == "json_schema"


@pytest.mark.parametrize("model", ["kimi-k2.6", "weights-kimi-k2.6"])
def test_a_conversation_that_is_too_long(through: Callable[..., Chat], model: str) -> None:
    assert isinstance(through(model).attempt("word " * 230_000).error, KimiContextOverflowError)


def test_a_limit_says_when_to_come_back(through: Callable[..., Chat], platform: Emulator, waits: list[float]) -> None:
    platform.script(
        Failure(429, "rate_limit_reached_error", "Slow down.", {"Retry-After": "23"}), Reply(content="Hello.")
    )
    assert through(max_retries=1).ask("Hi").text == "Hello."
    assert waits == [23.0]


def test_a_limit_is_an_error_of_its_class(through: Callable[..., Chat], platform: Emulator) -> None:
    platform.script(Failure(429, "rate_limit_reached_error", "Slow down."))
    error = through().attempt("Hi").error
    assert isinstance(error, KimiRateLimitError)
    assert "Slow down" in str(error)
    platform.script(Failure(500, "server_error", "Boom."))
    assert isinstance(through().attempt("Hi").error, KimiServerError)


def test_the_switch_for_thinking_must_be_allowed(through: Callable[..., Chat], platform: Emulator) -> None:
    assert not through(thinking=False).ask("Hi").reasoning
    assert platform.chats[-1]["thinking"] == {"type": "disabled"}
    error = through("bare-kimi-k2.6", thinking=False).attempt("Hi").error
    assert isinstance(error, KimiBadRequestError)
    assert "does not support parameters: ['thinking']" in str(error)


def test_the_switch_for_weights_passes(through: Callable[..., Chat], engine: Emulator) -> None:
    chat = through("weights-kimi-k2.6", dialect="vllm", thinking=False)
    assert not chat.ask("Hi").reasoning
    assert engine.chats[-1]["chat_template_kwargs"] == {"thinking": False}


def test_a_demanded_tool(through: Callable[..., Chat], platform: Emulator) -> None:
    """The prefix `openai/` passes the demand on; `moonshot/` puts a sentence of its own behind the prompt instead."""
    tools = [WEATHER, wire_tool("get_time")]
    through("kimi-k3").ask("Weather in Oslo?", tools=tools, tool_choice="required")
    assert platform.chats[-1]["tool_choice"] == "required"
    platform.script(Reply(content="Oslo?"))
    error = through("by-name-kimi-k3").attempt("Weather in Oslo?", tools=tools, tool_choice="required").error
    assert isinstance(error, KimiToolChoiceError)
    assert "tool_choice" not in platform.chats[-1]
    assert platform.chats[-1]["messages"][-1]["content"].startswith("Please select a tool")


def test_members_of_our_own_pass(through: Callable[..., Chat], platform: Emulator) -> None:
    through("kimi-k3", reasoning_effort="low", prompt_cache_key="thread-1", max_tokens=900).ask("Hi")
    body = platform.chats[-1]
    assert (body["reasoning_effort"], body["prompt_cache_key"]) == ("low", "thread-1")
    assert body.get("max_tokens", body.get("max_completion_tokens")) == 900


def test_arguments_that_nobody_can_read_do_not_end_the_thread(through: Callable[..., Chat], engine: Emulator) -> None:
    chat = through("weights-kimi-k2.6", dialect="vllm")
    engine.script(Reply(reasoning="Look.", tool_calls=[ToolCall("get_weather", '{"city": "Os')]), Reply(content="7."))
    turn = chat.attempt([user("Weather?")], tools=[WEATHER])
    answers = [result(call) for call in turn.calls if call.args is not None]
    later = chat.attempt([user("Weather?"), turn, *answers, user("And now?")], tools=[WEATHER], repair="full")
    assert (later.error, later.text) == (None, "7.")
    assert engine.refusals == []


def test_a_wrong_key(through: Callable[..., Chat]) -> None:
    error = through(api_key="sk-test-wrong").attempt("Hi").error
    assert isinstance(error, KimiAuthenticationError)


def test_the_advice_names_the_proxy(through: Callable[..., Chat], proxy: litellm_kit.Proxy) -> None:
    error = through("nobody").attempt("Hi").error
    assert isinstance(error, KimiBadRequestError)
    assert f"GET {proxy.base_url}/models" in str(error)
