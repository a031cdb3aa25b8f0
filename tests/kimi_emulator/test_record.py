"""The recording proxy: everything passes, the copies replay and hold no key, and the judge names what differs."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cassette_kit
import httpx
import pytest
from altered_emulator import KEY, altered_emulator
from openai import OpenAI
from raw_server import RawServer

from kimi_emulator import Emulator, Reply, ToolCall
from kimi_emulator.record import Recorder
from kimi_emulator.record.cassettes import Cassette, Exchange
from kimi_emulator.record.masking import hide
from kimi_emulator.record.shape import differences

USER = {"role": "user", "content": "When does the ferry leave for Utö?"}
TOOL = {
    "type": "function",
    "function": {"name": "get_tides", "parameters": {"type": "object", "properties": {"place": {"type": "string"}}}},
}
PNG = b"\x89PNG\r\n\x1a\n\x00\xff\xfe"


@pytest.fixture
def platform() -> Iterator[Emulator]:
    """Stands in for the platform: the same rules, a key of its own."""
    with Emulator(api_key=KEY) as kimi:
        yield kimi


@pytest.fixture
def recorder(platform: Emulator, tmp_path: Path) -> Iterator[Recorder]:
    with Recorder(tmp_path / "kept", platform.base_url) as running:
        yield running


@pytest.fixture
def raw() -> Iterator[RawServer]:
    server = RawServer()
    yield server
    server.close()


def client_of(recorder: Recorder, key: str = KEY, name: str = "") -> httpx.Client:
    base = recorder.base_url.replace("/v1", f"/{name}/v1" if name else "/v1")
    return httpx.Client(base_url=base, headers={"Authorization": f"Bearer {key}"}, timeout=20, trust_env=False)


def ask(client: httpx.Client, **fields: Any) -> httpx.Response:
    return client.post("/chat/completions", json={"model": "kimi-k3", "messages": [USER]} | fields)


def files_of(recorder: Recorder) -> dict[str, str]:
    recorder.stop()
    return {path.name: path.read_text("utf-8") for path in sorted(recorder._folder.iterdir())}


def outcomes(recorder: Recorder) -> list[str]:
    recorder.stop()
    return [verdict.outcome for verdict in recorder.verdicts]


# ------------------------------------------------------------------------------------------------- passing on


def test_requests_and_answers_pass_unchanged(recorder: Recorder, platform: Emulator) -> None:
    platform.script(Reply("At nine.", reasoning="The timetable."))
    with client_of(recorder) as client:
        answer = ask(client, max_completion_tokens=50)
        refused = ask(client, temperature=0.3)
        models = client.get("/models", params={"limit": "3"})
    assert answer.json()["choices"][0]["message"]["content"] == "At nine."
    assert answer.headers["msh-request-id"]
    assert (refused.status_code, refused.json()["error"]["type"]) == (400, "invalid_request_error")
    assert models.status_code == 200
    first, second, third = platform.requests
    assert first.json == {"model": "kimi-k3", "messages": [USER], "max_completion_tokens": 50}
    assert first.headers["authorization"] == f"Bearer {KEY}"
    assert second.json["temperature"] == 0.3
    assert third.query == {"limit": "3"}
    assert outcomes(recorder) == ["same", "same", "same"]


def test_a_stream_is_passed_on_piece_by_piece(recorder: Recorder, platform: Emulator) -> None:
    platform.fail("stall.mid_stream")  # the platform says something, and then nothing more
    with (
        client_of(recorder) as client,
        client.stream("POST", "/chat/completions", json={"model": "kimi-k3", "messages": [USER], "stream": True}) as it,
    ):
        assert next(it.iter_lines()).startswith("data: {")
    assert outcomes(recorder) == []  # the client left in the middle: there is no whole answer to keep
    assert all("interactions:\n-" not in text for text in files_of(recorder).values())


def test_the_platform_may_stop_when_the_client_leaves_before_the_answer(recorder: Recorder, platform: Emulator) -> None:
    platform.fail("stall.before_headers")
    with client_of(recorder) as client, pytest.raises(httpx.ReadTimeout):
        client.post("/chat/completions", json={"model": "kimi-k3", "messages": [USER]}, timeout=0.3)
    assert outcomes(recorder) == []


def test_a_stream_that_breaks_off_breaks_off(recorder: Recorder, platform: Emulator) -> None:
    platform.fail("close.between_events")
    with (
        client_of(recorder) as client,
        pytest.raises(httpx.RemoteProtocolError),
        client.stream("POST", "/chat/completions", json={"model": "kimi-k3", "messages": [USER], "stream": True}) as it,
    ):
        list(it.iter_lines())
    assert outcomes(recorder) == []


def test_uploads_and_files_pass_and_are_known_to_the_judge(recorder: Recorder, platform: Emulator) -> None:
    with client_of(recorder, name="files") as client:
        stored = client.post("/files", files={"file": ("a.txt", b"At nine.")}, data={"purpose": "file-extract"}).json()
        picture = client.post("/files", files={"file": ("a.png", PNG)}, data={"purpose": "image"}).json()
        text = client.get(f"/files/{stored['id']}/content")
        part = {"type": "image_url", "image_url": {"url": f"ms://{picture['id']}"}}
        seen = ask(client, messages=[{"role": "user", "content": [part, {"type": "text", "text": "What is it?"}]}])
        gone = client.delete(f"/files/{stored['id']}")
        missing = client.get(f"/files/{stored['id']}")
    assert text.json()["content"] == "At nine."
    assert [seen.status_code, gone.status_code, missing.status_code] == [200, 200, 404]
    assert platform.requests[1].form is not None
    assert platform.requests[1].form["size"] == len(PNG)
    assert outcomes(recorder) == ["same"] * 6
    [stored_file] = files_of(recorder)
    assert stored_file == "files.yaml"
    exchanges = cassette_kit.exchanges(cassette_kit.read(recorder._folder / "files.yaml"))
    assert exchanges[1].sent["file"]["size"] == len(PNG)


def test_a_file_that_was_there_before_is_not_compared(recorder: Recorder, platform: Emulator) -> None:
    with httpx.Client(base_url=platform.base_url, headers={"Authorization": f"Bearer {KEY}"}) as other:
        id = other.post("/files", files={"file": ("a.txt", b"x")}, data={"purpose": "file-extract"}).json()["id"]
    with client_of(recorder) as client:
        client.get(f"/files/{id}")
        client.get("/files/nothing")
    assert outcomes(recorder) == ["not compared", "same"]
    assert recorder.verdicts[0].reasons == (f"{id} was not made through this proxy",)


def test_a_platform_out_of_reach_is_told(tmp_path: Path) -> None:
    with Recorder(tmp_path, "http://127.0.0.1:9/v1") as recorder, client_of(recorder) as client:
        answer = client.get("/models")
        assert answer.status_code == 502
        assert "http://127.0.0.1:9/v1 did not answer: ConnectError" in answer.json()["error"]["message"]
        assert httpx.get(recorder.base_url.replace("/v1", "/other"), trust_env=False).status_code == 404
    assert recorder.verdicts == []


@pytest.mark.parametrize("upstream", ["api.moonshot.ai/v1", "ftp://api.moonshot.ai", "http://api.moonshot.ai/v1"])
def test_an_address_that_would_not_do_is_refused(upstream: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"not '{upstream}'"):
        Recorder(tmp_path, upstream)


def test_a_test_key_is_exchanged_for_the_real_one(platform: Emulator, tmp_path: Path) -> None:
    with Recorder(tmp_path, platform.base_url, key=KEY) as recorder:
        for key, status in (("sk-test-emulator", 200), ("sk-test-of-somebody", 401)):
            with client_of(recorder, key) as client:
                assert ask(client).status_code == status
    assert outcomes(recorder) == ["same", "same"]
    assert KEY not in "".join(files_of(recorder).values())


# ------------------------------------------------------------------------------------------------- what is kept


def test_the_cassette_kit_replays_what_was_recorded(recorder: Recorder, platform: Emulator) -> None:
    def use(client: OpenAI) -> list[Any]:
        streamed = client.chat.completions.create(model="kimi-k3", messages=[USER], stream=True)  # type: ignore[call-overload]
        text = "".join(chunk.choices[0].delta.content or "" for chunk in streamed)
        called = client.chat.completions.create(model="kimi-k3", messages=[USER], tools=[TOOL])  # type: ignore[call-overload]
        stored = client.files.create(file=("a.txt", b"At nine."), purpose="file-extract")  # type: ignore[arg-type]
        return [text, called.choices[0].message.tool_calls[0].function.arguments, stored.filename]

    platform.script(Reply("At nine, 九点。"), Reply(tool_calls=[ToolCall("get_tides", {"place": "Utö"})]))
    base = recorder.base_url.replace("/v1", "/the_ferry/v1")
    first = use(OpenAI(base_url=base, api_key=KEY, max_retries=0))
    recorder.stop()
    with cassette_kit.play("the_ferry", recorder._folder) as session:
        again = use(OpenAI(max_retries=0, base_url=session.base_url, api_key=session.api_key))
    assert again == first == ["At nine, 九点。", '{"place":"Utö"}', "a.txt"]


def test_exchanges_stand_in_the_order_in_which_they_began(tmp_path: Path) -> None:
    def exchange(place: int) -> Exchange:
        return Exchange(place, "GET", f"/v1/files/{place}", {}, b"", 200, "OK", {}, b"{}")

    cassette = Cassette(tmp_path / "a.yaml", "live, 2026-11-28")
    for place in (1, 2, 3, 4):
        cassette.begin(place)
    cassette.end(3, exchange(3))
    assert not cassette.path.exists()
    cassette.end(1, exchange(1))
    cassette.end(2, None)
    assert [each.path for each in cassette_kit.exchanges(cassette_kit.read(cassette.path))] == [
        "/v1/files/1",
        "/v1/files/3",
    ]
    cassette.close()
    assert len(cassette_kit.read(cassette.path)["interactions"]) == 2


def test_calls_side_by_side_are_all_kept(recorder: Recorder) -> None:
    async def many() -> None:
        async with httpx.AsyncClient(trust_env=False, headers={"Authorization": f"Bearer {KEY}"}) as client:
            url = f"{recorder.base_url}/chat/completions"
            bodies = [{"model": "kimi-k3", "messages": [USER | {"content": f"say {n}"}]} for n in range(20)]
            answers = await asyncio.gather(*(client.post(url, json=body) for body in bodies))
        assert {answer.status_code for answer in answers} == {200}

    asyncio.run(many())
    assert outcomes(recorder) == ["same"] * 20
    [text] = files_of(recorder).values()
    assert [text.count(f'"content": "say {n}"') for n in range(20)] == [1] * 20
    assert text.startswith("origin: 127.0.0.1, 20")


def test_no_key_and_no_account_is_written_anywhere(recorder: Recorder, platform: Emulator) -> None:
    account = "org-0123456789abcdef"
    sentence = f"Your key is {KEY}, of {account}; sk-another0123456 is not."
    platform.script(Reply(sentence))
    with client_of(recorder) as client:
        answer = ask(client, messages=[USER | {"content": sentence}], user=KEY)
        client.get("/files", params={"after": KEY}, headers={"Cookie": f"session={KEY}", "X-Api-Key": KEY})
        ask(client, stop=[KEY] * 9)  # refusals quote what was sent
    assert sentence in answer.text  # the client gets what the platform said
    everything = "".join([*files_of(recorder).values(), *map(str, recorder.verdicts), repr(recorder.verdicts)])
    assert cassette_kit.SECRETS.findall(everything) == []
    assert KEY not in everything
    assert "sk-test-hidden, of org-hidden; sk-test-hidden is not." in everything


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("sk-abcdef123", "sk-test-hidden"),
        ("a sk-test-emulator b", "a sk-test-emulator b"),
        ("ak-1234567 proj-abcdefg cak-abcdefg", "ak-hidden proj-hidden cak-hidden"),
        ("task-abcdefgh risk-averse", "task-abcdefgh risk-averse"),
        ("odd key 7/9", "odd key sk-test-hidden"),
    ],
)
def test_what_is_hidden(text: str, hidden: str) -> None:
    assert hide(text, ["7/9", ""]) == hidden


# ------------------------------------------------------------------------------------------------- the judge

ALTERED = {
    "stop.count": {"off": True},
    "sampling.n": {"status": 422},
    "thinking.type": {"type": "validation_error"},
    "tolerated.sampling": {"refuses": True},
}
BODIES: dict[str, dict[str, Any]] = {
    "stop.count": {"stop": list("abcdef")},
    "sampling.n": {"n": 2},
    "thinking.type": {"thinking": {"type": "off"}},
    "tolerated.sampling": {"temperature": 1},
    "sampling.temperature": {"temperature": 0.2},
    "stop.type": {"stop": [1]},
    "a stream": {"stream": True},
    "a call": {"tools": [TOOL], "tool_choice": "required"},
}


def test_exactly_the_altered_rules_are_told(tmp_path: Path) -> None:
    with (
        altered_emulator(ALTERED) as upstream,
        Recorder(tmp_path / "kept", upstream) as recorder,
        client_of(recorder) as client,
    ):
        for fields in BODIES.values():
            ask(client, **fields)
    judged = dict(zip(BODIES, recorder.verdicts, strict=True))
    assert {name for name, verdict in judged.items() if verdict.outcome == "differs"} == set(ALTERED)
    reasons = {name: verdict.reasons[0] for name, verdict in judged.items() if verdict.reasons}
    assert reasons["stop.count"].startswith("the emulator answers 400 invalid_request_error: ")
    assert reasons["sampling.n"].startswith("the emulator answers 400 invalid_request_error: invalid n")
    assert reasons["thinking.type"] == "the emulator's type of error is 'invalid_request_error'"
    assert reasons["tolerated.sampling"].startswith("the emulator answers 200; the platform said invalid_request_error")
    assert recorder.summary() == "8 exchanges: 4 answered alike, 4 answered otherwise by the emulator, 0 not compared"
    assert str(judged["stop.type"]) == ("#6 POST /v1/chat/completions -> 400 invalid_request_error: the emulator too")


MESSAGE = {"role": "assistant", "content": "Hi", "reasoning_content": "r"}
USAGE = {
    "prompt_tokens": 9,
    "completion_tokens": 3,
    "total_tokens": 12,
    "completion_tokens_details": {"reasoning_tokens": 1},
}


def completion(**more: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": MESSAGE | more.pop("message", {}), "finish_reason": "stop"}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "kimi-k3",
        "choices": [choice],
        "usage": USAGE | more.pop("usage", {}),
        **more,
    }


@pytest.mark.parametrize(
    ("status", "body", "outcome", "reasons"),
    [
        (200, completion(), "same", []),
        (200, completion(usage={"cached_tokens": 4, "prompt_tokens_details": {"cached_tokens": 4}}), "same", []),
        (200, completion(service_tier="default"), "differs", ["the emulator lacks service_tier"]),
        (200, completion(created="today"), "differs", ["created is a text, the emulator's a number"]),
        (200, completion(message={"tool_calls": []}), "differs", ["the emulator lacks choices[].message.tool_calls"]),
        (200, {"choices": []}, "not compared", ["the answer has no end"]),
        (429, {"error": {"type": "rate_limit_reached_error"}}, "not compared", ["the platform was busy, or"]),
        (503, "<html>", "not compared", ["the platform was busy, or"]),
        (
            404,
            {"error": {"type": "x", "message": "gone"}},
            "differs",
            ["the emulator answers 200; the platform said x: g"],
        ),
        (200, completion(choices=[{"message": {"content": "a", "tool_calls": [7]}}]), "differs", [""]),
        (200, completion(choices=[{"message": {"content": 7}}]), "differs", [""]),
        (200, 'data: {"choices": [{"delta": {"content": 7}}]}', "not compared", ["the answer has no end"]),
        (200, 'data: {"choices": [7, {"delta": {"content": 7}, "finish_reason": "stop"}]}', "differs", [""]),
        (200, 'data: {"choices": [{"delta": {"tool_calls": [7]}, "finish_reason": "stop"}]}', "differs", [""]),
    ],
)
def test_what_a_platform_may_say(
    status: int, body: Any, outcome: str, reasons: list[str], raw: RawServer, tmp_path: Path
) -> None:
    raw.say(raw.http(status, body))
    with Recorder(tmp_path, raw.base_url) as recorder, client_of(recorder) as client:
        ask(client)
    [verdict] = recorder.verdicts
    assert (verdict.outcome, len(verdict.reasons)) == (outcome, len(reasons)) or reasons == [""], verdict.reasons
    for reason, start in zip(verdict.reasons, reasons, strict=False):
        assert reason.startswith(start)


def test_shapes() -> None:
    assert differences({"a": [{"b": 1}]}, {"a": []}) == []  # nothing to compare
    assert differences({"a": None}, {"a": {"b": 1}}) == ["the emulator also has a.b"]
    assert differences({"a": {"b": 1}}, {}) == ["the emulator lacks a"]  # not said again of what is in it
    assert differences({"a": 1}, {"a": 1.5}) == []
    assert differences({"a": True}, {"a": 1}) == ["a is true or false, the emulator's a number"]
    assert differences("<html>", {}) == ["the body is a text, the emulator's an object"]
    stream = [{"choices": [{"delta": {"content": "a"}}]}, "[DONE]"]
    assert differences(stream, stream[:1]) == ["(end of the stream) is [DONE], the emulator's nothing"]


# ------------------------------------------------------------------------------------------------- the program


def program(folder: Path, *arguments: str, key: str | None = KEY) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MOONSHOT")}
    environment |= {"MOONSHOT_API_KEY": key} if key else {}
    command = [sys.executable, "-m", "kimi_emulator", "--port", "0", "--record", str(folder), *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_the_program_records_until_it_is_interrupted(platform: Emulator, tmp_path: Path) -> None:
    process = program(tmp_path, "--upstream", platform.base_url)
    try:
        assert process.stdout is not None
        head = [process.stdout.readline() for _ in range(3)]
        base = re.search(r"base_url: (\S+)", head[1])
        assert base is not None
        headers = {"Authorization": "Bearer sk-test-emulator"}
        body = {"model": "kimi-k3", "messages": [USER], "temperature": 0.5}
        answer = httpx.post(f"{base[1]}/chat/completions", json=body, headers=headers, trust_env=False)
        assert answer.status_code == 400
        verdict = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=20)
    finally:
        process.kill()
        process.communicate()
    assert verdict == "#1 POST /v1/chat/completions -> 400 invalid_request_error: the emulator too\n"
    assert output == "1 exchanges: 1 answered alike, 0 answered otherwise by the emulator, 0 not compared\n"
    assert errors == ""
    [file] = tmp_path.iterdir()
    assert KEY not in "".join([*head, output, file.read_text("utf-8")])


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--upstream", "http://api.moonshot.ai/v1"], "upstream is https"),
        (["--model-server", "http://127.0.0.1:9/v1"], "--record and --model-server exclude each other"),
    ],
)
def test_the_program_says_what_is_wrong(arguments: list[str], complaint: str, tmp_path: Path) -> None:
    process = program(tmp_path, *arguments)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 2
    assert complaint in errors
