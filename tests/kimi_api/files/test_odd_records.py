"""Records of files, and lines of the ledger, that are not what they should be: a result each, and nothing left."""

from __future__ import annotations

import contextlib
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from kimi_api import KimiClient, KimiError, KimiReplyError, bulk, files
from kimi_api.files import FileCache, Ledger, _wait
from kimi_api.files._extract import parse_content
from kimi_api.files._records import parse_file, read_listing
from kimi_emulator import Emulator
from tests.support.odd_json import JSON, odd

RECORD = {
    "id": "file-1",
    "object": "file",
    "bytes": 5,
    "created_at": 1,
    "filename": "a.txt",
    "purpose": "file-extract",
    "status": "ok",
    "status_details": "",
}


@pytest.fixture(autouse=True)
def _quick_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_wait, "_FIRST_POLL", 0.001)


class OddClient(KimiClient):
    """Gets `body` in place of the answers to `request`, a method and the beginning of a path."""

    target: tuple[str, str] = ("POST", "/files")
    body: Any = None

    def request(self, method: str, path: str, **call: Any) -> Any:
        """The platform's answer, or the odd one; what was asked for is done all the same."""
        answer = super().request(method, path, **call)
        if method == self.target[0] and path.startswith(self.target[1]) and not call.get("text"):
            answer.body = self.body
        return answer


def odd_client(kimi: Emulator, body: Any, *target: str) -> OddClient:
    client = OddClient(api_key=kimi.api_key, base_url=kimi.base_url, max_retries=0)
    client.body = body
    if target:
        client.target = (target[0], target[1])
    return client


@pytest.mark.parametrize("body", [None, [], "text", 5, {}, {"id": None}, {"id": {"a": 1}}, {"bytes": "many"}])
def test_an_upload_without_a_readable_record_leaves_nothing_behind(kimi: Emulator, body: Any) -> None:
    client, ledger = odd_client(kimi, body), Ledger.in_memory()
    with pytest.raises(KimiReplyError, match="without the record of a file"):
        files.extract(client, b"hello", name="a.txt", ledger=ledger)
    assert files.list_files(client) == []
    assert ledger.entries() == []


@pytest.mark.parametrize("body", [None, {}, {"id": None}, {"bytes": "many"}])
def test_a_bulk_run_goes_on_with_the_copy_that_the_list_shows(kimi: Emulator, body: Any) -> None:
    client, ledger = odd_client(kimi, body), Ledger.in_memory()
    sources = [("a.txt", b"one"), ("b.txt", b"two")]
    results = list(bulk.extract_many(client, sources, ledger=ledger, cache=FileCache()))
    assert sorted(result.file.text for result in results if result.file) == ["one", "two"]
    assert files.list_files(client) == []
    assert ledger.entries() == []


@pytest.mark.parametrize("body", [None, [], "text", 5])
def test_a_status_that_cannot_be_read_is_a_result_with_an_error(body: Any) -> None:
    with Emulator(pending_polls=2) as kimi:
        client, ledger = odd_client(kimi, body, "GET", "/files/"), Ledger.in_memory()
        (result,) = bulk.extract_many(client, [("a.txt", b"one")], ledger=ledger, cache=FileCache())
        assert isinstance(result.error, KimiReplyError)
        assert files.list_files(client) == []
        assert ledger.entries() == []


def test_members_that_are_not_understood_are_left_out() -> None:
    record = parse_file({**RECORD, "bytes": "many", "created_at": [1], "filename": {"a": 1}, "status": None})
    assert (record.id, record.bytes, record.created_at, record.filename, record.status) == ("file-1", 0, 0, "", "")
    assert parse_file({"status": "ok"}, "file-7").id == "file-7"


def test_entries_of_a_list_that_are_no_records_are_left_out(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert [file.id for file in read_listing({"data": [None, RECORD, "x", {"bytes": 1}]})] == ["file-1"]
    assert caplog.text.count("left out") == 3


@settings(max_examples=300)
@given(body=odd({"data": [RECORD, RECORD]}), record=odd(RECORD), anything=JSON)
def test_records_of_any_json_are_read_or_end_in_our_error(body: Any, record: Any, anything: Any) -> None:
    for read, value in ((read_listing, body), (parse_file, record), (read_listing, anything), (parse_file, anything)):
        with contextlib.suppress(KimiError):
            read(value)
    assert isinstance(parse_content(json.dumps(anything))["content"], str)


@pytest.mark.parametrize("damage", [{"started_at": "now"}, {"size": "many"}, {"key": None}, {"keep": 1}, {"name": []}])
def test_a_damaged_ledger_line_is_passed_over_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: dict[str, Any]
) -> None:
    ledger = Ledger(tmp_path)
    good = ledger.begin("host", "file-extract", "a.txt", 5, "0" * 64)
    bad = ledger.begin("host", "file-extract", "b.txt", 5, "1" * 64)
    path = tmp_path / f"{bad.key}.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **damage}))
    (tmp_path / "host.file-extract.x.deep.json").write_text("[" * 100_000)
    with caplog.at_level(logging.WARNING):
        assert ledger.entries() == [good]
    assert caplog.text.count("is damaged and is skipped") == 2


def test_what_a_warning_quotes_can_be_written_to_a_log(caplog: pytest.LogCaptureFixture) -> None:
    """JSON may hold half of a surrogate pair, which no file in UTF-8 can."""
    with caplog.at_level(logging.WARNING):
        assert read_listing({"data": ["half \ud83d", RECORD]})[0].id == "file-1"
    assert "half \\ud83d" in caplog.text
    assert caplog.text.encode()
