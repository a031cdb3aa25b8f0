"""`KimiBatch`: chats go in, the responses of `chat` come back, or what it would have raised."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, TextBlock, ThinkingBlock
from llama_index.core.llms.mock import MockLLM
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel

from kimi_api import KimiInputError, KimiReplyError
from kimi_emulator import Emulator, Reply, ToolCall
from llama_index_kimi import Kimi, KimiBatch

Make = Callable[..., Kimi]


class City(BaseModel):
    """A city."""

    name: str
    people: int


def look(place: str) -> str:
    """Look at a place."""
    return place


@pytest.fixture
def llm(make: Make) -> Kimi:
    return make(model="kimi-k2.6")


@pytest.fixture(params=["sync", "async"])
def run(request: pytest.FixtureRequest) -> Callable[..., dict[str, Any]]:
    """Submit, wait and read, in one of two ways."""

    def ran(batch: KimiBatch, inputs: Any, **how: Any) -> dict[str, Any]:
        if request.param == "sync":
            return batch.submit(inputs).poll_until_done(poll=0.005).results(**how)

        async def twin() -> dict[str, Any]:
            await batch.asubmit(inputs)
            await batch.apoll_until_done(poll=0.005)
            return await batch.aresults(**how)

        return asyncio.run(twin())

    return ran


def bodies(kimi: Emulator) -> list[dict[str, Any]]:
    """The request bodies of the input files on the platform."""
    files = [file.path.read_text("utf-8") for file in kimi.files.values() if file.filename.startswith("kimi-batch-")]
    return [json.loads(line)["body"] for text in files for line in text.split("\n") if line]


def test_responses_are_those_of_a_live_chat(kimi: Emulator, llm: Kimi, run: Any) -> None:
    reply = Reply(content="Sixteen.", reasoning="4 times 4")
    kimi.script(reply, reply)
    live = llm.chat([ChatMessage("What is 4 times 4?")], wire="plain")  # as lines are
    answer = run(KimiBatch(llm), {"sum": "What is 4 times 4?"})["sum"]
    assert isinstance(answer, ChatResponse)
    thinking, text = answer.message.blocks
    assert isinstance(thinking, ThinkingBlock)
    assert isinstance(text, TextBlock)
    assert (thinking.content, text.text) == ("4 times 4", "Sixteen.")
    assert answer.message == live.message
    total = answer.additional_kwargs["total_tokens"]
    assert total == live.additional_kwargs["total_tokens"] > 0
    assert isinstance(answer.raw, dict)
    assert answer.raw["usage"]["total_tokens"] == total
    assert bodies(kimi) == [kimi.chats[0]]
    assert kimi.report == []


def test_inputs_are_texts_messages_and_histories(kimi: Emulator, llm: Kimi, run: Any) -> None:
    kimi.script(*(Reply(content=str(number)) for number in range(3)))
    chats = ["zero", ChatMessage("one"), [ChatMessage("Count.", role="system"), ChatMessage("two")]]
    answers = run(KimiBatch(llm), chats)
    assert [answer.message.content for answer in answers.values()] == ["0", "1", "2"]
    assert [len(body["messages"]) for body in bodies(kimi)] == [1, 1, 2]


def test_tools_go_out_and_their_calls_come_back(kimi: Emulator, llm: Kimi, run: Any) -> None:
    kimi.script(Reply(tool_calls=[ToolCall("look", {"place": "Turku"})], reasoning="where"), Reply(content="Nice."))
    tool = FunctionTool.from_defaults(look)
    first = run(KimiBatch(llm, tools=[tool], max_tokens=900), {"a": "Look at Turku"})["a"]
    [selection] = llm.get_tool_calls_from_response(first)
    assert (selection.tool_name, selection.tool_kwargs) == ("look", {"place": "Turku"})
    result = ChatMessage("a town", role="tool", additional_kwargs={"tool_call_id": selection.tool_id})
    history = [ChatMessage("Look at Turku"), first.message, result]
    assert run(KimiBatch(llm, tools=[tool]), {"a": history})["a"].message.content == "Nice."
    assert bodies(kimi)[0]["max_completion_tokens"] == 900
    assert bodies(kimi)[-1]["messages"][1]["reasoning_content"] == "where"
    assert [each["function"]["name"] for each in bodies(kimi)[-1]["tools"]] == ["look"]
    assert kimi.report == []


def test_structured_models_give_objects_and_readable_errors(kimi: Emulator, llm: Kimi, run: Any) -> None:
    kimi.script(
        Reply(content='{"name": "Turku", "people": 206000}'),
        Reply(content='{"name":"Turku","people":"many"}'),
        Reply(content='{"name":"Tur', finish_reason="length"),
    )
    batch = KimiBatch(llm.as_structured_llm(City))
    good, unfit, cut = run(batch, ["Turku?", "Turku?", "Turku?"]).values()
    assert good.raw == City(name="Turku", people=206000)
    assert good.message.content == '{"name":"Turku","people":206000}'
    assert good.additional_kwargs["total_tokens"] > 0
    assert isinstance(unfit, KimiReplyError)
    assert "the answer is no City" in str(unfit)
    assert isinstance(cut, KimiReplyError)
    assert "Raise max_tokens" in str(cut)
    assert bodies(kimi)[0]["response_format"]["json_schema"]["name"] == "City"
    assert kimi.report == []


def test_misuse_is_told_before_anything_is_sent(kimi: Emulator, llm: Kimi) -> None:
    with pytest.raises(KimiInputError, match="it is a Kimi"):
        KimiBatch(MockLLM())  # type: ignore[arg-type]
    with pytest.raises(KimiInputError, match="max_tokens"):
        KimiBatch(llm, max_token=5).submit(["a"])
    assert kimi.requests == []
