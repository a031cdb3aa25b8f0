"""`kimi-tools files`, `extract` and `batch`: many things at once, of which some may fail."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_kit import Tools

from kimi_api import KimiClient, files
from kimi_api.cli._exits import Exit
from kimi_emulator import Emulator, Failure, Reply


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three texts, one of them deeper, and something that cannot be extracted."""
    place = tmp_path / "in"
    (place / "deep").mkdir(parents=True)
    (place / "a.txt").write_text("Text of a.", "utf-8")
    (place / "b [1].md").write_text("Text of b.", "utf-8")
    (place / "deep" / "a.txt").write_text("Another a.", "utf-8")
    (place / "program.exe").write_bytes(b"MZ")
    return place


# ------------------------------------------------------------------------------------------------- files


def test_files_are_listed_with_the_room_they_take(tools: Tools, client: KimiClient) -> None:
    file = files.upload(client, b"hello", purpose="file-extract", name="[bold]x[/bold].txt")
    listing = tools("files", "ls", "--json").json
    assert [entry["id"] for entry in listing["files"]] == [file.id]
    assert listing["usage"] == {
        "count": 1, "bytes": 5, "by_purpose": listing["usage"]["by_purpose"], "max_count": 1_000,
        "max_bytes": 10 * 1024**3,
    }  # fmt: skip
    ran = tools("files", "ls")
    assert "[bold]x[/bold].txt" in ran.out  # names are text, not markup
    assert "1 of 1000 files, 5 bytes of 10.7 GB" in ran.err
    assert tools("files", "ls", "--purpose", "image", "--json").json["files"] == []


def test_files_are_deleted_and_what_is_not_there_is_named(tools: Tools, client: KimiClient, kimi: Emulator) -> None:
    first, second = (files.upload(client, b"x", purpose="file-extract", name=f"{n}.txt").id for n in "ab")
    ran = tools("files", "rm", first, "file-nope", first, "--json")
    assert ran.code == Exit.PARTIAL
    assert ran.json["deleted"] == [first]
    assert ran.json["failed"]["file-nope"]["exit_code"] == Exit.NOT_FOUND
    assert "error: file-nope: " in ran.err
    assert list(kimi.files) == [second]
    assert tools("files", "rm", "file-nope").code == Exit.NOT_FOUND
    ran = tools("files", "rm", second)
    assert (ran.code, ran.out) == (Exit.OK, f"deleted {second}\n")
    assert not kimi.files


def test_a_wrong_key_stops_a_deletion_at_the_first_file(tools: Tools, kimi: Emulator) -> None:
    ran = tools("--api-key", "sk-test-wrong", "files", "rm", "file-1", "file-2")
    assert ran.code == Exit.AUTH
    assert len(kimi.requests) == 1


def test_pruning_touches_only_what_this_machine_left_behind(tools: Tools, client: KimiClient, kimi: Emulator) -> None:
    ours = files.upload(client, b"ours", purpose="file-extract", name="ours.txt")
    theirs = files.upload(client, b"theirs", purpose="file-extract", name="theirs.txt", ledger=files.Ledger.in_memory())
    report = tools("files", "prune", "--older-than", "0", "--include-kept", "--dry-run", "--json").json
    assert (report["dry_run"], [entry["id"] for entry in report["files"]]) == (True, [ours.id])
    assert set(kimi.files) == {ours.id, theirs.id}
    ran = tools("files", "prune", "--older-than", "0", "--include-kept")
    assert ran.out == f"deleted {ours.id} ours.txt\n"
    assert set(kimi.files) == {theirs.id}
    assert tools("files", "prune", "--json").json["files"] == []


# ------------------------------------------------------------------------------------------------- extract


def test_one_file_is_its_text(tools: Tools, folder: Path, kimi: Emulator) -> None:
    ran = tools("extract", str(folder / "a.txt"))
    assert (ran.code, ran.out, ran.err) == (0, "Text of a.\n", "")
    assert not kimi.files


def test_a_directory_gives_a_line_for_each_file(tools: Tools, folder: Path, kimi: Emulator) -> None:
    ran = tools("extract", str(folder), "--json")
    assert ran.code == 0
    lines = {Path(line["file"]).relative_to(folder).as_posix(): line for line in ran.lines}
    assert {name: line["text"] for name, line in lines.items()} == {
        "a.txt": "Text of a.", "b [1].md": "Text of b.", "deep/a.txt": "Another a.",
    }  # fmt: skip
    assert all(line["ok"] and len(line["sha256"]) == 64 for line in lines.values())
    assert ran.err == "3 extracted, 0 failed\n"
    assert not kimi.files
    assert "==> " in tools("extract", str(folder)).out


def test_texts_into_a_directory_do_not_overwrite_each_other(tools: Tools, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    ran = tools("extract", str(folder), "--out", str(out))
    assert ran.code == 0
    assert sorted(path.name for path in out.iterdir()) == ["a.txt.2.txt", "a.txt.txt", "b [1].md.txt"]
    assert {path.read_text("utf-8") for path in out.iterdir()} == {"Text of a.", "Text of b.", "Another a."}
    assert len(ran.out.splitlines()) == 3


def test_a_file_that_fails_does_not_lose_the_others(tools: Tools, folder: Path) -> None:
    (folder / "b [1].md").write_text("", "utf-8")  # empty files are refused
    ran = tools("extract", str(folder), "--json")
    assert ran.code == Exit.PARTIAL
    assert [line["ok"] for line in ran.lines].count(False) == 1
    failed = next(line for line in ran.lines if not line["ok"])
    assert failed["file"].endswith("b [1].md")
    assert failed["error"]["exit_code"] == Exit.USAGE
    assert "b [1].md" in ran.err
    assert "2 extracted, 1 failed" in ran.err


def test_when_all_fail_alike_the_code_is_theirs(tools: Tools, folder: Path) -> None:
    for path in folder.rglob("*.*"):
        path.write_bytes(b"")
    assert tools("extract", str(folder)).code == Exit.USAGE


def test_a_wrong_key_ends_an_extraction(tools: Tools, folder: Path) -> None:
    ran = tools("--api-key", "sk-test-wrong", "extract", str(folder))
    assert ran.code == Exit.AUTH
    assert ran.err.count("\n") == 1


def test_a_directory_without_documents(tools: Tools, tmp_path: Path) -> None:
    ran = tools("extract", str(tmp_path), "--json")
    assert ran.code == Exit.USAGE
    assert "it contains no file" in ran.err


def test_with_a_cache_nothing_is_sent_twice(tools: Tools, folder: Path, kimi: Emulator) -> None:
    assert not any(line["cached"] for line in tools("extract", str(folder), "--cache", "--json").lines)
    sent = len(kimi.requests)
    assert all(line["cached"] for line in tools("extract", str(folder), "--cache", "--json").lines)
    assert not [request for request in kimi.requests[sent:] if request.method == "POST"]


def test_copies_can_be_left_on_the_platform(tools: Tools, folder: Path, kimi: Emulator) -> None:
    assert tools("extract", str(folder / "a.txt"), "--keep").code == 0
    assert len(kimi.files) == 1


# ------------------------------------------------------------------------------------------------- batches


@pytest.fixture
def requests(tmp_path: Path) -> Path:
    """A batch in each of the three forms of a line."""
    file = tmp_path / "requests.jsonl"
    lines = [
        {"custom_id": "a", "prompt": "Why is the sky blue?"},
        {"custom_id": "b", "messages": [{"role": "user", "content": "hi"}], "model": "kimi-k2.6", "max_tokens": 900},
        {
            "custom_id": "c",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {"model": "kimi-k2.6", "messages": [{"role": "user", "content": "ho"}], "temperature": 1},
        },
    ]
    file.write_text("\n".join(json.dumps(line) for line in lines) + "\n\n", "utf-8")
    return file


def test_a_batch_from_file_to_answers(tools: Tools, requests: Path, tmp_path: Path, kimi: Emulator) -> None:
    ran = tools("batch", "submit", str(requests), "--model", "kimi-k2.6", "--max-tokens", "500", "--wait", "--json")
    assert ran.code == 0
    (batch_id,) = ran.json["ids"]
    assert ran.json["requests"] == 3
    assert f"waiting for {batch_id}" in ran.err
    bodies = [json.loads(line)["body"] for line in next(iter(kimi.files.values())).path.read_bytes().splitlines()]
    assert [body["max_completion_tokens"] for body in bodies] == [500, 900, 500]
    assert {body["model"] for body in bodies} == {"kimi-k2.6"}
    assert "temperature" not in bodies[2]  # the model's one value is not sent

    (state,) = tools("batch", "status", batch_id, "--wait", "--json").json
    assert (state["status"], state["completed"], state["total"]) == ("completed", 3, 3)
    assert tools("batch", "status", "--json").json[0]["id"] == batch_id
    assert "completed" in tools("batch", "status", batch_id).out

    ran = tools("batch", "results", batch_id, "--json")
    assert ran.code == 0
    assert [line["custom_id"] for line in ran.lines] == ["a", "b", "c"]
    assert all(line["ok"] and line["content"] and line["usage"]["prompt_tokens"] for line in ran.lines)
    assert "==> a <==" in tools("batch", "results", batch_id).out
    out = tmp_path / "answers.jsonl"
    assert tools("batch", "results", batch_id, "--out", str(out), "--delete").code == 0
    assert [json.loads(line)["custom_id"] for line in out.read_text("utf-8").splitlines()] == ["a", "b", "c"]
    assert not kimi.files


def test_a_request_that_failed_makes_the_results_partial(tools: Tools, requests: Path, kimi: Emulator) -> None:
    kimi.script(Reply(content="Because."), Failure(400, "invalid_request_error", "no such thing"), Reply(content="Hm."))
    (batch_id,) = tools("batch", "submit", str(requests), "--model", "kimi-k2.6", "--wait", "--json").json["ids"]
    ran = tools("batch", "results", batch_id, "--json")
    assert ran.code == Exit.PARTIAL
    assert [line["ok"] for line in ran.lines] == [True, False, True]
    assert "no such thing" in ran.lines[1]["error"]["message"]
    assert "no such thing" in ran.err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "at least one"),
        ("{", "line 1"),
        ("[]", "custom_id"),
        ('{"prompt": "no id"}', "custom_id"),
        ('{"custom_id": "a"}', "messages, or a prompt"),
        ('{"custom_id": "a", "prompt": "x"}\n{"custom_id": "a", "prompt": "x"}', "unique"),
        ('{"custom_id": "a", "prompt": "x", "temprature": 1}', "temperature"),
        ('{"custom_id": "a", "prompt": "x", "model": "kimi-k3"}', "batches are not offered"),
    ],
)
def test_a_file_that_is_no_batch_is_refused_before_anything_is_sent(
    tools: Tools, tmp_path: Path, kimi: Emulator, text: str, words: str
) -> None:
    file = tmp_path / "requests.jsonl"
    file.write_text(text, "utf-8")
    ran = tools("batch", "submit", str(file), "--model", "kimi-k2.6", "--json")
    assert ran.code == ran.json["error"]["exit_code"] == Exit.USAGE
    assert words in ran.err
    assert kimi.requests == []


def test_batches_can_be_cancelled(tools: Tools, requests: Path) -> None:
    (batch_id,) = tools("batch", "submit", str(requests), "--model", "kimi-k2.6", "--json").json["ids"]
    ran = tools("batch", "cancel", batch_id, "--json")
    assert ran.code == 0
    assert ran.json[0]["status"] in ("cancelling", "cancelled", "completed")


@pytest.mark.parametrize("command", ["status", "results", "cancel"])
def test_a_batch_that_is_not_there(tools: Tools, command: str) -> None:
    ran = tools("batch", command, "batch-nope", "--json")
    assert ran.code == ran.json["error"]["exit_code"] == Exit.NOT_FOUND
    assert "What to do" in ran.err
