"""What is kept on disk between runs: the cache of texts and the ledger of uploads."""

from __future__ import annotations

import copy
import json
import os
import pickle
import signal
import stat
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from kimi_api import KimiClient, KimiInputError, KimiWarning
from kimi_api.files import _disk, ledger
from kimi_api.files.cache import FileCache
from kimi_api.files.ledger import Ledger, LedgerEntry, default_ledger

SCOPE = "api-test-0123456789abcdef"
SHA = "ab" * 32


@pytest.fixture(params=["memory", "disk"])
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> FileCache:
    return FileCache(max_bytes=4000) if request.param == "memory" else FileCache.on_disk(tmp_path / "c", max_bytes=4000)


def run_python(code: str, *arguments: object, **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)


# ---------------------------------------------------------------------------------------------------- cache


def test_what_was_put_is_got(cache: FileCache) -> None:
    assert cache.get("a") is None
    cache.put("a", {"content": "雪\u2028\ud800", "n": 1})
    cache.put("b", {"content": ""})
    cache.put("a", {"content": "newer"})
    assert (cache.get("a"), cache.get("b"), len(cache)) == ({"content": "newer"}, {"content": ""}, 2)
    cache.clear()
    assert (cache.get("a"), len(cache), cache.bytes) == (None, 0, 0)


def test_what_was_not_used_for_longest_goes_first(cache: FileCache) -> None:
    now = time.time()
    for number in range(4):
        cache.put(f"{number}", {"content": "x" * 800})
        if cache.directory is not None:  # file times are coarse
            os.utime(cache._path(f"{number}"), (now - 100 + number, now - 100 + number))
    assert cache.get("0") is not None
    cache.put("4", {"content": "x" * 800})
    assert cache.bytes <= cache.max_bytes
    assert cache.get("0") is not None
    assert cache.get("4") is not None
    assert cache.get("1") is None


def test_the_newest_entry_stays_though_it_fills_more_than_an_eviction_leaves(tmp_path: Path) -> None:
    cache = FileCache.on_disk(tmp_path / "c", max_bytes=4000)
    cache.put("old", {"content": "x" * 800})
    os.utime(cache._path("old"), (time.time() - 100,) * 2)
    cache.put("new", {"content": "x" * 3800})  # above nine tenths of the whole, below the whole
    assert cache.get("new") is not None
    assert cache.get("old") is None


def test_what_is_larger_than_the_cache_is_not_kept(cache: FileCache) -> None:
    cache.put("small", {"content": "x"})
    cache.put("large", {"content": "x" * 5000})
    assert cache.get("large") is None
    assert cache.get("small") is not None


@pytest.mark.parametrize("size", [0, -1])
def test_a_cache_needs_room(size: int) -> None:
    with pytest.raises(KimiInputError, match="max_bytes"):
        FileCache(max_bytes=size)


def test_entries_on_disk_are_for_their_owner_alone(tmp_path: Path) -> None:
    cache = FileCache.on_disk(tmp_path / "new" / "cache")
    cache.put("a", {"content": "secret"})
    (entry,) = (tmp_path / "new" / "cache").iterdir()
    assert stat.S_IMODE(entry.stat().st_mode) == 0o600
    assert stat.S_IMODE(entry.parent.stat().st_mode) == 0o700


def test_another_process_finds_the_entries(tmp_path: Path) -> None:
    FileCache.on_disk(tmp_path).put("a", {"content": "text"})
    code = "import sys\nfrom kimi_api.files.cache import FileCache\nprint(FileCache.on_disk(sys.argv[1]).get('a'))"
    with run_python(code, tmp_path) as other:
        assert other.communicate(timeout=30)[0] == "{'content': 'text'}\n"


@pytest.mark.parametrize("damage", [b"", b"half", b"{}", b'0000\n{"content":"other"}'])
def test_a_damaged_entry_counts_as_absent_and_is_removed(
    tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    cache = FileCache.on_disk(tmp_path)
    cache.put("a", {"content": "text"})
    cache._path("a").write_bytes(damage)
    assert cache.get("a") is None
    assert not cache._path("a").exists()
    assert "damaged" in caplog.text


def test_a_disk_that_cannot_be_written_costs_the_entry_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = FileCache.on_disk(tmp_path / "file" / "cache")
    cache.put("a", {"content": "text"})
    assert cache.get("a") is None
    assert "cannot be" in caplog.text


def test_copies_share_a_cache_and_pickles_its_place(tmp_path: Path) -> None:
    disk, memory = FileCache.on_disk(tmp_path), FileCache(max_bytes=5)
    disk.put("a", {"content": "text"})
    assert pickle.loads(pickle.dumps(disk)).get("a") == {"content": "text"}
    assert pickle.loads(pickle.dumps(memory)).max_bytes == 5
    assert copy.deepcopy(disk) is disk


WRITE = """
    import sys
    from kimi_api.files.cache import FileCache
    cache = FileCache.on_disk(sys.argv[1], max_bytes=50_000_000)
    print("ready", flush=True)
    for number in range(1_000_000):
        cache.put(f"{number % 7}", {"content": str(number) * 200_000, "number": number})
"""


def test_a_process_killed_while_writing_leaves_no_broken_entry(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def parts() -> set[str]:
        return {path.name for path in tmp_path.iterdir() if path.name.startswith(_disk.PART)}

    caught = 0
    for attempt in range(40):
        with run_python(WRITE, tmp_path) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(0.003 * attempt)
            given_up = time.monotonic() + 2
            left_by_others = parts()
            while parts() <= left_by_others and time.monotonic() < given_up:
                pass
            os.kill(writer.pid, signal.SIGKILL)
        caught += not parts() <= left_by_others
        cache = FileCache.on_disk(tmp_path)
        for number in range(7):
            entry = cache.get(f"{number}")
            assert entry is None or entry["content"] == str(entry["number"]) * 200_000
        if attempt >= 4 and caught >= 2:
            break
    assert caught, "no kill came in the middle of a write"
    assert "damaged" not in caplog.text


def test_what_a_killed_process_was_writing_is_removed_when_it_is_old(tmp_path: Path) -> None:
    fresh, old = tmp_path / f"{_disk.PART}fresh", tmp_path / f"{_disk.PART}old"
    for path in (fresh, old):
        path.write_bytes(b"half")
    os.utime(old, (1, 1))
    assert len(FileCache.on_disk(tmp_path)) == 0
    assert (fresh.exists(), old.exists()) == (True, False)


MANY = """
    import sys
    from kimi_api.files.cache import FileCache
    from kimi_api.files.ledger import Ledger
    who, place = sys.argv[1:]
    cache, ledger = FileCache.on_disk(place + "/cache", max_bytes=60_000), Ledger(place + "/ledger")
    for number in range(150):
        cache.put(f"{number % 20}", {"content": f"{number % 20}" * 2000})
        found = cache.get(f"{(number * 7) % 20}")
        assert found is None or found["content"] == f"{(number * 7) % 20}" * 2000
        entry = ledger.begin("scope", "image", f"{who}-{number}.png", 1, "cd" * 32)
        entry = ledger.settle(entry, f"id-{who}-{number}")
        if number % 2:
            assert ledger.remove(entry)
    print("done")
"""


def test_processes_share_both_without_harm(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    workers = [run_python(MANY, who, tmp_path) for who in ("a", "b", "c")]
    assert [worker.communicate(timeout=60)[0] for worker in workers] == ["done\n"] * 3
    left = {entry.file_id for entry in Ledger(tmp_path / "ledger").entries("scope")}
    assert left == {f"id-{who}-{number}" for who in ("a", "b", "c") for number in range(0, 150, 2)}
    assert FileCache.on_disk(tmp_path / "cache").bytes <= 60_000 + 3 * 5000
    assert "damaged" not in caplog.text


# ---------------------------------------------------------------------------------------------------- ledger


@pytest.fixture(params=["memory", "disk"])
def book(request: pytest.FixtureRequest, tmp_path: Path) -> Ledger:
    return Ledger.in_memory() if request.param == "memory" else Ledger(tmp_path / "ledger")


def test_an_upload_is_noted_completed_found_and_forgotten(book: Ledger) -> None:
    begun = book.begin(SCOPE, "image", "a.png", 5, SHA, keep=True)
    assert book.entries() == [begun]
    assert book.find(SCOPE, "image", SHA) is None, "no id has come"
    done = book.settle(begun, "f1")
    assert (done.file_id, done.key) == ("f1", begun.key)
    assert book.entries() == [done]
    assert book.find(SCOPE, "image", SHA) == done
    assert book.find(SCOPE, "video", SHA) is None
    assert book.find("api-other-0", "image", SHA) is None
    assert book.remove(done) is True
    assert (book.remove(done), book.entries()) == (False, [])


def test_entries_are_those_of_one_account(book: Ledger) -> None:
    ours = book.begin(SCOPE, "file-extract", "a.txt", 1, SHA)
    book.begin(SCOPE + "0", "file-extract", "a.txt", 1, SHA)
    assert book.entries(SCOPE) == [ours]
    assert len(book.entries()) == 2
    assert book.entries(SCOPE, "file-extract", "cd" * 32) == []


def test_a_deleted_file_is_forgotten_by_its_id(book: Ledger) -> None:
    book.settle(book.begin(SCOPE, "image", "a.png", 1, SHA), "f1")
    other = book.settle(book.begin(SCOPE, "image", "b.png", 1, SHA), "f2")
    book.forget_file(SCOPE, "f1")
    assert book.entries() == [other]


def test_only_one_takes_over_what_a_dead_process_left(book: Ledger) -> None:
    entry = book.settle(book.begin(SCOPE, "file-extract", "a.txt", 1, SHA), "f1")
    claimed = book.claim(entry)
    assert claimed is not None
    assert (claimed.file_id, claimed.key != entry.key) == ("f1", True)
    assert book.claim(entry) is None
    assert book.entries() == [claimed]


def of(owner: str) -> LedgerEntry:
    return LedgerEntry("k", SCOPE, "file-extract", "a.txt", 1, SHA, 1.0, owner=owner)


def test_whose_process_is_gone() -> None:
    with run_python("pass") as ended:
        ended.communicate()
    host = ledger._host()
    assert of(f"{host}:{ended.pid}").orphaned
    assert of(f"{host}:{ended.pid}").idle
    assert not of(f"{host}:{os.getpid()}").orphaned
    assert of(ledger._me()).idle
    assert not of(f"{host}:{os.getpid()}:another").idle, "another container's process of the same number"
    assert not of(f"{host}:{os.getppid()}").idle
    assert not of(f"elsewhere:{ended.pid}").orphaned
    assert not of("").orphaned


def test_a_damaged_or_foreign_note_is_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    book = Ledger(tmp_path)
    good = book.begin(SCOPE, "image", "a.png", 1, SHA)
    for name, data in {"broken": "{", "list": "[1]", "other": '{"a": 1}'}.items():
        (tmp_path / f"{SCOPE}.image.{name}.json").write_text(data)
    newer = json.loads((tmp_path / f"{good.key}.json").read_text()) | {"new_member": 1}
    (tmp_path / f"{good.key}.json").write_text(json.dumps(newer))
    assert book.entries(SCOPE) == [good]
    assert caplog.text.count("is damaged and is skipped") == 3


def test_a_ledger_that_cannot_be_written_says_so_and_goes_on_in_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    book = Ledger(tmp_path / "file" / "ledger")
    with pytest.warns(KimiWarning, match="KIMI_STATE_DIR"):
        entry = book.begin(SCOPE, "image", "a.png", 1, SHA)
    assert book.settle(entry, "f1").file_id == "f1"
    assert book._kept[entry.key].file_id == "f1"


def test_the_users_ledger_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KIMI_STATE_DIR", str(tmp_path))
    assert default_ledger().directory == tmp_path / "ledger"
    monkeypatch.delenv("KIMI_STATE_DIR")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    assert _disk.APP in str(default_ledger().directory)
    assert _disk.APP in str(_disk.cache_directory({}))


def test_accounts_are_told_apart_without_showing_the_key() -> None:
    key = "sk-test-very-secret"
    one = KimiClient(api_key=key, base_url="https://api.moonshot.ai/v1").scope()
    assert one == KimiClient(api_key=lambda: key, base_url="https://api.moonshot.ai/v1/").scope()
    assert one.startswith("api-moonshot-ai-v1-")
    others = [("sk-test-other", "https://api.moonshot.ai/v1"), (key, "https://api.moonshot.cn/v1")]
    assert len({one, *(KimiClient(api_key=k, base_url=u).scope() for k, u in others)}) == 3
    assert "secret" not in one
