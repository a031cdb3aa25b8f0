"""Rate limits by tier, money, regions, and the clock that makes them quick to test."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from typing import Any

import httpx
import pytest

from kimi_emulator import TIERS, Emulator, RateLimits, Reply
from kimi_emulator.__main__ import main

HI = {"model": "kimi-k3", "messages": [{"role": "user", "content": "say hi"}], "max_completion_tokens": 100}
COOLDOWN = ("Retry-After", "X-Retry-After", "Msh-Cooldown-Seconds")


@contextmanager
def running(**settings: Any) -> Iterator[tuple[Emulator, httpx.Client]]:
    with (
        Emulator(**settings) as kimi,
        httpx.Client(base_url=kimi.base_url, headers={"Authorization": f"Bearer {kimi.api_key}"}, timeout=5) as client,
    ):
        yield kimi, client


def post(client: httpx.Client, **fields: Any) -> httpx.Response:
    return client.post("/chat/completions", json=HI | fields)


def refusal(answer: httpx.Response) -> tuple[str, str]:
    assert answer.status_code == 429
    error = answer.json()["error"]
    assert set(error) == {"message", "type"}
    return error["type"], error["message"]


def test_without_a_tier_nothing_is_limited(kimi: Emulator, client: httpx.Client) -> None:
    assert {post(client).status_code for _ in range(20)} == {200}
    assert kimi.balance is None


def test_the_published_tiers() -> None:
    assert TIERS[0] == RateLimits(concurrency=1, rpm=3, tpm=500_000, tpd=1_500_000)
    assert TIERS[5] == RateLimits(concurrency=1_000, rpm=10_000, tpm=5_000_000, tpd=None)
    assert len(TIERS) == 6
    for tier in (-1, 6):
        with pytest.raises(ValueError, match="from 0 to 5"):
            Emulator(tier=tier)


def test_three_requests_a_minute() -> None:
    with running(tier=0) as (kimi, client):
        assert [post(client).status_code for _ in range(5)] == [200, 200, 200, 429, 429]
        answer = post(client)
        kind, message = refusal(answer)
        assert kind == "rate_limit_reached_error"
        # Recorded: "Your account org-XXXX<ak-YYYY> request reached organization max RPM: 3, please try again after ..."
        assert message.startswith("Your account org-")
        assert message.endswith("> request reached organization max RPM: 3, please try again after 1 seconds")
        assert b"\\u003cak-" in answer.content
        assert [answer.headers[name] for name in COOLDOWN] == ["1", "1", "1"]
        assert len(kimi.replies) == 3
        kimi.clock.advance(1)  # what the header says, and what recorded clients did in vain
        assert post(client).status_code == 429
        kimi.clock.advance(60)
        assert [post(client).status_code for _ in range(4)] == [200, 200, 200, 429]


def test_the_minute_slides() -> None:
    with running(tier=RateLimits(rpm=2)) as (kimi, client):
        assert post(client).status_code == 200
        kimi.clock.advance(40)
        assert [post(client).status_code for _ in range(2)] == [200, 429]
        kimi.clock.advance(25)
        assert [post(client).status_code for _ in range(2)] == [200, 429]


def test_tokens_per_minute_count_what_is_asked_for_not_what_is_used() -> None:
    with running(tier=RateLimits(tpm=1_000)) as (kimi, client):
        kimi.script(*[Reply(content="short")] * 3)
        assert post(client, max_completion_tokens=800).status_code == 200
        kind, message = refusal(post(client, max_completion_tokens=100))
        assert kind == "rate_limit_reached_error"
        # 87 tokens of prompt twice, 800 and 100 of output asked for.
        assert "reached project TPM rate limit, current: 1074, limit: 1000, " in message
        assert post(client, max_completion_tokens=20).status_code == 200
        kimi.clock.advance(61)
        assert post(client, max_completion_tokens=800).status_code == 200


def test_the_default_output_of_a_model_counts_in_full() -> None:
    with running(tier=RateLimits(tpm=131_000)) as (_, client):
        _, message = refusal(client.post("/chat/completions", json={k: HI[k] for k in ("model", "messages")}))
        assert "current: 131159, limit: 131000" in message  # 131,072 and a prompt of 87
        assert post(client, model="kimi-k2.6", max_completion_tokens=None).status_code == 200  # 32,768


def test_a_days_tokens_come_back_the_next_day() -> None:
    with running(tier=RateLimits(tpd=400)) as (kimi, client):
        assert [post(client).status_code for _ in range(2)] == [200, 200]
        answer = post(client)
        kind, message = refusal(answer)
        assert kind == "rate_limit_reached_error"
        assert "reached organization TPD rate limit, current: 561, limit: 400" in message
        assert not set(COOLDOWN) & set(answer.headers)
        kimi.clock.advance(61)
        if kimi.clock.day() == Emulator().clock.day():  # not at midnight
            assert post(client).status_code == 429
        kimi.clock.advance(24 * 3600)
        assert post(client).status_code == 200


@pytest.mark.parametrize("stream", [False, True])
def test_one_at_a_time(stream: bool) -> None:
    with running(tier=RateLimits(concurrency=1)) as (kimi, client):
        kimi.fail("stall.before_headers")
        with closing(HTTPConnection(kimi.base_url.removeprefix("http://").removesuffix("/v1"), timeout=5)) as waiting:
            headers = {"Authorization": f"Bearer {kimi.api_key}", "Content-Type": "application/json"}
            waiting.request("POST", "/v1/chat/completions", json.dumps(HI | {"stream": stream}), headers)
            while kimi.pending_faults:  # until the request has met its fault, which is after it was let in
                time.sleep(0.005)
            kind, message = refusal(post(client))
            assert kind == "rate_limit_reached_error"
            assert message.endswith("request reached max organization concurrency: 1, please try again after 1 seconds")
        for _ in range(200):  # the place is free again as soon as it is noticed that the client has gone
            answer = post(client)
            if answer.status_code == 200:
                break
            time.sleep(0.01)
        assert answer.status_code == 200
        assert [post(client, stream=True).status_code for _ in range(3)] == [200] * 3


def test_errors_give_their_place_back() -> None:
    class Broken:
        def answer(self, request: Any, context: Any) -> Reply:
            raise RuntimeError("no idea")

    with running(tier=RateLimits(concurrency=1), brain=Broken()) as (kimi, client):
        assert [post(client).status_code for _ in range(3)] == [500] * 3
        kimi.fail("http.503", "close.after_headers")
        assert post(client).status_code == 503
        kimi.script(Reply(content="a"))
        with pytest.raises(httpx.RemoteProtocolError):
            post(client)
        kimi.script(Reply(content="b"))
        assert post(client).status_code == 200


def test_what_other_endpoints_do_is_not_limited() -> None:
    with running(tier=0) as (_, client):
        for _ in range(10):
            assert client.get("/models").status_code == 200
            assert client.post("/tokenizers/estimate-token-count", json=HI).status_code == 200
        assert post(client).status_code == 200
        assert post(client, temperature=0).status_code == 400  # refused before it counts
        assert [post(client).status_code for _ in range(3)] == [200, 200, 429]


def test_an_account_runs_out_of_money() -> None:
    with running(balance=0.004) as (kimi, client):
        usage = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100, "cached_tokens": 200}
        kimi.script(Reply(content="hi", usage=usage))
        assert post(client).status_code == 200
        # K3: 800 at 3 USD, 200 cached at 0.30, 100 of output at 15, each per million.
        assert kimi.balance == pytest.approx(0.004 - (800 * 3 + 200 * 0.3 + 100 * 15) / 1_000_000)
        balance = client.get("/users/me/balance").json()
        assert balance["data"]["available_balance"] == pytest.approx(kimi.balance)
        assert (balance["code"], balance["status"], balance["scode"]) == (0, True, "0x0")
        kimi.script(Reply(content="hi", usage=usage))
        assert post(client).status_code == 200  # the last one may overdraw
        assert client.get("/users/me/balance").json()["data"]["cash_balance"] < 0
        answer = post(client)
        kind, message = refusal(answer)
        assert kind == "exceeded_current_quota_error"
        assert message.startswith("Your account org-")
        assert " is suspended due to insufficient balance, please recharge your account or check" in message
        assert not set(COOLDOWN) & set(answer.headers)
        kimi.reset()
        assert kimi.balance == 0.004
        assert post(client, model="kimi-k2.6").status_code == 200


def test_errors_cost_nothing() -> None:
    with running(balance=1.0) as (kimi, client):
        kimi.fail("http.500")
        assert post(client).status_code == 500
        assert post(client, model="kimi-none").status_code == 404
        assert kimi.balance == 1.0


def test_the_program_takes_what_the_emulator_takes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    switches = {"--region", "--retired", "--mfjs", "--k3-requires-reasoning", "--k3-named-choice"}
    assert {"--tier", "--balance", "--dialect"} | switches <= set(capsys.readouterr().out.split())
    for wrong in (["--tier", "6"], ["--dialect", "other"], ["--balance", "much"], ["--mfjs", "loose"]):
        with pytest.raises(SystemExit):
            main(wrong)
        assert "invalid" in capsys.readouterr().err


def test_keys_of_the_two_regions_refuse_each_other() -> None:
    with running(region="ai") as (ai, at_ai), running(region="cn") as (cn, at_cn):
        assert ai.api_key != cn.api_key
        assert post(at_ai).status_code == post(at_cn).status_code == 200
        for client, other in ((at_ai, cn), (at_cn, ai)):
            answer = client.post("/chat/completions", json=HI, headers={"Authorization": f"Bearer {other.api_key}"})
            assert answer.status_code == 401
            assert answer.json()["error"] == {
                "message": "Invalid Authentication",
                "type": "invalid_authentication_error",
            }
    assert Emulator(region="cn", api_key="sk-mine").api_key == "sk-mine"


def test_the_program_hands_its_switches_on(monkeypatch: pytest.MonkeyPatch) -> None:
    launches: list[dict[str, Any]] = []

    class Recorder(Emulator):
        def __init__(self, **settings: Any) -> None:
            launches.append(settings)
            super().__init__(**settings)

        def wait(self) -> None:
            """Return at once."""

    monkeypatch.setattr("kimi_emulator.__main__.Emulator", Recorder)
    flags = ["--region", "cn", "--retired", "--mfjs", "strict", "--k3-requires-reasoning"]
    assert main(["--port", "0", *flags, "--k3-named-choice", "ignore"]) == 0
    [settings] = launches
    expected = {"region": "cn", "retired": True, "mfjs": "strict", "k3_requires_reasoning": True}
    assert expected.items() <= settings.items()
    assert settings["k3_named_choice"] == "ignore"
    assert settings["api_key"] is None, "the region brings its own key"
