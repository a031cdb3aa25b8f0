"""Documents in messages: through file extraction, once for each content, the text where the block stood."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from contract_kit import FOR_REQUESTS, Adapter, Call, Chat, Media, assistant, document, result, user, wire_tool
from documents import pdf

from kimi_api import KimiClient, KimiFileError, KimiInputError, files
from kimi_api.errors import KimiError, KimiNotFoundError, KimiServerError
from kimi_api.files import FileCache
from kimi_api.media._documents import forget_documents
from kimi_emulator import Emulator

pytestmark = pytest.mark.ways(*FOR_REQUESTS)
Make = Callable[..., Chat]
ASK = "Sum it up."
SAID = "The harvest was good."
REPORT = document(pdf(SAID), "report.pdf")
TEXT = f"[document report.pdf]\n{SAID}\n[end of report.pdf]"
TURN = assistant("", Call("read", {"city": "Turku"}, "c1"), reasoning="r")
TOOLS = [wire_tool("read")]


def uploads(kimi: Emulator) -> int:
    """How many files have been sent."""
    return sum(request.method == "POST" and request.path == "/v1/files" for request in kimi.requests)


def content(kimi: Emulator, message: int = -1) -> Any:
    return kimi.chats[-1]["messages"][message]["content"]


def test_its_text_stands_where_the_block_stood_with_its_name(kimi: Emulator, make: Make) -> None:
    picture = Media(file_id="f1")
    make().attempt([user(ASK, REPORT, picture)])
    assert content(kimi) == [
        {"type": "text", "text": ASK},
        {"type": "text", "text": TEXT},
        {"type": "image_url", "image_url": {"url": "ms://f1"}},
    ]
    assert kimi.files == {}  # the platform's copy is deleted


@pytest.mark.parametrize(
    ("media", "text"),
    [
        (document(pdf(SAID)), f"[document document.pdf]\n{SAID}\n[end of document.pdf]"),
        (document(pdf(SAID), "Annual report"), f"[document Annual report.pdf]\n{SAID}\n[end of Annual report.pdf]"),
        (document(pdf(SAID), "../../etc/a\nb.pdf"), f"[document a b.pdf]\n{SAID}\n[end of a b.pdf]"),
        (document(pdf(SAID), "report.pdf", "application/octet-stream"), TEXT),
        (document(pdf(SAID), "report.pdf", None), TEXT),
        (
            document(b"<p>The <b>harvest</b></p>", "a.html", "text/html"),
            "[document a.html]\nThe\nharvest\n[end of a.html]",
        ),
    ],
    ids=["no name", "no extension", "a path as name", "type unsaid", "no type", "HTML"],
)
def test_names_and_types(kimi: Emulator, make: Make, media: Media, text: str) -> None:
    make().ask([user(ASK, media)])
    assert content(kimi)[-1] == {"type": "text", "text": text}
    assert uploads(kimi) == 1


@pytest.mark.parametrize(
    ("name", "mime"), [("n.txt", "text/plain"), ("n.md", "text/markdown"), ("n.csv", "text/csv"), ("n", "text/x-rust")]
)
def test_what_is_text_already_is_not_sent(kimi: Emulator, make: Make, name: str, mime: str) -> None:
    make(extract_documents=False).ask([user(ASK, document("Ä harvest\n".encode(), name, mime))])
    assert "Ä harvest\n[end of n" in str(
        content(kimi)[-1]["text"] if isinstance(content(kimi), list) else content(kimi)
    )
    assert uploads(kimi) == 0


def test_later_turns_send_the_same_bytes_and_no_file(kimi: Emulator, make: Make, adapter: Adapter) -> None:
    chat = make()
    history = adapter.native_messages([user(ASK, REPORT)])
    first = chat.ask(history)
    adapter.make().ask([*adapter.through_json(history), first, user("And then?")])  # another model of the process
    assert uploads(kimi) == 1
    assert kimi.chats[1]["messages"][0] == kimi.chats[0]["messages"][0]


def test_the_result_of_a_tool_and_the_users_message_share_a_text(kimi: Emulator, make: Make) -> None:
    make().ask([user(ASK, REPORT), TURN, result("c1", "Here.", document(pdf(SAID), "other.pdf"))], tools=TOOLS)
    assert uploads(kimi) == 1
    assert content(kimi)[-1]["text"] == TEXT.replace("report", "other")
    assert kimi.report == kimi.refusals == []


def test_a_cache_on_disk_serves_another_process(kimi: Emulator, make: Make, tmp_path: Path) -> None:
    make(document_cache=FileCache.on_disk(tmp_path)).ask([user(ASK, REPORT)])
    forget_documents()
    make(document_cache=FileCache.on_disk(tmp_path)).ask([user(ASK, REPORT)])
    assert uploads(kimi) == 1
    assert kimi.chats[0]["messages"] == kimi.chats[1]["messages"]


def test_a_cache_is_no_part_of_dumps_and_survives_a_pickle(adapter: Adapter, tmp_path: Path) -> None:
    native = adapter.make(document_cache=FileCache.on_disk(tmp_path)).native
    assert str(tmp_path) not in "".join(adapter.dumps(native))
    assert pickle.loads(pickle.dumps(native)).document_cache.directory == tmp_path


def test_a_cache_of_the_wrong_kind_is_refused(kimi: Emulator, make: Make) -> None:
    with pytest.raises(KimiInputError, match="FileCache"):
        make(document_cache="/tmp/cache").ask([user(ASK, REPORT)])


def test_memory_is_bounded() -> None:
    from kimi_api.media import _documents

    assert _documents._texts.max_bytes == 32 * 1024 * 1024


def test_the_first_upload_of_a_process_is_logged(kimi: Emulator, make: Make, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="kimi_api"):
        make().ask([user(ASK, REPORT)])
        make().ask([user(ASK, document(pdf("Another one."), "b.pdf"))])
    (record,) = [record for record in caplog.records if record.name == "kimi_api"]
    assert "report" in record.getMessage()
    assert "extract_documents=False" in record.getMessage()


# ---------------------------------------------------------------------------------------------------- off


@pytest.mark.parametrize("settings", [{"extract_documents": False}, {"dialect": "openai"}, {"dialect": "vllm"}])
def test_off_and_on_other_hosts_it_is_an_error_that_says_so(
    kimi: Emulator, make: Make, settings: dict[str, Any]
) -> None:
    with pytest.raises(KimiInputError, match="extract_documents=") as caught:
        make(**settings).ask([user(ASK, REPORT)])
    assert "KimiFileLoader" in caught.value.remedy
    assert kimi.requests == []


@pytest.mark.parametrize("settings", [{"extract_documents": False}, {"dialect": "openai"}])
def test_off_and_on_other_hosts_a_stored_thread_lives(kimi: Emulator, make: Make, settings: dict[str, Any]) -> None:
    history = [user(ASK, REPORT), TURN, result("c1", "Here.", REPORT)]
    outcome = make(**settings).attempt(history, tools=TOOLS)
    assert not isinstance(outcome.error, KimiInputError)
    note = {"type": "text", "text": "[document: report.pdf, application/pdf; its content is not included]"}
    assert [message["content"][-1] for message in kimi.chats[-1]["messages"] if message["role"] != "assistant"] == [
        note,
        note,
    ]
    assert len(outcome.warnings) == 1


def test_it_can_be_switched_off_for_one_call(kimi: Emulator, make: Make) -> None:
    with pytest.raises(KimiInputError, match="extract_documents is False"):
        make().ask([user(ASK, REPORT)], extract_documents=False)
    assert kimi.requests == []


def test_a_line_of_a_batch_takes_none(kimi: Emulator, make: Make) -> None:
    chat = make(model="kimi-k2.6")
    with pytest.raises(KimiInputError, match="batch cannot contain documents") as caught:
        chat.batch().submit({"a": chat.batch_input([user(ASK, REPORT)])})
    assert "KimiFileLoader" in caught.value.remedy
    assert kimi.files == {}
    assert uploads(kimi) == 0


# ---------------------------------------------------------------------------------------------------- ids and addresses


def upload_report(kimi: Emulator) -> str:
    client = KimiClient(base_url=kimi.base_url, api_key=kimi.api_key)
    return files.upload(client, pdf(SAID), "file-extract", name="kept.pdf").id


def test_an_uploaded_one_is_fetched_once_and_never_deleted(kimi: Emulator, make: Make) -> None:
    file_id = upload_report(kimi)
    chat = make()
    for _ in range(2):
        chat.ask([user(ASK, Media("document", file_id=file_id, mime="application/pdf"))])
    assert content(kimi)[-1]["text"] == TEXT.replace("report", "kept")
    assert list(kimi.files) == [file_id]
    assert sum(request.path.endswith("/content") for request in kimi.requests) == 1
    assert uploads(kimi) == 1  # our own, above


def test_an_id_that_nobody_knows_is_an_error_of_the_platform(kimi: Emulator, make: Make) -> None:
    media = Media("document", file_id="nowhere", mime="application/pdf")
    with pytest.raises(KimiNotFoundError):
        make().ask([user(ASK, media)])
    outcome = make().attempt([user(ASK), TURN, result("c1", "Here.", media)], tools=TOOLS)
    assert outcome.error is None
    assert "[document: file id nowhere, application/pdf; its content is not included]" in str(content(kimi))


@pytest.mark.parametrize("url", ["https://example.com/a.pdf", "http://example.com/a.pdf"])
def test_an_address_needs_fetch_media(kimi: Emulator, make: Make, url: str) -> None:
    with pytest.raises(KimiInputError, match="fetch_media=True") as caught:
        make().ask([user(ASK, Media("document", url=url, mime="application/pdf"))])
    assert url in str(caught.value)
    assert kimi.requests == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/a.pdf", "http://[::1]/a.pdf"])
def test_only_public_addresses_are_fetched(kimi: Emulator, make: Make, url: str) -> None:
    with pytest.raises(KimiInputError, match="only public addresses are fetched"):
        make(fetch_media=True).ask([user(ASK, Media("document", url=url, mime="application/pdf"))])


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.com/a.pdf"])
@pytest.mark.parametrize("settings", [{}, {"fetch_media": True}, {"unsupported": "send"}])
def test_an_address_that_is_none_of_the_web_is_never_read(
    kimi: Emulator, make: Make, url: str, settings: dict[str, Any]
) -> None:
    with pytest.raises(KimiInputError):
        make(**settings).ask([user(ASK, Media("document", url=url, mime="application/pdf"))])
    assert kimi.requests == []


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that were fetched; each holds the report."""
    from kimi_api.media import _fetch

    fetched: list[str] = []

    def fetch(url: str, limit: int = 0) -> tuple[bytes, str | None]:
        fetched.append(url)
        return pdf(SAID), "application/pdf; charset=binary"

    async def afetch(url: str, limit: int = 0) -> tuple[bytes, str | None]:
        return fetch(url)

    _fetch._pages.clear()
    monkeypatch.setattr(_fetch, "fetch", fetch)
    monkeypatch.setattr(_fetch, "afetch", afetch)
    return fetched


@pytest.mark.parametrize("where", ["user", "tool"])
def test_an_address_is_fetched_where_that_is_on(kimi: Emulator, make: Make, page: list[str], where: str) -> None:
    media = Media("document", url="https://example.com/d/report.pdf?key=1")
    history = [user(ASK, media)] if where == "user" else [user(ASK), TURN, result("c1", "Here.", media)]
    chat = make(fetch_media=True)
    chat.ask(history, tools=TOOLS)
    chat.ask(history, tools=TOOLS)
    assert content(kimi)[-1]["text"] == TEXT
    assert page == ["https://example.com/d/report.pdf?key=1"]
    assert uploads(kimi) == 1
    assert kimi.files == {}


# ---------------------------------------------------------------------------------------------------- checks and errors


@pytest.mark.parametrize(
    ("media", "words"),
    [
        (document(b"MZ" + bytes(40), "a.exe", "application/x-msdownload"), "text is extracted from"),
        (document(b"\x00\x01", "a", None), "text is extracted from"),
        (document(b"", "a.pdf"), "it needs data"),
    ],
)
def test_what_is_not_extracted_is_refused_before_sending(kimi: Emulator, make: Make, media: Media, words: str) -> None:
    with pytest.raises(KimiInputError, match=words):
        make().ask([user(ASK, media)])
    assert kimi.requests == []


def test_what_is_too_large_is_refused_before_sending(
    kimi: Emulator, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kimi_api.files._sources.MAX_BYTES", 100)
    with pytest.raises(KimiInputError, match="limit"):
        make().ask([user(ASK, REPORT)])
    assert kimi.requests == []


def test_a_file_that_the_platform_cannot_read_is_an_error_of_files(kimi: Emulator, make: Make) -> None:
    with pytest.raises(KimiFileError, match=r"broken.*could not"):
        make().ask([user(ASK, document(b"%PDF-1.4 but nothing more", "broken.pdf"))])
    assert kimi.chats == []
    assert kimi.files == {}


def test_a_passing_fault_is_tried_again_and_one_that_stays_is_raised_everywhere(
    kimi: Emulator, make: Make, waits: list[float]
) -> None:
    kimi.fail("http.503")
    make().ask([user(ASK, REPORT)])
    assert uploads(kimi) == 2
    assert waits
    forget_documents()
    kimi.fail(*["http.503"] * 3)
    with pytest.raises(KimiServerError):  # a note in its place would be another prompt, and the file is fine
        make().ask([user(ASK), TURN, result("c1", "Here.", REPORT)], tools=TOOLS)


def test_counting_uploads_nothing_and_knows_what_was_sent(kimi: Emulator, make: Make) -> None:
    chat = make()
    long = document(pdf("The harvest was good. " * 400), "long.pdf")
    before = chat.count([user(ASK, long)])
    assert kimi.requests == []
    chat.ask([user(ASK, long)])
    sent = len(kimi.requests)
    after = chat.count([user(ASK, long)])
    assert len(kimi.requests) == sent
    assert before < after
    assert after == pytest.approx(chat.count([user(ASK + content(kimi)[-1]["text"])]), rel=0.05)


def test_asking_the_platform_for_a_count_uploads_nothing(kimi: Emulator, make: Make) -> None:
    assert make().estimate([user(ASK, REPORT)]) > 0
    assert uploads(kimi) == 0


def test_two_in_one_message_and_the_same_one_twice(kimi: Emulator, make: Make) -> None:
    other = document(pdf("The winter was long."), "winter.pdf")
    make().ask([user(ASK, REPORT, other, REPORT)])
    assert [part["text"] for part in content(kimi)[1:]] == [
        TEXT,
        "[document winter.pdf]\nThe winter was long.\n[end of winter.pdf]",
        TEXT,
    ]
    assert uploads(kimi) == 2


def test_an_error_is_the_frameworks_own_kind_of_input_error(make: Make) -> None:
    outcome = make(extract_documents=False).attempt([user(ASK, REPORT)])
    assert isinstance(outcome.error, KimiError)
    assert isinstance(outcome.error, ValueError)
