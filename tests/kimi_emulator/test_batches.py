"""Batches of the emulator: their lives, their files, and what becomes of single lines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from batch_examples import DONE, line, make, until_done

from kimi_emulator import Emulator, Failure, Reply

HOUR = 3600.0
OBJECT_KEYS = {
    *("id", "object", "endpoint", "input_file_id", "completion_window", "status", "output_file_id", "error_file_id"),
    *("created_at", "in_progress_at", "expires_at", "finalizing_at", "completed_at", "failed_at", "cancelling_at"),
    *("cancelled_at", "request_counts", "metadata"),
}


@pytest.fixture
def start(client: httpx.Client) -> Callable[..., dict[str, Any]]:
    """Make a batch of so many lines, a, b, c ..."""

    def start_batch(count: int = 2, **fields: Any) -> dict[str, Any]:
        answer = make(client, [line(chr(ord("a") + number)) for number in range(count)], **fields)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return start_batch


@pytest.fixture
def slow() -> Iterator[tuple[Emulator, httpx.Client]]:
    """An emulator whose batches take an hour."""
    with Emulator(batch_seconds=HOUR) as kimi:
        headers = {"Authorization": f"Bearer {kimi.api_key}"}
        with httpx.Client(base_url=kimi.base_url, headers=headers, timeout=20) as client:
            yield kimi, client


def lines_of(client: httpx.Client, file_id: str | None) -> list[dict[str, Any]]:
    assert file_id is not None
    return [json.loads(text) for text in client.get(f"/files/{file_id}/content").text.split("\n") if text]


def look(client: httpx.Client, batch: dict[str, Any]) -> dict[str, Any]:
    return client.get(f"/batches/{batch['id']}").json()


def test_a_batch_goes_through_every_status_in_order(client: httpx.Client, start: Any) -> None:
    batch = start(3, metadata={"run": "7"})
    seen = [batch]
    while seen[-1]["status"] not in DONE:
        seen.append(look(client, batch))
    assert [each["status"] for each in seen] == ["validating", "in_progress", "finalizing", "completed"]
    for each in seen:
        assert set(each) == OBJECT_KEYS
        assert each["object"] == "batch"
        assert each["metadata"] == {"run": "7"}
        assert each["expires_at"] - each["created_at"] == 24 * HOUR
    last = seen[-1]
    assert last["request_counts"] == {"total": 3, "completed": 3, "failed": 0}
    assert last["created_at"] <= last["in_progress_at"] <= last["finalizing_at"] <= last["completed_at"]
    assert [last[name] for name in ("failed_at", "cancelling_at", "cancelled_at", "error_file_id")] == [None] * 4
    assert seen[0]["request_counts"] == {"total": 0, "completed": 0, "failed": 0}


def test_output_lines_have_the_documented_shape_and_the_answers_of_their_own_requests(
    client: httpx.Client, start: Any, kimi: Emulator
) -> None:
    kimi.script(*(Reply(content=f"answer {name}") for name in "abc"))
    batch = until_done(client, start(3)["id"]).json()
    output = lines_of(client, batch["output_file_id"])
    assert [entry["custom_id"] for entry in output] != ["a", "b", "c"]  # nobody is to rely on their order
    for entry in output:
        assert list(entry) == ["id", "custom_id", "response", "error"]
        assert entry["id"] == entry["custom_id"]
        assert entry["error"] is None
        assert list(entry["response"]) == ["status_code", "request_id", "body"]
        assert entry["response"]["status_code"] == 200
        body = entry["response"]["body"]
        assert body["object"] == "chat.completion"
        assert body["choices"][0]["message"]["content"] == f"answer {entry['custom_id']}"
        assert body["usage"]["total_tokens"] > 0
    assert kimi.report == []


def test_lines_are_held_to_the_rules_of_chat_requests(client: httpx.Client, kimi: Emulator) -> None:
    bad = line("hot", body={"temperature": 0.3})
    batch = until_done(client, make(client, [line("good"), bad]).json()["id"]).json()
    assert batch["status"] == "completed"
    assert batch["request_counts"] == {"total": 2, "completed": 1, "failed": 1}
    assert [entry["custom_id"] for entry in lines_of(client, batch["output_file_id"])] == ["good"]
    [failed] = lines_of(client, batch["error_file_id"])
    error = {"message": "invalid temperature: only 1 is allowed for this model", "type": "invalid_request_error"}
    assert failed["response"] == {"status_code": 400, "request_id": "", "body": {"error": error}}
    assert [refusal.rule for refusal in kimi.refusals] == ["sampling.temperature"]


def test_what_a_line_merely_gets_away_with_is_reported(client: httpx.Client, kimi: Emulator) -> None:
    batch = make(client, [line("a", body={"temperature": 1})])
    until_done(client, batch.json()["id"])
    [report] = kimi.report
    assert report.rule == "tolerated.sampling"
    assert kimi.requests[report.request].path == "/v1/batches"


def test_scripted_failures_become_lines_of_the_error_file(client: httpx.Client, start: Any, kimi: Emulator) -> None:
    kimi.script(Reply(content="fine"), Failure(429, "engine_overloaded_error", "busy"), Reply(fault="http.503"))
    batch = until_done(client, start(3)["id"]).json()
    failed = {
        entry["custom_id"]: entry["response"]["status_code"] for entry in lines_of(client, batch["error_file_id"])
    }
    assert failed == {"b": 429, "c": 503}
    assert kimi.pending == []


def test_a_refused_file_fails_and_answers_nothing(client: httpx.Client, kimi: Emulator) -> None:
    batch = make(client, [line("a"), line("a")]).json()
    assert batch["status"] == "validating"
    failed = look(client, batch)
    assert failed["status"] == "failed"
    assert failed["failed_at"] is not None
    assert failed["in_progress_at"] is None
    assert failed["output_file_id"] is None
    assert failed["request_counts"] == {"total": 0, "completed": 0, "failed": 0}
    assert kimi.replies == []
    assert [refusal.rule for refusal in kimi.refusals] == ["batch.custom_id"]


def test_an_input_file_deleted_meanwhile_fails_the_batch(client: httpx.Client, start: Any) -> None:
    batch = start()
    client.delete(f"/files/{batch['input_file_id']}")
    assert look(client, batch)["status"] == "failed"


def test_time_passes_by_the_clock_and_counts_grow_with_it(slow: tuple[Emulator, httpx.Client]) -> None:
    kimi, client = slow
    batch = make(client, [line(str(number)) for number in range(4)]).json()
    assert [look(client, batch)["status"] for _ in range(3)] == ["in_progress"] * 3
    kimi.clock.advance(HOUR / 2)
    assert look(client, batch)["request_counts"] == {"total": 4, "completed": 2, "failed": 0}
    kimi.clock.advance(HOUR / 2)
    assert [look(client, batch)["status"] for _ in range(2)] == ["finalizing", "completed"]


def test_a_batch_that_outlives_its_window_expires_with_what_it_has() -> None:
    with Emulator(batch_seconds=24 * HOUR) as kimi:
        headers = {"Authorization": f"Bearer {kimi.api_key}"}
        with httpx.Client(base_url=kimi.base_url, headers=headers) as client:
            batch = make(client, [line(str(n)) for n in range(4)], completion_window="12h").json()
            look(client, batch)
            kimi.clock.advance(30 * HOUR)
            ended = look(client, batch)
            assert ended["status"] == "expired"
            assert ended["request_counts"]["completed"] in (1, 2)  # half the window's day, less the first moments
            assert len(lines_of(client, ended["output_file_id"])) == ended["request_counts"]["completed"]
            assert ended["error_file_id"] is None


def test_cancelling_keeps_what_was_answered(slow: tuple[Emulator, httpx.Client]) -> None:
    kimi, client = slow
    batch = make(client, [line(str(number)) for number in range(4)]).json()
    look(client, batch)
    kimi.clock.advance(HOUR / 2)
    look(client, batch)
    assert client.post(f"/batches/{batch['id']}/cancel").json()["status"] == "cancelling"
    ended = look(client, batch)
    assert ended["status"] == "cancelled"
    assert ended["cancelling_at"] <= ended["cancelled_at"]
    assert len(lines_of(client, ended["output_file_id"])) == 2
    assert len(kimi.replies) == 2
    again = client.post(f"/batches/{batch['id']}/cancel")
    assert again.status_code == 400
    assert "is cancelled and cannot be cancelled" in again.json()["error"]["message"]


def test_the_list_comes_newest_first_and_in_pages(client: httpx.Client, start: Any) -> None:
    ids = [start(1)["id"] for _ in range(5)]
    first = client.get("/batches", params={"limit": 2}).json()
    assert first["object"] == "list"
    assert [batch["id"] for batch in first["data"]] == [ids[4], ids[3]]
    assert first["has_more"] is True
    rest = client.get("/batches", params={"limit": 3, "after": ids[3]}).json()
    assert [batch["id"] for batch in rest["data"]] == [ids[2], ids[1], ids[0]]
    assert rest["has_more"] is False
    assert [batch["status"] for batch in client.get("/batches").json()["data"]] == ["validating"] * 5


def test_batches_cost_60_percent_and_need_money() -> None:
    spent = []
    for as_batch in (True, False):
        with Emulator(balance=1.0) as kimi:
            kimi.script(Reply(content="x" * 400, reasoning=""))
            with httpx.Client(base_url=kimi.base_url, headers={"Authorization": f"Bearer {kimi.api_key}"}) as client:
                if as_batch:
                    until_done(client, make(client, [line()]).json()["id"])
                else:
                    client.post("/chat/completions", json=json.loads(line())["body"])
            spent.append(1.0 - (kimi.balance or 0.0))
    assert spent[0] == pytest.approx(spent[1] * 0.6)
    with Emulator(balance=0.0) as kimi:
        with httpx.Client(base_url=kimi.base_url, headers={"Authorization": f"Bearer {kimi.api_key}"}) as client:
            answer = make(client, [line()])
        assert answer.status_code == 429
        assert answer.json()["error"]["type"] == "exceeded_current_quota_error"


def test_the_models_of_batches_are_a_setting() -> None:
    kimi = Emulator(batch_models=["kimi-k3"])
    with kimi, httpx.Client(base_url=kimi.base_url, headers={"Authorization": f"Bearer {kimi.api_key}"}) as client:
        for model, status in (("kimi-k3", "completed"), ("kimi-k2.6", "failed")):
            assert until_done(client, make(client, [line(model=model)]).json()["id"]).json()["status"] == status


@pytest.mark.parametrize(
    "bad", ["24", "0h", "12 h", "8d", "169h", 24, None, "", "-12h", "99999d"], ids=lambda value: repr(value)
)
def test_windows_that_are_none(client: httpx.Client, bad: Any) -> None:
    answer = make(client, [line()], completion_window=bad)
    assert answer.status_code == 400
    assert "completion_window" in answer.json()["error"]["message"]


@pytest.mark.parametrize("good", ["12h", "1d", "3d", "168h"])
def test_windows_of_the_documents(client: httpx.Client, good: str) -> None:
    assert make(client, [line()], completion_window=good).status_code == 200


def test_reset_forgets_batches(client: httpx.Client, start: Any, kimi: Emulator) -> None:
    start()
    assert len(kimi.batches) == 1
    kimi.reset()
    assert kimi.batches == {}
    assert client.get("/batches").json() == {"object": "list", "data": [], "has_more": False}


@pytest.mark.parametrize(
    ("fault", "status", "done", "failed"),
    [
        ("batches.expired", "expired", 2, 0),
        ("batches.failed", "failed", 0, 0),
        ("batches.lines_failed", "completed", 2, 2),
        ("batches.lines_error", "completed", 2, 2),
        ("batches.lines_lost", "completed", 2, 0),
    ],
)
def test_faults_stay_with_the_batch_they_befell(
    client: httpx.Client, start: Any, kimi: Emulator, fault: str, status: str, done: int, failed: int
) -> None:
    kimi.fail(fault)
    ended = until_done(client, start(4)["id"]).json()
    assert ended["status"] == status
    assert ended["request_counts"]["completed"] == done
    assert ended["request_counts"]["failed"] == failed
    assert (ended["output_file_id"] is not None) == bool(done)
    assert (ended["error_file_id"] is not None) == bool(failed)
    healthy = until_done(client, start(4)["id"]).json()
    assert healthy["request_counts"] == {"total": 4, "completed": 4, "failed": 0}


def test_a_stuck_batch_ends_with_its_window(client: httpx.Client, start: Any, kimi: Emulator) -> None:
    kimi.fail("batches.stuck")
    batch = start()
    assert [look(client, batch)["status"] for _ in range(6)] == ["in_progress"] * 6
    kimi.clock.advance(24 * HOUR)
    assert look(client, batch)["status"] == "expired"


def test_a_failed_fiber_answers_200_and_says_why(client: httpx.Client, kimi: Emulator) -> None:
    kimi.fail("fibers.failed")
    path, body = "/formulas/moonshot/date:latest/fibers", {"name": "date", "arguments": "{}"}
    client.get("/formulas/moonshot/date:latest/tools")  # listing the tools is no run
    assert kimi.pending_faults == ["fibers.failed"]
    answer = client.post(path, json=body)
    assert answer.status_code == 200
    assert answer.json()["status"] == "failed"
    assert set(answer.json()["context"]) == {"input", "error"}
    assert client.post(path, json=body).json()["status"] == "succeeded"
