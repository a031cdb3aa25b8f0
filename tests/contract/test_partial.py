"""Partial mode: an answer that continues what the user began."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from contract_kit import Adapter, Chat, partial, user, wire_tool
from pydantic import BaseModel

from kimi_api import KimiInputError
from kimi_emulator import Emulator, Reply, ToolCall

Make = Callable[..., Chat]
BEGUN = [user("JSON?"), partial("{")]


class Answer(BaseModel):
    """An answer."""

    a: int


@pytest.mark.parametrize("join", [False, True])
def test_an_answer_continues_its_beginning_and_is_joined_when_asked(kimi: Emulator, make: Make, join: bool) -> None:
    kimi.script(Reply(content='"a": 1}', reasoning="r"))
    outcome = make(join_prefix=join).ask(BEGUN)
    assert outcome.text == "".join(outcome.pieces) == ('{"a": 1}' if join else '"a": 1}')
    assert outcome.reasoning == "r"
    assert kimi.chats[0]["messages"][-1] == {"role": "assistant", "content": "{", "partial": True}


def test_joining_is_chosen_per_call_too(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(content="}"), Reply(content="}"), Reply(content="}"))
    assert make().ask(BEGUN, join_prefix=True).text == "{}"
    assert make().ask(BEGUN).text == "}"
    assert make(join_prefix=True).ask(BEGUN, join_prefix=False).text == "}"


def test_the_prefix_of_an_empty_continuation_is_there_once(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(content=""))
    outcome = make(join_prefix=True).ask(BEGUN)
    assert outcome.text == "".join(outcome.pieces) == "{"


def test_nothing_is_joined_where_nothing_was_begun(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(content="Hello."))
    assert make(join_prefix=True).ask("Hi").text == "Hello."


def test_a_beginning_that_led_to_a_call_is_joined_too(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(content="", reasoning="r", tool_calls=[ToolCall("get_weather", {"city": "Turku"})]))
    outcome = make(join_prefix=True).ask([user("?"), partial("Let me look.")], tools=[wire_tool("get_weather")])
    assert outcome.text == "".join(outcome.pieces) == "Let me look."


def test_a_prefix_is_joined_once_when_the_answer_is_continued(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply("b", reasoning="t", finish_reason="length"), Reply("c", reasoning="t"))
    outcome = make(auto_continue=1, join_prefix=True).ask([user("x"), partial("a")])
    assert outcome.text == "".join(outcome.pieces) == "abc"


def test_a_voice_and_the_thinking_so_far_go_along(kimi: Emulator, make: Make) -> None:
    make().ask([user("Who?"), partial("", name="Kelsier", reasoning="I am he.")])
    assert kimi.chats[0]["messages"][-1] == {
        "role": "assistant",
        "content": "",
        "name": "Kelsier",
        "reasoning_content": "I am he.",
        "partial": True,
    }


def test_an_answer_that_is_joined_goes_back_whole(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(content='"a": 1}', reasoning="r"))
    chat = make(join_prefix=True)
    chat.ask([user("JSON?"), chat.ask(BEGUN), user("Thanks")])
    sent = kimi.chats[-1]["messages"][1]
    assert sent == {"role": "assistant", "content": '{"a": 1}', "reasoning_content": "r"}


def test_a_beginning_must_stand_last(kimi: Emulator, make: Make) -> None:
    with pytest.raises(KimiInputError, match="must be the last one"):
        make().ask([*BEGUN, user("?")])
    assert kimi.requests == []


def test_json_mode_and_a_beginning_exclude_each_other(kimi: Emulator, make: Make) -> None:
    with pytest.raises(KimiInputError, match="cannot be combined"):
        make().ask(BEGUN, response_format={"type": "json_object"})
    assert kimi.requests == []


def test_a_stored_beginning_is_one_still(kimi: Emulator, adapter: Adapter) -> None:
    chat = adapter.make()
    kimi.script(Reply(content='"a": 1}'))
    begun = adapter.native_messages(BEGUN)
    assert chat.ask(adapter.through_json(begun)).text == '"a": 1}'
    assert kimi.chats[0]["messages"][-1]["partial"] is True
