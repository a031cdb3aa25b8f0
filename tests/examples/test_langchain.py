"""The LangChain examples run, and show what they promise."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from langchain_core.exceptions import ModelError
from langchain_core.messages import AIMessage, ToolMessage

from kimi_api import KimiInputError
from kimi_emulator import Emulator

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def settings(kimi: Emulator) -> Iterator[dict[str, Any]]:
    """What `connection()` gives; afterwards nothing was sent that the platform forbids."""
    yield {"model": "kimi-k3", "base_url": kimi.base_url, "api_key": kimi.api_key}
    assert kimi.report == []


def test_every_example_has_a_test() -> None:
    here = Path(__file__).parent
    tests = "".join(path.read_text("utf-8") for path in here.glob("test_*.py"))
    examples = sorted(path.stem for path in (here.parents[1] / "examples" / "langchain").glob("[a-z]*.py"))
    assert len(examples) > 15
    assert [name for name in examples if not re.search(rf"examples\.langchain import .*\b{name}\b", tests)] == []


def test_content_blocks_are_the_same_in_both_formats(kimi: Emulator, settings: dict[str, Any]) -> None:
    from examples.langchain import content_blocks

    turns = content_blocks.main(settings)
    assert kimi.refusals == []
    assert [isinstance(turn.content, str) for turn in turns["v0"] + turns["v1"]] == [True, True, False, False]
    kinds = [[[block["type"] for block in turn.content_blocks] for turn in turns[version]] for version in ("v0", "v1")]
    assert kinds[0] == kinds[1] == [["reasoning", "tool_call", "tool_call"], ["reasoning", "text"]]
    for request, first in ((kimi.chats[1], kimi.replies[0]), (kimi.chats[3], kimi.replies[2])):
        assert request["messages"][1]["reasoning_content"] == first["reasoning_content"]


@pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")
def test_streaming_shows_the_thinking_in_all_four_ways(
    kimi: Emulator, settings: dict[str, Any], capsys: Capture
) -> None:
    from examples.langchain import streaming

    whole = streaming.main(settings)
    assert all(chat["stream"] for chat in kimi.chats)
    for way in ("stream", "astream"):
        assert [call["args"] for call in whole[way].tool_calls] == [{"city": "Turku"}]
        assert whole[way].usage_metadata
    assert "2 degrees, snow" in whole["messages"].text
    printed = capsys.readouterr().out
    for reply in kimi.replies:
        assert f"Thinking: {reply['reasoning_content']}\n" in printed
    assert printed.count("Call: get_weather") == 3


def test_tools_are_called_whatever_their_form_and_however_they_are_forced(
    kimi: Emulator, settings: dict[str, Any], capsys: Capture
) -> None:
    from examples.langchain import tool_calling

    calls = tool_calling.main(settings)
    assert calls.pop("none") == []
    assert [call["name"] for call in calls.pop("parallel")] == ["convert_currency", "get_weather"]
    assert len(calls.pop("one")) == 1
    assert len(calls) == 9
    assert all([call["args"] for call in tool_calls] == [{"city": "Turku"}] for tool_calls in calls.values())
    assert kimi.refusals == []
    printed = capsys.readouterr().out
    assert "warned: kimi-k2.6 cannot be made to call" in printed
    assert "warned: parallel_tool_calls=False: kept the call of convert_currency" in printed


def test_structured_output_gives_the_same_object_by_every_method(settings: dict[str, Any], capsys: Capture) -> None:
    from examples.langchain import structured_output

    outputs = structured_output.main(settings)
    ticket = structured_output.Ticket(
        product="coffee machine", severity="high", reporter="Ada Lovelace", order_number=4711
    )
    assert [outputs[method] for method in ("json_schema", "function_calling", "json_mode")] == [ticket] * 3
    assert json.loads(outputs["raw"].content) == outputs["partial"][-1] == ticket.model_dump()
    assert len(outputs["partial"]) > 3
    for way in ("Weather", "ToolStrategy", "ProviderStrategy"):
        assert outputs[way] == structured_output.Weather(city="Turku", degrees=2)
    assert "Raise max_tokens" in str(outputs["error"])
    assert capsys.readouterr().out.count("as it comes") == len(outputs["partial"])


def test_partial_mode_goes_on_where_it_was_told_to(kimi: Emulator, settings: dict[str, Any]) -> None:
    from examples.langchain import partial_mode

    texts = partial_mode.main(settings)
    assert json.loads(texts["object"]) == {"weight": 12, "city": "Turku"}
    assert texts["joined"].startswith("Dear customer, ")
    assert texts["voice"].startswith("Ahoy! ")
    assert [chat["messages"][-1]["partial"] for chat in kimi.chats] == [True] * 3
    assert kimi.chats[-1]["messages"][-1]["name"] == "Captain"


def test_media_arrive_as_parts_that_the_platform_knows(
    kimi: Emulator, settings: dict[str, Any], capsys: Capture
) -> None:
    from examples.langchain import media

    answers = media.main(settings, media.FILM)
    assert kimi.refusals == []
    assert not kimi.files, "the uploaded picture is removed"
    parts = [chat["messages"][0]["content"][0] for chat in kimi.chats[:4]]
    assert [part["type"] for part in parts] == ["image_url"] * 3 + ["video_url"]
    assert parts[0] == parts[1]
    assert parts[2]["image_url"]["url"].startswith("ms://")
    message = next(message for message in kimi.chats[-1]["messages"] if message["role"] == "tool")
    assert message["content"] == [parts[0]]
    assert all(answer.text for answer in answers.values())
    assert "refused before anything is sent" in capsys.readouterr().out


def test_without_a_film_the_media_example_shows_pictures_only(kimi: Emulator, settings: dict[str, Any]) -> None:
    from examples.langchain import media

    assert "a video block" not in media.main(settings)


def test_dynamic_tools_leave_the_cached_beginning_as_it_was(kimi: Emulator, settings: dict[str, Any]) -> None:
    from examples.langchain import dynamic_tools

    turns = dynamic_tools.main(settings)
    assert [[call["name"] for call in turn.tool_calls] for turn in turns] == [
        ["get_weather"],
        [],
        ["convert_currency"],
        [],
    ]
    assert "258,570.00 SEK" in turns[-1].text
    cached = [(turn.usage_metadata or {})["input_token_details"]["cache_read"] for turn in turns]  # type: ignore[typeddict-item]
    assert cached[0] == 0
    assert min(cached[1:]) >= 512
    assert {len(chat["tools"]) for chat in kimi.chats} == {1}
    assert kimi.refusals == []


def test_an_agent_loads_tools_and_keeps_its_cached_beginning(kimi: Emulator, settings: dict[str, Any]) -> None:
    from examples.langchain import many_tools

    messages = many_tools.main(settings)
    calls = [call["name"] for message in messages if isinstance(message, AIMessage) for call in message.tool_calls]
    assert calls == ["load_tools", "convert_currency", "get_weather"]
    assert "2 degrees, snow" in messages[-1].text
    assert [[tool["function"]["name"] for tool in chat["tools"]] for chat in kimi.chats] == [["load_tools"]] * 5
    brought = [
        [tool["function"]["name"] for tool in message["tools"]]
        for message in kimi.chats[-1]["messages"]
        if "tools" in message
    ]
    assert brought == [["convert_currency"], ["get_weather"]]
    cached = [m.usage_metadata["input_token_details"]["cache_read"] for m in messages if isinstance(m, AIMessage)]  # type: ignore[index,typeddict-item]
    assert min(cached[1:]) >= 512
    assert kimi.refusals == []


def test_fit_shows_each_of_langchains_own_ways(settings: dict[str, Any]) -> None:
    from examples.langchain import fit

    results = fit.main(settings)
    assert results["tokens, counted by a callback"] > 100
    del results["tokens, counted by a callback"]
    assert results == {
        "init_chat_model": "kimi-k3",
        "configurable_fields": "kimi-k2.6",
        "with_fallbacks": "kimi-k3",
        "the cached answer is the same, thinking too": True,
        "batch": 3,
        "with_retry": 3,
    }


def test_a_thread_is_taken_up_by_another_agent(kimi: Emulator, settings: dict[str, Any]) -> None:
    from examples.langchain import checkpoints

    messages = checkpoints.main(settings)
    assert "Uppsala: 6 degrees" in messages[-1].text
    turns = [message for message in messages if isinstance(message, AIMessage)]
    assert [turn.additional_kwargs["reasoning_content"] for turn in turns] == [
        reply["reasoning_content"] for reply in kimi.replies
    ]
    assert kimi.refusals == []


def test_documents_are_answered_from_with_their_sources(kimi: Emulator, settings: dict[str, Any]) -> None:
    from examples.langchain import documents

    answered = documents.main(settings)
    for (answer, sources), (fact, source) in zip(
        answered,
        [("45 operating hours", "handbook.pdf"), ("16:10", "winter-notes.md"), ("Mirjam Falk", "boat-house.md")],
        strict=True,
    ):
        assert fact in answer
        assert sources[0] == source
    assert not kimi.files, "the uploaded copies are removed"


def test_errors_belong_to_all_families(kimi: Emulator, settings: dict[str, Any], capsys: Capture) -> None:
    from examples.langchain import error_handling

    caught = error_handling.main(settings)
    assert len(caught) == 5
    own = caught.pop("a value that cannot work")
    assert isinstance(own, KimiInputError)
    for error in caught.values():
        assert isinstance(error, ModelError)
        assert isinstance(error, openai.APIStatusError)
    assert len(kimi.requests) == 3, "what cannot work is not sent"
    assert capsys.readouterr().out.count("What to do: ") == 5


@pytest.mark.filterwarnings("ignore:.*cancelled:kimi_api.KimiWarning")
def test_cancelled_runs_can_be_taken_up(kimi: Emulator, settings: dict[str, Any]) -> None:
    from examples.langchain import cancelled_runs

    seen = cancelled_runs.main(settings)
    assert seen["pieces"] == 5
    assert seen["cancelled"]
    assert 'repair="full"' in str(seen["refused"])
    assert seen["answer"]
    assert kimi.refusals == [], "a history that cannot work is not sent"
    sent = kimi.chats[-1]["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "tool", "user"]


@pytest.mark.timeout(90)  # it starts a process that imports mcp
def test_tools_of_an_mcp_server_are_called(kimi: Emulator, settings: dict[str, Any]) -> None:
    pytest.importorskip("langchain_mcp_adapters")
    from examples.langchain import mcp_tools

    messages = asyncio.run(mcp_tools.main(settings))
    (result,) = [message for message in messages if isinstance(message, ToolMessage)]
    assert "83 cm" in result.text
    assert "83 cm" in messages[-1].text
    assert kimi.refusals == []
