"""Files: checked before sending, streamed from disk, waited for, read, and cleaned up whatever happens."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import json
import logging
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kimi_api import KimiClient, KimiFileError, KimiInputError, errors, files
from kimi_api._transport import steps
from kimi_api._transport.answers import Answer
from kimi_api.files import _wait
from kimi_api.files._extract import parse_content
from kimi_api.files._leftovers import tagged_name
from kimi_api.files._records import Account, parse_file
from kimi_api.files._uploads import upload_file
from kimi_emulator import Emulator

RawServer = Ways = Any  # the fixtures `raw` and `ways` of conftest.py
MB = 1024 * 1024


@pytest.fixture(autouse=True)
def _quick_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_wait, "_FIRST_POLL", 0.001)
    monkeypatch.setattr(_wait, "_LONGEST_POLL", 0.002)


@pytest.fixture(scope="module")
def _slow_parser() -> Iterator[Emulator]:
    with Emulator(pending_polls=3) as kimi:
        yield kimi


@pytest.fixture
def slow_kimi(_slow_parser: Emulator) -> Emulator:
    _slow_parser.reset()
    return _slow_parser


@pytest.fixture
def note(tmp_path: Path) -> Path:
    path = tmp_path / "note.txt"
    path.write_text("The answer is 42.\n想\u2028", "utf-8")
    return path


def client_of(kimi: Emulator, **settings: Any) -> KimiClient:
    return KimiClient(api_key=kimi.api_key, base_url=kimi.base_url, **settings)


def sent_requests(kimi: Emulator) -> list[str]:
    return [f"{request.method} {request.path.split('/')[2]}" for request in kimi.requests]


# ---------------------------------------------------------------------------------------------------- extraction


def test_a_file_becomes_text_and_leaves_nothing_behind(
    ways: Ways, kimi: Emulator, client: KimiClient, note: Path
) -> None:
    extracted = ways.call(files.extract, files.aextract, client, note)
    assert extracted.text == note.read_text("utf-8")
    assert (extracted.name, extracted.size) == ("note.txt", note.stat().st_size)
    assert extracted.sha256 == hashlib.sha256(note.read_bytes()).hexdigest()
    assert extracted.file_type.startswith("text/")
    upload = kimi.requests[0]
    assert upload.form == {
        "purpose": "file-extract",
        "filename": "note.txt",
        "size": extracted.size,
        "sha256": extracted.sha256,
    }
    assert [request.method for request in kimi.requests] == ["POST", "GET", "DELETE"]
    assert kimi.files == {}


@pytest.mark.parametrize("kind", ["str", "path", "bytes", "bytearray", "memoryview", "open file", "BytesIO", "pipe"])
def test_every_kind_of_source(ways: Ways, kimi: Emulator, client: KimiClient, note: Path, kind: str) -> None:
    content = note.read_bytes()
    name = None
    if kind == "pipe":
        read_end, write_end = os.pipe()
        os.write(write_end, content)
        os.close(write_end)
        source: Any = os.fdopen(read_end, "rb")
        name = "note.txt"
    elif kind == "open file":
        source = note.open("rb")
        source.read(3)  # it is sent whole all the same
    else:
        source = {
            "str": str(note),
            "path": note,
            "bytes": content,
            "bytearray": bytearray(content),
            "memoryview": memoryview(content),
            "BytesIO": io.BytesIO(content),
        }[kind]
        name = None if kind in ("str", "path") else "note.txt"
    try:
        assert ways.call(files.extract, files.aextract, client, source, name=name).text.encode() == content
        if hasattr(source, "closed"):
            assert not source.closed, "it is the caller's to close"
    finally:
        if hasattr(source, "close"):
            source.close()


@pytest.mark.parametrize("name", ["报告 1.txt", 'quo"te.txt', "semi;colon.txt", "ünï.TXT", "a\u2028b.txt"])
def test_names_of_all_kinds_arrive_whole(ways: Ways, kimi: Emulator, client: KimiClient, name: str) -> None:
    ways.call(files.extract, files.aextract, client, b"text", name=name)
    assert kimi.requests[0].form is not None
    assert kimi.requests[0].form["filename"].replace("%22", '"') == name


def test_the_remote_copy_can_be_kept(ways: Ways, kimi: Emulator, client: KimiClient, note: Path) -> None:
    ways.call(files.extract, files.aextract, client, note, delete_after=False)
    assert len(kimi.files) == 1


def test_the_status_is_asked_for_until_the_text_is_there(ways: Ways, slow_kimi: Emulator, note: Path) -> None:
    assert "42" in ways.call(files.extract, files.aextract, client_of(slow_kimi), note).text
    assert sent_requests(slow_kimi) == ["POST files", *["GET files"] * 4, "DELETE files"]


@pytest.mark.parametrize("timeout", [0, 0.001])
def test_a_file_that_is_not_parsed_in_time_is_named_and_deleted(
    ways: Ways, slow_kimi: Emulator, note: Path, timeout: float
) -> None:
    with pytest.raises(KimiFileError, match="in time") as caught:
        ways.call(files.extract, files.aextract, client_of(slow_kimi), note, timeout=timeout)
    assert (caught.value.file, caught.value.status) == (str(note), "created")
    assert caught.value.file_id
    assert slow_kimi.files == {}


def test_a_file_that_cannot_be_parsed_is_named_and_deleted(ways: Ways, kimi: Emulator, client: KimiClient) -> None:
    with pytest.raises(KimiFileError, match="could not parse it: extract task failed") as caught:
        ways.call(files.extract, files.aextract, client, b"%PDF-1.4 broken", name="bad.pdf")
    assert (caught.value.file, caught.value.status) == ("bad.pdf", "failed")
    assert kimi.files == {}


# ---------------------------------------------------------------------------------------------------- over a raw server


def record(status: str, **members: Any) -> dict[str, Any]:
    return {
        "id": "f1",
        "object": "file",
        "bytes": 4,
        "filename": "a.txt",
        "purpose": "file-extract",
        "status": status,
        **members,
    }


def methods(raw: RawServer) -> list[str]:
    return [request.split(b" ", 1)[0].decode() for request in raw.requests]


DOCUMENT = {"content": "text", "file_type": "text/plain", "filename": "a.txt", "title": "T", "type": "file"}
GONE = {"id": "f1", "object": "file", "deleted": True}


@pytest.mark.parametrize("status", ["ok", "ready"])
@pytest.mark.parametrize("pending", ["created", "processing", "brand_new", ""])
def test_two_words_mean_parsed_and_unknown_ones_mean_not_yet(
    ways: Ways, raw: RawServer, raw_client: KimiClient, status: str, pending: str
) -> None:
    answers = [record(pending), record(pending), record(status), DOCUMENT, GONE]
    raw.say(*[raw.http(200, answer) for answer in answers])
    extracted = ways.call(files.extract, files.aextract, raw_client, b"text", name="a.txt")
    assert (extracted.text, extracted.title) == ("text", "T")
    assert methods(raw) == ["POST", "GET", "GET", "GET", "DELETE"]


@pytest.mark.parametrize("status", ["error", "failed"])
def test_two_words_mean_failed(ways: Ways, raw: RawServer, raw_client: KimiClient, status: str) -> None:
    raw.say(raw.http(200, record(status, status_details="no text layer")), raw.http(200, GONE))
    with pytest.raises(KimiFileError, match="no text layer"):
        ways.call(files.extract, files.aextract, raw_client, b"text", name="a.txt")
    assert methods(raw) == ["POST", "DELETE"]


def test_a_failed_extraction_is_not_asked_for_again(ways: Ways, raw: RawServer, raw_client: KimiClient) -> None:
    failed = {"error": {"message": "extract task failed: failed", "type": ""}}
    raw.say(raw.http(200, record("ok")), raw.http(500, failed), raw.http(200, GONE))
    with pytest.raises(KimiFileError, match="could not extract") as caught:
        ways.call(files.extract, files.aextract, raw_client, b"text", name="a.txt")
    assert isinstance(caught.value.__cause__, errors.KimiServerError)
    assert methods(raw) == ["POST", "GET", "DELETE"]


def test_an_error_in_the_place_of_the_text_is_an_error(ways: Ways, raw: RawServer, raw_client: KimiClient) -> None:
    wrong = {"error": {"message": "not your file", "type": "permission_denied_error"}}
    raw.say(raw.http(200, record("ok")), raw.http(200, wrong, kind="application/octet-stream"), raw.http(200, GONE))
    with pytest.raises(errors.KimiPermissionError):
        ways.call(files.extract, files.aextract, raw_client, b"text", name="a.txt")
    assert methods(raw) == ["POST", "GET", "DELETE"]


def test_a_copy_that_cannot_be_deleted_is_logged_and_does_not_hide_the_text(
    ways: Ways, raw: RawServer, raw_client: KimiClient, caplog: pytest.LogCaptureFixture
) -> None:
    raw.say(raw.http(200, record("ok")), raw.http(200, DOCUMENT), raw.http(403, {"error": {"message": "no"}}))
    with caplog.at_level(logging.WARNING, "kimi_api.files"):
        assert ways.call(files.extract, files.aextract, raw_client, b"text", name="a.txt").text == "text"
    assert "f1 could not be deleted" in caplog.text


def test_an_upload_that_is_tried_again_starts_at_the_first_byte(
    ways: Ways, raw: RawServer, raw_client: KimiClient, waits: list[float], note: Path
) -> None:
    for source in (note, io.BytesIO(b"the whole text")):
        content = source.read_bytes() if isinstance(source, Path) else source.getvalue()
        raw.say(raw.http(503, {}), raw.http(200, record("ok")))
        ways.call(files.upload, files.aupload, raw_client, source, "file-extract", name="a.txt")
        assert [content in request for request in raw.requests] == [True, True]


# ---------------------------------------------------------------------------------------------------- interruptions


def test_ctrl_c_while_waiting_deletes_the_remote_copy(
    slow_kimi: Emulator, note: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(steps.time, "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        files.extract(client_of(slow_kimi), note)
    monkeypatch.undo()
    assert sent_requests(slow_kimi) == ["POST files", "DELETE files"]
    assert slow_kimi.files == {}


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, asyncio.CancelledError])
def test_a_deletion_that_is_broken_off_is_sent_once_more(
    kimi: Emulator, client: KimiClient, note: Path, monkeypatch: pytest.MonkeyPatch, interruption: type[BaseException]
) -> None:
    asynchronous = interruption is asyncio.CancelledError
    deletions: list[steps.Send] = []

    def interrupt_first(step: Any) -> None:
        if isinstance(step, steps.Send) and step.method == "DELETE":
            deletions.append(step)
            if len(deletions) == 1:
                raise interruption

    do, ado = steps._do, steps._ado

    def break_off(client: KimiClient, step: Any) -> object:
        interrupt_first(step)
        return do(client, step)

    async def abreak_off(client: KimiClient, step: Any) -> object:
        interrupt_first(step)
        return await ado(client, step)

    monkeypatch.setattr(steps, "_do", break_off)
    monkeypatch.setattr(steps, "_ado", abreak_off)
    with pytest.raises(interruption):
        asyncio.run(files.aextract(client, note)) if asynchronous else files.extract(client, note)
    assert len(deletions) == 2
    assert kimi.files == {}


def test_an_interrupted_upload_that_is_stored_a_moment_later_is_deleted(client: KimiClient, note: Path) -> None:
    file = files.open_source(note)
    account = Account.of(client, None)
    procedure = upload_file(file, "file-extract", account, sha256=file.sha256(), keep=False, tagged=True)
    sent = next(procedure)
    assert (sent.method, sent.path) == ("POST", "/files")
    first_look = procedure.throw(KeyboardInterrupt())
    assert (first_look.method, first_look.path) == ("GET", "/files")
    assert isinstance(procedure.send(Answer({"data": []})), steps.Pause)
    second_look = procedure.send(None)
    assert (second_look.method, second_look.path) == ("GET", "/files")
    name = tagged_name(file.name, file.sha256())
    stored = {"id": "late", "filename": name, "bytes": file.size, "purpose": "file-extract"}
    deletion = procedure.send(Answer({"data": [stored]}))
    assert (deletion.method, deletion.path) == ("DELETE", "/files/late")
    with pytest.raises(KeyboardInterrupt):
        procedure.send(Answer({}))


@pytest.fixture
def pausing(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Set once a procedure waits for the platform to parse its file (for half a minute)."""
    monkeypatch.setattr(_wait, "_FIRST_POLL", 30.0)
    real, begun = steps._ado, asyncio.Event()

    async def noting(client: KimiClient, step: Any) -> Any:
        if isinstance(step, steps.Pause):
            begun.set()
        return await real(client, step)

    monkeypatch.setattr(steps, "_ado", noting)
    return begun


def test_a_cancelled_task_deletes_the_remote_copy(slow_kimi: Emulator, note: Path, pausing: asyncio.Event) -> None:
    async def run() -> None:
        task = asyncio.create_task(files.aextract(client_of(slow_kimi), note))
        await pausing.wait()
        assert len(slow_kimi.files) == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()

    asyncio.run(run())
    assert slow_kimi.files == {}


def test_a_deadline_of_the_callers_own_deletes_the_remote_copy(
    slow_kimi: Emulator, note: Path, pausing: asyncio.Event
) -> None:
    async def run() -> None:
        async with asyncio.timeout(None) as deadline:

            async def strike() -> None:
                await pausing.wait()
                deadline.reschedule(0)

            striking = asyncio.create_task(strike())
            await files.aextract(client_of(slow_kimi), note)
        await striking

    with pytest.raises(TimeoutError):
        asyncio.run(run())
    assert sent_requests(slow_kimi) == ["POST files", "DELETE files"]


# ---------------------------------------------------------------------------------------------------- bad sources


@pytest.fixture
def bad(tmp_path: Path, request: pytest.FixtureRequest) -> tuple[Any, str | None]:
    """A source that cannot be sent, and the name it is given."""
    kind = request.param
    path = tmp_path / "file.txt"
    if kind == "no extension":
        path = tmp_path / "README"
        path.write_text("x")
    elif kind == "hidden file":
        path = tmp_path / ".env"
        path.write_text("x")
    elif kind == "empty":
        path.touch()
    elif kind == "too large":
        with path.open("wb") as sparse:
            sparse.truncate(100 * MB + 1)
    elif kind == "directory":
        path = tmp_path
    elif kind == "fifo":
        os.mkfifo(path)
    values: dict[str, tuple[Any, str | None]] = {
        "bytes without a name": (b"x", None),
        "bytes without an extension": (b"x", "name"),
        "empty bytes": (b"", "a.txt"),
        "stream without a name": (io.BytesIO(b"x"), None),
        "text stream": (io.StringIO("x"), "a.txt"),
        "null in the name": ("a\0.txt", None),
        "none": (None, "a.txt"),
        "number": (5, "a.txt"),
    }
    return values.get(kind, (path, None))


BAD = [
    *("no extension", "hidden file", "empty", "too large", "directory", "missing", "fifo", "bytes without a name"),
    *("bytes without an extension", "empty bytes", "stream without a name", "text stream", "null in the name"),
    *("none", "number"),
]


@pytest.mark.parametrize("bad", BAD, indirect=True)
def test_what_cannot_be_sent_is_refused_before_anything_is(
    ways: Ways, kimi: Emulator, client: KimiClient, bad: tuple[Any, str | None]
) -> None:
    source, name = bad
    for call in ((files.extract, files.aextract), (files.upload, files.aupload)):
        more = () if call[0] is files.extract else ("image",)
        with pytest.raises(KimiInputError) as caught:
            ways.call(*call, client, source, *more, name=name)
        assert caught.value.rule
        assert caught.value.remedy
        assert caught.value.what in ("file", "name")
        assert caught.value.value is None or str(caught.value.value)
    assert kimi.requests == []


def test_a_pipe_that_never_ends_is_not_read_to_its_end() -> None:
    class Endless(io.RawIOBase):
        bytes_read = 0

        def readable(self) -> bool:
            return True

        def seekable(self) -> bool:
            return False

        def read(self, size: int = -1) -> bytes:
            assert size > 0
            self.bytes_read += size
            return b"x" * size

    stream = Endless()
    with pytest.raises(KimiInputError, match="limit is 100 MB"):
        files.open_source(stream, "a.txt")  # type: ignore[arg-type]
    assert stream.bytes_read == 100 * MB + 1


def test_a_file_of_exactly_100_mb_may_go() -> None:
    assert files.open_source(bytes(100 * MB), "a.txt").size == 100 * MB


# ---------------------------------------------------------------------------------------------------- the account


def test_files_are_uploaded_listed_retrieved_read_and_deleted(ways: Ways, kimi: Emulator, client: KimiClient) -> None:
    image = ways.call(files.upload, files.aupload, client, b"\x89PNG", "image", name="a.png")
    text = ways.call(files.upload, files.aupload, client, b"hello", "file-extract", name="a.txt")
    assert image.url == f"ms://{image.id}"
    assert {file.id for file in ways.call(files.list_files, files.alist_files, client)} == {image.id, text.id}
    assert ways.call(files.retrieve, files.aretrieve, client, text.id).filename == "a.txt"
    assert ways.call(files.poll_until_ready, files.apoll_until_ready, client, text).status == "ok"
    assert json.loads(ways.call(files.content, files.acontent, client, text.id))["content"] == "hello"
    assert ways.call(files.delete, files.adelete, client, text.id) is True
    with pytest.raises(errors.KimiNotFoundError):
        ways.call(files.retrieve, files.aretrieve, client, text.id)


def test_a_file_object_may_lack_anything() -> None:
    assert parse_file({"id": 5, "bytes": None, "new": 1}) == files.FileObject("5")


@pytest.mark.parametrize("text", ["plain text", '{"other": 1}', '{"content": 5}', "[1]", "", '{"a":1}\n{"b":2}'])
def test_content_that_is_no_extraction_is_the_text_itself(text: str) -> None:
    assert parse_content(text) == {"content": text}


# ---------------------------------------------------------------------------------------------------- memory

MEASURE = """
    import asyncio, resource, sys
    from kimi_api import KimiClient, files, media

    path, base_url, key, way, what = sys.argv[1:]
    client = KimiClient(api_key=key, base_url=base_url)

    def upload(source, **name):
        if what == "media":  # known by its content, so each is another film
            if way == "sync":
                return media.upload_media(client, source, **name)
            return asyncio.run(media.aupload_media(client, source, **name))
        if way == "sync":
            return files.upload(client, source, "video", **name)
        return asyncio.run(files.aupload(client, source, "video", **name))

    for number in range(3):
        upload(b"\\0\\0\\0\\x18ftypmp42" + bytes([number]) * 200_000, name="small.mp4")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    upload(path)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


class Drain:
    """A server that takes an upload of any size without keeping it."""

    def __init__(self) -> None:
        import http.server

        outer = self
        self.received: list[int] = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                left = total = int(self.headers["Content-Length"])
                while left:
                    left -= len(self.rfile.read(min(left, MB)))
                outer.received.append(total)
                body = json.dumps(record("ok")).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.block_on_close = False
        self.base_url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss counts differently elsewhere")
@pytest.mark.parametrize("what", ["file", "media"])
@pytest.mark.parametrize("way", ["sync", "async"])
def test_a_large_file_is_streamed_from_disk(tmp_path: Path, way: str, what: str) -> None:
    path = tmp_path / "film.mp4"
    with path.open("wb") as sparse:
        sparse.write(b"\0\0\0\x18ftypmp42")
        sparse.truncate(100 * MB)
    drain = Drain()
    try:
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(MEASURE), str(path), drain.base_url, "sk-x", way, what],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        drain.server.shutdown()
        drain.server.server_close()
    assert done.returncode == 0, done.stderr
    assert max(drain.received) > 100 * MB
    assert int(done.stdout) <= 4 * 1024, f"{done.stdout.strip()} kB of memory for a file of 100 MB"


async def test_an_upload_cancelled_on_its_way_is_deleted_all_the_same(client: KimiClient, kimi: Emulator) -> None:
    async def cancelled_after(seconds: float) -> None:
        task = asyncio.create_task(files.aextract(client, b"text" * 50_000, name="big.txt"))
        await asyncio.sleep(seconds)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):  # the last ones may be done by then
            await task

    for step in range(12):  # at various points between the connection and the answer
        await cancelled_after(step * 0.002)
    assert kimi.files == {}
