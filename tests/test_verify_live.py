"""`make verify-live`, against an emulator in the platform's place: exactly its altered rules are told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from altered_emulator import KEY, altered_emulator

from kimi_emulator import Emulator
from kimi_emulator.rules import RULES
from scripts import verify_live

ALTERED = {
    "stop.count": {"off": True},  # accepts what it should refuse
    "sampling.n": {"status": 422},
    "thinking.type": {"type": "validation_error"},
    "file.extension": {"off": True},
    "batch.window": {"status": 409},
    "tolerated.arguments": {"refuses": True},  # refuses what it should accept
}
NOT_SENT = {
    "batch.cancel": "is answered when a batch is done, hours later",
    "search.altered_call": "follows on an answer that only a script gives for certain",
    "model.not_visible": "needs Emulator(models=...)",
    "search.sealed": "needs text that the platform has sealed",
}
OTHERS = ["auth.bearer", "stop.type", "tolerated.sampling", "media.file_missing", "mfjs.limits", "fiber.name"]


@pytest.fixture(scope="module")
def upstream() -> Iterator[str]:
    with altered_emulator(ALTERED) as base_url:
        yield base_url


@pytest.fixture
def as_platform(upstream: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOONSHOT_API_KEY", KEY)
    monkeypatch.setenv("MOONSHOT_BASE_URL", upstream)


def verify(state: Path, *arguments: str, slept: list[float] | None = None) -> int:
    return verify_live.main([*arguments, "--state", str(state)], ([] if slept is None else slept).append)


def entries(state: Path) -> dict[str, dict[str, Any]]:
    return json.loads(state.read_text("utf-8"))["rules"]


@pytest.mark.usefixtures("as_platform")
@pytest.mark.parametrize(
    "ids", [pytest.param([], id="all", marks=pytest.mark.slow), pytest.param([*ALTERED, *NOT_SENT, *OTHERS], id="some")]
)
def test_exactly_the_altered_rules_are_told_and_no_key(
    ids: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "agreement.json"
    assert verify(state, *ids) == 1
    output, errors = capsys.readouterr()
    rules = entries(state)
    assert list(rules) == (ids or list(RULES))
    assert {id for id, entry in rules.items() if entry["agrees"] is False} == set(ALTERED)
    for id, reason in NOT_SENT.items():
        assert reason in str(rules[id]), id
    sent = sum("status" in rules[id][half] for id in rules for half in verify_live.HALVES)
    assert sent > 1.2 * len(rules)
    assert "sampling.n                           DIFFERS\n" in output
    assert "    what it refuses: the platform answers 422, the emulator 400 (invalid n: only 1 is allowed" in output
    assert "    what it refuses: the platform's type of error is 'validation_error'" in output
    assert f"{len(rules)} rules: " in output
    assert ", 6 differ, " in output
    assert ", 0 not answered; saved in" in output
    assert errors == ""
    everything = output + "".join(path.read_text("utf-8") for path in tmp_path.iterdir())
    assert KEY not in everything


@pytest.mark.usefixtures("as_platform")
def test_a_later_run_goes_on_where_an_earlier_one_stopped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state, some = tmp_path / "agreement.json", ["stop.type", "stop.count", "stop.length"]

    def interrupt(_: float) -> None:
        if len(entries(state) if state.exists() else ()) == 1:
            raise KeyboardInterrupt

    assert verify_live.main([*some, "--state", str(state)], interrupt) == 2
    assert "stopped: interrupted; the next run goes on from here" in capsys.readouterr().err
    assert list(entries(state)) == some[:1]
    saved = json.loads(state.read_text("utf-8"))
    saved["rules"]["stop.type"]["day"] = "2026-01-01"
    state.write_text(json.dumps(saved), "utf-8")
    assert verify(state, *some) == 1
    assert list(entries(state)) == some
    assert entries(state)["stop.type"]["day"] == "2026-01-01", "it was not asked again"
    assert verify(state, *some[:1], "--again") == 0
    assert entries(state)["stop.type"]["day"] != "2026-01-01"
    assert set(entries(state)) == set(some)


@pytest.mark.usefixtures("as_platform")
def test_the_accounts_pace_is_kept(tmp_path: Path) -> None:
    slept: list[float] = []
    assert verify(tmp_path / "a.json", "sampling.n", "sampling.top_p", slept=slept) == 1
    assert len(slept) == 3  # four requests, three a minute
    assert all(19 * n < seconds <= 20 * n for n, seconds in enumerate(slept, 1))  # nobody really slept
    slept.clear()
    assert verify(tmp_path / "b.json", "sampling.n", "sampling.top_p", "--tier", "3", slept=slept) == 1
    assert sum(slept) < 1


def test_what_is_made_is_removed_and_costs_a_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Emulator() as kimi:
        monkeypatch.setenv("MOONSHOT_API_KEY", kimi.api_key)
        monkeypatch.setenv("MOONSHOT_BASE_URL", kimi.base_url)
        assert verify(tmp_path / "a.json", "batch.window", "file.unknown", "file.not_parsed", "sampling.n") == 0
        assert kimi.files == {}
        assert {batch.status for batch in kimi.batches.values()} <= {"cancelling", "cancelled"}
        assert len(kimi.batches) == 1
        assert [chat["max_completion_tokens"] for chat in kimi.chats] == [1, 1]


# ------------------------------------------------------------------------------------------------- when it cannot go on


def pace_over(*answers: httpx.Response) -> tuple[verify_live.Pace, list[float]]:
    waiting, slept = list(answers), list[float]()
    transport = httpx.MockTransport(lambda request: waiting.pop(0))
    return verify_live.Pace(transport, 60, slept.append, lambda: 0.0), slept


def test_a_busy_platform_is_waited_for() -> None:
    pace, slept = pace_over(
        httpx.Response(429, headers={"Retry-After": "7"}, json={"error": {"type": "rate_limit_reached_error"}}),
        httpx.Response(503, text="<html>"),
        httpx.Response(200, json={}),
    )
    with httpx.Client(transport=pace) as client:
        assert client.get("https://api.moonshot.ai/v1/models").status_code == 200
    assert slept == [7.0, 2.0]


def test_one_that_stays_busy_is_asked_again_another_time() -> None:
    pace, slept = pace_over(*[httpx.Response(429, json={})] * 6)
    with httpx.Client(transport=pace) as client, pytest.raises(verify_live.Unanswered, match="429 6 times"):
        client.get("https://api.moonshot.ai/v1/models")
    assert slept == [5.0, 10.0, 20.0, 40.0, 80.0, 160.0]


def test_an_account_without_money_ends_the_run() -> None:
    pace, _ = pace_over(httpx.Response(429, json={"error": {"type": "exceeded_current_quota_error"}}))
    with httpx.Client(transport=pace) as client, pytest.raises(verify_live.Stop, match="no money left"):
        client.post("https://api.moonshot.ai/v1/chat/completions", json={})


def test_a_wrong_key_another_platform_and_no_key_are_told(
    upstream: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "a.json"
    with pytest.raises(SystemExit):
        verify(state)
    assert "MOONSHOT_API_KEY is not set" in capsys.readouterr().err
    monkeypatch.setenv("MOONSHOT_BASE_URL", upstream)
    monkeypatch.setenv("MOONSHOT_API_KEY", "sk-test-of-nobody")
    assert verify(state) == 2
    assert "answers 401 to GET /models" in capsys.readouterr().err
    state.write_text('{"base_url": "https://api.moonshot.cn/v1", "rules": {}}')
    assert verify(state) == 2
    assert "is about https://api.moonshot.cn/v1: name another file" in capsys.readouterr().err
    monkeypatch.setenv("MOONSHOT_BASE_URL", "http://127.0.0.1:9/v1")
    assert verify(tmp_path / "b.json") == 2
    assert "cannot be reached" in capsys.readouterr().err
