"""What users of Kimi complain about in public, as far as it meets LlamaIndex and no other test here shows it.

Each test names the server's own words or the symptom.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ChatMessage, TextBlock, ThinkingBlock, ToolCallBlock
from llama_index.core.memory import Memory
from llama_index.core.tools import FunctionTool

from kimi_api import KimiWarning
from kimi_api.errors import (
    KimiAuthenticationError,
    KimiContextOverflowError,
    KimiInputError,
    KimiKeyError,
    KimiPermissionError,
)
from kimi_emulator import Emulator, Failure, Reply, ToolCall
from llama_index_kimi import Kimi

Make = Callable[..., Kimi]
HI = [ChatMessage("hi")]


def weather(city: str) -> str:
    """The weather in a city."""
    return f"21 degrees in {city}"


def called(thinking: str | None, *, result: bool = True) -> list[ChatMessage]:
    """A history with one tool call, with or without what the model thought before it."""
    block = ToolCallBlock(tool_call_id="call_9", tool_name="weather", tool_kwargs={"city": "Oslo"})
    thought = [] if thinking is None else [ThinkingBlock(content=thinking)]
    answer = ChatMessage(role="tool", content="21 degrees", additional_kwargs={"tool_call_id": "call_9"})
    history = [ChatMessage("Weather in Oslo?"), ChatMessage(role="assistant", blocks=[*thought, block])]
    return [*history, answer] if result else history


# -- thinking -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["kimi-k3", "kimi-k2.6", "kimi-k2.7-code"])
@pytest.mark.parametrize("thinking", [None, "", "I look it up."], ids=["none", "empty", "some"])
def test_a_history_of_another_model_or_a_trimmed_one_goes_on(
    kimi: Emulator, make: Make, model: str, thinking: str | None
) -> None:
    """Thinking is enabled but reasoning_content is missing in assistant tool call message at index 1."""
    kimi.script(Reply(content="Warm."))
    assert make(model=model).chat(called(thinking)).message.content == "Warm."
    sent = kimi.chats[-1]["messages"][1]
    # K2 takes an empty text for a missing one; K3 gets what there was.
    assert sent["reasoning_content"] == (thinking or ("" if model == "kimi-k3" and thinking == "" else " "))
    assert len(kimi.requests) == 1


def test_a_switch_of_another_vendor_for_thinking_is_not_swallowed(kimi: Emulator, make: Make) -> None:
    """`enable_thinking=False` is ignored by the platform: people believed that thinking was off."""
    with pytest.raises(KimiInputError, match="thinking"):
        make(model="kimi-k2.6", enable_thinking=False)
    answer = make(model="kimi-k2.6", thinking="disabled").chat(HI)
    assert kimi.chats[-1]["thinking"] == {"type": "disabled"}
    assert not [block for block in answer.message.blocks if isinstance(block, ThinkingBlock) and block.content]


# -- keys and hosts -------------------------------------------------------------------------------------------------


def test_a_key_of_the_other_region_is_told_apart_from_a_wrong_key() -> None:
    """401 Invalid Authentication: "almost always a region mismatch, not a bad key"."""
    with Emulator(region="ai") as ai, Emulator(region="cn") as cn:
        with pytest.raises(KimiAuthenticationError, match="region") as raised:
            Kimi(base_url=ai.base_url, api_key=cn.api_key).complete("hi")
        assert raised.value.status_code == 401
        assert cn.api_key not in str(raised.value)
        assert Kimi(base_url=cn.base_url, api_key=cn.api_key).complete("hi").text


def test_a_key_of_openai_never_reaches_moonshot(kimi: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-of-openai")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    with pytest.raises(KimiKeyError, match="MOONSHOT_API_KEY"):
        Kimi(base_url=kimi.base_url)
    monkeypatch.setenv("MOONSHOT_API_KEY", kimi.api_key)
    assert Kimi(base_url=kimi.base_url).complete("hi").text
    assert "sk-test-of-openai" not in str([request.headers for request in kimi.requests])


def test_a_key_of_the_coding_plan_is_named_as_such(kimi: Emulator, llm: Kimi) -> None:
    text = "Kimi For Coding is currently only available for Coding Agents such as Kimi CLI, Claude Code, etc."
    kimi.script(Failure(403, "access_terminated_error", text))
    with pytest.raises(KimiPermissionError, match="works only in Kimi Code"):
        llm.chat(HI)
    assert len(kimi.requests) == 1


# -- tools ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
def test_calls_that_another_host_leaks_as_text_are_not_silent(kimi: Emulator, make: Make, streamed: bool) -> None:
    """<|tool_calls_section_begin|> in the content, and `tool_calls` empty: an agent would show it as its answer."""
    leaked = (
        "<|tool_calls_section_begin|><|tool_call_begin|>functions.weather:0<|tool_call_argument_begin|>"
        '{"city": "Oslo"}<|tool_call_end|><|tool_calls_section_end|>'
    )
    kimi.script(Reply(content=leaked))
    llm, tools = make(dialect="vllm"), [FunctionTool.from_defaults(weather)]
    ask = llm.stream_chat_with_tools if streamed else lambda *given: [llm.chat_with_tools(*given)]
    with pytest.warns(KimiWarning, match="wrote its tool calls as text"):
        *_, response = ask(tools, "Weather in Oslo?")
    assert response.message.content == leaked
    assert llm.get_tool_calls_from_response(response, error_on_no_tool_call=False) == []


@pytest.mark.parametrize("host", ["vllm", "azure", "openrouter"])
@pytest.mark.parametrize("streaming", [False, True], ids=["plain", "streamed"])
async def test_a_tool_loop_on_other_hosts(host: str, streaming: bool, memory: Memory) -> None:
    """Null-valued deltas, ids such as functions.weather:0, usage in a last chunk, thinking under another name."""
    with Emulator(dialect=host) as other:
        other.script(Reply(reasoning="Look.", tool_calls=[ToolCall("weather", {"city": "Oslo"})]), Reply(content="21."))
        llm = Kimi(base_url=other.base_url, api_key=other.api_key, dialect="vllm" if host == "vllm" else "openai")
        said = await FunctionAgent(llm=llm, tools=[weather], streaming=streaming).run("Weather?", memory=memory)
        assert str(said) == "21."
        turn = next(message for message in other.chats[-1]["messages"] if message.get("tool_calls"))
        assert "Look." in (turn.get("reasoning"), turn.get("reasoning_content"))


@pytest.mark.parametrize("name", ["21st_magic", "查询"])
async def test_a_tool_whose_name_the_platform_refuses_is_refused_here(
    name: str, kimi: Emulator, llm: Kimi, memory: Memory
) -> None:
    """Function name is invalid, must start with a letter and can contain letters, numbers, ..."""
    agent = FunctionAgent(llm=llm, tools=[FunctionTool.from_defaults(weather, name=name)])
    with pytest.raises(KimiInputError, match="a name starts with a letter"):
        await agent.run("Weather in Oslo?", memory=memory)
    assert kimi.requests == []


@pytest.mark.parametrize("name", ["files.read", "read weather"])
@pytest.mark.parametrize("streaming", [False, True], ids=["plain", "streamed"])
async def test_a_tool_that_core_renames_is_found_again(
    name: str, streaming: bool, kimi: Emulator, llm: Kimi, memory: Memory
) -> None:
    """Tools of MCP servers have dots in their names; core sends `files_read`, and looks for `files.read`."""
    kimi.script(Reply(tool_calls=[ToolCall(name.replace(".", "_").replace(" ", "_"), {"city": "Oslo"})]))
    agent = FunctionAgent(llm=llm, tools=[FunctionTool.from_defaults(weather, name=name)], streaming=streaming)
    assert "21 degrees in Oslo" in str(await agent.run("What is the weather in Oslo?", memory=memory))
    assert list(kimi.refusals) == []


async def test_a_tool_with_any_kind_of_schema_is_taken(kimi: Emulator, llm: Kimi, memory: Memory) -> None:
    """tools.function.parameters is not a valid moonshot flavored json schema, details: <At path ...>."""

    def odd(
        pair: tuple[int, str], either: int | str | None = None, bag: dict[str, Any] | None = None, any: Any = 1
    ) -> str:
        """Take odd arguments."""
        return f"{pair}"

    kimi.script(Reply(tool_calls=[ToolCall("odd", {"pair": [1, "a"]})]), Reply(content="Done."))
    assert str(await FunctionAgent(llm=llm, tools=[odd]).run("Go.", memory=memory)) == "Done."
    assert list(kimi.refusals) == []


# -- histories ------------------------------------------------------------------------------------------------------


def test_an_empty_assistant_turn_in_the_history_is_left_out(kimi: Emulator, llm: Kimi) -> None:
    """The message at position 1 with role 'assistant' must not be empty."""
    history = [ChatMessage("hi"), ChatMessage(role="assistant", content=""), ChatMessage("Are you there?")]
    assert llm.chat(history).message.content
    assert [message["role"] for message in kimi.chats[-1]["messages"]] == ["user", "user"]
    assert len(history) == 3


def test_an_empty_text_beside_a_call_is_not_a_part(kimi: Emulator, llm: Kimi) -> None:
    """text content is empty."""
    history = called("Look.")
    history[1].blocks.insert(1, TextBlock(text=""))
    llm.chat(history)
    assert kimi.chats[-1]["messages"][1]["content"] in (None, "")


def test_calls_of_an_interrupted_run_are_named_or_answered(kimi: Emulator, make: Make) -> None:
    """An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'."""
    history = [*called("Look.", result=False), ChatMessage("Never mind. Hello?")]
    with pytest.raises(KimiInputError, match=r"weather|call_9"):
        make().chat(history)
    assert kimi.requests == []
    assert make(repair="cancel").chat(history).message.content
    assert [message["role"] for message in kimi.chats[-1]["messages"]] == ["user", "assistant", "tool", "user"]


def test_a_full_window_is_an_error_of_its_own(kimi: Emulator, llm: Kimi) -> None:
    """400 invalid_request_error, told apart from others only by its text."""
    text = "Invalid request: Your request exceeded model token limit: 262144 (requested: 269030)"
    kimi.script(Failure(400, "invalid_request_error", text))
    with pytest.raises(KimiContextOverflowError, match="262144"):
        llm.chat(HI)
