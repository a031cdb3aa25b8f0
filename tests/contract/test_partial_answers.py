"""What was received is never lost: errors about a whole answer bring it as `partial`.

Errors that break an answer are tested in test_whole_answers.py.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest
from contract_kit import Chat, partial, user
from pydantic import BaseModel

import kimi_api
from kimi_api import KimiReplyError, KimiStructuredOutputError
from kimi_emulator import Emulator, Reply, ToolCall

Make = Callable[..., Chat]


USAGE = {"prompt_tokens": 100, "completion_tokens": 11, "total_tokens": 111}


def reply_with(content: str = "", **more: Any) -> Reply:
    return Reply(content=content, reasoning="Hm.", usage=USAGE, **more)


class City(BaseModel):
    """A city."""

    name: str
    inhabitants: int


ANSWERS: list[Any] = [
    pytest.param(reply_with('{"name": "Tur', finish_reason="length"), id="cut"),
    pytest.param(reply_with('{"name": "Tur', finish_reason="content_filter"), id="withheld"),
    pytest.param(reply_with('{"name": "Turku"}'), id="a misfit"),
    pytest.param(reply_with("Turku."), id="no JSON"),
]


def check(error: Any, kimi: Emulator, content: str, reasoning: str | None = "Hm.") -> None:
    """`partial` is the answer, to the token, and crosses processes."""
    for each in (error, pickle.loads(pickle.dumps(error))):
        reply = each.partial
        assert isinstance(reply, kimi_api.Reply)
        assert (reply.content, reply.reasoning) == (content, reasoning)
        assert reply.request_id == each.request_id
        assert reply.model == "kimi-k3"
        assert reply.usage is not None
        assert reply.usage.total_tokens == 111 * len(kimi.chats)  # all that were asked for are paid for
        assert reply.usage.completion_tokens == 11 * len(kimi.chats)


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_object_that_is_none(kimi: Emulator, make: Make, answer: Reply) -> None:
    kimi.script(answer)
    with pytest.raises(KimiStructuredOutputError) as caught:
        make().predict(City, "A city?")
    check(caught.value, kimi, answer.content)
    assert caught.value.partial.finish_reason == (answer.finish_reason or "stop")


def test_a_call_that_was_demanded_and_did_not_come(kimi: Emulator, make: Make) -> None:
    kimi.script(reply_with("Turku."), reply_with("Turku."))
    with pytest.raises(kimi_api.KimiToolChoiceError) as caught:
        make().predict(City, "A city?", by_tool=True)
    check(caught.value, kimi, "Turku.")


def test_a_demanded_call_that_was_withheld(kimi: Emulator, make: Make) -> None:
    kimi.script(reply_with("It is", finish_reason="content_filter"))
    with pytest.raises(kimi_api.KimiRefusalError) as caught:
        make().predict(City, "A city?", by_tool=True)
    check(caught.value, kimi, "It is")


def test_a_call_whose_arguments_do_not_fit(kimi: Emulator, make: Make) -> None:
    kimi.script(reply_with(tool_calls=[ToolCall("City", '{"name": "Turku"}')]))
    with pytest.raises(KimiReplyError) as caught:
        make().predict(City, "A city?", by_tool=True)
    check(caught.value, kimi, "")
    (call,) = caught.value.partial.tool_calls
    assert (call.name, call.arguments) == ("City", '{"name": "Turku"}')


def test_what_came_can_be_gone_on_with(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(content="One, two, three, four.", reasoning="Easy."), Reply(content="and five."))
    kimi.fail("cut.answer")
    chat = make(join_prefix=True)
    error = chat.attempt([user("Count.")]).error
    assert isinstance(error, kimi_api.KimiConnectionError)
    came = error.partial
    assert came.content
    assert "One, two, three, four.".startswith(came.content)
    outcome = chat.ask([user("Count."), partial(came.content, reasoning=came.reasoning)])
    assert outcome.text == came.content + "and five."
    last = kimi.chats[-1]["messages"][-1]
    assert (last["content"], last["reasoning_content"], last["partial"]) == (came.content, "Easy.", True)
