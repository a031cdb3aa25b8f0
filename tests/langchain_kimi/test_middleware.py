"""Tools that an agent loads while it works: the prefix stays, whatever becomes of the thread."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Annotated, Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware, SummarizationMiddleware
from langchain.agents.structured_output import ToolStrategy
from langchain.tools import InjectedState
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, trim_messages
from langchain_core.tools import BaseTool, tool
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import BaseModel

from kimi_api import KimiInputError, KimiWarning
from kimi_emulator import Emulator, Reply, ToolCall
from langchain_kimi import ChatKimi, KimiDynamicToolsMiddleware

Make = Callable[..., ChatKimi]
HOW = pytest.mark.parametrize("how", ["invoke", "ainvoke", "stream", "astream"])


def get_weather(city: str) -> str:
    """Current weather of a city."""
    return f"{city}: 7 degrees"


def convert_currency(amount: float, to: str) -> str:
    """Convert an amount of euros into another currency."""
    return f"{amount} euros in {to}: {2 * amount}"


def refund_order(order: str, messages: Annotated[list[Any], InjectedState("messages")]) -> str:
    """Pay the price of an order back."""
    return f"refunded {order} after {len(messages)} messages"


def translate(text: str) -> str:
    """Translate a text."""
    return text[::-1]


CATALOGUE: list[Any] = [convert_currency, refund_order, translate]


def load(*names: str, query: str | None = None) -> ToolCall:
    return ToolCall("load_tools", {"names": list(names)} | ({"query": query} if query else {}))


def make_agent(llm: Any, *more: AgentMiddleware[Any, Any], **fields: Any) -> Any:
    own = {name: fields.pop(name) for name in ("select", "loader", "search", "unsupported") if name in fields}
    dynamic = KimiDynamicToolsMiddleware(fields.pop("catalogue", CATALOGUE), **own)
    return create_agent(llm, tools=fields.pop("tools", [get_weather]), middleware=[dynamic, *more], **fields)


async def run(agent: Any, how: str, text: Any, config: Any = None) -> list[Any]:
    start = text if isinstance(text, dict) else {"messages": [HumanMessage(text)]}
    if how == "invoke":
        return agent.invoke(start, config)["messages"]
    if how == "ainvoke":
        return (await agent.ainvoke(start, config))["messages"]
    states = []
    if how == "stream":
        states = [state for mode, state in agent.stream(start, config, stream_mode=["messages", "values"])]
    else:
        async for _, state in agent.astream(start, config, stream_mode=["messages", "values"]):
            states.append(state)
    return [state for state in states if isinstance(state, dict)][-1]["messages"]


def check_prefix(chats: Sequence[dict[str, Any]]) -> None:
    """Each request begins with all of the one before it, byte for byte."""
    for before, after in pairwise(chats):
        assert json.dumps(before["tools"]) == json.dumps(after["tools"])
        prefix = after["messages"][: len(before["messages"])]
        assert json.dumps(before["messages"]) == json.dumps(prefix)


def names_of(wire: dict[str, Any]) -> list[str]:
    return [each["function"]["name"] for each in wire.get("tools", ())]


def names_per_message(chat: dict[str, Any]) -> list[list[str]]:
    """Names in each message of a request that brings tools."""
    return [names_of(m) for m in chat["messages"] if m.get("tools")]


@pytest.fixture(autouse=True)
def _nothing_forbidden(kimi: Emulator) -> Iterator[None]:
    yield
    assert kimi.report == []
    assert kimi.refusals == []


# ------------------------------------------------------------------------------------------- in one run


@HOW
async def test_a_tool_is_asked_for_loaded_and_run(kimi: Emulator, make: Make, how: str) -> None:
    kimi.script(
        Reply(reasoning="I need a tool.", tool_calls=[load("convert_currency")]),
        Reply(reasoning="Now.", tool_calls=[ToolCall("convert_currency", {"amount": 2.5, "to": "SEK"})]),
        Reply(content="5 crowns."),
    )
    messages = await run(make_agent(make()), how, "How much is 2.50?")
    first, second, third = kimi.chats
    assert sorted(names_of(first)) == ["get_weather", "load_tools"]
    assert names_per_message(first) == []
    assert [m["role"] for m in second["messages"]] == ["user", "assistant", "tool", "system"]
    assert names_per_message(second) == names_per_message(third) == [["convert_currency"]]
    assert "content" not in second["messages"][-1]
    check_prefix(kimi.chats)
    assert third["messages"][-1]["content"] == "2.5 euros in SEK: 5.0"
    assert messages[-1].text == "5 crowns."


@HOW
async def test_parallel_calls_load_together_behind_the_last_result(kimi: Emulator, make: Make, how: str) -> None:
    weather = ToolCall("get_weather", {"city": "Turku"})
    kimi.script(
        Reply(tool_calls=[load("translate"), weather, load("refund_order", "translate")]),
        Reply(tool_calls=[ToolCall("translate", {"text": "abc"}), ToolCall("refund_order", {"order": "A1"})]),
        Reply(content="Done."),
    )
    await run(make_agent(make(repair="none")), how, "Go")  # nothing has to be moved by repair
    sent = kimi.chats[1]["messages"]
    assert [m["role"] for m in sent] == ["user", "assistant", "tool", "tool", "tool", "system"]
    assert names_per_message(kimi.chats[1]) == [["translate", "refund_order"]]
    results = [m["content"] for m in kimi.chats[2]["messages"] if m["role"] == "tool"][3:]
    assert results == ["cba", "refunded A1 after 7 messages"]  # the graph's own arguments reach the tool
    check_prefix(kimi.chats)


def test_tools_come_one_message_after_the_other(kimi: Emulator, make: Make) -> None:
    kimi.script(
        Reply(tool_calls=[load("translate")]),
        Reply(tool_calls=[load("translate", "convert_currency")]),  # one is there already
        Reply(tool_calls=[load("translate")]),
        Reply(content="Done."),
    )
    make_agent(make()).invoke({"messages": [HumanMessage("Go")]})
    assert names_per_message(kimi.chats[-1]) == [["translate"], ["convert_currency"]]
    check_prefix(kimi.chats)


def test_the_platform_finds_the_prefix_in_its_cache(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(tool_calls=[load("translate")]), Reply(content="Done."))
    messages = make_agent(make(), system_prompt="Be brief. " * 300).invoke({"messages": [HumanMessage("Go")]})[
        "messages"
    ]
    first, second = (m.usage_metadata for m in messages if isinstance(m, AIMessage))
    cached = second["input_token_details"]["cache_read"]
    assert cached >= first["input_tokens"] - 2 * 256 > 0  # it is counted in steps of 256


def test_a_query_loads_what_fits(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(tool_calls=[load(query="change euros to another currency")]), Reply(content="Done."))
    messages = make_agent(make()).invoke({"messages": [HumanMessage("Go")]})["messages"]
    assert names_per_message(kimi.chats[1])[0][0] == "convert_currency"
    assert "convert_currency" in messages[2].text


def test_a_search_of_ones_own(kimi: Emulator, make: Make) -> None:
    seen: list[Any] = []

    def search(query: str, tools: Sequence[BaseTool]) -> list[str]:
        seen.append((query, [each.name for each in tools]))
        return ["refund_order", "unheard_of"]

    kimi.script(Reply(tool_calls=[load(query="money back")]), Reply(content="Done."))
    make_agent(make(), search=search).invoke({"messages": [HumanMessage("Go")]})
    assert seen == [("money back", ["convert_currency", "refund_order", "translate"])]
    assert names_per_message(kimi.chats[1]) == [["refund_order"]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (load("convert_curency"), "did you mean 'convert_currency'?"),
        (load("zzzz"), "There is no tool 'zzzz'."),
        (load(query="xyzzy"), "No tool fits 'xyzzy'"),
        (load(), "Nothing was asked for"),
    ],
)
def test_the_model_is_told_what_it_asked_wrongly(kimi: Emulator, make: Make, call: ToolCall, message: str) -> None:
    kimi.script(Reply(tool_calls=[call]), Reply(content="Oh."))
    messages = make_agent(make()).invoke({"messages": [HumanMessage("Go")]})["messages"]
    assert message in messages[2].text
    assert messages[2].status == "error"
    assert names_per_message(kimi.chats[1]) == []


@HOW
async def test_a_tool_that_is_not_loaded_is_not_run(kimi: Emulator, make: Make, how: str) -> None:
    call = ToolCall("translate", {"text": "abc"})
    # Loading it in the same turn is no excuse: the arguments were a guess.
    kimi.script(Reply(tool_calls=[call, load("translate")]), Reply(tool_calls=[call]), Reply(content="cba"))
    await run(make_agent(make()), how, "Go")
    guessed, _, known = (m["content"] for m in kimi.chats[-1]["messages"] if m["role"] == "tool")
    assert guessed == "translate is not loaded, so its parameters are not known: call load_tools first."
    assert known == "cba"


def test_a_large_catalogue_is_found_by_query_and_not_listed(kimi: Emulator, make: Make) -> None:
    def report_tool(n: int) -> BaseTool:
        return tool(f"report_{n}", description=f"The report number {n}.")(lambda: f"report {n}")

    kimi.script(Reply(tool_calls=[load(query="report 150")]), Reply(content="Done."))
    make_agent(make(), catalogue=[report_tool(n) for n in range(200)]).invoke({"messages": [HumanMessage("Go")]})
    (loader,) = (each["function"] for each in kimi.chats[0]["tools"] if each["function"]["name"] == "load_tools")
    assert "There are 200 tools" in loader["description"]
    assert "report_7" not in loader["description"]
    assert names_per_message(kimi.chats[1])[0][0] == "report_150"
    assert len(names_per_message(kimi.chats[1])[0]) == 5


# ------------------------------------------------------------------------------------------- chosen by the program


@HOW
async def test_the_program_chooses(kimi: Emulator, make: Make, how: str) -> None:
    def select(state: Any) -> list[str]:
        return ["refund_order"] if "refund" in state["messages"][0].text else []

    agent = make_agent(make(), select=select, loader=None)
    kimi.script(
        Reply(tool_calls=[ToolCall("refund_order", {"order": "B2"})]), Reply(content="Done."), Reply(content="-")
    )
    await run(agent, how, "A refund, please.")
    assert names_of(kimi.chats[0]) == ["get_weather"]
    assert names_per_message(kimi.chats[0]) == names_per_message(kimi.chats[1]) == [["refund_order"]]
    check_prefix(kimi.chats)
    await run(agent, how, "Hello")
    assert names_per_message(kimi.chats[2]) == []


async def test_the_program_may_choose_asynchronously_in_asynchronous_runs(kimi: Emulator, make: Make) -> None:
    async def select(state: Any) -> list[str]:
        return ["translate"]

    agent = make_agent(make(), select=select)
    await agent.ainvoke({"messages": [HumanMessage("Go")]})
    assert names_per_message(kimi.chats[0]) == [["translate"]]
    with pytest.raises(KimiInputError, match="ainvoke"):
        agent.invoke({"messages": [HumanMessage("Go")]})


def test_a_name_that_the_program_made_up_is_refused_before_sending(kimi: Emulator, make: Make) -> None:
    agent = make_agent(make(), select=lambda state: ["translat"])
    with pytest.raises(KimiInputError, match="did you mean 'translate'"):
        agent.invoke({"messages": [HumanMessage("Go")]})
    assert kimi.requests == []


# ------------------------------------------------------------------------------------------- later turns


@HOW
async def test_a_restored_thread_goes_on_with_its_tools(kimi: Emulator, make: Make, how: str) -> None:
    saver, config = InMemorySaver(), {"configurable": {"thread_id": "1"}}
    kimi.script(Reply(tool_calls=[load("translate")]), Reply(content="Loaded."))
    await run(make_agent(make(), checkpointer=saver), how, "Get ready", config)
    kimi.script(Reply(tool_calls=[ToolCall("translate", {"text": "abc"})]), Reply(content="cba"))
    messages = await run(make_agent(make(), checkpointer=saver), how, "Now translate abc", config)
    assert names_per_message(kimi.chats[-1]) == [["translate"]]
    assert messages[-2].text == "cba"
    check_prefix(kimi.chats)


def test_a_thread_whose_messages_are_all_that_was_kept_goes_on_too(kimi: Emulator, make: Make) -> None:
    """Without a checkpointer the program sends the messages back, and the agent's private state is lost."""
    kimi.script(Reply(tool_calls=[load("translate")]), Reply(content="Loaded."))
    state = make_agent(make()).invoke({"messages": [HumanMessage("Get ready")]})
    assert set(state) == {"messages"}
    kimi.script(Reply(tool_calls=[ToolCall("translate", {"text": "abc"})]), Reply(content="cba"))
    state = make_agent(make()).invoke({"messages": [*state["messages"], HumanMessage("Translate abc")]})
    assert state["messages"][-2].text == "cba"
    assert names_per_message(kimi.chats[-1]) == [["translate"]]


def test_a_tool_that_left_the_catalogue_is_known_to_be_gone(kimi: Emulator, make: Make) -> None:
    saver, config = InMemorySaver(), {"configurable": {"thread_id": "1"}}
    kimi.script(Reply(tool_calls=[load("translate")]), Reply(content="Loaded."))
    make_agent(make(), checkpointer=saver).invoke({"messages": [HumanMessage("Get ready")]}, config)
    kimi.script(Reply(tool_calls=[ToolCall("translate", {"text": "abc"})]), Reply(content="A pity."))
    agent = make_agent(make(), checkpointer=saver, catalogue=CATALOGUE[:2])
    messages = agent.invoke({"messages": [HumanMessage("Translate abc")]}, config)["messages"]
    assert messages[-2].status == "error"
    assert "translate is not a valid tool" in messages[-2].text


class _Trims(AgentMiddleware):
    """Sends the last messages only, as `trim_messages` gives them; the thread itself stays whole."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def wrap_model_call(self, request: Any, handler: Any) -> Any:
        recent = trim_messages(
            request.messages, max_tokens=self.most, token_counter=len, strategy="last", start_on="human"
        )
        return handler(request.override(messages=recent))


@pytest.mark.parametrize("first", [True, False], ids=["trimmed before", "trimmed after"])
def test_tools_of_a_message_that_is_trimmed_away_are_declared_in_front(kimi: Emulator, make: Make, first: bool) -> None:
    saver, config = InMemorySaver(), {"configurable": {"thread_id": "1"}}
    middleware: list[Any] = [_Trims(6), KimiDynamicToolsMiddleware(CATALOGUE)]
    if not first:
        # What stands later in the list sees the request later: trimmed after it was prepared, the tools would be lost.
        middleware.reverse()
    agent: Any = create_agent(
        make(), [get_weather], system_prompt="Be brief.", middleware=middleware, checkpointer=saver
    )
    kimi.script(
        Reply(tool_calls=[load("translate")]), Reply(tool_calls=[load("refund_order")]), Reply(content="Ready.")
    )
    agent.invoke({"messages": [HumanMessage("Get ready")]}, config)
    for n in range(4):
        kimi.script(Reply(tool_calls=[ToolCall("translate", {"text": f"{n}ab"})]), Reply(content="Done."))
        agent.invoke({"messages": [HumanMessage(f"Number {n}")]}, config)
    last = kimi.chats[-1]
    if first:
        assert [m["role"] for m in last["messages"]][:3] == ["system", "system", "user"]
        assert names_per_message(last) == [["translate", "refund_order"]]
        assert last["messages"][-1]["content"] == "ba3"
        before = kimi.chats[-2]
        assert json.dumps(before["messages"][:2]) == json.dumps(last["messages"][:2])
        assert before["tools"] == last["tools"]
    else:
        assert names_per_message(last) == []


def test_tools_of_a_message_that_was_summarised_are_declared_in_front(kimi: Emulator, make: Make) -> None:
    saver, config = InMemorySaver(), {"configurable": {"thread_id": "1"}}
    summary = GenericFakeChatModel(messages=iter([AIMessage("They talked.")] * 9))
    shorter = SummarizationMiddleware(model=summary, trigger=("messages", 8), keep=("messages", 3))
    agent = make_agent(make(), shorter, checkpointer=saver)
    kimi.script(Reply(tool_calls=[load("translate")]), Reply(content="Ready."))
    agent.invoke({"messages": [HumanMessage("Get ready")]}, config)
    for n in range(3):
        kimi.script(Reply(tool_calls=[ToolCall("translate", {"text": f"{n}ab"})]), Reply(content="Done."))
        state = agent.invoke({"messages": [HumanMessage(f"Number {n}")]}, config)
        assert names_per_message(kimi.chats[-1]) == [["translate"]]
        assert kimi.chats[-1]["messages"][-1]["content"] == f"ba{n}"
    assert not any(isinstance(m, SystemMessage) for m in state["messages"])  # it was summarised away
    assert kimi.chats[-1]["messages"][0]["tools"]


# ------------------------------------------------------------------------------------------- names


class Answer(BaseModel):
    """The answer."""

    text: str


def test_names_used_twice_are_refused_before_sending(kimi: Emulator, make: Make) -> None:
    with pytest.raises(KimiInputError, match=r"tools of KimiDynamicToolsMiddleware\[1\].*'translate'.*used once"):
        KimiDynamicToolsMiddleware([translate, translate])
    with pytest.raises(KimiInputError, match=r"'load_tools'.*used once"):
        KimiDynamicToolsMiddleware([tool("load_tools")(translate)])

    @tool("translate")
    def other(text: str) -> str:
        """Another tool of that name."""
        return text

    settings: list[dict[str, Any]] = [
        {"tools": [get_weather, other]},
        {"tools": [{"type": "function", "function": {"name": "translate", "parameters": {}}}]},
        {"tools": [get_weather, translate]},
    ]
    for fields in settings:
        with pytest.raises(KimiInputError, match=r"'translate'.*catalogue.*agent's own"):
            make_agent(make(), **fields).invoke({"messages": [HumanMessage("Go")]})
    form = tool("Answer", description="Not the form.")(translate)
    agent = make_agent(make(), catalogue=[form], response_format=ToolStrategy(Answer), select=lambda state: ["Answer"])
    with pytest.raises(KimiInputError, match=r"'Answer'.*used once"):
        agent.invoke({"messages": [HumanMessage("Go")]})
    assert kimi.requests == []


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        ({"tools": []}, "nothing to load"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "a function or a BaseTool"),
        ({"tools": [Answer]}, "a function or a BaseTool"),
        ({"tools": CATALOGUE, "loader": None}, "pass select"),
        ({"tools": CATALOGUE, "loader": "9"}, "starts with a letter"),
        ({"tools": CATALOGUE, "unsupported": "send"}, "'warn' or 'error'"),
    ],
)
def test_unusable_arguments_are_refused(arguments: Any, value: str) -> None:
    with pytest.raises(KimiInputError, match=value):
        KimiDynamicToolsMiddleware(**arguments)


# ------------------------------------------------------------------------------------------- other models


@HOW
async def test_other_models_get_loaded_tools_in_the_request(kimi: Emulator, make: Make, how: str) -> None:
    kimi.script(
        Reply(tool_calls=[load("translate")]),
        Reply(tool_calls=[ToolCall("translate", {"text": "abc"})]),
        Reply(content="cba"),
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", KimiWarning)
        messages = await run(make_agent(make(model="kimi-k2.6")), how, "Go")
    (warning,) = (str(w.message) for w in caught if w.category is KimiWarning)
    assert "kimi-k2.6 takes no tools in messages" in warning
    assert [sorted(names_of(chat)) for chat in kimi.chats] == [
        ["get_weather", "load_tools"],
        *[["get_weather", "load_tools", "translate"]] * 2,
    ]
    assert names_per_message(kimi.chats[-1]) == []
    assert messages[-2].text == "cba"


def test_a_thread_changes_models_and_back(kimi: Emulator, make: Make) -> None:
    saver, config = InMemorySaver(), {"configurable": {"thread_id": "1"}}
    kimi.script(Reply(tool_calls=[load("translate")]), Reply(content="Ready."))
    make_agent(make(), checkpointer=saver).invoke({"messages": [HumanMessage("1")]}, config)
    with pytest.warns(KimiWarning, match="no tools in messages"):
        make_agent(make(model="kimi-k2.6"), checkpointer=saver).invoke({"messages": [HumanMessage("2")]}, config)
    make_agent(make(), checkpointer=saver).invoke({"messages": [HumanMessage("3")]}, config)
    assert [names_per_message(chat) for chat in kimi.chats[1:]] == [[["translate"]], [], [["translate"]]]
    assert "translate" in names_of(kimi.chats[2])
    check_prefix([kimi.chats[1], kimi.chats[3]])


def test_a_model_named_for_one_call_counts(kimi: Emulator, make: Make) -> None:
    class Cheaper(AgentMiddleware):
        def wrap_model_call(self, request: Any, handler: Any) -> Any:
            return handler(request.override(model_settings={"model": "kimi-k2.6"}))

    dynamic = KimiDynamicToolsMiddleware(CATALOGUE, select=lambda state: ["translate"])
    agent: Any = create_agent(make(), [get_weather], middleware=[Cheaper(), dynamic])
    with pytest.warns(KimiWarning, match=r"kimi-k2\.6 takes no tools in messages"):
        agent.invoke({"messages": [HumanMessage("Go")]})
    assert "translate" in names_of(kimi.chats[0])


def test_other_vendors_never_see_a_message_with_tools() -> None:
    seen: list[Any] = []

    class Other(GenericFakeChatModel):
        def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
            seen.append([each.name for each in tools])
            return self

        def _generate(self, messages: Any, *args: Any, **kwargs: Any) -> Any:
            seen.append([type(m).__name__ for m in messages])
            return super()._generate(messages, *args, **kwargs)

    model = Other(messages=iter([AIMessage("Done.")]))
    agent = make_agent(model, select=lambda state: ["translate"])
    with pytest.warns(KimiWarning, match="Other takes no tools in messages"):
        agent.invoke({"messages": [HumanMessage("Go")]})
    assert seen == [["load_tools", "get_weather", "translate"], ["HumanMessage"]]


def test_whoever_wants_no_fallback_gets_an_error(kimi: Emulator, make: Make) -> None:
    agent = make_agent(make(model="kimi-k2.7-code"), select=lambda state: ["translate"], unsupported="error")
    with pytest.raises(KimiInputError, match="use a K3 model"):
        agent.invoke({"messages": [HumanMessage("Go")]})
    assert kimi.requests == []


# ------------------------------------------------------------------------------------------- imports

_SCRIPT = """
import sys
import langchain_kimi
from langchain_kimi import *
print(sorted(name for name in sys.modules if name.split(".")[0] in ("langchain", "langgraph")))
assert langchain_kimi.KimiDynamicToolsMiddleware
assert "langchain" in sys.modules
"""


def test_langchain_is_loaded_when_the_middleware_is_named() -> None:
    done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_without_langchain_it_says_what_to_install() -> None:
    script = "import sys; sys.modules['langchain.agents.middleware.types'] = None; import langchain_kimi.middleware"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "pip install 'kimi-integrations[agents]'" in done.stderr


@pytest.mark.filterwarnings("ignore:.*cancelled:kimi_api.KimiWarning")
def test_an_answer_to_no_call_is_never_made_up(kimi: Emulator, make: Make) -> None:
    """A thread that stopped between call and result: the loading message waits with it."""
    agent = make_agent(make(repair="full"), select=lambda state: ["translate"])
    cut = AIMessage("", tool_calls=[{"name": "get_weather", "args": {"city": "Turku"}, "id": "c"}])
    agent.invoke({"messages": [HumanMessage("1"), cut, HumanMessage("2")]})
    assert [m["role"] for m in kimi.chats[0]["messages"]] == ["user", "assistant", "tool", "user", "system"]
