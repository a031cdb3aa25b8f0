"""Placing documents: once for each content, whoever asks, and nothing of it is left behind."""

from __future__ import annotations

import asyncio
import base64
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from documents import pdf

from kimi_api import (
    ChatOptions,
    KimiClient,
    KimiError,
    KimiFileError,
    KimiInputError,
    KimiToolChoiceError,
    KimiWarning,
    build_request,
    chat,
    errors,
    media,
)
from kimi_api._content.documents import Document, document_part
from kimi_api._transport.steps import Pause
from kimi_api.batches import submit
from kimi_api.chat._count import countable
from kimi_api.files import FileCache
from kimi_api.media import _documents
from kimi_emulator import Emulator, Limits, Reply

Ways = Any  # the fixture `ways` of conftest.py
SAID = "The harvest was good."
TEXT = f"[document r.pdf]\n{SAID}\n[end of r.pdf]"


def request_with(*files: Document, **options: Any) -> Any:
    parts = [document_part(file) for file in files]
    message = {"role": "user", "content": [{"type": "text", "text": "see"}, *parts]}
    return build_request(ChatOptions(**options), [message])


def report(text: str = SAID, name: str = "r.pdf") -> Document:
    return Document(name, "application/pdf", pdf(text))


def texts(request: Any) -> list[str]:
    return [part["text"] for part in request.body["messages"][-1]["content"]]


def uploads(kimi: Emulator) -> int:
    return sum(request.method == "POST" and request.path == "/v1/files" for request in kimi.requests)


def test_the_original_request_is_kept_and_unchanged(ways: Ways, client: KimiClient) -> None:
    request = request_with(report())
    request_sent = ways.call(media.place_media, media.aplace_media, client, request)
    assert texts(request_sent) == ["see", TEXT]
    assert request_sent.media is None
    assert request_sent.original is request
    assert request.body["messages"][0]["content"][1]["type"] == "document"


def test_a_file_of_this_machine_is_streamed_and_read_once(
    ways: Ways, kimi: Emulator, client: KimiClient, tmp_path: Path
) -> None:
    path = tmp_path / "r.pdf"
    path.write_bytes(pdf(SAID))
    request = request_with(Document("r.pdf", "application/pdf", path=str(path)), report())
    request_sent = ways.call(media.place_media, media.aplace_media, client, request)
    assert texts(request_sent) == ["see", TEXT, TEXT]
    assert uploads(kimi) == 1


def test_a_text_file_of_this_machine_is_not_sent(
    ways: Ways, kimi: Emulator, client: KimiClient, tmp_path: Path
) -> None:
    path = tmp_path / "n.md"
    path.write_text("# Grüße")
    request = request_with(Document("n.md", "text/markdown", path=str(path)))
    request_sent = ways.call(media.place_media, media.aplace_media, client, request)
    assert texts(request_sent) == ["see", "[document n.md]\n# Grüße\n[end of n.md]"]
    assert kimi.requests == []


def test_a_file_that_is_not_there_is_refused(ways: Ways, client: KimiClient, tmp_path: Path) -> None:
    request = request_with(Document("r.pdf", "application/pdf", path=str(tmp_path / "r.pdf")))
    with pytest.raises(KimiInputError, match="cannot be read"):
        ways.call(media.place_media, media.aplace_media, client, request)


def test_threads_that_send_the_same_upload_it_once(kimi: Emulator, client: KimiClient) -> None:
    request = request_with(report())
    with ThreadPoolExecutor(8) as pool:
        requests_sent = list(pool.map(lambda _: media.place_media(client, request), range(8)))
    assert {tuple(texts(each)) for each in requests_sent} == {("see", TEXT)}
    assert uploads(kimi) == 1


async def test_tasks_that_send_the_same_upload_it_once(kimi: Emulator, client: KimiClient) -> None:
    request = request_with(report())
    requests_sent = await asyncio.gather(*(media.aplace_media(client, request) for _ in range(8)))
    assert {tuple(texts(each)) for each in requests_sent} == {("see", TEXT)}
    assert uploads(kimi) == 1


async def test_a_cancelled_call_leaves_nothing_and_does_not_stand_in_the_way(
    kimi: Emulator, client: KimiClient
) -> None:
    kimi.fail("stall.before_headers")
    task = asyncio.ensure_future(media.aplace_media(client, request_with(report())))
    while not kimi.requests:  # noqa: ASYNC110 - the emulator runs in a thread of its own
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    request_sent = await media.aplace_media(client, request_with(report()))
    assert texts(request_sent) == ["see", TEXT]
    assert kimi.files == {}


def test_equal_content_of_another_kind_is_another_text(ways: Ways, kimi: Emulator, client: KimiClient) -> None:
    page = b"<p>Hello</p>"
    request = request_with(Document("a.html", "text/html", page), Document("a.log", "", page))
    ways.call(media.place_media, media.aplace_media, client, request)
    assert uploads(kimi) == 2


def test_a_wrong_key_is_an_error_everywhere(ways: Ways, kimi: Emulator) -> None:
    wrong = KimiClient(base_url=kimi.base_url, api_key="sk-test-wrong")
    part = document_part(report())
    turn = {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}]}
    result = {"role": "tool", "tool_call_id": "c", "content": [part]}
    request = build_request(ChatOptions(), [{"role": "user", "content": "x"}, turn, result])
    with pytest.raises(errors.KimiAuthenticationError):
        ways.call(media.place_media, media.aplace_media, wrong, request)


def test_data_that_is_no_base64_is_refused(ways: Ways, kimi: Emulator, client: KimiClient) -> None:
    with pytest.raises(KimiInputError, match="base64"):
        ways.call(
            media.place_media, media.aplace_media, client, request_with(Document("r.pdf", "application/pdf", "A"))
        )
    assert kimi.requests == []


def test_large_data_is_decoded_aside(ways: Ways, kimi: Emulator, client: KimiClient) -> None:
    data = base64.b64encode(pdf(SAID) + b"\n" * 2_000_000).decode()
    request = request_with(Document("r.pdf", "application/pdf", data))
    assert texts(ways.call(media.place_media, media.aplace_media, client, request)) == ["see", TEXT]


def test_a_second_request_that_demands_a_call_sends_no_second_file(kimi: Emulator, client: KimiClient) -> None:
    tool = {"type": "function", "function": {"name": "f", "description": "f", "parameters": {"type": "object"}}}
    kimi.script(Reply(content="No."), Reply(content="Still no."))
    with pytest.warns(KimiWarning, match="goes out as 'auto'"):
        request = request_with(report(), model="kimi-k2.7-code", tools=[tool], tool_choice="required")
    with pytest.raises(KimiToolChoiceError):
        chat.complete(client, request)
    assert len(kimi.chats) == 2
    assert uploads(kimi) == 1


def test_a_batch_of_the_platform_takes_none(kimi: Emulator, client: KimiClient) -> None:
    with pytest.raises(KimiInputError, match="batch cannot contain documents"):
        submit(client, {"a": request_with(report(), model="kimi-k2.6")})
    assert kimi.requests == []


def test_memory_is_bounded_and_what_was_not_used_for_longest_goes(
    kimi: Emulator, client: KimiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_documents, "_texts", FileCache(max_bytes=400))
    for number in (1, 2, 3, 4, 1):
        media.place_media(client, request_with(report(f"Number {number} " * 8)))
    assert _documents._texts.bytes <= 400
    assert uploads(kimi) == 5


def test_failures_that_are_remembered_are_bounded(client: KimiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_documents, "_KEPT_FAILURES", 2)
    for number in range(3):
        with pytest.raises(KimiError):
            media.place_media(client, request_with(Document("r.pdf", "application/pdf", b"%%PDF-broken %d" % number)))
    assert len(_documents._failures) == 2


def test_counting_knows_texts_files_and_what_was_sent(kimi: Emulator, client: KimiClient, tmp_path: Path) -> None:
    note = tmp_path / "n.txt"
    note.write_text("Hello")
    files = [Document("n.txt", "text/plain", path=str(note)), report(), Document(file_id="f", mime="application/pdf")]
    messages = request_with(*files).body["messages"]

    def parts_to_count(**how: Any) -> list[Any]:
        content = countable(messages, client.base_url, None, **how)[0]["content"]
        return [part.get("text") or part["type"] for part in content]

    assert parts_to_count() == ["see", "[document n.txt]\nHello\n[end of n.txt]", "document", "document"]
    assert parts_to_count(notes=True)[3] == "[document: file id f, application/pdf; its content is not included]"
    media.place_media(client, request_with(report()))
    assert parts_to_count()[2] == TEXT
    note.unlink()
    assert parts_to_count()[1] == "document"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_process_begins_anew(client: KimiClient) -> None:
    media.place_media(client, request_with(report()))
    assert len(_documents._texts) == 1
    with _documents._lock:  # as another thread may at the moment of a fork
        child = os.fork()
        if child == 0:
            os._exit(0 if not len(_documents._texts) and _documents._lock.acquire(timeout=1) else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def of_a_tool(file: Document) -> Any:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    turn = {"role": "assistant", "content": "", "tool_calls": [call]}
    result = {"role": "tool", "tool_call_id": "c", "content": [document_part(file)]}
    return build_request(ChatOptions(), [{"role": "user", "content": "x"}, turn, result])


@pytest.mark.parametrize("fault", ["files.content_404", "files.deleted"])
def test_what_passes_is_waited_for_or_sent_again(ways: Ways, kimi: Emulator, client: KimiClient, fault: str) -> None:
    kimi.fail(fault)
    assert texts(ways.call(media.place_media, media.aplace_media, client, request_with(report()))) == ["see", TEXT]
    assert kimi.files == {}


@pytest.mark.parametrize("fault", ["files.failed", "files.extraction_500", "files.pending"])
def test_what_stays_is_an_error_for_the_user_and_a_note_in_a_result(
    ways: Ways, kimi: Emulator, client: KimiClient, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(_documents, "WAIT_SECONDS", 0.3)
    kimi.fail(*[fault] * 2)
    with pytest.raises(KimiFileError):
        ways.call(media.place_media, media.aplace_media, client, request_with(report()))
    _documents.forget_documents()
    request = of_a_tool(report())
    with pytest.warns(KimiWarning, match=r"document content of the result of a tool"):
        first = ways.call(media.place_media, media.aplace_media, client, request)
    sent = uploads(kimi)
    second = ways.call(media.place_media, media.aplace_media, client, request)
    assert first.body == second.body
    assert "[document: r.pdf, application/pdf; its content is not included]" in texts(first)
    assert uploads(kimi) == sent  # nobody waits or sends for it again
    assert kimi.files == {}


def test_the_user_who_asks_again_is_not_answered_from_memory(kimi: Emulator, client: KimiClient) -> None:
    kimi.fail("files.failed")
    with pytest.raises(KimiFileError):
        media.place_media(client, request_with(report()))
    assert texts(media.place_media(client, request_with(report()))) == ["see", TEXT]


def test_a_full_account_ends_no_thread(client: KimiClient) -> None:
    small = Emulator(limits=Limits(files=0))
    with small as kimi:
        full = KimiClient(base_url=kimi.base_url, api_key=kimi.api_key)
        with pytest.warns(KimiWarning, match="the account is full"):
            request_sent = media.place_media(full, of_a_tool(report()))
        assert "its content is not included" in texts(request_sent)[-1]
        with pytest.raises(KimiFileError, match="the account is full"):
            media.place_media(full, request_with(report()))


def test_several_are_under_way_at_a_time(
    ways: Ways, kimi: Emulator, client: KimiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    under_way, most = 0, 0
    extract = _documents._extract

    def watch_extract(*arguments: Any) -> Any:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        try:
            yield Pause(0.1)
            return (yield from extract(*arguments))
        finally:
            under_way -= 1

    monkeypatch.setattr(_documents, "_extract", watch_extract)
    files = [report(f"Number {number}.", f"{number}.pdf") for number in range(6)]
    request_sent = ways.call(media.place_media, media.aplace_media, client, request_with(*files))
    assert [text.splitlines()[1] for text in texts(request_sent)[1:]] == [f"Number {number}." for number in range(6)]
    assert 2 <= most <= 4
    assert uploads(kimi) == 6


def test_one_that_fails_does_not_hide_the_others_error(ways: Ways, kimi: Emulator, client: KimiClient) -> None:
    broken = Document("broken.pdf", "application/pdf", b"%PDF-1.4 but nothing more")
    with pytest.raises(KimiFileError, match=r"broken\.pdf"):
        ways.call(media.place_media, media.aplace_media, client, request_with(report(), broken, report("Other.")))
    assert kimi.files == {}
