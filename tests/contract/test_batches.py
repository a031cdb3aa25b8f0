"""Batches: what goes in, what comes back, and errors beside the answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from contract_kit import Adapter, Chat, Tool, partial, result, system, user
from pydantic import BaseModel

from kimi_api import KimiBatchError, KimiInputError, KimiOverloadedError, KimiReplyError
from kimi_emulator import Emulator, Failure, Reply, ToolCall

pytestmark = pytest.mark.ways("plain", "aplain")


class City(BaseModel):
    """A city."""

    name: str
    people: int


def look(place: str) -> str:
    """Look at a place."""
    return place


@pytest.fixture
def chat(make: Callable[..., Chat]) -> Chat:
    return make(model="kimi-k2.6")


def bodies(kimi: Emulator) -> list[dict[str, Any]]:
    """The request bodies of the input files on the platform."""
    files = [file.path.read_text("utf-8") for file in kimi.files.values() if file.filename.startswith("kimi-batch-")]
    return [json.loads(line)["body"] for text in files for line in text.split("\n") if line]


def test_answers_are_those_of_a_live_call(kimi: Emulator, chat: Chat) -> None:
    reply = Reply(content="Sixteen.", reasoning="4 times 4")
    kimi.script(reply, reply)
    live = chat.ask("What is 4 times 4?", wire="plain")  # as lines are
    answer = chat.run_batch(chat.batch(), {"sum": "What is 4 times 4?"})["sum"]
    assert (answer.text, answer.reasoning, answer.finish_reason) == ("Sixteen.", "4 times 4", "stop")
    assert answer.usage is not None
    assert live.usage is not None
    assert answer.usage.total_tokens == live.usage.total_tokens
    assert bodies(kimi) == [kimi.chats[0]]
    assert kimi.report == []


@pytest.mark.parametrize("adapter", ["llama_index"], indirect=True)
def test_a_renamed_tool_is_called_by_its_own_name(kimi: Emulator, chat: Chat) -> None:
    """The platform takes no dot in a name; LangChain sends names as they are, so that such a name is refused."""
    kimi.script(Reply(tool_calls=[ToolCall("fs_look", {"place": "Turku"})]))
    answer = chat.run_batch(chat.batch(tools=[Tool(look, name="fs.look")]), {"a": "Look at Turku"})["a"]
    assert [tool["function"]["name"] for tool in bodies(kimi)[0]["tools"]] == ["fs_look"]
    assert [(call.name, call.args) for call in answer.calls] == [("fs.look", {"place": "Turku"})]


def test_a_list_gets_ids_and_keeps_its_order(kimi: Emulator, chat: Chat) -> None:
    kimi.script(*(Reply(content=str(number)) for number in range(3)))
    answers = chat.run_batch(chat.batch(), ["zero", [user("one")], [system("Count."), user("two")]])
    assert list(answers) == ["request-1", "request-2", "request-3"]
    assert [answer.text for answer in answers.values()] == ["0", "1", "2"]
    assert [len(body["messages"]) for body in bodies(kimi)] == [1, 1, 2]


def test_thinking_and_tool_calls_go_out_and_come_back(kimi: Emulator, chat: Chat) -> None:
    kimi.script(Reply(tool_calls=[ToolCall("look", {"place": "Turku"})], reasoning="where"), Reply(content="Nice."))
    first = chat.run_batch(chat.batch(tools=[look]), {"a": "Look at Turku"})["a"]
    assert [(call.name, call.args) for call in first.calls] == [("look", {"place": "Turku"})]
    history = [user("Look at Turku"), first, result(first.calls[0], "a town")]
    assert chat.run_batch(chat.batch(tools=[look]), {"a": history})["a"].text == "Nice."
    [_, turn, _] = bodies(kimi)[-1]["messages"]
    assert turn["reasoning_content"] == "where"
    assert [tool["function"]["name"] for tool in bodies(kimi)[-1]["tools"]] == ["look"]
    assert kimi.report == []


def test_objects_come_back_and_errors_that_say_why_there_is_none(kimi: Emulator, chat: Chat) -> None:
    kimi.script(
        Reply(content='{"name": "Turku", "people": 206000}'),
        Reply(content='{"name":"Turku","people":"many"}'),
        Reply(content='{"name":"Tur', finish_reason="length"),
    )
    good, unfit, cut = chat.run_batch(chat.batch(schema=City), ["Turku?", "Turku?", "Turku?"]).values()
    assert good == City(name="Turku", people=206000)
    assert isinstance(unfit, KimiReplyError)
    assert isinstance(cut, KimiReplyError)
    assert "Raise max_tokens" in str(cut)
    assert bodies(kimi)[0]["response_format"]["json_schema"]["name"] == "City"


def test_a_beginning_is_joined_when_asked_also_by_another_object(kimi: Emulator, make: Callable[..., Chat]) -> None:
    kimi.script(Reply(content=" time there was"))
    chat = make(model="kimi-k2.6", join_prefix=True)
    batch = chat.batch()
    answers = chat.run_batch(batch, {"a": [user("Begin."), partial("Once upon a")]})
    assert answers["a"].text == "Once upon a time there was"
    again = chat.batch(ids=batch.ids).results()
    assert chat.batch_answer(again["a"]).text == "Once upon a time there was"


def test_errors_stand_beside_answers(kimi: Emulator, chat: Chat) -> None:
    busy = Failure(429, "engine_overloaded_error", "The engine is currently overloaded, please try again later")
    kimi.script(Reply(content="fine"), busy)
    answers = chat.run_batch(chat.batch(), {"a": "one", "b": "two"})
    assert answers["a"].text == "fine"
    assert isinstance(answers["b"], KimiOverloadedError)
    assert answers["b"].status_code == 429


def test_what_an_expired_batch_got_done_is_not_lost(kimi: Emulator, chat: Chat) -> None:
    kimi.fail("batches.expired")
    answers = chat.run_batch(chat.batch(), {"a": "one", "b": "two"})
    assert "one" in answers["a"].text
    assert isinstance(answers["b"], KimiBatchError)
    assert answers["b"].custom_id == "b"


def test_another_object_goes_on_by_the_ids(kimi: Emulator, chat: Chat) -> None:
    kimi.script(*(Reply(content=f'{{"name":"{n}","people":{n}}}') for n in range(5)))
    started = chat.batch(schema=City, max_requests=2, metadata={"job": "7"})
    started.submit([f"city {n}" for n in range(5)])
    assert len(started.ids) == 3
    resumed = chat.batch(schema=City, ids=started.ids)
    assert [state.metadata for state in resumed.status()] == [{"job": "7"}] * 3
    answers = resumed.poll_until_done(poll=0.005).results(delete_after=True)
    assert list(answers) == [f"request-{n}" for n in range(1, 6)]
    assert [chat.batch_answer(answer).people for answer in answers.values()] == [0, 1, 2, 3, 4]
    assert kimi.files == {}


async def test_a_batch_is_cancelled(adapter: Adapter) -> None:
    with Emulator(batch_seconds=3600) as kimi:
        chat = adapter.make(model="kimi-k2.6", base_url=kimi.base_url, api_key=kimi.api_key)
        batch = chat.batch()
        await batch.asubmit(["a", "b"])
        assert (await batch.astatus())[0].status == "in_progress"
        await batch.acancel()
        await batch.apoll_until_done(poll=0.005)
        answers = await batch.aresults()
        assert [type(answer) for answer in answers.values()] == [KimiBatchError] * 2
        assert "was cancelled before it was answered" in str(answers["request-1"])
        other = chat.batch().submit(["a"]).cancel().poll_until_done(poll=0.005)
        assert other.status()[0].status == "cancelled"


def test_a_model_that_batches_do_not_serve_is_refused_before_anything_is_sent(
    kimi: Emulator, make: Callable[..., Chat]
) -> None:
    with pytest.raises(KimiInputError, match=r"batches are not offered for it.*kimi-k2.6"):
        make(model="kimi-k3").batch().submit(["a"])
    assert kimi.requests == []
    make(model="kimi-k3", unsupported="send").batch().submit(["a"])  # whoever insists
    assert len(kimi.batches) == 1


def test_misuse_is_told_before_anything_is_sent(kimi: Emulator, adapter: Adapter) -> None:
    chat = adapter.make(model="kimi-k2.6")
    for act, words in (
        (lambda: chat.batch().submit("one"), "put a single one into a list"),
        (lambda: chat.batch().poll_until_done(), "call submit, or resume with from_id"),
        (lambda: chat.batch(completion_window="1h"), "from '12h' to '7d'"),
        (lambda: chat.batch().submit(["bad \ud800 text"]), "half a surrogate pair"),
    ):
        with pytest.raises(KimiInputError, match=words):
            act()
    assert kimi.requests == []
    batch = chat.batch().submit(["one"])
    with pytest.raises(KimiInputError, match="submitted already"):
        batch.submit(["two"])
    assert batch.ids[0] in repr(batch)
    assert kimi.api_key not in repr(batch)


def test_waiting_shows_a_bar(kimi: Emulator, adapter: Adapter, capsys: pytest.CaptureFixture[str]) -> None:
    adapter.make(model="kimi-k2.6").batch(show_progress=True).submit(["one", "two"]).poll_until_done(poll=0.005)
    assert "2/2" in capsys.readouterr().err
