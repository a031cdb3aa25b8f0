"""What goes wrong with LlamaIndex's generic class, and works with ours: `OpenAILike` beside `Kimi`.

It needs openai 2 (see scripts/matrix.py), and its tests are skipped without.
"""

from __future__ import annotations

import asyncio
import gc
import importlib.metadata
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from llama_index.core import SimpleDirectoryReader
from llama_index.core.agent.workflow import AgentStream, FunctionAgent
from llama_index.core.llms import ChatMessage
from llama_index.core.prompts import PromptTemplate
from llama_index.core.readers.base import BaseReader
from llama_index.core.schema import Document
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel

from benchmarks.server import running
from kimi_emulator import Emulator, Failure, Reply, ToolCall
from llama_index_kimi import Kimi

try:
    from llama_index.llms.openai_like import OpenAILike
except ImportError:
    OpenAILike = None

Make = Callable[..., Any]
# The peers leave their sockets to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")

HI = [ChatMessage("hi")]
beside = pytest.mark.skipif(OpenAILike is None, reason="llama-index-llms-openai-like is not installed (openai 2 only)")


@pytest.fixture
def theirs(kimi: Emulator) -> Make:
    """`OpenAILike` set up with care: as a chat model with tools, and with the one temperature that Kimi takes."""

    def make_theirs(model: str = "kimi-k2.6", **settings: Any) -> Any:
        fields = {
            "api_base": kimi.base_url,
            "api_key": kimi.api_key,
            "is_chat_model": True,
            "is_function_calling_model": True,
            "temperature": 1.0,
            "max_retries": 0,
            **settings,
        }
        assert OpenAILike is not None
        return OpenAILike(model=model, **fields)

    return make_theirs


@pytest.fixture(scope="module")
def bench() -> Iterator[str]:
    """A server in a process of its own, so that the client's CPU alone is measured."""
    with running() as url:
        yield url


def weather(city: str) -> str:
    """The weather in a city."""
    return f"Sunny in {city}"


# ------------------------------------------------------------------------------------------------- thinking, calls


@beside
@pytest.mark.parametrize("streaming", [True, False])
async def test_thinking_is_dropped_in_their_tool_loop(kimi: Emulator, theirs: Make, streaming: bool) -> None:
    kimi.script(Reply(reasoning="Look it up.", tool_calls=[ToolCall("weather", {"city": "北京"})]))
    with pytest.raises(Exception, match="reasoning_content is missing in assistant tool call message at index 1"):
        await FunctionAgent(tools=[weather], llm=theirs(), streaming=streaming).run("How is the weather?")


def part(index: int, arguments: str, name: str | None = None) -> dict[str, Any]:
    first = {"id": f"{name}_{index}", "type": "function"} if name else {}
    return {"index": index, **first, "function": {"arguments": arguments, **({"name": name} if name else {})}}


TOGETHER = [{"tool_calls": [part(0, '{"city":"A"}', "weather"), part(1, '{"city":"B"}', "weather")]}]
INTERLEAVED = [
    {"tool_calls": [part(0, '{"city"', "weather")]},
    {"tool_calls": [part(1, '{"city"', "weather")]},
    {"tool_calls": [part(0, ':"A"}')]},
    {"tool_calls": [part(1, ':"B"}')]},
]


def check_both_calls(kimi: Emulator, llm: Any, pieces: list[dict[str, Any]]) -> None:
    calls = [ToolCall("weather", {"city": city}) for city in "AB"]
    kimi.script(Reply(reasoning="Both.", tool_calls=calls, pieces=pieces))
    tool = FunctionTool.from_defaults(weather)
    last = list(llm.stream_chat_with_tools([tool], "Both?", allow_parallel_tool_calls=True))[-1]
    selections = llm.get_tool_calls_from_response(last, error_on_no_tool_call=False)
    assert [call.tool_kwargs for call in selections] == [{"city": "A"}, {"city": "B"}]
    assert len({call.tool_id for call in selections}) == 2


@pytest.mark.parametrize("pieces", [TOGETHER, INTERLEAVED], ids=["together", "interleaved"])
def test_parallel_calls_in_a_stream_stay_whole(kimi: Emulator, pieces: list[dict[str, Any]]) -> None:
    check_both_calls(kimi, Kimi("kimi-k2.6", base_url=kimi.base_url, api_key=kimi.api_key), pieces)


@beside
@pytest.mark.parametrize("pieces", [TOGETHER, INTERLEAVED], ids=["together", "interleaved"])
def test_their_parallel_calls_in_a_stream_get_lost(kimi: Emulator, theirs: Make, pieces: list[dict[str, Any]]) -> None:
    with pytest.raises(AssertionError):
        check_both_calls(kimi, theirs(), pieces)


async def check_unfinished_text_is_shown(kimi: Emulator, llm: Any) -> None:
    text = '{"city": "Oslo"}'
    call = {"index": 0, "id": "w", "type": "function", "function": {"name": "weather", "arguments": ""}}
    pieces = [{"tool_calls": [call]}, *({"tool_calls": [{"index": 0, "function": {"arguments": c}}]} for c in text)]
    kimi.script(Reply(tool_calls=[ToolCall("weather", text)], pieces=pieces, reasoning="r"), Reply(content="Done."))
    tool = FunctionTool.from_defaults(weather, return_direct=True)
    handler = FunctionAgent(tools=[tool], llm=llm).run("Oslo?")
    events = [event async for event in handler.stream_events() if isinstance(event, AgentStream)]
    await handler
    assert {"city": "Os"} in [call.tool_kwargs for event in events for call in event.tool_calls]


async def test_an_unfinished_argument_shows_its_text_so_far(kimi: Emulator) -> None:
    await check_unfinished_text_is_shown(kimi, Kimi("kimi-k2.6", base_url=kimi.base_url, api_key=kimi.api_key))


@beside
async def test_their_unfinished_argument_shows_nothing(kimi: Emulator, theirs: Make) -> None:
    with pytest.raises(AssertionError, match="'Os'"):
        await check_unfinished_text_is_shown(kimi, theirs())


# ------------------------------------------------------------------------------------------------- what it costs


def cpu_per_chunk(work: Callable[[], Any], chunks: int) -> float:
    """CPU seconds of this process per chunk, the best of three."""
    work()
    gc.collect()
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best / chunks


def drain(items: Any) -> None:
    for _ in items:
        pass


def return_type(bench: str, wish: str) -> Any:

    messages: Any = [{"role": "user", "content": "x"}]
    with openai.OpenAI(base_url=bench, api_key="sk-test-bench") as sdk:
        drain(sdk.chat.completions.create(model="kimi-k3", messages=messages, stream=True, user=wish))


def check_cheaper_than_the_typed_stream(bench: str, llm: Any) -> None:
    base = cpu_per_chunk(lambda: return_type(bench, "text:2000"), 2000)
    assert cpu_per_chunk(lambda: drain(llm.stream_chat(HI)), 2000) < base


def test_a_streamed_chunk_costs_less_than_the_typed_sdk_stream(bench: str) -> None:
    check_cheaper_than_the_typed_stream(
        bench, Kimi(base_url=bench, api_key="sk-test-bench", extra_body={"user": "text:2000"})
    )


@beside
def test_their_streamed_chunk_costs_more_than_the_typed_sdk_stream(bench: str, theirs: Make) -> None:
    llm = theirs(api_base=bench, additional_kwargs={"user": "text:2000"})
    with pytest.raises(AssertionError):
        check_cheaper_than_the_typed_stream(bench, llm)


def write(text: str) -> str:
    """Write a text."""
    return f"{len(text)} characters"


async def agent_writes(llm: Any) -> str:
    """One streamed tool call of as many chunks as the bench is told; the tool's result ends the run."""
    tool = FunctionTool.from_defaults(write, return_direct=True)
    return str(await FunctionAgent(tools=[tool], llm=llm).run("write"))


def check_flat(make: Callable[[int], Any], few: int, many: int) -> None:
    """The cost per chunk, of an agent's whole run, at `many` chunks is no more than double that at `few`."""
    cost = {}
    for chunks in (few, many):
        llm = make(chunks)
        assert asyncio.run(agent_writes(llm)) == f"{4 * chunks} characters"
        gc.collect()
        start = time.process_time()
        asyncio.run(agent_writes(llm))
        cost[chunks] = (time.process_time() - start) / chunks
    assert cost[many] < 2 * cost[few]


def test_cost_of_tool_arguments_in_an_agent_is_flat_up_to_8000_chunks(bench: str) -> None:
    check_flat(lambda n: Kimi(base_url=bench, api_key="sk-test-bench", extra_body={"user": f"tool:{n}"}), 1000, 8000)


@beside
def test_their_cost_of_tool_arguments_in_an_agent_grows(bench: str, theirs: Make) -> None:
    with pytest.raises(AssertionError, match="<"):
        check_flat(lambda n: theirs(api_base=bench, additional_kwargs={"user": f"tool:{n}"}), 500, 4000)


# ------------------------------------------------------------------------------------------------- the object itself


def openai_below_3(distribution: str) -> bool:
    """Whether `distribution`, or what it is made from, refuses openai 3."""
    requirements = importlib.metadata.requires(distribution) or []
    return any(name.startswith("openai<3") or (name.startswith("openai") and ",<3" in name) for name in requirements)


def test_openai_3_may_be_installed_beside_us() -> None:
    assert not openai_below_3("kimi-integrations")
    assert not any(cls.__module__.startswith("llama_index.llms") for cls in Kimi.__mro__)


@beside
def test_openai_3_may_not_be_installed_beside_theirs() -> None:
    assert any(cls.__module__.startswith("llama_index.llms.openai.") for cls in OpenAILike.__mro__)
    assert openai_below_3("llama-index-llms-openai")


def ask_in_three_loops(llm: Any) -> None:
    for _ in range(3):
        asyncio.run(llm.achat(HI))


@beside
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_their_object_breaks_under_the_second_event_loop(theirs: Make) -> None:
    with pytest.raises(Exception, match=r"Connection error|Event loop is closed|bound to a different event loop"):
        ask_in_three_loops(theirs())


def count_requests(kimi: Emulator, llm: Any) -> int:
    kimi.script(*[Failure(500, headers={"Retry-After": "0"})] * 30)
    question = "How often am I asked?"
    with pytest.raises(Exception, match=r"500|server"):
        llm.chat([ChatMessage(question)])
    return sum(body["messages"][-1]["content"] == question for body in kimi.chats)


@beside
def test_their_n_retries_multiply(kimi: Emulator, theirs: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    assert count_requests(kimi, theirs(max_retries=3)) == 3 * (3 + 1)


class Song(BaseModel):
    title: str


@beside
def test_their_default_temperature_is_refused(kimi: Emulator) -> None:
    llm = OpenAILike(model="kimi-k2.6", api_base=kimi.base_url, api_key=kimi.api_key, is_chat_model=True, max_retries=0)
    with pytest.raises(Exception, match="invalid temperature"):
        llm.chat(HI)
    assert kimi.chats[0]["temperature"] == 0.1


@beside
def test_their_default_endpoint_does_not_exist(kimi: Emulator) -> None:
    llm = OpenAILike(model="kimi-k2.6", api_base=kimi.base_url, api_key=kimi.api_key, max_retries=0)
    with pytest.raises(Exception, match=r"40[34]"):
        llm.complete("hi")
    assert kimi.requests[0].path == "/v1/completions"


@beside
def test_their_structured_prediction_forces_a_tool_and_is_refused(kimi: Emulator, theirs: Make) -> None:
    with pytest.raises(Exception, match="incompatible with thinking"):
        theirs().structured_predict(Song, PromptTemplate("A song"))
    assert kimi.chats[0]["tool_choice"] == "required"


@beside
@pytest.mark.parametrize("where", ["dict", "repr", "pickle"])
def test_their_key_is_in_dump_repr_and_pickle(kimi: Emulator, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", kimi.api_key)
    llm = OpenAILike(model="kimi-k2.6", api_base=kimi.base_url)
    texts = {"dict": lambda: str(llm.to_dict()), "repr": lambda: repr(llm), "pickle": lambda: str(pickle.dumps(llm))}
    assert kimi.api_key in texts[where]()


# ------------------------------------------------------------------------------------------------- core's own


class Unbraked(BaseReader):
    """What a reader is that leaves its asynchronous half to core."""

    def __init__(self) -> None:
        self.lock, self.now, self.peak = threading.Lock(), 0, 0

    def load_data(self, file: Path, extra_info: Any = None, fs: Any = None) -> list[Document]:
        return [Document(text=file.read_text())]

    async def aload_data(self, file: Path, extra_info: Any = None, fs: Any = None) -> list[Document]:
        self.now += 1
        self.peak = max(self.peak, self.now)
        await asyncio.sleep(0.05)
        self.now -= 1
        return self.load_data(file)


async def test_core_itself_starts_every_file_at_once(tmp_path: Path) -> None:
    """Why our reader counts: the day this fails, core has brakes of its own."""
    for number in range(40):
        (tmp_path / f"{number}.txt").write_text(f"Text {number}")
    reader = Unbraked()
    directory = SimpleDirectoryReader(str(tmp_path), file_extractor={".txt": reader}, raise_on_error=True)
    assert len(await directory.aload_data()) == 40
    assert reader.peak == 40
