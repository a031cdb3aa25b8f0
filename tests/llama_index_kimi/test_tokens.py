"""Counting tokens as LlamaIndex does it: settings, `TokenCountingHandler`, memories, and the platform's count."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import llama_index.core
import pytest
import small_vocabulary
from llama_index.core import Document, Settings
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ChatMessage, TextBlock, ThinkingBlock, ToolCallBlock
from llama_index.core.callbacks import CallbackManager, TokenCountingHandler
from llama_index.core.callbacks.schema import CBEventType, EventPayload
from llama_index.core.memory import ChatMemoryBuffer, Memory
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.tools import FunctionTool
from sqlalchemy.ext.asyncio import create_async_engine

from kimi_api import KimiInputError, KimiTokenizer
from kimi_api.tokens import EstimatedTokens, count_messages, estimate_text
from kimi_emulator import Emulator
from llama_index_kimi import Kimi, KimiChatMemoryBuffer, KimiMemory
from llama_index_kimi.memory import newest_within

Make = Callable[..., Kimi]
THOUGHT = "the Moon pulls at the sea " * 40


def get_tides(days: int) -> str:
    """High waters of the next days."""
    return f"06:42 for {days} days"


@pytest.fixture(autouse=True)
def _settings_as_they_were() -> Iterator[None]:
    before = llama_index.core.global_tokenizer
    yield
    llama_index.core.global_tokenizer = before


@pytest.fixture
def vocabulary(tmp_path: Path) -> KimiTokenizer:
    return KimiTokenizer.from_file(small_vocabulary.write(tmp_path / "tiktoken.model"))


def turn(number: int, thought: str = "") -> list[ChatMessage]:
    """A question, a call, its result and an answer."""
    thinking = [ThinkingBlock(content=thought)] if thought else []
    call = ToolCallBlock(tool_call_id=f"call-{number}", tool_name="get_tides", tool_kwargs='{"days": 1}')
    return [
        ChatMessage(role="user", content=f"Question {number}?"),
        ChatMessage(role="assistant", blocks=[*thinking, call]),
        ChatMessage(role="tool", content="06:42", additional_kwargs={"tool_call_id": f"call-{number}"}),
        ChatMessage(role="assistant", blocks=[*thinking, TextBlock(text=f"Answer {number}.")]),
    ]


def turns(count: int, thought: str = "") -> list[ChatMessage]:
    return [message for number in range(count) for message in turn(number, thought)]


# ------------------------------------------------------------------------------------------------- the tokenizer


def test_the_tokenizer_counts_offline(llm: Kimi, kimi: Emulator) -> None:
    assert isinstance(llm.tokenizer, EstimatedTokens)
    assert len(llm.tokenizer("hello world")) == estimate_text("hello world")
    assert not kimi.requests


def test_a_vocabulary_makes_it_exact(make: Make, vocabulary: KimiTokenizer) -> None:
    for tokenizer in (vocabulary, vocabulary.path, Path(vocabulary.path)):
        llm = make(tokenizer=tokenizer)
        assert llm.tokenizer("hello world") == vocabulary.encode("hello world")
        counted = llm.count_tokens([ChatMessage(role="user", content="hello world")])
        assert counted == count_messages([{"role": "user", "content": "hello world"}], tokenizer=vocabulary)
    assert make(tokenizer=str.split).tokenizer("a b c") == ["a", "b", "c"]


def test_settings_take_it(make: Make, vocabulary: KimiTokenizer) -> None:
    Settings.tokenizer = make(tokenizer=vocabulary).tokenizer
    assert Settings.tokenizer("hello world") == vocabulary.encode("hello world")
    Settings.tokenizer = make().tokenizer
    assert len(Settings.tokenizer("hello world")) == estimate_text("hello world")


@pytest.mark.parametrize("exact", [True, False])
def test_chunks_are_sized_by_it(make: Make, vocabulary: KimiTokenizer, exact: bool) -> None:
    llm = make(tokenizer=vocabulary if exact else None)
    Settings.tokenizer = llm.tokenizer
    text = "The harbour was quiet. " * 200
    nodes = SentenceSplitter(chunk_size=120, chunk_overlap=0).get_nodes_from_documents([Document(text=text)])
    sizes = [len(llm.tokenizer(node.get_content())) for node in nodes]
    assert max(sizes) <= 120
    assert len(nodes) >= sum(sizes) / 120 > 1


def test_the_token_counting_handler(make: Make, kimi: Emulator) -> None:
    handler = TokenCountingHandler(tokenizer=make().tokenizer)
    llm = make(callback_manager=CallbackManager([handler]))
    answer = llm.chat([ChatMessage(role="user", content="hello")])
    usage = answer.raw["usage"]  # type: ignore[index]
    assert handler.prompt_llm_token_count == usage["prompt_tokens"]
    assert handler.completion_llm_token_count == usage["completion_tokens"]
    # Where an answer has no usage, the handler counts by itself.
    handler.reset_counts()
    handler.on_event_end(CBEventType.LLM, {EventPayload.PROMPT: "hello world", EventPayload.COMPLETION: ""})
    assert handler.prompt_llm_token_count == estimate_text("hello world")


def test_messages_and_tools_are_counted_with_their_thinking(llm: Kimi, kimi: Emulator) -> None:
    plain, thinking = llm.count_tokens(turns(3)), llm.count_tokens(turns(3, THOUGHT))
    assert thinking - plain == 6 * estimate_text(THOUGHT)
    tool = FunctionTool.from_defaults(get_tides)
    assert llm.count_tokens(turns(3), [tool]) > plain + 20
    assert llm.count_tokens(turns(3), [tool]) == llm.count_tokens(turns(3), [tool.metadata.to_openai_tool()])
    assert not kimi.requests


# ------------------------------------------------------------------------------------------------- memories


def test_whole_turns_go_oldest_first() -> None:
    system = ChatMessage(role="system", content="Be brief.")
    messages = [system, *turns(6, THOUGHT)]
    one = count_messages_of(turn(0, THOUGHT))
    recent = newest_within(messages, count_messages_of([system]) + 2 * one + 5)
    assert recent == [system, *turn(4, THOUGHT), *turn(5, THOUGHT)]
    assert newest_within(messages, 10**6) == messages
    assert newest_within(messages, 1) == [system, *turn(5, THOUGHT)]
    assert newest_within([], 10) == []
    assert newest_within([system], 1) == [system]


def test_a_history_that_begins_in_the_middle_of_a_turn() -> None:
    messages = [*turn(0, THOUGHT)[1:], *turn(1)]
    assert newest_within(messages, 10**6) == messages
    assert newest_within(messages, 100) == turn(1)
    assert newest_within(turn(0, THOUGHT)[1:], 1) == turn(0, THOUGHT)[1:]  # nowhere to cut


def test_a_result_weighs_as_its_tools_name_and_not_as_its_id() -> None:
    call = ToolCallBlock(tool_call_id="call_" + "0123456789abcdef" * 40, tool_name="get_tides", tool_kwargs={})
    question = ChatMessage(role="user", content="When?")
    thread = [question, ChatMessage(role="assistant", blocks=[call])]
    thread.append(ChatMessage(role="tool", content="06:42", additional_kwargs={"tool_call_id": call.tool_call_id}))
    both = [*thread, *turn(1)]
    assert newest_within(both, count_messages_of(both)) == both


def test_messages_that_cannot_be_sent_can_be_weighed() -> None:
    from llama_index.core.base.llms.types import DocumentBlock

    odd = ChatMessage(role="user", blocks=[TextBlock(text="read this"), DocumentBlock(data=b"x", title="t")])
    assert newest_within([odd, *turn(1)], 10**6) == [odd, *turn(1)]


def count_messages_of(messages: list[ChatMessage]) -> int:
    from llama_index_kimi._to_wire import to_wire

    return count_messages(to_wire(messages), overhead=False)


def test_the_buffer_counts_what_cores_does_not() -> None:
    history = turns(10, THOUGHT)
    limit = 2_000
    core = ChatMemoryBuffer.from_defaults(chat_history=list(history), token_limit=limit).get()
    ours = KimiChatMemoryBuffer.from_defaults(
        chat_history=list(history), token_limit=limit, tokenizer_fn=EstimatedTokens()
    )
    assert core == history  # 6,000 tokens of thinking weigh nothing there
    assert count_messages_of(core) > limit >= count_messages_of(ours.get())
    assert ours.get() == history[-len(ours.get()) :]
    assert ours.get()[0].role == "user"
    assert ours.get_all() == history
    assert ours.get(initial_token_count=limit - 10) == turn(9, THOUGHT)  # core would cut inside the turn
    with pytest.raises(KimiInputError, match="token_limit is 2000"):
        ours.get(initial_token_count=limit + 1)


async def test_the_buffer_asynchronously() -> None:
    ours = KimiChatMemoryBuffer.from_defaults(chat_history=turns(10, THOUGHT), token_limit=2_000)
    assert await ours.aget() == ours.get()


async def test_the_memory_counts_what_cores_does_not(make: Make) -> None:
    history = turns(10, THOUGHT)
    histories: dict[str, list[ChatMessage]] = {}
    for kind in (Memory, KimiMemory):
        engine = create_async_engine("sqlite+aiosqlite:///:memory:")
        memory = kind.from_defaults(
            session_id="test", token_limit=2_000, async_engine=engine, tokenizer_fn=EstimatedTokens()
        )
        assert isinstance(memory, kind)
        await memory.aput_messages(history)
        histories[kind.__name__] = await memory.aget()
        assert await memory.aget_all() == history
        await engine.dispose()
    assert histories["Memory"] == history
    assert count_messages_of(histories["KimiMemory"]) <= 2_000
    assert histories["KimiMemory"] == history[-len(histories["KimiMemory"]) :]
    assert histories["KimiMemory"][0].role == "user"


async def test_an_agent_runs_on_it(make: Make, kimi: Emulator) -> None:
    engine = create_async_engine("sqlite+aiosqlite:///:memory:")
    memory = KimiMemory.from_defaults(session_id="test", token_limit=800, async_engine=engine)
    agent = FunctionAgent(llm=make(), tools=[FunctionTool.from_defaults(get_tides)], streaming=False)
    sizes = []
    for number in range(6):
        answer = await agent.run(f"Question {number}: " + "say something. " * 40, memory=memory)
        assert str(answer)
        sizes.append(len(chats(kimi)[-1].json["messages"]))
    assert sizes[1] > sizes[0]
    assert max(sizes) < 11  # without a limit the last request has 11 messages
    await engine.dispose()


def chats(kimi: Emulator) -> list[Any]:
    return [request for request in kimi.requests if request.path.endswith("/chat/completions")]
