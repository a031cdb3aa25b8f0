"""Which files in messages are documents, what they are called, and how their text stands in a message."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from documents import pdf
from hypothesis import given, settings
from hypothesis import strategies as st

from kimi_api import KimiInputError, KimiWarning
from kimi_api._content.documents import (
    Document,
    document_part,
    file_kind,
    file_part,
    name_to_send,
    plain_text,
    text_part,
    without_documents,
)
from kimi_api.files import SUPPORTED_SUFFIXES

PDF = pdf("Hello.")
B64 = base64.b64encode(PDF).decode()
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@pytest.mark.parametrize(
    ("source", "kind", "name", "mime"),
    [
        # the declared type
        ({"data": "AAAA", "mime": "application/pdf"}, "document", "", "application/pdf"),
        ({"data": "AAAA", "mime": "Application/PDF; x=1"}, "document", "", "application/pdf"),
        ({"data": "AAAA", "mime": DOCX, "name": "a.docx"}, "document", "a.docx", DOCX),
        ({"data": "AAAA", "mime": "image/png"}, "image", "", "image/png"),
        ({"data": "AAAA", "mime": "video/mp4"}, "video", "", "video/mp4"),
        # a data URL's, in either place
        ({"url": f"data:application/pdf;base64,{B64}"}, "document", "", "application/pdf"),
        ({"data": f"data:application/pdf;base64,{B64}", "name": "t.pdf"}, "document", "t.pdf", "application/pdf"),
        ({"url": "data:image/png;base64,AAAA"}, "image", "", "image/png"),
        ({"url": "data:text/plain,Hello"}, "document", "", "text/plain"),
        # what the content says, where nothing is declared, or text
        ({"data": PDF}, "document", "", "application/pdf"),
        ({"data": B64}, "document", "", "application/pdf"),
        ({"data": PDF, "mime": "application/octet-stream"}, "document", "", "application/pdf"),
        ({"data": PDF, "mime": "text/plain"}, "document", "", "application/pdf"),
        ({"data": PNG}, "image", "", "image/png"),
        ({"data": b"words"}, "document", "", ""),
        # the name's extension
        ({"data": b"words", "name": "a.md"}, "document", "a.md", "text/markdown"),
        ({"data": b"PK", "name": "a.DOCX", "mime": "application/zip"}, "document", "a.DOCX", DOCX),
        ({"url": "https://e.com/d/r%20x.pdf?a=1"}, "document", "r x.pdf", "application/pdf"),
        ({"url": "https://e.com/d/photo.png"}, "image", "photo.png", "image/png"),
        ({"url": "https://e.com/d/"}, "document", "d", ""),
        ({"path": "/tmp/a/b.pdf"}, "document", "b.pdf", "application/pdf"),
        ({"path": "C:\\a\\b.pdf"}, "document", "b.pdf", "application/pdf"),
        ({"path": "/tmp/b.pdf", "name": "Report"}, "document", "Report.pdf", "application/pdf"),
        ({"data": PDF, "name": "No. 5 in numbers"}, "document", "No. 5 in numbers.pdf", "application/pdf"),
        ({"data": PDF, "name": "/etc/\u202epasswd\n"}, "document", "passwd.pdf", "application/pdf"),
        # an id of which nothing tells the type is an image
        ({"file_id": "f1"}, "image", "", ""),
        ({"file_id": "ms://f1"}, "image", "", ""),
        ({"url": "ms://f1"}, "image", "", ""),
        ({"file_id": "f1", "mime": "application/pdf"}, "document", "", "application/pdf"),
        ({"file_id": "f1", "name": "r.pdf"}, "document", "r.pdf", "application/pdf"),
        ({"file_id": "f1", "mime": "video/mp4"}, "video", "", "video/mp4"),
    ],
)
def test_what_a_file_is(source: dict[str, Any], kind: str, name: str, mime: str) -> None:
    kind_of_file, file = file_kind(**source)
    assert (kind_of_file, file.name, file.mime) == (kind, name, mime)


def test_an_id_stands_alone() -> None:
    _, file = file_kind(file_id="ms://f1", data="AAAA", url="https://e.com", mime="application/pdf")
    assert (file.file_id, file.data, file.url, file.path) == ("f1", None, None, None)


@pytest.mark.parametrize("source", [{}, {"name": "a.pdf"}, {"data": ""}, {"data": b""}, {"url": ""}, {"file_id": ""}])
def test_a_file_without_content_is_refused(source: dict[str, Any]) -> None:
    with pytest.raises(KimiInputError, match="it needs data"):
        file_kind(**source)


@pytest.mark.parametrize("source", [{"data": "AAAA", "mime": "audio/wav"}, {"url": "https://e.com/a.mp3"}])
def test_sound_is_refused(source: dict[str, Any]) -> None:
    with pytest.raises(KimiInputError, match="listens to audio"):
        file_kind(**source)


@pytest.mark.parametrize(
    ("source", "url"),
    [
        ({"file_id": "f1"}, "ms://f1"),
        ({"data": "AAAA", "mime": "image/png"}, "data:image/png;base64,AAAA"),
        ({"data": b"\x00\x00\x00", "mime": "image/png"}, "data:image/png;base64,AAAA"),
        ({"url": "https://e.com/a.png"}, "https://e.com/a.png"),
    ],
)
def test_an_image_is_a_part_at_once(source: dict[str, Any], url: str) -> None:
    assert file_part(*file_kind(**source)) == {"type": "image_url", "image_url": {"url": url}}


@pytest.mark.parametrize(
    ("mime", "data", "text"),
    [
        ("text/plain", "Grüße".encode(), "Grüße"),
        ("text/plain", "\ufeffGrüße".encode(), "Grüße"),
        ("text/x-rust", b"fn main() {}", "fn main() {}"),
        ("application/json", b"{}", "{}"),
        ("text/plain", "Grüße".encode("latin-1"), None),  # whoever wrote it, the platform finds out
        ("text/html", b"<p>", None),
        ("application/pdf", PDF, None),
        ("", b"words", None),
    ],
)
def test_what_is_text_needs_no_extraction(mime: str, data: bytes, text: str | None) -> None:
    assert plain_text(Document("a", mime, data)) == text
    assert plain_text(Document("a", mime, base64.b64encode(data).decode())) == text
    part = document_part(Document("a", mime, data))
    assert part["type"] == ("document" if text is None else "text")


def test_the_text_has_the_name_around_it() -> None:
    assert text_part("a.pdf", "\n\nOne\n two\r\n") == {
        "type": "text",
        "text": "[document a.pdf]\nOne\n two\n[end of a.pdf]",
    }
    assert "(no text)" in text_part("a.pdf", "\n")["text"]  # "text content is empty" would be the platform's answer


@pytest.mark.parametrize(
    ("file", "name"),
    [
        (Document("a.pdf", "application/pdf"), "a.pdf"),
        (Document("", "application/pdf"), "document.pdf"),
        (Document("a.txt", "application/pdf"), "a.txt.pdf"),
        (Document("notes.v2", "application/pdf"), "notes.v2.pdf"),
        (Document("data.csv", "text/plain"), "data.csv"),
        (Document("main.go", ""), "main.go"),
        (Document("a.htm", "text/html"), "a.htm.html"),
    ],
)
def test_the_name_to_send_has_the_extension_that_fits(file: Document, name: str) -> None:
    assert name_to_send(file, SUPPORTED_SUFFIXES) == name


@pytest.mark.parametrize("file", [Document("a.exe"), Document("a"), Document("", "application/zip"), Document("a.zip")])
def test_other_kinds_are_refused_with_those_that_are_taken(file: Document) -> None:
    with pytest.raises(KimiInputError, match=r"docx.*pdf.*xlsx") as caught:
        name_to_send(file, SUPPORTED_SUFFIXES)
    assert "mime_type" in caught.value.remedy


def test_its_data_is_in_no_repr() -> None:
    assert B64[:20] not in repr(Document("a.pdf", "application/pdf", B64))


def test_documents_that_are_not_extracted() -> None:
    part = {"type": "document", "document": Document("a.pdf", "application/pdf", B64)}
    messages = [{"role": "user", "content": [part]}, {"role": "user", "content": "x"}]
    with pytest.warns(KimiWarning, match="because a rule"):
        plain = without_documents(messages, "a rule", "last")
    assert plain[0]["content"][0]["text"] == "[document: a.pdf, application/pdf; its content is not included]"
    assert messages[0]["content"] == [part]
    with pytest.raises(KimiInputError, match="a rule"):
        without_documents(messages[:1], "a rule", "last")


TEXTS = (
    st.none() | st.text(max_size=30) | st.sampled_from(["data:,x", "ms://f", "https://e.com/a.pdf", "http://[", "a.b"])
)


@settings(max_examples=500, deadline=None)
@given(
    name=TEXTS,
    mime=TEXTS | st.sampled_from(["application/pdf", "image/png", "text/plain"]),
    data=TEXTS | st.binary(max_size=20),
    url=TEXTS,
    path=TEXTS,
    file_id=TEXTS,
)
def test_any_file_is_something_or_refused(**source: Any) -> None:
    try:
        kind, file = file_kind(**source)
        part = file_part(kind, file)
        name_to_send(file, SUPPORTED_SUFFIXES)
    except KimiInputError:
        return
    assert part["type"] in ("image_url", "video_url", "document", "text")
    assert "\n" not in file.label
