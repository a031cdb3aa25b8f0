"""KimiFileLoader: documents from files, directories and lists of both."""

from __future__ import annotations

from pathlib import Path

import pytest

from kimi_api import KimiInputError
from kimi_emulator import Emulator
from langchain_kimi import KimiFileLoader
from langchain_kimi.errors import ChatKimiAuthenticationError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "b.txt").write_text("The tide turns at noon.", "utf-8")
    (tmp_path / "a.md").write_text("# Häfen\n港口", "utf-8")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "c.csv").write_text("x,y\n1,2\n", "utf-8")
    (tmp_path / ".hidden.txt").write_text("no", "utf-8")
    (tmp_path / "clip.mp3").write_bytes(b"no text")
    return tmp_path


def loader(kimi: Emulator, source: object, **more: object) -> KimiFileLoader:
    return KimiFileLoader(source, base_url=kimi.base_url, api_key=kimi.api_key, **more)  # type: ignore[arg-type]


def test_metadata(kimi: Emulator, folder: Path) -> None:
    (document,) = loader(kimi, folder / "b.txt").load()
    metadata = document.metadata
    assert metadata["source"] == str(folder / "b.txt")
    assert metadata["file_name"] == "b.txt"
    assert metadata["size"] == 23
    assert len(metadata["sha256"]) == 64
    assert set(metadata) == {"source", "file_name", "file_type", "title", "size", "sha256"}


def test_a_directory_with_a_pattern(kimi: Emulator, folder: Path) -> None:
    assert [Path(d.metadata["source"]).name for d in loader(kimi, folder, glob="*.md").load()] == ["a.md"]


async def test_async_and_lists(kimi: Emulator, folder: Path) -> None:
    documents = [d async for d in loader(kimi, [folder / "sub", folder / "a.md"]).alazy_load()]
    assert [Path(d.metadata["source"]).name for d in documents] == ["c.csv", "a.md"]
    assert "港口" in documents[1].page_content


def test_it_is_lazy(kimi: Emulator, folder: Path) -> None:
    documents = loader(kimi, folder, max_concurrency=1).lazy_load()
    assert kimi.requests == []
    next(documents)
    uploads = [r for r in kimi.requests if r.form]
    assert [r.form["filename"][:2] for r in uploads if r.form] == ["a-"]  # with a piece of its hash


def test_errors_are_langchains_too(kimi: Emulator, folder: Path) -> None:
    with pytest.raises(ChatKimiAuthenticationError):
        KimiFileLoader(folder, base_url=kimi.base_url, api_key="sk-test-wrong").load()


def test_a_model_can_lend_its_connection(kimi: Emulator, folder: Path) -> None:
    from langchain_kimi import ChatKimi

    llm = ChatKimi(base_url=kimi.base_url, api_key=kimi.api_key)
    assert KimiFileLoader(folder / "b.txt", client=llm.client).load()


def test_choice_on_errors_is_checked(kimi: Emulator) -> None:
    with pytest.raises(KimiInputError, match="'raise' or 'warn'"):
        loader(kimi, "x.txt", on_error="ignore")


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.txt", ["b.txt"]),
        ("**/*", ["a.md", "b.txt", "c.csv"]),
        ("**/*.csv", ["c.csv"]),
        ("[ab].*", ["a.md", "b.txt"]),
    ],
)
def test_a_pattern(kimi: Emulator, folder: Path, pattern: str, names: list[str]) -> None:
    documents = loader(kimi, str(folder / pattern)).load()
    assert [document.metadata["file_name"] for document in documents] == names


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(kimi: Emulator, tmp_path: Path) -> None:
    (tmp_path / "a[1].txt").write_text("brackets")
    (tmp_path / "a1.txt").write_text("none")
    (document,) = loader(kimi, tmp_path / "a[1].txt").load()
    assert "brackets" in document.page_content


@pytest.mark.parametrize("more", [{}, {"glob": "*.docx"}])
def test_a_place_without_files_is_an_error_that_names_it(kimi: Emulator, tmp_path: Path, more: dict[str, str]) -> None:
    (tmp_path / "clip.mp3").write_bytes(b"no text")
    for source in (tmp_path, str(tmp_path / "*.mp3")):
        with pytest.raises(KimiInputError, match="it contains no file that can be extracted") as caught:
            loader(kimi, source, **more).load()
        assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_leaving_early_leaves_the_rest_unsent(kimi: Emulator, tmp_path: Path, asynchronous: bool) -> None:
    for n in range(20):
        (tmp_path / f"{n:02}.txt").write_text(f"file {n}")
    some = loader(kimi, tmp_path, max_concurrency=2)
    if asynchronous:
        stream = some.alazy_load()
        await anext(stream)
        await stream.aclose()
    else:
        lazy = some.lazy_load()
        next(lazy)
        lazy.close()
    assert len([r for r in kimi.requests if r.form]) <= 4
    assert kimi.files == {}
