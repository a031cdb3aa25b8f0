"""The same behaviour on the real platform: `MOONSHOT_API_KEY=... pytest tests/live -m live`. Costs a few cents."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage, ToolMessage
from llama_index.core.agent.workflow import FunctionAgent

from kimi_api import KimiClient, KimiNotFoundError, KimiTokenizer, files
from kimi_api.tokens import count_messages
from langchain_kimi import ChatKimi, partial_message
from llama_index_kimi import Kimi

pytestmark = pytest.mark.live
MODELS = pytest.mark.parametrize("model", ["kimi-k3", "kimi-k2.6"])
BUDGET = 4_000
VOCABULARY = os.environ.get("KIMI_VOCABULARY")


def get_weather(city: str) -> str:
    """Tell the current weather in a city."""
    return f"{city}: 2 degrees, snow"


@pytest.fixture
def a_text_file(tmp_path: Path) -> Path:
    path = tmp_path / "ferry.md"
    path.write_text("# Ferry\n\nThe ferry Ottilie crosses the sound in 34 minutes.\n", "utf-8")
    return path


@MODELS
def test_a_streamed_answer_counts_its_tokens_once(model: str) -> None:
    chunks = list(ChatKimi(model=model, max_tokens=BUDGET).stream("Reply with exactly one word: hello."))
    assert "hello" in "".join(chunk.text for chunk in chunks).lower()
    assert len([chunk for chunk in chunks if chunk.usage_metadata]) == 1


@MODELS
def test_the_second_turn_of_a_tool_loop_is_accepted(model: str) -> None:
    bound = ChatKimi(model=model, max_tokens=BUDGET).bind_tools([get_weather])
    question = HumanMessage("What is the weather in Turku? Use the tool.")
    call = bound.invoke([question])
    results = [ToolMessage(get_weather(**c["args"]), tool_call_id=c["id"]) for c in call.tool_calls]
    assert results
    assert "snow" in bound.invoke([question, call, *results]).text.lower()


@MODELS
def test_a_function_agent_answers(model: str) -> None:
    async def ask() -> str:
        agent = FunctionAgent(llm=Kimi(model=model, max_tokens=BUDGET), tools=[get_weather])
        return str(await agent.run("What is the weather in Turku? Use the tool."))

    assert "snow" in asyncio.run(ask()).lower()


PING = {
    "type": "function",
    "function": {
        "name": "ping",
        "description": "Return pong",
        "parameters": {"type": "object", "properties": {"times": {"type": "integer"}}},
    },
}
CALLED = [
    {"role": "user", "content": "Call the ping tool, once."},
    {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"id": "ping_0", "type": "function", "function": {"name": "ping", "arguments": '{"times": 1}'}}],
    },
    {"role": "tool", "tool_call_id": "ping_0", "content": "pong"},
]
THOUGHT = [CALLED[0], {**CALLED[1], "reasoning_content": "The user wants a call."}, CALLED[2]]
SCHEMA = {
    "type": "object",
    "properties": {"answer": {"type": "string"}},
    "required": ["answer"],
    "additionalProperties": False,
}


@pytest.mark.skipif(not VOCABULARY, reason="needs KIMI_VOCABULARY, the path of Kimi's tiktoken.model")
@pytest.mark.parametrize("model", ["kimi-k3", "kimi-k3.1-pro"])
@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"messages": [{"role": "user", "content": "你好, say hi"}]}, id="plain"),
        pytest.param({"messages": CALLED[:1], "reasoning_effort": "low"}, id="low effort"),
        pytest.param({"messages": CALLED[:1], "tools": [PING], "tool_choice": "required"}, id="demanded tool"),
        pytest.param({"messages": CALLED[:1], "tools": [PING], "tool_choice": "none"}, id="forbidden tool"),
        pytest.param({"messages": THOUGHT, "tools": [PING]}, id="call and result"),
        pytest.param({"messages": CALLED, "tools": [PING]}, id="a call without text and thinking"),
        pytest.param({"messages": [{"role": "system", "tools": [PING]}, *THOUGHT]}, id="tools of a message"),
        pytest.param(
            {
                "messages": [{"role": "user", "content": "Say hi in JSON.", "name": "Ada"}],
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "answer", "strict": True, "schema": SCHEMA},
                },
            },
            id="schema and name",
        ),
        pytest.param(
            {"messages": [*CALLED[:1], {"role": "assistant", "content": "I will", "partial": True}]}, id="partial"
        ),
    ],
)
def test_prompts_cost_what_is_counted(model: str, body: dict[str, Any]) -> None:
    answer = KimiClient().request(
        "POST", "/chat/completions", body={"model": model, "max_completion_tokens": 1, **body}
    )
    options = {name: body[name] for name in ("reasoning_effort", "tool_choice", "response_format") if name in body}
    counted = count_messages(
        body["messages"],
        body.get("tools", ()),
        model=model,
        tokenizer=KimiTokenizer.from_file(str(VOCABULARY)),
        **options,
    )
    assert counted == answer.body["usage"]["prompt_tokens"]


def test_partial_mode_continues_the_prefix() -> None:
    answer = ChatKimi(max_tokens=BUDGET).invoke(
        [HumanMessage('Answer in JSON: {"city": ...} for the capital of France.'), partial_message('{"city": "')]
    )
    assert answer.text.startswith("Paris")


def test_a_file_is_extracted_and_removed(a_text_file: Path) -> None:
    client = KimiClient()
    before = {file.id for file in files.list_files(client)}
    assert "34 minutes" in files.extract(client, a_text_file).text
    assert {file.id for file in files.list_files(client)} <= before


def test_an_unknown_model_is_not_found() -> None:
    with pytest.warns(UserWarning, match="not in the catalogue"), pytest.raises(KimiNotFoundError):
        ChatKimi(model="kimi-k0-test").invoke("Hello")
