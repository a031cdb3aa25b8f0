"""What langchain-tests needs: an emulator, a picture, a PDF, a row in core's table of classes, a readable cassette."""

from __future__ import annotations

import importlib
import struct
import zlib
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import cassette_kit
import documents
import httpx
import pytest
from langchain_tests.integration_tests import chat_models
from vcr import VCR

from kimi_emulator import Emulator
from langchain_kimi import ChatKimi


@pytest.fixture(scope="session")
def _session_emulator() -> Iterator[Emulator]:
    # A fixed day, because models are retired: the suite is about the adapter, and shall pass next year too.
    with Emulator(today=date(2026, 11, 22)) as emulator:
        yield emulator


@pytest.fixture
def kimi(_session_emulator: Emulator) -> Emulator:
    _session_emulator.reset()
    return _session_emulator


# ------------------------------------------------------------------------------------------------- picture and document


def _png() -> bytes:
    """A red square of 32 by 32 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + b"\xff\0\0" * 32 for _ in range(32))
    header = struct.pack(">IIBBBBB", 32, 32, 8, 2, 0, 0, 0)
    image = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + image


@pytest.fixture(autouse=True)
def _files_without_the_web(monkeypatch: pytest.MonkeyPatch) -> None:
    """The suite fetches its picture from GitHub and its PDF from the W3C; any other address still meets the guard of
    tests/conftest.py.
    """
    fetch = httpx.get

    def get(url: str, **options: Any) -> httpx.Response:
        if url.startswith("https://raw.githubusercontent.com/langchain-ai/docs/") and url.endswith(".png"):
            return httpx.Response(200, content=_png())
        if url.startswith("https://www.w3.org/") and url.endswith("/dummy.pdf"):
            return httpx.Response(200, content=documents.pdf("Dummy PDF file"))
        return fetch(url, **options)

    monkeypatch.setattr(chat_models.httpx, "get", get)


# ------------------------------------------------------------------------------------------------- loading


@pytest.fixture(autouse=True)
def _listed_as_serializable(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row for ChatKimi in core's table of loadable classes, for `test_serdes` alone.

    That test loads with `allowed_objects="all"`, which means the classes in core's table. Programs pass
    `allowed_objects=[ChatKimi]` instead (tests/langchain_kimi/test_secrets.py), so the package leaves the table alone.
    """
    if getattr(request.node, "originalname", "") != "test_serdes":
        return
    # By its name: the package `langchain_core.load` has a function where the module would be.
    load = importlib.import_module("langchain_core.load.load")
    row = (*ChatKimi.get_lc_namespace(), "ChatKimi")
    monkeypatch.setitem(load.ALL_SERIALIZABLE_MAPPINGS, row, row)
    # What "all" stands for is computed once per process, and may have been computed without the row.
    monkeypatch.setattr(load, "_default_class_paths_cache", {})


# ------------------------------------------------------------------------------------------------- the cassette


def pytest_recording_configure(config: pytest.Config, vcr: VCR) -> None:
    """Cassettes of the suite look like those in `cassettes/`, and say where they come from."""
    vcr.register_serializer("readable", cassette_kit.ReadableSerializer(cassette_kit.emulator_origin()))


@pytest.fixture(scope="session")
def vcr_config() -> Mapping[str, Any]:
    """How `test_stream_time` records and plays.

    Its request goes to the emulator, whose port differs from run to run, so of the address only the path is compared. A
    missing cassette is an error; `pytest tests/standard -k stream_time --record-mode=once` makes one.
    """
    return {
        "serializer": "readable",
        "path_transformer": VCR.ensure_suffix(".yaml"),
        "match_on": ["method", "path", "body"],
        "allow_playback_repeats": True,
        "decode_compressed_response": True,
        "before_record_request": _as_platform,
    }


def _as_platform(request: Any) -> Any:
    request.uri = cassette_kit.PLATFORM.removesuffix("/v1") + request.path
    return request
