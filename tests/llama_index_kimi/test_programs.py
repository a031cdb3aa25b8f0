"""Core's own programs that make objects, and every `PydanticProgramMode`, on each kind of model."""

from __future__ import annotations

import json
from typing import Any, Literal

import pytest
from llama_index.core.llms import ChatMessage
from llama_index.core.output_parsers import PydanticOutputParser
from llama_index.core.program import FunctionCallingProgram, LLMTextCompletionProgram
from llama_index.core.program.utils import get_program_for_llm, process_streaming_objects
from llama_index.core.prompts import PromptTemplate
from llama_index.core.types import PydanticProgramMode
from pydantic import BaseModel
from scripted_kimi import NEW_CORE, ScriptedKimi

from kimi_api import errors
from kimi_emulator import Reply, ToolCall


class Song(BaseModel):
    """A song."""

    title: str


class Album(BaseModel):
    title: str
    artist: str
    songs: list[Song]


ALBUM = {"title": "hello", "artist": "world", "songs": [{"title": "song1"}, {"title": "song2"}]}
OTHER = {"title": "hello2", "artist": "world2", "songs": [{"title": "song3"}]}
PROMPT = "This is a test album with {topic}"
CALL = Reply(reasoning="An album.", tool_calls=[ToolCall("Album", ALBUM)])
# A forced tool and thinking exclude each other on K2.x, of which a warning tells.
forced = pytest.mark.filterwarnings("ignore::kimi_api._warn.KimiWarning")


def program(llm: Any, **settings: Any) -> Any:
    return FunctionCallingProgram.from_defaults(output_cls=Album, prompt_template_str=PROMPT, llm=llm, **settings)


@forced
def test_function_program(scripted: ScriptedKimi, model: str) -> None:
    assert program(scripted([CALL], model=model))(topic="songs") == Album.model_validate(ALBUM)


@forced
def test_function_program_multiple(scripted: ScriptedKimi, model: str) -> None:
    both = Reply(tool_calls=[ToolCall("Album", ALBUM), ToolCall("Album", OTHER)])
    albums = program(scripted([both], model=model), allow_parallel_tool_calls=True)(topic="songs")
    assert albums == [Album.model_validate(ALBUM), Album.model_validate(OTHER)]


@forced
async def test_async_function_program(scripted: ScriptedKimi, model: str) -> None:
    assert await program(scripted([CALL], model=model)).acall(topic="songs") == Album.model_validate(ALBUM)


@pytest.mark.skipif(not NEW_CORE, reason="programs of this core take no tool_choice")
@pytest.mark.parametrize("choice", ["auto", "required", "Album", {"type": "function", "function": {"name": "Album"}}])
async def test_function_program_forwards_tool_choice(scripted: ScriptedKimi, choice: Any) -> None:
    llm = scripted([CALL])
    program_with_choice = program(llm, tool_choice=choice)
    assert (
        program_with_choice(topic="songs")
        == await program_with_choice.acall(topic="songs")
        == Album.model_validate(ALBUM)
    )
    assert [chat["tool_choice"] for chat in scripted.chats(llm)] == ["auto" if choice == "auto" else "required"] * 2


@forced
async def test_function_program_raises_on_no_tool_calls(scripted: ScriptedKimi, model: str) -> None:
    """Where only `auto` could be sent, the call is asked for once more in words."""
    llm = scripted(["I can help with that!"], model=model)
    for _ in range(2):
        with pytest.raises((ValueError, errors.KimiToolChoiceError)):
            program(llm)(topic="songs")
        with pytest.raises((ValueError, errors.KimiToolChoiceError)):
            await program(llm).acall(topic="songs")


# ------------------------------------------------------------------------------------------------- text programs


async def test_llm_program(scripted: ScriptedKimi, model: str) -> None:
    llm = scripted([f"Here it is:\n```json\n{json.dumps(ALBUM)}\n```"], model=model)
    template = PromptTemplate(PROMPT)
    text_program = LLMTextCompletionProgram.from_defaults(
        output_parser=PydanticOutputParser(Album), prompt=template, llm=llm
    )
    assert text_program(topic="songs") == await text_program.acall(topic="songs") == Album.model_validate(ALBUM)
    assert "response_format" not in scripted.chats(llm)[0]


# ------------------------------------------------------------------------------------------------- every mode

HOWS = ("plain", "async", "streamed", "async streamed")
MODES = (PydanticProgramMode.DEFAULT, PydanticProgramMode.FUNCTION, PydanticProgramMode.OPENAI, PydanticProgramMode.LLM)


async def predict(llm: Any, how: str) -> Any:
    template = PromptTemplate(PROMPT)
    try:
        if how == "plain":
            return llm.structured_predict(Album, template, topic="songs")
        if how == "async":
            return await llm.astructured_predict(Album, template, topic="songs")
        if how == "streamed":
            return list(llm.stream_structured_predict(Album, template, topic="songs"))[-1]
        stream = await llm.astream_structured_predict(Album, template, topic="songs")
        return [each async for each in stream][-1]
    finally:
        assert template.output_parser is None  # core leaves its own in a template that it is given


@forced
@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("mode", MODES)
async def test_every_program_mode_gives_the_object_and_sends_the_system_prompt(
    scripted: ScriptedKimi, model: str, mode: PydanticProgramMode, how: str
) -> None:
    by_tool = mode in (PydanticProgramMode.FUNCTION, PydanticProgramMode.OPENAI)
    answer = CALL if by_tool else Reply(content=json.dumps(ALBUM))
    llm = scripted([answer], model=model, pydantic_program_mode=mode, system_prompt="Be brief.")
    assert await predict(llm, how) == Album.model_validate(ALBUM)
    (sent,) = scripted.chats(llm)
    assert ("tools" in sent, "response_format" in sent) == (by_tool, mode == PydanticProgramMode.DEFAULT)
    assert by_tool or "tool_choice" not in sent
    assert [m["role"] for m in sent["messages"]] == ["system", "user"]
    assert sent["messages"][0]["content"].startswith("Be brief.")
    assert "This is a test album with songs" in sent["messages"][1]["content"]


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("No object, sorry.", "Expecting value"),
        ('{"name": "x"}', "Field required"),
        ('Here: {"name": "x", "artist": ', "Expecting value"),
        ('{"name": "x", "artist": ', "ended after"),
    ],
)
async def test_text_that_is_no_object_is_an_error_with_the_answer_in_every_way(
    scripted: ScriptedKimi, text: str, reason: str, how: str
) -> None:
    end = "length" if reason == "ended after" else "stop"
    answer = Reply(content=text, reasoning="Hm.", finish_reason=end)
    llm = scripted([answer], pydantic_program_mode=PydanticProgramMode.LLM)
    with pytest.raises(errors.KimiStructuredOutputError, match=reason) as caught:
        await predict(llm, how)
    assert caught.value.llm_output == text
    assert (caught.value.partial.content, caught.value.partial.reasoning) == (text, "Hm.")


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("text", ["{}", "Here you are:\n```json\n{}\n```\nAnything else?"])
async def test_an_object_may_stand_among_words_in_text_mode(scripted: ScriptedKimi, text: str, how: str) -> None:
    answer = Reply(content=text.replace("{}", json.dumps(ALBUM)))
    llm = scripted([answer], pydantic_program_mode=PydanticProgramMode.LLM)
    assert await predict(llm, how) == Album.model_validate(ALBUM)


async def test_an_object_among_words_grows(scripted: ScriptedKimi) -> None:
    llm = scripted([Reply(content="Here: " + json.dumps(ALBUM))], pydantic_program_mode=PydanticProgramMode.LLM)
    objects = list(llm.stream_structured_predict(Album, PromptTemplate(PROMPT), topic="songs"))
    assert len(objects) > 1
    assert objects[0] != objects[-1]


@pytest.mark.parametrize("mode", [PydanticProgramMode.GUIDANCE, PydanticProgramMode.LM_FORMAT_ENFORCER])
@pytest.mark.parametrize("how", HOWS)
async def test_modes_that_steer_a_model_in_this_process_are_refused(
    scripted: ScriptedKimi, mode: PydanticProgramMode, how: str
) -> None:
    llm = scripted(["x"], pydantic_program_mode=mode)
    with pytest.raises(errors.KimiInputError, match="leave it at 'default'"):
        await predict(llm, how)
    assert scripted.chats(llm) == []


# ------------------------------------------------------------------------------------------------- streamed objects


class Person(BaseModel):
    name: str
    age: int | None = None


async def test_process_streaming_objects(scripted: ScriptedKimi) -> None:
    """Core's own reader of growing tool calls gets what it looks for in each of our responses."""
    text = json.dumps({"name": "Jane", "age": 28})
    call = {"index": 0, "id": "p", "type": "function", "function": {"name": "Person", "arguments": ""}}
    pieces = [{"tool_calls": [call]}]
    pieces += [{"tool_calls": [{"index": 0, "function": {"arguments": letter}}]} for letter in text]
    reply = Reply(tool_calls=[ToolCall("Person", text)], pieces=pieces)
    llm = scripted([reply])
    tool = {"type": "function", "function": {"name": "Person", "parameters": Person.model_json_schema()}}
    seen: list[Any] = []
    async for response in await llm.astream_chat([ChatMessage("x")], tools=[tool]):
        if response.message.additional_kwargs.get("tool_calls"):
            seen.append(process_streaming_objects(response, Person, cur_objects=seen[-1:] or None, llm=llm))
    assert seen[-1] == Person(name="Jane", age=28)
    assert "Ja" in [each.name for each in seen]  # an unfinished string, as far as it has come


@forced
@pytest.mark.parametrize("how", ["plain", "async"])
def test_get_program_for_llm(scripted: ScriptedKimi, how: Literal["plain", "async"]) -> None:
    """Core's own choice of a program for this model is the one with tools."""
    llm = scripted([CALL])
    assert isinstance(get_program_for_llm(Album, PromptTemplate(PROMPT), llm), FunctionCallingProgram)
