"""What goes wrong with a generic class of LangChain, and works with ours: why this package exists.

Each test does one everyday thing with langchain-openai's `ChatOpenAI`, pointed at the emulator: it fails in the way
that users report. That ours does not is said beside it, or in the contract suite (`tests/contract`), which goes through
the same things. The other packages for Kimi (langchain-moonshot, lc-moonshot, langchain-community's MoonshotChat)
derive from it or have the same gaps; failures that are theirs alone follow.
"""

from __future__ import annotations

import asyncio
import copy
import pickle
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import openai
import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy
from langchain_core.exceptions import ContextOverflowError
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from pydantic import BaseModel

from kimi_api import KimiInputError, KimiWarning
from kimi_emulator import Emulator, Failure, Reply, ToolCall
from langchain_kimi import ChatKimi, KimiLLM
from langchain_kimi.errors import ChatKimiQuotaError

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
    content: Any = [{"type": "image", "file_id": "d0ne"}, {"type": "text", "text": "What is it?"}]
    with pytest.raises(Exception, match="d0ne"):  # it is asked for, and there is none
        llm.invoke([HumanMessage(content)])
    assert kimi.requests[-1].json["messages"][0]["content"][0]["image_url"] == {"url": "ms://d0ne"}
    with pytest.raises(ValueError, match="video is not supported"):
        rival().invoke([HumanMessage([FILM])])
    with pytest.raises(ValueError, match="Unsupported source type"):
        rival().invoke([HumanMessage(content)])


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
