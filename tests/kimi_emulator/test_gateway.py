"""The platform's gateway, by the emulator's clock: 900 s without a byte, 7,200 s in all. And days that are to come."""

from __future__ import annotations

import threading
import time
from datetime import date

import httpx
import pytest

from kimi_emulator import Emulator, Fault, Reply
from kimi_emulator.faults import FAULTS

ASK = {"model": "kimi-k2.6", "messages": [{"role": "user", "content": "hi"}]}
PAGE = "504 Gateway Time-out"


def later(kimi: Emulator, *seconds: float) -> None:
    """Move the clock on once a request has come."""

    def advance() -> None:
        while not kimi.requests:
            time.sleep(0.01)
        for step in seconds:
            time.sleep(0.1)
            kimi.clock.advance(step)

    threading.Thread(target=advance, daemon=True).start()


@pytest.mark.parametrize("stream", [False, True])
def test_900_seconds_without_a_byte_end_in_504(kimi: Emulator, client: httpx.Client, stream: bool) -> None:
    kimi.fail("stall.before_headers")
    later(kimi, 450, 450)
    answer = client.post("/chat/completions", json=ASK | {"stream": stream})
    assert (answer.status_code, answer.headers["content-type"]) == (504, "text/html; charset=utf-8")
    assert PAGE in answer.text
    assert client.post("/chat/completions", json=ASK).status_code == 200


def test_a_longer_silence_never_gets_to_its_answer(kimi: Emulator, client: httpx.Client) -> None:
    kimi.fail(Fault("silence.1000", "", "", failure=FAULTS["http.503"].failure, silence=1000.0))
    later(kimi, 901)
    assert client.post("/chat/completions", json=ASK).status_code == 504


def test_a_shorter_silence_gets_to_its_answer(kimi: Emulator, client: httpx.Client) -> None:
    kimi.fail(Fault("silence.800", "", "", failure=FAULTS["http.503"].failure, silence=800.0))
    later(kimi, 801)
    assert client.post("/chat/completions", json=ASK).status_code == 503


def test_silence_in_the_middle_of_a_stream_closes_the_connection(kimi: Emulator, client: httpx.Client) -> None:
    kimi.script(Reply(content="one two three four five six"))
    kimi.fail("stall.mid_stream")
    later(kimi, 450, 451)
    with client.stream("POST", "/chat/completions", json=ASK | {"stream": True}) as answer:
        assert answer.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            list(answer.iter_bytes())


def test_a_stream_lasts_7200_seconds_in_all(kimi: Emulator, client: httpx.Client) -> None:
    kimi.script(Reply(content="word " * 200_000))  # more than the buffers of a connection hold
    with client.stream("POST", "/chat/completions", json=ASK | {"stream": True}) as answer:
        pieces = answer.iter_bytes()
        assert next(pieces).startswith(b"data: ")
        kimi.clock.advance(7_201)
        with pytest.raises(httpx.RemoteProtocolError):
            list(pieces)


def test_a_stream_of_less_is_whole(kimi: Emulator, client: httpx.Client) -> None:
    kimi.script(Reply(content="word " * 20_000))
    with client.stream("POST", "/chat/completions", json=ASK | {"stream": True}) as answer:
        pieces = answer.iter_bytes()
        next(pieces)
        kimi.clock.advance(7_100)
        assert b"".join(pieces).endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("today", ["2027-01-02", date(2027, 1, 2)])
def test_a_day_to_come(today: str | date) -> None:
    with Emulator(today=today) as kimi:
        headers = {"Authorization": f"Bearer {kimi.api_key}"}
        with httpx.Client(base_url=kimi.base_url, headers=headers, trust_env=False) as client:
            assert client.post("/chat/completions", json=ASK).status_code == 404
            assert client.post("/chat/completions", json=ASK | {"model": "kimi-k3"}).status_code == 200
            ids = [model["id"] for model in client.get("/models").json()["data"]]
    assert "kimi-k3" in ids
    assert "kimi-k2.6" not in ids


def test_a_day_that_is_none() -> None:
    with pytest.raises(ValueError, match=r"today is a date, or one as YYYY-MM-DD, not '2\. 1\. 2027'"):
        Emulator(today="2. 1. 2027")
