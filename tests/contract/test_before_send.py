"""`before_send`: a function that sees the body of every request, and may change or refuse it."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from contract_kit import FOR_REQUESTS, Adapter, Chat, Way, assistant, system, user
from pydantic import BaseModel

from kimi_api import KimiClient, KimiInputError
from kimi_api.tokens import forget_estimates
from kimi_emulator import Emulator, Failure, Reply

Make = Callable[..., Chat]
SECRET = "4111 1111 1111 1111"
HISTORY = [system(f"Card {SECRET}."), user(f"Mine is {SECRET}"), assistant(f"Noted {SECRET}"), user("Go on")]


class Answer(BaseModel):
    """An answer."""

    a: int


class Refused(Exception):
    """What a guard raises."""


def redact(body: dict[str, Any]) -> dict[str, Any]:
    """The body without the card's number, wherever it stands."""
    return json.loads(json.dumps(body).replace(SECRET, "[card]"))


def redact_in_place(body: dict[str, Any]) -> None:
    for message in body["messages"]:
        message["content"] = message["content"].replace(SECRET, "[card]")


def refuse(body: dict[str, Any]) -> None:
    raise Refused("no card numbers")


@pytest.mark.parametrize("function", [redact, redact_in_place])
@pytest.mark.parametrize("wire", ["stream", "plain"])
def test_every_message_is_redacted_and_the_callers_history_is_not(
    kimi: Emulator, make: Make, function: Any, wire: str
) -> None:
    model = make(before_send=function, wire=wire)
    history = [*HISTORY]
    assert model.ask(history).text
    (sent,) = kimi.chats
    assert SECRET not in json.dumps(sent)
    assert [message["content"].count("[card]") for message in sent["messages"]] == [1, 1, 1, 0]
    assert history == HISTORY
    assert make(wire=wire).ask(history).text  # nothing of ours was changed either
    assert SECRET in json.dumps(kimi.chats[-1])


@pytest.mark.parametrize("wire", ["stream", "plain"])
def test_what_it_raises_refuses_the_request_once(kimi: Emulator, make: Make, wire: str) -> None:
    calls: list[Any] = []

    def guard(body: dict[str, Any]) -> None:
        calls.append(body)
        refuse(body)

    with pytest.raises(Refused, match="no card numbers"):
        make(before_send=guard, wire=wire).ask(HISTORY)
    assert (kimi.requests, len(calls)) == ([], 1)


@pytest.mark.usefixtures("waits")
def test_it_is_called_once_for_each_request_that_is_sent(kimi: Emulator, make: Make) -> None:
    bodies: list[dict[str, Any]] = []

    def note(body: dict[str, Any]) -> dict[str, Any]:
        bodies.append(copy.deepcopy(body))
        return redact(body)

    kimi.script(
        Failure(429, "engine_overloaded_error", "busy"),  # sent again by the client
        Reply(content="", reasoning=""),  # asked again
        Reply(content=f"One {SECRET}", finish_reason="length"),  # continued
        Reply(content="two"),
    )
    model = make(before_send=note, auto_continue=1, max_retries=3)
    assert model.ask(f"Count {SECRET}").text == f"One {SECRET}two"
    assert len(bodies) == len(kimi.chats) == 4
    assert SECRET in json.dumps(bodies[0])
    assert SECRET not in json.dumps(kimi.chats)
    assert kimi.chats[-1]["messages"][-1]["content"] == "One [card]"


@pytest.mark.ways(*FOR_REQUESTS)
def test_structured_answers_and_agents_pass_it(kimi: Emulator, make: Make, adapter: Adapter) -> None:
    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    model = make(before_send=redact)
    kimi.script(Reply(content='{"a": 1}'))
    assert model.predict(Answer, f"One? {SECRET}") is not None
    model.run_agent(f"Hello {SECRET}", [add])
    assert len(kimi.chats) >= 2
    assert SECRET not in json.dumps(kimi.chats)


@pytest.mark.ways(*FOR_REQUESTS)
def test_lines_of_batches_and_estimates_pass_it(kimi: Emulator, make: Make) -> None:
    model = make(before_send=redact, model="kimi-k2.6")
    batch = model.batch()
    batch.submit([model.batch_input([user(f"Mine is {SECRET}")])])
    (lines,) = [file.path.read_text("utf-8") for file in kimi.files.values() if file.filename.startswith("kimi-batch-")]
    assert "Mine is [card]" in lines
    assert SECRET not in lines
    forget_estimates()
    model.estimate(f"Mine is {SECRET}")
    estimate = kimi.requests[-1]
    assert estimate.path.endswith("estimate-token-count")
    assert "Mine is [card]" in json.dumps(estimate.json)


@pytest.mark.ways("plain")
@pytest.mark.parametrize("answer", ["text", 1, [{}], True])
def test_what_is_no_body_is_an_error(kimi: Emulator, make: Make, answer: Any) -> None:
    with pytest.raises(KimiInputError, match="before_send"):
        make(before_send=lambda body: answer).ask("hi")
    assert kimi.requests == []


def test_what_is_no_function_is_an_error(kimi: Emulator, adapter: Adapter) -> None:
    with pytest.raises(KimiInputError, match="before_send"):
        adapter.make(before_send="redact")
    with pytest.raises(KimiInputError, match="before_send"):
        KimiClient(base_url=kimi.base_url, api_key=kimi.api_key, before_send="redact")  # type: ignore[arg-type]


def test_one_call_cannot_switch_it_off(kimi: Emulator, adapter: Adapter) -> None:
    with pytest.raises(KimiInputError, match="is a setting of the model"):
        adapter.make(before_send=redact).ask(HISTORY, before_send=None)
    assert kimi.requests == []


def test_copies_and_pickles_keep_it_or_fail(kimi: Emulator, adapter: Adapter) -> None:
    native = adapter.make(before_send=redact).native
    for twin in (pickle.loads(pickle.dumps(native)), copy.deepcopy(native), copy.copy(native), native.model_copy()):
        adapter.chat(twin).ask(HISTORY)
    assert len(kimi.chats) == 4
    assert SECRET not in json.dumps(kimi.chats)
    with pytest.raises((pickle.PicklingError, AttributeError)):  # never a copy without it
        pickle.dumps(adapter.make(before_send=lambda body: body).native)


def test_assigned_later_it_counts_from_the_next_request(kimi: Emulator, adapter: Adapter, way: Way) -> None:
    model = adapter.make(way)
    model.ask("hi")
    model.native.before_send = redact
    model.ask(HISTORY)
    assert SECRET not in json.dumps(kimi.chats)


def test_the_clients_own_requests_pass_it(kimi: Emulator) -> None:
    client = KimiClient(base_url=kimi.base_url, api_key=kimi.api_key, before_send=redact)
    client.request(
        "POST", "/chat/completions", body={"model": "kimi-k3", "messages": [{"role": "user", "content": SECRET}]}
    )
    assert SECRET not in json.dumps(kimi.chats)
