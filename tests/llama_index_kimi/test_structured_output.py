"""Structured prediction: the schema goes along as `response_format`, and a bad answer says what to do."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from typing import Any, Literal

import pytest
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.llms import ChatMessage
from llama_index.core.memory import Memory
from llama_index.core.output_parsers import PydanticOutputParser
from llama_index.core.prompts import ChatPromptTemplate, PromptTemplate
from llama_index.core.types import PydanticProgramMode
from pydantic import BaseModel, Field, model_validator
from pydantic_core import from_json

from kimi_api._warn import KimiWarning
from kimi_api.errors import KimiInputError, KimiToolChoiceError
from kimi_emulator import Emulator, Reply, ToolCall
from llama_index_kimi import Kimi, _streaming
from llama_index_kimi._structured import response_format


class Song(BaseModel):
    title: str
    seconds: int = Field(gt=0)
    day: datetime.date | None = None


class Album(BaseModel):
    """A record."""

    name: str
    songs: list[Song]


ALBUM = {"name": "月", "songs": [{"title": "One", "seconds": 60, "day": "2026-01-02"}]}
TEXT = json.dumps(ALBUM, ensure_ascii=False)
PROMPT = PromptTemplate("An album about {topic}")
HOWS = ("plain", "async", "streamed", "async streamed")


async def predict(llm: Kimi, how: str, cls: Any = Album, **options: Any) -> Any:
    if how == "plain":
        return llm.structured_predict(cls, PROMPT, topic="moons", **options)
    if how == "async":
        return await llm.astructured_predict(cls, PROMPT, topic="moons", **options)
    if how == "streamed":
        return list(llm.stream_structured_predict(cls, PROMPT, topic="moons", **options))[-1]
    stream = await llm.astream_structured_predict(cls, PROMPT, topic="moons", **options)
    return [x async for x in stream][-1]


def test_an_answer_that_thinking_ate_is_warned_of_where_the_caller_reads_it(kimi: Emulator, llm: Kimi) -> None:
    kimi.script(Reply(content="", reasoning="long", finish_reason="length"))
    with pytest.warns(KimiWarning, match="Raise max_tokens"):
        llm.chat([ChatMessage("x")], response_format=response_format(Album))


def test_streamed_objects_grow_and_show_unfinished_strings(kimi: Emulator, llm: Kimi) -> None:
    kimi.script(Reply(content=TEXT, pieces=[{"content": letter} for letter in TEXT]))
    objects = list(llm.stream_structured_predict(Album, PROMPT, topic="moons"))
    songs = [song for o in objects for song in (o.songs or []) if isinstance(song, dict)]
    assert {"title": "O"} in songs
    assert {"title": "One", "seconds": 6} not in songs  # a number counts once its end is seen
    assert objects[-1] == Album.model_validate(ALBUM)


@pytest.mark.parametrize("how", HOWS)
async def test_what_is_no_pydantic_class_is_refused(kimi: Emulator, llm: Kimi, how: str) -> None:
    for cls in (dict, Album(name="x", songs=[])):
        with pytest.raises(KimiInputError, match=r"output_cls: got .*, but it is a pydantic model class"):
            await predict(llm, how, cls)
    assert kimi.chats == []


class Choice(BaseModel):
    colour: Literal["red", "green"]
    names: list[Literal["Ada", "Bo"]]


def test_streamed_objects_of_unfinished_words_do_not_fail(kimi: Emulator, llm: Kimi) -> None:
    text = '{"colour": "green", "names": ["Ada", "Bo"]}'
    kimi.script(Reply(content=text, pieces=[{"content": letter} for letter in text]))
    objects = list(llm.stream_structured_predict(Choice, PROMPT, topic="moons"))
    assert objects[-1] == Choice(colour="green", names=["Ada", "Bo"])
    assert any(o.colour == "gre" for o in objects)


@pytest.mark.parametrize("how", ["streamed", "async streamed"])
async def test_streamed_objects_cost_the_same_per_piece_however_long(
    kimi: Emulator, llm: Kimi, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Counted in characters read: with a reading for each piece, eight times the length would cost 64 times as much."""
    read = []

    def counting(text: str, **how: Any) -> Any:
        read.append(len(text))
        return from_json(text, **how)

    monkeypatch.setattr(_streaming, "from_json", counting)
    costs = []
    for songs in (100, 800):
        text = json.dumps({"name": "x", "songs": [{"title": f"Song {n}", "seconds": 60} for n in range(songs)]})
        kimi.script(Reply(content=text, pieces=[{"content": text[at : at + 8]} for at in range(0, len(text), 8)]))
        read.clear()
        album = await predict(llm, how)
        assert len(album.songs) == songs
        costs.append(sum(read))
        assert len(read) > 200  # it still streams
    assert costs[1] < 12 * costs[0]


async def test_as_structured_llm_works_in_every_way_core_offers(kimi: Emulator, llm: Kimi) -> None:
    kimi.script(*[Reply(content=TEXT)] * 8)
    structured = llm.as_structured_llm(Album)
    messages = [ChatMessage("An album about {braces}")]
    answers: list[Any] = [structured.chat(messages), await structured.achat(messages)]
    answers += [structured.complete("x"), await structured.acomplete("x")]
    answers += [list(structured.stream_complete("x"))[-1]]
    answers += [[r async for r in await structured.astream_complete("x")][-1]]
    answers += [list(structured.stream_chat(messages))[-1]]
    answers += [[r async for r in await structured.astream_chat(messages)][-1]]
    assert [answer.raw for answer in answers] == [Album.model_validate(ALBUM)] * 8
    assert kimi.chats[0]["messages"] == [{"role": "user", "content": "An album about {braces}"}]


def test_prompt_templates_are_not_altered(kimi: Emulator, llm: Kimi) -> None:
    kimi.script(*[Reply(content=TEXT)] * 2)
    plain, chat = PromptTemplate("{topic}"), ChatPromptTemplate([ChatMessage("About {topic}")])
    before = plain.model_dump_json(), chat.model_dump_json()
    for prompt in (plain, chat):
        llm.structured_predict(Album, prompt, topic="moons")
    assert (plain.model_dump_json(), chat.model_dump_json()) == before
    assert plain.output_parser is None


@pytest.mark.parametrize("model", ["kimi-k3", "kimi-k2.6"])
def test_function_mode_goes_through_a_tool_as_the_model_takes_it(
    kimi: Emulator, make: Callable[..., Kimi], model: str
) -> None:
    kimi.script(Reply(tool_calls=[ToolCall("Album", ALBUM)]))
    llm = make(model=model, pydantic_program_mode=PydanticProgramMode.FUNCTION)
    if model == "kimi-k2.6":
        with pytest.warns(KimiWarning, match="thinking is off for this call"):
            album = llm.structured_predict(Album, PROMPT, topic="moons")
    else:
        album = llm.structured_predict(Album, PROMPT, topic="moons")
    assert album == Album.model_validate(ALBUM)
    assert "response_format" not in kimi.chats[0]


@pytest.mark.parametrize("how", HOWS)
async def test_function_mode_demands_the_tool_streamed_or_not(
    kimi: Emulator, make: Callable[..., Kimi], how: str
) -> None:
    llm = make(pydantic_program_mode=PydanticProgramMode.FUNCTION)
    kimi.script(Reply(tool_calls=[ToolCall("Album", ALBUM)]), *[Reply(content="No.")] * 2)
    assert await predict(llm, how) == Album.model_validate(ALBUM)
    assert kimi.chats[0]["tool_choice"] == "required"
    with pytest.raises(KimiToolChoiceError, match="a call of 'Album' was demanded"):
        await predict(llm, how)
    assert llm.additional_kwargs == {}


async def test_text_mode_goes_core_s_way(kimi: Emulator, make: Callable[..., Kimi]) -> None:
    kimi.script(Reply(content=f"```json\n{TEXT}\n```"))
    llm = make(pydantic_program_mode=PydanticProgramMode.LLM)
    prompt = PromptTemplate("About {topic}", output_parser=PydanticOutputParser(Album))
    assert (await llm.astructured_predict(Album, prompt, topic="moons")) == Album.model_validate(ALBUM)


async def test_an_agent_may_answer_with_an_object(kimi: Emulator, llm: Kimi, memory: Memory) -> None:
    def look_up(topic: str) -> str:
        """Look a topic up."""
        return "60 seconds"

    kimi.script(
        Reply(reasoning="Look.", tool_calls=[ToolCall("look_up", {"topic": "moons"})]),
        Reply(content="It has one song."),
        Reply(content=TEXT),
    )
    agent = FunctionAgent(tools=[look_up], llm=llm, output_cls=Album)
    output = await agent.run("Album?", memory=memory)
    assert output.get_pydantic_model(Album) == Album.model_validate(ALBUM)
    assert "60 seconds" in str(kimi.chats[-1]["messages"])


class Priced(BaseModel):
    """A song with its price."""

    title: str
    prices: dict[str, int]

    @model_validator(mode="before")
    @classmethod
    def look(cls, value: Any) -> Any:
        _ = value["prices"]["eur"]
        return value


@pytest.mark.parametrize("how", ["stream_chat", "astream_chat", "stream_complete", "astream_complete"])
async def test_a_structured_model_bears_validators_that_half_an_object_breaks(
    kimi: Emulator, llm: Kimi, how: str
) -> None:
    text = '{"title": "Moon", "prices": {"eur": 2}}'
    kimi.script(Reply(content=text, pieces=[{"content": letter} for letter in text]))
    structured = llm.as_structured_llm(Priced)
    question: Any = [ChatMessage("A song?")] if how.endswith("chat") else "A song?"
    if how.startswith("a"):
        pieces = [piece async for piece in await getattr(structured, how)(question)]
    else:
        pieces = list(getattr(structured, how)(question))
    assert len(pieces) > 3
    assert pieces[-1].raw == Priced.model_validate_json(text)
