"""KimiBlobParser: one document from a path, bytes or a string."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents.base import Blob
from pydantic import SecretStr

from kimi_api import KimiFileError, KimiInputError
from kimi_emulator import Emulator
from langchain_kimi import KimiBlobParser, KimiFileLoader
from langchain_kimi.errors import ChatKimiAuthenticationError


@pytest.fixture
def parser(kimi: Emulator) -> KimiBlobParser:
    return KimiBlobParser(base_url=kimi.base_url, api_key=kimi.api_key)


def sent_names(kimi: Emulator) -> list[Any]:
    """Names of uploads, without the piece of the content's hash by which a copy is known again."""
    return [re.sub(r"-[0-9a-f]{16}(?=\.)", "", r.form["filename"]) for r in kimi.requests if r.form]


def test_a_path(kimi: Emulator, parser: KimiBlobParser, tmp_path: Path) -> None:
    path = tmp_path / "b.txt"
    path.write_text("The tide turns at noon.", "utf-8")
    (document,) = parser.parse(Blob.from_path(path))
    assert "The tide turns at noon." in document.page_content
    (loaded,) = KimiFileLoader(path, base_url=kimi.base_url, api_key=kimi.api_key).load()
    assert document == loaded
    assert kimi.files == {}


@pytest.mark.parametrize(
    ("data", "more", "name"),
    [
        (b"# Tide", {"mime_type": "text/markdown"}, "blob.md"),
        (b"x,y\n1,2\n", {"mime_type": "text/csv; charset=utf-8"}, "blob.csv"),
        (b"# Tide", {"path": "notes/tide.md"}, "tide.md"),
        (b"# Tide", {"path": "notes/tide", "mime_type": "text/markdown"}, "tide.md"),
        ("Ebbe und Flut, 潮", {}, "blob.txt"),
        ("# Tide", {"mime_type": "text/markdown"}, "blob.md"),
        ("Ebbe", {"encoding": "utf-8", "path": "a.log"}, "a.log"),
    ],
)
def test_data_is_named_by_path_or_type(
    kimi: Emulator, parser: KimiBlobParser, data: Any, more: dict[str, str], name: str
) -> None:
    (document,) = parser.parse(Blob.from_data(data, **more))
    assert sent_names(kimi) == [name]
    assert document.metadata["file_name"] == name
    assert document.metadata["source"] == more.get("path", name)
    text = data if isinstance(data, str) else data.decode()
    assert text.splitlines()[0].strip("# ") in document.page_content


def test_every_type_we_name_is_one_the_platform_extracts() -> None:
    from kimi_api.files import SUPPORTED_SUFFIXES
    from langchain_kimi.document_parsers import _SUFFIXES

    assert set(_SUFFIXES.values()) <= SUPPORTED_SUFFIXES


def test_the_blobs_own_metadata_win(parser: KimiBlobParser) -> None:
    blob = Blob.from_data("Tide", metadata={"source": "https://kimi.example/tide", "title": "Tides", "page": 3})
    (document,) = parser.parse(blob)
    assert document.metadata["source"] == "https://kimi.example/tide"
    assert document.metadata["title"] == "Tides"
    assert document.metadata["page"] == 3
    assert document.metadata["size"] == 4
    assert blob.metadata == {"source": "https://kimi.example/tide", "title": "Tides", "page": 3}


def test_it_is_lazy(kimi: Emulator, parser: KimiBlobParser) -> None:
    documents = parser.lazy_parse(Blob.from_data("Tide"))
    assert kimi.requests == []
    next(documents)
    assert sent_names(kimi) == ["blob.txt"]


@pytest.mark.parametrize(
    ("blob", "message"),
    [
        (Blob.from_data(b"123"), r"3 bytes.*without MIME type.*mime_type='application/pdf'"),
        (Blob.from_data(b"123", mime_type="made/up"), r"MIME type 'made/up'"),
        (Blob.from_data(b"123", path="plain"), r"'plain'.*without MIME type"),
        (Blob.from_path("none/there.pdf"), r"there\.pdf.*cannot be read"),
        (Blob.from_data(""), r"blob\.txt.*empty"),
        (Blob(data=None, path=None), "without MIME type"),
        (Blob(data=None, path=None, mimetype="text/plain"), "neither data nor a path"),
    ],
)
def test_unusable_blobs_are_refused_before_anything_is_sent(
    kimi: Emulator, parser: KimiBlobParser, blob: Blob, message: str
) -> None:
    with pytest.raises(KimiInputError, match=message):
        parser.parse(blob)
    assert kimi.requests == []


def test_a_file_that_cannot_be_extracted_is_named(parser: KimiBlobParser) -> None:
    with pytest.raises(KimiFileError, match=r"broken\.pdf"):
        parser.parse(Blob.from_data(b"this is no pdf", path="broken.pdf"))


def test_a_wrong_key_is_noted_with_the_blob(kimi: Emulator) -> None:
    with pytest.raises(ChatKimiAuthenticationError) as caught:
        KimiBlobParser(base_url=kimi.base_url, api_key="sk-wrong").parse(Blob.from_data("Tide", path="tide.txt"))
    assert caught.value.__notes__ == ["while extracting tide.txt"]


def test_copies_can_be_kept_and_a_connection_lent(kimi: Emulator, parser: KimiBlobParser) -> None:
    KimiBlobParser(client=parser.client, delete_after=False).parse(Blob.from_data("Tide"))
    assert len(kimi.files) == 1


def test_changed_settings_are_followed(kimi: Emulator) -> None:
    with Emulator() as other:
        parser = KimiBlobParser(base_url=kimi.base_url, api_key=kimi.api_key)
        parser.parse(Blob.from_data("Tide"))
        parser.base_url, parser.api_key = other.base_url, SecretStr(other.api_key)
        parser.parse(Blob.from_data("Ebb"))
        assert (len(sent_names(kimi)), len(sent_names(other))) == (1, 1)


def test_a_blob_that_was_read_is_not_sent_again(kimi: Emulator, parser: KimiBlobParser) -> None:
    first, second = (parser.parse(Blob.from_data("# Tide", path=name)) for name in ("a.md", "b.md"))
    assert first[0].page_content == second[0].page_content
    assert len(sent_names(kimi)) == 1
