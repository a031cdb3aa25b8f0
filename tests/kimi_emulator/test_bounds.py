"""Files that would keep the server busy, or fill its memory; addresses that are taken; replies of the wrong class."""

from __future__ import annotations

import io
import socket
import threading
import time
import tracemalloc
import zipfile
from pathlib import Path

import httpx
import openpyxl
import pytest

from kimi_emulator import Emulator, Reply, ToolCall
from kimi_emulator.__main__ import main
from kimi_emulator.platform import extract


def upload(client: httpx.Client, name: str, data: bytes) -> dict[str, object]:
    answer = client.post("/files", files={"file": (name, data)}, data={"purpose": "file-extract"}, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()


def far_sheet() -> bytes:
    """A sheet of 4.8 KB whose second cell is the last that there can be."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet["A1"], sheet["XFD1048576"] = "near", "far"
    data = io.BytesIO()
    book.save(data)
    return data.getvalue()


def pack(names: dict[str, int]) -> bytes:
    """A zip file with entries of so many zeros."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, size in names.items():
            with archive.open(name, "w") as entry:
                for _ in range(size // 1_000_000):
                    entry.write(bytes(1_000_000))
    return data.getvalue()


def test_a_sheet_with_one_far_cell_is_read_and_others_are_answered_meanwhile(client: httpx.Client, chat) -> None:
    stored: list[dict[str, object]] = []
    reader = threading.Thread(target=lambda: stored.append(upload(client, "far.xlsx", far_sheet())))
    start = time.perf_counter()
    reader.start()
    assert chat("say hi").status_code == 200
    reader.join(30)
    assert time.perf_counter() - start < 20  # 40 s and more without a bound; 0.7 s on a free machine
    assert stored[0]["status"] == "ok"
    text = client.get(f"/files/{stored[0]['id']}/content").json()["content"]
    assert "near" in text
    assert text.endswith("far")


def test_a_sheet_of_too_many_cells_is_an_error_with_a_reason(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extract, "CELLS", 1000)
    file = upload(client, "far.xlsx", far_sheet())
    assert (file["status"], file["status_details"]) == ("error", "extract task failed: more than 1,000 cells or lines")
    answer = client.get(f"/files/{file['id']}/content")
    assert answer.status_code == 500
    assert answer.json()["error"] == {"message": "extract task failed: failed", "type": ""}


@pytest.mark.parametrize("name", ["bomb.docx", "bomb.xlsx", "bomb.pptx"])
@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ({"word/document.xml": 40_000_000}, "bytes of XML when unpacked"),
        ({f"media/{place}.png": 30_000_000 for place in range(10)}, "bytes when unpacked"),
    ],
)
def test_a_packed_bomb_is_refused_before_it_is_unpacked(
    tmp_path: Path, name: str, entries: dict[str, int], reason: str
) -> None:
    path = tmp_path / name
    path.write_bytes(pack(entries))
    assert path.stat().st_size < 400_000
    tracemalloc.start()
    try:
        with pytest.raises(extract.TooMuch, match=reason):
            extract.text_of_file(path, name)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_a_page_that_is_too_long_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.html"
    path.write_text("<p>word</p>" * 100, "utf-8")
    assert extract.text_of_file(path, "a.html").startswith("word\nword")
    monkeypatch.setattr(extract, "CHARACTERS", 100)
    with pytest.raises(extract.TooMuch, match="more than 100 characters"):
        extract.text_of_file(path, "a.html")
    monkeypatch.setattr(extract, "HTML", 1000)
    with pytest.raises(extract.TooMuch, match="more than 1,000 bytes of HTML"):
        extract.text_of_file(path, "a.html")


def test_a_file_has_so_much_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "far.xlsx"
    path.write_bytes(far_sheet())
    monkeypatch.setattr(extract, "SECONDS", 0.05)
    start = time.perf_counter()
    with pytest.raises(extract.TooMuch, match=r"reading took more than 0\.05 s"):
        extract.text_of_file(path, "far.xlsx")
    assert time.perf_counter() - start < 10


# ---------------------------------------------------------------------------------------------------- addresses


def test_a_used_port_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["--port", str(port)]) == 1
        error = capsys.readouterr().err
        assert error == (
            f"kimi_emulator cannot listen on 127.0.0.1:{port}: Address already in use. "
            "What to do: stop what listens there, or pass another --port (--port 0 takes a free one)\n"
        )
        with pytest.raises(OSError, match="Address already in use"):
            Emulator(port=port).start()


@pytest.mark.parametrize("port", ["99999", "-1", "http"])
def test_a_port_that_cannot_be_is_one_sentence(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--port", port])
    assert ended.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1].endswith(f"a port is a number from 0 to 65535, not {port!r}")


def test_a_port_that_cannot_be_is_refused_by_the_constructor() -> None:
    with pytest.raises(ValueError, match="a port is a number from 0 to 65535, not 99999"):
        Emulator(port=99_999)


# ------------------------------------------------------------------------------------------------------ replies


class TestOfAnotherPackage:
    """A class of the same name, as LangChain, LlamaIndex and the SDK have them."""

    ToolCall = type("ToolCall", (), {"__module__": "some_framework.messages", "__repr__": lambda self: "ToolCall()"})
    Reply = type("Reply", (), {"__module__": "some_framework.messages"})

    def test_a_class_of_the_same_name_is_told_by_its_module(self) -> None:
        with Emulator() as kimi:
            for wrong in (self.ToolCall, self.ToolCall()):
                with pytest.raises(
                    TypeError, match=r"not (some_framework\.messages\.ToolCall: ToolCall\(\)|type: <cl)"
                ):
                    kimi.script(Reply(tool_calls=[wrong]))
            with pytest.raises(TypeError, match=r"Reply and Failure objects, not some_framework\.messages\.Reply$"):
                kimi.script(self.Reply())


@pytest.mark.parametrize(
    "calls",
    [
        [{"name": "look", "args": {"at": "a"}, "id": "1", "type": "tool_call"}],
        [ToolCall("look"), ("look", {})],
        ToolCall("look"),
        "look",
    ],
)
def test_a_reply_whose_calls_are_none_is_refused_where_it_is_queued(calls: object) -> None:
    with Emulator() as kimi:
        with pytest.raises(TypeError, match=r"Reply\.tool_calls holds ToolCall objects, not"):
            kimi.script(Reply(content="Fine."), Reply(tool_calls=calls))  # type: ignore[arg-type]
        assert kimi.pending == []
