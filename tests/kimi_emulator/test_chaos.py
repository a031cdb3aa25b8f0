"""The chaos sweep: what each fault leads to in programs that do right, that give up, and that go wrong quietly."""

from __future__ import annotations

import asyncio
import json
import time
import warnings
from typing import Any

import httpx
import pytest

from kimi_emulator import FAULTS, Emulator, Reply, Sweep, ToolCall, sweep

TOOL = {
    "type": "function",
    "function": {"name": "get_tides", "parameters": {"type": "object", "properties": {"place": {"type": "string"}}}},
}
CALL = Reply(tool_calls=[ToolCall("get_tides", {"place": "Turku"})], reasoning="The table.")
QUESTION = {"role": "user", "content": "When is high water in Turku?"}


class GivesUp(Exception):
    """The program tells its user that it could not."""


def ask(kimi: Emulator, messages: list[Any], tries: int = 1) -> dict[str, Any]:
    """A careful client: whatever is no whole answer is tried again, and told at last."""
    body = {"model": "kimi-k3", "messages": messages, "tools": [TOOL]}
    headers = {"Authorization": f"Bearer {kimi.api_key}"}
    for _ in range(tries):
        try:
            answer = httpx.post(f"{kimi.base_url}/chat/completions", json=body, headers=headers, timeout=20)
            message = answer.raise_for_status().json()["choices"][0]["message"]
        except (httpx.HTTPError, ValueError, KeyError):
            continue
        return message
    raise GivesUp("no answer")


def agent(kimi: Emulator, tries: int = 1) -> str:
    call = ask(kimi, [QUESTION], tries)
    results = [
        {"role": "tool", "tool_call_id": each["id"], "content": f"{json.loads(each['function']['arguments'])}: 06:42"}
        for each in call.get("tool_calls") or ()
    ]
    return ask(kimi, [QUESTION, call, *results], tries)["content"] if results else call["content"]


def outcomes(swept: Sweep) -> dict[tuple[str, int], str]:
    return {(row.fault, row.step): row.outcome for row in swept.rows}


def test_a_program_that_asks_again_survives() -> None:
    swept = sweep(
        lambda kimi: agent(kimi, 2),
        faults=["http.503", "connect.reset", "close.mid_event"],
        script=[CALL, Reply("At 06:42.")],
    )
    assert outcomes(swept) == {
        (fault, step): "survived" for fault in ("http.503", "connect.reset", "close.mid_event") for step in (1, 2)
    }
    assert swept.unexplained == []


def test_one_that_does_not_ends_in_an_error_of_its_own() -> None:
    swept = sweep(agent, faults=["http.503"], steps=[2], script=[CALL, Reply("At 06:42.")])
    [row] = swept.rows
    assert (row.fault, row.step, row.outcome, row.detail) == ("http.503", 2, "error", "GivesUp: no answer")


def test_a_loss_without_a_word_is_told_by_step() -> None:
    """Without its calls, the first answer is taken for the last one."""
    swept = sweep(agent, faults=["calls.none", "usage.missing"], script=[CALL, Reply("At 06:42.")])
    assert outcomes(swept) == {
        ("calls.none", 1): "silent",  # the second answer has no calls to lose
        ("usage.missing", 1): "survived",
        ("usage.missing", 2): "survived",
    }
    assert [row.fault for row in swept.unexplained] == ["calls.none"]
    assert "in place of 'At 06:42.'" in str(swept)


def test_a_reason_explains_its_own_fault_alone() -> None:
    swept = sweep(
        agent,
        faults=["calls.none", "answer.empty"],
        script=[CALL, Reply("At 06:42.")],
        explained={"calls.none": "the model did not call"},
    )
    assert {row.fault for row in swept.of("silent")} == {"calls.none", "answer.empty"}
    assert {row.fault for row in swept.unexplained} == {"answer.empty"}
    assert "calls.none    step 1  silent" in str(swept)
    assert "(meant: the model did not call)" in str(swept)


def test_asserts_crashes_and_warnings_are_told_apart() -> None:
    def careless(kimi: Emulator) -> str:
        answer = httpx.post(
            f"{kimi.base_url}/chat/completions",
            json={"model": "kimi-k3", "messages": [QUESTION]},
            headers={"Authorization": f"Bearer {kimi.api_key}"},
        )
        if answer.status_code == 429:
            warnings.warn("the platform is busy", UserWarning, stacklevel=1)
            return "later"
        assert answer.status_code != 502, "a bad gateway"
        if answer.status_code == 504:
            warnings.warn("the gateway gave up", UserWarning, stacklevel=1)
            raise AssertionError
        return answer.json()["choices"][0]["message"]["content"]

    swept = sweep(
        careless,
        faults=["http.503", "http.429_overloaded", "http.502_html", "http.200_html", "http.504_html", "connect.reset"],
    )
    assert {row.fault: (row.outcome, row.detail.partition(" '")[0].partition(" assert")[0]) for row in swept.rows} == {
        "http.503": ("crash", "KeyError:"),
        "http.429_overloaded": ("warned", "UserWarning: the platform is busy"),
        "http.502_html": ("silent", "AssertionError: a bad gateway"),
        "http.504_html": ("warned", "UserWarning: the gateway gave up"),
        "http.200_html": ("crash", swept.of("crash")[-1].detail.partition(" '")[0]),
        "connect.reset": ("error", swept.of("error")[0].detail),
    }
    assert {row.outcome for row in swept.unexplained} == {"crash", "silent"}
    known = sweep(careless, faults=["http.503", "connect.reset"], known=(KeyError,))
    assert [row.outcome for row in known.rows] == ["error", "crash"]


@pytest.mark.parametrize(
    "is_async", [pytest.param(False, id="sync", marks=pytest.mark.slow), pytest.param(True, id="async")]
)
def test_a_program_without_an_end_is_cut_off(is_async: bool) -> None:
    def sync(kimi: Emulator) -> str:
        while True:
            try:
                return agent(kimi)
            except GivesUp:
                time.sleep(30)

    async def asynchronous(kimi: Emulator) -> str:
        try:
            return await asyncio.to_thread(agent, kimi)
        except GivesUp:
            await asyncio.sleep(30)
            return "too late"

    begun = time.monotonic()
    swept = sweep(asynchronous if is_async else sync, faults=["http.500"], steps=[1], timeout=0.4)
    assert [row.outcome for row in swept.rows] == ["hung"]
    assert time.monotonic() - begun < 12


def test_silences_of_the_platform_take_no_time() -> None:
    """900 seconds by the emulator's clock."""
    begun = time.monotonic()
    swept = sweep(agent, faults=["stall.before_headers", "http.overloaded_after_silence"], steps=[1])
    assert [(row.outcome, row.detail) for row in swept.rows] == [("error", "GivesUp: no answer")] * 2
    assert time.monotonic() - begun < 12


async def stream(kimi: Emulator) -> str:
    body = {"model": "kimi-k3", "messages": [QUESTION], "stream": True}
    text = ""
    async with (
        httpx.AsyncClient(headers={"Authorization": f"Bearer {kimi.api_key}"}) as client,
        client.stream("POST", f"{kimi.base_url}/chat/completions", json=body) as response,
    ):
        async for line in response.aiter_lines():
            if line.startswith("data: {"):
                text += json.loads(line[6:])["choices"][0]["delta"].get("content") or ""
    return text


@pytest.mark.slow
def test_an_asynchronous_stream_under_all_that_applies() -> None:
    swept = sweep(stream, script=[Reply("At 06:42.")], explained={})
    tried = {row.fault for row in swept.rows}
    assert tried == {id for id, fault in FAULTS.items() if "stream" in fault.on and fault.shows != "calls"}
    assert {row.step for row in swept.rows} == {1}
    assert outcomes(swept)["close.ends_early", 1] == "silent"
    assert outcomes(swept)["sse.comments", 1] == "survived"
    assert len(str(swept).splitlines()) == 1 + len(swept.rows)


def test_what_fails_without_a_fault_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        sweep(lambda kimi: 1 / 0)
    with pytest.raises(TimeoutError, match=r"did not end within 0\.1 s"):
        sweep(lambda kimi: time.sleep(1.5), timeout=0.1)
    with pytest.raises(KeyError, match=r"no fault 'no\.such'"):
        sweep(agent, faults=["no.such"])


def test_a_program_that_asks_nothing_has_no_rows() -> None:
    assert str(sweep(lambda kimi: "idle")) == "no fault applies"


def test_a_fault_can_be_put_at_one_step() -> None:
    with Emulator() as kimi:
        kimi.fail("http.503", step=2)
        kimi.fail("http.500", step=4)
        answers = [
            httpx.get(f"{kimi.base_url}/models", headers={"Authorization": f"Bearer {kimi.api_key}"}) for _ in range(3)
        ]
        assert [answer.status_code for answer in answers] == [200, 503, 200]
        assert kimi.steps == ["models"] * 3
        assert kimi.pending_faults == ["http.500"]
        kimi.reset()
        assert kimi.steps == kimi.pending_faults == []
