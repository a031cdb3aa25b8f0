"""The chat app: what it makes of each framework's stream, and the page itself where Chainlit is at hand."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import httpx
import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from llama_index.core.agent.workflow import FunctionAgent, ToolCallResult
from llama_index.core.tools import ToolOutput

from examples.chat_app import __main__ as starter
from examples.chat_app.events import Answer, Call, Event, Result, Thinking, bill, carry_over, from_langchain
from examples.chat_app.events import from_llama_index as from_llama
from examples.tools import convert_currency, get_weather
from kimi_api import Usage
from kimi_api.costs import CostTally
from kimi_emulator import Emulator, Reply, ToolCall
from langchain_kimi import ChatKimi
from llama_index_kimi import Kimi
from scripts.pictures import CHROMIUM, DRIVER, browser

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".chat_app" / "bin" / "python"
QUESTION = "What is the weather in Turku, and how much is 23400 EUR in SEK?"
REPLIES = [
    Reply(
        reasoning="Two tools.",
        tool_calls=[
            ToolCall("get_weather", {"city": "Turku"}),
            ToolCall("convert_currency", {"amount": 23400, "from_currency": "EUR", "to_currency": "SEK"}),
        ],
    ),
    Reply(reasoning="I have both.", content="Snow, and 258,570 SEK."),
]


async def run_langchain(kimi: Emulator) -> list[Event]:
    llm = ChatKimi(base_url=kimi.base_url, api_key=kimi.api_key)
    stream = create_agent(llm, tools=[get_weather, convert_currency]).astream(
        {"messages": [HumanMessage(QUESTION)]}, stream_mode=["messages", "updates"]
    )
    return [event async for mode, item in stream for event in from_langchain(mode, item)]


async def run_llama_index(kimi: Emulator) -> list[Event]:
    llm = Kimi(base_url=kimi.base_url, api_key=kimi.api_key)
    handler = FunctionAgent(llm=llm, tools=[get_weather, convert_currency]).run(user_msg=QUESTION)
    events = [event async for item in handler.stream_events() for event in from_llama(item)]
    await handler
    return events


def join_pieces(events: list[Event]) -> list[tuple[type, str]]:
    """Pieces of one kind in a row as one."""
    rows: list[tuple[type, str]] = []
    for event in events:
        text = event.name if isinstance(event, Call) else event.text
        if rows and rows[-1][0] is type(event) and isinstance(event, Thinking | Answer):
            rows[-1] = (type(event), rows[-1][1] + text)
        else:
            rows.append((type(event), text))
    return rows


@pytest.mark.parametrize("run", [run_langchain, run_llama_index])
async def test_a_run_is_thinking_calls_results_and_an_answer_in_both_frameworks(kimi: Emulator, run: Any) -> None:
    kimi.script(*REPLIES)
    events = await run(kimi)
    rows = join_pieces(events)
    assert rows[0] == (Thinking, "Two tools.")
    assert sorted(text for kind, text in rows[1:5] if kind is Call) == ["convert_currency", "get_weather"]
    assert sorted(text for kind, text in rows[1:5] if kind is Result) == [
        "23,400.00 EUR = 258,570.00 SEK",
        "Turku: 2 degrees, snow",
    ]
    assert rows[5:] == [(Thinking, "I have both."), (Answer, "Snow, and 258,570 SEK.")]
    calls = {event.id: event for event in events if isinstance(event, Call)}
    results = [event for event in events if isinstance(event, Result)]
    assert [event.id in calls and not event.failed for event in results] == [True, True]
    weather = next(call for call in calls.values() if call.name == "get_weather")
    assert weather.arguments == '{\n  "city": "Turku"\n}'


def test_a_tool_that_failed_says_so() -> None:
    message = ToolMessage("no such city", tool_call_id="a", status="error")
    assert list(from_langchain("updates", {"tools": {"messages": [message]}})) == [Result("a", "no such city", True)]
    output = ToolOutput(content="no such city", tool_name="t", raw_input={}, raw_output=None, is_error=True)
    event = ToolCallResult(tool_name="t", tool_kwargs={}, tool_id="a", tool_output=output, return_direct=False)
    assert list(from_llama(event)) == [Result("a", "no such city", True)]


@pytest.mark.parametrize(
    ("mode", "item"),
    [
        ("updates", {"model": None}),
        ("updates", {"middleware": {}}),
        ("updates", {"model": {"messages": [AIMessage("An answer, which came in pieces before.")]}}),
        ("messages", (ToolMessage("a result, which comes as an update", tool_call_id="a"), {})),
    ],
)
def test_what_came_before_or_comes_later_is_not_shown_twice(mode: str, item: Any) -> None:
    assert list(from_langchain(mode, item)) == []
    assert list(from_llama(item)) == []


def test_the_bill_says_what_a_question_took_and_the_conversation_adds_up() -> None:
    conversation = CostTally()
    for _ in range(2):
        question = CostTally()
        question.begin()
        question.add("kimi-k3", Usage(1_000, 100, 1_100, cached_tokens=500, reasoning_tokens=40))
        carry_over(question, conversation)
    assert bill(question) == "1 call · 1,000 tokens in, 50% from the cache · 100 out, 40 thinking · 0.003150 USD"
    assert bill(conversation).startswith("2 calls · 2,000 tokens in, 50%")
    assert conversation.cost.total == pytest.approx(2 * question.cost.total)
    question.begin()
    question.add("unknown", Usage(1, 1, 2))
    assert bill(question).endswith("no known price")
    assert bill(CostTally()).startswith("0 calls · 0 tokens in, 0%")


def test_it_leads_to_the_emulator_only_where_there_is_no_key() -> None:
    assert starter.environment({"model": "kimi-k3"}) == {}
    emulated = starter.environment({"model": "kimi-k3", "base_url": "http://x/v1", "api_key": "sk-test"})
    assert (emulated["MOONSHOT_BASE_URL"], emulated["MOONSHOT_API_KEY"]) == ("http://x/v1", "sk-test")


def test_without_chainlit_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CHAINLIT_APP_ROOT", "CHAINLIT_HOST", "CHAINLIT_PORT"):
        monkeypatch.setenv(name, "")
    monkeypatch.setitem(sys.modules, "chainlit.cli", None)
    with pytest.raises(SystemExit, match="What to do: make chat-app"):
        starter.main(8000, browser=False)


def test_its_configuration_is_of_the_chainlit_that_is_installed() -> None:
    config = tomllib.loads((starter.FOLDER / ".chainlit" / "config.toml").read_text("utf-8"))
    pins = re.findall(r"^chainlit==(\S+)$", (starter.FOLDER / "requirements.txt").read_text("utf-8"), re.M)
    assert pins == [config["meta"]["generated_by"]]
    assert config["features"]["unsafe_allow_html"] is False  # answers are the model's, and so is their HTML


@pytest.mark.slow
@pytest.mark.skipif(not PYTHON.exists(), reason="needs .chat_app/: make chat-app")
@pytest.mark.skipif(CHROMIUM is None or DRIVER is None, reason="needs chromium and chromedriver")
def test_the_page_shows_thinking_tools_answer_and_cost(tmp_path: Path) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.ui import WebDriverWait

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MOONSHOT_", "KIMI_"))}
    command = [str(PYTHON), "-m", "examples.chat_app", "--no-browser", "--port", str(port)]
    with (
        (tmp_path / "log").open("w") as log,
        subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log) as app,
    ):
        try:
            address = f"http://127.0.0.1:{port}"
            client = httpx.HTTPTransport(retries=0)
            with httpx.Client(transport=client) as http, browser() as driver:
                WebDriverWait(http, 60, ignored_exceptions=[httpx.TransportError]).until(
                    lambda it: it.get(address).is_success
                )
                driver.get(address)
                wait = WebDriverWait(driver, 40)
                box = wait.until(lambda page: page.find_element(By.ID, "chat-input"))
                box.send_keys(QUESTION)
                box.send_keys(Keys.ENTER)
                wait.until(lambda page: "Costs of this conversation" in page.find_element(By.TAG_NAME, "body").text)
                text = driver.find_element(By.TAG_NAME, "body").text
        finally:
            app.terminate()
    parts = ["thinking", "get_weather", "Turku: 2 degrees, snow", "258,570.00 SEK", "2 calls · ", "the local emulator"]
    assert [part for part in parts if part not in text] == []
    assert text.index("\nthinking\n") < text.index("\nget_weather\n") < text.index("2 calls · ")
