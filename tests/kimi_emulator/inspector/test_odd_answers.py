"""An answer in any state is read, told, compared and scripted: a fault, or another server, may have left it so."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from kimi_emulator.inspector.board import Board
from kimi_emulator.inspector.exports import script
from kimi_emulator.inspector.reading import read_answer
from kimi_emulator.inspector.traffic import Exchange, Traffic
from kimi_emulator.inspector.view import detail
from kimi_emulator.platform.state import ReceivedRequest, State
from kimi_emulator.settings import Settings

CHAT = "/v1/chat/completions"
ODD: list[Any] = [None, 7, 1.5, True, "text", "", [], [None], ["a"], [{}], {}, {"a": 1}, {"function": None}, [[1]]]
FUNCTIONS = [{"name": 1, "arguments": 2}, {"name": "f", "arguments": "{"}]


def exchange_of(traffic: Traffic, data: bytes, kind: str = "application/json", status: int = 200) -> Exchange:
    exchange = traffic.begin("POST", CHAT)
    exchange.place, exchange.status, exchange.headers = 0, status, {"content-type": kind}
    traffic.add(exchange, data)
    exchange.ended, exchange.whole = exchange.began + 1, True
    traffic.notify(exchange)
    return exchange


def show_all(bodies: list[Any], kind: str) -> None:
    state, traffic = State(Settings()), Traffic()
    body = {"model": "kimi-k3", "messages": [{"role": "user", "content": "hi"}]}
    state.record_request(ReceivedRequest("POST", CHAT, {}, json=body))
    board = Board(state, traffic)
    for value in bodies:
        text = json.dumps(value)
        data = f"data: {text}\n\ndata: {text}\n\n" if kind == "text/event-stream" else text
        exchange = exchange_of(traffic, data.encode(), kind)
        assert json.dumps(detail(exchange, state, board, "http://x/v1"))
        script([(200, {}, read_answer(exchange), "")])
    assert len(board.search(["hi"])) == len(bodies)


@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
@pytest.mark.parametrize("holder", ["message", "delta"])
def test_members_of_any_type_are_shown(kind: str, holder: str):
    names = ("content", "reasoning_content", "tool_calls")
    messages: list[Any] = [*ODD, *({name: value} for name, value in itertools.product(names, ODD))]
    messages += [{"tool_calls": [{"index": index, "function": f}]} for index in ODD for f in (*ODD, *FUNCTIONS)]
    bodies: list[Any] = [*ODD, *({"choices": value, "usage": value, "error": value} for value in ODD)]
    bodies += [{"choices": [{holder: message, "finish_reason": "stop"}], "usage": {}} for message in messages]
    bodies += [{"model": value, "choices": [{holder: {"content": "a"}, "finish_reason": value}]} for value in ODD]
    usages = ("prompt_tokens", "cached_tokens", "completion_tokens", "completion_tokens_details")
    bodies += [{"choices": [{holder: {"content": "a"}}], "usage": {name: value}} for name in usages for value in ODD]
    show_all(bodies, kind)


@pytest.mark.parametrize("data", [b"", b"{", b"data: {", b"\xff\xfe", b"[]", b"null", b'{"choices": []}', b"<html>"])
def test_bytes_that_are_no_answer_are_shown_as_they_are(data: bytes):
    for kind in ("application/json", "text/event-stream", "text/html", ""):
        state, traffic = State(Settings()), Traffic()
        state.record_request(ReceivedRequest("POST", CHAT, {}, json={"messages": [{}]}))
        entry = detail(exchange_of(traffic, data, kind, 500), state, Board(state, traffic), "http://x/v1")
        assert entry["raw"] == data.decode("utf-8", "replace")
