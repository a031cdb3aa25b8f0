"""Answers with neither text nor a tool call, which an agent would take for its last word."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from contract_kit import Adapter, Chat, partial, user, wire_tool
from pydantic import BaseModel

from kimi_api import KimiEmptyReplyError, KimiError, KimiStructuredOutputError, KimiToolChoiceError, KimiWarning
from kimi_emulator import Emulator, Failure, Reply, ToolCall

Make = Callable[..., Chat]
TEXT, THOUGHT = "Turku, by the sea.", "let me think about it"
pytestmark = pytest.mark.usefixtures("waits")
whole = pytest.mark.ways("plain", "aplain")
streamed = pytest.mark.ways("streamed", "astreamed")
wires = pytest.mark.parametrize("wire", ["stream", "plain"])
models = pytest.mark.parametrize("model", ["kimi-k3", "kimi-k2.6"])

USAGE = {"prompt_tokens": 100, "completion_tokens": 11, "total_tokens": 111}
NOTHING = Reply("", reasoning="", usage=USAGE)
BLANK = Reply(" \n", reasoning="", usage=USAGE)
THINKING = Reply("", reasoning=THOUGHT, usage=USAGE)
ANNOUNCED = Reply("", reasoning=THOUGHT, finish_reason="tool_calls", usage=USAGE)
PREAMBLE = Reply("Let me look.", reasoning="", finish_reason="tool_calls", usage=USAGE)
EMPTY = {"nothing": NOTHING, "blank": BLANK, "thinking": THINKING, "announced": ANNOUNCED, "preamble": PREAMBLE}
empties = pytest.mark.parametrize("empty", EMPTY.values(), ids=EMPTY.keys())
SHOWN = {name: reply for name, reply in EMPTY.items() if name != "nothing"}


# ---------------------------------------------------------------------------------------------------- asked again


@whole
@wires
@models
@empties
def test_it_is_asked_for_again(kimi: Emulator, make: Make, model: str, wire: str, empty: Reply) -> None:
    kimi.script(empty, Reply(TEXT, reasoning="Now.", usage=USAGE))
    outcome = make(model=model, wire=wire).attempt("?")
    assert (outcome.text, outcome.reasoning, outcome.finish_reason) == (TEXT, "Now.", "stop")
    assert (outcome.error, outcome.warnings) == (None, [])
    assert kimi.chats[0] == kimi.chats[1]
    assert outcome.usage is not None
    assert outcome.usage.total_tokens == 222  # both are paid for


@whole
@wires
@models
@empties
def test_an_error_says_so_when_no_retries_are_left(
    kimi: Emulator, make: Make, adapter: Adapter, model: str, wire: str, empty: Reply
) -> None:
    kimi.script(*[empty] * 3)
    error = make(model=model, wire=wire).attempt("?").error
    assert isinstance(error, KimiEmptyReplyError)
    assert len(kimi.chats) == 3
    assert f"{model} " in str(error)
    assert "(asked 3 times). What to do: send the request again, or raise max_retries" in str(error)
    for each in (error, pickle.loads(pickle.dumps(error))):
        assert type(each) is type(error)
        assert each.retryable
        assert (each.partial.content, each.partial.reasoning) == (empty.content, empty.reasoning)
        assert each.partial.usage.total_tokens == 333
        assert each.request_id == each.partial.request_id
        assert each.request_id


def test_the_error_is_langchains_own_too(kimi: Emulator, adapter: Adapter) -> None:
    kimi.script(THINKING)
    error = adapter.make("plain", max_retries=0).attempt("?").error
    assert isinstance(error, KimiEmptyReplyError)
    if type(adapter).__name__ == "LangChain":
        from langchain_core.exceptions import ModelError

        from langchain_kimi.errors import ChatKimiEmptyReplyError

        assert type(error) is ChatKimiEmptyReplyError
        assert isinstance(error, ModelError)
        assert error.is_retryable
    else:
        assert type(error) is KimiEmptyReplyError


@whole
@pytest.mark.parametrize("retries", [0, 1, 2, 3])
def test_failures_and_empty_answers_share_the_retries(kimi: Emulator, make: Make, retries: int) -> None:
    failure = Failure(503)
    kimi.script(failure, THINKING, failure, THINKING, failure)
    error = make(max_retries=retries).attempt("?").error
    assert isinstance(error, KimiError)
    assert len(kimi.requests) == retries + 1
    assert isinstance(error, KimiEmptyReplyError) is (retries in (1, 3))


@whole
def test_retries_of_one_call_count(kimi: Emulator, make: Make) -> None:
    kimi.script(THINKING, THINKING)
    assert isinstance(make().attempt("?", max_retries=0).error, KimiEmptyReplyError)
    assert len(kimi.chats) == 1


@whole
def test_an_agent_goes_on(kimi: Emulator, make: Make) -> None:
    def look(city: str) -> str:
        """Look."""
        return f"{city}: sun"

    kimi.script(ANNOUNCED, Reply(tool_calls=[ToolCall("look", {"city": "Turku"})]), THINKING, Reply("Sun."))
    assert make().run_agent("?", [look]).text == "Sun."
    assert len(kimi.chats) == 4


# ---------------------------------------------------------------------------------------------------- streams


@streamed
@models
def test_a_stream_that_has_shown_nothing_is_asked_for_again(kimi: Emulator, make: Make, model: str) -> None:
    kimi.script(NOTHING, Reply(TEXT, reasoning="Now.", usage=USAGE))
    outcome = make(model=model).attempt("?")
    assert (outcome.text, outcome.reasoning, outcome.finish_reason) == (TEXT, "Now.", "stop")
    assert (outcome.error, outcome.warnings) == (None, [])
    assert outcome.usage is not None
    assert outcome.usage.total_tokens == 222


@streamed
@models
@pytest.mark.parametrize("empty", SHOWN.values(), ids=SHOWN.keys())
def test_a_stream_that_has_shown_something_is_an_error(kimi: Emulator, make: Make, model: str, empty: Reply) -> None:
    kimi.script(empty, Reply(TEXT))
    outcome = make(model=model).attempt("?")
    assert isinstance(outcome.error, KimiEmptyReplyError)
    assert "already shown, so the request was not repeated" in str(outcome.error)
    assert (outcome.error.partial.content, outcome.error.partial.reasoning) == (empty.content, empty.reasoning)
    assert outcome.error.partial.usage.total_tokens == 111
    assert len(kimi.chats) == 1


# ---------------------------------------------------------------------------------------------------- as it was


@empties
@pytest.mark.parametrize("by_call", [False, True])
def test_it_is_given_back_where_that_is_wanted(kimi: Emulator, make: Make, empty: Reply, by_call: bool) -> None:
    kimi.script(empty)
    settings: dict[str, Any] = {"empty_answers": "warn"}
    outcome = make().attempt("?", **settings) if by_call else make(**settings).attempt("?")
    assert outcome.error is None
    assert outcome.text == empty.content
    assert len(kimi.chats) == 1
    assert len(outcome.warnings) == (empty is not BLANK)


@pytest.mark.parametrize(
    ("reply", "call"),
    [
        (Reply("", reasoning=THOUGHT, finish_reason="length"), {}),
        (Reply("", reasoning=THOUGHT, finish_reason="content_filter"), {}),
        (THINKING, {"stop": ["END"]}),
    ],
    ids=["length", "withheld", "stop word"],
)
def test_a_cut_answer_is_not_paid_for_again(kimi: Emulator, make: Make, reply: Reply, call: dict[str, Any]) -> None:
    kimi.script(reply)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", KimiWarning)
        outcome = make().ask("?", **call)
    assert outcome.text == ""
    assert len(kimi.chats) == 1


@pytest.mark.parametrize("empty", [NOTHING, THINKING], ids=["nothing", "thinking"])
def test_a_continuation_may_have_nothing_to_add(kimi: Emulator, make: Make, empty: Reply) -> None:
    kimi.script(empty)
    outcome = make(join_prefix=True).attempt([user("?"), partial("All is said.")])
    assert (outcome.text, outcome.error, outcome.warnings) == ("All is said.", None, [])
    assert len(kimi.chats) == 1


@whole
@wires
def test_an_answer_that_was_continued_by_itself_may_end_there(kimi: Emulator, make: Make, wire: str) -> None:
    kimi.script(Reply("All is said.", finish_reason="length"), THINKING)
    outcome = make(auto_continue=2, wire=wire).attempt("?")
    assert (outcome.text, outcome.error) == ("All is said.", None)
    assert len(kimi.chats) == 2


# ---------------------------------------------------------------------------------------------------- objects, calls


class City(BaseModel):
    """A city."""

    name: str


@whole
@pytest.mark.parametrize("by_tool", [False, True])
def test_an_object_is_asked_for_again(kimi: Emulator, make: Make, by_tool: bool) -> None:
    good = Reply(tool_calls=[ToolCall("City", {"name": "Turku"})]) if by_tool else Reply('{"name": "Turku"}')
    kimi.script(THINKING, good)
    assert make().predict(City, "?", by_tool=by_tool) == City(name="Turku")
    assert len(kimi.chats) == 2


@whole
def test_an_object_that_never_comes_is_an_error_of_its_own(kimi: Emulator, make: Make) -> None:
    """A ValueError: the frameworks' extractors go on with the next chunk then."""
    kimi.script(*[THINKING] * 3)
    with pytest.raises(KimiStructuredOutputError):
        make().predict(City, "?")
    assert len(kimi.chats) == 3


@whole
def test_a_demanded_call_that_never_comes_is_an_error_of_its_own(kimi: Emulator, make: Make) -> None:
    kimi.script(*[THINKING] * 6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", KimiWarning)
        with pytest.raises(KimiToolChoiceError) as caught:
            make().ask("?", tools=[wire_tool("look")], tool_choice="look")
    assert caught.value.partial.reasoning == THOUGHT
    assert len(kimi.chats) <= 6
