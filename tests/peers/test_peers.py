"""What goes wrong with a generic class, and works with ours: why this package exists.

Each test does one everyday thing with a peer's class, pointed at the emulator: it fails in the way that users report.
That ours does not is said beside it, or in the contract suite (`tests/contract`), which goes through the same things.

* LangChain: langchain-openai's `ChatOpenAI`. The other packages for Kimi (langchain-moonshot, lc-moonshot,
  langchain-community's MoonshotChat) derive from it or have the same gaps; failures that are theirs alone follow.
* LlamaIndex: `OpenAILike`, at the end. It needs openai 2 (see scripts/matrix.py), and is skipped without.
"""

from __future__ import annotations

import asyncio
import copy
import gc
import importlib.metadata
import pickle
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy
from langchain_core.exceptions import ContextOverflowError
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from llama_index.core import SimpleDirectoryReader
from llama_index.core.agent.workflow import AgentStream, FunctionAgent
from llama_index.core.llms import ChatMessage
from llama_index.core.prompts import PromptTemplate
from llama_index.core.readers.base import BaseReader
from llama_index.core.schema import Document
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel

from benchmarks.server import running
from kimi_api import KimiInputError, KimiWarning
from kimi_emulator import Emulator, Failure, Reply, ToolCall
from langchain_kimi import ChatKimi, KimiLLM
from langchain_kimi.errors import ChatKimiQuotaError
from llama_index_kimi import Kimi

try:
    from llama_index.llms.openai_like import OpenAILike
except ImportError:
    OpenAILike = None

Make = Callable[..., ChatKimi]
Rival = Callable[..., Any]

NOTHING = {"type": "object", "properties": {}}
LOOK = {"name": "look", "description": "Look.", "parameters": NOTHING}
LISTEN = {"name": "listen", "description": "Listen.", "parameters": NOTHING}
OVERFLOW = "Invalid request: Your request exceeded model token limit: 262144 (requested: 269030)"
FILM: Any = {"type": "video", "base64": "AAAAGGZ0eXBpc29tAAACAGlzb21pc28yAAAACG1kYXQ=", "mime_type": "video/mp4"}
SEARCH = {"type": "builtin_function", "function": {"name": "$web_search"}}


class City(BaseModel):
    """A city."""

    name: str


# The peers leave their sockets to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


@pytest.fixture
def make(kimi: Emulator) -> Make:
    """Makes a `ChatKimi` that talks to the emulator."""

    def make_chat(**fields: Any) -> ChatKimi:
        return ChatKimi(**{"base_url": kimi.base_url, "api_key": kimi.api_key, **fields})

    return make_chat


@pytest.fixture
def rival(kimi: Emulator) -> Rival:
    """Makes a `ChatOpenAI` that talks to the emulator. Call it when `ChatKimi` has had its turn."""

    def make_rival(**fields: Any) -> Any:
        assert kimi.report == [], "ChatKimi did what the platform tolerates but forbids"
        package = pytest.importorskip("langchain_openai", reason="langchain-openai, the peer, is not installed")
        settings = {"model": "kimi-k2.6", "base_url": kimi.base_url, "api_key": kimi.api_key, "max_retries": 0}
        return package.ChatOpenAI(**{**settings, **fields})

    return make_rival


def join_chunks(chunks: Any) -> Any:
    """A stream as one message."""
    whole = None
    for chunk in chunks:
        whole = chunk if whole is None else whole + chunk
    return whole


def get_weather(city: str) -> str:
    """Current weather of a city."""
    return f"{city}: snow"


# ------------------------------------------------------------------------------------------------- thinking


@pytest.mark.parametrize("streamed", [False, True])
def test_thinking_comes_with_the_answer(kimi: Emulator, make: Make, rival: Rival, streamed: bool) -> None:
    def thinking(llm: Any) -> list[Any]:
        kimi.script(Reply(content="Hello.", reasoning="Greet."))
        answer = join_chunks(llm.stream("Hi")) if streamed else llm.invoke("Hi")
        return [block for block in answer.content_blocks if block["type"] == "reasoning"]

    assert [block["reasoning"] for block in thinking(make())] == ["Greet."]
    assert thinking(rival()) == []


@pytest.mark.parametrize("streamed", [False, True])
def test_second_turn_of_a_tool_loop_is_not_refused(kimi: Emulator, make: Make, rival: Rival, streamed: bool) -> None:
    def loop(llm: Any) -> AIMessage:
        agent = create_agent(llm, tools=[get_weather])
        state: Any = {"messages": [HumanMessage("What is the weather in Turku?")]}
        if not streamed:
            return agent.invoke(state)["messages"][-1]
        pieces: list[Any] = list(agent.stream(state, stream_mode="messages"))
        return join_chunks(message for message, _ in pieces if not is_call(message))

    def is_call(message: BaseMessage) -> bool:
        if isinstance(message, ToolMessage):
            return True
        return bool(getattr(message, "tool_call_chunks", None))

    assert "snow" in loop(make(model="kimi-k2.6")).text
    with pytest.raises(openai.BadRequestError, match="reasoning_content is missing in assistant tool call message"):
        loop(rival())


def test_text_and_several_calls_stay_apart_in_a_v1_stream(kimi: Emulator, make: Make, rival: Rival) -> None:
    def kinds(llm: Any) -> list[str]:
        kimi.script(Reply(content="Both.", reasoning="Hm.", tool_calls=[ToolCall("look"), ToolCall("listen")]))
        return [block["type"] for block in join_chunks(llm.bind_tools([LOOK, LISTEN]).stream("Hi")).content_blocks]

    assert kinds(make(output_version="v1")) == ["reasoning", "text", "tool_call", "tool_call"]
    assert kinds(rival(output_version="v1")) == ["text", "tool_call"]  # the first call was merged into the text


# ------------------------------------------------------------------------------------------------- requests


def test_a_begun_answer_is_continued(kimi: Emulator, make: Make, rival: Rival) -> None:
    begun: Any = [HumanMessage("Hi"), {"role": "assistant", "content": "{", "partial": True}]
    make().invoke(begun)
    assert kimi.chats[-1]["messages"][-1] == {"role": "assistant", "content": "{", "partial": True}
    rival().invoke(begun)
    assert kimi.chats[-1]["messages"][-1] == {"role": "assistant", "content": "{"}


@pytest.mark.parametrize(
    ("model", "choice", "refusal"),
    [
        ("kimi-k2.6", "look", "'specified' is incompatible with thinking"),
        ("kimi-k2.6", "any", "'required' is incompatible with thinking"),
        ("kimi-k2.7-code", "any", "'required' is incompatible with thinking"),
        ("kimi-k3", "look", "'specified' is incompatible with thinking"),
    ],
)
@pytest.mark.filterwarnings("ignore::kimi_api.KimiWarning")
def test_a_forced_tool_is_called_while_the_model_thinks(
    kimi: Emulator, make: Make, rival: Rival, model: str, choice: str, refusal: str
) -> None:
    kimi.script(Reply(tool_calls=[ToolCall("look")]))
    assert make(model=model).bind_tools([LOOK], tool_choice=choice).invoke("Hi").tool_calls[0]["name"] == "look"  # type: ignore[attr-defined]
    with pytest.raises(openai.BadRequestError, match=refusal):
        rival(model=model).bind_tools([LOOK], tool_choice=choice).invoke("Hi")


@pytest.mark.filterwarnings("ignore::kimi_api.KimiWarning")
def test_structured_output_by_function_calling(kimi: Emulator, make: Make, rival: Rival) -> None:
    kimi.script(Reply(tool_calls=[ToolCall("City", {"name": "Turku"})]))
    chain = make(model="kimi-k2.6").with_structured_output(City, method="function_calling")
    assert chain.invoke("A city?") == City(name="Turku")
    with pytest.raises(openai.BadRequestError, match="tool_choice 'specified' is incompatible with thinking enabled"):
        rival().with_structured_output(City, method="function_calling").invoke("A city?")


@pytest.mark.parametrize("temperature", [0, 0.7])
def test_a_temperature_of_habit_does_no_harm(kimi: Emulator, make: Make, rival: Rival, temperature: float) -> None:
    with pytest.warns(KimiWarning, match="temperature"):
        assert make(temperature=temperature).invoke("Hi").text
    with pytest.raises(openai.BadRequestError, match="invalid temperature: only 1 is allowed for this model"):
        rival(temperature=temperature).invoke("Hi")


@pytest.mark.parametrize(
    ("parameters", "refusal"),
    [
        ({"properties": {"at": {"type": "string"}}}, 'must be "object"'),
        (
            {"type": "object", "properties": {"at": {"type": "string", "anyOf": [{"minLength": 1}, {"const": "sea"}]}}},
            "type should be defined in anyOf items",
        ),
        ({"type": "object", "properties": {"at": {"type": "array", "items": [{"type": "string"}]}}}, "items must be"),
        ({"type": "object", "properties": {"at": True}}, "property schema for 'at' must be an object"),
    ],
)
def test_schemas_of_mcp_servers_are_taken(
    kimi: Emulator, make: Make, rival: Rival, parameters: dict[str, Any], refusal: str
) -> None:
    tool = {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": parameters}}
    assert make().bind_tools([tool]).invoke("Hi").text
    with pytest.raises(openai.BadRequestError, match=refusal):
        rival(model="kimi-k3").bind_tools([tool]).invoke("Hi")


def test_a_bad_tool_name_is_told_with_its_tool_before_anything_is_sent(
    kimi: Emulator, make: Make, rival: Rival
) -> None:
    tool = {**LOOK, "name": "21st_magic_look"}
    with pytest.raises(KimiInputError, match=r"21st_magic_look.*rename the tool"):
        make().bind_tools([tool]).invoke("Hi")
    assert kimi.requests == []
    with pytest.raises(openai.BadRequestError, match="function name is invalid") as refused:
        rival().bind_tools([tool]).invoke("Hi")
    assert "21st_magic_look" not in str(refused.value)


def test_agents_leave_tools_as_strict_as_they_were(kimi: Emulator, make: Make, rival: Rival) -> None:
    def tool_of(llm: Any) -> dict[str, Any]:
        agent = create_agent(llm, tools=[get_weather], response_format=ProviderStrategy(City))
        agent.invoke({"messages": [HumanMessage("Turku")]})
        return kimi.chats[0]["tools"][0]["function"]

    assert "strict" not in tool_of(make())
    kimi.reset()
    assert tool_of(rival(model="kimi-k3"))["strict"] is True


def test_films_and_uploaded_pictures_are_content_blocks(kimi: Emulator, make: Make, rival: Rival) -> None:
    llm = make()
    assert llm.invoke([HumanMessage([FILM, {"type": "text", "text": "What happens?"}])]).text
    assert kimi.chats[0]["messages"][0]["content"][0]["type"] == "video_url"
    uploaded: Any = [{"type": "image", "file_id": "d0ne"}, {"type": "text", "text": "What is it?"}]
    with pytest.raises(Exception, match="d0ne"):  # it is asked for, and there is none
        llm.invoke([HumanMessage(uploaded)])
    assert kimi.requests[-1].json["messages"][0]["content"][0]["image_url"] == {"url": "ms://d0ne"}
    with pytest.raises(ValueError, match="video is not supported"):
        rival().invoke([HumanMessage([FILM])])
    with pytest.raises(ValueError, match="Unsupported source type"):
        rival().invoke([HumanMessage(uploaded)])


def test_the_built_in_search_is_bound_and_its_arguments_go_back(kimi: Emulator, make: Make, rival: Rival) -> None:
    llm = make(model="kimi-k2.6").bind_tools([SEARCH])
    messages: list[BaseMessage] = [HumanMessage('When does it run? Search the web for "Lake Velda ferry".')]
    messages.append(llm.invoke(messages))
    (call,) = messages[-1].tool_calls  # type: ignore[attr-defined]
    messages.append(ToolMessage(str(call["args"]), tool_call_id=call["id"]))
    assert "25 minutes" in llm.invoke(messages).text
    with pytest.raises(ValueError, match="Unsupported function"):
        rival().bind_tools([SEARCH])


def test_an_empty_turn_in_the_history_does_not_stop_the_conversation(kimi: Emulator, make: Make, rival: Rival) -> None:
    history = [HumanMessage("Hi"), AIMessage(""), HumanMessage("Are you there?")]
    assert make().invoke(history).text
    with pytest.raises(openai.BadRequestError, match="must not be empty"):
        rival().invoke(history)


def test_a_call_without_words_goes_back_without_an_empty_text(kimi: Emulator, make: Make, rival: Rival) -> None:
    call = {"name": "look", "args": {}, "id": "1", "type": "tool_call"}
    turn = AIMessage([{"type": "text", "text": ""}], tool_calls=[call])
    history = [HumanMessage("Hi"), turn, ToolMessage("The sea.", tool_call_id="1")]
    assert make().invoke(history).text
    with pytest.raises(openai.BadRequestError, match="text content is empty"):
        rival(model="kimi-k3").invoke(history)


def test_hosts_that_read_names_out_of_ids_get_them(kimi: Emulator, make: Make, rival: Rival) -> None:
    """On vLLM and the like a call's name is rendered by its id alone: other ids make calls leak into the text."""
    call = {"name": "look", "args": {}, "id": "call_abc", "type": "tool_call"}
    history = [HumanMessage("Hi"), AIMessage("", tool_calls=[call]), ToolMessage("The sea.", tool_call_id="call_abc")]

    def ids_sent(llm: Any) -> list[str]:
        llm.invoke(history)
        _, turn, result = kimi.chats[-1]["messages"]
        return [turn["tool_calls"][0]["id"], result["tool_call_id"]]

    assert ids_sent(make(dialect="vllm")) == ["functions.look:0"] * 2
    assert ids_sent(rival(model="kimi-k3")) == ["call_abc"] * 2


def test_text_in_text_out_uses_an_endpoint_that_exists(kimi: Emulator, make: Make, rival: Rival) -> None:
    assert KimiLLM(chat=make()).invoke("Hi")
    package = pytest.importorskip("langchain_openai", reason="langchain-openai, the peer, is not installed")
    with pytest.raises(openai.PermissionDeniedError, match="no open api access"):
        package.OpenAI(model="kimi-k3", base_url=kimi.base_url, api_key=kimi.api_key, max_retries=0).invoke("Hi")
    with pytest.raises(openai.NotFoundError, match="/v1/responses"):
        rival(model="kimi-k3", reasoning={"effort": "high"}).invoke("Hi")


def test_an_unanswered_call_is_named_and_can_be_cancelled(kimi: Emulator, make: Make, rival: Rival) -> None:
    call = {"name": "look", "args": {}, "id": "1", "type": "tool_call"}
    history = [HumanMessage("Hi"), AIMessage("", tool_calls=[call]), HumanMessage("Stop. How are you?")]
    with pytest.raises(KimiInputError, match=r'look.*repair="full"'):
        make().invoke(history)
    assert kimi.requests == []
    with pytest.warns(KimiWarning, match="cancelled"):
        assert make(repair="full").invoke(history).text
    with pytest.raises(openai.BadRequestError, match="must be followed by tool messages"):
        rival(model="kimi-k3").invoke(history)


# ------------------------------------------------------------------------------------------------- answers


def test_usage_of_a_stream_is_there_and_counted_once(kimi: Emulator, make: Make, rival: Rival) -> None:
    counts = {"prompt_tokens": 100, "completion_tokens": 40, "total_tokens": 140}
    options: dict[str, Any]
    for options in ({}, {"stream_usage": True}):  # the argument of ChatOpenAI; langchain-moonshot doubles for it
        kimi.script(Reply(content="Hello.", usage=counts))
        usage = join_chunks(make().stream("Hi", **options)).usage_metadata
        assert (usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]) == (100, 40, 140)
    assert join_chunks(rival().stream("Hi")).usage_metadata is None


def test_tokens_from_the_cache_are_counted(kimi: Emulator, make: Make, rival: Rival) -> None:
    counts = {"prompt_tokens": 100, "completion_tokens": 5, "total_tokens": 105, "cached_tokens": 64}
    kimi.script(Reply(content="Hello.", usage=counts), Reply(content="Hello.", usage=counts))
    usage = make().invoke("Hi").usage_metadata
    assert usage is not None
    assert usage["input_token_details"]["cache_read"] == 64  # type: ignore[typeddict-item]
    assert "cache_read" not in rival().invoke("Hi").usage_metadata["input_token_details"]


def test_call_ids_are_unique_in_a_conversation(kimi: Emulator, make: Make, rival: Rival) -> None:
    def ids(llm: Any) -> list[str]:
        kimi.script(*[Reply(tool_calls=[ToolCall("look")])] * 2)
        return [llm.bind_tools([LOOK]).invoke("Hi").tool_calls[0]["id"] for _ in range(2)]

    assert len(set(ids(make()))) == 2
    assert ids(rival()) == ["look_0", "look_0"]


def test_a_finish_reason_in_every_chunk_is_one_finish_reason(kimi: Emulator, make: Make, rival: Rival) -> None:
    kimi.fail("finish.every_chunk")
    whole = join_chunks(make().stream("Hi"))
    assert (whole.response_metadata["finish_reason"], whole.response_metadata["model_name"]) == ("stop", "kimi-k3")
    kimi.fail("finish.every_chunk")
    assert join_chunks(rival().stream("Hi")).response_metadata["finish_reason"].startswith("stopstop")


def test_half_an_answer_is_not_taken_for_a_whole_one(kimi: Emulator, make: Make, rival: Rival) -> None:
    kimi.fail("close.ends_early")
    with pytest.raises(Exception, match="finish_reason"):
        join_chunks(make().stream("Tell me a story."))
    kimi.fail("close.ends_early")
    assert "finish_reason" not in join_chunks(rival().stream("Tell me a story.")).response_metadata


def test_a_budget_used_up_by_thinking_is_said(kimi: Emulator, make: Make, rival: Rival) -> None:
    with pytest.warns(KimiWarning, match="Raise max_tokens"):
        assert make(max_tokens=3).invoke("Hi").text == ""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert rival(max_tokens=3).invoke("Hi").text == ""


# ------------------------------------------------------------------------------------------------- errors


def test_a_context_overflow_is_recognised(kimi: Emulator, make: Make, rival: Rival) -> None:
    failure = Failure(400, "invalid_request_error", OVERFLOW)
    kimi.script(failure, failure)
    with pytest.raises(ContextOverflowError):
        make().invoke("Hi")
    with pytest.raises(openai.BadRequestError) as refused:
        rival().invoke("Hi")
    assert not isinstance(refused.value, ContextOverflowError)


def test_an_error_that_a_gateway_wrapped_is_unwrapped(kimi: Emulator, make: Make, rival: Rival) -> None:
    kimi.fail("http.gateway_raw")
    with pytest.raises(ChatKimiQuotaError, match="insufficient balance"):
        make().invoke("Hi")
    assert len(kimi.requests) == 1, "an empty account is not asked again"
    kimi.fail("http.gateway_raw", "http.gateway_raw")
    with pytest.raises(openai.RateLimitError, match="Provider returned error"):
        rival(max_retries=1).invoke("Hi")
    assert len(kimi.requests) == 3


# ------------------------------------------------------------------------------------------------- the object itself


def test_the_profile_is_that_of_a_kimi_model(make: Make, rival: Rival) -> None:
    assert (make().profile or {}).get("max_input_tokens") == 1_048_576
    assert not rival(model="kimi-k3").profile


def test_tokens_are_counted_offline(make: Make, rival: Rival, monkeypatch: pytest.MonkeyPatch) -> None:
    messages = [HumanMessage("Why is the sky blue?")]
    assert 80 < make().get_num_tokens_from_messages(messages) < 100
    other = rival()
    tiktoken = pytest.importorskip("tiktoken")
    ranks = {bytes([byte]): byte for byte in range(256)}
    stand_in = tiktoken.Encoding("bytes", pat_str=r"\w+|\W+", mergeable_ranks=ranks, special_tokens={})
    monkeypatch.setattr(tiktoken, "get_encoding", lambda name: stand_in)  # it would be downloaded
    with pytest.raises(NotImplementedError):
        other.get_num_tokens_from_messages(messages)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of the peer's half-made copy
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda llm: pickle.loads(pickle.dumps(llm))], ids=["copy", "pickle"])
def test_models_can_be_copied_and_sent_to_other_processes(make: Make, rival: Rival, copied: Any) -> None:
    assert copied(make()).invoke("Hi").text
    other = rival()
    with pytest.raises(TypeError, match="pickle"):
        copied(other)


def test_settings_for_openai_stay_with_openai(
    kimi: Emulator, make: Make, rival: Rival, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-another-service")
    make().invoke("Hi")
    assert "org-of-another-service" not in str(kimi.requests[-1].headers)
    rival().invoke("Hi")
    assert "org-of-another-service" in str(kimi.requests[-1].headers)


def test_one_model_serves_one_event_loop_after_another(make: Make, rival: Rival) -> None:
    def asked_in_four_loops(llm: Any) -> list[bool]:
        async def ask() -> str:
            return (await llm.ainvoke("Hi")).text

        return [bool(asyncio.run(ask())) for _ in range(4)]

    assert asked_in_four_loops(make()) == [True] * 4
    other = rival()
    if int(openai.__version__.partition(".")[0]) < 3:
        pytest.skip("openai 2 wraps the error, so that retries hide it")
    with pytest.raises(RuntimeError, match="Event loop is closed"):
        asked_in_four_loops(other)


def test_a_long_history_costs_little_before_it_is_sent(kimi: Emulator, make: Make, rival: Rival) -> None:
    """The SDK's typed call walks every message: 25 ms of CPU for 200, in which an event loop stands still."""
    history = [AIMessage(f"Answer {n}.") if n % 2 else HumanMessage(f"Question {n}?") for n in range(200)]
    tools = [{**LOOK, "name": f"look_{n}"} for n in range(20)]

    def cost(llm: Any) -> float:
        bound = llm.bind_tools(tools)
        spent = []
        for _ in range(6):
            kimi.script(Reply(content="Yes."))
            began = time.thread_time()
            bound.invoke([*history, HumanMessage("So?")])
            spent.append(time.thread_time() - began)
        return min(spent)

    ours = cost(make())
    assert ours < 0.4 * cost(rival(model="kimi-k3"))  # 0.1 when nothing else runs


# ------------------------------------------------------------------------------------------------- others' alone


def test_importing_leaves_cores_tables_alone() -> None:
    """langchain-moonshot adds itself to what `langchain_core.load.loads` may import, for the whole process."""
    script = (
        "import copy, importlib; "
        "core = [importlib.import_module(f'langchain_core.load.{name}') for name in ('load', 'mapping')]; "
        "tables = lambda: copy.deepcopy([core[0].DEFAULT_NAMESPACES, core[1].SERIALIZABLE_MAPPING]); "
        "before = tables(); import langchain_kimi; langchain_kimi.ChatKimi(api_key='sk-test-1'); "
        "assert tables() == before"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)


def test_base_url_is_used_and_no_default_of_ours_is_sent(kimi: Emulator, make: Make) -> None:
    """MoonshotChat of langchain-community always asks api.moonshot.cn, with max_tokens 1024 and temperature 0.3."""
    make().invoke("Hi")
    assert set(kimi.chats[0]) == {"model", "messages", "stream", "stream_options"}


# ================================================================================================= LlamaIndex

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
    import openai

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
    shown = {"dict": lambda: str(llm.to_dict()), "repr": lambda: repr(llm), "pickle": lambda: str(pickle.dumps(llm))}
    assert kimi.api_key in shown[where]()


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
