"""Objects from every kind of model, by every method, in every form; and no silent None where a call was demanded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.messages import HumanMessage
from pydantic import BaseModel
from typing_extensions import TypedDict

from kimi_api import KimiToolChoiceError
from kimi_emulator import Emulator, Reply, ToolCall
from langchain_kimi import ChatKimi, KimiStructuredOutputError

Make = Callable[..., ChatKimi]
MODELS = pytest.mark.parametrize("model", ["kimi-k3", "kimi-k2.6", "kimi-k2.7-code"])
HOW = pytest.mark.parametrize("how", ["invoke", "ainvoke", "stream", "astream"])
# That K2.x cannot be forced while it thinks is said by a warning of its own, which other tests look at.
pytestmark = pytest.mark.filterwarnings("ignore:.*cannot be made to call:langchain_kimi.KimiWarning")


class City(BaseModel):
    """A city."""

    name: str
    inhabitants: int


class CityDict(TypedDict):
    """A city."""

    name: str
    inhabitants: int


SCHEMA = {"title": "City", **{k: v for k, v in City.model_json_schema().items() if k != "title"}}
TURKU = {"name": "Turku", "inhabitants": 200_000}
TEXT = '{"name": "Turku", "inhabitants": 200000}'


async def got(chain: Any, how: str) -> Any:
    """The object; of a stream its last form."""
    prompt = "Answer in JSON: which city?"
    if how == "invoke":
        return chain.invoke(prompt)
    if how == "ainvoke":
        return await chain.ainvoke(prompt)
    pieces = list(chain.stream(prompt)) if how == "stream" else [piece async for piece in chain.astream(prompt)]
    if not (isinstance(pieces[0], dict) and "raw" in pieces[0]):
        return pieces[-1]
    whole: dict[str, Any] = {}
    for piece in pieces:
        for name, value in piece.items():
            whole[name] = whole["raw"] + value if name == "raw" and "raw" in whole else value
    return whole


@MODELS
@pytest.mark.parametrize("method", ["json_schema", "function_calling", "json_mode"])
@pytest.mark.parametrize("schema", [City, CityDict, SCHEMA], ids=["pydantic", "TypedDict", "JSON schema"])
async def test_the_object_comes_in_every_way(kimi: Emulator, make: Make, model: str, method: Any, schema: Any) -> None:
    name = "CityDict" if schema is CityDict else "City"
    called = method == "function_calling"
    expected = City(**TURKU) if schema is City else TURKU  # type: ignore[arg-type]
    for include_raw in (False, True):
        chain = make(model=model).with_structured_output(schema, method=method, include_raw=include_raw)
        for how in ("invoke", "ainvoke", "stream", "astream"):
            kimi.script(Reply(tool_calls=[ToolCall(name, TEXT)]) if called else Reply(content=TEXT))
            output = await got(chain, how)
            if include_raw:
                assert output["parsing_error"] is None
                assert output["raw"].usage_metadata["output_tokens"] > 0
                # K2.6 stops thinking when one tool is forced; all else thinks, and the thinking is there.
                thought = not (called and model == "kimi-k2.6")
                assert bool(output["raw"].additional_kwargs.get("reasoning_content")) is thought
                output = output["parsed"]
            assert output == expected
            assert type(output) is type(expected)
    assert len(kimi.chats) == 8
    assert {"response_format" in sent for sent in kimi.chats} == {not called}
    assert kimi.report == []


@MODELS
@HOW
async def test_text_where_a_call_was_demanded_is_an_error(kimi: Emulator, make: Make, model: str, how: str) -> None:
    kimi.script(Reply(content="I would rather talk."), Reply(content="Really."))
    chain = make(model=model).with_structured_output(City, method="function_calling")
    with pytest.raises(KimiToolChoiceError, match=r"'City' was demanded.*answered with text"):
        await got(chain, how)


@MODELS
@HOW
@pytest.mark.parametrize("method", ["json_schema", "json_mode"])
async def test_text_where_an_object_was_asked_for_is_an_error(
    kimi: Emulator, make: Make, model: str, how: str, method: Any
) -> None:
    kimi.script(Reply(content="I would rather talk."))
    with pytest.raises(KimiStructuredOutputError) as caught:
        await got(make(model=model).with_structured_output(City, method=method), how)
    assert caught.value.llm_output == "I would rather talk."


@MODELS
@HOW
async def test_include_raw_keeps_the_answer_that_could_not_be_read(
    kimi: Emulator, make: Make, model: str, how: str
) -> None:
    kimi.script(Reply(content='{"name": "Tur', finish_reason="length"))
    output = await got(make(model=model).with_structured_output(City, include_raw=True), how)
    assert output["parsed"] is None
    assert isinstance(output["parsing_error"], KimiStructuredOutputError)
    assert "max_tokens" in str(output["parsing_error"])
    assert output["raw"].text == '{"name": "Tur'


# ------------------------------------------------------------------------------------------- agents


def get_weather(city: str) -> str:
    """Current weather of a city."""
    return f"{city}: 7 degrees"


async def run(agent: Any, how: str) -> Any:
    start: Any = {"messages": [HumanMessage("Turku?")]}
    if how == "invoke":
        return agent.invoke(start)
    if how == "ainvoke":
        return await agent.ainvoke(start)
    modes: Any = ["messages", "values"]
    if how == "stream":
        states = [state for mode, state in agent.stream(start, stream_mode=modes) if mode == "values"]
    else:
        states = [state async for mode, state in agent.astream(start, stream_mode=modes) if mode == "values"]
    return states[-1]


@MODELS
@HOW
@pytest.mark.parametrize("strategy", [ProviderStrategy, ToolStrategy, None])
async def test_an_agent_answers_with_an_object(kimi: Emulator, make: Make, model: str, how: str, strategy: Any) -> None:
    kimi.script(
        Reply(reasoning="Weather first.", tool_calls=[ToolCall("get_weather", {"city": "Turku"})]),
        Reply(content=TEXT) if strategy is ProviderStrategy else Reply(tool_calls=[ToolCall("City", TEXT)]),
    )
    agent = create_agent(make(model=model), [get_weather], response_format=strategy(City) if strategy else City)
    state = await run(agent, how)
    assert state["structured_response"] == City(**TURKU)  # type: ignore[arg-type]
    assert kimi.chats[-1]["messages"][1]["reasoning_content"] == "Weather first."
    assert kimi.report == []


@MODELS
@HOW
async def test_an_agent_whose_model_talks_ends_in_an_error(kimi: Emulator, make: Make, model: str, how: str) -> None:
    kimi.script(Reply(content="I would rather talk."), Reply(content="Really."))
    agent = create_agent(make(model=model), [get_weather], response_format=ToolStrategy(City))
    with pytest.raises(KimiToolChoiceError, match="a tool call was demanded"):
        await run(agent, how)


@MODELS
@HOW
async def test_an_agent_whose_model_gives_no_object_ends_in_an_error(
    kimi: Emulator, make: Make, model: str, how: str
) -> None:
    kimi.script(Reply(content="I would rather talk."))
    agent = create_agent(make(model=model), [get_weather], response_format=ProviderStrategy(City))
    with pytest.raises(Exception, match=r"[Ff]ailed to parse|rather talk|not valid JSON|structured"):
        await run(agent, how)


@MODELS
async def test_an_agent_may_correct_an_object_that_does_not_fit(kimi: Emulator, make: Make, model: str) -> None:
    kimi.script(
        Reply(tool_calls=[ToolCall("City", {"name": "Turku", "inhabitants": "many"})]),
        Reply(tool_calls=[ToolCall("City", TEXT)]),
    )
    agent = create_agent(make(model=model), [get_weather], response_format=ToolStrategy(City))
    state = await run(agent, "ainvoke")
    assert state["structured_response"] == City(**TURKU)  # type: ignore[arg-type]
    assert "inhabitants" in str(kimi.chats[-1]["messages"][-1]["content"])
