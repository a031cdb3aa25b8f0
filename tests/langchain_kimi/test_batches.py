"""`KimiBatch`: what goes in, what comes back, and a chain that is cut where the batch takes over."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import openai
import pytest
from langchain_core.exceptions import ModelRateLimitError
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda
from pydantic import BaseModel

from kimi_api import KimiInputError
from kimi_emulator import Emulator, Failure, Reply, ToolCall
from langchain_kimi import ChatKimi, KimiBatch, KimiStructuredOutputError

Make = Callable[..., ChatKimi]


class City(BaseModel):
    """A city."""

    name: str
    people: int


@pytest.fixture
def llm(make: Make) -> ChatKimi:
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


def test_messages_come_back_as_invoke_would_give_them(kimi: Emulator, llm: ChatKimi, run: Any) -> None:
    reply = Reply(content="Sixteen.", reasoning="4 times 4")
    kimi.script(reply, reply)
    live = llm.invoke("What is 4 times 4?", wire="plain")  # as lines are
    answer = run(KimiBatch(llm), {"sum": "What is 4 times 4?"})["sum"]
    assert isinstance(answer, AIMessage)
    assert answer.content == "Sixteen."
    assert answer.additional_kwargs["reasoning_content"] == "4 times 4"
    assert [block["type"] for block in answer.content_blocks] == ["reasoning", "text"]
    assert answer.usage_metadata is not None
    assert live.usage_metadata is not None
    assert answer.usage_metadata["total_tokens"] == live.usage_metadata["total_tokens"]
    own = {"id", "request_id", "trace_id", "token_usage"}
    assert {k: v for k, v in answer.response_metadata.items() if k not in own} == {
        k: v for k, v in live.response_metadata.items() if k not in own
    }
    assert bodies(kimi) == [kimi.chats[0]]
    assert kimi.report == []


def test_inputs_have_all_the_forms_that_invoke_takes(kimi: Emulator, llm: ChatKimi, run: Any) -> None:
    kimi.script(*(Reply(content=str(number)) for number in range(3)))
    answers = run(KimiBatch(llm), ["zero", [HumanMessage("one")], [("system", "Count."), ("user", "two")]])
    assert [answer.content for answer in answers.values()] == ["0", "1", "2"]
    assert [len(body["messages"]) for body in bodies(kimi)] == [1, 1, 2]


def test_structured_output_gives_objects_and_readable_errors(kimi: Emulator, llm: ChatKimi, run: Any) -> None:
    kimi.script(
        Reply(content='{"name":"Turku","people":206000}'),
        Reply(content='{"name":"Turku","people":"many"}'),
        Reply(content='{"name":"Tur', finish_reason="length"),
    )
    batch = KimiBatch(llm.with_structured_output(City))
    good, unfit, cut = run(batch, ["Turku?", "Turku?", "Turku?"]).values()
    assert good == City(name="Turku", people=206000)
    assert isinstance(unfit, KimiStructuredOutputError)
    assert "does not fit the schema" in str(unfit)
    assert isinstance(cut, KimiStructuredOutputError)
    assert "Raise max_tokens" in str(cut)
    assert bodies(kimi)[0]["response_format"]["type"] == "json_schema"


@pytest.mark.filterwarnings("ignore:kimi-k2.6")
def test_structured_output_by_function_call(kimi: Emulator, llm: ChatKimi, run: Any) -> None:
    kimi.script(Reply(tool_calls=[ToolCall("City", {"name": "Turku", "people": 1})]))
    batch = KimiBatch(llm.with_structured_output(City, method="function_calling"))
    assert run(batch, {"a": "Turku?"})["a"] == City(name="Turku", people=1)


def test_a_prompt_in_front_and_a_parser_behind_do_their_part(kimi: Emulator, llm: ChatKimi, run: Any) -> None:
    kimi.script(Reply(content="wet"), Reply(content="dry"))
    prompt = ChatPromptTemplate.from_messages([("system", "One word."), ("user", "What is {place} like?")])
    chain = prompt | llm.bind(max_tokens=700) | StrOutputParser() | RunnableLambda(str.upper)
    assert run(KimiBatch(chain), {"a": {"place": "Bergen"}, "b": {"place": "Lima"}}) == {"a": "WET", "b": "DRY"}
    assert [body["messages"][1]["content"] for body in bodies(kimi)] == ["What is Bergen like?", "What is Lima like?"]
    assert {body["max_completion_tokens"] for body in bodies(kimi)} == {700}


def test_errors_stand_beside_answers_and_are_langchains_too(kimi: Emulator, llm: ChatKimi, run: Any) -> None:
    busy = Failure(429, "engine_overloaded_error", "The engine is currently overloaded, please try again later")
    kimi.script(Reply(content="fine"), busy)
    answers = run(KimiBatch(llm), {"a": "one", "b": "two"})
    assert answers["a"].content == "fine"
    assert isinstance(answers["b"], ModelRateLimitError)
    assert isinstance(answers["b"], openai.RateLimitError)
    assert answers["b"].status_code == 429


def test_content_blocks_when_the_model_gives_them(kimi: Emulator, make: Make, run: Any) -> None:
    kimi.script(Reply(content="Yes.", reasoning="so"), Reply(content="Yes.", reasoning="so"))
    llm = make(model="kimi-k2.6", output_version="v1")
    answer = run(KimiBatch(llm), {"a": "Is it?"})["a"]
    live = llm.invoke("Is it?")
    assert answer.content == live.content
    assert answer.response_metadata["output_version"] == "v1"


# ------------------------------------------------------------------------------------------------- refused before


def test_a_model_that_nobody_knows_is_left_to_the_platform(kimi: Emulator, make: Make) -> None:
    with pytest.warns(UserWarning, match="kimi-k3.1-pro-nope"):
        KimiBatch(make(model="kimi-k3.1-pro-nope")).submit(["a"])
    assert len(kimi.batches) == 1


@pytest.mark.parametrize(
    "chain",
    [
        lambda llm: StrOutputParser(),
        lambda llm: llm.with_fallbacks([llm]),
        lambda llm: llm | StrOutputParser() | llm,
        lambda llm: llm.with_structured_output(City, include_raw=True),
        lambda llm: {"a": llm} | StrOutputParser(),
    ],
)
def test_chains_that_a_batch_cannot_run(llm: ChatKimi, chain: Callable[[ChatKimi], Any]) -> None:
    with pytest.raises(KimiInputError, match="exactly one of them"):
        KimiBatch(chain(llm))


def test_misuse_is_told_before_anything_is_sent(kimi: Emulator, llm: ChatKimi) -> None:
    with pytest.raises(KimiInputError, match="at least one batch"):
        KimiBatch.from_id(llm)
    with pytest.raises(KimiInputError, match="a text, a list of messages or a prompt value"):
        KimiBatch(llm).submit([7])
    assert kimi.requests == []
