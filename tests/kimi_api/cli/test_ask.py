"""`kimi-tools ask`: a question or a whole request, from arguments, files and pipes; the answer while it comes."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cli_kit import Tools, in_terminal

from kimi_api import cli
from kimi_emulator import Emulator, Failure, Reply, ToolCall

TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}


@pytest.fixture(autouse=True)
def _nothing_is_piped_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))


def write_request(folder: Path, body: Any) -> str:
    path = folder / "request.json"
    path.write_text(json.dumps(body), "utf-8")
    return str(path)


def question(kimi: Emulator) -> str:
    return kimi.chats[-1]["messages"][-1]["content"]


def test_a_question_is_answered(kimi: Emulator, tools: Tools) -> None:
    kimi.script(Reply(reasoning="A greeting.", content="Hello."))
    assert tools("ask", "Say hello.") == (0, "Hello.\n", "")


def test_an_answer_as_json_has_thinking_usage_and_request_id(kimi: Emulator, tools: Tools) -> None:
    kimi.script(Reply(reasoning="A greeting.", content="Hello."))
    code, out, _ = tools("ask", "Say hello.", "--model", "kimi-k2.6", "--json")
    answer = json.loads(out)
    assert code == 0
    assert (answer["model"], answer["content"], answer["reasoning_content"]) == ("kimi-k2.6", "Hello.", "A greeting.")
    assert answer["usage"]["total_tokens"] > 0
    assert answer["request_id"]


def test_a_question_comes_from_standard_input(kimi: Emulator, tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("From the pipe."))
    assert tools("ask")[0] == 0
    assert kimi.chats[0]["messages"][0]["content"] == "From the pipe."


def test_a_request_with_tools_shows_the_calls(kimi: Emulator, tools: Tools, tmp_path: Path) -> None:
    kimi.script(Reply(reasoning="Look.", tool_calls=[ToolCall("look", {})]))
    body = {"model": "kimi-k3", "messages": [{"role": "user", "content": "Look."}], "tools": [TOOL]}
    code, out, _ = tools("ask", "--request", write_request(tmp_path, body), "--json")
    assert code == 0
    assert json.loads(out)["tool_calls"][0]["function"]["name"] == "look"


@pytest.mark.filterwarnings("always::UserWarning")
def test_a_dry_run_shows_what_the_rules_make_of_a_request_and_sends_nothing(
    kimi: Emulator, tools: Tools, tmp_path: Path
) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer", "exclusiveMinimum": 0}}}
    tool = {"type": "function", "function": {"name": "take", "parameters": schema}}
    body = {
        "model": "kimi-k2.6",
        "temperature": 0.3,
        "max_tokens": 100,
        "messages": [{"role": "user", "content": "Hi"}],
        "tools": [tool],
    }
    code, out, err = tools("ask", "--request", write_request(tmp_path, body), "--dry-run")
    sent = json.loads(out)
    assert code == 0
    assert "temperature" not in sent
    assert "temperature" in err
    assert sent["max_completion_tokens"] == 100
    assert sent["tools"][0]["function"]["parameters"]["properties"]["n"] == {"type": "integer", "minimum": 1}
    assert kimi.requests == []


def test_tools_loaded_in_the_middle_are_checked_for_names_used_twice(
    kimi: Emulator, tools: Tools, tmp_path: Path
) -> None:
    loaded = {"role": "system", "tools": [TOOL]}
    body = {"model": "kimi-k3", "messages": [{"role": "user", "content": "Hi"}, loaded]}
    code, out, _ = tools("ask", "--request", write_request(tmp_path, body), "--dry-run")
    assert code == 0
    assert json.loads(out)["messages"][1]["tools"][0]["function"]["name"] == "look"
    code, out, err = tools(
        "ask", "--request", write_request(tmp_path, {**body, "tools": [TOOL]}), "--dry-run", "--json"
    )
    assert code == 2
    assert "look" in json.loads(out)["error"]["message"]
    assert "What to do" in err
    assert kimi.requests == []


@pytest.mark.parametrize(
    ("body", "message"), [([], "JSON object with messages"), ({"model": "kimi-k3"}, "JSON object with messages")]
)
def test_what_is_no_request_is_refused(tools: Tools, tmp_path: Path, body: Any, message: str) -> None:
    code, _, err = tools("ask", "--request", write_request(tmp_path, body))
    assert code == 2
    assert message in err


# ------------------------------------------------------------------------------------------ where the question is


@pytest.mark.parametrize(
    ("arguments", "piped", "sent"),
    [
        (["When?"], "", "When?"),
        (["When?"], "The library opens at nine.\n", "When?\n\nThe library opens at nine.\n"),
        (["When?"], "  \n", "When?"),
        (["-"], "When?", "When?"),
        ([], "When?", "When?"),
        (["When?", "--file", "FILE"], "", "When?\n\nIt opens at nine."),
        (["--file", "FILE"], "", "It opens at nine."),
        (["When?", "-f", "-"], "It opens at ten.", "When?\n\nIt opens at ten."),
        (["When?", "-f", "FILE"], "Or at ten.", "When?\n\nIt opens at nine.\n\nOr at ten."),
    ],
)
def test_what_is_piped_in_or_in_a_file_follows_the_question(
    kimi: Emulator,
    tools: Tools,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    arguments: list[str],
    piped: str,
    sent: str,
) -> None:
    (tmp_path / "hours.txt").write_text("It opens at nine.")
    monkeypatch.setattr("sys.stdin", io.StringIO(piped))
    words = [str(tmp_path / "hours.txt") if argument == "FILE" else argument for argument in arguments]
    assert tools("ask", *words).code == 0
    assert question(kimi) == sent


@pytest.mark.slow
def test_a_real_pipe_is_read_and_a_device_is_not(kimi: Emulator) -> None:
    command = [
        sys.executable,
        "-m",
        "kimi_api.cli",
        "--base-url",
        kimi.base_url,
        "--api-key",
        kimi.api_key,
        "ask",
        "A?",
    ]
    subprocess.run(command, input="B.", text=True, check=True, capture_output=True)
    assert question(kimi) == "A?\n\nB."
    subprocess.run(command, stdin=subprocess.DEVNULL, text=True, check=True, capture_output=True)
    assert question(kimi) == "A?"


@pytest.mark.parametrize("arguments", [[], ["-"], [""], ["  "]])
def test_nothing_to_ask(tools: Tools, arguments: list[str]) -> None:
    ran = tools("ask", *arguments)
    assert ran.code == 2
    assert 'kimi-tools ask "Why is the sky blue?"' in ran.err


def test_the_name_of_a_file_is_a_question_too_but_a_warning_names_the_option(
    kimi: Emulator, tools: Tools, tmp_path: Path
) -> None:
    (tmp_path / "hours.txt").write_text("It opens at nine.")
    ran = tools("ask", str(tmp_path / "hours.txt"))
    assert ran.code == 0
    assert f"--file {tmp_path / 'hours.txt'}" in ran.err
    assert question(kimi) == str(tmp_path / "hours.txt")


def test_a_request_has_no_other_question(tools: Tools, tmp_path: Path) -> None:
    ran = tools("ask", "Hello?", "--request", write_request(tmp_path, {"messages": []}))
    assert ran.code == 2
    assert "leave out QUESTION" in ran.err


# ------------------------------------------------------------------------------------------ while it comes


def test_on_a_terminal_thinking_is_dimmed_and_the_answer_is_not(
    kimi: Emulator, tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    kimi.script(Reply(reasoning="A greeting.", content="Hello."))
    text = in_terminal(monkeypatch, 80, "ask", "Say hello.")
    thinking, _, answer = text.partition("\n\n")
    assert thinking.startswith("\x1b[2m")
    assert "greeting." in thinking
    assert answer == "Hello.\n"
    assert kimi.requests[0].json["stream"] is True


def test_a_pipe_gets_the_answer_alone(kimi: Emulator, tools: Tools) -> None:
    kimi.script(Reply(reasoning="A greeting.", content="Hello.\n"))
    assert tools("ask", "Say hello.") == (0, "Hello.\n", "")


def test_no_thinking_hides_it_and_turns_it_off_where_that_is_possible(
    kimi: Emulator, tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    kimi.script(Reply(reasoning="A greeting.", content="Hello."), Reply(content="Hello."))
    assert in_terminal(monkeypatch, 80, "ask", "Say hello.", "--no-thinking") == "Hello.\n"
    assert "thinking" not in kimi.chats[0]
    assert in_terminal(monkeypatch, 80, "ask", "Say hello.", "--no-thinking", "-m", "kimi-k2.6") == "Hello.\n"
    assert kimi.chats[1]["thinking"] == {"type": "disabled"}


def test_an_answer_cannot_steer_the_terminal(kimi: Emulator, tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    kimi.script(Reply(reasoning="\x1b[31mRed.", content="\x1b]0;title\x07\x9b2JHello."))
    text = in_terminal(monkeypatch, 80, "ask", "Say hello.")
    assert "\x1b[31m" not in text
    assert text.endswith("]0;title2JHello.\n")


def test_what_had_come_stays_when_the_stream_breaks(kimi: Emulator, tools: Tools) -> None:
    kimi.script(Reply(content="Hello there, all of you.", fault="cut.answer"))
    ran = tools("--max-retries", "0", "ask", "Say hello.")
    assert ran.code != 0
    assert ran.out.startswith("Hello")
    assert ran.out.endswith("\n")
    assert ran.err.startswith("error: ")


def test_a_failure_before_the_answer_has_its_exit_code(kimi: Emulator, tools: Tools) -> None:
    kimi.script(Failure(429, "exceeded_current_quota_error", "suspended"))
    ran = tools("ask", "Say hello.")
    assert (ran.code, ran.out) == (7, "")
    assert "recharge" in ran.err


def test_an_answer_that_was_cut_off_is_named(kimi: Emulator, tools: Tools) -> None:
    ran = tools("ask", "Tell me everything.", "--max-tokens", "1")
    assert "max_tokens" in ran.err


def test_ctrl_c_ends_the_stream(kimi: Emulator, tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*args: Any) -> Any:
        yield from ()
        raise KeyboardInterrupt

    monkeypatch.setattr("kimi_api.chat.stream", interrupt)
    assert cli.main(["ask", "Say hello."]) == 130
