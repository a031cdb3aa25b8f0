"""`kimi-tools`: what it prints, what scripts get, and what its exit codes mean."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cli_kit import Tools, in_terminal

from kimi_api import cli
from kimi_api.catalog import MODELS
from kimi_api.cli._app import Region
from kimi_api.cli._exits import Exit, exit_of, exit_of_many
from kimi_api.credentials import REGIONS
from kimi_api.errors import KimiConnectionError, KimiError, KimiInputError, KimiReplyError
from kimi_emulator import Emulator, Failure

KEY = "sk-test-emulator"


def program(*arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the program in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "kimi_api.cli", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )


# ------------------------------------------------------------------------------------------------- the program


def test_without_arguments_it_says_what_it_can_do(tools: Tools) -> None:
    ran = tools()
    for command in (
        "ask",
        "doctor",
        "models",
        "balance",
        "cost",
        "files",
        "extract",
        "tokens",
        "schema",
        "batch",
        "emulator",
    ):
        assert command in ran.out + ran.err


@pytest.mark.parametrize("command", ["ask", "doctor", "models", "balance", "cost", "extract", "tokens", "schema"])
def test_every_command_explains_itself(tools: Tools, command: str) -> None:
    ran = tools(command, "--help")
    assert ran.code == 0
    assert "--json" in ran.out


def test_its_version(tools: Tools) -> None:
    assert tools("--version").out.startswith("kimi-tools 0.")


def test_a_missing_library_is_named_with_the_extra(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("raise ModuleNotFoundError(\"No module named 'typer'\", name='typer')")
    done = program("balance", PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr == (
        "error: kimi-tools needs typer, which is not installed. What to do: pip install 'kimi-integrations[cli]'.\n"
    )
    assert done.stdout == ""


def test_the_package_does_not_load_the_programs_libraries() -> None:
    code = "import sys, kimi_api, kimi_api.cli; print(sorted({'typer', 'rich', 'openai'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_mistake_of_the_programs_own_gives_no_traceback(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any) -> None:
        raise ZeroDivisionError("of all things")

    monkeypatch.setattr("kimi_api.account.balance", broken)
    ran = tools("balance")
    assert ran.code == 1
    assert "ZeroDivisionError: of all things" in ran.err
    assert "KIMI_TOOLS_DEBUG=1" in ran.err
    monkeypatch.setenv("KIMI_TOOLS_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        cli.main(["balance"])


def test_warnings_are_one_line(kimi: Emulator) -> None:
    done = program(
        "batch", "submit", "-", "--model", "kimi-unheard-of", "--any-model",
        stdin='{"custom_id": "a", "prompt": "hi"}', MOONSHOT_API_KEY=kimi.api_key, MOONSHOT_BASE_URL=kimi.base_url,
    )  # fmt: skip
    assert done.stderr.startswith("warning: model 'kimi-unheard-of' is not in the catalogue")
    assert ".py:" not in done.stderr


# ------------------------------------------------------------------------------------------------- exit codes


@pytest.mark.parametrize(
    ("failure", "code", "words"),
    [
        (Failure(401, "invalid_authentication_error", "Invalid Authentication"), Exit.AUTH, "check the key"),
        (Failure(403, "permission_denied_error", "not yours"), Exit.AUTH, "What to do"),
        (Failure(429, "rate_limit_reached_error", "max RPM: 3"), Exit.LATER, "What to do"),
        (Failure(429, "engine_overloaded_error", "busy"), Exit.LATER, "What to do"),
        (Failure(429, "exceeded_current_quota_error", "suspended"), Exit.QUOTA, "What to do"),
        (Failure(500, "server_error", "oops"), Exit.UNREACHABLE, "What to do"),
        (Failure(404, "resource_not_found_error", "Not found"), Exit.NOT_FOUND, "What to do"),
        (Failure(400, "invalid_request_error", "no"), Exit.USAGE, "What to do"),
    ],
)
def test_an_error_of_the_platform_has_its_exit_code(
    raw: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    failure: Failure,
    code: Exit,
    words: str,
) -> None:
    raw.say(raw.http(failure.status, {"error": {"type": failure.type, "message": failure.message}}))
    ran = cli.main(["--base-url", raw.base_url, "--api-key", KEY, "--max-retries", "0", "balance", "--json"])
    captured = capsys.readouterr()
    assert ran == code
    assert words in captured.err
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    report = json.loads(captured.out)["error"]
    assert report["exit_code"] == code
    assert report["status_code"] == failure.status
    assert report["message"] in captured.err


def test_no_connection_has_its_exit_code(tools: Tools) -> None:
    ran = tools("--base-url", "http://127.0.0.1:9/v1", "--max-retries", "0", "balance", "--json")
    assert ran.code == Exit.UNREACHABLE
    assert ran.json["error"]["type"] == "KimiConnectionError"


def test_no_key_has_the_exit_code_of_a_wrong_one(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MOONSHOT_API_KEY")
    ran = tools("balance", "--json")
    assert ran.code == Exit.AUTH
    assert "set MOONSHOT_API_KEY" in ran.err
    assert ran.json["error"]["type"] == "KimiKeyError"


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["balance", "--jsn"],
        ["--region", "us", "balance"],
        ["--region", "cn", "--base-url", "http://127.0.0.1/v1", "balance"],
        ["--api-key", "sk-test", "--api-key-file", "x", "balance"],
        ["--timeout", "-1", "balance"],
        ["--base-url", "api.moonshot.ai", "balance"],
        ["files", "rm"],
        ["extract", "/no/such/file"],
        ["cost", "kimi-k3"],
        ["cost", "kimi-k3", "--input", "-1"],
        ["cost", "kimi-k3", "--input", "1", "--cached", "2"],
        ["cost", "kimi-k3", "--input", "1", "--ttl", "2h"],
        ["cost", "gpt-5", "--input", "1"],
        ["tokens", "/no/such/file"],
        ["schema", "/no/such/file"],
        ["batch", "submit", "/no/such/file"],
    ],
    ids=" ".join,
)
def test_what_cannot_be_is_code_2_and_nothing_is_sent(tools: Tools, kimi: Emulator, arguments: list[str]) -> None:
    ran = tools(*arguments)
    assert ran.code == Exit.USAGE
    assert ran.out == ""
    assert ran.err
    assert kimi.requests == []


def test_exit_codes_of_several_things() -> None:
    wrong, gone = KimiInputError("a", 1, "b", "c"), KimiReplyError("x")
    assert exit_of_many([], 0) == Exit.OK
    assert exit_of_many([wrong], 1) == Exit.PARTIAL
    assert exit_of_many([wrong, wrong], 0) == Exit.USAGE
    assert exit_of_many([wrong, gone], 0) == Exit.FAILED
    assert exit_of(ValueError()) == exit_of(KimiError()) == Exit.FAILED
    assert exit_of(KimiConnectionError.__new__(KimiConnectionError)) == Exit.UNREACHABLE


def test_every_exit_code_is_explained() -> None:
    page = (Path(__file__).parents[3] / "docs" / "command-line.md").read_text("utf-8")
    for code in Exit:
        assert f"| {int(code)} |" in page, code.name


def test_ctrl_c(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*args: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("kimi_api.account.balance", interrupt)
    ran = tools("balance")
    assert (ran.code, ran.err) == (Exit.INTERRUPTED, "interrupted\n")


def test_a_reader_that_has_read_enough_is_no_error(kimi: Emulator) -> None:
    done = subprocess.run(
        [
            "bash",
            "-c",
            f"{sys.executable} -m kimi_api.cli models --offline --all --json | head -1; echo ${{PIPESTATUS[0]}}",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[\n0\n"
    assert done.stderr == ""


# ------------------------------------------------------------------------------------------------- key and host


def test_the_key_from_a_file(tools: Tools, kimi: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MOONSHOT_API_KEY")
    file = tmp_path / "key"
    file.write_text(f"{kimi.api_key}\n")
    assert tools("--api-key-file", str(file), "balance").code == 0
    assert tools("--api-key-file", str(tmp_path / "none"), "balance").code == Exit.AUTH
    file.write_text("\n")
    ran = tools("--api-key-file", str(file), "balance", "--json")
    assert ran.code == Exit.AUTH
    assert "a key is not empty" in ran.err


def test_the_key_from_standard_input(kimi: Emulator) -> None:
    arguments = ("--base-url", kimi.base_url, "--api-key-file", "-", "balance", "--json")
    done = program(*arguments, stdin=f"{kimi.api_key}\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["available"] > 0


@pytest.mark.parametrize(
    ("region", "address"),
    [
        ("ai", "https://api.moonshot.ai/v1"),
        ("international", "https://api.moonshot.ai/v1"),
        ("cn", "https://api.moonshot.cn/v1"),
        ("china", "https://api.moonshot.cn/v1"),
    ],
)
def test_a_region_is_its_platforms_address(region: str, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from kimi_api._transport.answers import Answer
    from kimi_api.client import KimiClient

    addresses: list[str] = []

    def request(self: KimiClient, *args: Any, **kwargs: Any) -> Answer:
        addresses.append(self.base_url)
        return Answer({"data": {"available_balance": 5}})

    monkeypatch.setattr(KimiClient, "request", request)
    monkeypatch.setenv("MOONSHOT_API_KEY", KEY)
    assert cli.main(["--region", region, "balance"]) == 0
    assert addresses == [address]


def test_the_regions_of_the_constructors_are_understood() -> None:
    assert set(REGIONS) < set(Region)


# ------------------------------------------------------------------------------------------------- doctor


def test_a_sound_set_up(tools: Tools) -> None:
    ran = tools("doctor")
    assert (ran.code, ran.err) == (0, "")
    assert re.search(r"^ok +langchain-kimi +langchain_kimi is ours", ran.out, re.M)
    assert re.search(r"^ok +request +kimi-k3 answered in", ran.out, re.M)


def test_what_is_wrong_comes_with_its_cure_and_its_exit_code(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOONSHOT_API_KEY", "sk-test-wrong")
    ran = tools("doctor", "--json")
    assert ran.code == Exit.AUTH
    checks = {check["check"]: check for check in ran.json["checks"]}
    assert ran.json["ok"] is False
    assert checks["models"]["status"] == "error"
    assert "check the key" in checks["models"]["remedy"]
    assert checks["request"]["status"] == "skipped"
    monkeypatch.delenv("MOONSHOT_API_KEY")
    ran = tools("doctor")
    assert ran.code == Exit.AUTH
    assert re.search(r"^error +key .*What to do: pass --api-key-file FILE or set MOONSHOT_API_KEY", ran.out, re.M)


def test_a_model_that_is_not_there_is_no_fault_of_the_keys(tools: Tools, kimi: Emulator) -> None:
    assert tools("doctor", "--model", "kimi-k33", "--no-request").code == Exit.NOT_FOUND
    assert kimi.chats == []


@pytest.mark.parametrize("options", [[], ["--no-request"]])
def test_an_empty_account_has_its_exit_code_whether_or_not_something_is_asked(
    tools: Tools, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    with Emulator(balance=0.0) as empty:
        monkeypatch.setenv("MOONSHOT_API_KEY", empty.api_key)
        monkeypatch.setenv("MOONSHOT_BASE_URL", empty.base_url)
        assert tools("doctor", *options).code == Exit.QUOTA
        assert [request.path for request in empty.requests[:2]] == ["/v1/models", "/v1/users/me/balance"]
        assert len(empty.requests) == (2 if options else 3)


def test_the_doctor_on_a_terminal(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    text = in_terminal(monkeypatch, 100, "doctor", "--no-request")
    assert "\x1b[1mwhat to do" in text
    assert "\x1b[32mok" in text


# ------------------------------------------------------------------------------------------------- account


def test_balance(tools: Tools, kimi: Emulator) -> None:
    assert tools("balance", "--json").json == {
        "available": 49.58894, "voucher": 46.58893, "cash": 3.00001, "currency": None, "base_url": kimi.base_url,
    }  # fmt: skip
    assert tools("--json", "balance").json == tools("balance", "--json").json
    assert tools("balance").out.splitlines()[0] == "available 49.58894"


def test_balance_watches_a_limit(tools: Tools) -> None:
    assert tools("balance", "--at-least", "49").code == 0
    ran = tools("balance", "--at-least", "50", "--json")
    assert ran.code == Exit.QUOTA
    assert ran.json["available"] == 49.58894
    assert "less than 50" in ran.err


def test_models_of_the_account(tools: Tools, kimi: Emulator) -> None:
    models = {entry["id"]: entry for entry in tools("models", "--json").json}
    assert [request.path for request in kimi.requests] == ["/v1/models"]
    k3 = models["kimi-k3"]
    assert k3["context_window"] == 1_048_576
    assert k3["modalities"] == ["text", "image", "video"]
    assert k3["efforts"][-1] == "max"
    assert k3["dynamic_tools"] is True
    assert k3["price"]["input"] == 3.0
    assert not any(entry["retired"] for entry in models.values())


def test_models_offline_need_no_key(tools: Tools, kimi: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MOONSHOT_API_KEY")
    assert "kimi-k3" in tools("models", "--offline").out
    assert "moonshot-v1-8k" not in tools("models", "--offline").out
    assert "moonshot-v1-8k" in tools("models", "--offline", "--all").out
    assert tools("models", "kimi-k2.6", "--offline", "--json").json["thinking"] == "switchable"
    assert "context_window   262144" in tools("models", "kimi-k2.6", "--offline").out
    assert kimi.requests == []


def test_a_model_that_is_not_there(tools: Tools) -> None:
    ran = tools("models", "kimi-k3.1", "--json")
    assert ran.code == ran.json["error"]["exit_code"] == Exit.NOT_FOUND
    assert "did you mean kimi-k3" in ran.err


def test_what_a_call_costs(tools: Tools, kimi: Emulator) -> None:
    counts = ("--input", "1000000", "--cached", "500000", "--written", "200000", "--output", "100000")
    costs = tools("cost", "kimi-k3", *counts, "--json").json
    assert costs["total"] == pytest.approx(3.15)
    assert tools("cost", "kimi-k3", *counts, "--ttl", "1h", "--json").json["write"] == pytest.approx(1.20)
    assert tools("cost", "kimi-k3", *counts, "--batch", "--json").json["total"] == pytest.approx(0.6 * 3.15)
    assert "3.150000" in tools("cost", "kimi-k3", *counts).out
    assert kimi.requests == []


# ------------------------------------------------------------------------------------------------- text


def test_tokens_offline_and_by_the_platform(tools: Tools, kimi: Emulator, tmp_path: Path) -> None:
    file = tmp_path / "text.txt"
    file.write_text("Why does the water rise and fall?", "utf-8")
    count = tools("tokens", str(file), "--json").json
    assert count["method"] == "estimate"
    assert 5 < count["tokens"] < 15
    assert kimi.requests == []
    assert (
        tools("tokens", "--text", "Why does the water rise and fall?").out == f"{count['tokens']} tokens (estimate)\n"
    )
    exact = tools("tokens", str(file), "--ask", "--json").json
    assert exact["method"] == "platform"
    assert exact["tokens"] > 80  # K3's own instructions are part of a prompt
    assert kimi.requests[0].path == "/v1/tokenizers/estimate-token-count"


def test_tokens_of_messages_and_of_a_request(tools: Tools, tmp_path: Path) -> None:
    file = tmp_path / "messages.json"
    messages = [{"role": "user", "content": "Why?"}]
    file.write_text(json.dumps(messages), "utf-8")
    bare = tools("tokens", str(file), "--messages", "--json").json["tokens"]
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    file.write_text(json.dumps({"model": "kimi-k3", "messages": messages, "tools": [tool]}), "utf-8")
    assert tools("tokens", str(file), "--messages", "--json").json["tokens"] > bare > 75
    for text in ("[]", "{}", '"x"', "[1]", "{"):
        file.write_text(text, "utf-8")
        assert tools("tokens", str(file), "--messages").code == Exit.USAGE
    file.write_bytes(b"%PDF\xff\xfe")
    ran = tools("tokens", str(file))
    assert ran.code == Exit.USAGE
    assert "kimi-tools extract" in ran.err


def test_tokens_with_a_vocabulary_that_is_none(tools: Tools, tmp_path: Path) -> None:
    file = tmp_path / "tiktoken.model"
    file.write_text("nonsense")
    assert tools("tokens", "--text", "x", "--tokenizer", str(file)).code == Exit.USAGE


def test_schema(tools: Tools, tmp_path: Path) -> None:
    file = tmp_path / "schema.json"
    file.write_text('{"type": "object", "properties": {"a": {"type": "string", "pattern": "^x"}}}')
    report = tools("schema", str(file), "--json").json
    assert report["schema"]["properties"]["a"]["description"] == "Must match the regular expression `^x`."
    assert len(report["changes"]) == 1
    assert "pattern" in report["changes"][0]
    ran = tools("schema", str(file))
    assert ran.json == report["schema"]
    assert ran.err.splitlines() == report["changes"]


@pytest.mark.parametrize("text", ["{", "[1]", '{"$ref": "http://example.com/x.json"}'])
def test_a_schema_that_cannot_be_saved(tools: Tools, tmp_path: Path, text: str) -> None:
    file = tmp_path / "schema.json"
    file.write_text(text)
    ran = tools("schema", str(file), "--json")
    assert ran.code == ran.json["error"]["exit_code"] == Exit.USAGE
    assert "What to do" in ran.err


# ------------------------------------------------------------------------------------------------- the emulator


def test_the_emulator_is_the_emulator() -> None:
    done = program("emulator", "--help")
    assert done.returncode == 0
    assert "--pending-polls" in done.stdout
    assert program("emulator", "--port", "nope").returncode == Exit.USAGE
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "kimi_api.cli", "emulator", "--port", "0"], stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        running.stdout.readline()
        url = running.stdout.readline().split()[-1]
        key = running.stdout.readline().split()[-1]
        done = program("--base-url", url, "--api-key", key, "balance", "--json")
        running.terminate()
    assert (done.returncode, json.loads(done.stdout)["base_url"]) == (0, url)


def test_a_port_that_is_taken(kimi: Emulator) -> None:
    port = kimi.base_url.split(":")[2].split("/")[0]
    done = program("emulator", "--port", port)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "Address already in use" in done.stderr
    assert "--port 0" in done.stderr


# ------------------------------------------------------------------------------------------------- output


def test_tables_on_a_terminal_fit_it_and_elsewhere_are_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    text = in_terminal(monkeypatch, 120, "models", "--offline")
    assert "\x1b[1m" in text  # a bold head
    command = [sys.executable, "-m", "kimi_api.cli", "models", "--offline"]
    piped = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, "COLUMNS": "60"}
    ).stdout
    assert "\x1b" not in piped
    assert "kimi-k2.7-code-highspeed    262,144  image video  always" in piped


@pytest.mark.parametrize("width", [120, 80, 50, 20])
def test_ids_and_numbers_stay_whole_on_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    text = re.sub(r"\x1b\[[0-9;]*m", "", in_terminal(monkeypatch, width, "models", "--offline"))
    words = re.split(r"[\s,]+", text)
    for spec in MODELS.values():
        if not spec.retired():
            assert spec.id in words
    assert "1,048,576" in text
    assert max(len(line.rstrip()) for line in text.splitlines()) <= max(width, len("kimi-k2.7-code-highspeed"))
