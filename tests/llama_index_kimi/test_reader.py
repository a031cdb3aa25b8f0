"""`KimiFileReader`: files, lists, directories and core's own directory reader, over the emulator."""

from __future__ import annotations

import asyncio
import io
import pickle
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from llama_index.core import SimpleDirectoryReader
from llama_index.core.ingestion import DocstoreStrategy, IngestionPipeline
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.storage.docstore import SimpleDocumentStore

from kimi_api.errors import KimiInputError, KimiKeyError
from kimi_api.files import FileCache
from kimi_emulator import Emulator
from llama_index_kimi import KimiFileReader


@pytest.fixture
def make_reader(kimi: Emulator) -> Callable[..., KimiFileReader]:
    def make_file_reader(**settings: Any) -> KimiFileReader:
        return KimiFileReader(**{"base_url": kimi.base_url, "api_key": kimi.api_key, **settings})

    return make_file_reader


@pytest.fixture
def reader(make_reader: Callable[..., KimiFileReader]) -> KimiFileReader:
    return make_reader()


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    root = tmp_path / "docs"
    (root / "sub").mkdir(parents=True)
    for number in range(6):
        (root / f"{number}.txt").write_text(f"Text number {number}. 月")
    (root / "sub" / "deep.md").write_text("# Deep")
    (root / ".hidden.txt").write_text("no")
    (root / "unknown.zzz").write_text("no")
    return root


def test_reads_bytes_and_open_files_under_a_given_name(reader: KimiFileReader, docs: Path) -> None:
    (document,) = reader.load_data(b"from bytes", extra_info={"file_name": "a.txt", "lang": "en"})
    assert (document.text, document.metadata["lang"]) == ("from bytes", "en")
    (document,) = reader.load_data(io.BytesIO(b"from a stream"), {"file_name": "b.txt"})
    assert document.text == "from a stream"
    with (docs / "2.txt").open("rb") as opened:
        assert reader.load_data(opened)[0].metadata["file_name"] == "2.txt"


def test_reads_lazily_and_stops_when_the_consumer_stops(
    kimi: Emulator, make_reader: Callable[..., KimiFileReader], docs: Path
) -> None:
    documents = make_reader(num_workers=1).lazy_load_data(docs)
    next(iter(documents))
    documents.close()
    assert sum(request.method == "POST" for request in kimi.requests) <= 2


async def test_counts_workers_over_all_calls_on_a_reader(
    make_reader: Callable[..., KimiFileReader], docs: Path
) -> None:
    reader = make_reader(num_workers=2)
    peak = _watch(reader)
    await asyncio.gather(*(reader.aload_data(docs / f"{number}.txt") for number in range(6)))
    assert peak() == 2


def _watch(reader: KimiFileReader) -> Callable[[], int]:
    """The largest number of files between their first request, the upload, and their last, the deletion."""
    client = reader._connect()
    lock = threading.Lock()
    under_way, peak = 0, 0
    request, arequest = client.request, client.arequest

    def count(change: int) -> None:
        nonlocal under_way, peak
        with lock:
            under_way += change
            peak = max(peak, under_way)

    def watch_request(method: str, path: str, **kwargs: Any) -> Any:
        if method == "POST":
            count(1)
        try:
            return request(method, path, **kwargs)
        finally:
            if method == "DELETE":
                count(-1)

    async def awatch_request(method: str, path: str, **kwargs: Any) -> Any:
        if method == "POST":
            count(1)
        try:
            return await arequest(method, path, **kwargs)
        finally:
            if method == "DELETE":
                count(-1)

    client.request, client.arequest = watch_request, awatch_request  # type: ignore[method-assign]
    return lambda: peak


def test_metadata_is_a_fresh_dict_for_each_document(reader: KimiFileReader, docs: Path) -> None:
    info = {"owner": "me"}
    first, second = reader.load_data([docs / "1.txt", docs / "2.txt"], extra_info=info)
    first.metadata["owner"] = "you"
    assert second.metadata["owner"] == "me"
    assert info == {"owner": "me"}


def test_ids_and_hashes_are_the_same_on_every_run(reader: KimiFileReader, docs: Path) -> None:
    pipeline = IngestionPipeline(transformations=[SentenceSplitter(chunk_size=64, chunk_overlap=0)])
    first, again = reader.load_data(docs), reader.load_data(docs)
    assert [d.id_ for d in first] == [d.id_ for d in again]
    assert [d.hash for d in first] == [d.hash for d in again]
    assert len({d.id_ for d in first}) == len(first)
    assert [n.hash for n in pipeline.run(documents=first)] == [n.hash for n in pipeline.run(documents=again)]


@pytest.mark.parametrize("where", ["one reader", "a cache on disk"])
def test_a_second_run_of_an_ingestion_pipeline_uploads_nothing(
    kimi: Emulator, make_reader: Callable[..., KimiFileReader], docs: Path, tmp_path: Path, where: str
) -> None:
    """The docstore drops what it knows by its hash, and the reader does not read the same bytes twice."""
    docstore = SimpleDocumentStore()
    pipeline = IngestionPipeline(
        transformations=[SentenceSplitter(chunk_size=64, chunk_overlap=0)],
        docstore=docstore,
        docstore_strategy=DocstoreStrategy.DUPLICATES_ONLY,
    )

    def run(reader: KimiFileReader) -> int:
        return len(pipeline.run(documents=reader.load_data(docs)))

    def readers() -> KimiFileReader:
        return make_reader(cache=FileCache.on_disk(tmp_path / "cache"))

    first = make_reader() if where == "one reader" else readers()
    assert run(first) == 7
    assert sum(request.method == "POST" for request in kimi.requests) == 7
    kimi.requests.clear()
    assert run(first if where == "one reader" else readers()) == 0
    assert kimi.requests == []
    (docs / "3.txt").write_text("Another text.")
    assert run(first if where == "one reader" else readers()) == 1
    assert sum(request.method == "POST" for request in kimi.requests) == 1


async def test_works_inside_simple_directory_reader(reader: KimiFileReader, docs: Path) -> None:
    def directory() -> SimpleDirectoryReader:
        return SimpleDirectoryReader(
            str(docs),
            file_extractor=reader.file_extractor([".txt", ".md"]),
            required_exts=[".txt"],
            raise_on_error=True,
        )

    plain = directory().load_data()
    assert sorted(d.text for d in plain) == [f"Text number {number}. 月" for number in range(6)]
    assert plain[0].metadata["file_size"] > 0
    assert sorted(d.text for d in await directory().aload_data()) == sorted(d.text for d in plain)
    assert sorted(d.text for d in await directory().aload_data(num_workers=3)) == sorted(d.text for d in plain)


def test_file_extractor_names_every_supported_suffix(reader: KimiFileReader) -> None:
    extractor = reader.file_extractor()
    assert {".pdf", ".docx", ".xlsx", ".png"} <= extractor.keys()
    assert all(value is reader for value in extractor.values())


def test_reads_from_another_filesystem(reader: KimiFileReader) -> None:
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    memory.pipe("/box/a.txt", b"in memory")
    memory.pipe("/box/b.txt", b"also")
    assert [d.text for d in reader.load_data("/box/a.txt", fs=memory)] == ["in memory"]
    assert [d.text for d in reader.load_data("/box", fs=memory)] == ["in memory", "also"]


def test_a_pickle_holds_no_key_from_the_environment(
    kimi: Emulator, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOONSHOT_API_KEY", kimi.api_key)
    pickled = pickle.dumps(KimiFileReader(base_url=kimi.base_url))
    assert kimi.api_key.encode() not in pickled
    monkeypatch.delenv("MOONSHOT_API_KEY")
    with pytest.raises(KimiKeyError):
        pickle.loads(pickled).load_data(docs / "1.txt")


def test_the_key_is_in_no_dump(reader: KimiFileReader, kimi: Emulator) -> None:
    assert kimi.api_key not in f"{reader!r}{reader.to_dict()}{reader.to_json()}"


def test_repeated_event_loops_work_on_one_reader(reader: KimiFileReader, docs: Path) -> None:
    for _ in range(3):
        assert len(asyncio.run(reader.aload_data([docs / "1.txt", docs / "2.txt"]))) == 2


def test_bad_constructor_arguments_are_named(make_reader: Callable[..., KimiFileReader]) -> None:
    with pytest.raises(KimiInputError, match="num_workers"):
        make_reader(num_worker=3)


def test_sends_the_headers_it_is_given(kimi: Emulator) -> None:
    reader = KimiFileReader(base_url=kimi.base_url, api_key=kimi.api_key, default_headers={"X-Team": "archive"})
    assert "default_headers" not in reader.to_dict()
    (document,) = pickle.loads(pickle.dumps(reader)).load_data(b"hello", extra_info={"file_name": "a.txt"})
    assert document.text == "hello"
    assert {request.headers["x-team"] for request in kimi.requests} == {"archive"}
