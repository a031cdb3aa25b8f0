"""deepagents with Kimi by name: its files, its to-do list and its subagents."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import Any

import documents
import pytest
from langchain.agents.middleware import TodoListMiddleware
from langchain.chat_models import base, init_chat_model
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from kimi_emulator import Emulator, Reply, ToolCall
from langchain_kimi import ChatKimi

deepagents = pytest.importorskip("deepagents")


@pytest.fixture
def kimi_env(kimi: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """The emulator, found by the environment: a name brings no settings."""
    monkeypatch.setenv("MOONSHOT_API_KEY", kimi.api_key)
    monkeypatch.setenv("MOONSHOT_BASE_URL", kimi.base_url)
    return kimi


HOW = pytest.mark.parametrize("how", ["invoke", "ainvoke", "stream"])
QUESTION = {"messages": [HumanMessage("Write me a report about Turku.")]}


@pytest.fixture(autouse=True)
def _table_as_it_was() -> Iterator[None]:
    before = dict(base._BUILTIN_PROVIDERS)
    yield
    base._BUILTIN_PROVIDERS.clear()
    base._BUILTIN_PROVIDERS.update(before)
    base._get_chat_model_creator.cache_clear()


async def run(agent: Any, how: str, question: Any = QUESTION) -> dict[str, Any]:
    """The agent's last state."""
    if how == "invoke":
        return agent.invoke(question)
    if how == "ainvoke":
        return await agent.ainvoke(question)
    return list(agent.stream(question, stream_mode="values"))[-1]


def with_todos() -> Any:
    """An agent with a to-do list, which deepagents 0.7 no longer brings by itself, and older ones do."""
    agent = deepagents.create_deep_agent(model="kimi:kimi-k3")
    if "write_todos" in agent.nodes["tools"].bound.tools_by_name:
        return agent
    return deepagents.create_deep_agent(model="kimi:kimi-k3", middleware=[TodoListMiddleware()])


def names_called(messages: list[Any]) -> list[str]:
    return [call["name"] for message in messages if isinstance(message, AIMessage) for call in message.tool_calls]


def results(messages: list[Any]) -> list[str]:
    return [message.text for message in messages if isinstance(message, ToolMessage)]


# ---------------------------------------------------------------------------------------------------- by name


def test_the_distribution_offers_itself_to_deepagents() -> None:
    profiles = {point.name: point.value for point in entry_points(group="deepagents.provider_profiles")}
    hint = "installed before the entry point came: pip install --no-deps -e ."
    assert profiles.get("kimi") == "langchain_kimi.registry:register_with_deepagents", hint


def test_in_a_new_process_the_name_alone_is_enough(kimi: Emulator) -> None:
    kimi.script(Reply(content="Hello from Kimi."))
    script = """
from deepagents import create_deep_agent
agent = create_deep_agent(model="kimi:kimi-k3")
print(agent.invoke({"messages": [{"role": "user", "content": "Hi"}]})["messages"][-1].text)
"""
    variables = {"MOONSHOT_API_KEY": kimi.api_key, "MOONSHOT_BASE_URL": kimi.base_url, "PATH": ""}
    ran = subprocess.run([sys.executable, "-W", "error::UserWarning", "-c", script], capture_output=True, text=True,
                         check=False, env=variables, timeout=100)  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == "Hello from Kimi.\n"
    assert kimi.chats[0]["model"] == "kimi-k3"


@pytest.mark.parametrize("model", ["kimi-k3", "kimi-k2.6", "kimi-k3.1-pro"])
def test_every_model_has_its_name(kimi_env: Emulator, model: str) -> None:
    kimi_env.script(Reply(content="Hello."))
    agent = deepagents.create_deep_agent(model=f"kimi:{model}")
    assert agent.invoke({"messages": [HumanMessage("Hi")]})["messages"][-1].text == "Hello."
    assert kimi_env.chats[0]["model"] == model


def test_what_a_program_registers_for_kimi_comes_on_top(kimi_env: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    from deepagents.profiles.provider import provider_profiles

    deepagents.create_deep_agent(model="kimi:kimi-k3")  # the profiles are loaded once in a process
    monkeypatch.setattr(provider_profiles, "_PROVIDER_PROFILES", dict(provider_profiles._PROVIDER_PROFILES))
    deepagents.register_provider_profile("kimi", deepagents.ProviderProfile(init_kwargs={"max_tokens": 12_345}))
    kimi_env.script(Reply(content="Hello."))
    deepagents.create_deep_agent(model="kimi:kimi-k3").invoke({"messages": [HumanMessage("Hi")]})
    assert kimi_env.chats[0]["max_completion_tokens"] == 12_345


def test_a_name_is_found_again_after_a_program_put_the_table_back(kimi_env: Emulator) -> None:
    deepagents.create_deep_agent(model="kimi:kimi-k3")
    base._BUILTIN_PROVIDERS.pop("kimi")
    base._get_chat_model_creator.cache_clear()
    deepagents.create_deep_agent(model="kimi:kimi-k2.6")
    assert isinstance(init_chat_model("kimi:kimi-k3"), ChatKimi)


# ---------------------------------------------------------------------------------------------------- its own tools


@HOW
async def test_files_and_todos(kimi_env: Emulator, how: str) -> None:
    todo = {"content": "Describe Turku", "status": "in_progress"}
    text = "Turku\nlies by the sea.\n"
    kimi_env.script(
        Reply(reasoning="Plan first.", tool_calls=[ToolCall("write_todos", {"todos": [todo]})]),
        Reply(reasoning="Write.", tool_calls=[ToolCall("write_file", {"file_path": "/report.md", "content": text})]),
        Reply(
            tool_calls=[
                ToolCall("read_file", {"file_path": "/report.md"}),
                ToolCall("grep", {"pattern": "sea", "output_mode": "content"}),
            ]
        ),
        Reply(tool_calls=[ToolCall("write_todos", {"todos": [{**todo, "status": "completed"}]})]),
        Reply(content="It is in /report.md."),
    )
    state = await run(with_todos(), how)
    assert state["todos"] == [{**todo, "status": "completed"}]
    assert "lies by the sea." in str(state["files"]["/report.md"])
    assert state["messages"][-1].text == "It is in /report.md."
    assert names_called(state["messages"]) == ["write_todos", "write_file", "read_file", "grep", "write_todos"]
    read, matches = results(state["messages"])[2:4]
    assert "lies by the sea." in read
    assert "/report.md" in matches
    assert kimi_env.report == kimi_env.refusals == []
    # Each turn got its own thinking back, and the prefix stayed as it was.
    turns = [m for m in kimi_env.chats[-1]["messages"] if m["role"] == "assistant"]
    assert [turn.get("reasoning_content") for turn in turns[:2]] == ["Plan first.", "Write."]
    for before, after in zip(kimi_env.chats, kimi_env.chats[1:], strict=False):
        assert after["messages"][: len(before["messages"])] == before["messages"]
        assert after["tools"] == before["tools"]


@HOW
async def test_todos_that_come_as_text_are_read(kimi_env: Emulator, how: str) -> None:
    """Public reports say that the platform sends arrays as strings: `{"todos": "[{...}]"}`."""
    kimi_env.script(
        Reply(
            tool_calls=[ToolCall("write_todos", '{"todos": "[{\\"content\\": \\"a\\", \\"status\\": \\"pending\\"}]"}')]
        ),
        Reply(content="Done."),
    )
    state = await run(with_todos(), how)
    assert state["todos"] == [{"content": "a", "status": "pending"}]


@HOW
async def test_subagents_by_name(kimi_env: Emulator, how: str) -> None:
    kimi_env.script(
        Reply(tool_calls=[ToolCall("task", {"description": "Find out the weather", "subagent_type": "weatherman"})]),
        Reply(reasoning="I look.", tool_calls=[ToolCall("get_weather", {"city": "Turku"})]),
        Reply(content="Turku: 7 degrees."),
        Reply(content="The weatherman says 7 degrees."),
    )

    def get_weather(city: str) -> str:
        """Current weather of a city."""
        return f"{city}: 7 degrees"

    weatherman = {
        "name": "weatherman",
        "description": "Knows the weather",
        "system_prompt": "You know the weather.",
        "tools": [get_weather],
        "model": "kimi:kimi-k2.6",
    }
    agent = deepagents.create_deep_agent(model="kimi:kimi-k3", subagents=[weatherman])
    state = await run(agent, how)
    assert [chat["model"] for chat in kimi_env.chats] == ["kimi-k3", "kimi-k2.6", "kimi-k2.6", "kimi-k3"]
    assert results(state["messages"]) == ["Turku: 7 degrees."]
    assert state["messages"][-1].text == "The weatherman says 7 degrees."
    assert kimi_env.report == kimi_env.refusals == []


@HOW
async def test_two_subagents_at_once(kimi_env: Emulator, how: str) -> None:
    """Calls of one turn have ids of their own, so each result finds its call."""
    tasks = [ToolCall("task", {"description": f"Task {n}", "subagent_type": "general-purpose"}) for n in (1, 2)]
    kimi_env.script(Reply(tool_calls=tasks), *[Reply(content="Done.")] * 2, Reply(content="Both are done."))
    state = await run(deepagents.create_deep_agent(model="kimi:kimi-k3"), how)
    assert results(state["messages"]) == ["Done.", "Done."]
    assert len({m.tool_call_id for m in state["messages"] if isinstance(m, ToolMessage)}) == 2
    assert len(kimi_env.chats) == 4
    assert kimi_env.refusals == []


@HOW
async def test_documents_in_messages_and_files_are_read(kimi_env: Emulator, how: str) -> None:
    """deepagents takes out what a model's profile denies, so the profile says that documents are sent as their text."""
    pdf = base64.b64encode(documents.pdf("The harbour is open.")).decode()
    question = HumanMessage([{"type": "file", "base64": pdf, "mime_type": "application/pdf", "filename": "a.pdf"}])
    stored = {"/b.pdf": {"content": pdf, "encoding": "base64", "created_at": "", "modified_at": ""}}
    kimi_env.script(Reply(tool_calls=[ToolCall("read_file", {"file_path": "/b.pdf"})]), Reply(content="It is open."))
    agent = deepagents.create_deep_agent(model="kimi:kimi-k3")
    await run(agent, how, {"messages": [question], "files": stored})
    sent = kimi_env.chats[-1]["messages"]
    assert "The harbour is open." in str([m for m in sent if m["role"] == "user"])
    assert "The harbour is open." in str([m for m in sent if m["role"] == "tool"])


@HOW
async def test_a_response_format(kimi_env: Emulator, how: str) -> None:
    from pydantic import BaseModel

    class Report(BaseModel):
        """A report."""

        title: str

    kimi_env.script(Reply(tool_calls=[ToolCall("Report", {"title": "Turku"})]))
    agent = deepagents.create_deep_agent(model="kimi:kimi-k3", response_format=Report)
    assert (await run(agent, how))["structured_response"] == Report(title="Turku")
