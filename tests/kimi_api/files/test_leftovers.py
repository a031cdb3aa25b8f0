"""What must not stay behind on the platform, and must not be removed from it either."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kimi_api import KimiClient, KimiFileError, errors, files
from kimi_api.files import _upload_lock, _wait, ledger
from kimi_api.files._leftovers import _match
from kimi_api.files._records import FileObject
from kimi_api.files.cache import FileCache
from kimi_api.files.ledger import Ledger, default_ledger
from kimi_emulator import Emulator, Limits

Ways = RawServer = Any  # the fixtures `ways` and `raw` of conftest.py
HOUR = 3600.0


@pytest.fixture(autouse=True)
def _quick_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_wait, "_FIRST_POLL", 0.001)
    monkeypatch.setattr(_wait, "_LONGEST_POLL", 0.002)


@pytest.fixture(scope="module")
def _small() -> Iterator[Emulator]:
    with Emulator(limits=Limits(files=3, total_bytes=1000)) as kimi:
        yield kimi


@pytest.fixture
def small(_small: Emulator) -> Emulator:
    """An account that holds three files and 1,000 bytes."""
    _small.reset()
    return _small


def client_of(kimi: Emulator, **settings: Any) -> KimiClient:
    return KimiClient(api_key=kimi.api_key, base_url=kimi.base_url, **settings)


def sent_requests(kimi: Emulator) -> list[str]:
    return [f"{request.method} {'list' if request.path == '/v1/files' else 'one'}" for request in kimi.requests]


def left_behind(kimi: Emulator, client: KimiClient, name: str = "old.txt", age: float = 2 * HOUR, **how: Any) -> str:
    """A copy from an extraction that began so long ago, noted in the ledger; its id."""
    book = default_ledger()
    file = client.request("POST", "/files", upload=files.open_source(b"text", name).upload("file-extract")).body
    entry = book.begin(client.scope(), "file-extract", name, 4, "ef" * 32, **how)
    book.settle(ledger.replace(entry, started_at=time.time() - age), file["id"])
    kimi.requests.clear()
    return file["id"]


# ---------------------------------------------------------------------------------------------------- cache


def test_the_same_content_is_sent_once(ways: Ways, kimi: Emulator, client: KimiClient) -> None:
    cache = FileCache()
    first = ways.call(files.extract, files.aextract, client, b"text", name="a.txt", cache=cache)
    second = ways.call(files.extract, files.aextract, client, b"text", name="b.TXT", cache=cache)
    assert (first.cached, second.cached) == (False, True)
    assert (second.text, second.name, second.sha256) == ("text", "b.TXT", first.sha256)
    assert len(kimi.requests) == 3
    ways.call(files.extract, files.aextract, client, b"text", name="a.md", cache=cache)
    ways.call(files.extract, files.aextract, client, b"other", name="a.txt", cache=cache)
    assert len(kimi.requests) == 9, "another kind and another content are other files"


def test_hosts_do_not_share_texts(kimi: Emulator, small: Emulator) -> None:
    cache = FileCache()
    for server in (kimi, small):
        assert not files.extract(client_of(server), b"text", name="a.txt", cache=cache).cached


def test_a_failure_is_not_remembered(ways: Ways, kimi: Emulator, client: KimiClient) -> None:
    cache = FileCache()
    kimi.fail("files.failed")
    with pytest.raises(KimiFileError):
        ways.call(files.extract, files.aextract, client, b"text", name="a.txt", cache=cache)
    assert len(cache) == 0
    assert ways.call(files.extract, files.aextract, client, b"text", name="a.txt", cache=cache).text == "text"


# ---------------------------------------------------------------------------------------------------- ledger


def test_the_ledger_is_empty_after_an_extraction(ways: Ways, kimi: Emulator, client: KimiClient) -> None:
    ways.call(files.extract, files.aextract, client, b"text", name="a.txt")
    kimi.fail("files.failed", "http.401_string_code")
    for _ in range(2):
        with pytest.raises(Exception, match=r".+"):
            ways.call(files.extract, files.aextract, client, b"text", name="a.txt")
    assert default_ledger().entries() == []


def test_what_is_kept_is_noted_until_it_is_deleted(ways: Ways, kimi: Emulator, client: KimiClient) -> None:
    ways.call(files.extract, files.aextract, client, b"text", name="a.txt", delete_after=False)
    image = ways.call(files.upload, files.aupload, client, b"\x89PNG", "image", name="a.png")
    assert [(entry.keep, entry.purpose) for entry in default_ledger().entries()] == [
        (True, "file-extract"),
        (True, "image"),
    ]
    ways.call(files.delete, files.adelete, client, image.id)
    assert [entry.purpose for entry in default_ledger().entries()] == ["file-extract"]


@pytest.mark.parametrize("fault", ["close.before_headers", "close.after_headers", "close.mid_event"])
def test_a_copy_whose_id_never_arrived_is_found_and_removed(
    ways: Ways, kimi: Emulator, client: KimiClient, waits: list[float], fault: str
) -> None:
    kimi.fail(fault)
    assert ways.call(files.extract, files.aextract, client, b"text", name="a.txt").text == "text"
    assert sent_requests(kimi) == ["POST list", "GET list", "DELETE one", "POST list", "GET one", "DELETE one"]
    assert kimi.files == {}
    assert default_ledger().entries() == []


def test_a_file_of_somebody_else_that_looks_alike_is_left_alone(
    ways: Ways, kimi: Emulator, client: KimiClient, waits: list[float]
) -> None:
    theirs = client.request("POST", "/files", upload=files.open_source(b"text", "a.txt").upload("file-extract")).body
    kimi.fail("close.before_headers")
    assert ways.call(files.extract, files.aextract, client, b"text", name="a.txt").text == "text"
    assert theirs["id"] in kimi.files, "one of two was ours, and nobody can say which"


def test_a_file_that_two_uploads_could_have_made_belongs_to_neither() -> None:
    book = Ledger.in_memory()
    first = book.begin("scope", "file-extract", "a.txt", 4, "")
    stored = FileObject("file-1", "a.txt", 4, int(first.started_at), "file-extract")
    assert _match(first, [stored], book.entries()) == stored
    second = book.begin("scope", "file-extract", "a.txt", 4, "")
    assert _match(first, [stored], book.entries()) is None
    assert _match(second, [stored], book.entries()) is None
    book.settle(second, "file-1")
    assert _match(first, [stored], book.entries()) is None, "it is known to be the other's"


def test_an_upload_that_was_refused_is_not_looked_for(
    ways: Ways, kimi: Emulator, client: KimiClient, waits: list[float]
) -> None:
    kimi.fail("http.503", "http.429_overloaded")
    assert ways.call(files.extract, files.aextract, client, b"text", name="a.txt").text == "text"
    assert sent_requests(kimi) == ["POST list"] * 3 + ["GET one", "DELETE one"]


# ---------------------------------------------------------------------------------------------------- pruning


def test_only_our_own_old_leftovers_are_pruned(ways: Ways, kimi: Emulator, client: KimiClient) -> None:
    old, young = left_behind(kimi, client), left_behind(kimi, client, "young.txt", age=60.0)
    permanent = left_behind(kimi, client, "kept.txt", keep=True)
    theirs = client.request("POST", "/files", upload=files.open_source(b"x", "x.txt").upload("file-extract")).body["id"]
    book = default_ledger()
    for entry in book.entries():  # as if another process that still runs had begun them
        book._write(ledger.replace(entry, owner=f"{ledger._host()}:{os.getppid()}"))
    assert [f.id for f in ways.call(files.prune, files.aprune, client, dry_run=True)] == [old]
    assert set(kimi.files) == {old, young, permanent, theirs}
    assert [f.id for f in ways.call(files.prune, files.aprune, client)] == [old]
    assert [f.id for f in ways.call(files.prune, files.aprune, client, older_than=30.0)] == [young]
    assert set(kimi.files) == {permanent, theirs}
    assert [f.id for f in ways.call(files.prune, files.aprune, client, include_kept=True)] == [permanent]
    assert set(kimi.files) == {theirs}
    assert book.entries() == []


def test_what_a_dead_process_left_is_pruned_whatever_its_age(ways: Ways, kimi: Emulator, client: KimiClient) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    file_id = left_behind(kimi, client, age=1.0)
    (entry,) = default_ledger().entries()
    default_ledger()._write(ledger.replace(entry, owner=f"{ledger._host()}:{gone.pid}"))
    assert [f.id for f in ways.call(files.prune, files.aprune, client)] == [file_id]


def test_what_this_process_is_working_on_is_not_pruned(kimi: Emulator, client: KimiClient) -> None:
    sightings: list[Any] = []

    class Waiting(FileCache):
        def put(self, name: str, value: Any) -> None:
            sightings.append((list(kimi.files), files.prune(client, older_than=0.0)))

    files.extract(client, b"text", name="a.txt", cache=Waiting())
    ((there, pruned),) = sightings
    assert (len(there), pruned) == (1, [])


def test_nothing_is_asked_where_nothing_was_left(ways: Ways, kimi: Emulator, client: KimiClient) -> None:
    assert ways.call(files.prune, files.aprune, client) == []
    assert kimi.requests == []


def test_a_note_of_a_file_that_is_gone_is_removed(ways: Ways, kimi: Emulator, client: KimiClient) -> None:
    file_id = left_behind(kimi, client)
    client.request("DELETE", f"/files/{file_id}")
    assert ways.call(files.prune, files.aprune, client) == []
    assert default_ledger().entries() == []


# ---------------------------------------------------------------------------------------------------- a full account


@pytest.mark.parametrize("full_of", ["files", "bytes"])
def test_a_full_account_is_cleared_of_our_leftovers(ways: Ways, small: Emulator, full_of: str) -> None:
    client = client_of(small)
    old = left_behind(small, client)
    for number in range(2 if full_of == "files" else 1):
        content = b"x" * (10 if full_of == "files" else 995)
        client.request("POST", "/files", upload=files.open_source(content, f"{number}.txt").upload("file-extract"))
    assert ways.call(files.extract, files.aextract, client, b"texts", name="a.txt").text == "texts"
    assert old not in small.files
    assert len(small.files) == (2 if full_of == "files" else 1)


def test_an_account_that_is_full_of_other_files_is_an_error_that_says_so(ways: Ways, small: Emulator) -> None:
    client = client_of(small)
    for number in range(3):
        client.request("POST", "/files", upload=files.open_source(b"x", f"{number}.txt").upload("file-extract"))
    young = len(small.files)
    for call in ((files.extract, files.aextract), (files.upload, files.aupload)):
        more = () if call[0] is files.extract else ("image",)
        with pytest.raises(KimiFileError, match="account is full") as caught:
            ways.call(*call, client, b"text", *more, name="a.txt")
        assert isinstance(caught.value.__cause__, errors.KimiBadRequestError)
        assert "prune" in str(caught.value)
    assert len(small.files) == young
    assert default_ledger().entries() == []


def test_what_an_account_holds() -> None:
    all_files = [files.FileObject("a", bytes=5, purpose="image"), files.FileObject("b", bytes=7, purpose="image")]
    usage = files.usage([*all_files, files.FileObject("c", purpose="batch")])
    assert (usage.count, usage.bytes, usage.by_purpose) == (3, 12, {"image": 2, "batch": 1})
    assert (usage.max_count, usage.max_bytes) == (1000, 10 * 1024**3)


# ---------------------------------------------------------------------------------------------------- Ctrl-C

WORK = """
    import signal, sys
    # Who was started in the background of a shell has Ctrl-C switched off.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    from kimi_api import KimiClient, files
    from kimi_api.bulk import extract_many
    how, base_url, key, *paths = sys.argv[1:]
    client = KimiClient(api_key=key, base_url=base_url)
    print("begun", flush=True)
    if how == "extract":
        files.extract(client, paths[0])
    elif how == "extract_many":
        list(extract_many(client, paths, at_once=3))
    else:
        import asyncio
        from kimi_api.bulk import aextract_many

        async def run():
            return [result async for result in aextract_many(client, paths, at_once=3)]

        asyncio.run(run())
"""


@pytest.mark.parametrize("how", ["extract", "extract_many", "aextract_many"])
def test_ctrl_c_in_a_real_process_leaves_nothing_behind(tmp_path: Path, how: str) -> None:
    paths = []
    for number in range(6):
        paths.append(tmp_path / f"{number}.txt")
        paths[-1].write_text(f"text {number}")
    expected = 1 if how == "extract" else 3
    with Emulator(pending_polls=10**6) as kimi:
        worker = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(WORK), how, kimi.base_url, kimi.api_key, *map(str, paths)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        deadline = time.monotonic() + 30
        while len(kimi.files) < expected and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(kimi.files) == expected
        began = time.monotonic()
        worker.send_signal(signal.SIGINT)
        _, complaint = worker.communicate(timeout=30)
        assert "KeyboardInterrupt" in complaint
        assert time.monotonic() - began < 8
        assert kimi.files == {}
    assert Ledger(Path(os.environ["KIMI_STATE_DIR"]) / "ledger").entries() == []


# ---------------------------------------------------------------------------------------------------- turns


def test_equal_media_that_are_sent_at_the_same_time_go_up_once(kimi: Emulator, client: KimiClient) -> None:
    from kimi_api.media import upload_media

    content = b"\x89PNG\r\n\x1a\n" + os.urandom(2_000_000)
    ids: list[str] = []
    threads = [threading.Thread(target=lambda: ids.append(upload_media(client, content).id)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(ids) == 6
    assert set(ids) == set(kimi.files)
    assert len(kimi.files) == 1
    assert not _upload_lock._under_way
