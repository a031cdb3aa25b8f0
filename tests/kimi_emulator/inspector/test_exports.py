"""An exchange as a curl command and as a kimi.script(...): both do the same again."""

from __future__ import annotations

import json
import shlex
import subprocess
from typing import Any

import pytest

from kimi_emulator import Failure, Reply, ToolCall
from kimi_emulator.inspector.exports import curl, script
from kimi_emulator.platform.state import ReceivedRequest

BASE = "http://127.0.0.1:1/v1"
CHAT = "/v1/chat/completions"


def words(command: str) -> list[str]:
    return shlex.split(command.replace("\\\n", " "))


def run(text: str) -> list[Any]:
    """What ``kimi.script`` is given when the text is run."""
    items: list[Any] = []

    class Kimi:
        def script(self, *replies: Any) -> None:
            items.extend(replies)

    exec(text, {"kimi": Kimi()})
    return items


def test_a_chat_becomes_a_command_that_sends_the_same_body():
    body = {"messages": [{"role": "user", "content": 'It\'s "quoted" & $dear,\nin two lines: größer `id` \\'}]}
    headers = {"host": "x", "authorization": "Bearer sk-secret", "user-agent": "u", "x-stainless-os": "l", "x-own": "é"}
    command = words(curl(ReceivedRequest("POST", CHAT, headers, json=body), BASE))
    assert command[:2] == ["curl", f"{BASE}/chat/completions"]
    assert command[2:4] == ["-H", "Authorization: Bearer $MOONSHOT_API_KEY"]
    assert "x-own: é" in command
    assert json.loads(command[command.index("-d") + 1]) == body
    assert "sk-secret" not in " ".join(command)
    assert "x-stainless-os" not in " ".join(command)


def test_a_body_too_long_for_a_command_line_goes_in_as_a_document(tmp_path):
    body = {"messages": [{"role": "user", "content": "it's long, BODY\nBODY\n" * 20_000}]}
    command = curl(ReceivedRequest("POST", CHAT, {}, json=body), BASE)
    shell = tmp_path / "ask.sh"
    shell.write_text("curl() { cat; }\n" + command)
    printed = subprocess.run(["bash", shell], capture_output=True, check=True, text=True).stdout
    assert json.loads(printed) == body


def test_queries_are_encoded_and_methods_named():
    command = words(curl(ReceivedRequest("GET", "/v1/batches", {}, query={"after": "a b&c", "limit": "5"}), BASE))
    assert command[1] == f"{BASE}/batches?after=a+b%26c&limit=5"
    assert words(curl(ReceivedRequest("DELETE", "/v1/files/a", {}), BASE))[1:3] == ["-X", "DELETE"]
    assert words(curl(ReceivedRequest("POST", "/v1/batches/b/cancel", {}), BASE))[1:3] == ["-X", "POST"]


def test_an_upload_names_its_file_and_not_its_bytes():
    form = {"purpose": "file-extract", "filename": "my notes.txt", "size": 3, "sha256": "0"}
    command = words(curl(ReceivedRequest("POST", "/v1/files", {}, form=form), BASE))
    assert [command[at + 1] for at, word in enumerate(command) if word == "-F"] == [
        "purpose=file-extract",
        "file=@my notes.txt",
    ]


def call(name: str, arguments: str, id: str) -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


@pytest.mark.parametrize(
    ("message", "finish", "reply"),
    [
        ({"content": 'It\'s "so"\n.'}, "stop", Reply(content='It\'s "so"\n.', reasoning="")),
        ({"content": "Yes", "reasoning_content": "Hm"}, "stop", Reply(content="Yes", reasoning="Hm")),
        ({"content": "Yes", "reasoning": "Hm"}, "stop", Reply(content="Yes", reasoning="Hm")),
        ({"content": "Ye"}, "length", Reply(content="Ye", reasoning="", finish_reason="length")),
        (
            {"content": "", "tool_calls": [call("w", '{"city":"Turku"}', "w_0"), call("w", "{}", "w_1")]},
            "tool_calls",
            Reply(reasoning="", tool_calls=[ToolCall("w", {"city": "Turku"}), ToolCall("w")]),
        ),
        (
            {"content": "", "tool_calls": [call("w", '{"city": "Turku"}', "call_7"), call("w", '{"city', "w_1")]},
            "tool_calls",
            Reply(reasoning="", tool_calls=[ToolCall("w", '{"city": "Turku"}', id="call_7"), ToolCall("w", '{"city')]),
        ),
    ],
)
def test_an_answer_becomes_the_reply_that_gives_it(message: dict[str, Any], finish: str, reply: Reply):
    assert run(script([(200, {}, {"message": message, "finish_reason": finish}, "")])) == [reply]


def test_an_error_becomes_a_failure_with_its_headers():
    error = {"error": {"message": "too many", "type": "rate_limit_reached_error"}}
    (failure,) = run(script([(429, {"retry-after": "1", "date": "now"}, error, "")]))
    assert failure == Failure(429, "rate_limit_reached_error", "too many", headers={"retry-after": "1"})
    assert failure.json() == error


@pytest.mark.parametrize("error", ["broken", {"message": "m", "type": "t", "code": 7}, None])
def test_an_error_of_another_shape_keeps_it(error: Any):
    (failure,) = run(script([(500, {}, {"error": error}, "")]))
    assert failure.json() == {"error": error}


def test_a_whole_run_becomes_one_script_that_imports_what_it_needs():
    answer = {"message": {"content": "Yes"}, "finish_reason": "stop"}
    text = script([(200, {}, answer, ""), (500, {}, {}, ""), (None, {}, {}, ""), (200, {}, {"message": {}}, "")])
    assert text.startswith("from kimi_emulator import Failure, Reply\n")
    assert run(text) == [Reply(content="Yes", reasoning=""), Failure(500)]


def test_nothing_to_script_is_no_script():
    assert script([]) == ""
    assert script([(None, {}, {}, ""), (200, {}, {"json": {"data": []}}, "")]) == ""


def test_a_fault_goes_with_its_answer():
    message = {"role": "assistant", "content": "It snows in", "reasoning_content": "Snow."}
    cut, silent = run(script([(200, {}, {"message": message}, "cut.answer"), (200, {}, {}, "stall.before_headers")]))
    assert (cut.content, cut.reasoning, cut.fault) == ("It snows in", "Snow.", "cut.answer")
    assert silent == Reply(fault="stall.before_headers")
