"""An answer that the platform's content filter withheld: 200 with finish_reason "content_filter", empty or cut off.

What the framework has for it (LangChain's refusal block and error) is tested with the adapter.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from contract_kit import Chat, user
from pydantic import BaseModel

from kimi_api import KimiRefusalError, KimiStructuredOutputError
from kimi_emulator import Emulator, Reply, ToolCall

Make = Callable[..., Chat]
SAID = r"withheld the answer.*finish_reason 'content_filter'.*[Cc]hange the wording"


class City(BaseModel):
    """A city."""

    name: str


def get_weather(city: str) -> str:
    """Current weather."""
    return city


@pytest.mark.parametrize("text", ["", "The first step is"])
def test_it_is_said_and_what_came_is_kept(kimi: Emulator, make: Make, text: str) -> None:
    kimi.script(Reply(content=text, finish_reason="content_filter"))
    outcome = make().attempt([user("How?")])
    assert outcome.error is None
    assert (outcome.text, outcome.finish_reason) == (text, "content_filter")
    (warning,) = outcome.warnings
    assert "withheld" in warning
    assert "hange the wording" in warning
    assert len(kimi.chats) == 1


def test_it_is_not_said_where_json_was_asked_for_whose_parser_says_it(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(content='{"name": "Tur', finish_reason="content_filter"))
    outcome = make(response_format={"type": "json_object"}).attempt([user("A city, as JSON?")])
    assert (outcome.warnings, outcome.finish_reason) == ([], "content_filter")


def test_the_turn_goes_back_as_it_came(kimi: Emulator, make: Make) -> None:
    kimi.script(Reply(content="The first step is", reasoning="R", finish_reason="content_filter"))
    chat = make()
    outcome = chat.attempt([user("How?")])
    chat.ask([user("How?"), outcome, user("And then?")])
    turn = kimi.chats[1]["messages"][1]
    assert turn == {"role": "assistant", "content": "The first step is", "reasoning_content": "R"}


@pytest.mark.parametrize("text", ["", '{"name": "Tur', '{"name": "Turku"}'])
@pytest.mark.parametrize("model", ["kimi-k3", "kimi-k2.6"])
def test_no_object_is_made_of_it(kimi: Emulator, make: Make, text: str, model: str) -> None:
    kimi.script(Reply(content=text, finish_reason="content_filter"))
    with pytest.raises(KimiRefusalError, match=SAID) as caught:
        make(model=model).predict(City, "A city?")
    error = caught.value
    assert isinstance(error, KimiStructuredOutputError)
    assert isinstance(error, ValueError)
    assert error.llm_output == text
    assert error.request_id
    assert len(kimi.chats) == 1


@pytest.mark.filterwarnings("ignore:kimi-k2")
@pytest.mark.parametrize("model", ["kimi-k3", "kimi-k2.6", "kimi-k2.7-code"])
def test_a_demanded_tool_is_not_demanded_again(kimi: Emulator, make: Make, model: str) -> None:
    kimi.script(Reply(content="No", finish_reason="content_filter"))
    with pytest.raises(KimiRefusalError, match=SAID):
        make(model=model).predict(City, "A city?", by_tool=True)
    assert len(kimi.chats) == 1


@pytest.mark.parametrize("tools", [(), (get_weather,)])
def test_an_agent_ends_with_what_came(kimi: Emulator, make: Make, tools: Any) -> None:
    kimi.script(
        *([Reply(tool_calls=[ToolCall("get_weather", {"city": "Turku"})])] if tools else []),
        Reply(content="It is", finish_reason="content_filter"),
    )
    with pytest.warns(match="withheld"):
        run = make().run_agent("How is the weather?", list(tools))
    assert run.text == "It is"
    assert len(kimi.chats) == 1 + len(tools)
