"""Files: the five calls, what is recorded of an upload, and texts taken out of real documents."""

from __future__ import annotations

import hashlib
import io
import json
import random
import string
from typing import Any

import docx
import fpdf
import httpx
import openpyxl
import pptx
import pytest

from kimi_emulator import Emulator

FILE = {"id", "object", "bytes", "created_at", "filename", "purpose", "status", "status_details"}
CONTENT = {"content", "file_type", "filename", "title", "type"}
SECRET = "".join(random.Random(7).choices(string.ascii_uppercase, k=9))


def file_bytes(document: Any) -> bytes:
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def pdf() -> bytes:
    document = fpdf.FPDF()
    document.add_page()
    document.set_font("helvetica", size=12)
    document.cell(text=f"The code word is {SECRET}.")
    return bytes(document.output())


def word() -> bytes:
    document = docx.Document()
    document.add_paragraph("Before the table.")
    table = document.add_table(rows=2, cols=2)
    for cell, text in zip((c for row in table.rows for c in row.cells), ["Word", "Use", SECRET, "entry"], strict=True):
        cell.text = text
    document.add_paragraph("After the table.")
    return file_bytes(document)


def sheet() -> bytes:
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.title = "Codes"
    book.active.append(["Word", "Count"])
    book.active.append([SECRET, 12])
    return file_bytes(book)


def slides() -> bytes:
    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[1])
    slide.shapes.title.text = "Codes"  # type: ignore[union-attr]
    slide.placeholders[1].text = SECRET  # type: ignore[attr-defined]
    slide.notes_slide.notes_text_frame.text = "a note"  # type: ignore[union-attr]
    return file_bytes(deck)


HTML = (
    f"<html><style>p {{}}</style><body><h1>Title</h1><p>Word {SECRET}</p><table><tr><td>a</td><td>b</td></tr></table>"
)
DOCUMENTS = [
    ("a.pdf", pdf, f"The code word is {SECRET}.", "application/pdf"),
    (
        "a.docx",
        word,
        f"Before the table.\nWord | Use\n{SECRET} | entry\nAfter the table.",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ),
    (
        "a.xlsx",
        sheet,
        f"Codes\nWord | Count\n{SECRET} | 12",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
    (
        "a.pptx",
        slides,
        f"Codes\n{SECRET}\na note",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ),
    ("a.html", lambda: HTML.encode(), f"Title\nWord {SECRET}\na | b", "text/html"),
    ("a.csv", lambda: f"a,b\n{SECRET},2".encode(), f"a,b\n{SECRET},2", "text/csv"),
    ("a.md", lambda: f"# {SECRET}".encode(), f"# {SECRET}", "text/markdown"),
    ("我.txt", lambda: "文件内容".encode("gb18030"), "文件内容", "text/plain"),
    ("说明（终稿）.txt", lambda: "《合同》；￥１００".encode("utf-16"), "《合同》；￥１００", "text/plain"),
    ("a.json", lambda: b'{"a": 1}', '{"a": 1}', "application/json"),
    ("a.py", lambda: "é = 1".encode(), "é = 1", "text/x-python"),
]


def upload(client: httpx.Client, name: str, data: bytes, purpose: str = "file-extract") -> dict[str, Any]:
    answer = client.post("/files", files={"file": (name, data)}, data={"purpose": purpose})
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize(("name", "make", "text", "kind"), DOCUMENTS, ids=[d[0] for d in DOCUMENTS])
def test_extraction(client: httpx.Client, name: str, make: Any, text: str, kind: str):
    data = make()
    file = upload(client, name, data)
    assert set(file) == FILE
    assert (file["object"], file["bytes"], file["filename"], file["status"]) == ("file", len(data), name, "ok")
    content = json.loads(client.get(f"/files/{file['id']}/content").text)
    assert content == {"content": text, "file_type": kind, "filename": name, "title": "", "type": "file"}
    assert set(content) == CONTENT


def test_list_get_delete(kimi: Emulator, client: httpx.Client):
    first, second = upload(client, "a.txt", b"1"), upload(client, "b.txt", b"22")
    assert client.get("/files").json() == {"object": "list", "data": [first, second]}
    assert client.get(f"/files/{second['id']}").json() == second
    path = kimi.files[first["id"]].path
    assert path.exists()
    assert client.delete(f"/files/{first['id']}").json() == {"id": first["id"], "object": "file", "deleted": True}
    assert not path.exists()
    assert list(kimi.files) == [second["id"]]
    for answer in (client.get(f"/files/{first['id']}"), client.delete(f"/files/{first['id']}")):
        assert answer.status_code == 404
        assert answer.json()["error"]["type"] == "resource_not_found_error"


def test_what_is_recorded_of_an_upload(kimi: Emulator, client: httpx.Client):
    data = bytes(range(256)) * 10_000  # more than the parser keeps in memory
    upload(client, "a.bin", data)
    [request] = kimi.requests
    assert request.body == b""
    assert request.json is None
    assert request.form == {
        "purpose": "file-extract",
        "filename": "a.bin",
        "size": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    assert request.headers["content-type"].startswith("multipart/form-data")


@pytest.mark.parametrize(("name", "data"), [("a.pdf", b"%PDF-1.4 broken"), ("a.docx", b"PK"), ("a.doc", b"old")])
def test_broken_files_fail(client: httpx.Client, name: str, data: bytes):
    file = upload(client, name, data)
    assert file["status"] == "failed"
    assert file["status_details"]
    answer = client.get(f"/files/{file['id']}/content")
    assert answer.status_code == 500
    assert answer.json() == {"error": {"message": "extract task failed: failed", "type": ""}}


def test_pending_files():
    with (
        Emulator(pending_polls=2) as kimi,
        httpx.Client(base_url=kimi.base_url, headers={"Authorization": f"Bearer {kimi.api_key}"}) as client,
    ):
        file = upload(client, "a.txt", b"text")
        assert file["status"] == "created"
        assert client.get(f"/files/{file['id']}/content").status_code == 404
        assert [client.get(f"/files/{file['id']}").json()["status"] for _ in range(3)] == ["created", "ok", "ok"]
        assert client.get(f"/files/{file['id']}/content").json()["content"] == "text"


def test_media_files_are_not_extracted_and_can_be_referred_to(client: httpx.Client, chat: Any):
    file = upload(client, "a.png", b"\x89PNG\r\n\x1a\n", "image")
    assert file["status"] == "ok"
    assert client.get(f"/files/{file['id']}/content").content == b"\x89PNG\r\n\x1a\n"
    parts = [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": f"ms://{file['id']}"}}]
    assert chat([{"role": "user", "content": parts}]).status_code == 200


def test_extracted_text_answers_questions(client: httpx.Client, chat: Any):
    file = upload(client, "a.docx", word())
    text = client.get(f"/files/{file['id']}/content").text
    answer = chat([{"role": "system", "content": text}, {"role": "user", "content": "Which word is used for entry?"}])
    assert SECRET in answer.json()["choices"][0]["message"]["content"]
