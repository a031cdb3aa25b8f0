"""Batches: what goes into the file, what is refused before, what comes back, and what is left when things go wrong."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import pickle
import subprocess
import sys
import threading
from typing import Any

import pytest

from kimi_api import ChatOptions, KimiClient, KimiInputError, batches, build_request, errors
from kimi_api._transport import steps
from kimi_api.batches import BatchJob, _steps
from kimi_api.batches._lines import BatchObject, Fetched, read_results, write_parts
from kimi_api.request import ChatRequest
from kimi_emulator import FAULTS, Emulator, Failure, Fault, Reply, ToolCall

TOOL = {
    "type": "function",
    "function": {"name": "look", "parameters": {"type": "object", "properties": {"at": {"type": "string"}}}},
}
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
Ways = Any


def ask(text: str = "hi", **options: Any) -> ChatRequest:
    return build_request(ChatOptions(**{"model": "kimi-k2.6", **options}), [{"role": "user", "content": text}])


def asks(count: int = 4) -> dict[str, ChatRequest]:
    return {f"q{number}": ask(f"question {number}") for number in range(count)}


def submit(ways: Ways, client: KimiClient, requests: Any, **more: Any) -> BatchJob:
    return ways.call(batches.submit, batches.asubmit, client, requests, **more)


def wait(ways: Ways, client: KimiClient, job: BatchJob, **more: Any) -> list[BatchObject]:
    return ways.call(batches.poll_until_done, batches.apoll_until_done, client, job, **{"poll": 0.005, **more})


def results(ways: Ways, client: KimiClient, job: BatchJob, **more: Any) -> list[batches.BatchResult]:
    return ways.call(batches.results, batches.aresults, client, job, **more)


def through(ways: Ways, client: KimiClient, requests: Any, **more: Any) -> list[batches.BatchResult]:
    job = submit(ways, client, requests, **more)
    wait(ways, client, job)
    return results(ways, client, job)


def inputs(kimi: Emulator) -> list[bytes]:
    """The input files that are on the platform."""
    return [file.path.read_bytes() for file in kimi.files.values() if file.filename.startswith("kimi-batch-")]


# ------------------------------------------------------------------------------------------------- the way there


def test_answers_come_in_the_order_of_the_requests(ways: Ways, kimi: Emulator, client: KimiClient) -> None:
    kimi.script(*(Reply(content=f"answer {number}", reasoning=f"thought {number}") for number in range(4)))
    answers = through(ways, client, asks())
    assert [result.custom_id for result in answers] == ["q0", "q1", "q2", "q3"]
    replies = [result.reply for result in answers]
    assert [reply.content for reply in replies if reply] == [f"answer {number}" for number in range(4)]
    assert [reply.reasoning for reply in replies if reply] == [f"thought {number}" for number in range(4)]
    assert all(reply and reply.usage and reply.usage.completion_tokens for reply in replies)
    assert kimi.report == []
    assert kimi.refusals == []


def test_a_line_holds_the_body_of_a_live_call_and_the_same_bytes_each_time(
    ways: Ways, kimi: Emulator, client: KimiClient
) -> None:
    with pytest.warns(UserWarning, match="temperature"):  # the rules of the model apply as in live calls
        request = ask("Grüße, 你好\u2028next", temperature=0.3, max_tokens=500)
    for _ in range(2):
        submit(ways, client, {"a": request})
    first, second = inputs(kimi)
    assert first == second
    assert json.loads(first) == {
        "custom_id": "a",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {
            "model": "kimi-k2.6",
            "messages": [{"role": "user", "content": "Grüße, 你好\u2028next"}],
            "max_completion_tokens": 500,
        },
    }
    assert first.count(b"\n") == 1
    assert first.startswith(b'{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":')


def test_texts_with_odd_line_ends_come_back_whole(ways: Ways, kimi: Emulator, client: KimiClient) -> None:
    text = "one\u2028two\u2029three\x85four\nfive\x0bsix"
    kimi.script(Reply(content=text, reasoning=""))
    [result] = through(ways, client, {"a": ask()})
    assert result.reply is not None
    assert result.reply.content == text


def test_more_than_fits_becomes_several_batches_behind_one_job(ways: Ways, kimi: Emulator, client: KimiClient) -> None:
    requests = asks(7)
    size = len(batches.to_line("q0", requests["q0"].body))
    job = submit(ways, client, requests, max_bytes=3 * size)
    assert len(job.ids) == 3
    assert len(job) == 7
    assert [file.count(b"\n") for file in inputs(kimi)] == [3, 3, 1]
    assert all(len(file) <= 3 * size for file in inputs(kimi))
    assert [state.status for state in wait(ways, client, job)] == ["completed"] * 3
    assert [result.custom_id for result in results(ways, client, job)] == list(requests)
    again = submit(ways, client, requests, max_lines=4)
    assert [len(part) for part in again.parts] == [4, 3]


def test_parts_are_as_full_as_the_limit_allows(tmp_path: Any) -> None:
    requests = {str(number): ask("x" * (number * 7 % 50)) for number in range(60)}
    lines = [batches.to_line(name, request.body) for name, request in requests.items()]
    parts = write_parts(requests, tmp_path, max_bytes=1000)
    assert b"".join(path.read_bytes() for path, _ in parts) == b"".join(lines)
    assert [name for _, names in parts for name in names] == list(requests)
    for (path, _), (_, following) in itertools.pairwise(parts):
        first_of_next = lines[int(following[0])]
        assert path.stat().st_size <= 1000 < path.stat().st_size + len(first_of_next)


@pytest.mark.parametrize("inline", [None, 0])
def test_images_go_as_in_live_calls(ways: Ways, kimi: Emulator, client: KimiClient, inline: int | None) -> None:
    url = "data:image/png;base64," + base64.b64encode(PNG).decode()
    parts = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": url}}]
    options = ChatOptions(model="kimi-k2.6", **({} if inline is None else {"inline_media_bytes": inline}))
    request = build_request(options, [{"role": "user", "content": parts}])
    [result] = through(ways, client, {"a": request})
    assert result.error is None
    sent = json.loads(inputs(kimi)[0])["body"]["messages"][0]["content"][1]["image_url"]["url"]
    images = [file.id for file in kimi.files.values() if file.purpose == "image"]
    assert sent == (url if inline is None else f"ms://{images[0]}")
    assert kimi.report == []


def test_the_upload_is_streamed_from_disk(kimi: Emulator, client: KimiClient) -> None:
    import tracemalloc

    requests = {str(number): ask("x" * 1_000_000) for number in range(24)}
    through_once = batches.submit(client, {"warm": ask()})
    tracemalloc.start()
    batches.submit(client, requests)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert max(len(data) for data in inputs(kimi)) > 24_000_000
    # The emulator, in this process too, keeps the parts of an upload beyond 1 MB on disk.
    assert peak < 14_000_000
    assert through_once.ids


# ------------------------------------------------------------------------------------------------- refused before


@pytest.mark.parametrize(
    ("requests", "options", "message"),
    [
        ({}, {}, "a batch needs at least one"),
        ([("a", ask()), ("b", ask()), ("a", ask())], {}, "custom_id: got 'a', but each request has its own"),
        ([("", ask())], {}, "a text that is not empty"),
        ([(7, ask())], {}, "custom_id: got 7"),
        ({"a": ask(), "b": ask(model="kimi-k2.7-code")}, {}, "got 'kimi-k2.7-code', but a batch has one model"),
        ({"a": ask(model="kimi-k3")}, {}, "got 'kimi-k3', but batches are not offered for it.*kimi-k2.6"),
        ({"a": ask(extra_body={"stream": True})}, {}, "a batch cannot stream"),
        ({"a": ask()}, {"completion_window": "8d"}, "from '12h' to '7d'"),
        ({"a": ask()}, {"completion_window": 24}, "from '12h' to '7d'"),
        ({"a": ask()}, {"metadata": {str(n): "x" for n in range(17)}}, "at most 16 pairs"),
        ({"a": ask()}, {"metadata": {"k": "x" * 513}}, "at most 64 characters, values of at most 512"),
        ({"a": ask()}, {"metadata": {"k": 1}}, "are texts"),
        ({"a": ask("x" * 500)}, {"max_bytes": 400}, "request 'a': got '[0-9]+ bytes', but .* at most 400 bytes"),
        ({"a": ask(), "b": ask("half a pair \ud83d")}, {}, "request 'b'.*half a surrogate pair"),
        (
            {"a": ask(extra_body={"x": {1}})},
            {},
            r"request 'a'\.x: got 'a value of type set', but JSON has no form for it",
        ),
        ({"a": ask(extra_body={"x": float("nan")})}, {}, r"request 'a'\.x: got nan, but JSON has no form for it"),
    ],
)
def test_what_no_batch_takes_is_refused_before_anything_is_sent(
    ways: Ways, kimi: Emulator, client: KimiClient, requests: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(KimiInputError, match=message):
        submit(ways, client, requests, **options)
    assert kimi.requests == []


def test_a_model_that_the_catalogue_rules_out_can_be_sent_all_the_same(ways: Ways) -> None:
    with Emulator(batch_models=["kimi-k3"]) as kimi:
        client = KimiClient(api_key=kimi.api_key, base_url=kimi.base_url)
        job = submit(ways, client, {"a": ask(model="kimi-k3")}, any_model=True)
        assert [state.status for state in wait(ways, client, job)] == ["completed"]


# ------------------------------------------------------------------------------------------------- waiting


def test_waiting_asks_less_and_less_often(ways: Ways, kimi: Emulator, client: KimiClient, monkeypatch: Any) -> None:
    kimi.fail("batches.stuck")
    job = submit(ways, client, asks())
    pauses: list[float] = []

    real, areal = steps._do, steps._ado

    def note(step: Any) -> bool:
        if not isinstance(step, steps.Pause):
            return False
        pauses.append(step.seconds)
        if len(pauses) == 15:
            kimi.clock.advance(7 * 24 * 3600)
        return True

    async def anote(client: KimiClient, step: Any) -> Any:
        return None if note(step) else await areal(client, step)

    monkeypatch.setattr(steps, "_do", lambda client, step: None if note(step) else real(client, step))
    monkeypatch.setattr(steps, "_ado", anote)
    states = wait(ways, client, job, poll=2.0)
    assert pauses[:4] == [2.0, 3.0, 4.5, 6.75]
    assert pauses == sorted(pauses)
    assert max(pauses) == 60.0
    assert [state.status for state in states] == ["expired"]


def test_waiting_too_long_says_how_to_go_on_and_loses_nothing(ways: Ways, kimi: Emulator, client: KimiClient) -> None:
    kimi.fail("batches.stuck")
    job = submit(ways, client, asks())
    with pytest.raises(errors.KimiBatchError, match=r"'in_progress'\): not done in time \(0 of 4 requests") as raised:
        wait(ways, client, job, timeout=0.05)
    assert raised.value.batch_id == job.ids[0]
    with pytest.raises(errors.KimiBatchError, match=r"not done yet .*call wait first"):
        results(ways, client, job)
    kimi.clock.advance(24 * 3600)
    assert [state.status for state in wait(ways, client, job)] == ["expired"]


def test_an_outage_while_waiting_is_waited_for(
    ways: Ways, kimi: Emulator, client: KimiClient, waits: list[float], monkeypatch: Any
) -> None:
    job = submit(ways, client, asks())
    real, failing = client.request, [True] * 4
    areal = client.arequest

    def broken() -> None:
        if failing:
            failing.pop()
            error = errors.KimiServerError.__new__(errors.KimiServerError)
            error.retryable, error.args = True, ("down",)
            raise error

    def request(method: str, path: str, **more: Any) -> Any:
        answer = real(method, path, **more)
        if method == "GET" and seen_once:
            broken()
        seen_once.append(path)
        return answer

    async def arequest(method: str, path: str, **more: Any) -> Any:
        answer = await areal(method, path, **more)
        if method == "GET" and seen_once:
            broken()
        seen_once.append(path)
        return answer

    seen_once: list[str] = []
    monkeypatch.setattr(client, "request", request)
    monkeypatch.setattr(client, "arequest", arequest)
    assert [state.status for state in wait(ways, client, job)] == ["completed"]
    assert failing == []


def test_the_progress_bar_counts_requests(
    ways: Ways, kimi: Emulator, client: KimiClient, capsys: pytest.CaptureFixture[str]
) -> None:
    job = submit(ways, client, asks(), max_lines=3)
    wait(ways, client, job)
    assert capsys.readouterr().err == ""
    wait(ways, client, job, show_progress=True)
    output = capsys.readouterr().err
    assert "batch" in output
    assert "4/4" in output


# ------------------------------------------------------------------------------------------------- what comes back


def test_errors_of_lines_are_those_of_live_calls(ways: Ways, kimi: Emulator, client: KimiClient) -> None:
    failures = [
        Failure(429, "engine_overloaded_error", "The engine is currently overloaded, please try again later"),
        Failure(400, "invalid_request_error", "Your request exceeded model token limit: 262144 (requested: 269030)"),
        Failure(400, "content_filter", "high risk"),
        Failure(500, "server_error", "oh no"),
        Failure(429, "exceeded_current_quota_error", "Your account org-0123456789<ak-0123456789> is suspended"),
        Failure(404, "resource_not_found_error", "Not found the model kimi-k9 or Permission denied"),
    ]
    kimi.script(*failures)
    answers = through(ways, client, asks(len(failures)))
    live = []
    kimi.script(*failures)
    once = KimiClient(api_key=kimi.api_key, base_url=kimi.base_url, max_retries=0)
    for _ in failures:
        with pytest.raises(errors.KimiAPIError) as raised:
            once.request("POST", "/chat/completions", body=ask().body)
        live.append(raised.value)
    for result, alike in zip(answers, live, strict=True):
        assert result.reply is None
        error = result.error
        assert isinstance(error, errors.KimiStatusError)
        assert type(error) is type(alike)
        assert (error.status_code, error.type, error.retryable, error.hint) == (
            alike.status_code,
            alike.type,
            alike.retryable,
            alike.hint,
        )
        assert str(error) == str(alike)
        copied = pickle.loads(pickle.dumps(error))
        assert (type(copied), str(copied)) == (type(error), str(error))
    assert "org-0123456789" not in str(answers[4].error)


@pytest.mark.parametrize(
    ("fault", "lost", "error", "message"),
    [
        ("batches.expired", ["q2", "q3"], "KimiBatchError", "completion window passed.*longer window"),
        ("batches.failed", ["q0", "q1", "q2", "q3"], "KimiBatchError", "refused the whole file: no reason given"),
        ("batches.lines_failed", ["q1", "q3"], "KimiServerError", "Kimi answered 500 server_error"),
        ("batches.lines_error", ["q1", "q3"], "KimiServerError", "Kimi answered 500 server_error"),
        ("batches.lines_lost", ["q1", "q3"], "KimiBatchError", "in neither file; submit it again"),
    ],
)
def test_what_was_answered_survives_what_went_wrong(
    ways: Ways, kimi: Emulator, client: KimiClient, fault: str, lost: list[str], error: str, message: str
) -> None:
    kimi.fail(fault)
    answers = through(ways, client, asks())
    assert [result.custom_id for result in answers] == ["q0", "q1", "q2", "q3"]
    assert [result.custom_id for result in answers if result.error] == lost
    for result in answers:
        assert (result.reply is None) != (result.error is None)
        if result.error is not None:
            assert type(result.error) is getattr(errors, error)
            with pytest.raises(errors.KimiError, match=message):
                raise result.error
            if isinstance(result.error, errors.KimiBatchError):
                assert result.error.custom_id == result.custom_id
                assert str(pickle.loads(pickle.dumps(result.error))) == str(result.error)
        elif result.reply is not None:
            assert f"question {result.custom_id[1:]}" in result.reply.content


def test_every_fault_of_batches_has_its_test() -> None:
    tested = {"batches.expired", "batches.failed", "batches.lines_failed", "batches.lines_error", "batches.lines_lost"}
    assert {fault.id for fault in FAULTS.values() if "batch" in fault.on} == {*tested, "batches.stuck"}


def test_a_refused_file_says_why_and_is_not_left_behind(ways: Ways) -> None:
    with Emulator(batch_models=[]) as kimi:
        client = KimiClient(api_key=kimi.api_key, base_url=kimi.base_url)
        job = submit(ways, client, asks(2))
        wait(ways, client, job)
        resumed = results(ways, client, BatchJob(job.ids))
        assert [result.custom_id for result in resumed] == ["q0", "q1"]
        for result in resumed:
            assert "refused the whole file: Invalid request: model kimi-k2.6 is not supported" in str(result.error)
        assert inputs(kimi) == []
        with pytest.raises(errors.KimiBatchError, match=r"model kimi-k2.6 is not supported"):
            results(ways, client, BatchJob(job.ids))  # nothing is known of the requests any more
        assert len(results(ways, client, job)) == 2  # but here


def test_cancelling_keeps_what_was_answered(ways: Ways) -> None:
    with Emulator(batch_seconds=3600) as kimi:
        client = KimiClient(api_key=kimi.api_key, base_url=kimi.base_url)
        job = submit(ways, client, asks())
        batches.retrieve(client, job.ids[0])
        kimi.clock.advance(1800)
        batches.retrieve(client, job.ids[0])
        [state] = ways.call(batches.cancel, batches.acancel, client, job)
        assert state.status == "cancelling"
        assert [state.status for state in wait(ways, client, job)] == ["cancelled"]
        answers = results(ways, client, job)
        assert [result.reply is not None for result in answers] == [True, True, False, False]
        assert "was cancelled before it was answered" in str(answers[2].error)
        # Cancelling what is over is no error: it may have ended a moment before.
        [state] = ways.call(batches.cancel, batches.acancel, client, job)
        assert state.status == "cancelled"


def test_cancelling_an_unknown_batch_is_an_error(ways: Ways, client: KimiClient) -> None:
    with pytest.raises(errors.KimiNotFoundError, match="Not found the batch nothing"):
        ways.call(batches.cancel, batches.acancel, client, BatchJob(("nothing",)))


def test_files_go_only_when_asked_to(ways: Ways, kimi: Emulator, client: KimiClient) -> None:
    kimi.fail("batches.lines_failed")
    job = submit(ways, client, asks())
    wait(ways, client, job)
    results(ways, client, job)
    assert len(kimi.files) == 3
    results(ways, client, job, delete_after=True)
    assert kimi.files == {}
    with pytest.raises(errors.KimiBatchError, match="have been deleted"):
        results(ways, client, job)


def test_a_demanded_tool_is_missed_here_and_in_another_process(ways: Ways, kimi: Emulator, client: KimiClient) -> None:
    options = {"model": "kimi-k2.7-code", "tools": (TOOL,), "tool_choice": "look", "parallel_tool_calls": False}
    with pytest.warns(UserWarning, match="goes out as 'auto'"):
        requests = {name: ask(name, **options) for name in ("called", "told", "both")}
    look = ToolCall("look", {"at": "a"})
    kimi.script(Reply(tool_calls=[look]), Reply(content="I will not"), Reply(tool_calls=[look, look]))
    job = submit(ways, client, requests, metadata={"mine": "1"})
    assert kimi.batches[job.ids[0]].metadata == {"mine": "1", "kimi_demand": "look", "kimi_one_call": "true"}
    wait(ways, client, job)
    for known in (job, BatchJob(job.ids)):
        with pytest.warns(UserWarning, match="kept the call of look"):
            called, words, both = results(ways, client, known)
        assert called.reply is not None
        assert [call.name for call in called.reply.tool_calls] == ["look"]
        assert isinstance(words.error, errors.KimiToolChoiceError)
        assert both.reply is not None
        assert len(both.reply.tool_calls) == 1


# ------------------------------------------------------------------------------------------------- another process


def test_a_job_is_resumed_by_its_ids_in_another_process(kimi: Emulator, client: KimiClient) -> None:
    kimi.script(*(Reply(content=f"answer {number}") for number in range(5)))
    job = batches.submit(client, asks(5), max_lines=2)
    program = (
        "import os, sys; from kimi_api import KimiClient, batches\n"
        "client = KimiClient(base_url=sys.argv[1]); job = batches.BatchJob(tuple(sys.argv[2:]))\n"
        "batches.poll_until_done(client, job, poll=0.01)\n"
        "for r in batches.results(client, job): print(r.custom_id, r.reply.content, r.request.body['model'])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, kimi.base_url, *job.ids],
        capture_output=True,
        text=True,
        check=True,
        env={"MOONSHOT_API_KEY": kimi.api_key, "PATH": ""},
    )
    assert ran.stdout.splitlines() == [f"q{number} answer {number} kimi-k2.6" for number in range(5)]


def test_without_the_input_file_answers_come_in_their_own_order(ways: Ways, kimi: Emulator, client: KimiClient) -> None:
    job = submit(ways, client, asks())
    wait(ways, client, job)
    client.request("DELETE", f"/files/{kimi.batches[job.ids[0]].input_file_id}")
    answers = results(ways, client, BatchJob(job.ids))
    assert {result.custom_id for result in answers} == {"q0", "q1", "q2", "q3"}
    assert all(result.reply and f"question {result.custom_id[1:]}" in result.reply.content for result in answers)


@pytest.mark.parametrize("ids", [(), ("",), (None,)])
def test_a_job_needs_ids(ids: Any) -> None:
    with pytest.raises(KimiInputError, match="at least one batch"):
        BatchJob(ids)


def test_batches_are_listed_page_by_page(ways: Ways, kimi: Emulator, client: KimiClient, monkeypatch: Any) -> None:
    monkeypatch.setattr(_steps, "_PAGE", 2)
    ids = [submit(ways, client, asks(1)).ids[0] for _ in range(5)]
    jobs = ways.call(batches.list_batches, batches.alist_batches, client)
    assert [batch.id for batch in jobs] == ids[::-1]
    assert [batch.id for batch in batches.list_batches(client, limit=3)] == ids[:1:-1]
    pages = [request.query for request in kimi.requests if request.path == "/v1/batches" and request.method == "GET"]
    assert pages[:3] == [{"limit": "2"}, {"limit": "2", "after": ids[3]}, {"limit": "2", "after": ids[1]}]


# ------------------------------------------------------------------------------------------------- nothing left behind


def refusing(number: int, kind: str) -> list[Fault]:
    """Faults that let `number` requests of this kind pass, and refuse the next."""
    well = Fault("test.well", "Nothing.", "here", on=frozenset({kind}))  # type: ignore[arg-type]
    refusal = Failure(400, "invalid_request_error", "no more")
    return [well] * number + [Fault("test.no", "No.", "here", on=frozenset({kind}), failure=refusal)]  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["upload", "batch"])
def test_a_submit_that_fails_half_way_cancels_and_deletes_what_it_made(
    ways: Ways, kimi: Emulator, client: KimiClient, kind: str
) -> None:
    kimi.fail(*refusing(2, kind))
    with pytest.raises(errors.KimiBadRequestError, match="no more"):
        submit(ways, client, asks(4), max_lines=1)
    assert kimi.files == {}
    assert [batch.status for batch in kimi.batches.values()] == ["cancelling"] * 2


def test_a_lost_answer_to_the_call_that_makes_a_batch_makes_no_second_one(
    ways: Ways, kimi: Emulator, client: KimiClient, waits: list[float]
) -> None:
    wire = FAULTS["close.before_headers"].wire
    kimi.fail(Fault("test.lost", "The answer is lost.", "here", on=frozenset({"batch"}), wire=wire))
    job = submit(ways, client, asks())
    assert list(kimi.batches) == list(job.ids)
    assert [request.method for request in kimi.requests if request.path == "/v1/batches"] == ["POST", "GET"]


def test_an_overloaded_platform_is_asked_again_for_the_batch(
    ways: Ways, kimi: Emulator, client: KimiClient, waits: list[float], monkeypatch: Any
) -> None:
    busy = Failure(429, "engine_overloaded_error", "busy")
    fault = Fault("test.busy", "Busy.", "here", on=frozenset({"batch"}), failure=busy)
    kimi.fail(fault, fault)
    job = submit(ways, client, asks())
    assert list(kimi.batches) == list(job.ids)
    assert sum(request.path == "/v1/batches" for request in kimi.requests) == 3
    kimi.fail(fault, fault, fault)
    with pytest.raises(errors.KimiOverloadedError):
        submit(ways, client, asks())
    assert len(kimi.batches) == 1
    assert len(kimi.files) == 1


def test_ctrl_c_while_a_batch_is_made_leaves_nothing(kimi: Emulator, client: KimiClient, monkeypatch: Any) -> None:
    real = client.request

    def request(method: str, path: str, **more: Any) -> Any:
        answer = real(method, path, **more)
        if (method, path) == ("POST", "/batches"):
            raise KeyboardInterrupt  # it is made, but its id never arrives
        return answer

    monkeypatch.setattr(client, "request", request)
    with pytest.raises(KeyboardInterrupt):
        batches.submit(client, asks())
    assert kimi.files == {}
    assert [batch.status for batch in kimi.batches.values()] == ["cancelling"]


async def test_a_cancelled_task_leaves_nothing(kimi: Emulator, client: KimiClient, monkeypatch: Any) -> None:
    real, created = client.arequest, asyncio.Event()

    async def arequest(method: str, path: str, **more: Any) -> Any:
        answer = await real(method, path, **more)
        if (method, path) == ("POST", "/batches"):
            created.set()
            await asyncio.sleep(30)
        return answer

    monkeypatch.setattr(client, "arequest", arequest)
    task = asyncio.ensure_future(batches.asubmit(client, asks()))
    await created.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert kimi.files == {}
    assert [batch.status for batch in kimi.batches.values()] == ["cancelling"]


# ------------------------------------------------------------------------------------------------- other forms


def read(output: list[Any] | str, errors_file: str | None = None, status: str = "completed", **batch: Any) -> Any:
    text = output if isinstance(output, str) else "".join(json.dumps(line) + "\n" for line in output)
    record = BatchObject("batch-1", status, output_file_id="f", **batch)
    requests = {name: ask(name) for name in ("a", "b")}
    return read_results(Fetched(record, requests, None, text, errors_file), "https://api.moonshot.ai/v1", None)


def answer(custom_id: str, **body: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": custom_id}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    whole = {"id": "chatcmpl-1", "object": "chat.completion", "model": "kimi-k2.6", "choices": choices} | body
    return {"id": custom_id, "custom_id": custom_id, "response": {"status_code": 200, "body": whole}, "error": None}


def test_lines_for_what_was_not_answered_are_understood() -> None:
    expired = {"code": "batch_expired", "message": "This request could not be executed before the window expired."}
    line = {"custom_id": "b", "response": None, "error": expired}
    a, b = read([answer("a")], json.dumps(line), status="expired")
    assert a.reply.content == "a"
    assert isinstance(b.error, errors.KimiBatchError)
    assert "before the window expired" in str(b.error)


def test_a_broken_line_costs_only_its_own_request(caplog: pytest.LogCaptureFixture) -> None:
    broken = json.dumps(answer("b"))[:-9]
    a, b = read(json.dumps(answer("a")) + "\n" + broken + "\n[1]\n")
    assert a.reply.content == "a"
    assert isinstance(b.error, errors.KimiBatchError)
    assert [record.args[0] for record in caplog.records if record.args] == [2, 3]


def test_an_answer_with_neither_choices_nor_error_is_an_error_of_its_own() -> None:
    a, b = read([answer("a", choices=[]), {"custom_id": "b", "response": {"status_code": 200, "body": None}}])
    assert isinstance(a.error, errors.KimiReplyError)
    assert isinstance(b.error, errors.KimiReplyError)


def test_an_error_inside_a_200_is_an_error() -> None:
    body = {"error": {"message": "busy", "type": "engine_overloaded_error"}}
    line = {"custom_id": "a", "response": {"status_code": 200, "request_id": "r-1", "body": body}, "error": None}
    a, _ = read([line, answer("b")])
    assert isinstance(a.error, errors.KimiOverloadedError)
    assert a.error.request_id == "r-1"


def test_a_reason_in_the_batch_object_is_told() -> None:
    from kimi_api.batches._lines import parse_batch

    body = {"id": "batch-1", "status": "failed", "errors": {"data": [{"message": "line 3 is too long", "line": 3}]}}
    parsed = parse_batch(body)
    assert parsed.done
    [a, _] = read_results(Fetched(parsed, {name: ask(name) for name in ("a", "b")}), "", None)
    assert "refused the whole file: line 3 is too long" in str(a.error)


def test_an_unknown_status_is_not_done() -> None:
    assert not BatchObject("batch-1", "queued").done


def test_submits_from_many_threads_do_not_meet(kimi: Emulator, client: KimiClient) -> None:
    jobs: dict[int, BatchJob] = {}

    def work(number: int) -> None:
        jobs[number] = batches.submit(client, {f"{number}-{n}": ask(f"{number}-{n}") for n in range(3)})

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, job in jobs.items():
        batches.poll_until_done(client, job, poll=0.01)
        answers = batches.results(client, job)
        assert [result.custom_id for result in answers] == [f"{number}-{n}" for n in range(3)]
        assert all(result.reply and result.custom_id in result.reply.content for result in answers)
