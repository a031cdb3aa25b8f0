"""Each row of the table in docs/hosts.md: the host as the emulator plays it, asked with the dialect that the row names.

What only one host does stands in `test_hosts.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from contract_kit import Adapter, Chat, Outcome, assistant, result, user, wire_tool
from langchain_core.exceptions import ContextOverflowError
from pydantic import BaseModel
from scripted_kimi import NEW_CORE

from kimi_api import KimiAuthenticationError, KimiBadRequestError, KimiContextOverflowError
from kimi_emulator import DIALECTS, Emulator, Failure, Reply, ToolCall

Make = Callable[..., Chat]
PAGE = Path(__file__).parents[2] / "docs" / "hosts.md"
WEATHER = wire_tool("get_weather")


class Row(NamedTuple):
    """A row: the host by its name in the page, the emulator's dialect, the client's, and a model's name there."""

    host: str
    plays: str
    dialect: str
    model: str = "moonshotai/Kimi-K2.6"


ROWS = (
    Row("vLLM", "vllm", "vllm"),
    Row("SGLang", "sglang", "vllm"),
    Row("llama.cpp", "llama.cpp", "vllm", "unsloth/Kimi-K2.6-GGUF"),
    Row("Ollama", "ollama", "openai", "kimi-k2.6:1t"),
    Row("LiteLLM", "litellm", "openai", "kimi-k2.6"),
    Row("OpenRouter", "openrouter", "openai"),
    Row("Azure", "azure", "openai", "Kimi-K2.6"),
    Row("NVIDIA", "nvidia", "openai"),
)

GATEWAYS = [row for row in ROWS if not DIALECTS[row.plays].own_weights]
OWN_WEIGHTS = [row for row in ROWS if DIALECTS[row.plays].own_weights]
pytestmark = pytest.mark.ways("plain", "streamed", "astreamed")


def rows(some: Any = ROWS) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("row", some, ids=[row.host for row in some])


@pytest.fixture
def host(row: Row) -> Iterator[Emulator]:
    with Emulator(dialect=row.plays, histories="strict") as other:
        yield other


def ask_at(make: Make, host: Emulator, row: Row, **settings: Any) -> Chat:
    fields = {"base_url": host.base_url, "api_key": host.api_key, "dialect": row.dialect, "model": row.model}
    return make(**fields | settings)


def get_weather(city: str) -> str:
    """Current weather of a city."""
    return f"{city}: 7 degrees"


class City(BaseModel):
    """A city."""

    name: str


def test_the_page_has_these_rows() -> None:
    lines = re.findall(r"^\| ([^|]+) \| `\"(\w+)\"` \| `(.+?)` \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert lines == [(row.host, row.dialect, row.plays) for row in ROWS]


@pytest.mark.ways("plain", "streamed", "aplain", "astreamed")
@rows()
def test_an_answer_is_read(make: Make, host: Emulator, row: Row) -> None:
    call = ToolCall("get_weather", {"city": "Oslo"})
    host.script(Reply(content="One moment.", reasoning="Look.", tool_calls=[call]))
    outcome = ask_at(make, host, row).ask("?", tools=[WEATHER])
    assert (outcome.text, outcome.reasoning, outcome.finish_reason) == ("One moment.", "Look.", "tool_calls")
    assert [(call.name, call.args) for call in outcome.calls] == [("get_weather", {"city": "Oslo"})]
    assert outcome.usage is not None
    assert outcome.usage.prompt_tokens > 0


@rows()
def test_a_tool_loop_keeps_its_thinking(make: Make, host: Emulator, row: Row, adapter: Adapter) -> None:
    # an older core's plain agents ask for one call at a time
    cities = ("Oslo", "Rome") if NEW_CORE or adapter.name == "langchain" else ("Oslo",)
    host.script(
        Reply(reasoning="Look.", tool_calls=[ToolCall("get_weather", {"city": city}) for city in cities]),
        Reply(content="7 in both."),
    )
    assert ask_at(make, host, row).run_agent("Weather?", [get_weather]).text == "7 in both."
    (turn,) = (message for message in host.chats[-1]["messages"] if message.get("tool_calls"))
    assert "Look." in (turn.get("reasoning"), turn.get("reasoning_content"))
    assert host.report == host.refusals == []


@rows()
def test_a_structured_answer(make: Make, host: Emulator, row: Row) -> None:
    host.script(Reply(content='{"name": "Oslo"}'))
    assert ask_at(make, host, row).predict(City, "Capital of Norway?") == City(name="Oslo")


@rows()
def test_a_conversation_that_is_too_long(make: Make, host: Emulator, row: Row, adapter: Adapter) -> None:
    error = ask_at(make, host, row, max_retries=0).attempt("word " * 230_000).error
    assert isinstance(error, KimiContextOverflowError)
    assert isinstance(error, ContextOverflowError) is (adapter.name == "langchain")
    assert not error.retryable


@rows()
def test_arguments_that_nobody_can_read_do_not_end_the_thread(make: Make, host: Emulator, row: Row) -> None:
    """The host reads the arguments of calls in histories, and refuses what is no JSON object."""
    texts = ['{"city": "Os', "```json\n{}\n```", '{"city": "a\nb"}', "[1]"]
    chat = ask_at(make, host, row)
    for text in texts:
        host.script(Reply(reasoning="Look.", tool_calls=[ToolCall("get_weather", text)]), Reply(content="Sorry."))
        turn = _quietly(chat, [user("Weather?")])
        (call,) = turn.calls or [None]
        answers = [result(call)] if call is not None and call.args is not None else []
        assert _quietly(chat, [user("Weather?"), turn, *answers, user("And now?")], repair="full").text == "Sorry."
        assert host.refusals == []


def _quietly(chat: Chat, history: Any, **call: Any) -> Outcome:
    outcome = chat.attempt(history, tools=[WEATHER], **call)
    assert outcome.error is None
    return outcome


@rows([row for row in ROWS if row.plays != "ollama"])
def test_a_wrong_key(make: Make, host: Emulator, row: Row) -> None:
    error = ask_at(make, host, row, api_key="sk-test-wrong").attempt("Hi").error
    assert isinstance(error, KimiAuthenticationError)
    assert "sk-test-wrong" not in str(error)


@rows(GATEWAYS)
def test_a_gateway_says_when_to_come_back(make: Make, host: Emulator, row: Row, waits: list[float]) -> None:
    """LiteLLM renames the headers of the host behind it."""
    name = "llm_provider-retry-after" if row.plays == "litellm" else "retry-after"
    host.script(Failure(429, "rate_limit_reached_error", "Slow down.", {name: "23"}), Reply(content="Hello."))
    assert ask_at(make, host, row, max_retries=1).ask("Hi").text == "Hello."
    assert waits == [23.0]


@rows(OWN_WEIGHTS)
def test_a_host_that_still_loads_its_weights_is_asked_again(
    make: Make, host: Emulator, row: Row, waits: list[float]
) -> None:
    """llama.cpp: 503 `unavailable_error` "Loading model"."""
    loading = {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}
    host.script(Failure(503, body=loading), Reply(content="Hello."))
    assert ask_at(make, host, row, max_retries=1).ask("Hi").text == "Hello."
    assert len(waits) == 1


@rows([row for row in ROWS if row.dialect == "vllm"])
def test_thinking_is_switched_off(make: Make, host: Emulator, row: Row) -> None:
    assert not ask_at(make, host, row, thinking=False).ask("Hi").reasoning
    assert ask_at(make, host, row).ask("Hi").reasoning


@rows([row for row in ROWS if row.plays in ("ollama", "openrouter")])
def test_thinking_is_switched_off_by_the_effort(make: Make, host: Emulator, row: Row) -> None:
    assert not ask_at(make, host, row, reasoning_effort="none").ask("Hi").reasoning
    assert ask_at(make, host, row, thinking=False).ask("Hi").reasoning  # dropped there


@rows([row for row in ROWS if row.plays == "litellm"])
def test_litellm_must_be_told_to_let_the_switch_through(make: Make, host: Emulator, row: Row) -> None:
    error = ask_at(make, host, row, thinking=False).attempt("Hi").error
    assert isinstance(error, KimiBadRequestError)
    assert "openai does not support parameters: ['thinking']" in str(error)
    assert "docs/hosts.md" in str(error)


@rows()
def test_histories_of_foreign_classes_pass(make: Make, host: Emulator, row: Row) -> None:
    """Thinking of another vendor is no thinking of Kimi's, and the host's template takes the turn without it."""
    history = [user("Hi"), assistant("Hello.", reasoning="Theirs.", by="anthropic"), user("Weather?")]
    host.script(Reply(content="7."))
    assert ask_at(make, host, row).ask(history).text == "7."
