"""Many files at a time: in their order, each with its own error, and across a crash."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kimi_api import KimiClient, KimiFileError, KimiInputError, bulk, errors, files
from kimi_api.bulk import aextract_many, extract_many, find_files
from kimi_api.files import _wait, ledger
from kimi_api.files.cache import FileCache
from kimi_api.files.ledger import default_ledger
from kimi_emulator import Emulator

Ways = Any  # the fixture `ways` of conftest.py
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, waits: list[float]) -> None:
    monkeypatch.setattr(_wait, "_FIRST_POLL", 0.001)
    monkeypatch.setattr(_wait, "_LONGEST_POLL", 0.002)


def notes(folder: Path, count: int) -> list[Path]:
    paths = [folder / f"{number:02}.txt" for number in range(count)]
    for path in paths:
        path.write_text(f"note {path.stem}")
    return paths


def run(ways: Ways, client: KimiClient, sources: Any, **how: Any) -> list[bulk.FileResult]:
    return ways.collect(extract_many, aextract_many, client, sources, **how)


def uploads(kimi: Emulator) -> list[str]:
    return [request.form["filename"] for request in kimi.requests if request.form]


@pytest.mark.parametrize("at_once", [1, 4])
def test_results_come_in_the_order_of_the_files(
    ways: Ways, kimi: Emulator, client: KimiClient, tmp_path: Path, at_once: int
) -> None:
    paths = notes(tmp_path, 12)
    results = run(ways, client, paths, at_once=at_once)
    assert [result.source for result in results] == paths
    assert [result.file.text for result in results if result.file] == [f"note {path.stem}" for path in paths]
    assert all(result.ok and not result.cached for result in results)
    assert kimi.files == {}
    assert default_ledger().entries() == []


def test_a_file_whose_time_is_over_is_not_begun_anew(ways: Ways, kimi: Emulator, tmp_path: Path) -> None:
    client = KimiClient(base_url=kimi.base_url, api_key=kimi.api_key, max_seconds=0.5)
    kimi.fail("files.pending")
    late, *others = run(ways, client, notes(tmp_path, 3), at_once=1)
    assert isinstance(late.error, errors.KimiDeadlineError)
    assert all(result.ok for result in others)  # each has its own time
    assert len(uploads(kimi)) == 3
    assert kimi.files == {}


def test_one_bad_file_does_not_lose_the_others(ways: Ways, kimi: Emulator, client: KimiClient, tmp_path: Path) -> None:
    good = notes(tmp_path, 2)
    (tmp_path / "empty.txt").touch()
    sources = [good[0], tmp_path / "missing.txt", ("bad.pdf", b"%PDF broken"), tmp_path / "empty.txt", good[1]]
    results = run(ways, client, sources)
    assert [result.ok for result in results] == [True, False, False, False, True]
    assert [type(result.error) for result in results[1:4]] == [KimiInputError, KimiFileError, KimiInputError]
    assert [result.label for result in results[1:4]] == [str(sources[1]), "bad.pdf", str(sources[3])]
    assert "bad.pdf" in str(results[2].error)
    assert kimi.files == {}


@pytest.mark.parametrize("fault", ["http.401_string_code", "http.429_quota", "http.403_quota_2025"])
def test_what_concerns_every_file_ends_the_run(
    ways: Ways, kimi: Emulator, client: KimiClient, tmp_path: Path, fault: str
) -> None:
    kimi.fail_at_rate(1.0, fault)
    with pytest.raises(errors.KimiStatusError) as caught:
        run(ways, client, notes(tmp_path, 30), at_once=2)
    assert "while extracting" in caught.value.__notes__[0]
    assert len(uploads(kimi)) < 10
    assert kimi.files == {}


def test_what_may_pass_is_begun_anew(ways: Ways, kimi: Emulator, client: KimiClient, tmp_path: Path) -> None:
    kimi.fail("files.deleted", "http.504_html", "files.deleted")
    (result,) = run(ways, client, notes(tmp_path, 1), retries=3)
    assert result.ok
    assert len(uploads(kimi)) == 4
    kimi.fail("files.deleted", "files.deleted")
    (failed,) = run(ways, client, [("new.txt", b"new")], retries=1)
    assert isinstance(failed.error, KimiFileError)
    assert "gone" in str(failed.error)


def test_a_copy_that_arrived_without_an_answer_is_used(
    ways: Ways, kimi: Emulator, client: KimiClient, tmp_path: Path
) -> None:
    kimi.fail("close.before_headers")
    (result,) = run(ways, client, notes(tmp_path, 1))
    assert result.ok
    assert len(uploads(kimi)) == 1
    assert kimi.files == {}


def test_equal_files_are_sent_once(ways: Ways, kimi: Emulator, client: KimiClient) -> None:
    results = run(ways, client, [("a.txt", b"same"), ("b.txt", b"same")], at_once=1)
    assert [(result.file.name, result.cached) for result in results if result.file] == [
        ("a.txt", False),
        ("b.txt", True),
    ]
    assert re.fullmatch(r"a-[0-9a-f]{16}\.txt", *uploads(kimi))


def test_files_are_taken_as_results_are_asked_for(kimi: Emulator, client: KimiClient, tmp_path: Path) -> None:
    taken = []

    def sources() -> Any:
        for path in notes(tmp_path, 20):
            taken.append(path)
            yield path

    results = extract_many(client, sources(), at_once=3)
    assert taken == []
    next(results)
    assert len(taken) <= 4
    results.close()
    assert kimi.files == {}


@pytest.mark.parametrize("bad", [{"at_once": 0}, {"retries": -1}])
def test_impossible_arguments_are_refused_at_once(client: KimiClient, bad: dict[str, int]) -> None:
    for many in (extract_many, aextract_many):
        with pytest.raises(KimiInputError, match=next(iter(bad))):
            many(client, [], **bad)


def test_a_bar_counts_the_files(
    ways: Ways, kimi: Emulator, client: KimiClient, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(ways, client, iter(notes(tmp_path, 3)), show_progress=True)
    assert "3/3" in capsys.readouterr().err


def test_what_was_sent_but_not_read_is_read_and_the_rest_of_a_crash_removed(
    ways: Ways, kimi: Emulator, client: KimiClient, tmp_path: Path
) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    owner = f"{ledger._host()}:{gone.pid}"
    book, scope = default_ledger(), client.scope()
    paths = notes(tmp_path, 3)
    for number, source in enumerate([*paths[:2], ("forgotten.txt", b"nobody asks for it again")]):
        name, data = source if isinstance(source, tuple) else (source.name, source.read_bytes())
        file = files.open_source(data, name)
        digest = file.sha256()
        sent_as = bulk_name(name, digest)
        record = client.request("POST", "/files", upload=file.upload("file-extract", sent_as)).body
        entry = book.begin(scope, "file-extract", sent_as, file.size, digest)
        entry = book._write(ledger.replace(entry, owner=owner))
        if number != 1:  # of the second the answer never came
            book.settle(entry, record["id"])
    kimi.requests.clear()
    results = run(ways, client, paths, at_once=1)
    assert [result.file.text for result in results if result.file] == [f"note {path.stem}" for path in paths]
    assert len(uploads(kimi)) == 1, "only the third file is sent"
    assert kimi.files == {}
    assert book.entries() == []


def bulk_name(name: str, digest: str) -> str:
    return f"{Path(name).stem}-{digest[:16]}{Path(name).suffix}"


def test_directories_are_searched_for_what_can_be_extracted(tmp_path: Path) -> None:
    for name in ("b.txt", "a.PDF", "c.exe", ".hidden.txt", "sub/d.md", ".git/e.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
    assert [str(path.relative_to(tmp_path)) for path in find_files(tmp_path)] == ["a.PDF", "b.txt", "sub/d.md"]
    assert find_files([tmp_path / "c.exe", tmp_path / "sub"]) == [tmp_path / "c.exe", tmp_path / "sub" / "d.md"]
    assert find_files(str(tmp_path), glob="*.txt") == [tmp_path / "b.txt"]
    with pytest.raises(KimiInputError, match=r"\*\.rst"):
        find_files(tmp_path, glob="*.rst")


async def test_both_frameworks_readers_take_a_cache(kimi: Emulator, tmp_path: Path) -> None:
    from langchain_core.documents.base import Blob

    from langchain_kimi import KimiBlobParser, KimiFileLoader
    from llama_index_kimi import KimiFileReader

    (path,) = notes(tmp_path, 1)
    settings: dict[str, Any] = {"base_url": kimi.base_url, "api_key": kimi.api_key}
    cache = FileCache.on_disk(tmp_path / "cache")
    loader = KimiFileLoader(path, cache=cache, **settings)
    texts = [loader.load()[0].page_content, (await loader.aload())[0].page_content]
    texts.append(KimiBlobParser(cache=cache, **settings).parse(Blob.from_path(path))[0].page_content)
    reader = KimiFileReader(cache=cache, **settings)
    texts += [reader.load_data(path)[0].text, (await reader.aload_data(path))[0].text]
    assert texts == ["note 00"] * 5
    assert len(uploads(kimi)) == 1


# ---------------------------------------------------------------------------------------------------- the example


def example(*arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "examples.bulk_extract", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def figures(printed: str, count: int) -> float:
    """The memory growth, after everything else was checked."""
    match = re.search(r"^ok (\d+) \+ failed (\d+) = (\d+)$", printed, re.M)
    assert match
    assert int(match[3]) == int(match[1]) + int(match[2]) == count
    assert int(match[1]) > count * 0.9
    for line in ("wrong text 0", "remote files left 0", "results in the order of the files: yes"):
        assert line in printed
    growth = re.search(r"^memory grew by (-?[\d.]+) MB", printed, re.M)
    assert growth
    return float(growth[1])


def test_the_example_with_a_crash_in_the_middle() -> None:
    printed = example("--files", 60, "--faults", 0.1, "--seed", 7, "--kill-at", 30)
    figures(printed, 60)
    assert "uploaded twice 0" in printed
    cached = re.search(r"^from the cache (\d+)$", printed, re.M)
    assert cached
    assert int(cached[1]) >= 25


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("more", [(), ("--kill-at", 250)])
def test_the_example_in_full(more: tuple[object, ...]) -> None:
    printed = example("--files", 500, "--faults", 0.1, "--seed", 7, *more)
    assert figures(printed, 500) <= 10.0
    assert not more or "uploaded twice 0" in printed
