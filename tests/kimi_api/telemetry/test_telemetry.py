"""Spans and metrics of calls, by the conventions for generative AI."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest
from documents import pdf
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode
from otel_kit import Recorder, recording

from kimi_api import (
    AccountLimits,
    KimiClient,
    KimiWarning,
    batches,
    chat,
    errors,
    files,
    formulas,
    retry,
    telemetry,
)
from kimi_api._transport import observer as _observer
from kimi_api.media import _fetch
from kimi_api.options import ChatOptions
from kimi_api.reply import ReplyBuilder
from kimi_api.request import ChatRequest, build_request
from kimi_api.telemetry._messages import input_messages
from kimi_emulator import FAULTS, Emulator, Failure, Reply, ToolCall
from langchain_kimi import ChatKimi

Ways = Any  # the fixture of conftest.py
USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "total_tokens": 120,
    "cached_tokens": 40,
    "prompt_tokens_details": {"cached_tokens": 40, "cache_write_tokens": 7},
    "completion_tokens_details": {"reasoning_tokens": 5},
}
ANSWER = Reply("Hello there.", reasoning="Hm.", usage=USAGE)
SECRET = "the harbour is mined"
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with recording() as recorder:
        yield recorder


def ask(stream: bool = False, text: str = "hi", **options: Any) -> ChatRequest:
    return build_request(ChatOptions(**options), [{"role": "user", "content": text}], stream=stream)


def complete(ways: Ways, client: KimiClient, request: ChatRequest) -> Any:
    return ways.call(chat.complete, chat.acomplete, client, request)


def stream(ways: Ways, client: KimiClient, request: ChatRequest) -> ReplyBuilder:
    builder = ReplyBuilder()
    ways.collect(chat.stream, chat.astream, client, request, builder)
    return builder


# ---------------------------------------------------------------------------------------------------- spans


@pytest.mark.parametrize("streamed", [False, True])
def test_a_call_is_a_span_with_model_usage_and_ids(
    ways: Ways, kimi: Emulator, client: KimiClient, recorder: Recorder, streamed: bool
) -> None:
    kimi.script(ANSWER)
    request = ask(streamed, max_tokens=900, stop=["END"], reasoning_effort="low")
    (stream if streamed else complete)(ways, client, request)
    [span] = recorder.spans
    assert (span.name, span.kind, span.status.status_code) == ("chat kimi-k3", SpanKind.CLIENT, StatusCode.UNSET)
    facts = recorder.one()
    ids = {name: facts.pop(name) for name in ("gen_ai.response.id", "kimi.request_id", "kimi.trace_id")}
    assert all(isinstance(value, str) and value for value in ids.values())
    first = facts.pop("gen_ai.response.time_to_first_chunk", None)
    assert (first is not None and first > 0) is streamed
    assert facts == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "kimi",
        "gen_ai.system": "kimi",
        "gen_ai.request.model": "kimi-k3",
        "gen_ai.request.stream": streamed,
        "gen_ai.request.max_tokens": 900,
        "gen_ai.request.stop_sequences": ("END",),
        "gen_ai.request.reasoning.level": "low",
        "gen_ai.response.model": "kimi-k3",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.cache_read.input_tokens": 40,
        "gen_ai.usage.cache_creation.input_tokens": 7,
        "gen_ai.usage.reasoning.output_tokens": 5,
        "server.address": "127.0.0.1",
        "server.port": int(kimi.base_url.split(":")[2].partition("/")[0]),
        "kimi.retries": 0,
        "kimi.limits.wait": 0.0,
    }


def test_an_answer_in_json_says_so(kimi: Emulator, client: KimiClient, recorder: Recorder) -> None:
    chat.complete(client, ask(response_format={"type": "json_object"}, text="Answer in JSON."))
    assert recorder.one()["gen_ai.output.type"] == "json"


@pytest.mark.parametrize(
    "odd",
    [{"stop": 5}, {"stop": None}, {"stop": ["a", 1]}, {"response_format": "json"}, {"max_tokens": "many"}, {"n": {}}],
    ids=str,
)
def test_an_odd_request_ends_as_it_does_unwatched(kimi: Emulator, client: KimiClient, odd: dict[str, Any]) -> None:
    """What watches reads a body that the user's own `extra_body` may have changed."""
    request = ask()
    request.body.update(odd)
    ends = []
    for watched in (True, False):
        with recording(content=True) if watched else nullcontext():
            try:
                chat.complete(client, request)
                ends.append("")
            except errors.KimiError as error:
                ends.append(type(error).__name__)
    assert ends[0] == ends[1]


def test_an_address_with_an_odd_port_ends_as_it_does_unwatched() -> None:
    client = KimiClient(api_key="sk-test-1", base_url="http://127.0.0.1:99999/v1", max_retries=0)
    ends = []
    for watched in (True, False):
        with recording() if watched else nullcontext(), pytest.raises(Exception) as raised:
            chat.complete(client, ask())
        ends.append(type(raised.value))
    assert ends[0] is ends[1]


@pytest.mark.parametrize("streamed", [False, True])
def test_retries_are_counted_and_are_events(
    ways: Ways, kimi: Emulator, client: KimiClient, recorder: Recorder, waits: list[float], streamed: bool
) -> None:
    kimi.fail("http.529", "http.429_overloaded")
    kimi.script(ANSWER)
    (stream if streamed else complete)(ways, client, ask(streamed))
    [span] = recorder.spans
    assert recorder.one()["kimi.retries"] == 2
    assert span.status.status_code is StatusCode.UNSET
    events = [(event.name, dict(event.attributes or {})) for event in span.events]
    assert [(name, facts["error.type"], facts["kimi.retry.number"]) for name, facts in events] == [
        ("kimi.retry", "KimiServerError", 1),
        ("kimi.retry", "KimiOverloadedError", 2),
    ]
    assert sorted((facts["error.type"], point.value) for facts, point in recorder.points("kimi.client.retries")) == [
        ("KimiOverloadedError", 1),
        ("KimiServerError", 1),
    ]


@pytest.mark.parametrize("streamed", [False, True])
def test_an_empty_answer_that_is_asked_for_again_is_a_retry(
    ways: Ways, kimi: Emulator, client: KimiClient, recorder: Recorder, waits: list[float], streamed: bool
) -> None:
    kimi.script(Reply("", reasoning="", usage=USAGE), ANSWER)
    (stream if streamed else complete)(ways, client, ask(streamed))
    assert recorder.one()["kimi.retries"] == 1
    assert recorder.one()["gen_ai.usage.output_tokens"] == 40  # both were paid for


@pytest.mark.parametrize("streamed", [False, True])
def test_an_error_is_on_its_span_without_its_text(
    ways: Ways, kimi: Emulator, client: KimiClient, recorder: Recorder, streamed: bool
) -> None:
    kimi.script(Failure(400, "invalid_request_error", f"Invalid request: {SECRET}"))
    with pytest.raises(errors.KimiBadRequestError):
        (stream if streamed else complete)(ways, client, ask(streamed))
    [span] = recorder.spans
    assert span.status.status_code is StatusCode.ERROR
    facts = recorder.one()
    assert facts["error.type"] == "KimiBadRequestError"
    assert facts["http.response.status_code"] == 400
    assert facts["kimi.error.type"] == "invalid_request_error"
    assert facts["kimi.request_id"]
    assert SECRET not in recorder.everything()


@pytest.mark.parametrize("streamed", [False, True])
def test_what_came_before_an_error_is_on_its_span(
    ways: Ways, kimi: Emulator, client: KimiClient, recorder: Recorder, streamed: bool
) -> None:
    kimi.fail("cut.before_finish")
    kimi.script(ANSWER)
    with pytest.raises(errors.KimiConnectionError):
        (stream if streamed else complete)(ways, client, ask(streamed))
    facts = recorder.one()
    assert facts["error.type"] == "KimiConnectionError"
    assert facts["gen_ai.response.id"]
    assert facts["gen_ai.response.model"] == "kimi-k3"


def test_a_stream_that_ends_early_is_an_error(
    ways: Ways, kimi: Emulator, client: KimiClient, recorder: Recorder
) -> None:
    kimi.fail("close.ends_early")
    builder = stream(ways, client, ask(stream=True))
    with pytest.raises(errors.KimiIncompleteReplyError):
        builder.finish()
    assert recorder.one()["error.type"] == "KimiIncompleteReplyError"


def test_a_demanded_call_that_did_not_come_is_an_error(
    ways: Ways, kimi: Emulator, client: KimiClient, recorder: Recorder
) -> None:
    kimi.script(ANSWER)
    request = ask(stream=True, tools=(TOOL,), tool_choice="look")
    builder = stream(ways, client, request)
    with pytest.raises(errors.KimiToolChoiceError):
        chat.settle(builder, request)
    assert recorder.one()["error.type"] == "KimiToolChoiceError"


def test_a_call_without_a_name_is_an_error(ways: Ways, kimi: Emulator, client: KimiClient, recorder: Recorder) -> None:
    kimi.fail("calls.name_missing")
    kimi.script(Reply(tool_calls=[ToolCall("look", {})]))
    request = ask(stream=True, tools=(TOOL,))
    builder = stream(ways, client, request)
    with pytest.raises(errors.KimiReplyError):
        chat.settle(builder, request)
    assert recorder.one()["error.type"] == "KimiReplyError"


@pytest.mark.parametrize("fault", [name for name in FAULTS if name.startswith("calls.")])
def test_watching_a_stream_changes_nothing_of_it(kimi: Emulator, client: KimiClient, fault: str) -> None:
    """What watches puts the answer together before its reader does."""
    answers = []
    for watched in (True, False):
        kimi.script(
            Reply("Let me see.", reasoning="Hm.", tool_calls=[ToolCall("look", {"where": "Turku"})], usage=USAGE)
        )
        kimi.fail(fault)
        request, builder = ask(stream=True, tools=(TOOL,), empty_answers="warn"), ReplyBuilder()
        with recording(content=True) if watched else nullcontext(), warnings.catch_warnings():
            warnings.simplefilter("ignore", KimiWarning)
            deltas = list(chat.stream(client, request, builder))
            try:
                reply = chat.settle(builder, request)
            except errors.KimiReplyError as error:
                reply = error.partial
        assert reply is not None
        calls = [(call.index, call.name, call.arguments, call.original) for call in reply.tool_calls]
        answers.append((len(deltas), reply.content, reply.reasoning, calls, reply.usage, reply.finish_reason))
    assert answers[0] == answers[1]


def test_a_stream_that_is_left_ends_its_span(kimi: Emulator, client: KimiClient, recorder: Recorder) -> None:
    kimi.script(ANSWER)
    deltas = chat.stream(client, ask(stream=True), ReplyBuilder())
    next(deltas)
    assert recorder.spans == []
    deltas.close()
    facts = recorder.one()
    assert facts["kimi.stream.closed_early"] is True
    assert "error.type" not in facts
    assert facts["gen_ai.response.id"]


async def test_a_stream_that_is_left_ends_its_span_async(
    kimi: Emulator, client: KimiClient, recorder: Recorder
) -> None:
    kimi.script(ANSWER)
    deltas = chat.astream(client, ask(stream=True), ReplyBuilder())
    await anext(deltas)
    assert recorder.spans == []
    await deltas.aclose()
    assert recorder.one()["kimi.stream.closed_early"] is True
    assert "error.type" not in recorder.one()


async def test_a_cancelled_call_ends_its_span(kimi: Emulator, client: KimiClient, recorder: Recorder) -> None:
    kimi.fail("stall.before_headers")
    task = asyncio.ensure_future(chat.acomplete(client, ask()))
    while not kimi.requests:  # noqa: ASYNC110 - the emulator is in another thread
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert recorder.one()["error.type"] == "CancelledError"


def test_a_stream_that_nobody_reads_has_no_span(kimi: Emulator, client: KimiClient, recorder: Recorder) -> None:
    chat.stream(client, ask(stream=True), ReplyBuilder()).close()
    assert recorder.spans == []
    assert kimi.requests == []


def test_a_call_stands_below_the_callers_span(
    ways: Ways, kimi: Emulator, client: KimiClient, recorder: Recorder
) -> None:
    tracer = trace.get_tracer("caller", tracer_provider=recorder.traces)
    with tracer.start_as_current_span("work") as work:
        complete(ways, client, ask())
        stream(ways, client, ask(stream=True))
    spans = recorder.spans_named("chat ")
    assert len(spans) == 2
    assert {span.parent.span_id if span.parent else None for span in spans} == {work.get_span_context().span_id}


def test_what_a_stream_s_reader_does_is_not_in_its_span(kimi: Emulator, client: KimiClient, recorder: Recorder) -> None:
    for _ in chat.stream(client, ask(stream=True), ReplyBuilder()):
        assert not trace.get_current_span().get_span_context().is_valid


async def test_what_a_stream_s_reader_does_is_not_in_its_span_async(
    kimi: Emulator, client: KimiClient, recorder: Recorder
) -> None:
    async for _ in chat.astream(client, ask(stream=True), ReplyBuilder()):
        assert not trace.get_current_span().get_span_context().is_valid


def test_a_stream_that_is_continued_is_one_span(
    ways: Ways, kimi: Emulator, client: KimiClient, recorder: Recorder
) -> None:
    kimi.script(Reply("One, two,", finish_reason="length", usage=USAGE), Reply(" three.", usage=USAGE))
    stream(ways, client, ask(stream=True, auto_continue=1))
    facts = recorder.one()
    assert facts["gen_ai.response.finish_reasons"] == ("stop",)
    assert facts["gen_ai.usage.output_tokens"] == 40


def test_a_stream_that_is_taken_up_is_one_span_with_a_retry(
    ways: Ways, kimi: Emulator, client: KimiClient, recorder: Recorder, waits: list[float]
) -> None:
    kimi.fail("cut.answer")
    kimi.script(Reply("One, two, three, four."), Reply(" five."))
    stream(ways, client, ask(stream=True, resume_streams=1))
    [span] = recorder.spans
    assert recorder.one()["kimi.retries"] == 1
    assert [dict(event.attributes or {})["error.type"] for event in span.events] == ["KimiConnectionError"]


def test_waiting_for_limits_is_told(ways: Ways, kimi: Emulator, recorder: Recorder) -> None:
    limits = AccountLimits(concurrency=1, name="telemetry")
    client = KimiClient(api_key=kimi.api_key, base_url=kimi.base_url, account_limits=limits)
    held = client.stream("/chat/completions", body={**ask(stream=True).body})
    next(held)
    before = sum(point.count for _, point in recorder.points("kimi.client.limits.wait"))

    async def release_later() -> None:
        call = asyncio.ensure_future(chat.acomplete(client, ask()))
        await asyncio.sleep(0.2)
        held.close()
        await call

    asyncio.run(release_later())
    assert 0.1 < recorder.one()["kimi.limits.wait"] < 30
    points = recorder.points("kimi.client.limits.wait")
    assert sum(point.count for _, point in points) == before + 1
    assert max(point.max for _, point in points) > 0.1


# ---------------------------------------------------------------------------------------------------- metrics


@pytest.mark.parametrize("streamed", [False, True])
def test_metrics_of_calls(ways: Ways, kimi: Emulator, client: KimiClient, recorder: Recorder, streamed: bool) -> None:
    kimi.script(ANSWER, Failure(400, "invalid_request_error", "no"))
    (stream if streamed else complete)(ways, client, ask(streamed))
    with pytest.raises(errors.KimiBadRequestError):
        (stream if streamed else complete)(ways, client, ask(streamed))
    tokens = {facts["gen_ai.token.type"]: point.sum for facts, point in recorder.points("gen_ai.client.token.usage")}
    assert tokens == {"input": 100, "output": 20}
    durations = recorder.points("gen_ai.client.operation.duration")
    assert sorted(facts.get("error.type", "") for facts, _ in durations) == ["", "KimiBadRequestError"]
    for facts, point in durations:
        assert point.count == 1
        assert point.explicit_bounds[0] == 0.01
        assert facts["gen_ai.request.model"] == "kimi-k3"
        assert facts["gen_ai.provider.name"] == "kimi"
        assert facts["server.address"] == "127.0.0.1"
    assert len(recorder.points("gen_ai.client.operation.time_to_first_chunk")) == (1 if streamed else 0)


def test_an_answer_without_usage_counts_no_tokens(kimi: Emulator, client: KimiClient, recorder: Recorder) -> None:
    kimi.fail("usage.missing")
    chat.complete(client, ask())
    assert recorder.points("gen_ai.client.token.usage") == []
    assert "gen_ai.usage.input_tokens" not in recorder.one()


# ---------------------------------------------------------------------------------------------------- content


@pytest.mark.parametrize("streamed", [False, True])
def test_content_is_told_only_on_wish(ways: Ways, kimi: Emulator, client: KimiClient, streamed: bool) -> None:
    reply = Reply(f"Yes, {SECRET}.", reasoning=f"So {SECRET}", tool_calls=[ToolCall("look", {"where": SECRET})])
    messages = [
        {"role": "user", "content": [{"type": "text", "text": SECRET}]},
        {"role": "assistant", "content": "", "tool_calls": [{"id": "a", "type": "function", "function": LOOK}]},
        {"role": "tool", "tool_call_id": "a", "content": SECRET},
    ]
    request = build_request(ChatOptions(tools=(TOOL,)), messages, stream=streamed)
    for content in (False, True):
        kimi.script(reply)
        with recording(content=content) as recorder:
            (stream if streamed else complete)(ways, client, request)
            assert (SECRET in recorder.everything()) is content
            assert kimi.api_key not in recorder.everything()
            facts = recorder.one()
    inputs, outputs = (json.loads(facts[f"gen_ai.{name}.messages"]) for name in ("input", "output"))
    assert inputs[0] == {"role": "user", "parts": [{"type": "text", "content": SECRET}]}
    assert inputs[1]["parts"][-1] == {"type": "tool_call", "id": "a", "name": "look", "arguments": {"where": "x"}}
    assert inputs[2]["parts"] == [{"type": "tool_call_response", "id": "a", "response": SECRET}]
    [message] = outputs
    assert [part["type"] for part in message["parts"]] == ["reasoning", "text", "tool_call"]
    assert message["parts"][2]["arguments"] == {"where": SECRET}
    assert message["finish_reason"] == "tool_calls"


LOOK = {"name": "look", "arguments": '{"where": "x"}'}


@pytest.mark.parametrize("levels", [101, 5_000, 100_000])
def test_arguments_that_are_nested_too_deeply_are_told_as_text(levels: int) -> None:
    text = '{"a": ' + "[" * levels + "]" * levels + "}"
    calls = [{"id": "a", "function": {"name": "look", "arguments": text}}]
    [message] = json.loads(input_messages([{"role": "assistant", "content": "", "tool_calls": calls}]))
    assert message["parts"][-1]["arguments"] == text


def test_bytes_of_media_are_never_told(kimi: Emulator, client: KimiClient) -> None:
    picture = "data:image/png;base64,iVBORw0KGgo="
    parts = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": picture}}]
    text = input_messages([{"role": "user", "content": parts}, {"role": "tool", "tool_call_id": "a", "content": parts}])
    assert "base64" not in text
    assert text.count("image_url") == 2


# ---------------------------------------------------------------------------------------------------- other procedures


def test_an_extracted_file_is_a_span_without_its_name(
    ways: Ways, kimi: Emulator, client: KimiClient, recorder: Recorder
) -> None:
    cache = files.FileCache()
    for _ in range(2):
        ways.call(files.extract, files.aextract, client, SECRET.encode(), name="mine.txt", cache=cache)
    spans = [dict(span.attributes or {}) for span in recorder.spans_named("extract_file")]
    facts = {"kimi.file.suffix": ".txt", "kimi.file.size": len(SECRET)}
    assert spans == [{**facts, "kimi.file.cached": False}, {**facts, "kimi.file.cached": True}]
    assert SECRET not in recorder.everything()
    assert "mine" not in recorder.everything()


def test_a_file_that_fails_is_a_span_with_an_error(
    ways: Ways, kimi: Emulator, client: KimiClient, recorder: Recorder
) -> None:
    kimi.fail("files.failed")
    with pytest.raises(errors.KimiFileError):
        ways.call(files.extract, files.aextract, client, b"hello", name="a.txt")
    assert recorder.one("extract_file")["error.type"] == "KimiFileError"


def test_a_fetched_address_is_a_span_without_its_path(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_fetch, "fetch", lambda url: (b"abc", "text/plain"))
    steps = _fetch.fetch_remembered("https://example.org/otel-secret?key=1")
    call = next(steps)
    with pytest.raises(StopIteration):
        steps.send(call.blocking())  # type: ignore[union-attr]
    assert recorder.one("fetch") == {
        "server.address": "example.org",
        "kimi.fetch.size": 3,
        "kimi.fetch.type": "text/plain",
    }
    assert "otel-secret" not in recorder.everything()


def test_an_official_tool_is_a_span(ways: Ways, kimi: Emulator, client: KimiClient, recorder: Recorder) -> None:
    arguments = json.dumps({"text": SECRET})
    ways.call(formulas.run_fiber, formulas.arun_fiber, client, "base64", "base64_encode", arguments)
    facts = recorder.one("execute_tool base64_encode")
    assert facts["gen_ai.operation.name"] == "execute_tool"
    assert facts["gen_ai.tool.name"] == "base64_encode"
    assert facts["kimi.formula"] == "moonshot/base64:latest"
    assert SECRET not in recorder.everything()


def test_a_batch_is_two_spans(ways: Ways, kimi: Emulator, client: KimiClient, recorder: Recorder) -> None:
    requests = {name: ask(model="kimi-k2.6") for name in ("a", "b")}
    job = ways.call(batches.submit, batches.asubmit, client, requests)
    ways.call(batches.poll_until_done, batches.apoll_until_done, client, job, poll=0.005)
    ways.call(batches.results, batches.aresults, client, job)
    assert recorder.one("submit_batch") == {"kimi.batch.requests": 2, "kimi.batch.ids": job.ids}
    assert recorder.one("read_batch") == {"kimi.batch.ids": job.ids}


def test_files_of_a_chat_stand_below_it(kimi: Emulator, recorder: Recorder) -> None:
    data = base64.b64encode(pdf("Of a chat with telemetry.")).decode()
    block = {"type": "file", "mime_type": "application/pdf", "base64": data, "filename": "a.pdf"}
    llm = ChatKimi(base_url=kimi.base_url, api_key=kimi.api_key)
    llm.invoke([{"role": "user", "content": [{"type": "text", "text": "Sum it up"}, block]}])
    [file], [call] = recorder.spans_named("extract_file"), recorder.spans_named("chat ")
    assert file.parent is not None
    assert call.context is not None
    assert file.parent.span_id == call.context.span_id


# ---------------------------------------------------------------------------------------------------- on and off


def test_nothing_watches_unless_asked_to(ways: Ways, kimi: Emulator, client: KimiClient) -> None:
    assert _observer.observer is None
    with recording() as recorder:
        complete(ways, client, ask())
        telemetry.uninstrument()
        complete(ways, client, ask())
        assert len(recorder.spans) == 1
    assert _observer.observer is None


def test_a_stream_that_nobody_watches_is_the_generator_itself(client: KimiClient) -> None:
    """No cost per piece: nothing stands between the reader and the answer."""
    deltas = chat.stream(client, ask(stream=True), ReplyBuilder())
    assert deltas.gi_code.co_name == "_stream"  # type: ignore[attr-defined]
    deltas.close()


def test_a_second_instrument_replaces_the_first(kimi: Emulator, client: KimiClient) -> None:
    with recording() as first, recording() as second:
        chat.complete(client, ask())
        assert (len(first.spans), len(second.spans)) == (0, 1)


def test_the_api_alone_is_enough(kimi: Emulator, client: KimiClient) -> None:
    """Without an SDK OpenTelemetry's own spans and metrics do nothing."""
    telemetry.instrument()
    try:
        assert chat.complete(client, ask()).content
        assert list(chat.stream(client, ask(stream=True), ReplyBuilder()))
    finally:
        telemetry.uninstrument()


def test_importing_needs_no_opentelemetry_and_instrumenting_names_the_extra() -> None:
    code = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "import kimi_api; from kimi_api import telemetry, chat\n"
        "try:\n    telemetry.instrument()\nexcept ModuleNotFoundError as error:\n    print(error)"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "pip install 'kimi-integrations[otel]'" in output


# ---------------------------------------------------------------------------------------------------- logging


def test_a_retry_is_logged_without_the_error_s_text(
    ways: Ways, kimi: Emulator, client: KimiClient, waits: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    kimi.script(Failure(500, "server_error", SECRET), ANSWER)
    with caplog.at_level(logging.INFO, "kimi_api"):
        complete(ways, client, ask())
    [record] = [record for record in caplog.records if record.name == retry.__name__]
    assert record.levelno == logging.INFO
    assert record.getMessage() == "KimiServerError: sending the request again in 0.0 s (retry 1)"
    assert SECRET not in caplog.text
