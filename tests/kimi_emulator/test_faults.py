"""Faults on demand: what goes over the wire, looked at with a socket and with a plain HTTP client."""

from __future__ import annotations

import itertools
import json
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from batch_examples import line, make

from kimi_emulator import FAULTS, Emulator, Fault, Reply, ToolCall
from kimi_emulator.faults import declare, fault_named
from kimi_emulator.faults.wire import place
from kimi_emulator.script import Wire

TEXT, THOUGHT = "你好 hello there", "let me think"
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
REPLY = Reply(content=TEXT, reasoning=THOUGHT)
CALLS = Reply(content="", reasoning=THOUGHT, tool_calls=[ToolCall("look", {"at": "a"}), ToolCall("look", {"at": "b"})])


def body(*, stream: bool, tools: bool = False) -> dict[str, Any]:
    request: dict[str, Any] = {"model": "kimi-k3", "messages": [{"role": "user", "content": "hi"}], "stream": stream}
    if stream:
        request["stream_options"] = {"include_usage": True}
    return request | ({"tools": [TOOL]} if tools else {})


def raw(kimi: Emulator, *, stream: bool = True, tools: bool = False, timeout: float = 5) -> tuple[bytes, str]:
    """Every byte of an answer, read from a socket, and how the connection ended: closed, reset or silent."""
    host, port = kimi.base_url.removeprefix("http://").removesuffix("/v1").split(":")
    data = json.dumps(body(stream=stream, tools=tools)).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {kimi.api_key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\nConnection: close\r\n\r\n"
    )
    received = b""
    try:
        with socket.create_connection((host, int(port)), timeout=timeout) as sock:
            sock.sendall(head.encode() + data)
            while piece := sock.recv(65536):
                received += piece
    except ConnectionError:
        return received, "reset"
    except TimeoutError:
        return received, "silent"
    return received, "closed"


def events(text: str) -> list[dict[str, Any]]:
    lines = [line.removeprefix("data:").strip() for line in text.replace("\r", "").split("\n") if line[:5] == "data:"]
    return [json.loads(line) for line in lines if line != "[DONE]"]


@pytest.fixture
def ask(client: httpx.Client, kimi: Emulator) -> Callable[..., httpx.Response]:
    """Ask with a fault, and for what it shows in."""

    def send(fault: str, *, stream: bool = False, reply: Reply | None = None) -> httpx.Response:
        shows = FAULTS[fault].shows == "calls"
        kimi.script(reply or (CALLS if shows else REPLY))
        kimi.fail(fault)
        return client.post("/chat/completions", json=body(stream=stream, tools=shows))

    return send


@pytest.fixture(autouse=True)
def _as_before(running: tuple[Emulator, httpx.Client]) -> Iterator[None]:
    yield
    running[0].reset()
    running[1].timeout = 20


# ---------------------------------------------------------------------------------------------------- the registry


def test_every_fault_says_what_it_is_and_where_it_was_seen() -> None:
    assert len(FAULTS) >= 75
    for id, fault in FAULTS.items():
        assert id == fault.id
        assert "." in id
        assert fault.description.endswith(".")
        assert fault.seen
        assert fault.on
        does = [fault.failure, fault.wire, fault.answer, fault.chunks, fault.file, fault.connection, fault.silence]
        assert any([*does, fault.batch, fault.fiber])


def test_no_test_can_take_a_fault_out_or_change_their_order_for_those_behind_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = list(FAULTS)
    with pytest.raises(TypeError):
        monkeypatch.delitem(FAULTS, "body.bomb")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        monkeypatch.setitem(FAULTS, "http.500", FAULTS["http.503"])  # type: ignore[arg-type]
    assert list(FAULTS) == before


def test_ids_are_unique_and_unknown_ones_are_named() -> None:
    with pytest.raises(ValueError, match="declared twice"):
        declare("http.500", "again", "nowhere")
    with pytest.raises(KeyError, match=r"no fault 'http.999'.*http.500"):
        fault_named("http.999")


@pytest.mark.parametrize("fault", FAULTS.values(), ids=lambda fault: fault.id)
def test_every_fault_changes_something_that_is_seen(kimi: Emulator, client: httpx.Client, fault: Fault) -> None:
    """No fault is a name only: its answer differs from the healthy one to the same request."""

    def observe(fail: bool) -> Any:
        kimi.reset()
        if fail:
            kimi.fail(fault)
        shows = fault.shows == "calls"
        kimi.script(CALLS if shows else REPLY)
        kind = min(fault.on & {"stream", "models", "upload"} or fault.on)
        began = time.monotonic()
        silent = fail and (fault.silence or fault.id.startswith("stall."))
        client.timeout = 0.3 if silent else 10
        try:
            if kind == "models":
                answer = client.get("/models")
            elif kind == "upload":
                upload = {"file": ("a.txt", b"hello")}
                answer = client.post("/files", files=upload, data={"purpose": "file-extract"})
                file_id = answer.json()["id"]
                client.get(f"/files/{file_id}")
                content = client.get(f"/files/{file_id}/content")
                answer = httpx.Response(content.status_code, content=content.content.replace(file_id.encode(), b""))
            elif kind == "batch":
                kimi.script(REPLY)
                batch = make(client, [line("a"), line("b")]).json()
                states = [client.get(f"/batches/{batch['id']}").json() for _ in range(4)]
                observed = [states[-1]["status"], states[-1]["request_counts"]]
                for file_id in filter(None, (states[-1]["output_file_id"], states[-1]["error_file_id"])):
                    content = client.get(f"/files/{file_id}/content").text
                    observed.append([json.loads(text)["error"] for text in content.splitlines()])
                answer = httpx.Response(200, json=observed)
            elif kind == "fiber":
                fiber = {"name": "base64_encode", "arguments": '{"text":"hi"}'}
                ran = client.post("/formulas/moonshot/base64:latest/fibers", json=fiber).json()
                answer = httpx.Response(200, json=[ran["status"], ran["context"]])
            elif fail and fault.id in ("sse.endless_comments", "sse.endless_event", "body.bomb"):
                with client.stream("POST", "/chat/completions", json=body(stream=True)) as endless:
                    sizes = itertools.accumulate(len(piece) for piece in endless.iter_bytes())
                    return next(size for size in sizes if size > 2**20)
            else:
                answer = client.post("/chat/completions", json=body(stream=kind == "stream", tools=shows))
            if fault.id == "connect.reset_on_reuse":
                client.get("/models")
        except httpx.TransportError as error:
            return type(error), time.monotonic() - began > 0.25
        if fault.id == "packets.one_byte":  # the same bytes, but in other packets: see below
            return fail
        observed = [{**event, "id": "", "created": 0, "system_fingerprint": ""} for event in _lenient(answer.text)]
        return (
            answer.status_code,
            json.dumps(observed) if observed else answer.text,  # 86.0 is another text than 86
            answer.text.count("\n"),
            answer.text.count("\r"),
            "[DONE]" in answer.text,
            "data:{" in answer.text,
        )

    assert observe(True) != observe(False)


def _lenient(text: str) -> list[dict[str, Any]]:
    try:
        return events(text)
    except ValueError:
        return []


# ---------------------------------------------------------------------------------------------------- asking for them


def test_faults_are_used_once_in_order_and_by_the_requests_they_fit(kimi: Emulator, client: httpx.Client) -> None:
    kimi.fail("http.500", "models.slow", "http.503", "sse.crlf")
    kimi.clock.advance(0)
    assert kimi.pending_faults == ["http.500", "models.slow", "http.503", "sse.crlf"]
    statuses = [client.post("/chat/completions", json=body(stream=False)).status_code for _ in range(3)]
    assert statuses == [500, 503, 200]
    assert kimi.pending_faults == ["models.slow", "sse.crlf"]
    assert b"\r\n\r\n" in client.post("/chat/completions", json=body(stream=True)).content
    kimi.reset()
    assert kimi.pending_faults == []


def test_an_error_leaves_the_script_for_the_next_request(ask: Any, kimi: Emulator, client: httpx.Client) -> None:
    assert ask("http.529").status_code == 529
    assert kimi.pending == [REPLY]
    answer = client.post("/chat/completions", json=body(stream=False)).json()
    assert answer["choices"][0]["message"]["content"] == TEXT


@pytest.mark.parametrize("fault", ["http.503", FAULTS["http.503"]])
def test_a_fault_may_come_with_a_reply(kimi: Emulator, client: httpx.Client, fault: Any) -> None:
    kimi.script(Reply(content="one"), Reply(content="two", fault=fault), Reply(content="three", fault="answer.empty"))
    answers = [client.post("/chat/completions", json=body(stream=False)) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 503, 200]
    assert answers[2].json()["choices"][0]["message"]["content"] == ""


def test_a_fault_of_ones_own(kimi: Emulator) -> None:
    kimi.fail(Fault("own.noise", "Noise.", "here", wire=lambda events: Wire([b"noise"])))
    received, end = raw(kimi)
    assert received.endswith(b"5\r\nnoise\r\n0\r\n\r\n")
    assert end == "closed"


def test_faults_by_rate_are_the_same_for_one_seed(kimi: Emulator, client: httpx.Client) -> None:
    def statuses(seed: int, rate: float = 0.5) -> list[int]:
        kimi.reset()
        kimi.fail_at_rate(rate, "http.500", "http.503", "models.slow", seed=seed)
        return [client.post("/chat/completions", json=body(stream=False)).status_code for _ in range(24)]

    first = statuses(1)
    assert set(first) == {200, 500, 503}
    assert statuses(1) == first
    assert statuses(2) != first
    assert set(statuses(1, 0.0)) == {200}
    assert 200 not in statuses(1, 1.0)


def test_what_cannot_be_a_rate_is_refused(kimi: Emulator) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        kimi.fail_at_rate(1.5, "http.500")
    with pytest.raises(ValueError, match=r"queue such faults with fail\(\)"):
        kimi.fail_at_rate(0.5, "connect.reset")


# ---------------------------------------------------------------------------------------------------- on the wire


def test_a_reset_connection_reads_no_request(kimi: Emulator) -> None:
    kimi.fail("connect.reset")
    assert raw(kimi) == (b"", "reset")
    assert kimi.requests == []
    assert raw(kimi)[1] == "closed"


def test_a_doomed_connection_answers_once(kimi: Emulator) -> None:
    kimi.fail("connect.reset_on_reuse")
    with httpx.Client(headers={"Authorization": f"Bearer {kimi.api_key}"}) as fresh:
        assert fresh.get(f"{kimi.base_url}/models").status_code == 200
        with pytest.raises(httpx.TransportError):
            fresh.get(f"{kimi.base_url}/models")
        assert fresh.get(f"{kimi.base_url}/models").status_code == 200
    assert len(kimi.requests) == 2


@pytest.mark.parametrize("stream", [False, True])
def test_closed_before_and_after_the_headers(kimi: Emulator, stream: bool) -> None:
    kimi.fail("close.before_headers", "close.after_headers")
    assert raw(kimi, stream=stream) == (b"", "closed")
    received, end = raw(kimi, stream=stream)
    assert received.startswith(b"HTTP/1.1 200 OK\r\n")
    assert received.endswith(b"\r\n\r\n")
    assert end == "closed"
    assert (b"text/event-stream" in received) is stream
    assert (b"content-length" in received) is not stream


@pytest.mark.parametrize("stream", [False, True])
def test_closed_within_an_event_and_a_character(kimi: Emulator, stream: bool) -> None:
    kimi.script(REPLY, REPLY)
    kimi.fail("close.mid_event", "close.mid_character")
    received, _ = raw(kimi, stream=stream)
    assert not received.endswith(b"0\r\n\r\n")
    assert received.count(b"data: ") > 1 if stream else b"chatcmpl" in received
    with pytest.raises(UnicodeDecodeError, match="unexpected end of data"):
        raw(kimi, stream=stream)[0].removesuffix(b"\r\n").decode()


def test_a_reset_within_an_event(kimi: Emulator) -> None:
    kimi.fail("close.reset_mid_event")
    received, end = raw(kimi)
    assert end == "reset"
    assert b"data: " in received


def test_silence_lasts_until_the_client_goes(kimi: Emulator) -> None:
    kimi.fail("stall.before_headers", "stall.mid_stream")
    assert raw(kimi, timeout=0.2) == (b"", "silent")
    received, end = raw(kimi, timeout=0.2)
    assert end == "silent"
    assert b"data: " in received


def test_an_emulator_stops_while_an_answer_stalls(capfd: pytest.CaptureFixture[str]) -> None:
    kimi = Emulator().start()
    kimi.fail("stall.mid_stream", "http.overloaded_after_silence")
    with httpx.Client(headers={"Authorization": f"Bearer {kimi.api_key}"}) as fresh:
        url = f"{kimi.base_url}/chat/completions"
        with fresh.stream("POST", url, json=body(stream=True)) as answer:
            next(answer.iter_lines())
            began = time.monotonic()
            kimi.stop()
            assert time.monotonic() - began < 2
    assert capfd.readouterr().err == ""


def test_a_silence_passes_with_the_clock(kimi: Emulator, client: httpx.Client) -> None:
    import threading

    kimi.fail("http.overloaded_after_silence")
    threading.Timer(0.1, kimi.clock.advance, [10]).start()
    began = time.monotonic()
    answer = client.post("/chat/completions", json=body(stream=False))
    assert answer.json()["error"]["type"] == "engine_overloaded_error"
    assert "retry-after" not in answer.headers
    assert 0.08 < time.monotonic() - began < 3
    with pytest.raises(ValueError, match="does not go back"):
        kimi.clock.advance(-1)


def test_one_byte_at_a_time(kimi: Emulator) -> None:
    kimi.script(REPLY)
    kimi.fail("packets.one_byte")
    chunks = raw(kimi)[0].split(b"\r\n\r\n", 1)[1].split(b"\r\n")
    assert set(chunks[0:-3:2]) == {b"1"}


@pytest.mark.parametrize(
    ("fault", "last"),
    [
        ("cut.thinking", "thinking"),
        ("cut.answer", "answer"),
        ("cut.before_finish", "answer"),
        ("cut.before_usage", "finish"),
        ("cut.before_done", "usage"),
        ("close.between_events", "thinking"),
    ],
)
def test_cuts_at_every_position(kimi: Emulator, fault: str, last: str) -> None:
    kimi.script(REPLY)
    kimi.fail(fault)
    received, end = raw(kimi)
    assert end == "closed"
    whole = [line + b"\n\n" for line in received.replace(b"\r\n", b"\n").split(b"\n") if line.startswith(b"data: ")]
    broken = [line for line in whole if not line.endswith(b"}\n\n")]
    assert len(broken) == (1 if fault in ("cut.thinking", "cut.answer") else 0)
    if not broken:
        assert place(whole[-1]) == last
    else:
        assert place(whole[-2]) in (last, "role", "thinking")
    assert b"[DONE]" not in received


def test_a_cut_in_the_arguments(kimi: Emulator) -> None:
    kimi.script(CALLS)
    kimi.fail("cut.arguments")
    received = raw(kimi, tools=True)[0]
    assert b'"tool_calls"' in received
    assert b'finish_reason":"tool_calls"' not in received


# ---------------------------------------------------------------------------------------------------- events


def test_event_lines(ask: Any) -> None:
    assert "\r\n\r\n" in ask("sse.crlf", stream=True).text
    spaceless = ask("sse.no_space", stream=True).text
    assert "data: " not in spaceless
    assert len(events(spaceless)) > 4
    commented = ask("sse.comments", stream=True).text
    assert commented.count(": ping\n\n") == commented.count("data: ")
    assert "}data: {" in ask("sse.glued", stream=True).text
    with pytest.raises(ValueError, match=r"delimiter|Unterminated|Expecting"):
        events(ask("sse.truncated_glued", stream=True).text)
    assert "\u2028" in ask("sse.line_separator").json()["choices"][0]["message"]["content"]


def test_errors_in_a_stream(ask: Any) -> None:
    response = ask("sse.error_event", stream=True)
    assert response.status_code == 200
    assert "event: error\ndata: {" in response.text
    plain = events(ask("sse.error_data", stream=True).text)
    assert plain[-1]["error"]["type"] == "engine_overloaded_error"
    assert len(plain) > 2
    assert len(events(ask("sse.error_first", stream=True).text)) == 1


# ---------------------------------------------------------------------------------------------------- answers


@pytest.mark.parametrize("stream", [False, True])
def test_http_errors_look_the_same_to_streams(ask: Any, stream: bool) -> None:
    def outcome(fault: str) -> tuple[int, str, str]:
        answer = ask(fault, stream=stream)
        return answer.status_code, answer.headers["content-type"].split(";")[0], answer.text

    assert outcome("http.504_html")[:2] == (504, "text/html")
    assert outcome("http.408_text") == (408, "text/plain", "Request Timeout")
    status, kind, text = outcome("http.401_string_code")
    assert (status, kind, set(json.loads(text)["error"])) == (401, "application/json", {"message", "code"})
    assert outcome("http.403_quota_2025")[0] == 403
    assert json.loads(outcome("http.empty_type")[2])["error"]["type"] == ""
    wrapped = json.loads(outcome("http.gateway_raw")[2])["error"]
    inner = json.loads(wrapped["metadata"]["raw"])["error"]
    assert (wrapped["code"], inner["type"]) == (429, "exceeded_current_quota_error")
    assert outcome("http.200_error")[0] == 200


def test_rate_limits_have_their_recorded_headers(ask: Any) -> None:
    limited = ask("http.429_retry_after")
    assert [limited.headers[name] for name in ("Retry-After", "X-Retry-After", "Msh-Cooldown-Seconds")] == ["1"] * 3
    assert "\\u003cak-" in limited.text  # as Go writes it, recorded
    assert "Retry-After" not in ask("http.429_overloaded").headers


@pytest.mark.parametrize("stream", [False, True])
def test_calls_and_usage_are_faulty_in_the_same_way_in_streams(ask: Any, stream: bool) -> None:
    def outcome(fault: str) -> tuple[list[dict[str, Any]], str | None, Any]:
        answer = ask(fault, stream=stream)
        if not stream:
            choice = answer.json()["choices"][0]
            return choice["message"].get("tool_calls", []), choice["finish_reason"], answer.json()["usage"]
        calls: dict[int, dict[str, Any]] = {}
        finish = usage = None
        for event in events(answer.text):
            for choice in event["choices"]:
                finish = choice["finish_reason"] or finish
                for piece in choice["delta"].get("tool_calls", ()):
                    call = calls.setdefault(piece["index"], {**piece, "function": {**piece["function"]}})
                    if call["function"] is not piece["function"] and len(piece) == 2:
                        call["function"]["arguments"] += piece["function"]["arguments"]
            usage = event.get("usage", usage)
        return list(calls.values()), finish, usage

    assert [call["id"] for call in outcome("calls.duplicate_ids")[0]] == ["call_0", "call_0"]
    assert [call["id"] for call in outcome("calls.blank_ids")[0]] == ["", ""]
    assert [call["function"].get("name") for call in outcome("calls.name_missing")[0]] == [None, None]
    assert [call["function"]["name"] for call in outcome("calls.name_empty")[0]] == ["", ""]
    cut = outcome("calls.arguments_cut")
    assert [call["function"]["arguments"] for call in cut[0]] == ['{"at"'] * 2
    assert cut[1] == "length"
    twice = outcome("calls.arguments_twice")[0]
    assert json.loads(json.loads(twice[0]["function"]["arguments"])) == {"at": "a"}
    assert [call["function"]["arguments"] for call in outcome("calls.arguments_empty")[0]] == ["", ""]
    assert outcome("calls.finish_stop")[1] == "stop"
    assert outcome("calls.none")[:2] == ([], "tool_calls")
    usage = outcome("usage.absurd")[2]
    assert usage["completion_tokens_details"]["reasoning_tokens"] == usage["completion_tokens"] + 1
    assert isinstance(outcome("usage.float")[2]["prompt_tokens"], float)
    assert outcome("usage.null")[2] is None
    assert not outcome("usage.missing")[2]


def test_faults_of_streams_only(ask: Any) -> None:
    late = events(ask("usage.late", stream=True).text)
    assert [event["usage"] is None for event in late] == [True] * (len(late) - 1) + [False]
    assert all("usage" not in choice for event in late for choice in event["choices"])
    every = events(ask("finish.every_chunk", stream=True).text)
    assert {choice["finish_reason"] for event in every for choice in event["choices"]} == {"stop"}
    unnumbered = ask("calls.no_index", stream=True).text
    pieces = [p for e in events(unnumbered) for c in e["choices"] for p in c["delta"].get("tool_calls", ())]
    assert pieces
    assert all("index" not in piece for piece in pieces)
    names = ask("calls.name_late", stream=True).text
    pieces = [p for e in events(names) for c in e["choices"] for p in c["delta"].get("tool_calls", ())]
    assert ["name" in piece["function"] for piece in pieces] == [False, True, False, True]
    after = events(ask("calls.content_after", stream=True).text)
    assert [c["delta"].get("content") for e in after for c in e["choices"]][-2] == " Let me look."


def test_answers_without_an_answer(ask: Any) -> None:
    def message(fault: str) -> dict[str, Any]:
        return ask(fault).json()["choices"][0]["message"]

    assert message("answer.empty") == {"role": "assistant", "content": "", "reasoning_content": ""}
    assert message("answer.thinking_only") == {"role": "assistant", "content": "", "reasoning_content": THOUGHT}
    assert message("answer.stray_think")["content"] == "</think>" + TEXT
    assert message("calls.markers")["content"].startswith("<|tool_calls_section_begin|><|tool_call_begin|>functions.")
    shortened = ask("answer.truncated_json", reply=Reply(content='{"a": [1, 2]}'))
    with pytest.raises(ValueError, match="Expecting"):
        json.loads(shortened.json()["choices"][0]["message"]["content"])


# ---------------------------------------------------------------------------------------------------- files, models


def test_files_that_never_come(kimi: Emulator, client: httpx.Client) -> None:
    def upload(fault: str) -> str:
        kimi.fail(fault)
        data = {"purpose": "file-extract"}
        return client.post("/files", files={"file": ("a.txt", b"hello")}, data=data).json()["id"]

    def status(file_id: str) -> str:
        return client.get(f"/files/{file_id}").json().get("status", "gone")

    pending = upload("files.pending")
    assert {status(pending) for _ in range(30)} == {"created"}
    assert status(upload("files.failed")) == "failed"
    broken = upload("files.extraction_500")
    assert status(broken) == "ok"
    answer = client.get(f"/files/{broken}/content")
    assert (answer.status_code, answer.json()["error"]) == (
        500,
        {"message": "extract task failed: failed", "type": ""},
    )
    later = upload("files.content_404")
    assert [client.get(f"/files/{later}/content").status_code for _ in range(3)] == [404, 404, 200]
    other = client.get(f"/files/{upload('files.other_keys')}/content").json()
    assert other["content"] == "hello"
    assert "title" not in other
    gone = upload("files.deleted")
    assert [status(gone), status(gone)] == ["ok", "gone"]


def test_a_slow_list_of_models(kimi: Emulator, client: httpx.Client) -> None:
    kimi.fail("models.slow")
    with pytest.raises(httpx.ReadTimeout):
        client.get("/models", timeout=0.1)
    assert client.get("/models").status_code == 200


def test_connections_are_refused_for_a_while() -> None:
    with Emulator() as kimi:
        headers = {"Authorization": f"Bearer {kimi.api_key}"}
        with httpx.Client(base_url=kimi.base_url, headers=headers, timeout=5) as client:
            stored = client.post("/files", files={"file": ("a.txt", b"x")}, data={"purpose": "file-extract"}).json()
            with kimi.refusing():
                for _ in range(2):  # the connection that was open is cut, and no other is taken
                    with pytest.raises(httpx.TransportError):
                        client.get("/models")
                with pytest.raises(httpx.ConnectError):
                    httpx.get(f"{kimi.base_url}/models", headers=headers)
            assert client.get(f"/files/{stored['id']}").json()["id"] == stored["id"]
        assert [request.path for request in kimi.requests] == ["/v1/files", f"/v1/files/{stored['id']}"]
    with pytest.raises(RuntimeError, match="not running"), kimi.refusing():
        pass
